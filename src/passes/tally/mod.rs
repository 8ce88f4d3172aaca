//! The one replay: counts what every pass derives its results from.
//!
//! Keeps a few counters for each block of the functions that ran and one for each label of a table, the
//! callees of each call site, and the call stack. So memory grows with the code, and beyond that by
//! documented caps; never with the length of the trace. What is counted is exact; ways between blocks
//! too, where an invocation was cut short.
//!
//! PERF: the hot hooks add to one element of a vector. Instructions, classes, edges and signatures are
//! derived at the end (`profile`).
//!
//! Not here: what the counts mean.

mod blocks;
mod constant_sites;
mod entries;
mod limits;
mod paths;
mod sites;
mod stack;

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::{HashMap, HashSet};

use crate::{
    module::{Code, Exit, FuncIndex, Module, Opcode, cfg::Cfg},
    trace::{
        CallKind, End, ExecutedBlock, ExecutedFunction, FuncKey, HostCall, InstanceIndex, Record, Trace,
        Visitor,
    },
};

use blocks::{Block, Blocks};
use constant_sites::ConstantSite;
pub(super) use constant_sites::Constants;
use entries::Entries;
pub(super) use entries::{Hot, Invocation, Totals, tables};
use paths::Paths;
use sites::{Made, Sites};
use stack::{Frame, NONE, Stack};

/// A function in the call sequence: defined ones by their order of loading, host functions by the order of
/// their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct State(u32);

impl State {
    const HOST: u32 = 1 << 31;
    const NONE: Self = Self(u32::MAX);

    pub(super) fn defined(ordinal: usize) -> Self {
        Self(ordinal as u32)
    }

    pub(super) fn host(position: usize) -> Self {
        Self(position as u32 | Self::HOST)
    }

    pub(super) fn is_host(self) -> bool {
        self.0 & Self::HOST != 0
    }

    pub(super) fn position(self) -> usize {
        (self.0 & !Self::HOST) as usize
    }
}

/// A function that ran.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) instance: InstanceIndex,
    pub(super) func: FuncIndex,
    module: Arc<Module>,
    pub(super) first_block: usize,
    /// Number of its first loop among all loops.
    pub(super) first_loop: usize,
    pub(super) cfg: Cfg,
    pub(super) entered: u64,
    /// Its growth and bulk operations.
    pub(super) grown: Grown,
    /// Constants in it whose executions are counted, by place.
    constant_sites: Vec<ConstantSite>,
}

/// What a function did to sizes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Grown {
    /// Pages that `memory.grow` added.
    pub(super) pages: u64,
    /// `memory.grow` that were refused.
    pub(super) refused: u64,
    /// Bytes and elements of bulk operations.
    pub(super) bulk_len: u64,
}

impl Function {
    /// Its code. It was decoded when the function was loaded.
    pub(super) fn code(&self) -> Option<&Code> {
        self.module.code(self.func).ok()
    }
}

/// Counts while a trace is replayed.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) blocks: Blocks,
    /// Blocks that were cut short: number and instructions → how often.
    pub(super) cuts: BTreeMap<(usize, u32), u64>,
    /// Blocks that ran to their end without a way on, which only a count of those that have one shows.
    pub(super) stuck: HashMap<usize, u64>,
    pub(super) functions: Vec<Function>,
    /// Keys of functions to their ordinals.
    ordinals: HashMap<FuncKey, usize>,
    /// Keys of host functions, ascending.
    pub(super) hosts: Vec<FuncKey>,
    /// Functions in the order in which they were first entered.
    pub(super) order: Vec<State>,
    pub(super) sites: Sites,
    /// Constants whose executions are counted.
    constants: Constants,
    paths: Paths,
    stack: Stack,
    pub(super) entries: Entries,
    /// The block that ran last, if to its end.
    last: usize,
    /// The block that was cut short last.
    cut_in: usize,
    /// Invocations that end before their first instruction, by number.
    stillborn: HashSet<u64>,
    /// Invocations so far.
    invocations: u64,
    /// For each top-level invocation, whether a limit stopped it, in a host function too.
    stopped: Vec<bool>,
    /// A function that was invoked and is loaded next.
    pending: Option<FuncKey>,
    memory_grow: Option<Opcode>,
}

impl Tally {
    /// Ready to replay `trace`. `stopped` has an element for each entry point whose metrics are kept: whether
    /// a limit stopped it.
    pub(super) fn new(trace: &Trace, stopped: Vec<bool>, constants: Constants) -> Self {
        let hosts: Vec<_> = trace.hosts.keys().copied().collect();
        Self {
            blocks: Blocks::default(),
            cuts: BTreeMap::new(),
            stuck: HashMap::new(),
            functions: Vec::new(),
            ordinals: HashMap::new(),
            order: Vec::new(),
            sites: Sites::default(),
            constants,
            paths: Paths::default(),
            stack: Stack::default(),
            entries: Entries::new(hosts.len(), stopped.len()),
            hosts,
            last: usize::MAX,
            cut_in: usize::MAX,
            stillborn: stillborn(trace),
            invocations: 0,
            stopped,
            pending: None,
            memory_grow: Opcode::from_mnemonic("memory.grow"),
        }
    }

