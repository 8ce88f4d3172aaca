//! How texts are written everywhere: escaped, cut, quoted, counted, and as JSON. And how words are looked for
//! in them.
//!
//! A sample chooses its names. They may hold control sequences that fake a verdict, characters that turn a
//! line round, quotes, or megabytes. Every renderer takes them through this module.
//!
//! Stands below everything else and knows nothing of modules, runs or reports.

mod escape;
#[cfg(feature = "analysis")]
mod json;
#[cfg(feature = "analysis")]
mod sought;
mod vocabulary;
mod words;

pub use escape::{clip, escape, line};
#[cfg(feature = "analysis")]
pub use json::{LEVELS, json_len, write_json, write_json_line};
#[cfg(feature = "analysis")]
pub(crate) use sought::Sought;
pub(crate) use vocabulary::vocabulary;
#[cfg(feature = "analysis")]
pub(crate) use vocabulary::{inline_schema, named, text_in_json};
pub(crate) use words::cut_at;
pub use words::{
    counted, cut, cut_counted, grouped, import_name, noun, percent, plural, quoted, share, some, some_within,
    thrown,
};
