//! What the driver itself put into a file: an editor writes what its host hands to it, and who calls it again
//! and again with something to write has written it.
//!
//! Such a file is not destroyed by the sample. Nor is it known what its host would have typed, so this
//! excuses no more than half of it.

use super::{damage::Damage, driver::handed_text, fs::FileChange, random::Random};

/// Letters that the driver hands over one after another.
const LETTERS: usize = 64;
/// Bytes in a row that are there because somebody handed them over.
const WINDOW: usize = 8;
/// Share of a file that is as it was or was handed over.
const HANDED: f64 = 0.9;
/// What survives of such a file, as far as anybody knows.
const EXCUSED: f64 = 0.5;

/// What the driver types, from the beginning again after the last. It depends on the seed, so that no sample
/// has it in its file.
pub(super) fn letters(seed: u64) -> [u8; LETTERS] {
    let mut letters = [0; LETTERS];
    Random::new(seed).fill(&mut letters);
    letters.map(|byte| b'a' + byte % 26)
}

/// Excuses what stands in the place of a file if the driver handed it over.
pub(super) fn excuse(damage: &mut Damage, before: &[u8], change: &FileChange, seed: u64) {
    if damage.is_overwritten && change.size_after.is_some() && is_handed(before, &change.contents, seed) {
        damage.survives = damage.survives.max(EXCUSED);
        (damage.is_blank, damage.is_garbled, damage.harm) = (false, false, None);
    }
}

/// Whether next to all that is new in a file was handed over by the driver.
fn is_handed(before: &[u8], after: &[u8], seed: u64) -> bool {
    let text = [&letters(seed)[..], &letters(seed)[..WINDOW], b"\0", &handed_text()[..]].concat();
    let mut is_new = vec![false; after.len()];
    for (at, window) in after.windows(WINDOW).enumerate() {
        let is_one = window.iter().all(u8::is_ascii_alphanumeric);
        if is_one && memchr::memmem::find(&text, window).is_some() {
            is_new[at..at + WINDOW].fill(true);
        }
    }
    let handed = is_new.iter().filter(|is_new| **is_new).count();
    let same = (0..after.len()).filter(|&at| !is_new[at] && before.get(at) == after.get(at)).count();
    handed >= 2 * WINDOW && (handed + same) as f64 >= HANDED * after.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_handed_over_and_what_a_sample_made_is_not() {
        let before = b"Dear all, the meeting is on Tuesday the fourth. Please bring figures of the quarter.";
        let typed: Vec<u8> = letters(7).iter().copied().cycle().take(200).collect();
        assert!(is_handed(before, &typed, 7));
        let mut partly = before.to_vec();
        partly[..30].copy_from_slice(&typed[..30]);
        assert!(is_handed(before, &partly, 7));
        assert!(is_handed(before, &handed_text(), 7));
        assert!(!is_handed(before, &typed, 8));
        for other in [&[b'x'; 84][..], b"", &before[1..], b"0123456789abcdef0123456789abcdef"] {
            assert!(!is_handed(before, other, 7));
        }
    }
}
