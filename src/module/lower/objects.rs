//! Operators of garbage collection on a memory of ours, which `module::objects` lays out.
//!
//! A structure is made by noting where the next one begins, and by stores. Nothing is given back, so the
//! memory grows until it may not; then the run stops with a reason of its own.

mod arrays;
mod casts;
mod tables;

use wasm_encoder::{Instruction as I, MemArg, MemArgTarget};
use wasmparser::Operator;

use crate::module::objects::{HEADER, Hierarchy, STEP, Shape, Storage, TOP};

use super::{body::Reader, refusal::Refused, sites::Stop, temps::Temps};

/// The local of a reference to an object.
const OBJECT: u32 = 0;
/// That of the first element of the table of functions.
const FUNCTIONS: u32 = 1;
/// Where an object ends.
const END: u32 = 3;

/// Bytes of a page, and of a step by which the memory grows, as powers of two.
const PAGE_BITS: i32 = 16;
const STEP_BITS: i32 = PAGE_BITS + STEP as i32;

impl Storage {
    /// What loads it; `is_signed` of what is narrower than its value.
    fn load(self, memarg: MemArg, is_signed: bool) -> I<'static> {
        match (self, is_signed) {
            (Self::I8, true) => I::I32Load8S(memarg),
            (Self::I8, false) => I::I32Load8U(memarg),
            (Self::I16, true) => I::I32Load16S(memarg),
            (Self::I16, false) => I::I32Load16U(memarg),
            (Self::I64, _) => I::I64Load(memarg),
            (Self::F32, _) => I::F32Load(memarg),
            (Self::F64, _) => I::F64Load(memarg),
            (Self::V128 | Self::Exception, _) => I::V128Load(memarg),
            _ => I::I32Load(memarg),
        }
    }

    fn store(self, memarg: MemArg) -> I<'static> {
        match self {
            Self::I8 => I::I32Store8(memarg),
            Self::I16 => I::I32Store16(memarg),
            Self::I64 => I::I64Store(memarg),
            Self::F32 => I::F32Store(memarg),
            Self::F64 => I::F64Store(memarg),
            Self::V128 | Self::Exception => I::V128Store(memarg),
            _ => I::I32Store(memarg),
        }
    }

    /// The local in which a value of it is kept.
    fn temp(self, temps: Temps) -> u32 {
        match self {
            Self::I64 => temps.i64(),
            Self::F32 => temps.f32(),
            Self::F64 => temps.f64(),
            Self::V128 | Self::Exception => temps.v128(),
            Self::Function => temps.reference(Hierarchy::Function),
            _ => temps.number(6),
        }
    }

    /// Its zero or null.
    fn zero(self) -> I<'static> {
        match self {
            Self::I64 => I::I64Const(0),
            Self::F32 => I::F32Const(0.0.into()),
            Self::F64 => I::F64Const(0.0.into()),
            Self::V128 | Self::Exception => I::V128Const(0),
            Self::Function => I::RefNull(wasm_encoder::HeapType::FUNC),
            _ => I::I32Const(0),
        }
    }
}

impl Reader<'_, '_> {
    /// Writes an operator of garbage collection; whether it is one that can be.
    pub(super) fn object(&mut self, operator: &Operator<'_>, temps: Temps) -> Result<bool, Refused> {
        use Operator as O;
        let objects = self.sections.objects();
        match *operator {
            O::StructNew { struct_type_index } => {
                let Some(shape) = objects.shape(struct_type_index) else { return Ok(false) };
                self.structure(shape, temps, false);
            }
            O::StructNewDefault { struct_type_index } => {
                let Some(shape) = objects.shape(struct_type_index) else { return Ok(false) };
                self.structure(shape, temps, true);
            }
            O::StructGet { struct_type_index, field_index }
            | O::StructGetS { struct_type_index, field_index }
            | O::StructGetU { struct_type_index, field_index } => {
                let field =
                    objects.shape(struct_type_index).and_then(|shape| shape.fields.get(field_index as usize));
                let Some(field) = field else { return Ok(false) };
                let is_signed = matches!(operator, O::StructGetS { .. });
                let object = temps.number(OBJECT);
                self.begin_made(&[I::LocalSet(object)]);
                self.demand_some(object, Hierarchy::Object, Stop::NullStructure);
                self.silent(&[I::LocalGet(object)]);
                let load = field.storage.load(self.at(field.offset), is_signed);
                self.silent(&[load]);
                self.get_aside(field.storage);
            }
            O::StructSet { struct_type_index, field_index } => {
                let field =
                    objects.shape(struct_type_index).and_then(|shape| shape.fields.get(field_index as usize));
                let Some(field) = field else { return Ok(false) };
                let (object, value) = (temps.number(OBJECT), field.storage.temp(temps));
                self.begin_made(&[I::LocalSet(value), I::LocalSet(object)]);
                self.demand_some(object, Hierarchy::Object, Stop::NullStructure);
                let at = self.at(field.offset);
                match self.aside(field.storage) {
                    Some(table) => {
                        let place = I::I32Load(at);
                        self.silent(&[I::LocalGet(object), place, I::LocalGet(value), I::TableSet(table)]);
                    }
                    None => {
                        let store = field.storage.store(at);
                        self.silent(&[I::LocalGet(object), I::LocalGet(value), store]);
                    }
                }
            }
            ref operator => return self.array(operator, temps),
        }
        Ok(true)
    }

