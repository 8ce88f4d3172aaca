//! What an import without a telling name is taken for: how the code uses it.
//!
//! Minifiers and authors rename imports, but the code around them stays. A result that is compared with the
//! end of the heap is the size of memory; a global that goes down and up around calls is a stack pointer.
//! One pass over the code follows values through operands and locals, from one control instruction to the
//! next. Each use is a vote; a role needs more votes than any other.
//!
//! Not here: names (`world`), and what a role answers (`guess`, `layout`).

use wasmparser::{ConstExpr, DataKind, ElementKind, FunctionBody, Operator, Payload, TypeRef, ValType};

use crate::module::component::Core;

use super::limits::{USAGE_LOCALS, USAGE_OPERANDS, USAGE_OPERATORS};

/// Copies from this length on are left to the host by toolchains.
const LONG_COPY: i32 = 512;

/// What a function without arguments and with one `i32` as result is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) enum FunctionRole {
    /// Its result is compared with an address: bytes of memory.
    MemorySize,
    /// Its result is tested: whether something could be done, such as to enlarge memory.
    Success,
    /// Its result is an address that the code stores to: that of `errno`, for one.
    Address,
    /// It is given the three arguments of a function that tests the third against a length: a long copy.
    Copy,
}

/// What an imported global of type `i32` is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) enum GlobalRole {
    /// Moved down and up around calls.
    Stack,
    /// The stack is compared with it.
    StackEnd,
    /// The address of a word that is read and written: the end of memory in use.
    Break,
    /// The address of eight bytes through which values change their type.
    Scratch,
    /// Data segments lie relative to it.
    MemoryBase,
    /// Element segments lie relative to it.
    TableBase,
}

/// The roles of imports, by their position among imported functions and globals.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Usage {
    functions: Vec<Option<FunctionRole>>,
    globals: Vec<Option<GlobalRole>>,
}

impl Usage {
    /// Reads the code of a module; of one that is not well-formed what comes before the fault.
    pub(in crate::sandbox) fn of(module: Core<'_>) -> Self {
        let mut reader = Reader::default();
        for payload in module.payloads() {
            let Ok(payload) = payload else { break };
            if reader.payload(payload).is_none() {
                break;
            }
        }
        reader.decide()
    }

    /// The role of the imported function with this index.
    pub(in crate::sandbox) fn function(&self, index: u32) -> Option<FunctionRole> {
        self.functions.get(index as usize).copied().flatten()
    }

    /// The role of the imported global with this index.
    pub(in crate::sandbox) fn global(&self, index: usize) -> Option<GlobalRole> {
        self.globals.get(index).copied().flatten()
    }

    /// Whether the host is asked where the stack or the heap lies.
    pub(in crate::sandbox) fn is_placed(&self) -> bool {
        use GlobalRole::{Break, MemoryBase, Stack};
        self.globals.iter().flatten().any(|role| matches!(role, Stack | Break | MemoryBase))
    }
}

/// A value as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Unknown,
    Const(i32),
    /// The value of a global, and whether something was added to it.
    Global(u32, bool),
    /// The result of an imported function.
    Result(u32),
    /// A parameter of the function.
    Param(u32),
}

/// What was seen of the module so far.
#[derive(Debug, Default)]
struct Reader {
    /// Parameters and results of each type; `None` for what is no function.
    types: Vec<Option<(Vec<ValType>, Vec<ValType>)>>,
    /// The type of each function, imports first.
    funcs: Vec<u32>,
    imported_funcs: usize,
    imported_globals: usize,
    /// For each global the imported one that it begins with.
    origins: Vec<Option<usize>>,
    function_votes: Vec<Votes<4>>,
    global_votes: Vec<Votes<6>>,
    bodies: usize,
    operators: usize,
}

/// Votes for each role, by its place among the roles.
#[derive(Debug, Clone, Copy)]
struct Votes<const N: usize>([u32; N]);

impl<const N: usize> Default for Votes<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Votes<N> {
    fn winner<T: Copy>(&self, roles: [T; N]) -> Option<T> {
        let most = *self.0.iter().max().filter(|&&votes| votes > 0)?;
        self.0.iter().position(|&votes| votes == most).and_then(|place| roles.get(place).copied())
    }
}

