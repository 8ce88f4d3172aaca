//! The common ground of all passes: what the counts of a replay say of blocks, ways between them, and calls.
//!
//! Every number is exact. A way that no decision names was taken as often as its block ran to its end and the
//! invocation went on. A call came back as often as it was made and not abandoned.
//!
//! A run has one instance, and results name its functions by index. Should a trace have more, the code of the
//! others is in the totals only.

use std::collections::BTreeMap;

use crate::{
    module::{
        Block, BlockIndex, Code, CodeOffset, Exit, FuncIndex, Module, Op,
        cfg::EdgeKind,
        view::{Classes, View},
    },
    sandbox::{Entry, EntryEnd, Run},
    trace::{FuncKey, InstanceIndex, Trace, Visitor, host_name},
};

use super::{
    CallEdgeKind,
    tally::{Constants, Function, Grown, Invocation, State, Tally, Totals},
};

/// A replayed run.
#[derive(Debug)]
pub struct Profile<'r> {
    pub(super) run: &'r Run,
    view: &'r View,
    trace: &'r Trace,
    pub(super) tally: Tally,
    /// Ordinals of the functions of the instance, by index.
    ran: Vec<usize>,
    /// Of each host function its name and, if it is an import of the module, its index.
    hosts: Vec<(String, Option<FuncIndex>)>,
    /// All calls.
    pub(super) calls: Vec<Call>,
    /// Sequences of three functions, and how many were not kept.
    pub(super) paths: (BTreeMap<[State; 3], u64>, u64),
    /// All instructions.
    pub(super) classes: Classes,
    /// Why the replay failed.
    pub(super) error: Option<String>,
}

/// A call of one function by another at one place, or by the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// `None` for an entry point.
    pub(super) caller: Option<State>,
    pub(super) callee: State,
    pub(super) kind: CallEdgeKind,
    pub(super) tail: bool,
    pub(super) count: u64,
    pub(super) back: bool,
    pub(super) offset: Option<CodeOffset>,
}

/// A function that ran.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran<'p> {
    tally: &'p Tally,
    pub(super) ordinal: usize,
    pub(super) function: &'p Function,
    pub(super) code: &'p Code,
}

impl<'r> Profile<'r> {
    /// Replays the trace of a run, once. `view` says which constants are looked for.
    pub fn of(run: &'r Run, view: &'r View) -> Self {
        Self::with(run, view, ()).0
    }

    /// As [`Self::of`]; `counter` sees the replay too.
    pub fn with<C: Visitor>(run: &'r Run, view: &'r View, counter: C) -> (Self, C) {
        let trace = &run.trace;
        let stopped = run.entries.iter().map(|entry| matches!(entry.end, EntryEnd::Stopped { .. })).collect();
        let mut both = (Tally::new(trace, stopped, Constants::of(view)), counter);
        let error = trace.replay(&mut both).err().map(|error| error.to_string());
        let (mut tally, counter) = both;
        tally.close();
        let paths = tally.take_paths();
        let is_ours = |ordinal: &usize| tally.functions[*ordinal].instance == InstanceIndex(0);
        let mut ran: Vec<_> = (0..tally.functions.len()).filter(is_ours).collect();
        ran.sort_by_key(|ordinal| tally.functions[*ordinal].func);
        let classes = Classes::of_histogram(&tally.entries.total.opcodes);
        let calls = Vec::new();
        let hosts = Vec::new();
        let mut profile = Self { run, view, trace, tally, ran, hosts, calls, paths, classes, error };
        profile.hosts = (0..profile.tally.hosts.len()).map(|position| profile.host(position)).collect();
        profile.calls = profile.all_calls();
        (profile, counter)
    }

