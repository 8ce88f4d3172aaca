//! The sample hands out as much as was read from a file, in letters that look random.
//!
//! An exact search finds what was sent plain, in base64 or hexadecimal (`leak`). Under a key that changes
//! from letter to letter nothing of that is left. Three things are left: how many letters there are, how many
//! different ones, and that all are about equally frequent. Text is not.
//!
//! Costs one pass over what the calls point at, up to [`MAX_SENT`].

use std::{borrow::Cow, collections::BTreeMap};

use super::limits::MAX_SENT;
use super::{
    Correlation, CorrelationName, Sides, correlation,
    data::{called, gives_data, place, text_of},
    leak::{bytes, from_stdin},
};
use crate::{
    categories::known_as,
    sandbox::{self, Call, Pointed, Run},
    verdict::{
        text,
        weights::{Weighed, listed},
    },
};

/// Bytes read below which amounts agree by chance.
const LEAST_READ: u64 = 32;
/// Different letters of an alphabet that holds four to six bits.
const LETTERS: std::ops::RangeInclusive<usize> = 12..=64;
/// How much more often than in random letters two of them may be the same. In text it is 1.7 times.
const MOST_REPEATED: f64 = 1.25;
/// By how much the amounts may differ, and by how many bytes at least: names have a fixed length.
const TOLERANCE: f64 = 0.06;
const SLACK: f64 = 40.0;

/// What went out with one function.
#[derive(Default)]
struct Sent {
    first: usize,
    pieces: Vec<Vec<u8>>,
}

pub(super) fn read_then_recoded(facts: &Weighed<'_>) -> Option<Correlation> {
    let run = facts.run?;
    let reads = reads(facts, run);
    let first = *reads.keys().next()?;
    let mut room = MAX_SENT;
    let mut by_function: BTreeMap<(&str, &str), Sent> = BTreeMap::new();
    for (position, call) in run.calls.iter().enumerate().skip(first).filter(|(_, call)| sends(facts, call)) {
        let sent = by_function.entry((&call.module, &call.name)).or_default();
        sent.first = if sent.pieces.is_empty() { position } else { sent.first };
        for data in call.args.iter().filter_map(|arg| arg.points_at.as_ref()) {
            let mut letters = bytes(data);
            letters.truncate(letters.iter().position(|byte| *byte == 0).unwrap_or(letters.len()).min(room));
            room -= letters.len();
            sent.pieces.push(letters);
        }
    }
    let (sent, letters, read) = by_function.into_values().find_map(|sent| {
        let letters = Letters::of(&sent.pieces)?;
        let (_, read) = reads.range(..sent.first).find(|(_, read)| letters.hold(read.len))?;
        Some((sent, letters, read))
    })?;
    let sides = Sides {
        bytes: "what goes out stands nowhere in the file".into(),
        run: format!(
            "{} were read; {} of {} different ones, none of them rare, went out from {} on: as many as that takes",
            read.shown(),
            text::plural(letters.count as u64, "letter"),
            letters.different,
            called(run, sent.first)
        ),
    };
    let description = "as much as was read from a file goes out in an alphabet of its own";
    Some(correlation(CorrelationName::FileReadThenRecoded, 3, description, sides, place(facts, sent.first)))
}

/// Bytes of a file that were read.
pub(in crate::verdict) struct Read<'a> {
    pub(in crate::verdict) path: Cow<'a, str>,
    len: u64,
}

impl Read<'_> {
    pub(in crate::verdict) fn shown(&self) -> String {
        format!("{} of {}", text::plural(self.len, "byte"), text::quoted(&self.path))
    }
}

