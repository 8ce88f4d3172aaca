//! Coverage files that Ghidra, Lighthouse, Cartographer and their like read: drcov version 2, and
//! `module+offset` lines.
//!
//! Ghidra's loader puts the whole module at [`GHIDRA_BASE`], so an address is that base plus the byte offset
//! in the module. Of a component, offsets are those of its file. If several of its modules ran as one, each
//! function stands where it does in the file, and drcov lists each of these modules with its own base.
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

use std::{borrow::Cow, collections::HashMap, io};

use crate::{
    module::{CodeOffset, FuncIndex, InFile, Module},
    passes::flow::RanBlock,
};

use super::GHIDRA_BASE;
use super::limits::NAME_CHARS;
use crate::text::clip;

/// A module of the table of drcov.
struct Row {
    base: u64,
    size: u64,
    path: String,
}

/// Writes blocks as drcov, version 2. A block of more than 65,535 bytes becomes several.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_drcov(
    name: &str,
    module: &Module,
    blocks: &[RanBlock],
    out: &mut impl io::Write,
) -> io::Result<()> {
    let (rows, mut table) = (rows(name, module), Vec::new());
    for (number, block) in in_file(module, blocks) {
        let row = if module.is_linked() { number as usize } else { 0 };
        let base = rows.get(row).map_or(0, |row| row.base) as u32;
        let (mut start, end) = (block.offset.0.saturating_sub(base), block.end.0.saturating_sub(base));
        while start < end {
            let len = u16::try_from(end - start).unwrap_or(u16::MAX);
            table.extend(start.to_le_bytes());
            table.extend(len.to_le_bytes());
            table.extend((row as u16).to_le_bytes());
            start += u32::from(len);
        }
    }
    let count = rows.len();
    writeln!(out, "DRCOV VERSION: 2\nDRCOV FLAVOR: wasmspoor\nModule Table: version 2, count {count}")?;
    writeln!(out, "Columns: id, base, end, entry, checksum, timestamp, path")?;
    for (id, Row { base, size, path }) in rows.iter().enumerate() {
        let (base, end) = (GHIDRA_BASE + base, GHIDRA_BASE + base + size);
        writeln!(
            out,
            " {id}, {base:#010x}, {end:#010x}, 0x0000000000000000, 0x00000000, 0x00000000, {path}"
        )?;
    }
    writeln!(out, "BB Table: {} bbs", table.len() / 8)?;
    out.write_all(&table)
}

/// The file, or the modules of a component of which several became one: by their numbers, as many as the
/// format can tell apart.
fn rows(name: &str, module: &Module) -> Vec<Row> {
    // The path is the last field of a line that readers split at commas.
    let name = file_name(name).replace(',', "_");
    match module.component().filter(|component| component.linkage.is_some()) {
        None => vec![Row { base: 0, size: module.bytes().len() as u64, path: name }],
        Some(component) => {
            let parts = component.modules.iter().take(usize::from(u16::MAX)).enumerate();
            let row = |(number, part): (usize, &crate::module::component::Part)| Row {
                base: part.bytes.start as u64,
                size: part.bytes.len() as u64,
                path: format!("{name} (module {number})"),
            };
            parts.map(row).collect()
        }
    }
}

/// Blocks at their places in the file, by offset, each with the number of its module among those of the
/// component. What stands in none is left out. A module that is made twice has its blocks once.
fn in_file<'b>(module: &Module, blocks: &'b [RanBlock]) -> Vec<(u32, Cow<'b, RanBlock>)> {
    if !module.is_linked() {
        return blocks.iter().map(|block| (0, Cow::Borrowed(block))).collect();
    }
    let mut known: HashMap<FuncIndex, Option<InFile>> = HashMap::new();
    let mut placed: Vec<(u32, Cow<'b, RanBlock>)> = Vec::new();
    for block in blocks {
        let Some(there) = known.entry(block.func).or_insert_with(|| module.in_file(block.func)) else {
            continue;
        };
        let at = |offset: CodeOffset| there.at(offset);
        let (Some(offset), Some(end)) = (at(block.offset), at(block.end)) else { continue };
        let instructions = block.instructions.iter().filter_map(|offset| at(*offset)).collect();
        let block = RanBlock { func: block.func, offset, end, instructions, count: block.count };
        placed.push((there.module, Cow::Owned(block)));
    }
    placed.sort_by_key(|(_, block)| block.offset);
    placed.dedup_by_key(|(_, block)| block.offset);
    placed
}

/// Writes the offset of each executed instruction as a line `sample.wasm+3a06`, ascending.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_modoff(
    name: &str,
    module: &Module,
    blocks: &[RanBlock],
    out: &mut impl io::Write,
) -> io::Result<()> {
    let (name, blocks) = (file_name(name), in_file(module, blocks));
    let mut offsets: Vec<_> = blocks.iter().flat_map(|(_, block)| &block.instructions).collect();
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
        let module = Module::parse(&b"\0asm\x01\0\0\0"[..]).unwrap();
        let mut out = Vec::new();
        write_drcov("a/b, c.wasm", &module, std::slice::from_ref(&block), &mut out).unwrap();
        let text = String::from_utf8_lossy(&out);
        assert!(text.contains(" 0, 0x80000000, 0x80000008, "), "{text}");
        assert!(text.contains(", b_ c.wasm\nBB Table: 2 bbs\n"), "{text}");
        let table = &out[out.len() - 16..];
        assert_eq!(table[..8], [0x10, 0, 0, 0, 0xff, 0xff, 0, 0]);
        assert_eq!(table[8..], [0x0f, 0, 1, 0, 0x71, 0x11, 0, 0]);
        let mut out = Vec::new();
        write_modoff("d/x, +y.wasm", &module, &[block], &mut out).unwrap();
        assert_eq!(out, b"x, +y.wasm+10\nx, +y.wasm+12\n");
    }
}
