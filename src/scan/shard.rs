//! A part of the files of a batch, for one of several machines.
//!
//! The file's path decides, as it was named or found. So each machine needs the same files under the same
//! names, and nothing else that is shared. What is inside an archive stays with the archive.

use std::{fmt, path::Path, str::FromStr};

use sha2::{Digest as _, Sha256};

use super::limits::MAX_SHARDS;

/// One of so many parts, each of about as many files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    number: u64,
    of: u64,
}

/// A text is no part of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected I/N, such as 1/4: I from 1 to N, N at most {MAX_SHARDS}")]
#[non_exhaustive]
pub struct ShardError;

impl FromStr for Shard {
    type Err = ShardError;

    /// `I/N`: the part `I` of `N`, from 1.
    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (number, of) = text.split_once('/').ok_or(ShardError)?;
        let parse = |digits: &str| digits.parse::<u64>().map_err(|_| ShardError);
        let (number, of) = (parse(number)?, parse(of)?);
        match (1..=of).contains(&number) && of <= MAX_SHARDS {
            true => Ok(Self { number: number - 1, of }),
            false => Err(ShardError),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number + 1, self.of)
    }
}

impl Shard {
    /// Whether a file belongs to this part.
    pub fn has(self, path: &Path) -> bool {
        #[cfg(unix)]
        let digest = Sha256::digest(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()));
        #[cfg(not(unix))]
        let digest = Sha256::digest(path.to_string_lossy().as_bytes());
        let first = digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        first % self.of == self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_in_one_part_and_parts_are_alike() {
        let parts: Vec<Shard> = (1..=4).map(|number| format!("{number}/4").parse().unwrap()).collect();
        let mut sizes = [0; 4];
        for file in 0..4000 {
            let path = format!("feed/{file}.wasm");
            let of: Vec<_> = (0..4).filter(|&part| parts[part].has(Path::new(&path))).collect();
            assert_eq!(of.len(), 1, "{path}");
            sizes[of[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (900..1100).contains(size)), "{sizes:?}");
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "1", "0/4", "5/4", "1/0", "a/4", "1/4/4", "-1/4", "1/99999999999999999999"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("1/1".parse(), Ok(Shard { number: 0, of: 1 }));
        assert_eq!("2/3".parse::<Shard>().map(|shard| shard.to_string()).as_deref(), Ok("2/3"));
    }
}
