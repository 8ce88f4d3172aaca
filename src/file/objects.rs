//! The objects of a file, read and checked: header, sample, links, outcome. A part that is missing or is none
//! is noted as damage.

use super::limits::{BESIDE_OPTIONS, MAX_HEADER, MAX_LINKS, MAX_OUTCOME, MAX_SAMPLE};
use super::{
    contents::{Header, Links, Outcome},
    decode::Budget,
    frame::ChunkKind,
    reader::Reader,
    wire::{self, Stored, later},
};
use crate::sandbox::RunOptions;

/// Options that a trace file has no room for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the files, the standard input and the other options of the run take {given} bytes; a trace file holds \
     {most} of them"
)]
#[non_exhaustive]
pub struct OptionsTooLarge {
    /// Bytes that they take.
    pub given: usize,
    /// Bytes that there is room for.
    pub most: usize,
}

/// Whether a file can hold these options.
///
/// # Errors
///
/// If they are too large: a file with them could be written and not be read.
pub fn check_options(options: &RunOptions) -> Result<(), OptionsTooLarge> {
    let most = MAX_HEADER - BESIDE_OPTIONS;
    // Options that cannot be written take more than there is room for.
    let bytes = wire::to_bytes(options.clone()).map_err(|_| OptionsTooLarge { given: usize::MAX, most })?;
    let fits = bytes.len() <= most && whole::<RunOptions>(&bytes, &Budget::of(most)).is_some();
    fits.then_some(()).ok_or(OptionsTooLarge { given: bytes.len(), most })
}

/// Whether a file can hold this outcome, as it is written.
///
/// # Errors
///
/// In words, if it is too large.
pub(super) fn check_outcome(bytes: &[u8]) -> Result<(), String> {
    // A byte stands for a list's element of less than so many.
    let is_small = bytes.len() <= MAX_OUTCOME / 1024;
    let fits =
        is_small || bytes.len() <= MAX_OUTCOME && whole::<Outcome>(bytes, &Budget::of(MAX_OUTCOME)).is_some();
    let given = bytes.len();
    fits.then_some(()).ok_or_else(|| {
        format!(
            "what came of the run takes {given} bytes; a trace file holds {MAX_OUTCOME} of them in memory"
        )
    })
}

/// An object. What follows it came after version 1.
fn whole<T: Stored>(bytes: &[u8], budget: &Budget) -> Option<T> {
    wire::read(bytes, budget).map(|(thing, _)| thing)
}

/// The bytes of a header, and of those of its options that version 1 has not.
pub(super) fn header_to_bytes(header: Header) -> postcard::Result<Vec<u8>> {
    let mut more = Vec::new();
    later::append(later::OPTIONS, &header.options, &mut more)?;
    let mut bytes = wire::to_bytes(header)?;
    bytes.append(&mut more);
    Ok(bytes)
}

/// The bytes of an outcome, and of what version 1 has not.
pub(super) fn outcome_to_bytes(outcome: Outcome) -> postcard::Result<Vec<u8>> {
    let mut more = Vec::new();
    if let Outcome::Ran(rest) = &outcome {
        later::append(later::REST, rest, &mut more)?;
    }
    let mut bytes = wire::to_bytes(outcome)?;
    bytes.append(&mut more);
    Ok(bytes)
}

/// An outcome of its bytes. Variants that came after version 1 and are not known say nothing that matters for
/// it, but one that is too large is none.
fn outcome_of_bytes(bytes: &[u8], budget: &Budget) -> Option<Outcome> {
    let (mut outcome, after) = wire::read::<Outcome>(bytes, budget)?;
    if let Outcome::Ran(rest) = &mut outcome {
        _ = later::read(later::REST, after, rest, budget);
    }
    (!budget.is_spent()).then_some(outcome)
}

/// A header of its bytes.
fn header_of_bytes(bytes: &[u8]) -> Option<Header> {
    let budget = Budget::of(MAX_HEADER);
    let (mut header, after) = wire::read::<Header>(bytes, &budget)?;
    header.unknown_options = later::read(later::OPTIONS, after, &mut header.options, &budget)?;
    Some(header)
}

/// The header; that it is missing is noted.
pub(super) fn header(reader: &Reader) -> Option<Header> {
    let header = reader.object(ChunkKind::Header, MAX_HEADER).and_then(|bytes| header_of_bytes(&bytes));
    if header.is_none() {
        reader.note(
            None,
            Some(ChunkKind::Header),
            "the header is missing or damaged: it is not known how the sample was run".into(),
        );
    }
    header
}

/// The sample in the binary format; `None` if it is missing or damaged.
pub(super) fn sample(reader: &Reader) -> Option<Vec<u8>> {
    reader.object(ChunkKind::Sample, MAX_SAMPLE)
}

/// What keys mean; that it is missing is noted.
pub(super) fn links(reader: &Reader) -> Option<Links> {
    let links =
        reader.object(ChunkKind::Links, MAX_LINKS).and_then(|bytes| whole(&bytes, &Budget::of(MAX_LINKS)));
    if links.is_none() {
        reader.note(
            None,
            Some(ChunkKind::Links),
            "it is not known which function is which: the links are missing or damaged".into(),
        );
    }
    links
}

/// What came of the run. `None` if the run did not come to its end, which is no damage, or the outcome is
/// damaged, which is noted.
pub(super) fn outcome(reader: &Reader) -> Option<Outcome> {
    let bytes = reader.object(ChunkKind::Outcome, MAX_OUTCOME)?;
    let budget = Budget::of(MAX_OUTCOME);
    let outcome = outcome_of_bytes(&bytes, &budget);
    if outcome.is_none() {
        let what = match budget.is_spent() {
            true => format!("the outcome takes more than {MAX_OUTCOME} bytes of memory"),
            false => "the outcome is not what this program writes".into(),
        };
        reader.note(None, Some(ChunkKind::Outcome), what);
    }
    outcome
}
