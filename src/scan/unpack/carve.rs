//! Modules that lie open among other bytes: in a dump of a process, a program, a data segment.

use std::{io, ops::Range};

use memchr::memmem;

use super::{Found, Unpacker};
use crate::module::extent;

/// What begins a binary: the magic number, then the version of a module, or that of a component.
const MAGIC: &[u8; 4] = b"\0asm";
const VERSIONS: [[u8; 4]; 2] = [[1, 0, 0, 0], [0x0d, 0, 1, 0]];

impl Unpacker<'_> {
    /// Looks for modules, as bytes and as text, in a range of bytes that no container accounts for; places are counted from the first byte.
    pub(super) fn pieces(&mut self, bytes: &[u8], range: Range<usize>) -> io::Result<()> {
        let Some(bytes) = bytes.get(..range.end) else { return Ok(()) };
        self.carve(bytes, range.start)?;
        self.text(bytes, range.start)
    }

    fn carve(&mut self, bytes: &[u8], from: usize) -> io::Result<()> {
        let mut at = from;
        while let Some(found) = bytes.get(at..).and_then(|rest| memmem::find(rest, MAGIC)) {
            let start = at + found;
            let module = bytes.get(start..).unwrap_or_default();
            let len = if VERSIONS.iter().any(|version| module.get(4..8) == Some(version)) { extent(module) } else { 0 };
            if len <= 8 {
                at = start + MAGIC.len();
                continue;
            }
            if self.admit(len as u64) {
                self.inside.push(format!("bytes@{start}"));
                let result = self.sink.take(&self.inside, Found::Module(module.get(..len).unwrap_or_default()));
                self.inside.pop();
                result?;
            }
            // A module within it is looked for when it is analysed.
            at = start + len;
        }
        Ok(())
    }
}
