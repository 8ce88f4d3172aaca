//! Operators on arrays.

use wasm_encoder::{BlockType, Instruction as I};
use wasmparser::Operator;

use crate::module::{
    limits::OBJECT_PAGES,
    objects::{HEADER, Hierarchy, LENGTH, Shape, Storage, array_size},
};

use super::super::{body::Reader, refusal::Refused, sites::Stop, temps::Temps};
use super::OBJECT;

/// The locals of a length, of indices, and of a second array.
const LEN: u32 = 1;
const INDEX: u32 = 2;
const SOURCE: u32 = 4;
const SOURCE_INDEX: u32 = 5;
/// Bytes that are filled, while others are.
const DONE: u32 = 3;

/// Bytes of elements that find room, however many there are.
const MOST_BYTES: u32 = (OBJECT_PAGES as u32) << 16;

impl Reader<'_, '_> {
    pub(super) fn array(&mut self, operator: &Operator<'_>, temps: Temps) -> Result<bool, Refused> {
        use Operator as O;
        let objects = self.sections.objects();
        let (O::ArrayNew { array_type_index: ty }
        | O::ArrayNewDefault { array_type_index: ty }
        | O::ArrayNewFixed { array_type_index: ty, .. }
        | O::ArrayNewData { array_type_index: ty, .. }
        | O::ArrayNewElem { array_type_index: ty, .. }
        | O::ArrayGet { array_type_index: ty }
        | O::ArrayGetS { array_type_index: ty }
        | O::ArrayGetU { array_type_index: ty }
        | O::ArraySet { array_type_index: ty }
        | O::ArrayFill { array_type_index: ty }
        | O::ArrayCopy { array_type_index_dst: ty, .. }
        | O::ArrayInitData { array_type_index: ty, .. }
        | O::ArrayInitElem { array_type_index: ty, .. }) = *operator
        else {
            return self.cast(operator, temps);
        };
        let Some(shape) = objects.shape(ty) else { return Ok(false) };
        let element = shape.element();
        match *operator {
            O::ArrayNew { .. } => self.new_array(shape, temps, false),
            O::ArrayNewDefault { .. } => self.new_array(shape, temps, true),
            O::ArrayNewFixed { array_size, .. } => self.new_fixed(shape, temps, array_size),
            O::ArrayNewData { array_data_index, .. } => self.new_data(shape, temps, array_data_index),
            O::ArrayNewElem { array_elem_index, .. } => {
                let data = self.sections.element_data(array_elem_index);
                match (self.aside(element), data) {
                    (Some(table), _) => self.new_elements(shape, temps, array_elem_index, table),
                    (None, Some(data)) => self.new_objects(shape, temps, array_elem_index, data),
                    (None, None) => return Ok(false),
                }
            }
            O::ArraySet { .. } => self.set_element(element, temps),
            O::ArrayFill { .. } => self.fill(element, temps),
            O::ArrayCopy { .. } => self.copy(element, temps),
            O::ArrayInitData { array_data_index, .. } => self.init_data(element, temps, array_data_index),
            O::ArrayInitElem { array_elem_index, .. } => {
                let data = self.sections.element_data(array_elem_index);
                match (self.aside(element), data) {
                    (Some(table), _) => self.init_elements(temps, array_elem_index, table),
                    (None, Some(data)) => {
                        self.take_init(temps);
                        self.take_objects(temps, data);
                    }
                    (None, None) => return Ok(false),
                }
            }
            _ => self.get_element(element, temps, matches!(operator, O::ArrayGetS { .. })),
        }
        Ok(true)
    }

    /// `array.len`.
    pub(super) fn len(&mut self, temps: Temps) {
        let array = temps.number(OBJECT);
        self.begin_made(&[I::LocalSet(array)]);
        self.demand_some(array, Hierarchy::Object, Stop::NullArray);
        let load = I::I32Load(self.at(LENGTH));
        self.silent(&[I::LocalGet(array), load]);
    }

    /// So many elements in bytes.
    fn bytes(&mut self, count: u32, element: Storage) {
        self.silent(&[I::LocalGet(count), I::I32Const(element.size().ilog2() as i32), I::I32Shl]);
    }

    /// The address of an element, less what all are away from that of the array.
    fn address(&mut self, array: u32, index: u32, element: Storage) {
        self.silent(&[I::LocalGet(array)]);
        self.bytes(index, element);
        self.silent(&[I::I32Add]);
    }

    /// The element of a table that one of an array is.
    fn place(&mut self, array: u32, index: u32) {
        let first = I::I32Load(self.elements());
        self.silent(&[I::LocalGet(array), first, I::LocalGet(index), I::I32Add]);
    }

