//! Zip archives, with the password that samples are passed around with; what begins with a program and ends
//! with a zip, too.
//!
//! The list at the end names what an archive wants to be known for. It may leave members out, and of those
//! that share a name it counts for the last only. Such members have headers of their own, and are found by
//! those. So are members whose headers say something else than the list. Then everything is searched but the
//! contents of members that lie there as they are. There may be anything behind the end of what is
//! compressed, and in fields of headers.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    io::{self, Cursor, Read, Seek, SeekFrom},
    ops::Range,
};

use memchr::memmem;
use zip::{
    CompressionMethod, ZipArchive,
    read::{ZipFile, ZipReadOptions},
    result::{ZipError, ZipResult},
};

use super::limits::{ZIP_DESCRIPTORS, ZIP_READ_LEAST, ZIP_READS};
use super::{Cut, Unpacker, carve::Search, gaps, streams, tar, verbatim};
use crate::scan::rows::FailureKind;

/// What everybody who passes samples around uses.
const PASSWORD: &[u8] = b"infected";
/// The header of a member, and its bytes without name and extra field.
const LOCAL: &[u8; 4] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
/// What may follow the bytes of a member.
const DESCRIPTOR: &[u8; 4] = b"PK\x07\x08";
/// An entry of the list.
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
/// Flags of a member: it is encrypted; sizes and checksum follow its data.
const ENCRYPTED: u16 = 1;
const HAS_DESCRIPTOR: u16 = 8;
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

/// The bytes of an archive, read as often as an honest one is. Members that lie over each other may be as
/// many as the archive has bytes. They give nothing, however much of the archive each makes its reader read.
struct Metered<'m> {
    bytes: Cursor<&'m [u8]>,
    left: &'m Cell<u64>,
}

impl<'m> Metered<'m> {
    /// What may be read of so many bytes.
    fn allowance(len: usize) -> Cell<u64> {
        Cell::new((len as u64).saturating_mul(ZIP_READS).max(ZIP_READ_LEAST))
    }

    fn new(bytes: &'m [u8], left: &'m Cell<u64>) -> Self {
        Self { bytes: Cursor::new(bytes), left }
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(into)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => {
                self.left.set(0);
                return Err(io::Error::other("members of the archive lie over each other"));
            }
        }
        Ok(read)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// What was entered, and where it lies.
#[derive(Default)]
struct Entered {
    /// Members as the list has them, headers included: no others are looked for there.
    listed: Vec<Range<usize>>,
    /// Headers that say the same as the list, of members that could not be read.
    tried: BTreeSet<usize>,
    /// Contents that lie there as they are.
    plain: Vec<Range<usize>>,
    /// Of what is compressed, contents that lie there as they are even so.
    seen: Vec<Range<usize>>,
}

impl Entered {
    fn add(&mut self, bytes: &[u8], data: Range<usize>, is_plain: bool, member: &[u8]) {
        if is_plain && bytes.get(data.start..).is_some_and(|rest| rest.starts_with(member)) {
            self.plain.push(data.start..data.start + member.len());
        } else {
            self.seen.extend(verbatim(bytes, data, member));
        }
    }
}

impl Unpacker<'_> {
    /// Enters the members of a zip, then searches the rest: all but the contents of members that lie there as
    /// they are.
    pub(super) fn zip(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut entered = Entered::default();
        entered.listed.extend(end(bytes).map(|at| at..at + END_BYTES));
        let left = Metered::allowance(bytes.len());
        match ZipArchive::new(Metered::new(bytes, &left)) {
            Ok(mut archive) => {
                for index in 0..archive.len() {
                    if let Some(cut) = self.spent() {
                        self.cut(cut, (archive.len() - index) as u64);
                        return Ok(());
                    }
                    if left.get() == 0 {
                        self.cut(Cut::Overlaps, (archive.len() - index) as u64);
                        break;
                    }
                    self.member((&mut archive, index), bytes, &mut entered)?;
                }
            }
            // Members may be there without the list of them.
            Err(error) => self.broken("zip", &error)?,
        }
        if !self.unlisted(bytes, &left, &mut entered)? {
            return Ok(());
        }
        let Entered { plain, mut seen, .. } = entered;
        seen.sort_unstable_by_key(|seen| seen.start);
        self.pieces(bytes, &Search { starts: gaps(bytes.len(), plain), seen, ..Search::default() })
    }

