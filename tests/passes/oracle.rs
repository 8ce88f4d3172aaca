//! The results of the passes, recomputed from the events one by one: a call stack of names, maps for
//! everything, no block in sight.

use std::collections::{BTreeMap, BTreeSet};

use wasmspoor::{
    passes::{CallEdgeKind, Detail, Dynamic, ExclusiveMetrics, Metrics},
    trace::{self, Callee, ControlEffect, Event, Executed, FuncKey, Trace},
};

type Path = [u32; 3];
/// Caller, callee, how, whether by a tail call.
type Edge = (Option<u32>, u32, CallEdgeKind, bool);

/// What the events tell.
#[derive(Debug, Default)]
pub(crate) struct Told {
    total: u64,
    opcodes: BTreeMap<&'static str, u64>,
    /// Instructions of each entry point.
    entries: Vec<u64>,
    own: BTreeMap<u32, u64>,
    /// How often each instruction ran.
    offsets: BTreeMap<(u32, u32), u64>,
    /// How often each function was entered, imports too, and in which order first.
    entered: BTreeMap<u32, u64>,
    order: Vec<u32>,
    branches: BTreeMap<(u32, u32), (u64, u64)>,
    tables: BTreeMap<(u32, u32), BTreeMap<u32, u64>>,
    calls: BTreeMap<Edge, (u64, BTreeSet<u32>)>,
    transitions: BTreeMap<(u32, u32), (u64, bool)>,
    paths: BTreeMap<Path, u64>,
    hosts: BTreeMap<String, u64>,
    sites: Vec<Option<(u32, u32)>>,
    grown: u64,
    refused: u64,
    bulk: u64,
    called: u64,
    /// What each entry point did, and what each function did itself.
    by_entry: Vec<Part>,
    by_func: BTreeMap<u32, Part>,
    frames: Vec<Frame>,
    sequence: Vec<u32>,
    last: Option<Executed>,
}

/// What is told of an entry point or a function.
#[derive(Debug, Default, Clone)]
struct Part {
    opcodes: BTreeMap<&'static str, u64>,
    own: BTreeMap<u32, u64>,
    offsets: BTreeMap<(u32, u32), u64>,
    branches: BTreeMap<(u32, u32), (u64, u64)>,
    tables: BTreeMap<(u32, u32), u64>,
    targets: BTreeMap<u32, u64>,
    hosts: BTreeMap<String, u64>,
    grown: (u64, u64),
    bulk: u64,
}

impl Part {
    fn op(&mut self, trace: &Trace, op: Executed) {
        let place = (op.function.0, op.offset.0);
        *self.opcodes.entry(op.opcode.mnemonic()).or_default() += 1;
        *self.own.entry(op.function.0).or_default() += 1;
        *self.offsets.entry(place).or_default() += 1;
        match op.kind {
            ControlEffect::Branch { taken } if matches!(op.opcode.mnemonic(), "br_if" | "if") => {
                let counts = self.branches.entry(place).or_default();
                *(if taken { &mut counts.0 } else { &mut counts.1 }) += 1;
            }
            ControlEffect::Branch { .. } | ControlEffect::Table { .. }
                if op.opcode.mnemonic() == "br_table" =>
            {
                *self.tables.entry(place).or_default() += 1;
            }
            ControlEffect::Call { kind: trace::CallKind::Indirect, callee }
            | ControlEffect::TailCall { kind: trace::CallKind::Indirect, callee } => {
                *self.targets.entry(index(trace, callee)).or_default() += 1;
            }
            ControlEffect::Grow { delta, result } if op.opcode.mnemonic() == "memory.grow" => match result {
                u64::MAX | 0xffff_ffff => self.grown.1 += 1,
                _ => self.grown.0 += delta,
            },
            ControlEffect::Bulk { len, .. } => self.bulk += len,
            _ => {}
        }
    }