    /// Makes an array whose length is in its local.
    fn make_array(&mut self, shape: &Shape, temps: Temps) {
        let (element, len) = (shape.element(), temps.number(LEN));
        if element.is_kept_aside() {
            self.silent(&[I::I32Const(array_size(element, 0) as i32)]);
        } else {
            let most = MOST_BYTES / element.size();
            self.demand(&[I::LocalGet(len), I::I32Const(most as i32), I::I32LeU], Stop::Objects);
            self.bytes(len, element);
            self.silent(&[I::I32Const(HEADER as i32 + 7), I::I32Add, I::I32Const(-8), I::I32And]);
        }
        self.make(shape, temps);
        let store = I::I32Store(self.at(LENGTH));
        self.silent(&[I::LocalGet(temps.number(OBJECT)), I::LocalGet(len), store]);
    }

    /// Notes the first element of a table as the array's, which is in the local `INDEX`.
    fn note_first(&mut self, temps: Temps) {
        let store = I::I32Store(self.elements());
        self.silent(&[I::LocalGet(temps.number(OBJECT)), I::LocalGet(temps.number(INDEX)), store]);
    }

    fn new_array(&mut self, shape: &Shape, temps: Temps, is_default: bool) {
        let (element, len) = (shape.element(), temps.number(LEN));
        let value = element.temp(temps);
        self.begin_made(&[I::LocalSet(len)]);
        if !is_default {
            self.silent(&[I::LocalSet(value)]);
        }
        self.make_array(shape, temps);
        let array = temps.number(OBJECT);
        if let Some(table) = self.aside(element) {
            let value = if is_default { element.zero() } else { I::LocalGet(value) };
            self.silent(&[value, I::LocalGet(len)]);
            self.make_aside(table, temps.number(INDEX));
            self.note_first(temps);
        } else if !is_default {
            self.silent(&[I::I32Const(0), I::LocalSet(temps.number(INDEX))]);
            self.fill_elements(element, temps);
        }
        self.silent(&[I::LocalGet(array)]);
    }

    fn new_fixed(&mut self, shape: &Shape, temps: Temps, count: u32) {
        let (element, array) = (shape.element(), temps.number(OBJECT));
        self.begin_made(&[I::I32Const(count as i32), I::LocalSet(temps.number(LEN))]);
        self.make_array(shape, temps);
        let value = element.temp(temps);
        let table = self.aside(element);
        if let Some(table) = table {
            self.silent(&[element.zero(), I::I32Const(count as i32)]);
            self.make_aside(table, temps.number(INDEX));
            self.note_first(temps);
        }
        for index in (0..count).rev() {
            self.silent(&[I::LocalSet(value)]);
            match table {
                Some(table) => {
                    let place = [I::LocalGet(temps.number(INDEX)), I::I32Const(index as i32), I::I32Add];
                    self.silent(&place);
                    self.silent(&[I::LocalGet(value), I::TableSet(table)]);
                }
                None => {
                    let store = element.store(self.at(HEADER + index * element.size()));
                    self.silent(&[I::LocalGet(array), I::LocalGet(value), store]);
                }
            }
        }
        self.silent(&[I::LocalGet(array)]);
    }

    /// Where the bytes of an array begin from the local `INDEX` on.
    fn target(&mut self, element: Storage, temps: Temps) {
        self.address(temps.number(OBJECT), temps.number(INDEX), element);
        self.silent(&[I::I32Const(HEADER as i32), I::I32Add]);
    }

    fn new_data(&mut self, shape: &Shape, temps: Temps, data: u32) {
        let (element, len) = (shape.element(), temps.number(LEN));
        self.begin_made(&[I::LocalSet(len), I::LocalSet(temps.number(SOURCE_INDEX))]);
        let most = self.sections.data_lens.get(data as usize).copied().unwrap_or(0) / element.size();
        self.demand(&[I::LocalGet(len), I::I32Const(most as i32), I::I32LeU], Stop::MemoryBounds);
        self.make_array(shape, temps);
        self.silent(&[I::I32Const(0), I::LocalSet(temps.number(INDEX))]);
        self.take_data(element, temps, data);
        self.silent(&[I::LocalGet(temps.number(OBJECT))]);
    }

    fn take_data(&mut self, element: Storage, temps: Temps, data_index: u32) {
        self.target(element, temps);
        self.silent(&[I::LocalGet(temps.number(SOURCE_INDEX))]);
        self.bytes(temps.number(LEN), element);
        let mem = self.sections.kept.memory.unwrap_or(0);
        self.silent(&[I::MemoryInit { mem, data_index }]);
    }

