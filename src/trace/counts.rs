//! Executed instructions, counted: in total, for each opcode, for each function.
//!
//! Keeps one counter for each block of the functions that ran, so memory grows with the code and not with the
//! trace. Blocks become opcodes at the end. A block that was cut short is noted with its length, so the
//! counts are exact.
//!
//! Not here: branches, edges, coverage.

use std::sync::Arc;

use serde::Serialize;

use crate::module::{FuncIndex, Module, OPCODES, Opcode, ParseError};

use super::{
    ExecutedBlock, ExecutedFunction, InstanceIndex, Replay, ReplayError, ReplayErrorKind, Stretch, Trace,
    Visitor, error::Inner,
};

/// Counts blocks while a trace is replayed.
#[derive(Debug, Default)]
pub struct Counter {
    /// How often each block ran to its end, by number.
    blocks: Vec<u64>,
    /// Blocks that were cut short: number, instructions.
    cuts: Vec<(usize, u32)>,
    /// The functions that ran, in the order of their blocks.
    functions: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    instance: InstanceIndex,
    func: FuncIndex,
    module: Arc<Module>,
    first_block: usize,
}

impl Visitor for Counter {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        let (instance, func, first_block) = (function.instance(), function.index(), function.first_block());
        self.functions.push(Counted { instance, func, module: Arc::clone(function.module()), first_block });
        self.blocks.resize(first_block + function.code().blocks().len(), 0);
    }

    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.blocks[run.number()] += 1;
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.cuts.push((run.number(), run.len()));
    }

    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    #[inline(always)]
    fn stretch(&mut self, _: Stretch<'_>) {}

    fn stretches(&mut self, run: Stretch<'_>, times: u64) {
        for block in run.blocks() {
            self.blocks[block.number()] += times;
        }
    }
}

/// Executed instructions of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// All instructions.
    pub total: u64,
    /// For each opcode, at its number.
    pub per_opcode: Box<[u64]>,
    /// For each function that ran, by instance and index.
    pub per_function: Vec<FuncCounts>,
}

/// Executed instructions of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FuncCounts {
    /// Its instance.
    pub instance: InstanceIndex,
    /// Its index.
    pub func: FuncIndex,
    /// All its instructions.
    pub total: u64,
    /// For each opcode that ran, ascending.
    #[serde(skip)]
    pub per_opcode: Vec<(Opcode, u64)>,
    /// How often each block of its code was begun, by block index.
    pub per_block: Box<[u64]>,
}

impl Counts {
    /// Replays a trace and counts.
    ///
    /// # Errors
    /// When the trace does not fit its modules.
    pub fn of(trace: &Trace) -> Result<Self, ReplayError> {
        Self::until(trace, ())
    }

    /// As [`Self::of`], until `pauser` wants a pause.
    pub(super) fn until(trace: &Trace, pauser: impl Visitor) -> Result<Self, ReplayError> {
        let mut both = (Counter::default(), pauser);
        Replay::new(trace, trace.limits)?.run(&mut both)?;
        both.0.finish().map_err(|error| {
            let inner = Inner { kind: ReplayErrorKind::Code(error), decisions: 0, record: 0, site: None };
            ReplayError { inner: Box::new(inner) }
        })
    }

    /// How often instructions with this text name ran.
    pub fn of_mnemonic(&self, mnemonic: &str) -> u64 {
        self.mnemonics().filter(|(name, _)| *name == mnemonic).map(|(_, count)| count).sum()
    }

    /// The opcodes that ran, by text name. A name comes twice if two opcodes share it.
    pub fn mnemonics(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let all = Opcode::ALL.iter().zip(&self.per_opcode);
        all.filter(|(_, count)| **count != 0).map(|(opcode, count)| (opcode.mnemonic(), *count))
    }
}

impl Counter {
    /// Turns blocks into opcodes.
    ///
    /// # Errors
    /// Never after a replay: the code that ran was decoded then.
    pub fn finish(mut self) -> Result<Counts, ParseError> {
        self.cuts.sort_unstable();
        let mut counts = Counts { total: 0, per_opcode: vec![0; OPCODES].into(), per_function: Vec::new() };
        for function in &self.functions {
            let function = self.count(function)?;
            counts.total += function.total;
            for &(opcode, count) in &function.per_opcode {
                counts.per_opcode[opcode as usize] += count;
            }
            counts.per_function.push(function);
        }
        counts.per_function.sort_by_key(|function| (function.instance, function.func));
        Ok(counts)
    }

    fn count(&self, function: &Counted) -> Result<FuncCounts, ParseError> {
        let &Counted { instance, func, ref module, first_block } = function;
        let code = module.code(func)?;
        let end = first_block + code.blocks().len();
        let mut per_block: Box<[u64]> = self.blocks[first_block..end].into();
        let mut opcodes = vec![0; OPCODES];
        for (block, &count) in code.blocks().iter().zip(&per_block) {
            add(&mut opcodes, &code.ops()[block.range()], count);
        }
        let cuts = self.cuts.partition_point(|cut| cut.0 < first_block)
            ..self.cuts.partition_point(|cut| cut.0 < end);
        for &(number, len) in &self.cuts[cuts] {
            let block = &code.blocks()[number - first_block];
            add(&mut opcodes, &code.ops()[block.range()][..len as usize], 1);
            per_block[number - first_block] += 1;
        }
        let ran = Opcode::ALL.iter().copied().zip(opcodes).filter(|(_, count)| *count != 0);
        let per_opcode: Vec<_> = ran.collect();
        let total = per_opcode.iter().map(|(_, count)| count).sum();
        Ok(FuncCounts { instance, func, total, per_opcode, per_block })
    }
}

/// Adds `count` to the counter of each instruction.
fn add(opcodes: &mut [u64], ops: &[crate::module::Op], count: u64) {
    for op in ops.iter().filter(|_| count != 0) {
        opcodes[op.opcode as usize] += count;
    }
}
