//! Zip archives, with the password that samples are passed around with; what begins with a program and ends with a zip, too.
//!
//! The list at the end names what an archive wants to be known for. Members that it leaves out, or that share a name (then it counts for the last
//! only), have headers of their own, and are found by those; what is left outside of all members is searched.

use std::{
    collections::BTreeMap,
    io::{self, Cursor},
    ops::Range,
};

use memchr::memmem;
use zip::{
    ZipArchive,
    read::{ZipFile, ZipReadOptions},
    result::{ZipError, ZipResult},
};

use super::{Unpacker, gaps, step, streams, tar};
use crate::scan::rows::FailureKind;

/// What everybody who passes samples around uses.
const PASSWORD: &[u8] = b"infected";
/// The header of a member, and its bytes without name and extra field.
const LOCAL: &[u8; 4] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
/// What may follow the bytes of a member.
const DESCRIPTOR: &[u8; 4] = b"PK\x07\x08";
/// The record at the end, its bytes without the comment, and where it may begin.
const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END_WINDOW: usize = END_BYTES + 0xffff;

/// Whether the bytes begin with a member.
pub(super) fn is_start(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL)
}

pub(super) fn is_one(bytes: &[u8]) -> bool {
    is_start(bytes) || end(bytes).is_some()
}

/// Where the record at the end begins, if it ends where the bytes do.
fn end(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(END_WINDOW);
    let at = from + memmem::rfind(bytes.get(from..)?, END)?;
    let comment = u16_at(bytes, at + 20)?;
    (at + END_BYTES + usize::from(comment) == bytes.len()).then_some(at)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

impl Unpacker<'_> {
    pub(super) fn zip(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut spans: Vec<_> = end(bytes).map(|at| at..at + END_BYTES).into_iter().collect();
        match ZipArchive::new(Cursor::new(bytes)) {
            Ok(mut archive) => {
                for index in 0..archive.len() {
                    if let Some(cut) = self.spent() {
                        self.cut(cut, (archive.len() - index) as u64);
                        return Ok(());
                    }
                    spans.extend(self.member(&mut archive, index)?);
                }
            }
            // Members may be there without the list of them.
            Err(error) => self.broken("zip", &error)?,
        }
        self.unlisted(bytes, spans)
    }

    /// Enters a member of the list, and says where it lies.
    fn member(&mut self, archive: &mut ZipArchive<Cursor<&[u8]>>, index: usize) -> io::Result<Option<Range<usize>>> {
        let (name, encrypted, span) = match archive.by_index_raw(index) {
            Ok(file) => (step("zip", file.name_raw()), file.encrypted(), span(&file)),
            Err(error) => return self.broken("zip", &error).map(|()| None),
        };
        self.expand(name, encrypted, archive.by_index_with_options(index, options()))?;
        Ok(span)
    }

    /// Enters a member that could be opened, or reports why it could not; gives whether it could.
    fn expand<R: io::Read>(&mut self, step: String, encrypted: bool, file: ZipResult<ZipFile<'_, R>>) -> io::Result<bool> {
        let file = match file {
            // Whatever has contents is no folder.
            Ok(file) if file.is_dir() && file.size() == 0 && file.compressed_size() == 0 => return Ok(true),
            Ok(file) => file,
            Err(error) => {
                let kind = match error {
                    ZipError::InvalidPassword => FailureKind::Encrypted,
                    ZipError::UnsupportedArchive(_) => FailureKind::Unsupported,
                    _ => FailureKind::Broken,
                };
                return self.fail(Some(step), kind, &error.to_string()).map(|()| false);
            }
        };
        let compressed = file.compressed_size();
        let (member, error) = self.read(file, Some(compressed));
        let is_whole = error.is_none();
        if let Some(error) = error {
            // The check of an old password has one byte, so a wrong one often shows only here.
            let kind = if encrypted { FailureKind::Encrypted } else { FailureKind::Broken };
            self.fail(Some(step.clone()), kind, &error.to_string())?;
        }
        if self.admit(member.len() as u64) {
            self.enter(step, &member)?;
        }
        Ok(is_whole)
    }

    /// Enters the members that are not among those at `listed`, and searches what belongs to none.
    fn unlisted(&mut self, bytes: &[u8], listed: Vec<Range<usize>>) -> io::Result<()> {
        let mut descriptors = None;
        for gap in gaps(bytes.len(), listed) {
            let part = bytes.get(gap.clone()).unwrap_or_default();
            // Before its first member an archive may be anything, another container as well.
            if gap.start == 0 && (streams::is_one(part) || tar::is_one(part)) {
                self.unzipped(part)?;
                continue;
            }
            let (mut at, mut searched) = (gap.start, gap.start);
            while let Some(found) = bytes.get(at..gap.end).and_then(|rest| memmem::find(rest, LOCAL)) {
                let start = at + found;
                at = start + LOCAL.len();
                let Some(header) = Header::parse(bytes, start) else { continue };
                if let Some(cut) = self.spent() {
                    self.cut(cut, 1);
                    return Ok(());
                }
                let descriptors = descriptors.get_or_insert_with(|| Descriptors::of(bytes));
                let Some(data) = self.local(bytes, &header, descriptors)? else { continue };
                self.pieces(bytes, searched..start)?;
                searched = data.end.clamp(start, gap.end);
                // What is compressed may end before it says, so as to cover others.
                at = if header.is_plain() { searched } else { data.start.min(gap.end) };
            }
            self.pieces(bytes, searched..gap.end)?;
        }
        Ok(())
    }

    /// Enters a member by its own header; gives where its data lie, if it was read to its end.
    fn local(&mut self, bytes: &[u8], header: &Header<'_>, descriptors: &Descriptors) -> io::Result<Option<Range<usize>>> {
        let mut options = options();
        if header.has_descriptor() {
            options = match descriptors.0.get(&header.data) {
                Some(sizes) => options
                    .override_crc(sizes.crc)
                    .override_compressed_size(sizes.compressed.into())
                    .override_uncompressed_size(sizes.expanded.into()),
                // Up to the next member: most ways to compress know their end.
                None => options.ignore_crc32(true).override_compressed_size(header.room(bytes) as u64),
            };
        }
        let mut input = Cursor::new(bytes.get(header.start..).unwrap_or_default());
        let file = zip::read::read_zipfile_from_stream_with_options(&mut input, options).transpose();
        let Some(file) = file else { return Ok(None) };
        let len = file.as_ref().map_or(0, |file| usize::try_from(file.compressed_size()).unwrap_or(usize::MAX));
        let is_whole = self.expand(step("zip", header.name), header.is_encrypted(), file)?;
        Ok(is_whole.then(|| header.data..header.data.saturating_add(len)))
    }
}