    fn new_elements(&mut self, shape: &Shape, temps: Temps, elem_index: u32, table: u32) {
        let (element, len) = (shape.element(), temps.number(LEN));
        self.begin_made(&[I::LocalSet(len), I::LocalSet(temps.number(SOURCE_INDEX))]);
        let most = self.sections.element_lens.get(elem_index as usize).copied().unwrap_or(0);
        self.demand(&[I::LocalGet(len), I::I32Const(most as i32), I::I32LeU], Stop::TableBounds);
        self.make_array(shape, temps);
        self.silent(&[element.zero(), I::LocalGet(len)]);
        self.make_aside(table, temps.number(INDEX));
        self.note_first(temps);
        let source =
            [I::LocalGet(temps.number(INDEX)), I::LocalGet(temps.number(SOURCE_INDEX)), I::LocalGet(len)];
        self.silent(&source);
        self.silent(&[I::TableInit { elem_index, table }, I::LocalGet(temps.number(OBJECT))]);
    }

    /// `array.new_elem` of objects.
    fn new_objects(&mut self, shape: &Shape, temps: Temps, elem_index: u32, data: u32) {
        let len = temps.number(LEN);
        self.begin_made(&[I::LocalSet(len), I::LocalSet(temps.number(SOURCE_INDEX))]);
        let most = self.sections.element_lens.get(elem_index as usize).copied().unwrap_or(0);
        self.demand(&[I::LocalGet(len), I::I32Const(most as i32), I::I32LeU], Stop::TableBounds);
        self.make_array(shape, temps);
        self.silent(&[I::I32Const(0), I::LocalSet(temps.number(INDEX))]);
        self.take_objects(temps, data);
        self.silent(&[I::LocalGet(temps.number(OBJECT))]);
    }

    /// Takes references to objects from the segment of data that keeps them.
    fn take_objects(&mut self, temps: Temps, data_index: u32) {
        let mem = self.sections.kept.memory.unwrap_or(0);
        // Beyond the segment, whatever that would be as bytes.
        let (from, len) = (temps.number(SOURCE_INDEX), temps.number(LEN));
        let most = [I::LocalGet(from), I::I32Const(1 << 28), I::I32LtU];
        self.demand(&most, Stop::TableBounds);
        self.target(Storage::Object, temps);
        self.bytes(from, Storage::Object);
        self.bytes(len, Storage::Object);
        self.body.silent_or(&I::MemoryInit { mem, data_index }, Stop::TableBounds);
    }

    /// Stops unless an array is there, and so many elements from an index on.
    fn demand_range(&mut self, array: u32, index: u32, len: u32) {
        let load = I::I32Load(self.at(LENGTH));
        let fits = [I::LocalGet(len), I::LocalGet(array), load.clone(), I::I32LeU];
        self.demand(&fits, Stop::ArrayBounds);
        let begins = [I::LocalGet(index), I::LocalGet(array), load, I::LocalGet(len), I::I32Sub, I::I32LeU];
        self.demand(&begins, Stop::ArrayBounds);
    }

    /// Stops unless an element is there.
    fn demand_element(&mut self, temps: Temps) {
        let (array, index) = (temps.number(OBJECT), temps.number(INDEX));
        self.demand_some(array, Hierarchy::Object, Stop::NullArray);
        let load = I::I32Load(self.at(LENGTH));
        self.demand(&[I::LocalGet(index), I::LocalGet(array), load, I::I32LtU], Stop::ArrayBounds);
    }

    fn get_element(&mut self, element: Storage, temps: Temps, is_signed: bool) {
        let (array, index) = (temps.number(OBJECT), temps.number(INDEX));
        self.begin_made(&[I::LocalSet(index), I::LocalSet(array)]);
        self.demand_element(temps);
        match self.aside(element) {
            Some(table) => {
                self.place(array, index);
                self.silent(&[I::TableGet(table)]);
            }
            None => {
                self.address(array, index, element);
                let load = element.load(self.elements(), is_signed);
                self.silent(&[load]);
            }
        }
    }

    fn set_element(&mut self, element: Storage, temps: Temps) {
        let (array, index, value) = (temps.number(OBJECT), temps.number(INDEX), element.temp(temps));
        self.begin_made(&[I::LocalSet(value), I::LocalSet(index), I::LocalSet(array)]);
        self.demand_element(temps);
        match self.aside(element) {
            Some(table) => {
                self.place(array, index);
                self.silent(&[I::LocalGet(value), I::TableSet(table)]);
            }
            None => {
                self.address(array, index, element);
                let store = element.store(self.elements());
                self.silent(&[I::LocalGet(value), store]);
            }
        }
    }

