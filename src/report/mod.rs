//! Reports: an [`Analysis`](crate::analysis::Analysis) as text, JSON, SARIF, CSV, graphs and coverage files.
//! Same analysis, same bytes.
//!
//! [`Report`] holds everything in the shape of the JSON; the other formats are written from it. Texts that a
//! sample chose (names, strings, paths) go through [`escape`](crate::text::escape) on every way out.
//!
//! Not here: files, terminals and options (`cli`).

pub mod capa;
pub mod chrome;
mod contents;
pub mod coverage;
pub mod csv;
mod cut;
mod cut_names;
pub mod diff;
pub mod dot;
pub mod folded;
mod grown;
#[cfg(feature = "cli")]
pub mod html;
pub mod indicators;
mod json;
mod known;
pub mod lcov;
mod leftovers;
mod libraries;
mod limits;
pub mod misp;
mod names;
pub mod ndjson;
mod options;
mod persona;
mod placed;
pub mod pprof;
pub mod sarif;
pub mod speedscope;
pub mod stix;
#[cfg(feature = "cli")]
pub mod text;
mod time;
mod timeline;
mod uuid;
#[cfg(feature = "cli")]
mod why;

pub use contents::Contents;
pub use cut::Shortened;
pub use json::{
    Carved, ConnectionReport, EntryReport, Fabricated, FileReport, HostCallReport, Report, SCHEMA,
    SampleReport, Subject, Tool, schema, status,
};
pub use known::{Known, KnownError};
pub use leftovers::{Leftover, LeftoverKind, leftovers};
pub use libraries::LibraryReport;
pub use names::{GHIDRA_BASE, Names, ghidra, location, source};
pub use options::{Exact, LimitsUsed, OptionsError, OptionsUsed, options_used};
pub use persona::{PersonaContents, PersonaDrive, PersonaFile, PersonaPeer, PersonaSocket};
pub use timeline::TimelineEntry;
#[cfg(feature = "cli")]
pub(crate) use why::{Why, marks as rule_marks, severity};

#[cfg(test)]
mod tests;