    fn taken(&self) -> (u64, u64) {
        self.branches.values().fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1))
    }

    /// Compares with the lists that an entry point, a function and the run have.
    #[track_caller]
    fn assert_detail(&self, detail: &Detail, what: &str) {
        assert_eq!(detail.opcodes, self.opcodes, "{what}");
        for target in &detail.indirect_targets {
            assert_eq!(self.targets.get(&target.func.0), Some(&target.count), "{what}: {target:?}");
        }
        let listed = detail.indirect_targets.iter().map(|target| target.count).sum::<u64>();
        assert_eq!(listed + detail.indirect_targets_cut, self.targets.values().sum::<u64>(), "{what}");
        assert!(
            detail.indirect_targets_cut == 0
                || detail.indirect_targets.len() == wasmspoor::passes::MAX_TARGETS,
            "{what}"
        );
        for block in &detail.hot_blocks {
            assert_eq!(
                self.offsets.get(&(block.place.function.0, block.place.offset.0)),
                Some(&block.count),
                "{what}: {block:?}"
            );
        }
        assert_eq!(detail.hot_blocks.is_empty(), self.opcodes.is_empty(), "{what}");
        for constant in &detail.constants {
            let first =
                self.offsets.get(&(constant.place.function.0, constant.place.offset.0)).copied().unwrap_or(0);
            assert!(first > 0 && first <= constant.count, "{what}: {constant:?}");
        }
    }

    #[track_caller]
    fn assert_metrics(&self, metrics: &Metrics, what: &str) {
        self.assert_detail(&metrics.detail, what);
        assert_eq!((metrics.taken, metrics.not_taken), self.taken(), "{what}");
        assert_eq!(
            (metrics.grown_pages, metrics.grow_refused, metrics.bulk_len),
            (self.grown.0, self.grown.1, self.bulk),
            "{what}"
        );
        assert_eq!(metrics.host_calls, self.hosts, "{what}");
        for function in &metrics.hot_functions {
            assert_eq!(self.own.get(&function.func.0), Some(&function.instructions), "{what}: {function:?}");
        }
        assert_eq!(
            metrics.hot_functions.len() as u64 + metrics.hot_functions_cut,
            self.own.len() as u64,
            "{what}"
        );
        let hottest = metrics.hot_functions.first().map(|function| function.instructions);
        assert_eq!(hottest, self.own.values().max().copied(), "{what}");
        for branch in &metrics.hot_branches {
            let place = (branch.place.function.0, branch.place.offset.0);
            let table = self.tables.get(&place).map(|count| (*count, 0));
            let found = (branch.taken, branch.not_taken);
            assert_eq!(self.branches.get(&place).copied().or(table), Some(found), "{what}: {branch:?}");
        }
        let branches = (self.branches.len() + self.tables.len()) as u64;
        assert_eq!(metrics.hot_branches.len() as u64 + metrics.hot_branches_cut, branches, "{what}");
    }

    #[track_caller]
    fn assert_own(&self, own: &ExclusiveMetrics, what: &str) {
        self.assert_detail(&own.detail, what);
        assert_eq!((own.taken, own.not_taken), self.taken(), "{what}");
        // The last one may have been the end of the run, which then took none of its ways.
        assert_eq!(own.tables, self.opcodes.get("br_table").copied().unwrap_or(0), "{what}");
        assert_eq!(
            (own.grown_pages, own.grow_refused, own.bulk_len),
            (self.grown.0, self.grown.1, self.bulk),
            "{what}"
        );
        assert_eq!(own.host_calls_by_name, self.hosts, "{what}");
    }
}

#[derive(Debug)]
struct Frame {
    /// The function and those it took the place of; empty for the host below an invocation.
    chain: Vec<u32>,
    is_host: bool,
    is_tail: bool,
}

impl Told {
    pub(crate) fn of(trace: &Trace) -> Self {
        let mut told = Self::default();
        let events: Vec<_> = trace.events().map(|event| event.expect("the trace replays")).collect();
        for (position, event) in events.iter().enumerate() {
            match event {
                Event::Op(op) => told.op(trace, *op),
                Event::Leave => drop(told.frames.pop()),
                Event::Caught { .. } => {}
                Event::Invoke { func } => {
                    let next = events.get(position + 1);
                    let is_stillborn = matches!(next, Some(Event::End(end)) if end.place().is_some_and(|place| place.depth == 0));
                    told.invoke(trace, *func, is_stillborn);
                }
                Event::End(_) => while told.frames.pop().is_some_and(|frame| !frame.chain.is_empty()) {},
                Event::HostCall { func, is_tail, .. } => told.host_call(trace, *func, *is_tail),
                Event::Switch { .. } => unreachable!("no program here begins threads"),
                Event::HostReturn { failed } => {
                    let is_tail = told.frames.pop().is_some_and(|frame| frame.is_tail);
                    if is_tail && !failed {
                        told.frames.pop();
                    }
                }
            }
        }
        told
    }

