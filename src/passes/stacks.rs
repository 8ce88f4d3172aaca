//! Call stacks, weighted by the instructions that ran with them: what a flame graph shows.
//!
//! A tree of calls: a node for each distinct stack, so memory grows with the number of distinct stacks up to
//! [`MAX_STACKS`], never with the trace. Frames deeper than [`STACK_DEPTH`] count for the frame at that
//! depth, and stacks beyond the number for the deepest known caller. Both are counted. Host calls execute no
//! instruction and do not show.

use std::{collections::HashMap, mem};

use crate::{
    module::{FuncIndex, view::View},
    sandbox,
    trace::{CallKind, End, ExecutedBlock, ExecutedFunction, FuncKey, ReplayError, Threads, Trace, Visitor},
};

use super::{Cost, Pass, Replayed};

pub use super::limits::{MAX_STACKS, STACK_DEPTH};

/// A stack and the instructions that ran with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stack {
    /// The functions, outermost first.
    pub funcs: Vec<FuncIndex>,
    /// Instructions of the innermost function, executed on this stack.
    pub instructions: u64,
}

/// The stacks of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stacks {
    /// Stacks on which something ran, by their functions.
    pub stacks: Vec<Stack>,
    /// Instructions that count for a caller because the stack was too deep or one too many.
    pub merged: u64,
}

impl Stacks {
    /// Replays a trace.
    ///
    /// # Errors
    ///
    /// When the trace does not fit its modules.
    pub fn of(trace: &Trace) -> Result<Self, ReplayError> {
        let (stacks, ended) = Self::known(trace);
        ended.map(|()| stacks)
    }

    /// As [`Self::of`]: as far as the trace can be replayed, and why it cannot be further.
    pub fn known(trace: &Trace) -> (Self, Result<(), ReplayError>) {
        let mut tree = Tree::default();
        let ended = trace.replay(&mut tree).map(drop);
        (tree.finish(), ended)
    }
}

/// The pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "stacks";
    const HELP: &'static str = "call stacks by the instructions that ran with them, for flame graphs";
    const COST: Cost = Cost::Replay;
    type Counter = Tree;
    type Output = Stacks;

    fn counter(&self, _: &sandbox::Run, _: &View) -> Tree {
        Tree::default()
    }

    fn of(&self, tree: Tree, _: &Replayed<'_>) -> Stacks {
        tree.finish()
    }
}

/// A node of the tree of calls.
#[derive(Debug)]
struct Node {
    parent: Option<u32>,
    func: FuncIndex,
    depth: usize,
    instructions: u64,
}

/// A frame of the run.
#[derive(Debug, Clone, Copy)]
struct Frame {
    node: u32,
    /// Whether the node is that of a caller.
    merged: bool,
}

/// The tree of calls, while a trace is replayed.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    children: HashMap<(Option<u32>, FuncIndex), u32>,
    /// The frames, with `None` below each invocation.
    frames: Vec<Option<Frame>>,
    /// Set by an invocation: the next block is the first of its first frame.
    pending: bool,
    /// The same of the other threads.
    threads: Threads<(Vec<Option<Frame>>, bool)>,
    merged: u64,
}

impl Tree {
    /// The frame of `func` called from `caller`.
    fn enter(&mut self, caller: Option<Frame>, func: FuncIndex) -> Frame {
        let parent = caller.map(|frame| frame.node);
        if let Some(frame) = caller.filter(|frame| frame.merged) {
            return frame;
        }
        if let Some(&node) = self.children.get(&(parent, func)) {
            return Frame { node, merged: false };
        }
        let depth = parent.map_or(1, |parent| self.nodes[parent as usize].depth + 1);
        // The first node of an invocation is always made: there are at most as many as functions.
        if let Some(parent) = parent
            && (depth > STACK_DEPTH || self.nodes.len() >= MAX_STACKS)
        {
            return Frame { node: parent, merged: true };
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(Node { parent, func, depth, instructions: 0 });
        self.children.insert((parent, func), node);
        Frame { node, merged: false }
    }

    fn finish(self) -> Stacks {
        let mut stacks = Vec::new();
        for node in self.nodes.iter().filter(|node| node.instructions > 0) {
            let mut funcs = vec![node.func];
            let mut parent = node.parent;
            while let Some(node) = parent.and_then(|parent| self.nodes.get(parent as usize)) {
                funcs.push(node.func);
                parent = node.parent;
            }
            funcs.reverse();
            stacks.push(Stack { funcs, instructions: node.instructions });
        }
        stacks.sort_by(|a, b| a.funcs.cmp(&b.funcs));
        Stacks { stacks, merged: self.merged }
    }
}

impl Visitor for Tree {
    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    fn block(&mut self, run: ExecutedBlock<'_>) {
        if self.pending {
            self.pending = false;
            // A function that the host invokes from inside a host call stands on the stack of that call.
            let caller = self.frames.iter().rev().flatten().next().copied();
            let frame = self.enter(caller, run.function().index());
            self.frames.push(Some(frame));
        }
        if let Some(Some(frame)) = self.frames.last() {
            let instructions = u64::from(run.len());
            self.nodes[frame.node as usize].instructions += instructions;
            self.merged += if frame.merged { instructions } else { 0 };
        }
    }

