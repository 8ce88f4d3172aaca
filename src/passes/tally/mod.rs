//! The one replay: counts what every pass derives its results from.
//!
//! Keeps a few counters for each block of the functions that ran and one for each label of a table, the
//! callees of each call site, and the call stack. So memory grows with the code, and beyond that by
//! documented caps; never with the length of the trace. Counts are exact; ways between blocks too, where an
//! invocation was cut short.
//!
//! Each thing that is counted has a small visitor of its own ([`Blocks`], [`Growth`], [`Ends`]). A call means
//! something to several of them ([`Stack`], [`Sites`], [`Paths`], [`Entries`]); that is said here.
//!
//! PERF: the hot hooks add to one element of a vector. Instructions, classes, edges and signatures are
//! derived at the end (`profile`).
//!
//! Not here: what the counts mean.

mod blocks;
mod constant_sites;
mod ends;
mod entries;
mod function;
mod growth;
mod invoked;
mod limits;
mod paths;
mod sites;
mod stack;
mod state;

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::HashMap;

use crate::{
    module::{FuncIndex, cfg::Cfg},
    trace::{
        CallKind, End, ExecutedBlock, ExecutedFunction, FuncKey, HostCall, InstanceIndex, Stretch, Trace,
        Visitor,
    },
};

use blocks::{Block, Blocks};
pub(super) use constant_sites::Constants;
use ends::Ends;
use entries::Entries;
pub(super) use entries::{Hot, Invocation, Totals, tables};
pub(super) use function::Function;
pub(super) use growth::Grown;
use growth::Growth;
use invoked::Invoked;
use limits::{SHARED_BLOCKS, SHARED_GRAPHS};
use paths::Paths;
use sites::{Made, Sites};
use stack::{Frame, NONE, Stack};
pub(super) use state::State;

/// Counts while a trace is replayed.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) blocks: Blocks,
    /// Blocks that were cut short: number and instructions → how often.
    pub(super) cuts: BTreeMap<(usize, u32), u64>,
    /// How often exceptions went from a block to a landing pad, and from one pad to another block, by number.
    pub(super) exceptional: HashMap<(usize, usize), u64>,
    pub(super) growth: Growth,
    pub(super) ends: Ends,
    pub(super) functions: Vec<Function>,
    /// Graphs that functions share.
    graphs: Vec<Arc<Cfg>>,
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
    invoked: Invoked,
    /// For each top-level invocation, whether a limit stopped it, in a host function too.
    stopped: Vec<bool>,
}

