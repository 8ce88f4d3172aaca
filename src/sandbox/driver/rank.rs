//! The work that an export may do: the loops in the functions that it reaches, and whether it reaches the
//! host.
//!
//! One pass over the code, without keeping it. Functions of the table count too, at a quarter, where a
//! function calls indirectly: which of them it calls is not known here. Bounded by [`RANK_STEPS`], whatever
//! the module holds; what is beyond counts nothing.

use std::collections::BTreeSet;

use wasmparser::{Data, DataKind, ElementItems, Operator, Payload};

use super::{
    candidates::MIXES,
    inputs,
    limits::{BUILDERS, COMPARED, FEW_LOOPS, RANK_STEPS, WORDS_KEPT, WORDS_LOOKED_AT},
};
use crate::{
    module::{FuncIndex, Module, Opcode},
    sandbox::glob,
};

/// Imports by which a sample does something to others, without leading underscores. A function that only
/// prints is none: all code of a C library leads there.
const EFFECTS: &[&str] = &[
    "path_open",
    "path_unlink_file",
    "path_rename",
    "path_remove_directory",
    "fd_pwrite",
    "sock_*",
    "proc_exec*",
    "proc_spawn*",
    "proc_fork*",
    "thread*spawn*",
    "system",
    "exec*",
    "popen",
    "*fetch*",
    "*websocket*",
    "*WebSocket*",
    "*run_script*",
    "*eval*",
    "*newnoargs*",
    "[method]descriptor.*-at",
    "create-*-socket",
    "handle",
];

/// Those of them by which it changes files.
const FILES: &[&str] = &[
    "path_open",
    "path_unlink_file",
    "path_rename",
    "path_remove_directory",
    "fd_pwrite",
    "[method]descriptor.*-at",
    "*syscall_open*",
    "*syscall_unlink*",
    "*syscall_rename*",
    "*syscall_*truncate*",
    "*syscall5",
    "*syscall10",
    "*syscall38",
];

/// What a function holds.
#[derive(Debug, Default)]
struct Body {
    loops: u64,
    mixes: u64,
    calls: Vec<u32>,
    calls_indirectly: bool,
    /// Constants that something is compared with.
    compared: Vec<i32>,
    /// It reads and writes memory in a loop.
    builds: bool,
}

/// What an export reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Loops by direct calls, in quarters; those of the table's functions add one each where something calls
    /// indirectly.
    pub(super) loops: u64,
    /// Exclusive ors and rotations by direct calls: what hashes and ciphers are made of, and little else is.
    pub(super) mixes: u64,
    /// The same of the table's functions, where something calls indirectly.
    pub(super) mixes_indirectly: u64,
    /// Whether direct calls lead to an import by which something is done to others.
    pub(super) has_effect: bool,
    /// Whether one of these is for files.
    pub(super) has_files: bool,
    /// Whether direct calls lead to a loop or to the host.
    pub(super) is_busy: bool,
}

/// The code of a module, as far as ranking needs it.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    imported: u32,
    /// Of each imported function whether it has an effect, and whether that is on files.
    effects: Vec<(bool, bool)>,
    bodies: Vec<Body>,
    /// The functions of all element segments, and the loops that they reach.
    in_table: Vec<u32>,
    table_loops: u64,
    /// The round in which a function was seen last.
    seen: Vec<u32>,
    round: u32,
    steps: usize,
    mixes_of_table: u64,
    hints: Hints,
}

/// What driving wants to know of a module besides.
#[derive(Debug, Clone, Default)]
pub(super) struct Hints {
    /// Branches and blocks of the code: about how many there are to see.
    pub(super) branches: u64,
    /// Formats of files that it has the marks of ([`inputs`]).
    pub(super) formats: u32,
    /// Where the last data segment with a constant address ends: below it lie texts and tables.
    pub(super) data_end: u32,
    /// Words of its data: names of what it knows are among them.
    pub(super) words: Vec<Vec<u8>>,
    /// Functions that take nothing, give nothing, call no host function, and build something.
    pub(super) builders: Vec<FuncIndex>,
}

