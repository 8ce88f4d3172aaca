//! Pictures and sounds whose format keeps one number after another as it is: an editor that makes them
//! brighter or louder changes every byte. So does a cipher, after which no number is near to those before it.
//!
//! What a change of all numbers means nobody knows, so half of such a file counts as gone.

use super::super::{fs::FileChange, limits::DAMAGE_ORDERED};
use crate::module::view::entropy;

/// Bytes that say of which size and kind such a file is.
const HEAD: usize = 44;
/// Bits a byte of the steps between numbers up to which they do not look random, and by how many they may
/// grow.
const PLAIN: f64 = 6.5;
const GROWN: f64 = 1.0;
/// Bytes from a number to the next of its kind: a channel of a picture or a sound.
const STEPS: [usize; 4] = [1, 2, 3, 4];
/// Bits a byte below which next to nothing is there.
const BLANK: f64 = 1.0;

/// Whether the numbers of a picture or a sound were changed in their place, and look as much like one.
pub(super) fn are_edited(change: &FileChange, before: &[u8]) -> bool {
    let after = &change.contents[..];
    is_plain_format(before)
        && change.size_after == Some(before.len() as u64)
        && after.len() == before.len()
        && before.get(..HEAD) == after.get(..HEAD)
        && entropy(after) >= BLANK
        && roughness(after) <= PLAIN.min(roughness(before) + GROWN)
}

/// How much the steps between numbers of a kind vary: bits a byte.
fn roughness(bytes: &[u8]) -> f64 {
    let bytes = bytes.get(..DAMAGE_ORDERED).unwrap_or(bytes);
    let of = |step: usize| {
        let steps = bytes.iter().zip(bytes.iter().skip(step)).map(|(one, next)| next.wrapping_sub(*one));
        entropy(&steps.collect::<Vec<_>>())
    };
    STEPS.into_iter().map(of).fold(f64::MAX, f64::min)
}

/// Whether contents are a bitmap, a netpbm or a WAVE file.
fn is_plain_format(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..]
            | [b'P', b'5' | b'6', b'\n' | b' ', ..]
            | [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..]
    )
}