    /// Enters a member of the list.
    fn member(
        &mut self,
        (archive, index): (&mut ZipArchive<Metered<'_>>, usize),
        bytes: &[u8],
        entered: &mut Entered,
    ) -> io::Result<()> {
        let (name, listed) = match archive.by_index_raw(index) {
            Ok(file) => (self.step("zip", file.name_raw()), Listed::of(bytes, &file)),
            Err(error) => return self.broken("zip", &error),
        };
        let is_encrypted = listed.as_ref().is_some_and(|listed| listed.is_encrypted);
        let member = self.expand(name, is_encrypted, archive.by_index_with_options(index, options()))?;
        let Some(Listed { header, data, is_plain, agrees, .. }) = listed else { return Ok(()) };
        match &member {
            // The place that its own header gives is tried unless it is the same.
            None if agrees => drop(entered.tried.insert(header)),
            Some(_) if agrees => entered.listed.push(header..data.end),
            _ => {}
        }
        if let Some(member) = member {
            entered.add(bytes, data, is_plain, &member);
        }
        Ok(())
    }

    /// Enters a member that could be opened, or reports why it could not. Gives what it entered unless the
    /// member could not be read to its end.
    fn expand<R: io::Read>(
        &mut self,
        step: String,
        encrypted: bool,
        file: ZipResult<ZipFile<'_, R>>,
    ) -> io::Result<Option<Vec<u8>>> {
        let file = match file {
            // Whatever has contents is no folder.
            Ok(file) if file.is_dir() && file.size() == 0 && file.compressed_size() == 0 => {
                return Ok(Some(Vec::new()));
            }
            Ok(file) => file,
            Err(error) => {
                let kind = match error {
                    ZipError::InvalidPassword => FailureKind::Encrypted,
                    ZipError::UnsupportedArchive(_) => FailureKind::Unsupported,
                    _ => FailureKind::Broken,
                };
                return self.fail(Some(step), kind, &error.to_string()).map(|()| None);
            }
        };
        let compressed = file.compressed_size();
        let (mut member, error) = self.read(file, Some(compressed));
        let is_whole = error.is_none();
        if let Some(error) = error {
            // The check of an old password has one byte, so a wrong one often shows only here.
            let kind = if encrypted { FailureKind::Encrypted } else { FailureKind::Broken };
            self.fail(Some(step.clone()), kind, &error.to_string())?;
        }
        if self.admit(member.len() as u64) {
            self.enter(step, &member)?;
        } else {
            member.clear();
        }
        Ok(is_whole.then_some(member))
    }

    /// Enters the members that are not among those of the list; false if the bounds do not allow all.
    fn unlisted(&mut self, bytes: &[u8], left: &Cell<u64>, entered: &mut Entered) -> io::Result<bool> {
        let mut descriptors = None;
        for gap in gaps(bytes.len(), std::mem::take(&mut entered.listed)) {
            let part = bytes.get(gap.clone()).unwrap_or_default();
            // Before its first member an archive may be anything, another container as well.
            if gap.start == 0 && (streams::is_one(part) || tar::is_one(part)) {
                self.unzipped(part)?;
                entered.seen.push(gap);
                continue;
            }
            let mut at = gap.start;
            while let Some(found) = bytes.get(at..gap.end).and_then(|rest| memmem::find(rest, LOCAL)) {
                let start = at + found;
                at = start + LOCAL.len();
                let Some(header) = Header::parse(bytes, start).filter(|_| !entered.tried.contains(&start))
                else {
                    continue;
                };
                if let Some(cut) = self.spent() {
                    self.cut(cut, 1);
                    return Ok(false);
                }
                if left.get() == 0 {
                    self.cut(Cut::Overlaps, 1);
                    return Ok(true);
                }
                let descriptors = descriptors.get_or_insert_with(|| Descriptors::of(bytes));
                let Some(data) = self.local((bytes, left), &header, descriptors, entered)? else { continue };
                // A compressed member may end before it says, so as to cover others.
                at = if header.is_plain() { data.end.max(at) } else { data.start };
            }
        }
        Ok(true)
    }

    /// Enters a member by its own header; gives where its data lie, if it was read to its end.
    fn local(
        &mut self,
        (bytes, left): (&[u8], &Cell<u64>),
        header: &Header<'_>,
        descriptors: &Descriptors,
        entered: &mut Entered,
    ) -> io::Result<Option<Range<usize>>> {
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
        let mut input = Metered::new(bytes.get(header.start..).unwrap_or_default(), left);
        let file = zip::read::read_zipfile_from_stream_with_options(&mut input, options).transpose();
        let Some(file) = file else { return Ok(None) };
        let len =
            file.as_ref().map_or(0, |file| usize::try_from(file.compressed_size()).unwrap_or(usize::MAX));
        let name = self.step("zip", header.name);
        let Some(member) = self.expand(name, header.is_encrypted(), file)? else { return Ok(None) };
        let data = header.data..header.data.saturating_add(len);
        entered.add(bytes, data.clone(), header.is_plain(), &member);
        Ok(Some(data))
    }
}

fn options() -> ZipReadOptions<'static> {
    ZipReadOptions::new().password(Some(PASSWORD))
}