    /// The function with this index in an instance, if it was loaded.
    pub(super) fn ordinal_of(
        &self,
        instance: InstanceIndex,
        func: FuncIndex,
        trace: &Trace,
    ) -> Option<State> {
        let instance = trace.instances.get(instance.0 as usize)?;
        let imported = trace.modules.get(instance.module)?.imported_functions();
        let key = instance.first_key.0.checked_add(func.0.checked_sub(imported)?)?;
        self.ordinals.get(&FuncKey(key)).map(|&ordinal| State::defined(ordinal))
    }

    /// Calls in a block that never came back.
    pub(super) fn abandoned(&self, number: usize) -> u64 {
        self.stack.abandoned.get(&(number as u32)).copied().unwrap_or(0)
    }

    /// Host calls made while a loop was running (those of inner loops left out), and whether the run was
    /// stopped in it.
    pub(super) fn in_loop(&self, number: usize) -> (u64, bool) {
        self.stack.groups.get(number).map_or((0, false), |group| (group.host_calls, group.is_stopped))
    }

    /// Sequences of three functions, and how many were not kept.
    pub(super) fn take_paths(&mut self) -> (BTreeMap<[State; 3], u64>, u64) {
        std::mem::take(&mut self.paths).finish()
    }

    /// Closes what a replay that failed left open.
    pub(super) fn close(&mut self) {
        while !self.stack.is_empty() {
            self.stack.end();
        }
        self.end_entry();
    }

    fn end_entry(&mut self) {
        let targets = self.sites.end_entry();
        self.entries.end(&self.functions, &self.blocks.all, &mut self.cuts, targets);
    }

    /// A function is entered.
    #[inline]
    fn enter(&mut self, callee: usize) {
        let Some(function) = self.functions.get_mut(callee) else { return };
        if function.entered == 0 {
            self.order.push(State::defined(callee));
        }
        function.entered += 1;
        self.entries.touch(callee);
        self.paths.step(State::defined(callee));
    }

    /// The host enters a function that it invoked.
    fn enter_invoked(&mut self, callee: usize) {
        self.note_invoked(State::defined(callee));
        self.enter(callee);
        self.stack.push(Frame { site: NONE, group: NONE, callee: State::defined(callee), is_tail: false });
    }

    fn note_invoked(&mut self, callee: State) {
        self.pending = None;
        // The frame that invokes stays on top until the callee is there.
        self.sites.by_host(self.stack.host(), callee, self.stack.is_active(callee));
    }

    /// What calls and tail calls have in common. Gives the loop around the call.
    #[inline]
    fn note_call(&mut self, site: usize, kind: CallKind, callee: usize) -> u32 {
        let is_back = self.stack.is_active(State::defined(callee));
        let block = self.blocks.call(site);
        let group = block.group;
        match kind {
            CallKind::Direct => block.is_back |= is_back,
            _ => {
                let call =
                    Made { site, callee: State::defined(callee), is_indirect: kind == CallKind::Indirect };
                self.sites.by_code(call, is_back, self.entries.begun());
            }
        }
        self.entries.call();
        self.enter(callee);
        group
    }

    /// Whether a limit stopped the current entry point.
    fn is_stopped(&self) -> bool {
        self.entries
            .begun()
            .checked_sub(1)
            .and_then(|entry| self.stopped.get(entry))
            .copied()
            .unwrap_or(false)
    }

    /// A block that ends without a decision or a call has no way on if the invocation ended at its last
    /// instruction.
    fn note_stuck(&mut self) {
        let owner =
            self.functions.partition_point(|function| function.first_block <= self.last).wrapping_sub(1);
        let Some(function) = self.functions.get(owner) else { return };
        let block = function.code().and_then(|code| code.blocks().get(self.last - function.first_block));
        if block
            .is_some_and(|block| matches!(block.exit, Exit::Next | Exit::Skip(_) | Exit::Grow | Exit::Bulk))
        {
            *self.stuck.entry(self.last).or_default() += 1;
        }
    }
}

