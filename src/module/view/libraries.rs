//! Functions of well-known libraries, found in stripped modules by their [`Fingerprint`].
//!
//! The table is text, packed with zstd: a line for each name, with the library, a tab, the name, a tab and
//! the fingerprints in hexadecimal, separated by blanks. `examples/libraries.rs` makes it from packages that
//! carry names (`.ci/libraries`, [static-view.md](../../../docs/static-view.md)). It holds names and hashes,
//! and no code.
//!
//! Not here: what a name counts for. It counts for nothing: whoever writes a sample can copy a function.

use std::sync::LazyLock;

use hashbrown::HashMap;
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

const PACKED: &[u8] = include_bytes!("../../../rules/libraries.zst");

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let text = zstd::bulk::decompress(PACKED, LIBRARIES_TEXT).expect("the tests read this file");
    String::from_utf8(text).expect("the tests read this file")
});

static KNOWN: LazyLock<HashMap<u64, Library>> = LazyLock::new(|| TEXT.lines().flat_map(line).collect());

/// The fingerprints of a line of the table.
fn line(line: &'static str) -> impl Iterator<Item = (u64, Library)> {
    let mut fields = line.split('\t');
    let mut next = || fields.next().unwrap_or_default();
    let library = Library { of: next(), name: next() };
    next().split(' ').filter_map(move |hash| Some((u64::from_str_radix(hash, 16).ok()?, library)))
}

/// The function of a library that a function is, if it is one.
pub(super) fn find(fingerprint: &Fingerprint) -> Option<Library> {
    let known = &*KNOWN;
    known.get(&fingerprint.own).or_else(|| known.get(&fingerprint.with_callees)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_small() {
        assert!(PACKED.len() <= 300_000, "{} bytes", PACKED.len());
        let mut hashes = 0;
        for text in TEXT.lines() {
            let [of, name, list] = text.split('\t').collect::<Vec<_>>()[..] else { panic!("{text}") };
            assert!(!of.is_empty() && !name.is_empty(), "{text}");
            assert!(name.chars().all(|letter| !letter.is_control()), "{text:?}");
            assert_eq!(line(text).count(), list.split(' ').count(), "{text}");
            assert!(line(text).all(|(hash, _)| hash != 0 && hash < 1 << 48), "{text}");
            hashes += line(text).count();
        }
        // No fingerprint has two names.
        assert_eq!(KNOWN.len(), hashes);
        assert!(hashes > 1000, "{hashes}");
    }
}
