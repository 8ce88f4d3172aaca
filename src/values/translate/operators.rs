//! Operators without control: each takes its operands from the stack and makes an instruction.

use wasmparser::{MemArg, MemArgTarget, Operator};

use crate::module::atomic::{Action, Atomic};

use super::super::{
    code::{AtomicSite, Code, Far, Place, Ty},
    shape::Shape,
};
use super::{Result, Translator, Where};

impl Translator<'_> {
    pub(super) fn memory(&self, memory: u32) -> Result<u32> {
        self.index.set(self.memory_index(memory));
        self.linked.memories.get(memory as usize).copied().ok_or_else(|| self.invalid())
    }

    pub(super) fn table(&self, table: u32) -> Result<(u32, Ty)> {
        self.index.set(self.table_index(table));
        let number = self.linked.tables.get(table as usize).copied().ok_or_else(|| self.invalid())?;
        Ok((number, self.layout.table_types.get(table as usize).copied().unwrap_or(Ty::Func)))
    }

    pub(super) fn memory_index(&self, memory: u32) -> Ty {
        match self.layout.memories.get(memory as usize) {
            Some(memory) if memory.is_64 => Ty::I64,
            _ => Ty::I32,
        }
    }

    pub(super) fn table_index(&self, table: u32) -> Ty {
        match self.layout.tables.get(table as usize) {
            Some(table) if table.is_64 => Ty::I64,
            _ => Ty::I32,
        }
    }

    pub(super) fn far(&mut self, arg: MemArg, lane: u8) -> Result<u32> {
        let MemArgTarget::Memory(memory) = arg.target else { return Err(self.invalid()) };
        let memory = self.memory(memory)?;
        self.body.fars.push(Far { opcode: self.opcode, memory, offset: arg.offset, lane });
        Ok(self.body.fars.len() as u32 - 1)
    }

    pub(super) fn is_near(arg: MemArg) -> bool {
        arg.target == MemArgTarget::Memory(0) && arg.offset <= u64::from(u32::MAX)
    }

    pub(super) fn shape(&mut self, shape: Shape) -> Result<()> {
        let opcode = self.opcode as u32;
        match shape {
            Shape::Unary { code, result } => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(code, slot, 0, result, None)?;
            }
            Shape::Binary { code, immediate, result } => self.binary(code, immediate, result)?,
            Shape::Load { code, result, arg } => {
                let address = self.pop()?;
                let slot = self.slot(address)?;
                if Self::is_near(arg) {
                    self.index.set(self.memory_index(0));
                    self.result(code, slot, arg.offset as u32, result, None)?;
                } else {
                    let far = self.far(arg, 0)?;
                    self.result(Code::LoadFar, slot, far, result, None)?;
                    self.data(0, 0);
                }
            }
            Shape::Store { code, arg } => {
                let (value, address) = (self.pop()?, self.pop()?);
                let (address, value) = (self.slot(address)?, self.slot(value)?);
                if Self::is_near(arg) {
                    self.index.set(self.memory_index(0));
                    self.own(code, address, value, arg.offset as u32, None)?;
                } else {
                    let far = self.far(arg, 0)?;
                    self.own(Code::StoreFar, address, value, far, None)?;
                }
            }
            Shape::VectorUnary => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorUnary, slot, opcode, Ty::V128, None)?;
            }
            Shape::VectorBinary => self.two(Code::VectorBinary, opcode, 0)?,
            Shape::VectorShift => self.two(Code::VectorShift, opcode, 0)?,
            Shape::VectorReplace { lane } => self.two(Code::VectorReplace, opcode, lane.into())?,
            Shape::VectorTernary => {
                let (c, b, a) = (self.pop()?, self.pop()?, self.pop()?);
                let (a, b, c) = (self.slot(a)?, self.slot(b)?, self.slot(c)?);
                self.result(Code::VectorTernary, a, b, Ty::V128, None)?;
                self.data(opcode, c);
            }
            Shape::VectorTest => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorTest, slot, opcode, Ty::I32, None)?;
            }
            Shape::VectorSplat => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorSplat, slot, opcode, Ty::V128, None)?;
            }
            Shape::VectorExtract { lane, result } => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorExtract, slot, opcode, result, None)?;
                self.data(opcode, lane.into());
            }
            Shape::VectorLoad { arg } => {
                let address = self.pop()?;
                let slot = self.slot(address)?;
                let far = self.far(arg, 0)?;
                self.result(Code::LoadFar, slot, far, Ty::V128, None)?;
                self.data(0, 0);
            }
            Shape::VectorLoadLane { arg, lane } => {
                let (old, address) = (self.pop()?, self.pop()?);
                let (address, old) = (self.slot(address)?, self.slot(old)?);
                let far = self.far(arg, lane)?;
                self.result(Code::LoadFar, address, far, Ty::V128, None)?;
                self.data(old, 0);
            }
            Shape::VectorStore { arg } => self.store_vector(arg, 0)?,
            Shape::VectorStoreLane { arg, lane } => self.store_vector(arg, lane)?,
        }
        Ok(())
    }

    pub(super) fn store_vector(&mut self, arg: MemArg, lane: u8) -> Result<()> {
        let (value, address) = (self.pop()?, self.pop()?);
        let (address, value) = (self.slot(address)?, self.slot(value)?);
        let far = self.far(arg, lane)?;
        self.own(Code::StoreFar, address, value, far, None)?;
        Ok(())
    }

    pub(super) fn two(&mut self, code: Code, opcode: u32, lane: u32) -> Result<()> {
        let (b, a) = (self.pop()?, self.pop()?);
        let (a, b) = (self.slot(a)?, self.slot(b)?);
        self.result(code, a, b, Ty::V128, None)?;
        self.data(opcode, lane);
        Ok(())
    }

    pub(super) fn binary(&mut self, code: Code, immediate: Option<Code>, result: Ty) -> Result<()> {
        let (right, left) = (self.pop()?, self.pop()?);
        let left = self.slot(left)?;
        let is_32 = self.opcode.mnemonic().starts_with("i32.");
        // An immediate is sign-extended to 64 bits; of an `i32` the upper half is not looked at.
        let fits = |value: u64| {
            let value = value as i64;
            i64::from(value as i32) == value || is_32
        };
        match (immediate, right.at) {
            (Some(code), Where::Const(value)) if fits(value) => {
                self.result(code, left, value as u32, result, None)?;
            }
            _ => {
                let right = self.slot(right)?;
                self.result(code, left, right, result, None)?;
            }
        }
        Ok(())
    }

    pub(super) fn bulk(&mut self, code: Code, first: u32, second: u32) -> Result<()> {
        let (len, src, dst) = (self.pop()?, self.pop()?, self.pop()?);
        let (dst, src, len) = (self.slot(dst)?, self.slot(src)?, self.slot(len)?);
        self.own(code, dst, src, len, None)?;
        self.data(first, second);
        Ok(())
    }

    pub(super) fn push_const(&mut self, value: u64, ty: Ty) {
        self.note(Some(ty), Place::Const(value));
        self.push(Where::Const(value), ty);
    }

    pub(super) fn select(&mut self) -> Result<()> {
        let (condition, b, a) = (self.pop()?, self.pop()?, self.pop()?);
        let ty = a.ty;
        let (a, b, condition) = (self.slot(a)?, self.slot(b)?, self.slot(condition)?);
        let code = if ty == Ty::V128 { Code::SelectWide } else { Code::Select };
        self.result(code, a, b, ty, Some(ty))?;
        self.data(condition, 0);
        Ok(())
    }

    pub(super) fn wide(&mut self, code: Code, operands: usize) -> Result<()> {
        let first = self.stack.len().checked_sub(operands).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let from = self.stack[first].home;
        self.own(code, from, from, self.opcode as u32, None)?;
        self.truncate(first)?;
        self.push(Where::Home, Ty::I64);
        self.push(Where::Home, Ty::I64);
        Ok(())
    }

    pub(super) fn global(&self, global: u32) -> Result<(u32, Ty)> {
        let number = self.linked.globals.get(global as usize).copied().ok_or_else(|| self.invalid())?;
        Ok((number, self.layout.globals.get(global as usize).copied().ok_or_else(|| self.invalid())?))
    }

    /// Operators without control.
    pub(super) fn plain(&mut self, operator: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match *operator {
            O::Drop => {
                let entry = self.pop()?;
                match self.place(entry) {
                    // So that its operand is told as any other.
                    Place::Slot(slot) => {
                        let code = if entry.ty == Ty::V128 { Code::DropWide } else { Code::Drop };
                        self.own(code, slot, 0, 0, Some(entry.ty))?;
                    }
                    place => self.note(Some(entry.ty), place),
                }
                self.last = None;
            }
            O::Select | O::TypedSelect { .. } | O::TypedSelectMulti { .. } => self.select()?,
            O::LocalGet { local_index } => {
                let local = *self.locals.get(local_index as usize).ok_or_else(|| self.invalid())?;
                self.note(Some(local.ty), Place::Slot(local.slot));
                self.push(Where::Local(local_index), local.ty);
            }
            O::LocalSet { local_index } => self.set_local(local_index)?,
            O::LocalTee { local_index } => {
                let ty = self.stack.last().ok_or_else(|| self.invalid())?.ty;
                self.set_local(local_index)?;
                self.push(Where::Local(local_index), ty);
            }
            O::GlobalGet { global_index } => {
                let (global, ty) = self.global(global_index)?;
                let code = if ty == Ty::V128 { Code::GlobalGetWide } else { Code::GlobalGet };
                self.result(code, global, 0, ty, Some(ty))?;
            }
            O::GlobalSet { global_index } => {
                let (global, ty) = self.global(global_index)?;
                let entry = self.pop()?;
                let slot = self.slot(entry)?;
                let code = if ty == Ty::V128 { Code::GlobalSetWide } else { Code::GlobalSet };
                self.own(code, slot, global, 0, Some(ty))?;
            }
            O::I32Const { value } => self.push_const(u64::from(value as u32), Ty::I32),
            O::I64Const { value } => self.push_const(value as u64, Ty::I64),
            O::F32Const { value } => self.push_const(u64::from(value.bits()), Ty::F32),
            O::F64Const { value } => self.push_const(value.bits(), Ty::F64),
            O::RefNull { hty } => match self.layout.ty_of(hty) {
                Ty::V128 => {
                    let wide = self.add_wide(0);
                    self.result(Code::ConstWide, wide, 0, Ty::V128, None)?;
                }
                ty => self.push_const(0, ty),
            },
            O::RefFunc { function_index } => {
                let func = self.linked.funcs.get(function_index as usize).ok_or_else(|| self.invalid())?;
                self.push_const(u64::from(*func) + 1, Ty::Func);
            }
            O::RefIsNull => {
                let entry = self.pop()?;
                let slot = self.slot(entry)?;
                let code = if entry.ty == Ty::V128 { Code::RefIsNullWide } else { Code::RefIsNull };
                self.result(code, slot, 0, Ty::I32, Some(entry.ty))?;
            }
            O::V128Const { value } => {
                let value = u128::from_le_bytes(*value.bytes());
                let wide = self.add_wide(value);
                self.result(Code::ConstWide, wide, 0, Ty::V128, None)?;
            }
            O::I8x16Shuffle { lanes } => {
                let (b, a) = (self.pop()?, self.pop()?);
                let (a, b) = (self.slot(a)?, self.slot(b)?);
                let wide = self.add_wide(u128::from_le_bytes(lanes));
                self.result(Code::VectorShuffle, a, b, Ty::V128, None)?;
                self.data(wide, 0);
            }
            O::I64Add128 | O::I64Sub128 => self.wide(Code::Wide4, 4)?,
            O::I64MulWideS | O::I64MulWideU => self.wide(Code::Wide2, 2)?,
            _ => self.storage(operator)?,
        }
        Ok(())
    }

    pub(super) fn add_wide(&mut self, value: u128) -> u32 {
        self.body.wides.push([value as u64, (value >> 64) as u64]);
        self.body.wides.len() as u32 - 1
    }

    /// Operators on memories, tables and segments.
    pub(super) fn storage(&mut self, operator: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match *operator {
            O::MemorySize { mem } => {
                let memory = self.memory(mem)?;
                self.result(
                    Code::MemorySize,
                    memory,
                    0,
                    self.memory_index(mem),
                    Some(self.memory_index(mem)),
                )?;
            }
            O::MemoryGrow { mem } => {
                let entry = self.pop()?;
                let (slot, memory) = (self.slot(entry)?, self.memory(mem)?);
                let ty = self.memory_index(mem);
                self.result(Code::MemoryGrow, slot, memory, ty, Some(ty))?;
                self.last = None;
            }
            O::MemoryCopy { dst_mem, src_mem } => {
                self.bulk(Code::MemoryCopy, self.memory(dst_mem)?, self.memory(src_mem)?)?;
            }
            O::MemoryFill { mem } => self.bulk(Code::MemoryFill, self.memory(mem)?, 0)?,
            O::MemoryInit { data_index, mem } => {
                let segment = self.linked.first_segment + data_index;
                self.bulk(Code::MemoryInit, segment, self.memory(mem)?)?;
            }
            O::DataDrop { data_index } => {
                _ = self.own(Code::DataDrop, self.linked.first_segment + data_index, 0, 0, None)?;
            }
            O::ElemDrop { elem_index } => {
                _ = self.own(Code::ElemDrop, self.linked.first_element + elem_index, 0, 0, None)?;
            }
            O::TableCopy { dst_table, src_table } => {
                self.bulk(Code::TableCopy, self.table(dst_table)?.0, self.table(src_table)?.0)?;
            }
            // Tables of exceptions hold nothing.
            O::TableFill { table }
            | O::TableGet { table }
            | O::TableSet { table }
            | O::TableGrow { table }
                if self.table(table)?.1 == Ty::V128 =>
            {
                self.own(Code::Unsupported, 0, 0, 0, None)?;
                self.die()?;
            }
            O::TableFill { table } => self.bulk(Code::TableFill, self.table(table)?.0, 0)?,
            O::TableInit { elem_index, table } => {
                let element = self.linked.first_element + elem_index;
                self.bulk(Code::TableInit, element, self.table(table)?.0)?;
            }
            O::TableSize { table } => {
                let (number, ty) = (self.table(table)?.0, self.table_index(table));
                self.result(Code::TableSize, number, 0, ty, Some(ty))?;
            }
            O::TableGet { table } => {
                let entry = self.pop()?;
                let (slot, (number, ty)) = (self.slot(entry)?, self.table(table)?);
                self.result(Code::TableGet, slot, number, ty, Some(ty))?;
            }
            O::TableSet { table } => {
                let (value, index) = (self.pop()?, self.pop()?);
                let (index, value) = (self.slot(index)?, self.slot(value)?);
                let (number, ty) = self.table(table)?;
                self.own(Code::TableSet, index, value, number, Some(ty))?;
            }
            O::TableGrow { table } => {
                let (delta, value) = (self.pop()?, self.pop()?);
                let (value, delta) = (self.slot(value)?, self.slot(delta)?);
                let number = self.table(table)?.0;
                let ty = self.table_index(table);
                self.result(Code::TableGrow, value, delta, ty, Some(ty))?;
                self.data(number, 0);
                self.last = None;
            }
            ref operator => match Atomic::of(operator) {
                Some(atomic) => self.atomic(atomic)?,
                None => {
                    self.own(Code::Unsupported, 0, 0, 0, None)?;
                    self.die()?;
                }
            },
        }
        Ok(())
    }

    /// Operands in the order of the stack: address, value or what is expected, value or time.
    fn atomic(&mut self, atomic: Atomic) -> Result<()> {
        let MemArgTarget::Memory(memory) = atomic.memarg.target else { return Err(self.invalid()) };
        if atomic.action == Action::Wait && !self.layout.shared.get(memory as usize).is_some_and(|&is| is) {
            self.own(Code::NotShared, 0, 0, 0, None)?;
            return self.die();
        }
        let memory = self.memory(memory)?;
        let operands = atomic.action.operands();
        let mut slots = [0; 3];
        let mut entries = [None; 3];
        for place in (0..operands).rev() {
            entries[place] = Some(self.pop()?);
        }
        for (slot, entry) in slots.iter_mut().zip(entries) {
            *slot = entry.map_or(Ok(0), |entry| self.slot(entry))?;
        }
        self.body.atomics.push(AtomicSite { atomic, memory });
        let site = self.body.atomics.len() as u32 - 1;
        if atomic.action == Action::Store {
            self.own(Code::Atomic, 0, slots[0], site, None)?;
        } else {
            let is_64 = atomic.is_64 && !matches!(atomic.action, Action::Wait | Action::Notify);
            let ty = if is_64 { Ty::I64 } else { Ty::I32 };
            self.result(Code::Atomic, slots[0], site, ty, None)?;
        }
        self.data(slots[1], slots[2]);
        if self.layout.is_threaded {
            // Another thread may go on behind it.
            self.last = None;
        }
        Ok(())
    }
}