    /// The run.
    pub fn run(&self) -> &'r Run {
        self.run
    }

    /// What the bytes of the module say.
    pub fn view(&self) -> &'r View {
        self.view
    }

    /// Why the replay ended early, if it did: then everything holds up to there.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Executed instructions.
    pub fn instructions(&self) -> u64 {
        self.classes.total
    }

    /// For each entry point of [`Run::entries`] its position among the calls by the host at top level. These
    /// are in the trace in the same order. `None` if it did not begin.
    pub fn invocations(&self) -> Vec<Option<usize>> {
        let kept = &self.tally.entries.kept;
        let mut next = 0;
        let mut missing = self.run.entries.len().saturating_sub(self.tally.entries.begun());
        let of_entry = |entry: &Entry| {
            let invocation = kept.get(next)?;
            if missing == 0 || self.may_be(entry, invocation) {
                next += 1;
                return Some(next - 1);
            }
            missing -= 1;
            None
        };
        self.run.entries.iter().map(of_entry).collect()
    }

    /// Whether an invocation may be that of an entry point. One that the engine refused before it began is
    /// not in the trace.
    fn may_be(&self, entry: &Entry, invocation: &Invocation) -> bool {
        let is_other = entry.func.is_some_and(|func| self.key_of(func) != Some(invocation.func));
        let is_refused = matches!(entry.end, EntryEnd::Failed { .. }) && entry.site.is_none();
        !is_other && !is_refused
    }

    /// The module that ran.
    pub(super) fn module(&self) -> Option<&'r Module> {
        let instance = self.trace.instances.first()?;
        self.trace.modules.get(instance.module).map(|module| &**module)
    }

    /// The functions that ran, by index.
    pub(super) fn functions(&self) -> impl Iterator<Item = Ran<'_>> {
        self.ran.iter().filter_map(|&ordinal| self.ran(ordinal))
    }

    /// How many functions ran, at most.
    pub(super) fn ran_count(&self) -> usize {
        self.ran.len()
    }

    /// The function with this index, if it ran.
    pub(super) fn function(&self, func: FuncIndex) -> Option<Ran<'_>> {
        let position =
            self.ran.binary_search_by_key(&func, |&ordinal| self.tally.functions[ordinal].func).ok()?;
        self.ran(self.ran[position])
    }

    fn ran(&self, ordinal: usize) -> Option<Ran<'_>> {
        let function = self.tally.functions.get(ordinal)?;
        Some(Ran { tally: &self.tally, ordinal, function, code: function.code()? })
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.tally.entries.total
    }

    /// The index of a function in the module: host functions have keys in the order of the imports.
    pub(super) fn index_of(&self, state: State) -> Option<FuncIndex> {
        if !state.is_host() {
            let function = self.tally.functions.get(state.position())?;
            return (function.instance == InstanceIndex(0)).then_some(function.func);
        }
        self.hosts.get(state.position())?.1
    }

    /// Name and index of a host function. Done once for each: names can be long.
    fn host(&self, position: usize) -> (String, Option<FuncIndex>) {
        let Some(host) = self.tally.hosts.get(position).and_then(|key| self.trace.hosts.get(key)) else {
            return Default::default();
        };
        let index = self.module().and_then(|module| {
            let is_host = |index: FuncIndex| {
                let import = module.imported_function(index);
                import.is_some_and(|import| *import.module == *host.module && *import.name == *host.name)
            };
            // Host functions that are not imported may stand between.
            let likely = u32::try_from(position).ok().map(FuncIndex).filter(|index| is_host(*index));
            likely.or_else(|| (0..module.imported_functions()).map(FuncIndex).find(|index| is_host(*index)))
        });
        (host_name(&host.module, &host.name), index)
    }

    /// The key of a function of the module.
    pub(super) fn key_of(&self, func: FuncIndex) -> Option<FuncKey> {
        let (instance, module) = (self.trace.instances.first()?, self.module()?);
        match func.0.checked_sub(module.imported_functions()) {
            Some(position) => instance.first_key.0.checked_add(position).map(FuncKey),
            None => self.tally.hosts.get(func.position()).copied(),
        }
    }

    /// The name of a host function.
    pub(super) fn host_name(&self, position: usize) -> &str {
        self.hosts.get(position).map_or("", |(name, _)| name)
    }

    fn all_calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (ordinal, _) in self.tally.functions.iter().enumerate() {
            if let Some(ran) = self.ran(ordinal) {
                self.direct_calls(ran, &mut calls);
            }
        }
        for (&(site, callee), noted) in &self.tally.sites.code {
            let Some((ran, block)) = self.block_at(site) else { continue };
            let is_import = matches!(block.exit, Exit::CallImport(_) | Exit::ReturnCallImport(_));
            let kind = if is_import { CallEdgeKind::Direct } else { CallEdgeKind::Indirect };
            calls.push(ran.call(block, callee, kind, noted.count, noted.is_back));
        }
        for (&(caller, callee), noted) in &self.tally.sites.host {
            let (kind, count, back) = (CallEdgeKind::Host, noted.count, noted.is_back);
            calls.push(Call { caller, callee, kind, tail: false, count, back, offset: None });
        }
        calls.sort_by_key(|call| (call.caller, call.callee, call.offset));
        calls
    }

    fn direct_calls(&self, ran: Ran<'_>, calls: &mut Vec<Call>) {
        let first = ran.function.first_block;
        for (block, counts) in
            ran.code.blocks().iter().zip(self.tally.blocks.all.get(first..).unwrap_or_default())
        {
            let (Exit::Call(func) | Exit::ReturnCall(func)) = block.exit else { continue };
            let callee = self
                .tally
                .ordinal_of(ran.function.instance, func, self.trace)
                .filter(|_| counts.ways[1] != 0);
            if let Some(callee) = callee {
                calls.push(ran.call(block, callee, CallEdgeKind::Direct, counts.ways[1], counts.is_back));
            }
        }
    }

    /// The calls that a function made, by callee and place.
    pub(super) fn calls_of(&self, ordinal: usize) -> &[Call] {
        let caller = Some(State::defined(ordinal));
        let first = self.calls.partition_point(|call| call.caller < caller);
        let end = self.calls.partition_point(|call| call.caller <= caller);
        self.calls.get(first..end).unwrap_or_default()
    }

    /// The function of the instance that the block with this number belongs to, and the block.
    pub(super) fn own_block(&self, number: usize) -> Option<(Ran<'_>, &Block)> {
        self.block_at(number).filter(|(ran, _)| ran.function.instance == InstanceIndex(0))
    }

    fn block_at(&self, number: usize) -> Option<(Ran<'_>, &Block)> {
        let functions = &self.tally.functions;
        let ran =
            self.ran(functions.partition_point(|function| function.first_block <= number).checked_sub(1)?)?;
        Some((ran, ran.code.blocks().get(number - ran.function.first_block)?))
    }
}