impl Tally {
    /// Ready to replay `trace`. `stopped` has an element for each entry point whose metrics are kept: whether
    /// a limit stopped it.
    pub(super) fn new(trace: &Trace, stopped: Vec<bool>, constants: Constants) -> Self {
        let hosts: Vec<_> = trace.hosts.keys().copied().collect();
        Self {
            blocks: Blocks::default(),
            cuts: BTreeMap::new(),
            exceptional: HashMap::new(),
            growth: Growth::new(),
            ends: Ends::new(),
            functions: Vec::new(),
            graphs: Vec::new(),
            ordinals: HashMap::new(),
            order: Vec::new(),
            sites: Sites::default(),
            constants,
            paths: Paths::default(),
            stack: Stack::default(),
            entries: Entries::new(hosts.len(), stopped.len()),
            hosts,
            invoked: Invoked::of(trace),
            stopped,
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

    /// The replay ended: closes the last entry point, and what a replay that failed left open.
    pub(super) fn close(&mut self) {
        while !self.stack.is_empty() {
            self.stack.end();
        }
        self.end_entry();
    }

    /// Ends the entry point that began last. Threads go on after it returned: what they do until the next
    /// begins is its work.
    fn end_entry(&mut self) {
        let targets = self.sites.end_entry();
        let grown = self.growth.take();
        self.entries.end(&self.functions, &self.blocks.all, &mut self.cuts, (targets, grown));
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
        self.invoked.settle();
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

    /// One copy of a graph that many small functions have: a module of 8 MB can have a million of them.
    fn share(&mut self, cfg: Cfg) -> Arc<Cfg> {
        if let Some(shared) = self.graphs.iter().find(|shared| ***shared == cfg) {
            return Arc::clone(shared);
        }
        let cfg = Arc::new(cfg);
        if cfg.block_count <= SHARED_BLOCKS && self.graphs.len() < SHARED_GRAPHS {
            self.graphs.push(Arc::clone(&cfg));
        }
        cfg
    }
}

impl Visitor for Tally {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        let code = function.code();
        let (cfg, first_loop) = (self.share(Cfg::of(code)), self.stack.groups.len());
        self.growth.load(function);
        self.blocks.add(code, &cfg, first_loop);
        self.stack.load(cfg.loops.len());
        self.entries.load(code.blocks().len());
        self.ordinals.insert(function.key(), function.ordinal());
        self.functions.push(Function::of(&function, cfg, first_loop, &self.constants));
        if self.invoked.is_pending(function.key()) {
            self.enter_invoked(function.ordinal());
        }
    }

    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.ends.block(run);
        self.blocks.block(run);
    }

    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    /// Calls as they come, since what they mean depends on the stack; blocks and branches are summed.
    #[inline(always)]
    fn stretch(&mut self, run: Stretch<'_>) {
        run.tell_calls(self);
        self.ends.stretch(run);
    }

    fn stretches(&mut self, run: Stretch<'_>, times: u64) {
        self.blocks.stretches(run, times);
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.ends.cut(run);
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

    fn unwind(&mut self, _: ExecutedBlock<'_>) {
        self.stack.pop(false);
    }

    fn land(&mut self, from: ExecutedBlock<'_>, pad: ExecutedBlock<'_>) {
        self.block(pad);
        *self.exceptional.entry((from.number(), pad.number())).or_default() += 1;
    }

    fn catch(&mut self, pad: ExecutedBlock<'_>, to: ExecutedBlock<'_>) {
        *self.exceptional.entry((pad.number(), to.number())).or_default() += 1;
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
        self.ends.came_back(frame.map(|frame| frame.site));
        // A tail call's caller is gone with it, and nothing else tells of its return.
        if !failed && frame.is_some_and(|frame| frame.is_tail) {
            self.stack.pop(true);
        }
    }

    fn host_threw(&mut self) {
        let frame = self.stack.pop(false);
        self.ends.came_back(frame.map(|frame| frame.site));
    }

    fn grow(&mut self, run: ExecutedBlock<'_>, delta: u64, result: u64) {
        self.growth.grow(run, delta, result);
    }

    fn bulk(&mut self, run: ExecutedBlock<'_>, dst: u64, src: u64, len: u64) {
        self.growth.bulk(run, dst, src, len);
    }

    fn invoke(&mut self, func: FuncKey) {
        if self.stack.is_empty() {
            self.paths.restart();
        }
        if self.stack.is_idle() {
            self.end_entry();
            self.entries.begin(func);
        }
        self.stack.invoke();
        self.ends.invoke(func);
        let comes_up = self.invoked.begin(func);
        if let Some(&callee) = self.ordinals.get(&func)
            && comes_up
        {
            self.enter_invoked(callee);
        }
    }

    fn end(&mut self, end: &End) {
        if end.place().is_some_and(|place| place.site.is_some()) {
            self.ends.note_stuck(&self.functions);
        }
        if matches!(end, End::Stopped { .. }) {
            self.stack.stop(self.blocks.all.get(self.ends.place()).map_or(NONE, |block| block.group));
        }
        self.ends.forget();
        self.invoked.settle();
        self.stack.end();
    }

    fn switch(&mut self, thread: u32) {
        self.ends.forget();
        self.invoked.settle();
        self.paths.restart();
        self.stack.switch(thread);
    }
}
