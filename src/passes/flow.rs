//! The control flow of a run, exactly: which blocks ran, and for one function how often each edge between its
//! blocks was taken.
//!
//! Both replay the trace once more, because only a graph or a coverage file asks for them. Memory follows the
//! code, not the trace. The stack of [`Flow`] is as deep as that of the run, which a limit bounds.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    module::{CodeOffset, FuncIndex, Module, view::View},
    sandbox,
    trace::{
        CallKind, Counter, Counts, End, ExecutedBlock, ExecutedFunction, FuncKey, ReplayError, Threads,
        Trace, Visitor,
    },
};

use super::{Cost, Pass, Replayed};

/// A block that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RanBlock {
    /// Its function.
    pub func: FuncIndex,
    /// Offset of its first instruction.
    pub offset: CodeOffset,
    /// Offset of the byte after its last instruction.
    pub end: CodeOffset,
    /// Offsets of its instructions.
    pub instructions: Vec<CodeOffset>,
    /// How often it was begun.
    pub count: u64,
}

/// The blocks that ran, by offset. Blocks without an instruction are left out.
///
/// # Errors
///
/// When the trace does not fit its modules.
pub fn blocks(trace: &Trace) -> Result<Vec<RanBlock>, ReplayError> {
    let (blocks, ended) = known_blocks(trace);
    ended.map(|()| blocks)
}

/// As [`blocks`]: as far as the trace can be replayed, and why it cannot be further.
pub fn known_blocks(trace: &Trace) -> (Vec<RanBlock>, Result<(), ReplayError>) {
    let mut counter = Counter::default();
    let ended = trace.replay(&mut counter).map(drop);
    // A body that cannot be read did not run, or replay says so.
    (counter.finish().map(|counts| blocks_of(trace, &counts)).unwrap_or_default(), ended)
}

fn blocks_of(trace: &Trace, counts: &Counts) -> Vec<RanBlock> {
    let mut blocks = match trace.modules.first() {
        Some(module) => ran_blocks(module, counts),
        None => Vec::new(),
    };
    blocks.sort_by_key(|block| block.offset);
    blocks
}

/// The pass that gives the blocks that ran, as [`blocks`] does.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "blocks";
    const HELP: &'static str = "blocks that ran, with the offsets of their instructions, for coverage files";
    const COST: Cost = Cost::Replay;
    type Counter = Counter;
    type Output = Vec<RanBlock>;

    fn counter(&self, _: &sandbox::Run, _: &View) -> Counter {
        Counter::default()
    }

    fn of(&self, counter: Counter, profile: &Replayed<'_>) -> Vec<RanBlock> {
        counter.finish().map(|counts| blocks_of(&profile.run().trace, &counts)).unwrap_or_default()
    }
}

/// The pass that gives the [`Flow`] of one function.
#[derive(Debug, Clone, Copy)]
pub struct OfFunction(pub FuncIndex);

impl Pass for OfFunction {
    const NAME: &'static str = "flow";
    const HELP: &'static str = "of one function, how often each edge between its blocks was taken";
    const COST: Cost = Cost::Replay;
    type Counter = Walker;
    type Output = Flow;

    fn counter(&self, _: &sandbox::Run, _: &View) -> Walker {
        Walker::new(self.0)
    }

    fn of(&self, walker: Walker, _: &Replayed<'_>) -> Flow {
        walker.flow
    }
}

fn ran_blocks(module: &Arc<Module>, counts: &Counts) -> Vec<RanBlock> {
    let mut found = Vec::new();
    for function in &counts.per_function {
        let Ok(code) = module.code(function.func) else { continue };
        for (block, &count) in code.blocks().iter().zip(&function.per_block).filter(|(_, count)| **count > 0)
        {
            let instructions: Vec<_> = code.ops()[block.range()].iter().map(|op| op.offset).collect();
            let Some(&offset) = instructions.first() else { continue };
            // The place after the last instruction: the next one (`end` and `else` between them are
            // nobody's), or the end of the body.
            let end = code.ops().get(block.range().end).map_or(CodeOffset(code.body().end), |op| op.offset);
            found.push(RanBlock { func: function.func, offset, end, instructions, count });
        }
    }
    found
}

/// How control went through one function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flow {
    /// Block → how often it was begun.
    pub blocks: BTreeMap<u32, u64>,
    /// From block, to block → how often.
    pub edges: BTreeMap<(u32, u32), u64>,
}

impl Flow {
    /// Replays a trace for one function.
    ///
    /// # Errors
    ///
    /// When the trace does not fit its modules.
    pub fn of(trace: &Trace, func: FuncIndex) -> Result<Self, ReplayError> {
        let (flow, ended) = Self::known(trace, func);
        ended.map(|()| flow)
    }

