//! Making instances: imports, what the module defines, segments.

use std::sync::Arc;

use crate::{
    module::limits::OBJECT_PAGES,
    trace::{
        FuncKey, InstanceIndex,
        effects::{Imported, MemoryShape, TableShape},
    },
};

use super::super::{
    error::ValuesErrorKind,
    layout::{Import, Layout},
    store::{Data, NONE},
    translate::Linked,
    visitor::Visitor,
};
use super::{Machine, Result};

impl Machine<'_> {
    /// Makes the next instance.
    pub(super) fn instantiate(&mut self, imports: &[Imported], visitor: &mut impl Visitor) -> Result<()> {
        let bad = ValuesErrorKind::Effects;
        let index = self.made as u32;
        let trace = self.trace;
        let instance = trace.instances.get(self.made).ok_or_else(|| match trace.is_whole() {
            true => bad("more instances than the trace has"),
            // Of a file that is cut off, effects may be there whose instances are not.
            false => ValuesErrorKind::Truncated {
                why: trace.gap().unwrap_or_else(|| "the file is cut off or damaged".into()).into(),
            },
        })?;
        self.made += 1;
        let module = trace.modules.get(instance.module).ok_or(bad("an instance of no module"))?;
        let layout = match &self.layouts[instance.module] {
            Some(layout) => Arc::clone(layout),
            None => {
                let layout = Layout::read(module, &self.given(imports))
                    .map_err(|error| ValuesErrorKind::Module(error.to_string().into()))?;
                Arc::clone(self.layouts[instance.module].insert(Arc::new(layout)))
            }
        };
        let linked = self.link(&layout, imports)?;
        let linked = self.define(&layout, linked, index, instance.first_key)?;
        let done = self.fill(&layout, &linked, instance.module, visitor);
        self.store.linked.push(linked);
        self.keep_initial_globals();
        done
    }

    /// The values of imported globals.
    fn given(&self, imports: &[Imported]) -> Vec<u128> {
        let value = |import: &Imported| match *import {
            Imported::Global(global) => {
                let [low, high] = self.store.globals.get(global as usize).copied().unwrap_or_default();
                Some(u128::from(low) | u128::from(high) << 64)
            }
            _ => None,
        };
        imports.iter().filter_map(value).collect()
    }

    pub(super) fn link(&mut self, layout: &Layout, imports: &[Imported]) -> Result<Linked> {
        let bad = || ValuesErrorKind::Effects("an import is not what the module asks for");
        let number = |ty: &Option<_>| ty.as_ref().map_or(u32::MAX, |ty| self.store.type_number(ty, layout));
        let types = layout.types.iter().map(number).collect();
        let mut linked = Linked { types, ..Linked::default() };
        // The engine takes imports by kind; only within a kind is their order the module's.
        let mut left: Vec<&Imported> = imports.iter().rev().collect();
        for asked in &layout.imports {
            let position = left.iter().rposition(|given| asked.fits(given)).ok_or_else(bad)?;
            let given = *left.remove(position);
            self.link_one(layout, &mut linked, asked, given)?;
        }
        if left.is_empty() { Ok(linked) } else { Err(bad()) }
    }

    pub(super) fn link_one(
        &mut self,
        layout: &Layout,
        linked: &mut Linked,
        asked: &Import,
        given: Imported,
    ) -> Result<()> {
        let bad = || ValuesErrorKind::Effects("an import is not what the module asks for");
        match (asked, given) {
            (Import::Func(ty), Imported::Func(key)) => {
                let slot = *self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
                let ty = *linked.types.get(*ty as usize).ok_or_else(bad)?;
                if *self.store.funcs[slot as usize].ty.get_or_insert(ty) != ty {
                    return Err(bad());
                }
                linked.funcs.push(slot);
            }
            (Import::Memory, Imported::Memory(memory)) => {
                let shape = layout.memories.get(linked.memories.len()).ok_or_else(bad)?;
                // Of an empty memory the host cannot tell the size of a page.
                self.store.memory(memory)?.page_log2 = shape.page_log2;
                linked.memories.push(memory);
            }
            (Import::Table, Imported::Table(table)) if (table as usize) < self.store.tables.len() => {
                linked.tables.push(table);
            }
            (Import::Global, Imported::Global(global))
                if self.store.global_types.get(global as usize).copied()
                    == layout.globals.get(linked.globals.len()).map(|ty| ty.erased()) =>
            {
                linked.globals.push(global);
            }
            _ => return Err(bad()),
        }
        Ok(())
    }

    /// Makes what the module defines.
    pub(super) fn define(
        &mut self,
        layout: &Layout,
        mut linked: Linked,
        instance: u32,
        first: FuncKey,
    ) -> Result<Linked> {
        linked.first_element = self.store.elements.len() as u32;
        linked.first_segment = self.store.segments.len() as u32;
        for shape in &layout.memories[layout.imported_memories..] {
            linked.memories.push(self.store.new_memory(*shape)?);
        }
        let memory = linked.memories.first().copied().unwrap_or(NONE);
        if layout.objects.are_there() {
            linked.heap.memory = self.new_objects(layout)?;
        }
        for index in layout.imported_funcs..layout.funcs.len() as u32 {
            let key = first.0.checked_add(index - layout.imported_funcs);
            let key = FuncKey(key.ok_or(ValuesErrorKind::Effects("keys are too large"))?);
            let ty = layout.funcs.get(index as usize).and_then(|&ty| linked.types.get(ty as usize));
            let defined = Some((InstanceIndex(instance), index));
            linked.funcs.push(self.store.new_func(key, ty.copied(), defined, memory)?);
        }
        for global in &layout.defined_globals {
            let value = self.store.eval(&global.init, &linked)?;
            linked.globals.push(self.store.new_global(global.ty, value));
        }
        for table in &layout.defined_tables {
            let value = match &table.init {
                Some(init) => self.store.eval(init, &linked)?[0],
                None => 0,
            };
            linked.tables.push(self.store.new_table(table.shape, value)?);
        }
        if layout.objects.are_there() {
            self.new_functions(layout, &mut linked)?;
        }
        Ok(linked)
    }

    /// Makes the memory of objects.
    fn new_objects(&mut self, layout: &Layout) -> Result<u32> {
        let pages = u64::from(layout.statics.top()).div_ceil(1 << 16);
        let shape = MemoryShape { pages, maximum: Some(OBJECT_PAGES), page_log2: 16, is_64: false };
        let memory = self.store.new_memory(shape)?;
        let bytes = &layout.statics.bytes;
        if let Some(target) = self.store.memory(memory)?.bytes.get_mut(..bytes.len()) {
            target.copy_from_slice(bytes);
        }
        Ok(memory)
    }

    /// Makes the table of functions that objects refer to.
    fn new_functions(&mut self, layout: &Layout, linked: &mut Linked) -> Result<()> {
        let function = |function: &Option<u32>| {
            let slot = function.and_then(|function| linked.funcs.get(function as usize));
            slot.map_or(0, |&slot| u64::from(slot) + 1)
        };
        let functions: Vec<u64> =
            std::iter::once(0).chain(layout.statics.functions.iter().map(function)).collect();
        let shape = TableShape { len: functions.len() as u64, maximum: None, is_64: false };
        linked.heap.functions = self.store.new_table(shape, 0)?;
        if let Some(table) = self.store.tables.get_mut(linked.heap.functions as usize) {
            table.elements = functions;
        }
        Ok(())
    }

    /// Does what active segments do; one that does not fit ends the instantiation.
    pub(super) fn fill(
        &mut self,
        layout: &Layout,
        linked: &Linked,
        module: usize,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let (first_element, first_segment) = (self.store.elements.len(), self.store.segments.len());
        for element in &layout.elements {
            let items = element.items.iter().map(|item| Ok(self.store.eval(item, linked)?[0]));
            let items = items.collect::<Result<Vec<u64>>>()?;
            self.store.elements.push(if element.is_declared { Vec::new() } else { items });
        }
        self.store
            .segments
            .extend(layout.segments.iter().map(|segment| Data { module, bytes: segment.bytes.clone() }));
        for (index, element) in layout.elements.iter().enumerate() {
            let Some((table, offset)) = &element.active else { continue };
            let start = self.store.eval(offset, linked)?[0] as usize;
            let items = std::mem::take(&mut self.store.elements[first_element + index]);
            let table = linked.tables.get(*table as usize).copied().unwrap_or(NONE);
            let table = self.store.tables.get_mut(table as usize);
            let end = start.checked_add(items.len());
            let target = table.and_then(|table| table.elements.get_mut(start..end?));
            let Some(target) = target else { return Ok(()) };
            target.copy_from_slice(&items);
        }
        let trace = self.trace;
        let bytes = trace.modules[module].image();
        for (index, segment) in layout.segments.iter().enumerate() {
            let Some((memory, offset)) = &segment.active else { continue };
            let start = self.store.eval(offset, linked)?[0];
            let data = bytes.get(segment.bytes.clone()).unwrap_or_default();
            self.store.segments[first_segment + index].bytes = 0..0;
            let number = linked.memories.get(*memory as usize).copied().unwrap_or(NONE);
            let Some(memory) = self.store.memories.get_mut(number as usize) else { return Ok(()) };
            let range = (start as usize).checked_add(data.len()).map(|end| start as usize..end);
            let Some(target) = range.and_then(|range| memory.bytes.get_mut(range)) else { return Ok(()) };
            target.copy_from_slice(data);
            visitor.segment(number, start, data);
            self.written(visitor, number, start, data.len() as u64);
        }
        if layout.objects.are_there() {
            let bytes = &layout.statics.bytes;
            visitor.segment(linked.heap.memory, 0, bytes);
            self.written(visitor, linked.heap.memory, 0, bytes.len() as u64);
        }
        Ok(())
    }
}
