//! What a scope means on the facts: its instances, and which lies inside which.

use crate::module::{FuncIndex, Place};

use super::{
    super::rule::{SPAN, Scope},
    Evaluator,
};

/// One thing that a rule is evaluated on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instance {
    /// The bytes.
    File,
    /// A defined function.
    Function(FuncIndex),
    /// A block of it, by its place in the code.
    Block(FuncIndex, usize),
    /// An instruction of it.
    Op(FuncIndex, usize),
    /// The run together with the file.
    RunFile,
    /// The run.
    Run,
    /// An entry point.
    Thread(usize),
    /// Calls from `first` to before `end`, all of one entry point.
    Span { first: usize, end: usize },
    /// A host call.
    Call(usize),
    /// What a function did.
    RunFunction(FuncIndex),
    /// A loop that ran, by its place in the list of loops.
    Loop(usize),
}

impl Instance {
    /// What the instances of a rule's own scope lie in.
    pub(super) fn root(on_run: bool) -> Self {
        if on_run { Self::RunFile } else { Self::File }
    }

    /// Whether it is the file as a whole, with the run or without it.
    pub(super) fn is_whole_file(&self) -> bool {
        matches!(self, Self::File | Self::RunFile)
    }

    /// Whether it is the run as a whole, with the file or without it.
    pub(super) fn is_whole_run(&self) -> bool {
        matches!(self, Self::Run | Self::RunFile)
    }

    fn is_run(&self) -> bool {
        !matches!(self, Self::File | Self::Function(_) | Self::Block(..) | Self::Op(..))
    }
}

