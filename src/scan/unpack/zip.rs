//! Zip archives, with the password that samples are passed around with; what begins with a program and ends with a zip, too.

use std::io::{self, Cursor};

use zip::{ZipArchive, read::ZipFile, result::ZipError};

use super::{Unpacker, read_within, step};
use crate::scan::rows::FailureKind;

/// What everybody who passes samples around uses.
const PASSWORD: &[u8] = b"infected";
/// The record at the end, and where it may begin.
const END: &[u8; 4] = b"PK\x05\x06";
const END_WINDOW: usize = 22 + 0xffff;

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || end(bytes).is_some()
}

/// The record at the end, if it ends where the bytes do.
fn end(bytes: &[u8]) -> Option<&[u8]> {
    let window = bytes.get(bytes.len().saturating_sub(END_WINDOW)..)?;
    let record = window.get(memchr::memmem::rfind(window, END)?..)?;
    let comment = usize::from(u16::from_le_bytes([*record.get(20)?, *record.get(21)?]));
    (record.len() == 22 + comment).then_some(record)
}

/// Members that the archive says it has, as far as 16 bits say.
fn claimed(bytes: &[u8]) -> Option<usize> {
    let record = end(bytes)?;
    Some(usize::from(u16::from_le_bytes([*record.get(10)?, *record.get(11)?]))).filter(|&count| count != 0xffff)
}

impl Unpacker<'_> {
    pub(super) fn zip(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
            Ok(archive) => archive,
            Err(error) => {
                self.fail(Some("zip".to_owned()), FailureKind::Broken, &error.to_string())?;
                // Members may be there without the list of them.
                return self.local(bytes);
            }
        };
        for index in 0..archive.len() {
            if self.caps.members == 0 || self.caps.bytes == 0 {
                return self.cut("member beyond the limit", (archive.len() - index) as u64);
            }
            self.member(&mut archive, index)?;
        }
        // Of members with the same name only the last is in the list: a way to hide the others.
        match claimed(bytes).is_some_and(|claimed| claimed > archive.len()) {
            true => self.local(bytes),
            false => Ok(()),
        }
    }

    fn member(&mut self, archive: &mut ZipArchive<Cursor<&[u8]>>, index: usize) -> io::Result<()> {
        let (encrypted, name) = match archive.by_index_raw(index) {
            Ok(file) if file.is_dir() => return Ok(()),
            Ok(file) => (file.encrypted(), step("zip", file.name_raw())),
            Err(error) => return self.fail(Some("zip".to_owned()), FailureKind::Broken, &error.to_string()),
        };
        let file = match encrypted {
            true => archive.by_index_decrypt(index, PASSWORD),
            false => archive.by_index(index),
        };
        match file {
            Ok(file) => self.expand(file),
            Err(error) => {
                let kind = match error {
                    ZipError::InvalidPassword => FailureKind::Encrypted,
                    ZipError::UnsupportedArchive(_) => FailureKind::Unsupported,
                    _ => FailureKind::Broken,
                };
                self.fail(Some(name), kind, &error.to_string())
            }
        }
    }

    fn expand<R: io::Read>(&mut self, file: ZipFile<'_, R>) -> io::Result<()> {
        let (step, encrypted) = (step("zip", file.name_raw()), file.encrypted());
        let room = self.room(file.compressed_size());
        let (member, more, error) = read_within(file, room);
        if let Some(error) = error {
            // The check of an old password has one byte, so a wrong one often shows only here.
            let kind = if encrypted { FailureKind::Encrypted } else { FailureKind::Broken };
            self.fail(Some(step.clone()), kind, &error.to_string())?;
        }
        if more {
            self.cut("member larger than the limit when expanded", 1)?;
        }
        match self.admit(member.len() as u64)? {
            true => self.enter(step, &member),
            false => Ok(()),
        }
    }

    /// Reads the members by their own headers, as far as that goes.
    fn local(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut input = Cursor::new(bytes);
        while self.caps.members > 0 && self.caps.bytes > 0 {
            match zip::read::read_zipfile_from_stream(&mut input) {
                Ok(Some(file)) if file.is_dir() => {}
                Ok(Some(file)) => self.expand(file)?,
                _ => break,
            }
        }
        Ok(())
    }
}