impl Reader {
    fn payload(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    self.types.extend(group.ok()?.into_types().map(|ty| match &ty.composite_type.inner {
                        wasmparser::CompositeInnerType::Func(ty) => {
                            Some((ty.params().to_vec(), ty.results().to_vec()))
                        }
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import.ok()?.ty);
                }
            }
            Payload::FunctionSection(funcs) => {
                for ty in funcs {
                    self.funcs.push(ty.ok()?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let origin = self.origin(&global.ok()?.init_expr);
                    self.origins.push(origin);
                }
            }
            Payload::ElementSection(segments) => {
                for segment in segments {
                    if let ElementKind::Active { offset_expr, .. } = segment.ok()?.kind {
                        self.vote_offset(&offset_expr, GlobalRole::TableBase);
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    if let DataKind::Active { offset_expr, .. } = segment.ok()?.kind {
                        self.vote_offset(&offset_expr, GlobalRole::MemoryBase);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            _ => {}
        }
        Some(())
    }

    fn import(&mut self, ty: TypeRef) {
        match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.funcs.push(ty);
                self.imported_funcs += 1;
                self.function_votes.push(Votes::default());
            }
            TypeRef::Global(_) => {
                self.origins.push(Some(self.imported_globals));
                self.imported_globals += 1;
                self.global_votes.push(Votes::default());
            }
            _ => {}
        }
    }

    /// The imported global that an expression is the value of.
    fn origin(&self, expression: &ConstExpr<'_>) -> Option<usize> {
        match expression.get_operators_reader().read() {
            Ok(Operator::GlobalGet { global_index }) => *self.origins.get(global_index as usize)?,
            _ => None,
        }
    }

    fn vote_offset(&mut self, expression: &ConstExpr<'_>, role: GlobalRole) {
        // A global that both lie relative to must not move the elements: there is no room before them.
        let weight = if role == GlobalRole::TableBase { 1 << 20 } else { 1 << 10 };
        if let Some(origin) = self.origin(expression) {
            self.vote_global_origin(origin, role, weight);
        }
    }

    fn vote_global_origin(&mut self, origin: usize, role: GlobalRole, weight: u32) {
        if let Some(votes) = self.global_votes.get_mut(origin) {
            votes.0[role as usize] = votes.0[role as usize].saturating_add(weight);
        }
    }

    fn vote_global(&mut self, global: u32, role: GlobalRole) {
        if let Some(&Some(origin)) = self.origins.get(global as usize) {
            self.vote_global_origin(origin, role, 1);
        }
    }

    fn vote_function(&mut self, func: u32, role: FunctionRole) {
        if let Some(votes) = self.function_votes.get_mut(func as usize) {
            votes.0[role as usize] = votes.0[role as usize].saturating_add(1);
        }
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Option<()> {
        // Without imports of a kind there is nothing to learn.
        if self.imported_funcs + self.imported_globals == 0 {
            return None;
        }
        let index = self.imported_funcs + self.bodies;
        self.bodies += 1;
        let params = self.signature(index as u32).map_or(0, |(params, _)| params.len());
        let mut walk = Walk::new(params);
        let mut operators = body.get_operators_reader().ok()?;
        while !operators.eof() {
            self.operators += 1;
            if self.operators > USAGE_OPERATORS {
                return None;
            }
            walk.step(self, &operators.read().ok()?);
        }
        Some(())
    }

    fn signature(&self, func: u32) -> Option<&(Vec<ValType>, Vec<ValType>)> {
        self.types.get(*self.funcs.get(func as usize)? as usize)?.as_ref()
    }

    fn decide(self) -> Usage {
        use FunctionRole::{Address, Copy, MemorySize, Success};
        use GlobalRole::{Break, MemoryBase, Scratch, Stack, StackEnd, TableBase};
        let functions = [MemorySize, Success, Address, Copy];
        let globals = [Stack, StackEnd, Break, Scratch, MemoryBase, TableBase];
        Usage {
            functions: self.function_votes.iter().map(|votes| votes.winner(functions)).collect(),
            globals: self.global_votes.iter().map(|votes| votes.winner(globals)).collect(),
        }
    }
}

/// The walk through one body.
struct Walk {
    stack: Vec<Value>,
    locals: Vec<Value>,
    /// Parameters that were compared with the length of a long copy.
    is_length_tested: bool,
}

impl Walk {
    fn new(params: usize) -> Self {
        let locals = (0..params.min(USAGE_LOCALS)).map(|param| Value::Param(param as u32)).collect();
        Self { stack: Vec::new(), locals, is_length_tested: false }
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

    fn step(&mut self, reader: &mut Reader, op: &Operator<'_>) {
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
            Operator::GlobalGet { global_index } => self.push(Value::Global(global_index, false)),
            Operator::GlobalSet { global_index } => self.set_global(reader, global_index),
            Operator::Drop => _ = self.pop(),
            Operator::I32Add | Operator::I32Sub => {
                let (right, left) = (self.pop(), self.pop());
                self.push(match (left, right) {
                    (Value::Global(global, _), _) | (_, Value::Global(global, _)) => {
                        Value::Global(global, true)
                    }
                    _ => Value::Unknown,
                });
            }
            Operator::I32GtS
            | Operator::I32GtU
            | Operator::I32GeS
            | Operator::I32GeU
            | Operator::I32LtS
            | Operator::I32LtU
            | Operator::I32LeS
            | Operator::I32LeU => self.compare(reader),
            Operator::I32Eqz => {
                let value = self.pop();
                self.tested(reader, value);
                self.push(Value::Unknown);
            }
            Operator::I32Eq | Operator::I32Ne => {
                let (right, left) = (self.pop(), self.pop());
                for (one, other) in [(left, right), (right, left)] {
                    if matches!(other, Value::Const(0)) {
                        self.tested(reader, one);
                    }
                }
                self.push(Value::Unknown);
            }
            Operator::I32And
            | Operator::I32Or
            | Operator::I32Xor
            | Operator::I32Shl
            | Operator::I32ShrS
            | Operator::I32ShrU
            | Operator::I32Mul => {
                _ = (self.pop(), self.pop());
                self.push(Value::Unknown);
            }
            Operator::I32Load { ref memarg } => {
                let address = self.pop();
                if let Value::Global(global, false) = address
                    && memarg.offset == 0
                {
                    reader.vote_global(global, GlobalRole::Break);
                }
                self.push(Value::Unknown);
            }
            Operator::I32Store { ref memarg } => {
                let (_, address) = (self.pop(), self.pop());
                match address {
                    Value::Global(global, false) if memarg.offset == 0 => {
                        reader.vote_global(global, GlobalRole::Break);
                    }
                    Value::Result(func) => reader.vote_function(func, FunctionRole::Address),
                    _ => {}
                }
            }
            Operator::F64Store { .. }
            | Operator::F32Store { .. }
            | Operator::I64Store { .. }
            | Operator::I32Store8 { .. } => self.scratch_store(reader),
            Operator::F64Load { .. } | Operator::F32Load { .. } | Operator::I64Load { .. } => {
                let address = self.pop();
                self.scratch(reader, address);
                self.push(Value::Unknown);
            }
            Operator::MemorySize { .. } => self.push(Value::Unknown),
            Operator::If { .. } | Operator::BrIf { .. } => {
                let value = self.pop();
                self.tested(reader, value);
                self.stack.clear();
            }
            Operator::Call { function_index } => self.call(reader, function_index),
            _ => self.stack.clear(),
        }
    }

    fn set_global(&mut self, reader: &mut Reader, global: u32) {
        let value = self.pop();
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
        if is_imported && self.is_length_tested && args == [0, 1, 2].map(Value::Param) {
            reader.vote_function(func, FunctionRole::Copy);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_from_use() {
        let wasm = wat::parse_str(
            r#"(module
              (import "x" "q" (func $size (result i32)))
              (import "x" "r" (func $enlarge (result i32)))
              (import "x" "s" (func $errno (result i32)))
              (import "x" "t" (func $copy (param i32 i32 i32) (result i32)))
              (import "x" "u" (func $other (result i32)))
              (import "x" "a" (global $break i32))
              (import "x" "b" (global $stack i32))
              (import "x" "c" (global $end i32))
              (import "x" "d" (global $scratch i32))
              (import "x" "e" (global $base i32))
              (import "x" "f" (global $none i32))
              (memory 1)
              (global $sp (mut i32) (global.get $stack))
              (global $sm (mut i32) (global.get $end))
              (func $sbrk (param $by i32) (result i32) (local $old i32) (local $new i32)
                (local.set $old (i32.load (global.get $break)))
                (local.set $new (i32.add (local.get $old) (local.get $by)))
                (i32.store (global.get $break) (local.get $new))
                (if (i32.gt_s (local.get $new) (call $size))
                  (then (if (i32.eqz (call $enlarge)) (then (i32.store (call $errno) (i32.const 12))))))
                (drop (call $other))
                (local.get $old))
              (func $frame (local $saved i32)
                (local.set $saved (global.get $sp))
                (global.set $sp (i32.add (global.get $sp) (i32.const 16)))
                (if (i32.ge_s (global.get $sp) (global.get $sm)) (then unreachable))
                (f64.store (global.get $scratch) (f64.const 1))
                (global.set $sp (local.get $saved)))
              (func $memcpy (param i32 i32 i32) (result i32)
                (if (i32.ge_s (local.get 2) (i32.const 8192))
                  (then (return (call $copy (local.get 0) (local.get 1) (local.get 2)))))
                (local.get 0))
              (data (global.get $base) "x"))"#,
        )
        .unwrap();
        let usage = Usage::of(Core::of(&wasm));
        use FunctionRole::{Address, Copy, MemorySize, Success};
        let functions: Vec<_> = (0..5).map(|index| usage.function(index)).collect();
        assert_eq!(functions, [Some(MemorySize), Some(Success), Some(Address), Some(Copy), None]);
        use GlobalRole::{Break, MemoryBase, Scratch, Stack, StackEnd};
        let globals: Vec<_> = (0..6).map(|index| usage.global(index)).collect();
        let expected = [Some(Break), Some(Stack), Some(StackEnd), Some(Scratch), Some(MemoryBase), None];
        assert_eq!(globals, expected);
        assert!(usage.is_placed());
    }
}