impl Visitor for Tally {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        let (code, first_block) = (function.code(), function.first_block());
        let (cfg, first_loop) = (Cfg::of(code), self.stack.groups.len());
        self.blocks.add(code, &cfg, first_loop);
        self.stack.load(cfg.loops.len());
        self.entries.load(code.blocks().len());
        self.ordinals.insert(function.key(), function.ordinal());
        let (instance, func, module) = (function.instance(), function.index(), Arc::clone(function.module()));
        // Results name the functions of the first instance.
        let constant_sites =
            if instance == InstanceIndex(0) { self.constants.of_function(func, code) } else { Vec::new() };
        let grown = Grown::default();
        self.functions.push(Function {
            instance,
            func,
            module,
            first_block,
            first_loop,
            cfg,
            entered: 0,
            grown,
            constant_sites,
        });
        if self.pending == Some(function.key()) {
            self.enter_invoked(function.ordinal());
        }
    }

    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.last = run.number();
        self.blocks.block(run);
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        (self.last, self.cut_in) = (usize::MAX, run.number());
        self.entries.cut(run.number(), run.len());
    }

    #[inline(always)]
    fn branch(&mut self, run: ExecutedBlock<'_>, taken: bool) {
        self.blocks.branch(run, taken);
    }

    #[inline]
    fn branch_table(&mut self, run: ExecutedBlock<'_>, index: u32) {
        self.blocks.branch_table(run, index);
    }

    #[inline]
    fn call(&mut self, run: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        let callee = callee.ordinal();
        let group = self.note_call(run.number(), kind, callee);
        self.stack.push(Frame {
            site: run.number() as u32,
            group,
            callee: State::defined(callee),
            is_tail: false,
        });
    }

    #[inline]
    fn tail_call(&mut self, run: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        self.note_call(run.number(), kind, callee.ordinal());
        self.stack.replace(State::defined(callee.ordinal()));
    }

    #[inline]
    fn leave(&mut self, _: ExecutedBlock<'_>) {
        self.stack.pop(true);
    }

    fn host_call(&mut self, run: Option<ExecutedBlock<'_>>, call: HostCall<'_>) {
        let position = self.hosts.partition_point(|key| *key < call.func);
        let callee = State::host(position);
        let (mut site, mut group) = (NONE, NONE);
        match run {
            Some(run) => {
                site = run.number() as u32;
                group = self.blocks.call(run.number()).group;
                let is_indirect = call.kind == Some(CallKind::Indirect);
                let made = Made { site: run.number(), callee, is_indirect };
                self.sites.by_code(made, false, self.entries.begun());
            }
            None => self.note_invoked(callee),
        }
        if self.entries.host_call(position) {
            self.order.push(callee);
        }
        self.paths.step(callee);
        self.stack.push(Frame { site, group, callee, is_tail: call.is_tail });
    }

    fn host_return(&mut self, failed: bool) {
        if failed && self.is_stopped() {
            self.stack.stop(NONE);
        }
        let frame = self.stack.pop(!failed);
        self.last = frame.map_or(usize::MAX, |frame| frame.site as usize);
        // A tail call's caller is gone with it, and nothing else tells of its return.
        if !failed && frame.is_some_and(|frame| frame.is_tail) {
            self.stack.pop(true);
        }
    }

    fn grow(&mut self, run: ExecutedBlock<'_>, delta: u64, result: u64) {
        if run.last().map(|op| op.opcode) == self.memory_grow
            && let Some(function) = self.functions.get_mut(run.function().ordinal())
        {
            self.entries.grow(&mut function.grown, delta, result);
        }
    }

    fn bulk(&mut self, run: ExecutedBlock<'_>, _: u64, _: u64, len: u64) {
        self.entries.bulk(len);
        if let Some(function) = self.functions.get_mut(run.function().ordinal()) {
            function.grown.bulk_len = function.grown.bulk_len.saturating_add(len);
        }
    }

    fn invoke(&mut self, func: FuncKey) {
        if self.stack.is_empty() {
            self.paths.restart();
            self.entries.begin(func);
        }
        self.stack.invoke();
        self.last = usize::MAX;
        self.invocations += 1;
        self.pending = Some(func);
        if let Some(&callee) = self.ordinals.get(&func)
            && !self.stillborn.contains(&(self.invocations - 1))
        {
            self.enter_invoked(callee);
        }
    }

    fn end(&mut self, end: &End) {
        if end.place().is_some_and(|place| place.site.is_some()) {
            self.note_stuck();
        }
        if matches!(end, End::Stopped { .. }) {
            let at = if self.last == usize::MAX { self.cut_in } else { self.last };
            self.stack.stop(self.blocks.all.get(at).map_or(NONE, |block| block.group));
        }
        (self.last, self.cut_in) = (usize::MAX, usize::MAX);
        self.pending = None;
        self.stack.end();
        if self.stack.is_empty() {
            self.end_entry();
        }
    }
}

/// Invocations that end before their first instruction, by number.
fn stillborn(trace: &Trace) -> HashSet<u64> {
    let (mut open, mut begun, mut found) = (Vec::new(), 0, HashSet::new());
    for record in trace.record_stream() {
        match &*record {
            Record::Invoke { .. } => {
                open.push(begun);
                begun += 1;
            }
            Record::End(end) => {
                let invocation = open.pop();
                let is_stillborn = end.place().is_some_and(|place| place.depth == 0);
                found.extend(invocation.filter(|_| is_stillborn));
            }
            _ => {}
        }
    }
    found
}
