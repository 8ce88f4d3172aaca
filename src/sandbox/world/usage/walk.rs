//! The walk through one body: follows values through operands and locals, and votes for roles.

use wasmparser::{Operator, ValType};

use super::{
    FunctionRole, GlobalRole, LONG_COPY, Reader,
    catching::{Flag, Stage},
};
use crate::sandbox::world::limits::{USAGE_LOCALS, USAGE_OPERANDS, USAGE_SETTERS, USAGE_STRUCTURES};

/// A value as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Unknown,
    Const(i32),
    /// The value of a global, and whether something was added to it.
    Global(u32, bool),
    /// The result of an imported function.
    Result(u32),
    /// A parameter of the function.
    Param(u32),
}

/// The walk through one body.
pub(super) struct Walk {
    func: u32,
    params: usize,
    stack: Vec<Value>,
    locals: Vec<Value>,
    /// Parameters that were compared with the length of a long copy.
    is_length_tested: bool,
    stage: Stage,
    /// The imported function that the operator before called.
    just_called: Option<u32>,
    /// Imported functions that were given one constant and give nothing, and that constant.
    told: Vec<(u32, i32)>,
    /// Addresses at which themselves stand.
    structures: Vec<i32>,
}

impl Walk {
    pub(super) fn new(func: u32, params: usize) -> Self {
        let locals = (0..params.min(USAGE_LOCALS)).map(|param| Value::Param(param as u32)).collect();
        let (stack, stage) = (Vec::new(), Stage::default());
        let (told, structures) = (Vec::new(), Vec::new());
        let (is_length_tested, just_called) = (false, None);
        Self { func, params, stack, locals, is_length_tested, stage, just_called, told, structures }
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::Unknown)
    }

    fn push(&mut self, value: Value) {
        if self.stack.len() >= USAGE_OPERANDS {
            self.stack.clear();
        }
        self.stack.push(value);
    }

    fn set_local(&mut self, local: u32, value: Value) {
        let local = local as usize;
        if local >= USAGE_LOCALS {
            return;
        }
        if local >= self.locals.len() {
            self.locals.resize(local + 1, Value::Unknown);
        }
        self.locals[local] = value;
    }

    pub(super) fn step(&mut self, reader: &mut Reader, op: &Operator<'_>) {
        let just_called = self.just_called.take();
        if is_control(op) {
            self.stage = Stage::default();
        }
        match *op {
            Operator::If { .. } | Operator::BrIf { .. } => {
                let value = self.pop();
                self.tested(reader, value);
                self.stack.clear();
            }
            Operator::Call { function_index } => self.call(reader, function_index),
            Operator::Unreachable => {
                if let Some(sites) = just_called.and_then(|func| reader.sites.get_mut(func as usize)) {
                    sites.last += 1;
                }
                self.stack.clear();
            }
            _ if self.variable(reader, op) || self.number(reader, op) || self.memory(reader, op) => {}
            _ => self.stack.clear(),
        }
    }

    /// Does an operator on locals and globals, or a constant; whether it is one.
    fn variable(&mut self, reader: &mut Reader, op: &Operator<'_>) -> bool {
        match *op {
            Operator::I32Const { value } => self.push(Value::Const(value)),
            Operator::I64Const { .. } | Operator::F32Const { .. } | Operator::F64Const { .. } => {
                self.push(Value::Unknown);
            }
            Operator::LocalGet { local_index } => {
                let value = self.locals.get(local_index as usize).copied().unwrap_or(Value::Unknown);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set_local(local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.set_local(local_index, value);
                self.push(value);
            }
            Operator::GlobalGet { global_index } => {
                self.stage.read(Flag::Global(global_index));
                self.push(Value::Global(global_index, false));
            }
            Operator::GlobalSet { global_index } => self.set_global(reader, global_index),
            Operator::Drop => _ = self.pop(),
            _ => return false,
        }
        true
    }

    /// Does arithmetic or a comparison; whether it is one.
    fn number(&mut self, reader: &mut Reader, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I32GtS | O::I32GtU | O::I32GeS | O::I32GeU | O::I32LtS | O::I32LtU | O::I32LeS | O::I32LeU => {
                self.compare(reader);
                return true;
            }
            O::I32Eqz => {
                let value = self.pop();
                self.tested(reader, value);
                self.push(Value::Unknown);
                return true;
            }
            O::I32Add | O::I32Sub | O::I32Eq | O::I32Ne | O::I32And | O::I32Or | O::I32Xor => {}
            O::I32Shl | O::I32ShrS | O::I32ShrU | O::I32Mul => {}
            _ => return false,
        }
        let (right, left) = (self.pop(), self.pop());
        let sum = match (left, right) {
            (Value::Global(global, _), _) | (_, Value::Global(global, _)) => Value::Global(global, true),
            _ => Value::Unknown,
        };
        if matches!(op, O::I32Eq | O::I32Ne) {
            for (one, _) in
                [(left, right), (right, left)].iter().filter(|(_, other)| *other == Value::Const(0))
            {
                self.tested(reader, *one);
            }
        }
        self.push(if matches!(op, O::I32Add | O::I32Sub) { sum } else { Value::Unknown });
        true
    }

    /// Does a load or a store; whether it is one.
    fn memory(&mut self, reader: &mut Reader, op: &Operator<'_>) -> bool {
        use Operator as O;
        match *op {
            O::I32Load { ref memarg } => self.load(reader, memarg.offset),
            O::I32Store { ref memarg } => self.store(reader, memarg.offset),
            O::F64Store { .. } | O::F32Store { .. } | O::I64Store { .. } | O::I32Store8 { .. } => {
                self.scratch_store(reader);
            }
            O::F64Load { .. } | O::F32Load { .. } | O::I64Load { .. } => {
                let address = self.pop();
                self.scratch(reader, address);
                self.push(Value::Unknown);
            }
            O::MemorySize { .. } => self.push(Value::Unknown),
            _ => return false,
        }
        true
    }

    fn load(&mut self, reader: &mut Reader, offset: u64) {
        let address = self.pop();
        if let Value::Global(global, false) = address
            && offset == 0
        {
            reader.vote_global(global, GlobalRole::Break);
        }
        if let Some(flag) = word(address, offset) {
            self.stage.read(flag);
        }
        self.push(Value::Unknown);
    }

    fn store(&mut self, reader: &mut Reader, offset: u64) {
        let (value, address) = (self.pop(), self.pop());
        if offset == 0 && value == address {
            self.note_main(reader, value);
        }
        if let (Value::Const(0), Some(flag)) = (value, word(address, offset)) {
            reader.zero(&mut self.stage, flag);
        }
        match address {
            Value::Global(global, false) if offset == 0 => reader.vote_global(global, GlobalRole::Break),
            Value::Result(func) => reader.vote_function(func, FunctionRole::Address),
            _ => {}
        }
    }

    /// A structure that begins with its own address is that of a thread.
    fn note_main(&mut self, reader: &mut Reader, structure: Value) {
        let Value::Const(structure) = structure else { return };
        if self.structures.len() < USAGE_STRUCTURES {
            self.structures.push(structure);
            self.tell_main(reader, structure);
        }
    }

    /// Who is given such a structure first is told of the main thread.
    fn tell_main(&self, reader: &mut Reader, structure: i32) {
        let first = self.told.iter().find(|(_, given)| *given == structure);
        if let Some((func, _)) = first.filter(|_| self.structures.contains(&structure)) {
            reader.of_main.insert(*func);
        }
    }

    fn set_global(&mut self, reader: &mut Reader, global: u32) {
        let value = self.pop();
        if value == Value::Const(0) {
            reader.zero(&mut self.stage, Flag::Global(global));
        }
        if value == Value::Param(0) && self.params == 2 && reader.setters.len() < USAGE_SETTERS {
            reader.setters.push((self.func, global));
        }
        if let Value::Global(of, true) = value
            && of == global
        {
            // It moved by a constant or a size: what only a stack pointer does again and again.
            reader.vote_global(global, GlobalRole::Stack);
        }
    }

    fn compare(&mut self, reader: &mut Reader) {
        let (right, left) = (self.pop(), self.pop());
        for (one, other) in [(left, right), (right, left)] {
            match (one, other) {
                (Value::Result(func), other) if !matches!(other, Value::Const(_)) => {
                    reader.vote_function(func, FunctionRole::MemorySize);
                }
                (Value::Global(stack, _), Value::Global(end, false)) if end > stack => {
                    reader.vote_global(end, GlobalRole::StackEnd);
                }
                (Value::Param(2), Value::Const(len)) if len >= LONG_COPY => self.is_length_tested = true,
                _ => {}
            }
        }
        self.push(Value::Unknown);
    }

    fn tested(&mut self, reader: &mut Reader, value: Value) {
        if let Value::Result(func) = value {
            reader.vote_function(func, FunctionRole::Success);
        }
    }

    fn scratch_store(&mut self, reader: &mut Reader) {
        let (_, address) = (self.pop(), self.pop());
        self.scratch(reader, address);
    }

    fn scratch(&mut self, reader: &mut Reader, address: Value) {
        if let Value::Global(global, false) = address {
            reader.vote_global(global, GlobalRole::Scratch);
        }
    }

    fn call(&mut self, reader: &mut Reader, func: u32) {
        let Some((params, results)) = reader.signature(func) else { return self.stack.clear() };
        let (params, results) = (params.len(), results.clone());
        let mut args: Vec<_> = (0..params.min(USAGE_OPERANDS)).map(|_| self.pop()).collect();
        args.reverse();
        let is_imported = (func as usize) < reader.imported_funcs;
        self.just_called = is_imported.then_some(func);
        self.stage.call(self.just_called);
        if let Some(sites) = reader.sites.get_mut(func as usize) {
            sites.calls += 1;
        }
        if is_imported && self.is_length_tested && args == [0, 1, 2].map(Value::Param) {
            reader.vote_function(func, FunctionRole::Copy);
        }
        if let (true, [Value::Const(given)], []) = (is_imported, &args[..], &results[..])
            && self.told.len() < USAGE_STRUCTURES
        {
            self.told.push((func, *given));
            self.tell_main(reader, *given);
        }
        let value = match results[..] {
            [ValType::I32] if is_imported && params <= 1 => Value::Result(func),
            _ => Value::Unknown,
        };
        for _ in results.iter().take(USAGE_OPERANDS) {
            self.push(value);
        }
    }
}

/// Whether the code behind an operator may be reached from elsewhere, or not at all. It also holds if the
/// code runs after code that nobody reads here.
fn is_control(op: &Operator<'_>) -> bool {
    use Operator::{Br, BrIf, BrTable, CallIndirect, CallRef, Else, End, If, Loop, Return, Unreachable};
    matches!(
        op,
        Br { .. }
            | BrIf { .. }
            | BrTable { .. }
            | CallIndirect { .. }
            | CallRef { .. }
            | Else
            | End
            | If { .. }
            | Loop { .. }
            | Return
            | Unreachable
    )
}

/// The word at an address that is constant, above what a null pointer may reach.
fn word(address: Value, offset: u64) -> Option<Flag> {
    match address {
        Value::Const(base) => {
            let address = u64::from(base as u32).checked_add(offset)?;
            u32::try_from(address).ok().filter(|&address| address >= 64).map(Flag::Word)
        }
        _ => None,
    }
}
