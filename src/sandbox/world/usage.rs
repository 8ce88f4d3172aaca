//! What an import without a telling name is taken for: how the code uses it.
//!
//! Minifiers and authors rename imports, but the code around them stays. A result that is compared with the
//! end of the heap is the size of memory; a global that goes down and up around calls is a stack pointer.
//! One pass over the code follows values through operands and locals, from one control instruction to the
//! next. Each use is a vote; a role needs more votes than any other.
//!
//! Not here: names (`world`), and what a role answers (`guess`, `layout`).

mod catching;

use std::collections::BTreeMap;

use wasmparser::{
    ConstExpr, DataKind, ElementKind, ExternalKind, FunctionBody, Operator, Payload, TypeRef, ValType,
};

use crate::module::component::Core;

use self::catching::{Sites, Stage};
use super::limits::{USAGE_FLAGS, USAGE_LOCALS, USAGE_OPERANDS, USAGE_OPERATORS, USAGE_SETTERS};

pub(in crate::sandbox) use self::catching::Flag;

/// Copies from this length on are left to the host by toolchains.
const LONG_COPY: i32 = 512;

/// What an imported function is taken for; the first three have no arguments and one `i32` as result.
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
    /// It calls the function whose index it is given, and catches what that throws.
    Invoke,
    /// It throws, or ends the program: it never returns.
    Last,
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
    /// Where the sample is told of what was thrown, and the export that sets it.
    flag: Option<Flag>,
    setter: Option<String>,
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

    /// Where the sample wants to be told that something was thrown.
    pub(in crate::sandbox) fn flag(&self) -> Option<Flag> {
        self.flag
    }

    /// The export that sets it, if it is no memory.
    pub(in crate::sandbox) fn setter(&self) -> Option<&str> {
        self.setter.as_deref()
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
    /// Of each imported function.
    sites: Vec<Sites>,
    /// Votes for each place of the word that says whether something was thrown.
    flags: BTreeMap<Flag, u32>,
    exports: Vec<(u32, String)>,
    /// Functions of two parameters that put the first into a global.
    setters: Vec<(u32, u32)>,
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
            Payload::ExportSection(exports) => {
                for export in exports.into_iter().flatten() {
                    if export.kind == ExternalKind::Func {
                        self.exports.push((export.index, export.name.to_owned()));
                    }
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
                self.sites.push(Sites::default());
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

    /// The word is set to zero.
    fn zero(&mut self, stage: &mut Stage, flag: Flag) {
        let Some(func) = stage.zero(flag) else { return };
        if let Some(sites) = self.sites.get_mut(func as usize) {
            sites.catching += 1;
        }
        if self.flags.len() < USAGE_FLAGS || self.flags.contains_key(&flag) {
            *self.flags.entry(flag).or_default() += 1;
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
        let mut walk = Walk::new(index as u32, params);
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

    /// The exported function that sets a global which says whether something was thrown.
    fn setter(&self, flag: Flag) -> Option<String> {
        let Flag::Global(global) = flag else { return None };
        let sets = |func: u32| self.setters.contains(&(func, global));
        self.exports.iter().find(|(func, _)| sets(*func)).map(|(_, name)| name.clone())
    }

    fn decide(self) -> Usage {
        use FunctionRole::{Address, Copy, MemorySize, Success};
        use GlobalRole::{Break, MemoryBase, Scratch, Stack, StackEnd, TableBase};
        let functions = [MemorySize, Success, Address, Copy];
        let globals = [Stack, StackEnd, Break, Scratch, MemoryBase, TableBase];
        let has_flag = !self.flags.is_empty();
        let role = |(votes, sites): (&Votes<4>, &Sites)| match sites {
            sites if sites.is_catching() => Some(FunctionRole::Invoke),
            sites if sites.never_returns() && has_flag => Some(FunctionRole::Last),
            _ => votes.winner(functions),
        };
        let flag = self.flags.iter().max_by_key(|&(_, votes)| votes).map(|(&flag, _)| flag);
        Usage {
            functions: self.function_votes.iter().zip(&self.sites).map(role).collect(),
            setter: flag.and_then(|flag| self.setter(flag)),
            flag,
            globals: self.global_votes.iter().map(|votes| votes.winner(globals)).collect(),
        }
    }
}

/// The walk through one body.
struct Walk {
    func: u32,
    params: usize,
    stack: Vec<Value>,
    locals: Vec<Value>,
    /// Parameters that were compared with the length of a long copy.
    is_length_tested: bool,
    stage: Stage,
    /// The imported function that the operator before called.
    just_called: Option<u32>,
}

impl Walk {
    fn new(func: u32, params: usize) -> Self {
        let locals = (0..params.min(USAGE_LOCALS)).map(|param| Value::Param(param as u32)).collect();
        let (stack, stage) = (Vec::new(), Stage::default());
        Self { func, params, stack, locals, is_length_tested: false, stage, just_called: None }
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
        let just_called = self.just_called.take();
        if is_control(op) {
            self.stage = Stage::default();
        }
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
                if let Some(flag) = word(address, memarg.offset) {
                    self.stage.read(flag);
                }
                self.push(Value::Unknown);
            }
            Operator::I32Store { ref memarg } => {
                let (value, address) = (self.pop(), self.pop());
                if let (Value::Const(0), Some(flag)) = (value, word(address, memarg.offset)) {
                    reader.zero(&mut self.stage, flag);
                }
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
            Operator::Unreachable => {
                if let Some(sites) = just_called.and_then(|func| reader.sites.get_mut(func as usize)) {
                    sites.last += 1;
                }
                self.stack.clear();
            }
            _ => self.stack.clear(),
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
        let value = match results[..] {
            [ValType::I32] if is_imported && params <= 1 => Value::Result(func),
            _ => Value::Unknown,
        };
        for _ in results.iter().take(USAGE_OPERANDS) {
            self.push(value);
        }
    }
}

/// Whether the code behind an operator may be reached from elsewhere, or not at all, or runs after code that
/// nobody reads here.
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

#[cfg(test)]
mod tests;