fn options() -> ZipReadOptions<'static> {
    ZipReadOptions::new().password(Some(PASSWORD))
}

/// Where a member lies, its header included.
fn span<R: io::Read>(file: &ZipFile<'_, R>) -> Option<Range<usize>> {
    let end = file.data_start()?.saturating_add(file.compressed_size());
    Some(usize::try_from(file.header_start()).ok()?..usize::try_from(end).ok()?)
}

/// A member's own header.
struct Header<'a> {
    start: usize,
    flags: u16,
    method: u16,
    name: &'a [u8],
    /// Where the data begin.
    data: usize,
}

impl<'a> Header<'a> {
    /// Reads one; `None` if it is none, for programs that unpack archives have the magic number among their bytes, too.
    fn parse(bytes: &'a [u8], start: usize) -> Option<Self> {
        let at = |offset| u16_at(bytes, start + offset);
        let (version, flags, method) = (at(4)?, at(6)?, at(8)?);
        let name_end = start + LOCAL_BYTES + usize::from(at(26)?);
        let data = name_end + usize::from(at(28)?);
        let name = bytes.get(start + LOCAL_BYTES..name_end).filter(|name| !name.is_empty())?;
        // Of the format's versions 6.3 is the last, and of the methods 99.
        (version & 0xff <= 63 && method <= 99 && data <= bytes.len()).then_some(Self { start, flags, method, name, data })
    }

    fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether sizes and checksum follow the data.
    fn has_descriptor(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Whether the data are the member itself.
    fn is_plain(&self) -> bool {
        self.method == 0 && !self.is_encrypted()
    }

    /// Bytes up to the next header of a member or of the list.
    fn room(&self, bytes: &[u8]) -> usize {
        let rest = bytes.get(self.data..).unwrap_or_default();
        let rest = rest.get(..memmem::find(rest, LOCAL).unwrap_or(rest.len())).unwrap_or_default();
        memmem::find(rest, b"PK\x01\x02").unwrap_or(rest.len())
    }
}

/// Sizes and checksums that follow the data of members, by where the data begin. With 64 bits, sizes begin with the same 32.
struct Descriptors(BTreeMap<usize, Sizes>);

struct Sizes {
    crc: u32,
    compressed: u32,
    expanded: u32,
}

impl Descriptors {
    /// So many are looked at.
    const MAX: usize = 200_000;

    fn of(bytes: &[u8]) -> Self {
        let found = memmem::find_iter(bytes, DESCRIPTOR).take(Self::MAX).filter_map(|at| {
            let (crc, compressed) = (u32_at(bytes, at + 4)?, u32_at(bytes, at + 8)?);
            // With 64 bits, the upper half of the first size stands where the second is.
            let is_wide = u32_at(bytes, at + 12) == Some(0) && compressed != 0;
            let expanded = u32_at(bytes, at + if is_wide { 16 } else { 12 })?;
            Some((at.checked_sub(compressed as usize)?, Sizes { crc, compressed, expanded }))
        });
        Self(found.collect())
    }
}
