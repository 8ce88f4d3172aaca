//! Bulk operations on memories and tables.

use std::ops::Range;

use crate::trace::Trap;

use super::super::{
    code::{Code, Instr},
    machine::{Machine, Result},
    store::NONE,
    visitor::Visitor,
};

impl Machine<'_> {
    /// Compares a bulk operation with its record.
    pub(super) fn check_bulk(&mut self, instr: Instr) -> Result<[u64; 3]> {
        let [dst, src, len] = [instr.a, instr.b, instr.c].map(|slot| self.here(slot));
        let recorded = match instr.code {
            // The value that is filled in is a byte.
            Code::MemoryFill => src & 0xff,
            Code::TableFill => 0,
            _ => src,
        };
        self.check.bulk(dst, recorded, len)?;
        Ok([dst, src, len])
    }

    pub(super) fn bulk(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        self.take_memory(NONE);
        let operands = self.check_bulk(instr)?;
        let (data, [dst, src, len]) = (self.data(), operands);
        let done = match instr.code {
            Code::MemoryCopy => self.memory_copy(data, operands),
            Code::MemoryFill => {
                let memory = self.store.memory(data.a)?;
                range(dst, len, memory.bytes.len()).map(|range| memory.bytes[range].fill(src as u8))
            }
            Code::MemoryInit => self.memory_init(data, operands),
            Code::TableFill => {
                let table = self.store.tables.get_mut(data.a as usize);
                table.and_then(|table| {
                    range(dst, len, table.elements.len()).map(|range| table.elements[range].fill(src))
                })
            }
            Code::TableCopy => self.table_copy(data, operands),
            _ => self.table_init(data, operands),
        };
        if done.is_none() {
            let is_table = matches!(instr.code, Code::TableCopy | Code::TableFill | Code::TableInit);
            let code = if is_table { Trap::OutOfBoundsTableAccess } else { Trap::OutOfBoundsMemoryAccess };
            return self.fails(visitor, instr, &operands, code);
        }
        match instr.code {
            Code::MemoryCopy => {
                self.access(visitor, data.b, src, len, false);
                self.access(visitor, data.a, dst, len, true);
                self.written(visitor, data.a, dst, len);
            }
            Code::MemoryFill => {
                self.access(visitor, data.a, dst, len, true);
                self.written(visitor, data.a, dst, len);
            }
            Code::MemoryInit => {
                self.access(visitor, data.b, dst, len, true);
                self.written(visitor, data.b, dst, len);
            }
            _ => {}
        }
        self.told(visitor, instr, &operands, &[], 2);
        Ok(false)
    }

    pub(super) fn memory_copy(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let (to, from) = (data.a as usize, data.b as usize);
        let target = range(dst, len, self.store.memories.get(to)?.bytes.len())?;
        let source = range(src, len, self.store.memories.get(from)?.bytes.len())?;
        if to == from {
            self.store.memories[to].bytes.copy_within(source, target.start);
            return Some(());
        }
        let [to, from] = self.store.memories.get_disjoint_mut([to, from]).ok()?;
        to.bytes[target].copy_from_slice(&from.bytes[source]);
        Some(())
    }

    pub(super) fn memory_init(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let segment = self.store.segments.get(data.a as usize)?;
        let module = self.trace.modules.get(segment.module)?;
        let bytes = module.image().get(segment.bytes.clone())?;
        let source = range(src, len, bytes.len())?;
        let memory = self.store.memories.get_mut(data.b as usize)?;
        let target = range(dst, len, memory.bytes.len())?;
        memory.bytes[target].copy_from_slice(&bytes[source]);
        Some(())
    }

    pub(super) fn table_copy(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let (to, from) = (data.a as usize, data.b as usize);
        let target = range(dst, len, self.store.tables.get(to)?.elements.len())?;
        let source = range(src, len, self.store.tables.get(from)?.elements.len())?;
        if to == from {
            self.store.tables[to].elements.copy_within(source, target.start);
            return Some(());
        }
        let [to, from] = self.store.tables.get_disjoint_mut([to, from]).ok()?;
        to.elements[target].copy_from_slice(&from.elements[source]);
        Some(())
    }

    pub(super) fn table_init(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let items = self.store.elements.get(data.a as usize)?;
        let source = range(src, len, items.len())?;
        let table = self.store.tables.get_mut(data.b as usize)?;
        let target = range(dst, len, table.elements.len())?;
        table.elements[target].copy_from_slice(&items[source]);
        Some(())
    }
}

pub(super) fn range(start: u64, len: u64, bound: usize) -> Option<Range<usize>> {
    let end = start.checked_add(len).filter(|&end| end <= bound as u64)?;
    Some(start as usize..end as usize)
}
