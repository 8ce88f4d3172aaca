//! Lists of files that are known: a hash and a name on each line, as `sha256sum` writes them.
//!
//! ```text
//! # comment
//! 0f3e…64 digits…  npm source-map 0.7.4: package/lib/mappings.wasm
//! ```
//!
//! What is known is told beside the verdict and is no part of it: a list says who published a file, not what
//! the file does, and of a file with one byte more it says nothing.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Read as _},
};

use sha2::{Digest as _, Sha256};

use super::limits::{KNOWN_FILES, KNOWN_LINE, KNOWN_NAME};
use crate::{hex, text::clip};

/// Files that are known, by their SHA-256.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    names: BTreeMap<[u8; 32], Box<str>>,
}

/// Why a list is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is not a hash and a name.
    #[error("line {0}: here 64 hexadecimal digits and a name are expected")]
    Line(u64),
    /// It names more files than are kept.
    #[error("more than {KNOWN_FILES} files")]
    TooLong,
}

impl Known {
    /// Reads a list. Empty lines and those that begin with `#` are comments; of two names of one file the
    /// first is kept.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is too long, or a line is something else.
    pub fn read(list: impl io::Read) -> Result<Self, KnownError> {
        let mut known = Self::default();
        let (mut list, mut line) = (io::BufReader::new(list), Vec::new());
        for number in 1.. {
            line.clear();
            if list.by_ref().take(KNOWN_LINE).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (hash, name) = entry(text).ok_or(KnownError::Line(number))?;
            if known.names.len() >= KNOWN_FILES {
                return Err(KnownError::TooLong);
            }
            known.names.entry(hash).or_insert_with(|| clip(name, KNOWN_NAME).into());
        }
        Ok(known)
    }

    /// Adds what another list has and this one lacks.
    pub fn extend(&mut self, other: Self) {
        for (hash, name) in other.names {
            self.names.entry(hash).or_insert(name);
        }
    }

    /// The name of the file with this SHA-256, in hexadecimal.
    pub fn name(&self, sha256: &str) -> Option<&str> {
        self.names.get(&hex::parse(sha256)?).map(|name| &**name)
    }

    /// The name of a file with these bytes.
    pub fn of(&self, file: &[u8]) -> Option<&str> {
        let sha256: [u8; 32] = Sha256::digest(file).into();
        self.names.get(&sha256).map(|name| &**name)
    }

    /// How many files are known.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// The hash and the name of a line; `*` stands before the name where `sha256sum` read bytes.
fn entry(line: &str) -> Option<([u8; 32], &str)> {
    let (hash, name) = line.split_once(char::is_whitespace)?;
    let name = name.trim_start();
    let name = name.strip_prefix('*').unwrap_or(name);
    (!name.is_empty()).then_some((hex::parse(hash)?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let (a, b) = ("a".repeat(64), "B".repeat(64));
        let list = format!("# a list\n\n{a}  npm x 1.0: a b.wasm\n{b} *y\r\n{a}  another\n");
        let known = Known::read(list.as_bytes()).unwrap();
        assert_eq!(known.len(), 2);
        assert_eq!((known.name(&a), known.name(&b)), (Some("npm x 1.0: a b.wasm"), Some("y")));
        assert_eq!(known.name(&b.to_lowercase()), Some("y"));
        for other in ["c".repeat(64), "a".repeat(63), String::new(), "é".repeat(32)] {
            assert_eq!(known.name(&other), None);
        }
    }

    #[test]
    fn what_is_no_list_is_an_error_with_its_line() {
        let hash = "a".repeat(64);
        for (list, line) in [
            (format!("{hash}\n"), 1),
            (format!("{hash}  x\n{hash}\n"), 2),
            (format!("# x\n\n{}  x\n", "g".repeat(64)), 3),
            ("\0asm\u{1}\0\0\0".to_owned(), 1),
            (format!("{hash}  {}\n", "x".repeat(KNOWN_LINE as usize)), 2),
        ] {
            let error = Known::read(list.as_bytes()).unwrap_err();
            assert!(matches!(error, KnownError::Line(found) if found == line), "{list:.80}: {error}");
        }
    }

    #[test]
    fn the_first_of_two_lists_counts() {
        let hash = "a".repeat(64);
        let list = |name: &str| Known::read(format!("{hash}  {name}\n").as_bytes()).unwrap();
        let mut known = list("one");
        known.extend(list("two"));
        assert_eq!(known.name(&hash), Some("one"));
    }
}
