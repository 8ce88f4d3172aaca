//! Tar archives: old, ustar, GNU and PAX.

use std::{io, ops::Range};

use super::{Unpacker, carve::Search, gaps};

/// Bytes of a header.
const HEADER: usize = 512;

/// Whether the first header has the checksum that it says: that holds for every kind of tar.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..HEADER) else { return false };
    let (Some(field), Some(name)) = (header.get(148..156), header.first()) else { return false };
    let digits = field
        .iter()
        .copied()
        .skip_while(|&byte| byte == b' ')
        .take_while(|byte| (b'0'..=b'7').contains(byte));
    let said = digits.fold(0u64, |sum, digit| sum * 8 + u64::from(digit - b'0'));
    let with_blanks = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) };
    *name != 0 && said == header.iter().enumerate().map(with_blanks).sum::<u64>()
}

/// Whether an entry has no contents of its own. Of unknown kinds are files, as for GNU tar.
fn is_empty(kind: tar::EntryType) -> bool {
    let is_link = kind.is_hard_link() || kind.is_symlink();
    let is_device = kind.is_character_special() || kind.is_block_special() || kind.is_fifo();
    let is_extension = kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions();
    kind.is_dir() || is_link || is_device || is_extension
}

/// The end of an archive that begins at `start`, of which so many bytes were not read. It is behind the last
/// block, zeros that fill it up included.
fn end(bytes: &[u8], unread: usize) -> usize {
    let at = bytes.len().saturating_sub(unread);
    let blocks = bytes.get(at..).unwrap_or_default().chunks_exact(HEADER);
    at + HEADER * blocks.take_while(|block| block.iter().all(|&byte| byte == 0)).count()
}

impl Unpacker<'_> {
    /// Enters the members of a tar, and of others that follow it at once; then searches the rest.
    pub(super) fn tar(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (mut spans, mut at) = (Vec::new(), 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| is_one(rest)) {
            let mut archive = tar::Archive::new(rest);
            if !self.members(&mut archive, at, &mut spans)? {
                // Counting the others would mean reading them.
                return Ok(());
            }
            let next = end(bytes, archive.into_inner().len());
            if next <= at {
                break;
            }
            at = next;
        }
        self.pieces(bytes, &Search { starts: gaps(bytes.len(), spans), ..Search::default() })
    }

    /// Enters the members of an archive that begins at `start`, and adds where they lie; false if the bounds
    /// do not allow all.
    fn members(
        &mut self,
        archive: &mut tar::Archive<&[u8]>,
        start: usize,
        spans: &mut Vec<Range<usize>>,
    ) -> io::Result<bool> {
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.broken("tar", &error).map(|()| true),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.broken("tar", &error).map(|()| true),
            };
            if is_empty(entry.header().entry_type()) {
                continue;
            }
            let step = self.step("tar", &entry.path_bytes());
            let span = span(&entry, start);
            // A sparse one may expand to anything.
            let stored = entry.header().entry_type().is_gnu_sparse().then_some(span.len() as u64);
            spans.push(span);
            let (member, error) = self.read(entry, stored);
            if let Some(error) = error {
                self.broken(&step, &error)?;
            }
            if !self.admit(member.len() as u64) {
                return Ok(false);
            }
            self.enter(step, &member)?;
        }
        Ok(true)
    }
}

/// Where the contents of an entry lie, of an archive that begins at `start`.
fn span(entry: &tar::Entry<'_, impl io::Read>, start: usize) -> Range<usize> {
    // A sparse one is shorter than what it expands to.
    let stored = entry.header().entry_type().is_gnu_sparse().then(|| entry.header().entry_size().ok());
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let from = start.saturating_add(place(entry.raw_file_position()));
    from..from.saturating_add(place(stored.flatten().unwrap_or(entry.size())))
}
