//! Data read from a file and given to a function that sends.
//!
//! The bytes that a read gave are kept as blocks of [`BLOCK`] bytes, and what a send got is searched for
//! them. The cost is linear in what the calls point at, up to [`MAX_BLOCKS`] and [`MAX_SENT`]. The
//! description says when there was more. Blocks of few different bytes say nothing.
//!
//! What was sent is searched as it is, and decoded if it is base64 or hexadecimal.
//!
//! Not here: data that was encrypted between read and send; a trace of control flow does not hold that.

use std::collections::{BTreeSet, HashMap};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::limits::{MAX_BLOCKS, MAX_SENT};
use super::{
    Correlation, CorrelationName, Sides, correlation,
    data::{called, place},
};
use crate::{
    categories::{known_as, standard_stream},
    sandbox::{Call, Pointed, Run},
    verdict::{
        text,
        weights::{Weighed, listed},
    },
};

/// Bytes that must agree.
const BLOCK: usize = 8;
/// Different bytes in a block that is kept.
const MIN_VARIETY: usize = 4;

/// What was read, by block: the call that read it first.
#[derive(Default)]
struct Read {
    blocks: HashMap<[u8; BLOCK], usize>,
    searched: usize,
    cut: bool,
}

pub(super) fn read_then_sent(facts: &Weighed<'_>) -> Option<Correlation> {
    let run = facts.run?;
    let calls = &facts.weights.calls;
    let imports = |names: &[String]| {
        let found =
            facts.view.imports.iter().filter(|import| import.func.is_some() && listed(names, &import.name));
        text::some(found.map(|import| text::quoted(&text::import_name(&import.module, &import.name))), 3)
    };
    let (reads, sends) = (imports(&calls.read_file), imports(&calls.send));
    if reads.is_empty() || sends.is_empty() {
        return None;
    }
    let (read, sent, cut) = pair(facts, run)?;
    let sides = Sides {
        bytes: format!("it imports {reads} and {sends}"),
        run: format!("what {} read went out with {}", called(run, read), called(run, sent)),
    };
    let note = if cut { " (only part of the data was compared)" } else { "" };
    let places = [read, sent].into_iter().filter_map(|call| place(facts, call));
    Some(correlation(
        CorrelationName::FileReadThenSent,
        3,
        &format!("what was read from a file is sent{note}"),
        sides,
        places,
    ))
}

/// The first send of something that was read, the read before it, and whether something was left out.
fn pair(facts: &Weighed<'_>, run: &Run) -> Option<(usize, usize, bool)> {
    let calls = &facts.weights.calls;
    let (mut read, asked) = (Read::default(), run.first_unasked());
    for (position, call) in run.calls.iter().enumerate() {
        let name = known_as(call);
        if listed(&calls.read_file, name) && call.errno.is_none() && !from_stdin(call) && position >= asked {
            call.args
                .iter()
                .filter_map(|arg| arg.points_at.as_ref())
                .for_each(|data| read.keep(&bytes(data), position));
        } else if listed(&calls.send, name) && call.errno.is_none() {
            let source = call
                .args
                .iter()
                .filter_map(|arg| arg.points_at.as_ref())
                .find_map(|data| read.find_decoded(&bytes(data)));
            if let Some(source) = source {
                return Some((source, position, read.cut));
            }
        }
    }
    None
}

impl Read {
    fn keep(&mut self, data: &[u8], call: usize) {
        for block in data.as_chunks::<BLOCK>().0 {
            if self.blocks.len() >= MAX_BLOCKS {
                self.cut = true;
                return;
            }
            if block.iter().collect::<BTreeSet<_>>().len() >= MIN_VARIETY {
                self.blocks.entry(*block).or_insert(call);
            }
        }
    }

    fn find_decoded(&mut self, data: &[u8]) -> Option<usize> {
        self.find(data).or_else(|| decoded(data).iter().find_map(|data| self.find(data)))
    }

    fn find(&mut self, data: &[u8]) -> Option<usize> {
        self.searched = self.searched.saturating_add(data.len());
        if self.searched > MAX_SENT {
            self.cut = true;
            return None;
        }
        data.array_windows::<BLOCK>().find_map(|block| self.blocks.get(block).copied())
    }
}

/// The words of `data` that are base64 or hexadecimal, decoded; in base64 the last, incomplete group is left
/// out.
fn decoded(data: &[u8]) -> Vec<Vec<u8>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let words = data.split(|byte| !is_digit(byte)).filter(|word| word.len() >= 2 * BLOCK);
    let whole = |word: &[u8]| word.as_chunks::<4>().0.as_flattened().to_vec();
    let hex = |word: &[u8]| word.as_chunks::<2>().0.iter().map(byte).collect::<Option<Vec<_>>>();
    words.flat_map(|word| [STANDARD_NO_PAD.decode(whole(word)).ok(), hex(word)]).flatten().collect()
}

pub(super) fn from_stdin(call: &Call) -> bool {
    standard_stream(call) == Some(0)
}

pub(super) fn bytes(data: &Pointed) -> Vec<u8> {
    match data {
        Pointed::Text { text } => text.clone().into_bytes(),
        Pointed::Bytes { hex, .. } => hex.as_bytes().as_chunks::<2>().0.iter().filter_map(byte).collect(),
        Pointed::Resource { .. } => Vec::new(),
    }
}

fn byte(digits: &[u8; 2]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