impl Evaluator<'_> {
    /// The instances of `scope` inside `at`, as many as the budget has steps for.
    pub(super) fn instances(&self, scope: Scope, at: &Instance) -> Vec<Instance> {
        let instances = self.instances_of(scope, at);
        self.budget.spend_len(instances.len());
        instances
    }

    fn instances_of(&self, scope: Scope, at: &Instance) -> Vec<Instance> {
        match scope {
            Scope::File => vec![at.clone()],
            Scope::Process => vec![Instance::Run],
            Scope::Function => self.functions(at),
            Scope::BasicBlock => self.parts(at, |code| code.blocks().len(), Instance::Block),
            Scope::Instruction => match at {
                Instance::Block(func, block) => self.ops_of_block(*func, *block),
                _ => self.parts(at, |code| code.ops().len(), Instance::Op),
            },
            Scope::Thread => {
                (0..self.index.run().map_or(0, |run| run.entries.len())).map(Instance::Thread).collect()
            }
            Scope::Call => self.calls(at).into_iter().map(Instance::Call).collect(),
            Scope::Span => self.spans(at),
            Scope::RunFunction => {
                let functions = self.index.facts.dynamic.functions.iter();
                functions.map(|function| Instance::RunFunction(function.index)).collect()
            }
            Scope::Loop => self.loops(at),
        }
    }

    /// The code of the function that ran, or of all functions.
    fn functions(&self, at: &Instance) -> Vec<Instance> {
        if let Instance::RunFunction(func) = at {
            return vec![Instance::Function(*func)];
        }
        let functions = self.index.facts.view.functions.iter();
        functions.map(|function| Instance::Function(function.index)).collect()
    }

    /// The loops of the function that ran, or all that ran.
    fn loops(&self, at: &Instance) -> Vec<Instance> {
        if let Instance::RunFunction(own) = at {
            return self.index.loops_of(*own).map(|(position, _)| Instance::Loop(position)).collect();
        }
        (0..self.index.facts.dynamic.loops.len()).map(Instance::Loop).collect()
    }

    /// Blocks or instructions of one function, or of all.
    fn parts(
        &self,
        at: &Instance,
        count: fn(&crate::module::Code) -> usize,
        make: fn(FuncIndex, usize) -> Instance,
    ) -> Vec<Instance> {
        let Some(module) = self.index.module() else { return Vec::new() };
        let of = |func: FuncIndex| {
            let count = module.code(func).map_or(0, count);
            (0..count).map(move |position| make(func, position))
        };
        // One more than can be paid for, so that the cut is noticed.
        let most = self.budget.left().saturating_add(1);
        match at {
            Instance::Function(func) => of(*func).take(most).collect(),
            _ => module.defined().flat_map(of).take(most).collect(),
        }
    }

    fn ops_of_block(&self, func: FuncIndex, block: usize) -> Vec<Instance> {
        let code = self.index.module().and_then(|module| module.code(func).ok());
        let range =
            code.and_then(|code| code.blocks().get(block)).map(|block| block.range()).unwrap_or_default();
        range.map(|op| Instance::Op(func, op)).collect()
    }

    /// The calls inside `at`, ascending; none if the budget has no steps for them.
    pub(super) fn calls(&self, at: &Instance) -> Vec<usize> {
        let calls = self.calls_in(at);
        if self.budget.spend_len(calls.len()) { calls } else { Vec::new() }
    }

    fn calls_in(&self, at: &Instance) -> Vec<usize> {
        let listed = |calls: &[u32]| calls.iter().map(|call| *call as usize).collect();
        match at {
            Instance::Run | Instance::RunFile => (0..self.index.all_calls().len()).collect(),
            Instance::Thread(entry) => listed(self.index.calls_of_entry(*entry)),
            Instance::Span { first, end } => (*first..*end).collect(),
            Instance::Call(call) => vec![*call],
            Instance::RunFunction(func) => listed(self.index.calls_of_function(*func)),
            _ => Vec::new(),
        }
    }

    /// Windows of [`SPAN`] calls, one beginning at each call; calls of different entry points share none.
    fn spans(&self, at: &Instance) -> Vec<Instance> {
        let all = self.index.all_calls();
        let inside = self.calls(at);
        let entry = |call: usize| all.get(call).map(|call| call.entry);
        let mut spans = Vec::new();
        let mut before: Option<(usize, usize)> = None;
        for &first in &inside {
            let last = inside.last().map_or(0, |last| last + 1);
            let mut end = first.saturating_add(SPAN).min(last);
            while end > first + 1 && entry(end - 1) != entry(first) {
                end -= 1;
            }
            // A shorter window at the end holds nothing new.
            if before.is_none_or(|(_, end_before)| end > end_before) {
                spans.push(Instance::Span { first, end });
                before = Some((first, end));
            }
        }
        spans
    }

    /// Whether `inner` lies inside `outer`.
    pub(super) fn holds(&self, outer: &Instance, inner: &Instance) -> bool {
        if outer == inner {
            return true;
        }
        match outer {
            Instance::RunFile | Instance::Run => true,
            Instance::File => !inner.is_run(),
            Instance::Function(func) => {
                matches!(inner, Instance::Block(of, _) | Instance::Op(of, _) if of == func)
            }
            Instance::RunFunction(func) => self.function_holds(*func, inner),
            Instance::Thread(entry) => self.entry_of(inner) == Some(*entry),
            Instance::Span { first, end } => match inner {
                Instance::Call(call) => (*first..*end).contains(call),
                Instance::Span { first: from, end: to } => from >= first && to <= end,
                _ => false,
            },
            Instance::Block(func, block) => {
                matches!(inner, Instance::Op(of, op) if of == func && self.block_holds(*func, *block, *op))
            }
            Instance::Op(..) | Instance::Call(_) | Instance::Loop(_) => false,
        }
    }

    /// The entry point that a call or span of calls belongs to.
    fn entry_of(&self, instance: &Instance) -> Option<usize> {
        match instance {
            Instance::Call(call) | Instance::Span { first: call, .. } => {
                self.index.all_calls().get(*call).map(|call| call.entry)
            }
            _ => None,
        }
    }

    /// Whether `inner` lies inside what a function did.
    fn function_holds(&self, func: FuncIndex, inner: &Instance) -> bool {
        match inner {
            Instance::Function(of) | Instance::Block(of, _) | Instance::Op(of, _) => *of == func,
            Instance::Loop(position) => {
                self.index.facts.dynamic.loops.get(*position).is_some_and(|of| of.place.function == func)
            }
            Instance::Call(call) => self.index.call_site(*call).is_some_and(|site| site.function == func),
            _ => false,
        }
    }

    /// Whether an instruction of a function lies inside a block of it.
    fn block_holds(&self, func: FuncIndex, block: usize, op: usize) -> bool {
        let code = self.index.module().and_then(|module| module.code(func).ok());
        code.and_then(|code| code.blocks().get(block)).is_some_and(|block| block.range().contains(&op))
    }

    /// Where an instance is, if it has one place.
    pub(super) fn place_of(&self, instance: &Instance) -> Option<Place> {
        let code = |func: FuncIndex| self.index.module().and_then(|module| module.code(func).ok());
        match instance {
            Instance::Function(func) | Instance::RunFunction(func) => {
                self.index.defined(*func).map(|function| Place { function: *func, offset: function.offset })
            }
            Instance::Block(func, block) => {
                let first = code(*func)?.blocks().get(*block)?.first;
                code(*func)?
                    .ops()
                    .get(first.position())
                    .map(|op| Place { function: *func, offset: op.offset })
            }
            Instance::Op(func, op) => {
                code(*func)?.ops().get(*op).map(|op| Place { function: *func, offset: op.offset })
            }
            Instance::Loop(position) => self.index.facts.dynamic.loops.get(*position).map(|of| of.place),
            Instance::Call(call) => self.index.call_site(*call),
            _ => None,
        }
    }
}
