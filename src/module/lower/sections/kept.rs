//! The memory and the tables in which objects are kept, behind the sample's own.

use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, ElementSection, Elements, Encode as _, ExportKind,
    ExportSection, Instruction, MemorySection, MemoryType, RefType, Section as _, TableSection, TableType,
};

use crate::module::{
    limits::{OBJECT_PAGES, OBJECT_REFERENCES},
    objects::{EXPORT, Hierarchy},
};

use super::super::refusal::{Refused, refused};
use super::{Goes, Sections};

/// Bytes of a page.
const PAGE: u32 = 1 << 16;

impl Sections<'_> {
    /// No section of tables can follow.
    pub(super) fn close_tables(&mut self, wasm: &mut Vec<u8>) {
        if self.kept.functions.is_some() && !self.kept.are_tables_written {
            let mut written = TableSection::new();
            self.write_tables(&mut written);
            written.append_to(wasm);
        }
    }

    pub(super) fn write_tables(&mut self, tables: &mut TableSection) {
        if self.kept.functions.is_some() {
            tables.table(TableType {
                element_type: RefType::FUNCREF,
                table64: false,
                minimum: 1 + self.statics.functions.len() as u64,
                maximum: Some(OBJECT_REFERENCES),
                shared: false,
            });
        }
        self.kept.are_tables_written = true;
    }

    /// No section of memories can follow.
    pub(super) fn close_memories(&mut self, wasm: &mut Vec<u8>) {
        self.close_tables(wasm);
        let has_tables = self.tables.iter().any(|(_, refers)| *refers == Hierarchy::Object);
        if (self.kept.memory.is_some() || has_tables) && !self.kept.is_memory_written {
            let mut written = MemorySection::new();
            self.write_memory(&mut written);
            written.append_to(wasm);
        }
    }

    pub(super) fn write_memory(&mut self, memories: &mut MemorySection) {
        if self.kept.memory.is_some() {
            memories.memory(MemoryType {
                minimum: u64::from(self.statics.top().div_ceil(PAGE)),
                maximum: Some(OBJECT_PAGES),
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
        }
        for (ty, _) in self.tables.iter().filter(|(_, refers)| *refers == Hierarchy::Object) {
            let pages = |elements: u64| elements.saturating_mul(4).div_ceil(PAGE.into()).min(1 << 16);
            memories.memory(MemoryType {
                minimum: pages(ty.initial),
                maximum: ty.maximum.map(pages),
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
        }
        self.kept.is_memory_written = true;
    }

    /// No section of exports can follow.
    pub(super) fn close_exports(&mut self, wasm: &mut Vec<u8>) {
        self.close_globals(wasm);
        if self.kept.memory.is_some() && !self.kept.is_exported {
            let mut written = ExportSection::new();
            self.write_export(&mut written);
            written.append_to(wasm);
        }
    }

    /// Exports the memory of objects, for the host.
    pub(super) fn write_export(&mut self, exports: &mut ExportSection) {
        if let Some(memory) = self.kept.memory
            && self.sample.export(EXPORT).is_none()
        {
            exports.export(EXPORT, ExportKind::Memory, memory);
        }
        self.kept.is_exported = true;
    }

    pub(super) fn has_kept_elements(&self) -> bool {
        !self.statics.functions.is_empty() && !self.kept.are_elements_written
    }

    pub(super) fn write_kept_elements(&mut self, elements: &mut ElementSection) {
        let imported = self.sample.imported_functions();
        let more = self.more_imports();
        let function = |function: &Option<u32>| match *function {
            Some(function) if function < imported => ConstExpr::ref_func(function),
            Some(function) => ConstExpr::ref_func(function.saturating_add(more)),
            None => ConstExpr::ref_null(wasm_encoder::HeapType::FUNC),
        };
        let functions: Vec<_> = self.statics.functions.iter().map(function).collect();
        if let Some(table) = self.kept.functions.filter(|_| !functions.is_empty()) {
            let items = Elements::Expressions(RefType::FUNCREF, functions.into());
            elements.active(Some(table), &ConstExpr::i32_const(1), items);
        }
        self.kept.are_elements_written = true;
    }

    /// No section can follow.
    pub(in super::super) fn close_data(&mut self, wasm: &mut Vec<u8>) {
        self.close_elements(wasm);
        if self.more_data() > 0 && !self.kept.is_data_written {
            let mut written = DataSection::new();
            self.write_data(&mut written);
            written.append_to(wasm);
        }
    }

    /// Segments of data of our own.
    pub(super) fn more_data(&self) -> u32 {
        let elements = self.statics.elements.iter().flatten().count();
        // Those that are active come once more.
        let active = self.statics.elements.iter().zip(&self.goes);
        let active = active.filter(|(items, goes)| items.is_some() && matches!(goes, Goes::Active(..)));
        let count = self.first_objects().count() + elements + active.count();
        count as u32 + u32::from(self.kept.memory.is_some())
    }

    /// Says how many segments of data there are, if nothing has yet and code may ask for some of ours.
    pub(in super::super) fn close_count(&mut self, wasm: &mut Vec<u8>) {
        self.close_elements(wasm);
        if !self.kept.is_count_written && self.statics.elements.iter().any(Option::is_some) {
            let count = self.data_lens.len() as u32 + self.more_data();
            DataCountSection { count }.append_to(wasm);
        }
        self.kept.is_count_written = true;
    }

    /// Defined tables that begin with a reference to an object: index, length, and reference.
    fn first_objects(&self) -> impl Iterator<Item = (u32, u64, u32)> {
        let imported = self.tables.len().saturating_sub(self.statics.tables.len());
        let defined = (imported as u32..).zip(self.tables.iter().skip(imported)).zip(&self.statics.tables);
        let filled = defined.filter(|(_, object)| **object != 0);
        filled.map(|((index, (ty, _)), &object)| (index, ty.initial, object))
    }

    /// A table of objects that does not begin with null takes room.
    pub(super) fn check_tables(&self) -> Result<(), Refused> {
        let bytes =
            self.first_objects().map(|(_, len, _)| len.saturating_mul(4)).fold(0, u64::saturating_add);
        match bytes > self.room as u64 {
            true => refused("a table that begins with too many objects"),
            false => Ok(()),
        }
    }

    /// Notes where a segment goes.
    pub(super) fn note_goes(&mut self, goes: Goes) -> Result<(), Refused> {
        let position = self.goes.len();
        if let Goes::Active(table, offset) = &goes
            && self.statics.elements.get(position).is_some_and(Option::is_some)
            && self.is_table_64(*table)
            && constant_64(offset).is_none()
        {
            return refused("a segment of objects for a table of 64 bits at an offset that is calculated");
        }
        self.goes.push(goes);
        Ok(())
    }

    /// Writes the segments that keep what is in tables of objects and in segments for them. Those that code
    /// may ask for come first, in the order of [`Sections::element_data`].
    fn write_objects(&self, data: &mut DataSection) {
        let bytes = |items: &[u32]| items.iter().flat_map(|object| object.to_le_bytes()).collect::<Vec<u8>>();
        let all = || self.statics.elements.iter().zip(&self.goes);
        for (items, goes) in all() {
            let Some(items) = items else { continue };
            data.passive(if matches!(goes, Goes::Passive) { bytes(items) } else { Vec::new() });
        }
        for (table, len, object) in self.first_objects() {
            let memory = self.table_memory(table).unwrap_or(0);
            let len = usize::try_from(len).unwrap_or_default();
            data.active(memory, &ConstExpr::i32_const(0), bytes(&vec![object; len]));
        }
        for (items, goes) in all() {
            let (Some(items), Goes::Active(table, offset)) = (items, goes) else { continue };
            let memory = self.table_memory(*table).unwrap_or(0);
            data.active(memory, &in_bytes(offset, self.is_table_64(*table)), bytes(items));
        }
    }

    pub(super) fn write_data(&mut self, data: &mut DataSection) {
        self.write_objects(data);
        if let Some(memory) = self.kept.memory {
            data.active(memory, &ConstExpr::i32_const(0), self.statics.bytes.iter().copied());
        }
        self.kept.is_data_written = true;
    }
}

/// The number that an expression of 64 bits is, if it is nothing else.
fn constant_64(expr: &ConstExpr) -> Option<i64> {
    let mut bytes = Vec::new();
    expr.encode(&mut bytes);
    let mut reader = wasmparser::BinaryReader::new(bytes.get(1..)?, 0);
    let number = reader.read_var_i64().ok().filter(|_| bytes.first() == Some(&0x42))?;
    (reader.bytes_remaining() == 1).then_some(number)
}

/// An index of a table as an address.
fn in_bytes(index: &ConstExpr, is_64: bool) -> ConstExpr {
    if is_64 {
        // The engine's table has refused what is not there.
        let address = constant_64(index).unwrap_or(0).wrapping_mul(4);
        return ConstExpr::i32_const(address as i32);
    }
    let mut bytes = Vec::new();
    index.encode(&mut bytes);
    // Without its `end`, which an expression of its own gets again.
    bytes.pop();
    Instruction::I32Const(4).encode(&mut bytes);
    Instruction::I32Mul.encode(&mut bytes);
    ConstExpr::raw(bytes)
}
