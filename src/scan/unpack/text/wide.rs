//! Text of two bytes a character: whole files with a mark at their beginning, and runs among other bytes.

use std::ops::Range;

/// Characters of a run that is looked at.
const LEAST: usize = 24;

/// A text of ASCII characters, and where it stands.
pub(super) type Run = (Range<usize>, Vec<u8>);

/// The whole of a file that says that it is UTF-16.
pub(super) fn marked(bytes: &[u8]) -> Option<Vec<u8>> {
    let (is_little, rest) = match bytes {
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        _ => return None,
    };
    let (units, _) = rest.as_chunks::<2>();
    let unit = |pair: &[u8; 2]| if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
    let text: String = char::decode_utf16(units.iter().map(unit))
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Some(text.into_bytes())
}

/// Runs of printable characters with a zero behind each, or before each.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            // A letter with a zero on its other side may be of a run of the other order.
            let zero = memchr::memchr(0, bytes.get(at..)?)? + at;
            // Zeros in a row begin nothing but with the last of them.
            let zeros = bytes.get(zero..)?.iter().take_while(|byte| **byte == 0).count();
            if zeros > 2 {
                at = zero + zeros - 1;
                bytes.get(at + 1)?;
            }
            let zero = zero.max(at);
            let begin = zero.saturating_sub(1).max(at);
            let run =
                [begin, zero].into_iter().map(|begin| run(bytes, begin)).max_by_key(|run| run.1.len())?;
            at = run.0.end.max(zero + 1);
            if run.1.len() >= LEAST {
                return Some(run);
            }
        }
    })
}

fn run(bytes: &[u8], begin: usize) -> Run {
    let (pairs, _) = bytes.get(begin..).unwrap_or_default().as_chunks::<2>();
    let letter = |pair: &[u8; 2]| match *pair {
        [letter @ (b' '..=b'~' | b'\t' | b'\r' | b'\n'), 0]
        | [0, letter @ (b' '..=b'~' | b'\t' | b'\r' | b'\n')] => Some(letter),
        _ => None,
    };
    let text: Vec<u8> = pairs.iter().map_while(letter).collect();
    (begin..begin + 2 * text.len(), text)
}