    fn op(&mut self, trace: &Trace, op: Executed) {
        let (func, place) = (op.function.0, (op.function.0, op.offset.0));
        self.total += 1;
        *self.entries.last_mut().expect("an entry point runs") += 1;
        *self.opcodes.entry(op.opcode.mnemonic()).or_default() += 1;
        *self.own.entry(func).or_default() += 1;
        *self.offsets.entry(place).or_default() += 1;
        self.last = Some(op);
        self.by_entry.last_mut().expect("an entry point runs").op(trace, op);
        self.by_func.entry(func).or_default().op(trace, op);
        match op.kind {
            ControlEffect::Branch { taken } if matches!(op.opcode.mnemonic(), "br_if" | "if") => {
                let counts = self.branches.entry(place).or_default();
                *(if taken { &mut counts.0 } else { &mut counts.1 }) += 1;
            }
            ControlEffect::Table { index } => {
                *self.tables.entry(place).or_default().entry(index).or_default() += 1
            }
            ControlEffect::Call { kind, callee } | ControlEffect::TailCall { kind, callee } => {
                let is_tail = matches!(op.kind, ControlEffect::TailCall { .. });
                let kind = if kind == trace::CallKind::Indirect {
                    CallEdgeKind::Indirect
                } else {
                    CallEdgeKind::Direct
                };
                let callee = index(trace, callee);
                self.called += 1;
                self.call(Some(op), func, callee, kind, is_tail);
                self.enter(callee);
                match self.frames.last_mut().filter(|_| is_tail) {
                    Some(frame) => frame.chain.push(callee),
                    None => self.frames.push(Frame { chain: vec![callee], is_host: false, is_tail: false }),
                }
            }
            ControlEffect::Grow { delta, result } if op.opcode.mnemonic() == "memory.grow" => match result {
                u64::MAX | 0xffff_ffff => self.refused += 1,
                _ => self.grown += delta,
            },
            ControlEffect::Bulk { len, .. } => self.bulk += len,
            _ => {}
        }
    }

    fn call(&mut self, op: Option<Executed>, from: u32, to: u32, kind: CallEdgeKind, is_tail: bool) {
        let caller = (kind != CallEdgeKind::Host).then_some(from);
        let (count, sites) = self.calls.entry((caller, to, kind, is_tail)).or_default();
        *count += 1;
        sites.extend(op.map(|op| op.offset.0));
        let is_back = self.frames.iter().any(|frame| !frame.is_host && frame.chain.contains(&to));
        let transition = self.transitions.entry((from, to)).or_default();
        transition.0 += 1;
        transition.1 |= is_back;
    }

    fn enter(&mut self, func: u32) {
        let count = self.entered.entry(func).or_default();
        if *count == 0 {
            self.order.push(func);
        }
        *count += 1;
        self.sequence.push(func);
        if let [.., a, b, c] = self.sequence[..] {
            *self.paths.entry([a, b, c]).or_default() += 1;
        }
    }

    fn invoke(&mut self, trace: &Trace, key: FuncKey, is_stillborn: bool) {
        let below = self.frames.last().map(|frame| frame.chain[0]);
        if below.is_none() {
            self.sequence.clear();
            self.entries.push(0);
            self.by_entry.push(Part::default());
        }
        self.last = None;
        let func = index(trace, key);
        if !is_stillborn {
            match below {
                Some(host) => self.call(None, host, func, CallEdgeKind::Host, false),
                None => self.calls.entry((None, func, CallEdgeKind::Host, false)).or_default().0 += 1,
            }
        }
        self.frames.push(Frame { chain: Vec::new(), is_host: true, is_tail: false });
        // A host function that is invoked tells of itself.
        if !is_stillborn && matches!(trace.resolve(key), Some(Callee::Defined(..))) {
            self.enter(func);
            self.frames.push(Frame { chain: vec![func], is_host: false, is_tail: false });
        }
    }

    fn host_call(&mut self, trace: &Trace, key: FuncKey, is_tail: bool) {
        let func = index(trace, key);
        let site = self.last;
        if let Some(op) = site {
            let kind = if op.opcode.mnemonic().contains("indirect") {
                CallEdgeKind::Indirect
            } else {
                CallEdgeKind::Direct
            };
            self.call(site, op.function.0, func, kind, is_tail);
        }
        self.enter(func);
        let host = &trace.hosts[&key];
        let name = format!("{}.{}", host.module, host.name);
        if let Some(entry) = self.by_entry.last_mut() {
            *entry.hosts.entry(name.clone()).or_default() += 1;
        }
        if let Some(op) = site {
            *self.by_func.entry(op.function.0).or_default().hosts.entry(name.clone()).or_default() += 1;
        }
        *self.hosts.entry(name).or_default() += 1;
        self.sites.push(site.map(|op| (op.function.0, op.offset.0)));
        self.frames.push(Frame { chain: vec![func], is_host: true, is_tail });
    }

