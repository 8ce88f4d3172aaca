//! Tar archives: old, ustar, GNU and PAX.

use std::io;

use super::{Unpacker, read_within, step};
use crate::scan::rows::FailureKind;

/// Bytes of a header.
const HEADER: usize = 512;

/// Whether the first header has the checksum that it says: that holds for every kind of tar.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..HEADER) else { return false };
    let (Some(field), Some(name)) = (header.get(148..156), header.first()) else { return false };
    let digits = field.iter().copied().skip_while(|&byte| byte == b' ').take_while(|byte| (b'0'..=b'7').contains(byte));
    let said = digits.fold(0u64, |sum, digit| sum * 8 + u64::from(digit - b'0'));
    let with_blanks = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) };
    *name != 0 && said == header.iter().enumerate().map(with_blanks).sum::<u64>()
}

impl Unpacker<'_> {
    pub(super) fn tar(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut archive = tar::Archive::new(bytes);
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.fail(Some("tar".to_owned()), FailureKind::Broken, &error.to_string()),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.fail(Some("tar".to_owned()), FailureKind::Broken, &error.to_string()),
            };
            if !entry.header().entry_type().is_file() && !entry.header().entry_type().is_gnu_sparse() {
                continue;
            }
            let step = step("tar", &entry.path_bytes());
            let room = self.caps.member_bytes.min(self.caps.bytes);
            let (member, more, error) = read_within(entry, room);
            if let Some(error) = error {
                self.fail(Some(step.clone()), FailureKind::Broken, &error.to_string())?;
            }
            if more {
                self.cut("member larger than the limit", 1)?;
            }
            if !self.admit(member.len() as u64)? {
                // Counting the others would mean reading them.
                return Ok(());
            }
            self.enter(step, &member)?;
        }
        Ok(())
    }
}
