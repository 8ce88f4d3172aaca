//! Instructions that are rare: on other memories than the near one, growth, tables, segments.

use crate::trace::Trap;

use super::super::{
    code::{Code, Instr},
    error::ValuesErrorKind,
    machine::{Frame, Machine, Result, is_bulk, too_deep},
    store::NONE,
    vector,
    visitor::Visitor,
};
use super::traps::to_trap;

impl Machine<'_> {
    pub(super) fn here(&self, slot: u32) -> u64 {
        let fp = self.frames.last().map_or(0, |frame| frame.fp);
        self.stack.get(fp + slot as usize).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, slot: u32, value: u64) {
        let fp = self.frames.last().map_or(0, |frame| frame.fp);
        if let Some(target) = self.stack.get_mut(fp + slot as usize) {
            *target = value;
        }
    }

    pub(super) fn data(&self) -> Instr {
        let frame = self.frames.last().map_or(Frame { func: 0, pc: 0, fp: 0 }, |frame| *frame);
        let body = self.store.funcs[frame.func as usize].body.as_ref();
        let data = body.and_then(|body| body.code.get(frame.pc + 1)).copied();
        data.unwrap_or(Instr::data(0, 0))
    }

    /// Does a rare instruction; whether Wasm is left.
    #[inline(never)]
    pub(super) fn slow(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        match instr.code {
            Code::LoadFar | Code::StoreFar => self.far(instr, visitor),
            Code::Atomic => self.atomic(instr, visitor),
            Code::Round => self.round(instr, visitor),
            Code::MemorySize => {
                self.take_memory(NONE);
                let memory = self.store.memory(instr.b)?;
                let pages = memory.pages();
                self.set(instr.a, pages);
                self.told(visitor, instr, &[], &[pages], 1);
                Ok(false)
            }
            Code::MemoryGrow => self.memory_grow(instr, visitor),
            Code::TableSize | Code::TableGet | Code::TableSet | Code::TableGrow => self.table(instr, visitor),
            Code::DataDrop => {
                if let Some(segment) = self.store.segments.get_mut(instr.a as usize) {
                    segment.bytes = 0..0;
                }
                self.told(visitor, instr, &[], &[], 1);
                Ok(false)
            }
            Code::ElemDrop => {
                if let Some(element) = self.store.elements.get_mut(instr.a as usize) {
                    *element = Vec::new();
                }
                self.told(visitor, instr, &[], &[], 1);
                Ok(false)
            }
            code if is_bulk(code) => self.bulk(instr, visitor),
            Code::ReturnCall | Code::CallImport | Code::ReturnCallImport => self.call(instr, visitor),
            Code::CallIndirect | Code::ReturnCallIndirect => self.call_indirect(instr, visitor),
            Code::CallRef | Code::ReturnCallRef => self.call_ref(instr, visitor),
            Code::BrOn => self.branch_on(instr, visitor),
            Code::AsNonNull | Code::AsNonNullWide => self.as_non_null(instr, visitor),
            Code::Object => self.object(instr, visitor),
            Code::Throw => self.throw(instr, visitor),
            Code::ThrowRef => self.throw_ref(instr, visitor),
            _ => Err(ValuesErrorKind::Effects("unknown code")),
        }
    }

    pub(super) fn far(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let Some(&frame) = self.frames.last() else { return Err(too_deep()) };
        let body = self.store.funcs[frame.func as usize].body.as_ref();
        let far = body.and_then(|body| body.fars.get(instr.c as usize)).copied();
        let far = far.ok_or(ValuesErrorKind::Effects("unknown code"))?;
        let len = if vector::is_vector(far.opcode) { 2 } else { 1 };
        let unknown = ValuesErrorKind::Effects("unknown code");
        self.take_memory(NONE);
        if instr.code == Code::LoadFar {
            let (address, old) = (self.here(instr.b), self.data().a);
            let is_lane = vector::takes_lane(far.opcode);
            let old = if is_lane { [self.here(old), self.here(old + 1)] } else { [0; 2] };
            let operands = [address, old[0], old[1]];
            let operands = &operands[..if is_lane { 3 } else { 1 }];
            let memory = &self.store.memory(far.memory)?.bytes;
            match vector::load(far.opcode, memory, address, far.offset, old, far.lane) {
                Ok(value) => {
                    let value = value.ok_or(unknown)?;
                    self.access(
                        visitor,
                        far.memory,
                        address.wrapping_add(far.offset),
                        vector::width(far.opcode),
                        false,
                    );
                    (0..len as u32).for_each(|n| self.set(instr.a + n, value[n as usize]));
                    self.told(visitor, instr, operands, &value[..len], 2);
                    Ok(false)
                }
                Err(code) => self.fails(visitor, instr, operands, to_trap(code)),
            }
        } else {
            let address = self.here(instr.a);
            let value = [self.here(instr.b), if len == 2 { self.here(instr.b + 1) } else { 0 }];
            let operands = [address, value[0], value[1]];
            let operands = &operands[..1 + len];
            let memory = &mut self.store.memory(far.memory)?.bytes;
            let (opcode, offset) = (far.opcode, far.offset);
            match vector::store(opcode, memory, address, offset, value, far.lane) {
                Ok(done) => {
                    done.ok_or(unknown)?;
                    self.access(
                        visitor,
                        far.memory,
                        address.wrapping_add(far.offset),
                        vector::width(far.opcode),
                        true,
                    );
                    let at = address.wrapping_add(far.offset);
                    self.written(visitor, far.memory, at, vector::width(far.opcode));
                    self.told(visitor, instr, operands, &[], 1);
                    Ok(false)
                }
                Err(code) => self.fails(visitor, instr, operands, to_trap(code)),
            }
        }
    }

    pub(super) fn memory_grow(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        self.take_memory(NONE);
        let delta = self.here(instr.b);
        let result = self.check.grow(delta)?;
        let memory = self.store.memory(instr.c)?;
        let (size, maximum) = (memory.pages(), memory.maximum);
        if !is_refusal(result) {
            let fits =
                size.checked_add(delta).is_some_and(|new| maximum.is_none_or(|maximum| new <= maximum));
            if result != size || !fits {
                return Err(ValuesErrorKind::Growth { delta, size, result });
            }
            self.store.grow_memory(instr.c, delta)?;
        }
        self.set(instr.a, result);
        self.told(visitor, instr, &[delta], &[result], 1);
        Ok(false)
    }

    pub(super) fn table(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let bad = ValuesErrorKind::Effects("no such table");
        match instr.code {
            Code::TableSize => {
                let table = self.store.tables.get(instr.b as usize).ok_or(bad)?;
                let len = table.elements.len() as u64;
                self.set(instr.a, len);
                self.told(visitor, instr, &[], &[len], 1);
            }
            Code::TableGet => {
                let index = self.here(instr.b);
                let table = self.store.tables.get(instr.c as usize).ok_or(bad)?;
                let Some(&value) = table.elements.get(index as usize) else {
                    return self.fails(visitor, instr, &[index], Trap::OutOfBoundsTableAccess);
                };
                self.set(instr.a, value);
                self.told(visitor, instr, &[index], &[value], 1);
            }
            Code::TableSet => {
                let (index, value) = (self.here(instr.a), self.here(instr.b));
                let table = self.store.tables.get_mut(instr.c as usize).ok_or(bad)?;
                let Some(element) = table.elements.get_mut(index as usize) else {
                    return self.fails(visitor, instr, &[index, value], Trap::OutOfBoundsTableAccess);
                };
                *element = value;
                self.told(visitor, instr, &[index, value], &[], 1);
            }
            _ => {
                let (value, delta, number) = (self.here(instr.b), self.here(instr.c), self.data().a);
                let result = self.check.grow(delta)?;
                let table = self.store.tables.get(number as usize).ok_or(bad.clone())?;
                let (size, maximum) = (table.elements.len() as u64, table.maximum);
                if !is_refusal(result) {
                    let fits = size
                        .checked_add(delta)
                        .is_some_and(|new| maximum.is_none_or(|maximum| new <= maximum));
                    if result != size || !fits {
                        return Err(ValuesErrorKind::Growth { delta, size, result });
                    }
                    self.store.check_elements(delta)?;
                    let table = self.store.tables.get_mut(number as usize).ok_or(bad)?;
                    table.elements.resize((size + delta) as usize, value);
                }
                self.set(instr.a, result);
                self.told(visitor, instr, &[value, delta], &[result], 2);
            }
        }
        Ok(false)
    }
}

/// Whether the result of a growth says that there was none, in either index type.
pub(super) fn is_refusal(result: u64) -> bool {
    result == u64::MAX || result == u64::from(u32::MAX)
}
