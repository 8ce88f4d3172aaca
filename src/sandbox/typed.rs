//! Letters that the driver itself put into a file. An editor writes what its host hands to it: a caller that
//! comes again and again with something to write has written it.
//!
//! Such a file is not destroyed by the sample. Nor is it known what its host would have typed, so half of it
//! counts as gone, which forbids `CLEAN`. The seed decides what is typed: no sample can have it with it.

use std::collections::HashSet;

use super::{damage::Damage, fs::FileChange, limits::DAMAGE_ORDERED, random::Random};

/// Letters that the driver hands over one after another.
const LETTERS: usize = 64;
/// Letters in a row that are there because somebody typed them.
const WINDOW: usize = 8;
/// Share of a file that is as it was or was typed.
const TYPED_SHARE: f64 = 0.9;
/// What survives of such a file, as far as anybody knows.
const EXCUSED: f64 = 0.5;

/// What the driver types, from the beginning again after the last. It depends on the seed, so that no sample
/// has it in its file.
pub(super) fn letters(seed: u64) -> [u8; LETTERS] {
    let mut letters = [0; LETTERS];
    Random::new(seed).fill(&mut letters);
    letters.map(|byte| b'a' + byte % 26)
}

/// Excuses what destroyed a file if it was typed: what survives of it is not known then, and may be half.
pub(super) fn excuse(damage: &mut Damage, before: &[u8], change: &FileChange, seed: u64) {
    let is_one = damage.is_destroyed() && damage.is_overwritten && change.size_after.is_some();
    if is_one && is_typed(before, &change.contents, seed) {
        (damage.survives, damage.is_measured) = (EXCUSED, false);
        (damage.is_blank, damage.is_garbled, damage.harm) = (false, false, None);
    }
}

/// Whether nearly all that is new in a file was typed. Case does not count, and zeros or ends of lines may
/// stand between. In a file of more than [`DAMAGE_ORDERED`] bytes it was not: nobody types as much.
fn is_typed(before: &[u8], after: &[u8], seed: u64) -> bool {
    if after.len() > DAMAGE_ORDERED {
        return false;
    }
    let text: Vec<u8> = letters(seed).into_iter().cycle().take(LETTERS + WINDOW).collect();
    let typed: HashSet<&[u8]> = text.windows(WINDOW).collect();
    let is_between = |byte: u8| matches!(byte, 0 | b'\r' | b'\n');
    let places: Vec<u32> =
        (0..).zip(after).filter(|(_, byte)| !is_between(**byte)).map(|(at, _)| at).collect();
    let kept: Vec<u8> = after.iter().filter(|byte| !is_between(**byte)).map(u8::to_ascii_lowercase).collect();
    let mut is_new = vec![false; after.len()];
    for (window, places) in kept.windows(WINDOW).zip(places.windows(WINDOW)) {
        if typed.contains(window) {
            places.iter().for_each(|&place| is_new[place as usize] = true);
        }
    }
    for (at, &byte) in after.iter().enumerate().skip(1) {
        is_new[at] |= is_between(byte) && is_new[at - 1];
    }
    let typed = is_new.iter().filter(|is_new| **is_new).count();
    let same = (0..after.len()).filter(|&at| !is_new[at] && before.get(at) == after.get(at)).count();
    typed >= 2 * WINDOW && (typed + same) as f64 >= TYPED_SHARE * after.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_told_from_what_a_sample_made() {
        let before = b"Dear all, the meeting is on Tuesday the fourth. Please bring figures of the quarter.";
        let typed: Vec<u8> = letters(7).iter().copied().cycle().take(200).collect();
        assert!(is_typed(before, &typed, 7));
        let mut partly = before.to_vec();
        partly[..30].copy_from_slice(&typed[..30]);
        assert!(is_typed(before, &partly, 7));
        let lines: Vec<u8> = typed.iter().flat_map(|byte| [*byte, b'\n']).collect();
        assert!(is_typed(before, &typed.to_ascii_uppercase(), 7) && is_typed(before, &lines, 7));
        assert!(!is_typed(before, &typed, 8));
        for other in [&[b'x'; 84][..], b"", &before[1..], b"0123456789abcdef0123456789abcdef"] {
            assert!(!is_typed(before, other, 7));
        }
        let long: Vec<u8> = letters(7).iter().copied().cycle().take(DAMAGE_ORDERED + 1).collect();
        assert!(is_typed(before, &long[..1 << 16], 7) && !is_typed(before, &long, 7));
    }
}
