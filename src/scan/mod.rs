//! Batches: thousands of samples, each in a confined process of its own, with results that survive whatever
//! happens.
//!
//! ```text
//! files → walk ─┬→ unpack (worker) → modules ─┐
//!               └─────────────────────────────┴→ analyse (worker) → rows → store
//! ```
//!
//! [`coordinator`] hands files, and what is found in them, to worker processes ([`process`], [`worker`]). A
//! `nursery` forks them, [`confine`] confines them, and what they say is a [`message`]. They look into files
//! ([`unpack`]) and analyse samples ([`describe`], [`features`]). [`store`] keeps their rows, [`cluster`]
//! groups them. Several machines take a [`shard`] each, and [`merge`] makes one scan of theirs.
//! `docs/scan.md` describes tables and bounds. [`serve`] answers whoever hands samples over one by one, with
//! full reports.
//!
//! Not here: options, progress and the summary on a terminal (`cli`).

mod budget;
mod child;
pub mod cluster;
pub mod confine;
pub mod coordinator;
pub mod describe;
pub mod features;
pub mod frame;
mod limits;
pub mod merge;
pub mod message;
#[cfg(target_os = "linux")]
pub mod nursery;
mod order;
#[cfg(feature = "cli")]
pub mod overview;
pub mod process;
mod queue;
mod room;
pub mod rows;
pub mod serve;
pub mod shard;
pub mod sketch;
pub mod store;
pub mod summary;
pub mod unpack;
pub mod walk;
pub mod worker;