/// A member as the list has it.
struct Listed {
    /// Where its own header begins.
    header: usize,
    data: Range<usize>,
    is_encrypted: bool,
    /// Whether the data are the member itself.
    is_plain: bool,
    /// Whether its own header says the same as the list.
    agrees: bool,
}

impl Listed {
    fn of<R: io::Read>(bytes: &[u8], file: &ZipFile<'_, R>) -> Option<Self> {
        let place = |at: u64| usize::try_from(at).ok();
        let start = file.data_start()?;
        let (header, central) = (place(file.header_start())?, place(file.central_header_start())?);
        let data = place(start)?..place(start.saturating_add(file.compressed_size()))?;
        let is_encrypted = file.encrypted();
        let is_plain = file.compression() == CompressionMethod::Stored && !is_encrypted;
        let agrees = agrees(bytes, header, central, data.end);
        Some(Self { header, data, is_encrypted, is_plain, agrees })
    }
}

/// Whether a member's entry in the list agrees with its own header, or with what follows its data. They say
/// how it is stored, its checksum and sizes.
fn agrees(bytes: &[u8], own: usize, listed: usize, data_end: usize) -> bool {
    if !bytes.get(listed..).is_some_and(|entry| entry.starts_with(CENTRAL)) {
        // The entry is not where the library says.
        return true;
    }
    let short = |at: usize| u16_at(bytes, at);
    let long = |at: usize| u32_at(bytes, at);
    // With 64 bits, sizes stand elsewhere.
    let is_size = |at, offset| {
        long(at) == long(listed + offset) || [long(at), long(listed + offset)].contains(&Some(u32::MAX))
    };
    let sizes =
        |at, width| long(at) == long(listed + 16) && is_size(at + 4, 20) && is_size(at + 4 + width, 24);
    let (Some(flags), Some(listed_flags)) = (short(own + 6), short(listed + 8)) else { return false };
    let follows = |at| sizes(at, 4) || sizes(at, 8);
    let descriptor =
        data_end + if bytes.get(data_end..).is_some_and(|rest| rest.starts_with(DESCRIPTOR)) { 4 } else { 0 };
    short(own + 8) == short(listed + 10)
        && (flags ^ listed_flags) & ENCRYPTED == 0
        && (sizes(own + 14, 4) || (flags & HAS_DESCRIPTOR != 0 && follows(descriptor)))
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
    /// Reads one; `None` if it is none, for programs that unpack archives have the magic number among their
    /// bytes, too.
    fn parse(bytes: &'a [u8], start: usize) -> Option<Self> {
        let at = |offset| u16_at(bytes, start + offset);
        let (version, flags, method) = (at(4)?, at(6)?, at(8)?);
        let name_end = start + LOCAL_BYTES + usize::from(at(26)?);
        let data = name_end + usize::from(at(28)?);
        let name = bytes.get(start + LOCAL_BYTES..name_end).filter(|name| !name.is_empty())?;
        // Of the format's versions 6.3 is the last, and of the methods 99.
        (version & 0xff <= 63 && method <= 99 && data <= bytes.len()).then_some(Self {
            start,
            flags,
            method,
            name,
            data,
        })
    }

    fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// Whether sizes and checksum follow the data.
    fn has_descriptor(&self) -> bool {
        self.flags & HAS_DESCRIPTOR != 0
    }

    /// Whether the data are the member itself.
    fn is_plain(&self) -> bool {
        self.method == 0 && !self.is_encrypted()
    }

    /// Bytes up to the next header of a member or of the list.
    fn room(&self, bytes: &[u8]) -> usize {
        let rest = bytes.get(self.data..).unwrap_or_default();
        let rest = rest.get(..memmem::find(rest, LOCAL).unwrap_or(rest.len())).unwrap_or_default();
        memmem::find(rest, CENTRAL).unwrap_or(rest.len())
    }
}

/// Sizes and checksums that follow the data of members, by where the data begin. With 64 bits, sizes begin
/// with the same 32.
struct Descriptors(BTreeMap<usize, Sizes>);

struct Sizes {
    crc: u32,
    compressed: u32,
    expanded: u32,
}

impl Descriptors {
    fn of(bytes: &[u8]) -> Self {
        let found = memmem::find_iter(bytes, DESCRIPTOR).take(ZIP_DESCRIPTORS).filter_map(|at| {
            let (crc, compressed) = (u32_at(bytes, at + 4)?, u32_at(bytes, at + 8)?);
            // With 64 bits, the upper half of the first size stands where the second is.
            let is_wide = u32_at(bytes, at + 12) == Some(0) && compressed != 0;
            let expanded = u32_at(bytes, at + if is_wide { 16 } else { 12 })?;
            Some((at.checked_sub(compressed as usize)?, Sizes { crc, compressed, expanded }))
        });
        Self(found.collect())
    }
}