impl Ranking {
    /// Reads the code. A function that is not well-formed counts nothing: the engine has refused it before.
    pub(super) fn new(module: &Module) -> Self {
        let imported = module.imported_functions();
        let mut ranking = Self { imported, ..Self::default() };
        let mut in_table = Vec::new();
        for payload in module.core().payloads().map_while(Result::ok) {
            match payload {
                Payload::ImportSection(imports) => ranking.effects = effects(imports),
                Payload::ElementSection(segments) => {
                    for segment in segments.into_iter().flatten() {
                        if let ElementItems::Functions(functions) = segment.items {
                            in_table.extend(functions.into_iter().flatten());
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let body = read(&body, &mut ranking.hints);
                    ranking.bodies.push(body);
                }
                Payload::DataSection(segments) => {
                    segments.into_iter().flatten().for_each(|segment| ranking.hints.data(&segment));
                }
                _ => {}
            }
        }
        ranking.hints.thin_out();
        ranking.seen = vec![0; ranking.bodies.len()];
        in_table.sort_unstable();
        in_table.dedup();
        let table = ranking.walk(in_table.clone(), |_| {});
        (ranking.table_loops, ranking.mixes_of_table) = (table.loops, table.mixes);
        ranking.in_table = in_table;
        ranking
    }

    /// What else is known of the module.
    pub(super) fn hints(&self) -> Hints {
        self.hints.clone()
    }

    /// Numbers that a function and those that it calls compare something with.
    pub(super) fn compared(&self, func: FuncIndex) -> Vec<i32> {
        let body = |func: u32| self.bodies.get(func.checked_sub(self.imported)? as usize);
        let Some(own) = body(func.0) else { return Vec::new() };
        let called = own.calls.iter().take(COMPARED).filter_map(|&callee| body(callee));
        let all = std::iter::once(own).chain(called).flat_map(|body| body.compared.iter().copied());
        let mut once = BTreeSet::new();
        all.filter(|&number| once.insert(number)).take(COMPARED).collect()
    }

    /// Notes the functions that may be called for what they build.
    pub(super) fn find_builders(&mut self, module: &Module) {
        let own = module.imported_functions()..module.imported_functions() + module.defined_functions();
        let asks_nothing = |func: &FuncIndex| {
            module.func_type(*func).is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty())
        };
        for func in own.map(FuncIndex).filter(asks_nothing) {
            let body = func.0.checked_sub(self.imported).and_then(|at| self.bodies.get(at as usize));
            let may_build = body.is_some_and(|body| body.loops > 0 && body.loops <= FEW_LOOPS);
            if !may_build || self.hints.builders.len() >= BUILDERS {
                continue;
            }
            let mut builds = false;
            let bodies: Vec<u32> = self.reached(func).iter().map(|func| func.0).collect();
            for at in bodies.into_iter().filter_map(|func| func.checked_sub(self.imported)) {
                builds |= self.bodies.get(at as usize).is_some_and(|body| body.builds);
            }
            let walk = self.walk(vec![func.0], |_| {});
            let is_own = !walk.calls_host && !walk.calls_indirectly && walk.mixes < MIXES;
            if builds && is_own {
                self.hints.builders.push(func);
            }
        }
    }

    /// What `func` reaches.
    pub(super) fn reach(&mut self, func: FuncIndex) -> Reach {
        let walk = self.walk(vec![func.0], |_| {});
        let Walk { loops, mixes, calls_host, calls_indirectly, has_effect, has_files } = walk;
        let table = if calls_indirectly { self.table_loops } else { 0 };
        Reach {
            loops: loops.saturating_mul(4).saturating_add(table),
            mixes,
            mixes_indirectly: if calls_indirectly { self.mixes_of_table } else { 0 },
            has_effect,
            has_files,
            is_busy: loops > 0 || calls_host,
        }
    }

    /// The functions that `func` may call, itself among them; what it calls indirectly may be any function of
    /// an element segment.
    pub(super) fn reached(&mut self, func: FuncIndex) -> BTreeSet<FuncIndex> {
        let mut reached = BTreeSet::new();
        let walk = self.walk(vec![func.0], |func| _ = reached.insert(FuncIndex(func)));
        if walk.calls_indirectly {
            self.walk(self.in_table.clone(), |func| _ = reached.insert(FuncIndex(func)));
        }
        reached
    }

    /// Follows direct calls from the functions on `stack`.
    fn walk(&mut self, mut stack: Vec<u32>, mut visit: impl FnMut(u32)) -> Walk {
        let mut walk = Walk::default();
        self.round += 1;
        while let Some(func) = stack.pop() {
            if self.steps >= RANK_STEPS {
                break;
            }
            self.steps += 1;
            let Some(position) = func.checked_sub(self.imported).map(|position| position as usize) else {
                walk.calls_host = true;
                let (has_effect, has_files) = self.effects.get(func as usize).copied().unwrap_or_default();
                walk.has_effect |= has_effect;
                walk.has_files |= has_files;
                continue;
            };
            let (Some(body), Some(seen)) = (self.bodies.get(position), self.seen.get_mut(position)) else {
                continue;
            };
            if std::mem::replace(seen, self.round) == self.round {
                continue;
            }
            visit(func);
            walk.loops += body.loops;
            walk.mixes += body.mixes;
            walk.calls_indirectly |= body.calls_indirectly;
            stack.extend_from_slice(&body.calls);
        }
        walk
    }
}

/// What a walk met.
#[derive(Debug, Default)]
struct Walk {
    loops: u64,
    mixes: u64,
    calls_host: bool,
    calls_indirectly: bool,
    has_effect: bool,
    has_files: bool,
}

/// Of each imported function whether it has an effect, and whether that is on files.
fn effects(imports: wasmparser::ImportSectionReader<'_>) -> Vec<(bool, bool)> {
    let functions = imports.into_imports().map_while(Result::ok).filter(|import| {
        matches!(import.ty, wasmparser::TypeRef::Func(_) | wasmparser::TypeRef::FuncExact(_))
    });
    let is_of = |names: &[&str], name: &str| names.iter().any(|pattern| glob::matches(pattern, name));
    let kind = |name: &str| (is_of(EFFECTS, name), is_of(FILES, name));
    functions.map(|import| kind(import.name.trim_start_matches('_'))).collect()
}

impl Hints {
    fn data(&mut self, segment: &Data<'_>) {
        self.formats |= inputs::of_data(segment.data);
        let room = WORDS_LOOKED_AT.saturating_sub(self.words.len());
        self.words.extend(inputs::words_of(segment.data).take(room).map(<[u8]>::to_vec));
        if let DataKind::Active { offset_expr, .. } = &segment.kind
            && let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read()
        {
            let end = (value as u32).saturating_add(segment.data.len() as u32);
            self.data_end = self.data_end.max(end);
        }
    }