    /// As [`Self::of`]: as far as the trace can be replayed, and why it cannot be further.
    pub fn known(trace: &Trace, func: FuncIndex) -> (Self, Result<(), ReplayError>) {
        let mut walker = Walker::new(func);
        let ended = trace.replay(&mut walker).map(drop);
        (walker.flow, ended)
    }
}

/// No block yet, or a frame of another function.
const NONE: u32 = u32::MAX;

/// Follows the frames of one function, while a trace is replayed.
#[derive(Debug)]
pub struct Walker {
    func: FuncIndex,
    /// For each frame of the function the block that ran last, with [`NONE`] for frames of others and below
    /// each invocation `None`.
    frames: Vec<Option<u32>>,
    /// The same of the other threads.
    threads: Threads<Vec<Option<u32>>>,
    flow: Flow,
}

impl Walker {
    fn new(func: FuncIndex) -> Self {
        Self { func, frames: Vec::new(), threads: Threads::default(), flow: Flow::default() }
    }
}

impl Visitor for Walker {
    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    fn switch(&mut self, thread: u32) {
        self.threads.leave(thread, &mut self.frames, Vec::is_empty);
    }

    fn block(&mut self, run: ExecutedBlock<'_>) {
        if run.function().index() != self.func {
            return;
        }
        let block = run.block().0;
        *self.flow.blocks.entry(block).or_insert(0) += 1;
        if let Some(Some(last)) = self.frames.last_mut() {
            if *last != NONE {
                *self.flow.edges.entry((*last, block)).or_insert(0) += 1;
            }
            *last = block;
        }
    }

    fn call(&mut self, _run: ExecutedBlock<'_>, _kind: CallKind, _callee: ExecutedFunction<'_>) {
        self.frames.push(Some(NONE));
    }

    fn tail_call(&mut self, _run: ExecutedBlock<'_>, _kind: CallKind, _callee: ExecutedFunction<'_>) {
        if let Some(frame) = self.frames.last_mut() {
            *frame = Some(NONE);
        }
    }

    fn leave(&mut self, _run: ExecutedBlock<'_>) {
        // The first frame of an invocation goes with its end.
        if matches!(self.frames.iter().rev().nth(1), Some(Some(_))) {
            self.frames.pop();
        }
    }

    fn invoke(&mut self, _func: FuncKey) {
        self.frames.extend([None, Some(NONE)]);
    }

    fn end(&mut self, _end: &End) {
        while let Some(Some(_)) = self.frames.pop() {}
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Tracer, Value};

    use super::*;

    fn trace(text: &str, calls: &[i32]) -> Trace {
        let mut session = Tracer::new(Options::default()).load(text.as_bytes()).unwrap();
        session.start().unwrap();
        for &argument in calls {
            session.invoke("f", &[Value::I32(argument)]).unwrap();
        }
        session.finish()
    }

    /// Edges of a loop that calls itself once on the way: the recursion has a frame of its own.
    #[test]
    fn edges_are_those_of_each_frame() {
        let text = r#"(module (func $f (export "f") (param i32)
            (if (i32.eqz (local.get 0)) (then return))
            (call $f (i32.sub (local.get 0) (i32.const 1)))
            (loop (br_if 0 (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))))"#;
        let trace = trace(text, &[2]);
        let flow = Flow::of(&trace, FuncIndex(0)).unwrap();
        let entered = flow.blocks[&0];
        assert_eq!(entered, 3, "{flow:?}");
        let out_of_entry: u64 =
            flow.edges.iter().filter(|((from, _), _)| *from == 0).map(|(_, count)| count).sum();
        assert_eq!(out_of_entry, 3, "{flow:?}");
        assert_eq!(flow.edges.get(&(0, 1)), Some(&1), "the `then` arm ran once: {flow:?}");
        let back: u64 = flow.edges.iter().filter(|((from, to), _)| to <= from).map(|(_, count)| count).sum();
        // With 1 the loop is entered again once (1 - 1 = 0), with 2 never.
        assert_eq!(back, 1, "{flow:?}");
        for (&block, &count) in flow.blocks.iter().filter(|(block, _)| **block != 0) {
            let into: u64 =
                flow.edges.iter().filter(|((_, to), _)| *to == block).map(|(_, count)| count).sum();
            assert_eq!(into, count, "block {block}: {flow:?}");
        }
    }

    #[test]
    fn blocks_cover_what_ran_and_no_more() {
        let text = r#"(module (func (export "f") (param i32)
            (if (local.get 0) (then (nop)) (else (nop) (nop)))))"#;
        let trace = trace(text, &[1, 1]);
        let blocks = blocks(&trace).unwrap();
        let shape: Vec<_> = blocks.iter().map(|block| (block.instructions.len(), block.count)).collect();
        assert_eq!(shape, [(2, 2), (1, 2)]);
        assert!(blocks.iter().all(|block| block.offset < block.end));
    }
}