    fn fill(&mut self, element: Storage, temps: Temps) {
        let (array, index, len) = (temps.number(OBJECT), temps.number(INDEX), temps.number(LEN));
        let value = element.temp(temps);
        self.begin_made(&[I::LocalSet(len), I::LocalSet(value), I::LocalSet(index), I::LocalSet(array)]);
        self.demand_some(array, Hierarchy::Object, Stop::NullArray);
        self.demand_range(array, index, len);
        match self.aside(element) {
            Some(table) => {
                self.place(array, index);
                self.silent(&[I::LocalGet(value), I::LocalGet(len), I::TableFill(table)]);
            }
            None => self.fill_elements(element, temps),
        }
    }

    /// Fills elements: those of one byte as bytes, of others the first, and from there twice as many each
    /// time.
    fn fill_elements(&mut self, element: Storage, temps: Temps) {
        let (len, value) = (temps.number(LEN), element.temp(temps));
        let memory = self.sections.kept.memory.unwrap_or(0);
        if element == Storage::I8 {
            self.target(element, temps);
            self.silent(&[I::LocalGet(value), I::LocalGet(len), I::MemoryFill(memory)]);
            return;
        }
        let done = temps.number(DONE);
        self.silent(&[I::Block(BlockType::Empty), I::LocalGet(len), I::I32Eqz, I::BrIf(0)]);
        self.target(element, temps);
        let store = element.store(self.at(0));
        let size = element.size() as i32;
        self.silent(&[I::LocalGet(value), store, I::I32Const(size), I::LocalSet(done)]);
        self.silent(&[I::Loop(BlockType::Empty), I::LocalGet(done)]);
        self.bytes(len, element);
        self.silent(&[I::I32GeU, I::BrIf(1)]);
        self.target(element, temps);
        self.silent(&[I::LocalGet(done), I::I32Add]);
        self.target(element, temps);
        // As much as is done, or as is left.
        self.silent(&[I::LocalGet(done)]);
        self.bytes(len, element);
        self.silent(&[I::LocalGet(done), I::I32Sub, I::LocalGet(done)]);
        self.bytes(len, element);
        self.silent(&[I::LocalGet(done), I::I32Sub, I::I32LeU, I::Select]);
        self.silent(&[I::MemoryCopy { src_mem: memory, dst_mem: memory }]);
        self.silent(&[I::LocalGet(done), I::I32Const(1), I::I32Shl, I::LocalSet(done), I::Br(0)]);
        self.silent(&[I::End, I::End]);
    }

    fn copy(&mut self, element: Storage, temps: Temps) {
        let (array, index, len) = (temps.number(OBJECT), temps.number(INDEX), temps.number(LEN));
        let (source, from) = (temps.number(SOURCE), temps.number(SOURCE_INDEX));
        self.begin_made(&[I::LocalSet(len), I::LocalSet(from), I::LocalSet(source)]);
        self.silent(&[I::LocalSet(index), I::LocalSet(array)]);
        self.demand_some(array, Hierarchy::Object, Stop::NullArray);
        self.demand_some(source, Hierarchy::Object, Stop::NullArray);
        self.demand_range(array, index, len);
        self.demand_range(source, from, len);
        match self.aside(element) {
            Some(table) => {
                self.place(array, index);
                self.place(source, from);
                self.silent(&[I::LocalGet(len), I::TableCopy { src_table: table, dst_table: table }]);
            }
            None => {
                let memory = self.sections.kept.memory.unwrap_or(0);
                self.target(element, temps);
                self.address(source, from, element);
                self.silent(&[I::I32Const(HEADER as i32), I::I32Add]);
                self.bytes(len, element);
                self.silent(&[I::MemoryCopy { src_mem: memory, dst_mem: memory }]);
            }
        }
    }

    /// Takes an array, an index into it, one into a segment, and how many elements.
    fn take_init(&mut self, temps: Temps) {
        let (array, index, len) = (temps.number(OBJECT), temps.number(INDEX), temps.number(LEN));
        self.begin_made(&[I::LocalSet(len), I::LocalSet(temps.number(SOURCE_INDEX))]);
        self.silent(&[I::LocalSet(index), I::LocalSet(array)]);
        self.demand_some(array, Hierarchy::Object, Stop::NullArray);
        self.demand_range(array, index, len);
    }

    fn init_data(&mut self, element: Storage, temps: Temps, data: u32) {
        self.take_init(temps);
        self.take_data(element, temps, data);
    }

    fn init_elements(&mut self, temps: Temps, elem_index: u32, table: u32) {
        self.take_init(temps);
        self.place(temps.number(OBJECT), temps.number(INDEX));
        let source = [I::LocalGet(temps.number(SOURCE_INDEX)), I::LocalGet(temps.number(LEN))];
        self.silent(&source);
        self.silent(&[I::TableInit { elem_index, table }]);
    }
}