    /// Compares with what the passes say.
    #[track_caller]
    pub(crate) fn assert_same(&self, dynamic: &Dynamic, what: &str) {
        assert_eq!(dynamic.error, None, "{what}");
        let metrics = &dynamic.metrics;
        assert_eq!(metrics.classes.total, self.total, "{what}");
        let opcodes: BTreeMap<_, _> =
            dynamic.opcodes.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(opcodes, self.opcodes, "{what}");
        let totals: Vec<_> =
            dynamic.entries.iter().map(|entry| entry.classes.total).filter(|total| *total != 0).collect();
        let entries: Vec<_> = self.entries.iter().copied().filter(|total| *total != 0).collect();
        assert_eq!(totals, entries, "{what}");
        assert_eq!(metrics.host_calls, self.hosts, "{what}");
        let (taken, not): (Vec<_>, Vec<_>) = self.branches.values().copied().unzip();
        let tables = self.opcodes.get("br_table").copied().unwrap_or(0);
        assert_eq!(
            (metrics.taken, metrics.not_taken, metrics.tables, metrics.calls),
            (taken.iter().sum(), not.iter().sum(), tables, self.called),
            "{what}"
        );
        assert_eq!(
            (metrics.grown_pages, metrics.grow_refused, metrics.bulk_len),
            (self.grown, self.refused, self.bulk),
            "{what}"
        );
        self.assert_entries_add_up(dynamic, what);
        self.assert_parts(dynamic, what);
        self.assert_places(dynamic, what);
        self.assert_calls(dynamic, what);
    }

    fn assert_entries_add_up(&self, dynamic: &Dynamic, what: &str) {
        let sum = |of: fn(&wasmspoor::passes::Metrics) -> u64| {
            (dynamic.entries.iter().map(of).sum::<u64>(), of(&dynamic.metrics))
        };
        for (sum, whole) in [
            sum(|metrics| metrics.calls),
            sum(|metrics| metrics.taken),
            sum(|metrics| metrics.not_taken),
            sum(|metrics| metrics.tables),
            sum(|metrics| metrics.bulk_len),
            sum(|metrics| metrics.grown_pages),
            sum(|metrics| metrics.host_calls.values().sum()),
        ] {
            assert_eq!(sum, whole, "{what}");
        }
        let classes: wasmspoor::module::view::Classes =
            dynamic.entries.iter().map(|entry| entry.classes).sum();
        assert_eq!(classes, dynamic.metrics.classes, "{what}");
    }

    /// Every figure of every entry point and function.
    #[track_caller]
    fn assert_parts(&self, dynamic: &Dynamic, what: &str) {
        let entries = dynamic.entries.iter().filter(|entry| entry.classes.total != 0);
        let told = self.by_entry.iter().filter(|entry| !entry.opcodes.is_empty());
        for (position, (entry, told)) in entries.zip(told).enumerate() {
            told.assert_metrics(entry, &format!("{what}, entry {position}"));
        }
        for function in &dynamic.functions {
            let none = Part::default();
            let told = self.by_func.get(&function.index.0).unwrap_or(&none);
            told.assert_own(&function.exclusive, &format!("{what}, func {}", function.index));
            assert_eq!(
                function.host_calls,
                function.exclusive.host_calls_by_name.values().sum::<u64>(),
                "{what}"
            );
        }
        let constants = |detail: &Detail| detail.constants.iter().map(|constant| constant.count).sum::<u64>();
        let of_entries: u64 = dynamic.entries.iter().map(|entry| constants(&entry.detail)).sum();
        let of_functions: u64 =
            dynamic.functions.iter().map(|function| constants(&function.exclusive.detail)).sum();
        let whole: u64 = dynamic.constants.iter().map(|constant| constant.count).sum();
        if dynamic.constants.len() <= wasmspoor::passes::MAX_TARGETS {
            assert_eq!((of_entries, of_functions), (whole, whole), "{what}");
        }
        for (blocks, cut) in [
            (&dynamic.metrics.detail.hot_blocks, dynamic.metrics.detail.hot_blocks_cut),
            (&dynamic.hot_blocks.blocks, dynamic.hot_blocks.cut),
        ] {
            let of_functions: u64 = dynamic
                .functions
                .iter()
                .map(|function| {
                    function.exclusive.detail.hot_blocks.len() as u64
                        + function.exclusive.detail.hot_blocks_cut
                })
                .sum();
            assert_eq!(blocks.len() as u64 + cut, of_functions, "{what}");
        }
        assert_eq!(dynamic.metrics.detail.opcodes, self.opcodes, "{what}");
    }