/// What each open file gave in all, by the last call that read it.
pub(in crate::verdict) fn reads<'r>(facts: &Weighed<'_>, run: &'r Run) -> BTreeMap<usize, Read<'r>> {
    let (mut reads, mut path, mut len) = (BTreeMap::new(), Cow::Borrowed(""), 0u64);
    let mut last = None;
    for (position, call) in run.calls.iter().enumerate().filter(|(_, call)| call.errno.is_none()) {
        let mut texts = call.args.iter().filter_map(|arg| text_of(arg.points_at.as_ref()?));
        let is_open = known_as(call).ends_with("open");
        if let Some(text) = texts.next().filter(|_| is_open) {
            (path, len, last) = (text, 0, None);
        } else if listed(&facts.weights.calls.read_file, known_as(call)) && !from_stdin(call) {
            let given = call.args.iter().filter_map(|arg| arg.points_at.as_ref());
            len = given.map(length).fold(len, u64::saturating_add);
            if let Some(before) = last.replace(position) {
                reads.remove(&before);
            }
            if len >= LEAST_READ {
                reads.insert(position, Read { path: path.clone(), len });
            }
        }
    }
    reads
}

fn length(data: &Pointed) -> u64 {
    match data {
        Pointed::Text { text } => text.len() as u64,
        Pointed::Bytes { len, .. } => *len,
        Pointed::Resource { .. } => 0,
    }
}

/// Whether a call takes what it is handed out of the sandbox.
fn sends(facts: &Weighed<'_>, call: &Call) -> bool {
    let is_local = sandbox::is_of_wasi(&call.module) && !known_as(call).starts_with("sock_");
    !is_local && call.errno.is_none() && !gives_data(facts, call)
}

/// The letters of what was sent, without what all pieces end with, such as a domain.
struct Letters {
    count: usize,
    different: usize,
}

impl Letters {
    fn of(pieces: &[Vec<u8>]) -> Option<Self> {
        let end = common_end(pieces);
        let mut counts = [0u64; 256];
        let heads = pieces.iter().filter_map(|piece| piece.get(..piece.len() - end));
        for byte in heads.flatten().filter(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte)) {
            counts[usize::from(*byte)] += 1;
        }
        let count: u64 = counts.iter().sum();
        let different = counts.iter().filter(|count| **count > 0).count();
        let same: f64 = counts.iter().map(|of| (*of as f64 / count as f64).powi(2)).sum();
        let is_random = same * different as f64 <= MOST_REPEATED;
        let is_enough = count >= 64 && LETTERS.contains(&different);
        (is_enough && is_random).then_some(Self { count: count as usize, different })
    }

    /// Whether so many letters hold so many bytes, no more and no fewer.
    fn hold(&self, bytes: u64) -> bool {
        let bits = (self.different as f64).log2().ceil();
        let held = self.count as f64 * bits / 8.0;
        (held - bytes as f64).abs() <= (TOLERANCE * bytes as f64).max(SLACK.min(bytes as f64 / 4.0))
    }
}

/// How many bytes all pieces end with, if there are several different ones.
fn common_end(pieces: &[Vec<u8>]) -> usize {
    let Some((first, rest)) = pieces.split_first() else { return 0 };
    if rest.iter().all(|piece| piece == first) {
        return 0;
    }
    let with = |piece: &Vec<u8>| {
        piece.iter().rev().zip(first.iter().rev()).take_while(|(one, other)| one == other).count()
    };
    rest.iter().map(with).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` letters of an alphabet of sixteen, as a keyed shift leaves them.
    fn keyed(bytes: &[u8]) -> Vec<u8> {
        let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        nibbles
            .zip(0u8..=255)
            .map(|(nibble, at)| b'a' + (nibble.wrapping_add(at.wrapping_mul(7)) & 15))
            .collect()
    }

    #[test]
    fn letters_under_a_moving_key_hold_what_was_read_and_text_holds_nothing() {
        let secret: Vec<u8> =
            b"-----BEGIN KEY-----".iter().chain(b"0123456789abcdefXYZ").copied().cycle().take(120).collect();
        let letters = keyed(&secret);
        let pieces: Vec<Vec<u8>> =
            letters.chunks(60).map(|piece| [piece, b".example.invalid"].concat()).collect();
        let found = Letters::of(&pieces).expect("random letters");
        assert_eq!((found.count, found.different), (240, 16));
        assert!(found.hold(120) && !found.hold(60) && !found.hold(240));
        let text = b"The names of hosts that somebody looks up are words, and words have letters that are frequent and rare.";
        assert!(Letters::of(&[text.to_vec()]).is_none());
        assert!(Letters::of(&vec![b"api.example.invalid".to_vec(); 50]).is_none());
    }
}