    fn call(&mut self, _run: ExecutedBlock<'_>, _kind: CallKind, callee: ExecutedFunction<'_>) {
        let caller = self.frames.last().copied().flatten();
        let frame = self.enter(caller, callee.index());
        self.frames.push(Some(frame));
    }

    fn tail_call(&mut self, _run: ExecutedBlock<'_>, _kind: CallKind, callee: ExecutedFunction<'_>) {
        // The callee takes its caller's place: it stands on the caller's caller.
        self.frames.pop();
        let caller = self.frames.last().copied().flatten();
        let frame = self.enter(caller, callee.index());
        self.frames.push(Some(frame));
    }

    fn leave(&mut self, _run: ExecutedBlock<'_>) {
        // The first frame of an invocation goes with its end.
        if matches!(self.frames.iter().rev().nth(1), Some(Some(_))) {
            self.frames.pop();
        }
    }

    fn invoke(&mut self, _func: FuncKey) {
        self.frames.push(None);
        self.pending = true;
    }

    fn switch(&mut self, thread: u32) {
        let mut here = (mem::take(&mut self.frames), self.pending);
        self.threads.leave(thread, &mut here, |(frames, _)| frames.is_empty());
        (self.frames, self.pending) = here;
    }

    fn end(&mut self, _end: &End) {
        self.pending = false;
        while let Some(Some(_)) = self.frames.pop() {}
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Tracer, Value};

    use super::*;

    fn stacks(text: &str, argument: i32) -> Stacks {
        let mut session = Tracer::new(Options::default()).load(text.as_bytes()).unwrap();
        session.start().unwrap();
        session.invoke("f", &[Value::I32(argument)]).unwrap();
        let trace = session.finish();
        let stacks = Stacks::of(&trace).unwrap();
        let total: u64 = stacks.stacks.iter().map(|stack| stack.instructions).sum();
        assert_eq!(total, trace.counts().unwrap().total, "every instruction stands on one stack");
        stacks
    }

    #[test]
    fn instructions_stand_on_their_stack() {
        let text = r#"(module
            (func $f (export "f") (param i32) (call $g) (call $h))
            (func $g (call $h) (call $h))
            (func $h nop nop (return_call $t))
            (func $t nop))"#;
        let found = stacks(text, 0);
        let shape: Vec<_> = found
            .stacks
            .iter()
            .map(|stack| (stack.funcs.iter().map(|f| f.0).collect::<Vec<_>>(), stack.instructions))
            .collect();
        let expected = [
            (vec![0], 2),
            (vec![0, 1], 2),
            (vec![0, 1, 2], 6),
            (vec![0, 1, 3], 2),
            (vec![0, 2], 3),
            (vec![0, 3], 1),
        ];
        assert_eq!(shape, expected);
        assert_eq!(found.merged, 0);
    }

    #[test]
    fn deep_recursion_is_merged_and_counted() {
        let text = r#"(module (func $f (export "f") (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))))"#;
        let found = stacks(text, 1000);
        assert_eq!(found.stacks.len(), STACK_DEPTH);
        assert!(found.merged > 0);
        assert_eq!(found.stacks.last().unwrap().funcs.len(), STACK_DEPTH);
    }
}
