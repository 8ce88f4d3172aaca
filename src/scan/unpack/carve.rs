//! Modules that lie open among other bytes: in a dump of a process, a program, a data segment.

use std::{io, ops::Range};

use memchr::memmem;

use super::limits::MAX_OVERSIZE;
use super::{Found, Unpacker, is_binary};
use crate::{
    module::{HEAD, component, extent, sections},
    scan::{rows::FailureKind, worker::MAX_SAMPLE_BYTES},
};

/// The beginning of a binary: the magic number, then the version of a module, or that of a component.
const MAGIC: &[u8; 4] = b"\0asm";
const VERSIONS: [[u8; 4]; 2] = [[1, 0, 0, 0], [0x0d, 0, 1, 0]];

/// Where something is looked for in bytes. Only its beginning must lie there: whoever has bytes made to look
/// like the beginning of a container cannot cut a module in two with them.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Where it may begin, in order.
    pub(super) starts: Vec<Range<usize>>,
    /// The ranges that were looked through already, in order. A module that lies whole in one of these was
    /// found.
    pub(super) seen: Vec<Range<usize>>,
    /// Whether the bytes are a module: what begins in one of its sections ends with it.
    pub(super) is_module: bool,
    /// Where the modules begin by which a component runs, in order: they are no finds, what lies in them is.
    pub(super) parts: Vec<usize>,
    /// Whether the bytes are a module in text, whose string literals are not those of C.
    pub(super) is_source: bool,
    /// Whether compressed streams are looked for.
    pub(super) has_streams: bool,
}

impl Search {
    fn from(starts: Range<usize>) -> Self {
        Self { starts: std::iter::once(starts).collect(), has_streams: true, ..Self::default() }
    }

    /// Everywhere.
    pub(super) fn all(bytes: &[u8]) -> Self {
        Self::from(0..bytes.len())
    }

    /// In a module, past its own magic number.
    pub(super) fn within(module: &[u8]) -> Self {
        let is_module = is_binary(module);
        let from = if is_module { HEAD.min(module.len()) } else { 0 };
        Self { is_module, parts: component::parts(module), ..Self::from(from..module.len()) }
    }

    /// In the text of a module.
    pub(super) fn source(text: &[u8]) -> Self {
        Self { is_source: true, ..Self::all(text) }
    }

    /// Whether all of this was looked through.
    pub(super) fn has_seen(&self, piece: &Range<usize>) -> bool {
        let after = self.seen.partition_point(|seen| seen.start <= piece.start);
        after.checked_sub(1).and_then(|at| self.seen.get(at)).is_some_and(|seen| piece.end <= seen.end)
    }
}

impl Unpacker<'_> {
    /// Looks for modules, as bytes, packed, and as text, in bytes that no container accounts for. Places are
    /// counted from the first byte.
    pub(super) fn pieces(&mut self, bytes: &[u8], search: &Search) -> io::Result<()> {
        self.carve(bytes, search)?;
        self.streams(bytes, search)?;
        self.text(bytes, search)
    }

    fn carve(&mut self, bytes: &[u8], search: &Search) -> io::Result<()> {
        let finder = memmem::Finder::new(MAGIC);
        let mut outer = search.is_module.then(|| sections(bytes)).into_iter().flatten().peekable();
        let mut at = 0;
        for range in &search.starts {
            at = at.max(range.start);
            // A module that begins in the range may end behind it.
            let end = range.end.saturating_add(MAGIC.len() - 1).min(bytes.len());
            while let Some(found) = bytes.get(at..end).and_then(|part| finder.find(part)) {
                let start = at + found;
                while outer.next_if(|section| section.end <= start).is_some() {}
                let end = outer
                    .peek()
                    .filter(|section| section.start <= start)
                    .map_or(bytes.len(), |section| section.end);
                at = start + self.binary(bytes.get(start..end).unwrap_or_default(), start, search)?;
            }
        }
        Ok(())
    }

    /// Hands over the module with which the bytes begin, if there is one. Gives how many of the bytes to pass
    /// over then.
    fn binary(&mut self, bytes: &[u8], start: usize, search: &Search) -> io::Result<usize> {
        if search.parts.binary_search(&start).is_ok() {
            return Ok(MAGIC.len());
        }
        let is_one = VERSIONS.iter().any(|version| bytes.get(4..HEAD) == Some(version));
        let len = if is_one { extent(bytes) } else { 0 };
        if len <= HEAD {
            return Ok(MAGIC.len());
        }
        if search.has_seen(&(start..start + len)) {
            return Ok(len);
        }
        let most = MAX_SAMPLE_BYTES.min(self.caps.bytes);
        if len as u64 > most {
            self.oversize += 1;
            let step = format!("bytes@{start}");
            self.fail(
                Some(step),
                FailureKind::TooLarge,
                &format!("a module here would be larger than {most} bytes"),
            )?;
            // So much of a dump is hardly one module: whatever it is must not hide others.
            return Ok(if self.oversize > MAX_OVERSIZE { len } else { MAGIC.len() });
        }
        if self.admit(len as u64) {
            self.credible += 1;
            self.inside.push(format!("bytes@{start}"));
            let result = self.sink.take(&self.inside, Found::Module(bytes.get(..len).unwrap_or_default()));
            self.inside.pop();
            result?;
        }
        // A module within it is looked for when it is analysed.
        Ok(len)
    }
}