    /// What is `offset` bytes from an address of an object.
    fn at(&self, offset: u32) -> MemArg {
        let memory = self.sections.kept.memory.unwrap_or(0);
        MemArg { offset: offset.into(), align: 0, target: MemArgTarget::Memory(memory), ordering: None }
    }

    /// The table in which fields of this storage are.
    fn aside(&self, storage: Storage) -> Option<u32> {
        self.sections.kept.functions.filter(|_| storage.is_kept_aside())
    }

    /// Takes a field from its table, if it is in one.
    fn get_aside(&mut self, storage: Storage) {
        if let Some(table) = self.aside(storage) {
            self.silent(&[I::TableGet(table)]);
        }
    }

    /// Makes room for an object of a type, at the address in the first local. Its size is on the stack.
    fn make(&mut self, shape: &Shape, temps: Temps) {
        let (object, end) = (temps.number(OBJECT), temps.number(END));
        let memory = self.sections.kept.memory.unwrap_or(0);
        let top = self.at(TOP);
        self.silent(&[I::LocalSet(end), I::I32Const(0), I::I32Load(top), I::LocalTee(object)]);
        self.silent(&[I::LocalGet(end), I::I32Add, I::LocalSet(end)]);
        let room = [I::MemorySize(memory), I::I32Const(PAGE_BITS), I::I32Shl];
        self.silent(&[I::Block(wasm_encoder::BlockType::Empty), I::LocalGet(end)]);
        self.silent(&room);
        self.silent(&[I::I32LeU, I::BrIf(0)]);
        // Whole steps, so that what may be there at most is reached.
        let pages = [
            I::LocalGet(end),
            I::I32Const((1 << STEP_BITS) - 1),
            I::I32Add,
            I::I32Const(STEP_BITS),
            I::I32ShrU,
            I::I32Const(STEP as i32),
            I::I32Shl,
            I::MemorySize(memory),
            I::I32Sub,
            I::MemoryGrow(memory),
            I::I32Const(-1),
            I::I32Ne,
            I::BrIf(0),
        ];
        self.silent(&pages);
        self.body.stop(Stop::Objects);
        self.silent(&[I::End, I::I32Const(0), I::LocalGet(end), I::I32Store(top)]);
        let at = self.at(0);
        self.silent(&[I::LocalGet(object), I::I32Const(shape.number as i32), I::I32Store(at)]);
    }

    /// Makes so many elements of a table, which are on the stack below their number; puts the first one's
    /// number into a local.
    fn make_aside(&mut self, table: u32, local: u32) {
        self.silent(&[I::TableGrow(table), I::LocalTee(local), I::Drop]);
        self.demand(&[I::LocalGet(local), I::I32Const(-1), I::I32Ne], Stop::Objects);
    }

    /// `struct.new` and `struct.new_default`.
    fn structure(&mut self, shape: &Shape, temps: Temps, is_default: bool) {
        let object = temps.number(OBJECT);
        self.begin_made(&[I::I32Const(shape.size as i32)]);
        self.make(shape, temps);
        let mut left = shape.aside();
        if let Some(table) = self.aside(Storage::Function).filter(|_| left > 0) {
            self.silent(&[Storage::Function.zero(), I::I32Const(left as i32)]);
            self.make_aside(table, temps.number(FUNCTIONS));
        }
        for field in shape.fields.iter().rev() {
            let at = self.at(field.offset);
            let Some(table) = self.aside(field.storage) else {
                if !is_default {
                    let value = field.storage.temp(temps);
                    let store = field.storage.store(at);
                    self.silent(&[I::LocalSet(value), I::LocalGet(object), I::LocalGet(value), store]);
                }
                continue;
            };
            left -= 1;
            let place = [I::LocalGet(temps.number(FUNCTIONS)), I::I32Const(left as i32), I::I32Add];
            let value = field.storage.temp(temps);
            if !is_default {
                self.silent(&[I::LocalSet(value)]);
                self.silent(&place);
                self.silent(&[I::LocalGet(value), I::TableSet(table)]);
            }
            self.silent(&[I::LocalGet(object)]);
            self.silent(&place);
            self.silent(&[I::I32Store(at)]);
        }
        self.silent(&[I::LocalGet(object)]);
    }

    /// Where the elements of an array begin.
    fn elements(&self) -> MemArg {
        self.at(HEADER)
    }
}