    fn assert_places(&self, dynamic: &Dynamic, what: &str) {
        let (mut branches, mut tables) = (BTreeMap::new(), BTreeMap::new());
        for branch in &dynamic.branches {
            let place = (branch.place.function.0, branch.place.offset.0);
            // A table whose labels are all equal is a branch of which only the number is known.
            if self.branches.contains_key(&place) {
                branches.insert(place, (branch.taken, branch.not_taken));
            } else if !branch.labels.is_empty() {
                let labels = (0u32..).zip(branch.labels.iter().copied()).filter(|(_, count)| *count != 0);
                tables.insert(place, labels.collect());
            }
        }
        assert_eq!(branches, self.branches, "{what}");
        assert_eq!(tables, self.tables, "{what}");
        for function in &dynamic.functions {
            let own = self.own.get(&function.index.0).copied().unwrap_or(0);
            assert_eq!(
                (function.classes.total, Some(&function.calls)),
                (own, self.entered.get(&function.index.0)),
                "{what}"
            );
        }
        let ran = self.offsets.len() as u64;
        assert_eq!(dynamic.coverage.instructions_run, ran, "{what}");
        assert_eq!(
            dynamic.functions.iter().map(|function| u64::from(function.instructions_run)).sum::<u64>(),
            ran,
            "{what}"
        );
        assert!(
            dynamic.coverage.blocks_run <= dynamic.coverage.blocks
                && dynamic.coverage.edges_run <= dynamic.coverage.edges
        );
        for block in &dynamic.hot_blocks.blocks {
            assert_eq!(
                self.offsets.get(&(block.place.function.0, block.place.offset.0)),
                Some(&block.count),
                "{what}: {block:?}"
            );
        }
        for natural in &dynamic.loops {
            let header = self.offsets.get(&(natural.place.function.0, natural.place.offset.0));
            assert_eq!(header, Some(&natural.iterations), "{what}: {natural:?}");
            assert!(natural.entries >= 1 && natural.entries <= natural.iterations, "{what}: {natural:?}");
            assert!(natural.classes.total >= natural.iterations, "{what}: {natural:?}");
        }
    }

    fn assert_calls(&self, dynamic: &Dynamic, what: &str) {
        let edges = dynamic.call_graph.edges.iter().map(|edge| {
            let sites = edge.sites.iter().map(|site| site.0).collect();
            ((edge.caller.map(|func| func.0), edge.callee.0, edge.kind, edge.tail), (edge.count, sites))
        });
        assert_eq!(edges.collect::<BTreeMap<_, _>>(), self.calls, "{what}");
        assert_eq!(dynamic.call_graph.cut, 0, "{what}");
        let sites: Vec<_> =
            dynamic.call_sites.iter().map(|site| site.map(|site| (site.function.0, site.offset.0))).collect();
        assert_eq!(sites, self.sites, "{what}");

        let states = &dynamic.states;
        let transitions =
            states.transitions.iter().map(|edge| ((edge.from.0, edge.to.0), (edge.count, edge.back)));
        assert_eq!(transitions.collect::<BTreeMap<_, _>>(), self.transitions, "{what}");
        let visits: Vec<_> = states.states.iter().map(|state| (state.func.0, state.visits)).collect();
        let expected: Vec<_> = self.order.iter().map(|func| (*func, self.entered[func])).collect();
        assert_eq!(visits, expected, "{what}");
        assert_eq!(states.steps, self.entered.values().sum::<u64>(), "{what}");
        assert_eq!((states.paths, states.paths_cut), (self.paths.len() as u64, 0), "{what}");
        let mut counts: Vec<_> = self.paths.values().copied().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts.truncate(20);
        assert_eq!(states.hot_paths.iter().map(|path| path.count).collect::<Vec<_>>(), counts, "{what}");
        for path in &states.hot_paths {
            let funcs: Path = [0, 1, 2].map(|position: usize| path.funcs[position].0);
            assert_eq!(self.paths.get(&funcs), Some(&path.count), "{what}");
        }
    }
}

/// The index of a function: host functions have keys in the order of the imports.
fn index(trace: &Trace, key: FuncKey) -> u32 {
    match trace.resolve(key).expect("a key of the trace") {
        Callee::Defined(_, func) => func.0,
        Callee::Host(_) => trace.hosts.keys().position(|host| *host == key).expect("a host") as u32,
    }
}
