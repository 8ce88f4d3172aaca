//! The libraries whose functions are in a sample, and how much of the run was spent in them. The rest is the
//! sample's own, or of a library that nobody knows.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::view::View,
    passes::Dynamic,
    text::{percent, plural, share},
};

/// A library by the fingerprints of its functions. Fingerprints can be imitated: no part of the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct LibraryReport {
    /// The library: `C library`, `Rust std`.
    pub name: &'static str,
    /// Its functions in the sample.
    pub functions: u64,
    /// Bytes of their code.
    pub bytes: u64,
    /// Those that ran.
    pub functions_run: u64,
    /// Instructions that ran in them.
    pub instructions: u64,
}

/// The libraries of a sample, where most of the run was spent first.
pub(super) fn of(view: &View, dynamic: &Dynamic) -> Vec<LibraryReport> {
    let mut found: BTreeMap<&'static str, LibraryReport> = BTreeMap::new();
    for function in &view.functions {
        let Some(library) = function.library else { continue };
        let empty =
            LibraryReport { name: library.of, functions: 0, bytes: 0, functions_run: 0, instructions: 0 };
        let one = found.entry(library.of).or_insert(empty);
        one.functions += 1;
        one.bytes += u64::from(function.size);
    }
    for ran in &dynamic.functions {
        let library = view.function(ran.index).and_then(|function| function.library);
        let Some(one) = library.and_then(|library| found.get_mut(library.of)) else { continue };
        one.functions_run += 1;
        one.instructions = one.instructions.saturating_add(ran.classes.total);
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|one| (Reverse(one.instructions), Reverse(one.functions), one.name));
    found
}

/// The libraries in words, each with its share of a run of so many instructions, and what is left.
pub(super) fn words(libraries: &[LibraryReport], instructions: u64) -> Option<String> {
    let of_run = |part| percent(share(part, instructions));
    let one = |one: &LibraryReport| {
        let functions = plural(one.functions, "function");
        format!("{} {functions} ({} of the run)", one.name, of_run(one.instructions))
    };
    let known: u64 = libraries.iter().map(|one| one.instructions).sum();
    let listed: Vec<_> = libraries.iter().map(one).collect();
    let rest = of_run(instructions.saturating_sub(known));
    let rest = format!("the rest, {rest} of the run, is its own or unknown");
    (!listed.is_empty()).then(|| format!("{}, by fingerprint; {rest}", listed.join(", ")))
}
