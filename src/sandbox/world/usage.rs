//! What an import without a telling name is taken for: how the code uses it.
//!
//! Minifiers and authors rename imports, but the code around them stays. A result that is compared with the
//! end of the heap is the size of memory. A global that goes down and up around calls is a stack pointer. One
//! pass over the code follows values through operands and locals, from one control instruction to the next.
//! Each use is a vote; a role needs more votes than any other.
//!
//! Not here: names (`world`), and what a role answers (`guess`, `layout`).

mod catching;
mod threads;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{
    ConstExpr, DataKind, ElementKind, ExternalKind, FunctionBody, Operator, Payload, TypeRef, ValType,
};

use crate::module::component::Core;

use self::catching::{Sites, Stage};
use self::threads::{Shape, Shapes, is_spawn};
use self::walk::Walk;
use super::limits::{USAGE_FLAGS, USAGE_OPERATORS};

pub(in crate::sandbox) use self::catching::Flag;
pub(in crate::sandbox) use self::threads::{ThreadExports, WASI_START};

/// Copies from this length on are left to the host by toolchains.
const LONG_COPY: i32 = 512;

/// The role that an imported function is taken for. The first three have no arguments and one `i32` as
/// result.
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
    /// It may begin a thread: the module can, and it has the type.
    Spawn,
    /// It is given the structure of the main thread, before that is filled.
    MainThread,
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
    threads: Option<ThreadExports>,
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

    /// The exports that begin a thread, if their names do not tell.
    pub(in crate::sandbox) fn threads(&self) -> Option<&ThreadExports> {
        self.threads.as_ref()
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
    exported: BTreeSet<u32>,
    /// Whether a memory is shared, and then what functions look like.
    is_shared: bool,
    shapes: Shapes,
    /// Imported functions that are given the structure of the main thread.
    of_main: BTreeSet<u32>,
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
                        self.exported.insert(export.index);
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
            TypeRef::Memory(memory) => self.is_shared |= memory.shared,
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
        let (mut operators, mut shape) = (body.get_operators_reader().ok()?, Shape::default());
        while !operators.eof() {
            self.operators += 1;
            if self.operators > USAGE_OPERATORS {
                return None;
            }
            let operator = operators.read().ok()?;
            walk.step(self, &operator);
            if self.is_shared {
                shape.step(&operator);
            }
        }
        if self.is_shared {
            let is_exported = self.exported.contains(&(index as u32));
            self.shapes.note(index as u32, shape, is_exported);
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
        let threads = self.shapes.exports(&self.exports, |func| self.signature(func));
        let may_spawn = |func: u32| threads.is_some() && self.signature(func).is_some_and(is_spawn);
        let role = |(func, (votes, sites)): (u32, (&Votes<4>, &Sites))| match sites {
            _ if threads.is_some() && self.of_main.contains(&func) => Some(FunctionRole::MainThread),
            // One with three arguments has the type of what begins a thread; how it is used says more.
            sites if sites.is_catching() => Some(FunctionRole::Invoke),
            _ if may_spawn(func) => Some(FunctionRole::Spawn),
            sites if sites.never_returns() && has_flag => Some(FunctionRole::Last),
            _ => votes.winner(functions),
        };
        let flag = self.flags.iter().max_by_key(|&(_, votes)| votes).map(|(&flag, _)| flag);
        Usage {
            functions: (0..).zip(self.function_votes.iter().zip(&self.sites)).map(role).collect(),
            threads: threads.clone(),
            setter: flag.and_then(|flag| self.setter(flag)),
            flag,
            globals: self.global_votes.iter().map(|votes| votes.winner(globals)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