impl<'p> Ran<'p> {
    pub(super) fn func(self) -> FuncIndex {
        self.function.func
    }

    fn call(self, block: &Block, callee: State, kind: CallEdgeKind, count: u64, back: bool) -> Call {
        let offset = self.ops(block).last().map(|op| op.offset);
        let tail = matches!(
            block.exit,
            Exit::ReturnCall(_) | Exit::ReturnCallImport(_) | Exit::ReturnCallIndirect | Exit::ReturnCallRef
        );
        Call { caller: Some(State::defined(self.ordinal)), callee, kind, tail, count, back, offset }
    }

    /// What it did to sizes.
    pub(super) fn grown(self) -> Grown {
        self.tally.growth.of(self.ordinal)
    }

    pub(super) fn ops(self, block: &Block) -> &'p [Op] {
        self.code.ops().get(block.range()).unwrap_or_default()
    }

    pub(super) fn number(self, block: BlockIndex) -> usize {
        self.function.first_block + block.position()
    }

    /// How often a block ran to its end. For a branch, how often it was not taken and taken.
    pub(super) fn counts(self, block: BlockIndex) -> (u64, [u64; 2]) {
        self.tally.blocks.all.get(self.number(block)).map_or((0, [0; 2]), |counts| (counts.ran, counts.ways))
    }

    /// The numbers of the blocks of this function that were cut short: block, instructions, how often.
    fn cuts(self) -> impl Iterator<Item = (BlockIndex, u32, u64)> + 'p {
        let first = self.function.first_block;
        let cuts = self.tally.cuts.range((first, 0)..(first + self.code.blocks().len(), 0));
        cuts.map(move |(&(number, len), &count)| (BlockIndex((number - first) as u32), len, count))
    }

    /// How often each block began.
    pub(super) fn begun(self) -> Vec<u64> {
        let mut begun: Vec<_> =
            (0..self.code.blocks().len() as u32).map(|block| self.counts(BlockIndex(block)).0).collect();
        for (block, _, count) in self.cuts() {
            begun[block.position()] += count;
        }
        begun
    }

    /// The instructions that ran in a row, with their block and how often.
    pub(super) fn slices(self) -> impl Iterator<Item = (BlockIndex, &'p [Op], u64)> {
        let whole = self.code.blocks().iter().enumerate().filter_map(move |(position, block)| {
            let index = BlockIndex(position as u32);
            let (ran, _) = self.counts(index);
            (ran != 0).then(|| (index, self.ops(block), ran))
        });
        let cut = self.cuts().filter_map(move |(index, len, count)| {
            let ops = self.code.blocks().get(index.position()).map(|block| self.ops(block))?;
            Some((index, ops.get(..len as usize)?, count))
        });
        whole.chain(cut)
    }

    /// How often the instruction at this position in the code was executed.
    pub(super) fn executed(self, position: usize) -> u64 {
        let after = self.code.blocks().partition_point(|block| block.first.position() <= position);
        // Blocks without instructions begin where the next one does.
        let blocks = self.code.blocks().get(..after).unwrap_or_default();
        let Some(last) = blocks.iter().rposition(|block| block.len != 0) else { return 0 };
        let (block, index) = (blocks[last], BlockIndex(last as u32));
        if !block.range().contains(&position) {
            return 0;
        }
        let within = position - block.first.position();
        let number = self.number(index);
        let cut = self
            .tally
            .cuts
            .range((number, within as u32 + 1)..(number + 1, 0))
            .map(|(_, count)| count)
            .sum::<u64>();
        self.counts(index).0 + cut
    }

    /// How often each edge of the function's graph was taken.
    pub(super) fn edges(self) -> Vec<u64> {
        let blocks = self.code.blocks();
        let mut labels = BTreeMap::new();
        let mut labels_of = None;
        let count = |edge: &crate::module::cfg::Edge| {
            let (ran, [not, yes]) = self.counts(edge.from);
            let number = self.number(edge.from);
            let Some(block) = blocks.get(edge.from.position()) else { return 0 };
            match (edge.kind, block.exit) {
                (
                    EdgeKind::Next,
                    Exit::Call(_) | Exit::CallImport(_) | Exit::CallIndirect | Exit::CallRef,
                ) => yes.saturating_sub(self.tally.abandoned(number)),
                (EdgeKind::Next, _) | (EdgeKind::Jump, Exit::Skip(_)) => {
                    ran.saturating_sub(self.stuck(edge.from))
                }
                (EdgeKind::Jump | EdgeKind::Taken | EdgeKind::Then, _) => yes,
                (EdgeKind::NotTaken | EdgeKind::Else, _) => not,
                (EdgeKind::Throw | EdgeKind::Catch, _) => {
                    let between = (number, self.number(edge.to));
                    self.tally.exceptional.get(&between).copied().unwrap_or(0)
                }
                // Nothing that suspends is recorded.
                (EdgeKind::Suspend, _) => 0,
                (EdgeKind::Table, _) => {
                    if labels_of != Some(edge.from) {
                        (labels, labels_of) = (self.by_label(edge.from), Some(edge.from));
                    }
                    labels.get(&edge.to).copied().unwrap_or(0)
                }
            }
        };
        self.function.cfg.edges.iter().map(count).collect()
    }

    /// How often a block was the last of its invocation. The block needs no decision to go on.
    pub(super) fn stuck(self, block: BlockIndex) -> u64 {
        self.tally.ends.stuck.get(&self.number(block)).copied().unwrap_or(0)
    }

    /// How often the table at the end of a block took each label, the default last.
    pub(super) fn labels(self, block: BlockIndex) -> &'p [u64] {
        let len = self.labels_in_code(block).len();
        self.tally.blocks.labels(self.number(block), len)
    }

    fn labels_in_code(self, block: BlockIndex) -> &'p [BlockIndex] {
        let exit = self.code.blocks().get(block.position()).map(|block| block.exit);
        let table = match exit {
            Some(Exit::BrTable(table)) => self.code.tables().get(table as usize),
            _ => None,
        };
        table.map_or(&[], |table| self.code.labels(table))
    }

    fn by_label(self, block: BlockIndex) -> BTreeMap<BlockIndex, u64> {
        let mut counts = BTreeMap::new();
        for (&label, count) in self.labels_in_code(block).iter().zip(self.labels(block)) {
            *counts.entry(label).or_default() += count;
        }
        counts
    }
}
