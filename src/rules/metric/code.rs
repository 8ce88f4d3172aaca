//! Metrics of the bytes.

use crate::{
    module::{
        sections,
        view::{Classes, CryptoClass, Function},
    },
    rules::limits::{MAX_MODULES, MAX_SECTIONS},
};

use super::{Index, MINING, Subject, bits, share, windows};

/// A number of the file or of a function.
fn either(
    index: &Index<'_>,
    subject: Subject<'_>,
    file: impl Fn(&Index<'_>) -> f64,
    function: impl Fn(&Function) -> f64,
) -> Option<f64> {
    match subject {
        Subject::File => Some(file(index)),
        Subject::Function(of) => Some(function(of)),
        _ => None,
    }
}

fn of_file(subject: Subject<'_>, value: impl FnOnce() -> f64) -> Option<f64> {
    matches!(subject, Subject::File).then(value)
}

/// A number of the classes of instructions.
fn of_classes(index: &Index<'_>, subject: Subject<'_>, value: fn(&Classes) -> f64) -> Option<f64> {
    either(index, subject, |index| value(&index.facts.view.classes), |function| value(&function.classes))
}

/// The greatest number of a function; of the file, of all its functions.
fn greatest(index: &Index<'_>, subject: Subject<'_>, value: fn(&Function) -> u32) -> Option<f64> {
    let file = |index: &Index<'_>| f64::from(index.facts.view.functions.iter().map(value).max().unwrap_or(0));
    either(index, subject, file, |function| f64::from(value(function)))
}

/// A number of a function; of the file, the sum.
fn sum(index: &Index<'_>, subject: Subject<'_>, value: impl Fn(&Function) -> u64) -> Option<f64> {
    let file =
        |index: &Index<'_>| index.facts.view.functions.iter().map(&value).fold(0, u64::saturating_add) as f64;
    either(index, subject, file, |function| value(function) as f64)
}

pub(super) fn file_size(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || index.facts.view.file.size as f64)
}

pub(super) fn file_entropy(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || index.facts.view.file.entropy)
}

pub(super) fn functions(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || index.facts.view.functions.len() as f64)
}

pub(super) fn imports(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || index.facts.view.imports.len() as f64)
}

pub(super) fn exports(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || index.facts.view.exports.len() as f64)
}

pub(super) fn code_size(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    sum(index, subject, |function| u64::from(function.size))
}

pub(super) fn data_size(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || data_bytes(index) as f64)
}

pub(super) fn data_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || share(data_bytes(index), index.facts.view.file.size))
}

fn data_bytes(index: &Index<'_>) -> u64 {
    index.facts.view.data.iter().map(|segment| segment.size).fold(0, u64::saturating_add)
}

/// Bytes below which entropy says little.
const LEAST: u64 = 256;
/// Entropy that compressed or encrypted bytes have, and code and tables have not.
const DENSE: f64 = 7.2;

pub(super) fn data_entropy_max(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let segments = index.facts.view.data.iter().filter(|segment| segment.size >= LEAST);
    of_file(subject, || segments.map(|segment| segment.entropy).fold(0.0, f64::max))
}

pub(super) fn dense_data_size(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let dense =
        index.facts.view.data.iter().filter(|segment| segment.size >= LEAST && segment.entropy >= DENSE);
    of_file(subject, || dense.map(|segment| segment.size).fold(0, u64::saturating_add) as f64)
}

pub(super) fn dense_custom_size(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let sections = index.facts.view.sections.iter();
    let dense =
        sections.filter(|section| section.is_custom && section.size >= LEAST && section.entropy >= DENSE);
    of_file(subject, || dense.map(|section| section.size).fold(0, u64::saturating_add) as f64)
}

pub(super) fn memory_pages(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || {
        index.facts.view.memories.iter().map(|memory| memory.initial).fold(0, u64::saturating_add) as f64
    })
}

pub(super) fn dead_functions(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || index.facts.view.calls.dead.len() as f64)
}

pub(super) fn dead_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let view = index.facts.view;
    of_file(subject, || share(view.calls.dead.len() as u64, view.functions.len() as u64))
}

pub(super) fn unreachable(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    sum(index, subject, |function| u64::from(function.unreachable))
}

pub(super) fn instructions(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| classes.total as f64)
}

pub(super) fn xor(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| classes.xor as f64)
}

pub(super) fn xor_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| share(classes.xor, classes.total))
}

pub(super) fn bit_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| share(bits(classes), classes.total))
}

pub(super) fn indirect_calls(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| classes.indirect_call as f64)
}

pub(super) fn indirect_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| share(classes.indirect_call, classes.total))
}

pub(super) fn tail_calls(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| classes.tail_call as f64)
}

pub(super) fn nop_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_classes(index, subject, |classes| share(classes.nop, classes.total))
}

pub(super) fn nop_run_max(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    greatest(index, subject, |function| function.nop_run)
}

pub(super) fn mining_windows(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    sum(index, subject, |function| windows(&function.signatures, MINING))
}

pub(super) fn mining_window_share(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let Subject::Function(function) = subject else { return None };
    Some(share(windows(&function.signatures, MINING), function.classes.total))
}

pub(super) fn hash_windows(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    sum(index, subject, |function| windows(&function.signatures, &[]))
}

pub(super) fn cyclomatic(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    greatest(index, subject, |function| function.cyclomatic)
}

pub(super) fn loop_depth(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    greatest(index, subject, |function| function.loops.iter().map(|of| of.depth).max().unwrap_or(0))
}

pub(super) fn loops(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    sum(index, subject, |function| function.loops.len() as u64)
}

pub(super) fn crypto_algorithms(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || algorithms(index, &[]))
}

pub(super) fn crypto_hashes(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_file(subject, || algorithms(index, &[CryptoClass::Hash, CryptoClass::Mining]))
}

/// Algorithms of the given classes, or of all.
fn algorithms(index: &Index<'_>, classes: &[CryptoClass]) -> f64 {
    let fits = |class: &CryptoClass| classes.is_empty() || classes.contains(class);
    let found = index.facts.view.crypto.iter().filter(|constant| fits(&constant.class));
    found.map(|constant| constant.algorithm.as_str()).collect::<std::collections::BTreeSet<_>>().len() as f64
}

/// Whether a module is the form in which tools pass on the types of a component: an empty function beside a
/// section of that name.
fn describes_types(module: &[u8]) -> bool {
    const NAME: &[u8] = b"component-type";
    const EMPTY_CODE: &[u8] = &[1, 2, 0, 0x0b];
    let bodies = sections(module).take(MAX_SECTIONS).filter_map(|range| module.get(range));
    let is_name = |body: &[u8]| body.get(1..).is_some_and(|rest| rest.starts_with(NAME));
    let (mut is_empty, mut is_named) = (false, false);
    for body in bodies {
        is_empty |= body == EMPTY_CODE;
        is_named |= is_name(body);
    }
    is_empty && is_named
}

/// The magic number alone is in whatever reads or writes modules.
pub(super) fn embedded_modules(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    let wasm = index.facts.wasm;
    let is_module = |at: &usize| {
        let is_program = |rest: &[u8]| sections(rest).take(2).count() == 2 && !describes_types(rest);
        wasm.get(*at..).is_some_and(is_program)
    };
    of_file(subject, || match wasm.starts_with(MODULE) {
        true => {
            memchr::memmem::find_iter(wasm, MODULE).skip(1).take(MAX_MODULES).filter(is_module).count() as f64
        }
        // The modules of a component are its parts.
        false => 0.0,
    })
}
