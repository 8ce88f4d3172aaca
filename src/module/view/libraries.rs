//! Functions of well-known libraries, found in stripped modules by their [`Fingerprint`].
//!
//! The table is looked into as it stands, since most starts of the program ask for a few functions that are
//! in no library:
//!
//! ```text
//! n                the number of fingerprints, four bytes, lowest first
//! n x six bytes    the fingerprints, ascending, highest byte first
//! n x two bytes    of each the number of its name, lowest first
//! the rest         the names, packed with zstd: a line of library, tab, name for each
//! ```
//!
//! `examples/libraries.rs` makes it from packages that carry names (`.ci/libraries`,
//! [static-view.md](../../../docs/static-view.md)). It holds names and hashes, and no code.
//!
//! Not here: what a name counts for. It counts for nothing: whoever writes a sample can copy a function.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Serialize;

use super::{fingerprint::Fingerprint, limits::LIBRARIES_TEXT};

/// A function of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Library {
    /// The library: `C library`, `Rust std`.
    pub of: &'static str,
    /// The name of the function there.
    pub name: &'static str,
}

const FILE: &[u8] = include_bytes!("../../../rules/libraries.bin");

/// The parts of the table.
struct Table {
    hashes: &'static [[u8; 6]],
    numbers: &'static [[u8; 2]],
    names: &'static [u8],
}

impl Table {
    fn of(file: &'static [u8]) -> Option<Self> {
        let (&count, rest) = file.split_first_chunk()?;
        let count = u32::from_le_bytes(count) as usize;
        let (hashes, rest) = rest.split_at_checked(count * 6)?;
        let (numbers, names) = rest.split_at_checked(count * 2)?;
        Some(Self { hashes: hashes.as_chunks().0, numbers: numbers.as_chunks().0, names })
    }

    /// The number of the name of a fingerprint.
    fn number(&self, fingerprint: u64) -> Option<u16> {
        let &[0, 0, ref hash @ ..] = &fingerprint.to_be_bytes() else { return None };
        let at = self.hashes.binary_search(hash).ok()?;
        Some(u16::from_le_bytes(self.numbers[at]))
    }
}

/// Unpacked for the first function that has a name.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let names = Table::of(FILE).map_or(&[][..], |table| table.names);
    let text = zstd::bulk::decompress(names, LIBRARIES_TEXT).expect("the tests read this file");
    String::from_utf8(text).expect("the tests read this file")
});

static NAMES: LazyLock<Vec<Library>> = LazyLock::new(|| {
    let fields = TEXT.lines().map(|line| line.split_once('\t').unwrap_or_default());
    fields.map(|(of, name)| Library { of, name }).collect()
});

/// The function of a library that a function is, if it is one.
pub(super) fn find(fingerprint: &Fingerprint) -> Option<Library> {
    let table = Table::of(FILE)?;
    let number = table.number(fingerprint.own).or_else(|| table.number(fingerprint.with_callees))?;
    NAMES.get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_small() {
        assert!(FILE.len() <= 300_000, "{} bytes", FILE.len());
        let Table { hashes, numbers, .. } = Table::of(FILE).expect("it is whole");
        assert!(hashes.len() > 1000 && hashes.len() == numbers.len(), "{}", hashes.len());
        // No fingerprint has two names, and none is nothing's.
        assert!(hashes.is_sorted_by(|a, b| a < b) && hashes[0] > [0; 6]);
        assert!(NAMES.is_sorted_by_key(|library| (library.of, library.name)));
        for Library { of, name } in NAMES.iter() {
            assert!(!of.is_empty() && !name.is_empty(), "{of} {name}");
            assert!(!name.chars().any(char::is_control), "{name:?}");
        }
        let mut named = vec![false; NAMES.len()];
        numbers.iter().for_each(|&number| named[usize::from(u16::from_le_bytes(number))] = true);
        assert!(named.iter().all(|&named| named), "each name has a fingerprint");
    }

    #[test]
    fn what_is_in_the_table_is_found_and_nothing_else() {
        let Table { hashes, numbers, .. } = Table::of(FILE).expect("it is whole");
        for (hash, &number) in hashes.iter().zip(numbers).step_by(97) {
            let own = hash.iter().fold(0, |own, &byte| own << 8 | u64::from(byte));
            let found = find(&Fingerprint { own, ..Fingerprint::default() });
            assert_eq!(found, NAMES.get(usize::from(u16::from_le_bytes(number))).copied());
            assert_eq!(find(&Fingerprint { own: own | 1 << 48, ..Fingerprint::default() }), None);
        }
        assert_eq!(find(&Fingerprint::default()), None);
    }
}
