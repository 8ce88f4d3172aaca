//! What each entry point did, from the growth of the block counters between its beginning and its end.
//!
//! An entry point is an invocation by the host at top level; what it calls back into belongs to it. At its end the blocks of the functions that
//! it entered are looked at once, so an entry point costs as much as the code it touched.

use std::collections::BTreeMap;

use crate::{
    module::{Exit, OPCODES, Op, view::Classes},
    trace::FuncKey,
};

use super::{Block, Function};

/// Sums over an entry point or a run.
#[derive(Debug, Clone, Default)]
pub(in crate::passes) struct Totals {
    pub(in crate::passes) opcodes: Vec<u64>,
    pub(in crate::passes) calls: u64,
    pub(in crate::passes) grown_pages: u64,
    pub(in crate::passes) grow_refused: u64,
    pub(in crate::passes) taken: u64,
    pub(in crate::passes) not_taken: u64,
    pub(in crate::passes) bulk_len: u64,
    /// By position of the host function; those that were called.
    pub(in crate::passes) host_calls: BTreeMap<usize, u64>,
}

impl Totals {
    fn count(&mut self, ops: &[Op], n: u64) {
        for op in ops {
            if let Some(count) = self.opcodes.get_mut(op.opcode as usize) {
                *count += n;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.opcodes.iter_mut().zip(&other.opcodes) {
            *count += more;
        }
        self.calls += other.calls;
        self.grown_pages = self.grown_pages.saturating_add(other.grown_pages);
        self.grow_refused += other.grow_refused;
        self.taken += other.taken;
        self.not_taken += other.not_taken;
        self.bulk_len = self.bulk_len.saturating_add(other.bulk_len);
        for (&host, count) in &other.host_calls {
            *self.host_calls.entry(host).or_default() += count;
        }
    }
}

/// An entry point that began.
#[derive(Debug)]
pub(in crate::passes) struct Invocation {
    pub(in crate::passes) func: FuncKey,
    pub(in crate::passes) classes: Classes,
    /// Without opcodes.
    pub(in crate::passes) totals: Totals,
    /// Executions of opcodes that count by themselves: `br_table`.
    pub(in crate::passes) tables: u64,
}

/// The entry points of a run.
#[derive(Debug)]
pub(in crate::passes) struct Entries {
    /// How many are kept one by one.
    keep: usize,
    begun: usize,
    current: Option<FuncKey>,
    /// What hooks saw of the current one.
    now: Totals,
    cuts: BTreeMap<(usize, u32), u64>,
    /// Functions that the current one entered, by ordinal, and for each function which entry point entered it last.
    touched: Vec<usize>,
    touched_by: Vec<usize>,
    /// The counters at the end of the one before.
    seen: Vec<(u64, [u64; 2])>,
    /// Calls of each host function, by position, in all and in the current one.
    pub(in crate::passes) host_calls: Vec<u64>,
    host_calls_before: Vec<u64>,
    pub(in crate::passes) kept: Vec<Invocation>,
    /// The whole run.
    pub(in crate::passes) total: Totals,
}

impl Entries {
    pub(super) fn new(hosts: usize, keep: usize) -> Self {
        let total = Totals { opcodes: vec![0; OPCODES], ..Totals::default() };
        Self {
            keep,
            begun: 0,
            current: None,
            now: Totals::default(),
            cuts: BTreeMap::new(),
            touched: Vec::new(),
            touched_by: Vec::new(),
            seen: Vec::new(),
            host_calls: vec![0; hosts],
            host_calls_before: vec![0; hosts],
            kept: Vec::new(),
            total,
        }
    }

    /// How many have begun.
    pub(in crate::passes) fn begun(&self) -> usize {
        self.begun
    }

    /// A function with so many blocks is known from now on.
    pub(super) fn load(&mut self, blocks: usize) {
        self.touched_by.push(0);
        self.seen.resize(self.seen.len() + blocks, (0, [0; 2]));
    }

    pub(super) fn begin(&mut self, func: FuncKey) {
        self.begun += 1;
        self.current = Some(func);
    }

    #[inline]
    pub(super) fn touch(&mut self, function: usize) {
        if let Some(by) = self.touched_by.get_mut(function).filter(|by| **by != self.begun) {
            *by = self.begun;
            self.touched.push(function);
        }
    }

    pub(super) fn cut(&mut self, number: usize, len: u32) {
        *self.cuts.entry((number, len)).or_default() += 1;
    }

    /// A defined function is called.
    #[inline]
    pub(super) fn call(&mut self) {
        self.now.calls += 1;
    }

    /// Whether it is the first call of this host function.
    pub(super) fn host_call(&mut self, position: usize) -> bool {
        let Some(calls) = self.host_calls.get_mut(position) else { return false };
        *calls += 1;
        *calls == 1
    }

    /// `memory.grow`; refused if the result is -1 in either index type.
    pub(super) fn grow(&mut self, delta: u64, result: u64) {
        match result {
            u64::MAX => self.now.grow_refused += 1,
            result if result == u64::from(u32::MAX) => self.now.grow_refused += 1,
            _ => self.now.grown_pages = self.now.grown_pages.saturating_add(delta),
        }
    }

    pub(super) fn bulk(&mut self, len: u64) {
        self.now.bulk_len = self.now.bulk_len.saturating_add(len);
    }

    /// The current one ended, or the replay failed in it.
    pub(super) fn end(&mut self, functions: &[Function], blocks: &[Block], cuts: &mut BTreeMap<(usize, u32), u64>) {
        let Some(func) = self.current.take() else { return };
        let mut totals = std::mem::take(&mut self.now);
        totals.opcodes = vec![0; OPCODES];
        for function in std::mem::take(&mut self.touched) {
            if let Some(function) = functions.get(function) {
                self.count_blocks(&mut totals, function, blocks);
            }
        }
        for ((number, len), count) in std::mem::take(&mut self.cuts) {
            count_cut(&mut totals, functions, number, len, count);
            *cuts.entry((number, len)).or_default() += count;
        }
        for (host, (calls, before)) in self.host_calls.iter().zip(&mut self.host_calls_before).enumerate() {
            if *calls != *before {
                totals.host_calls.insert(host, *calls - *before);
                *before = *calls;
            }
        }
        self.total.add(&totals);
        if self.kept.len() < self.keep {
            let opcodes = std::mem::take(&mut totals.opcodes);
            self.kept.push(Invocation { func, classes: Classes::of_histogram(&opcodes), tables: tables(&opcodes), totals });
        }
    }

    fn count_blocks(&mut self, totals: &mut Totals, function: &Function, blocks: &[Block]) {
        let Some(code) = function.code() else { return };
        let range = function.first_block..function.first_block + code.blocks().len();
        let (Some(now), Some(seen)) = (blocks.get(range.clone()), self.seen.get_mut(range)) else { return };
        for ((block, now), seen) in code.blocks().iter().zip(now).zip(seen) {
            let (ran, [not, yes]) = (now.ran - seen.0, [now.ways[0] - seen.1[0], now.ways[1] - seen.1[1]]);
            *seen = (now.ran, now.ways);
            if ran != 0 {
                totals.count(code.ops().get(block.range()).unwrap_or_default(), ran);
            }
            if matches!(block.exit, Exit::BrIf(_) | Exit::If(_)) {
                totals.taken += yes;
                totals.not_taken += not;
            }
        }
    }
}

/// Executions of `br_table`.
pub(in crate::passes) fn tables(opcodes: &[u64]) -> u64 {
    let opcode = crate::module::Opcode::from_mnemonic("br_table");
    opcode.and_then(|opcode| opcodes.get(opcode as usize)).copied().unwrap_or(0)
}

fn count_cut(totals: &mut Totals, functions: &[Function], number: usize, len: u32, count: u64) {
    let owner = functions.partition_point(|function| function.first_block <= number).wrapping_sub(1);
    let Some((function, code)) = functions.get(owner).and_then(|function| Some((function, function.code()?))) else { return };
    let block = code.blocks().get(number - function.first_block);
    let ops = block.and_then(|block| code.ops().get(block.range())?.get(..len as usize));
    totals.count(ops.unwrap_or_default(), count);
}
