//! Coverage files that Ghidra, Lighthouse, Cartographer and their like read: drcov version 2, and
//! `module+offset` lines.
//!
//! Ghidra's loader puts the whole module at [`GHIDRA_BASE`], so an address is that base plus the byte offset
//! in the module.
//!
//! ```text
//! DRCOV VERSION: 2
//! DRCOV FLAVOR: wasmspoor
//! Module Table: version 2, count 1
//! Columns: id, base, end, entry, checksum, timestamp, path
//!  0, 0x80000000, 0x80001a2b, 0x0000000000000000, 0x00000000, 0x00000000, sample.wasm
//! BB Table: 2 bbs
//! then for each block, little-endian: u32 start (from the base), u16 size, u16 id of the module
//! ```

use std::io;

use crate::passes::flow::RanBlock;

use super::GHIDRA_BASE;
use super::limits::NAME_CHARS;
use crate::text::clip;

/// Writes blocks as drcov, version 2. A block of more than 65,535 bytes becomes several.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_drcov(name: &str, size: u64, blocks: &[RanBlock], out: &mut impl io::Write) -> io::Result<()> {
    let mut table = Vec::new();
    for block in blocks {
        let mut start = block.offset.0;
        while start < block.end.0 {
            let len = u16::try_from(block.end.0 - start).unwrap_or(u16::MAX);
            table.extend(start.to_le_bytes());
            table.extend(len.to_le_bytes());
            table.extend([0; 2]);
            start += u32::from(len);
        }
    }
    let end = GHIDRA_BASE + size;
    writeln!(out, "DRCOV VERSION: 2\nDRCOV FLAVOR: wasmspoor\nModule Table: version 2, count 1")?;
    writeln!(out, "Columns: id, base, end, entry, checksum, timestamp, path")?;
    writeln!(
        out,
        " 0, {GHIDRA_BASE:#010x}, {end:#010x}, 0x0000000000000000, 0x00000000, 0x00000000, {}",
        // The path is the last field of a line that readers split at commas.
        file_name(name).replace(',', "_")
    )?;
    writeln!(out, "BB Table: {} bbs", table.len() / 8)?;
    out.write_all(&table)
}

/// Writes the offset of each executed instruction as a line `sample.wasm+3a06`, ascending.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_modoff(name: &str, blocks: &[RanBlock], out: &mut impl io::Write) -> io::Result<()> {
    let name = file_name(name);
    let mut offsets: Vec<_> = blocks.iter().flat_map(|block| &block.instructions).collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets.into_iter().try_for_each(|offset| writeln!(out, "{name}+{:x}", offset.0))
}

/// The last part of a path, by which readers find the module. Blanks and `+` are its own, since a line of
/// offsets is split at its last `+`.
fn file_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    clip(name, NAME_CHARS)
}

#[cfg(test)]
mod tests {
    use crate::module::{CodeOffset, FuncIndex};

    use super::*;

    #[test]
    fn a_large_block_is_split() {
        let block = RanBlock {
            func: FuncIndex(0),
            offset: CodeOffset(0x10),
            end: CodeOffset(0x10 + 70_000),
            instructions: vec![CodeOffset(0x10), CodeOffset(0x12)],
            count: 1,
        };
        let mut out = Vec::new();
        write_drcov("a/b, c.wasm", 80_000, std::slice::from_ref(&block), &mut out).unwrap();
        let text = String::from_utf8_lossy(&out);
        assert!(text.contains(" 0, 0x80000000, 0x80013880, "), "{text}");
        assert!(text.contains(", b_ c.wasm\nBB Table: 2 bbs\n"), "{text}");
        let table = &out[out.len() - 16..];
        assert_eq!(table[..8], [0x10, 0, 0, 0, 0xff, 0xff, 0, 0]);
        assert_eq!(table[8..], [0x0f, 0, 1, 0, 0x71, 0x11, 0, 0]);
        let mut out = Vec::new();
        write_modoff("d/x, +y.wasm", &[block], &mut out).unwrap();
        assert_eq!(out, b"x, +y.wasm+10\nx, +y.wasm+12\n");
    }
}
