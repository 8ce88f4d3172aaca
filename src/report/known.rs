//! Lists of files that are known: a hash and a name on each line, as `sha256sum` writes them.
//!
//! ```text
//! # comment
//! 0f3e…64 digits…  npm source-map 0.7.4: package/lib/mappings.wasm
//! ```
//!
//! A known file is told beside the verdict, and is no part of it. A list says who published a file, not what
//! the file does. Of a file with one byte more it says nothing.
//!
//! In memory are 40 bytes for each file and all names in one text; a map of names would take twice as much.

use std::io::{self, BufRead as _, Read as _};

use sha2::{Digest as _, Sha256};

use super::limits::{KNOWN_FILES, KNOWN_LINE, KNOWN_NAME, KNOWN_NAMES};
use crate::{hex, text::clip};

/// Files that are known, by their SHA-256.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Sorted by hash, each once.
    files: Vec<Entry>,
    /// The names, each with a line's end.
    names: String,
}

/// A file, and where in `names` its name begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: [u8; 32],
    name: usize,
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Known {}

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
    /// There are more files, or longer names, than are kept.
    #[error("more than {KNOWN_FILES} files, or {KNOWN_NAMES} bytes of names")]
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
            let (hash, name) = parse(text).ok_or(KnownError::Line(number))?;
            known.push(hash, &clip(name, KNOWN_NAME))?;
        }
        known.settle();
        Ok(known)
    }

    /// Adds what another list has and this one lacks.
    ///
    /// # Errors
    ///
    /// When both together are too long; then it has a part of the other.
    pub fn extend(&mut self, other: Self) -> Result<(), KnownError> {
        if self.is_empty() {
            *self = other;
            return Ok(());
        }
        let own = self.files.len();
        let added = other.iter().try_for_each(|(hash, name)| {
            let own = self.files.get(..own).unwrap_or_default();
            match own.binary_search_by(|file| file.hash.cmp(&hash)) {
                Ok(_) => Ok(()),
                Err(_) => self.push(hash, name),
            }
        });
        self.settle();
        added
    }

    /// Adds a file. Before one is looked for, they must be settled.
    fn push(&mut self, hash: [u8; 32], name: &str) -> Result<(), KnownError> {
        if self.files.len() >= KNOWN_FILES || self.names.len() + name.len() >= KNOWN_NAMES {
            return Err(KnownError::TooLong);
        }
        self.files.push(Entry { hash, name: self.names.len() });
        self.names.push_str(name);
        self.names.push('\n');
        Ok(())
    }

    /// Sorts the files; of those that came twice, the first stays.
    fn settle(&mut self) {
        self.files.sort_unstable();
        self.files.dedup_by_key(|file| file.hash);
        self.files.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    fn iter(&self) -> impl Iterator<Item = ([u8; 32], &str)> {
        self.files.iter().map(|file| (file.hash, self.name_at(file.name)))
    }

    fn name_at(&self, start: usize) -> &str {
        let rest = self.names.get(start..).unwrap_or_default();
        rest.split_once('\n').map_or(rest, |(name, _)| name)
    }

    fn find(&self, hash: &[u8; 32]) -> Option<&str> {
        let at = self.files.binary_search_by(|file| file.hash.cmp(hash)).ok()?;
        self.files.get(at).map(|file| self.name_at(file.name))
    }

    /// The name of the file with this SHA-256, in hexadecimal.
    pub fn name(&self, sha256: &str) -> Option<&str> {
        self.find(&hex::parse(sha256)?)
    }

    /// The name of a file with these bytes.
    pub fn of(&self, file: &[u8]) -> Option<&str> {
        self.find(&Sha256::digest(file).into())
    }

    /// How many files are known.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// The hash and the name of a line; `*` stands before the name where `sha256sum` read bytes.
fn parse(line: &str) -> Option<([u8; 32], &str)> {
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
        known.extend(list("two")).unwrap();
        assert_eq!((known.name(&hash), known.len()), (Some("one"), 1));
        assert_eq!(known, list("one"), "what is known counts, not how it was read");
        assert_ne!(known, list("two"));
    }

    #[test]
    fn a_name_ends_where_it_ends_in_the_list() {
        let [a, b] = ["a", "b"].map(|digit| digit.repeat(64));
        let known = Known::read(format!("{b}  x\u{b}y\n{a}  {}\n", "z".repeat(300)).as_bytes()).unwrap();
        assert_eq!(known.name(&b), Some("x\\u{b}y"));
        assert!(known.name(&a).unwrap().starts_with(&"z".repeat(200)), "{known:?}");
    }
}