    /// Of many words some are kept, from everywhere.
    fn thin_out(&mut self) {
        let step = self.words.len().div_ceil(WORDS_KEPT).max(1);
        self.words = std::mem::take(&mut self.words).into_iter().step_by(step).collect();
    }

    fn operator(&mut self, operator: &Operator<'_>) {
        match *operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::BrIf { .. } => {
                self.branches += 1;
            }
            Operator::I32Const { value } => self.formats |= inputs::of_word(value as u32),
            Operator::I64Const { value } => self.formats |= inputs::of_word(value as u32),
            _ => {}
        }
    }
}

fn read(body: &wasmparser::FunctionBody<'_>, hints: &mut Hints) -> Body {
    let mut read = Body::default();
    let Ok(mut operators) = body.get_operators_reader() else { return read };
    let (mut constant, mut is_read) = (None, false);
    while let Ok(operator) = operators.read() {
        hints.operator(&operator);
        if let (Some(number), Operator::I32Eq | Operator::I32Ne) = (constant, &operator)
            && read.compared.len() < COMPARED
        {
            read.compared.push(number);
        }
        constant = match operator {
            Operator::I32Const { value } => Some(value),
            _ => None,
        };
        match operator {
            Operator::Loop { .. } => read.loops += 1,
            Operator::I32Xor | Operator::I64Xor | Operator::V128Xor => read.mixes += 1,
            Operator::I32Rotl | Operator::I32Rotr | Operator::I64Rotl | Operator::I64Rotr => read.mixes += 1,
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                is_read |= read.loops > 0;
                read.calls.push(function_index);
            }
            Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                read.calls_indirectly = true
            }
            ref other if read.loops > 0 && !read.builds => {
                is_read |= accesses(other, ".load");
                read.builds = is_read && accesses(other, ".store");
            }
            _ => {}
        }
        if operators.eof() {
            break;
        }
    }
    read.calls.sort_unstable();
    read.calls.dedup();
    read
}

/// Whether an operator loads or stores, of any type and width: `.load` or `.store` in its name.
fn accesses(operator: &Operator<'_>, how: &str) -> bool {
    Opcode::of(operator).is_some_and(|opcode| opcode.mnemonic().contains(how))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_count_through_calls_and_less_through_the_table() {
        let text = r#"(module (import "env" "f" (func $f)) (table funcref (elem $spin))
            (func $spin (loop $l (br $l)))
            (func $calls (call $spin) (call $f) (loop))
            (func $indirect (call_indirect (i32.const 0)))
            (func $idle)
            (func $recursive (call $recursive) (loop)))"#;
        let wasm = wat::parse_str(text).unwrap();
        let mut ranking = Ranking::new(&Module::parse(wasm).unwrap());
        let reaches: Vec<_> = (1..6)
            .map(|func| ranking.reach(FuncIndex(func)))
            .map(|reach| (reach.loops, reach.is_busy))
            .collect();
        assert_eq!(reaches, [(4, true), (8, true), (1, false), (0, false), (4, true)]);
        assert_eq!(ranking.reach(FuncIndex(99)), Reach::default());
        assert_eq!(ranking.reached(FuncIndex(2)), BTreeSet::from([FuncIndex(1), FuncIndex(2)]));
        assert_eq!(ranking.reached(FuncIndex(3)), BTreeSet::from([FuncIndex(1), FuncIndex(3)]));
    }

    #[test]
    fn many_exports_over_a_large_table_take_bounded_time() {
        let mut text = String::from("(module (table funcref (elem");
        text.push_str(&" $f".repeat(20_000));
        text.push_str(")) (func $f (loop)) ");
        text.push_str(&"(func (call_indirect (i32.const 0)))".repeat(2_000));
        text.push(')');
        let wasm = wat::parse_str(&text).unwrap();
        let mut ranking = Ranking::new(&Module::parse(wasm).unwrap());
        let sum: u64 = (1..2_001).map(|func| ranking.reach(FuncIndex(func)).loops).sum();
        assert_eq!(sum, 2_000);
        assert!(ranking.steps < 10_000, "{}", ranking.steps);
    }
}
