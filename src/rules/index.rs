//! The facts of a sample, arranged for being asked by rules: names to calls, functions to what they did.
//!
//! Costs time and memory in the number of host calls and functions; what needs the code itself is decoded when a rule first asks.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
};

use crate::{
    module::{FuncIndex, Module, view},
    passes::{self, Place},
    sandbox::{Call, Pointed, Run},
};

use super::{Facts, rule::Name};

/// Positions of what belongs to one function or entry point, ascending: a rule asks for each of them, and must not walk all for each.
#[derive(Default)]
struct Groups {
    /// Function → loops that ran, in `dynamic.loops`.
    loops: HashMap<FuncIndex, Vec<u32>>,
    /// Callee → edges of the run's call graph.
    edges_to: HashMap<FuncIndex, Vec<u32>>,
    /// Function → host calls that it made.
    calls: HashMap<FuncIndex, Vec<u32>>,
    /// Entry point → host calls in it.
    calls_of_entry: HashMap<usize, Vec<u32>>,
}

impl Groups {
    fn of(facts: &Facts<'_>) -> Self {
        let mut groups = Self::default();
        for (position, of) in (0..).zip(&facts.dynamic.loops) {
            groups.loops.entry(of.func).or_default().push(position);
        }
        for (position, edge) in (0..).zip(&facts.dynamic.call_graph.edges) {
            groups.edges_to.entry(edge.callee).or_default().push(position);
        }
        let calls = facts.run.map(|run| &run.calls[..]).unwrap_or_default();
        for (position, call) in calls.iter().enumerate() {
            groups.calls_of_entry.entry(call.entry).or_default().push(position as u32);
            if let Some(site) = facts.dynamic.call_sites.get(position).copied().flatten() {
                groups.calls.entry(site.func).or_default().push(position as u32);
            }
        }
        groups
    }
}

/// The facts, arranged.
pub(super) struct Index<'a> {
    pub(super) facts: Facts<'a>,
    /// Name of an imported function without its module → its calls, ascending.
    calls: BTreeMap<&'a str, Vec<u32>>,
    /// Caller → positions in `dynamic.call_graph.edges`.
    callees: HashMap<FuncIndex, Vec<u32>>,
    /// Imported functions in the order of their indices.
    imported: Vec<&'a view::Import>,
    module: OnceCell<Option<Module>>,
    callers: OnceCell<HashMap<FuncIndex, u64>>,
    groups: OnceCell<Groups>,
    derived: OnceCell<super::derived::Derived>,
}

impl<'a> Index<'a> {
    pub(super) fn new(facts: &Facts<'a>) -> Self {
        let mut calls: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (position, call) in facts.run.map(|run| &run.calls[..]).unwrap_or_default().iter().enumerate() {
            calls.entry(&call.name).or_default().push(position as u32);
        }
        let mut callees: HashMap<FuncIndex, Vec<u32>> = HashMap::new();
        for (position, edge) in facts.dynamic.call_graph.edges.iter().enumerate() {
            if let Some(caller) = edge.caller {
                callees.entry(caller).or_default().push(position as u32);
            }
        }
        Self {
            facts: *facts,
            calls,
            callees,
            imported: facts.view.imports.iter().filter(|import| import.func.is_some()).collect(),
            module: OnceCell::new(),
            callers: OnceCell::new(),
            groups: OnceCell::new(),
            derived: OnceCell::new(),
        }
    }

    /// The run, if there was one.
    pub(super) fn run(&self) -> Option<&'a Run> {
        self.facts.run
    }

    /// All host calls that were kept.
    pub(super) fn all_calls(&self) -> &'a [Call] {
        self.facts.run.map(|run| &run.calls[..]).unwrap_or_default()
    }

    /// Where a host call was made.
    pub(super) fn call_site(&self, call: usize) -> Option<Place> {
        self.facts.dynamic.call_sites.get(call).copied().flatten()
    }

    /// Positions of the calls of `name`, ascending.
    pub(super) fn calls_of(&self, name: &Name) -> Vec<u32> {
        let all = self.all_calls();
        let fits = |position: &&u32| all.get(**position as usize).is_some_and(|call| name.is(&call.module, &call.name));
        match name {
            Name::Exact(exact) => {
                // Without its module, or with it; the module's name may have points too.
                let mut found = Vec::new();
                for (at, _) in std::iter::once((0, ".")).chain(exact.match_indices('.')) {
                    let bare = if at == 0 { exact } else { exact.get(at + 1..).unwrap_or_default() };
                    found.extend(self.calls.get(bare).into_iter().flatten().filter(fits).copied());
                }
                found.sort_unstable();
                found.dedup();
                found
            }
            Name::Regex(regex) => {
                let of_name = self.calls.iter().filter(|(name, _)| regex.is_match(name.as_bytes()));
                let mut found: Vec<u32> = of_name.flat_map(|(_, calls)| calls.iter().copied()).collect();
                found.sort_unstable();
                found
            }
        }
    }

    /// How often `name` was called, those beyond what was kept too.
    pub(super) fn exact_calls(&self, name: &Name) -> u64 {
        let is = |full: &str| {
            full.match_indices('.')
                .any(|(at, _)| name.is(full.get(..at).unwrap_or_default(), full.get(at + 1..).unwrap_or_default()))
        };
        let counted = self.facts.dynamic.metrics.host_calls.iter().filter(|(full, _)| is(full));
        counted.map(|(_, count)| *count).fold(0, u64::saturating_add)
    }

    /// The texts that a host call was given.
    pub(super) fn texts(call: &Call) -> impl Iterator<Item = &str> {
        call.args.iter().filter_map(|arg| match &arg.points_at {
            Some(Pointed::Text { text }) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The dynamic facts of a function.
    pub(super) fn ran(&self, func: FuncIndex) -> Option<&'a passes::Function> {
        let functions = &self.facts.dynamic.functions;
        functions.get(functions.binary_search_by_key(&func, |function| function.index).ok()?)
    }

    /// The static facts of a defined function.
    pub(super) fn defined(&self, func: FuncIndex) -> Option<&'a view::Function> {
        let functions = &self.facts.view.functions;
        functions.get(functions.binary_search_by_key(&func, |function| function.index).ok()?)
    }

    /// The run-time edges of the call graph that leave a function.
    pub(super) fn edges_from(&self, func: FuncIndex) -> impl Iterator<Item = &'a passes::CallEdge> {
        let edges = &self.facts.dynamic.call_graph.edges;
        self.callees.get(&func).into_iter().flatten().filter_map(|edge| edges.get(*edge as usize))
    }

    /// The run-time edges of the call graph that lead to a function.
    pub(super) fn edges_to(&self, func: FuncIndex) -> impl Iterator<Item = &'a passes::CallEdge> {
        let edges = &self.facts.dynamic.call_graph.edges;
        let found = self.groups().edges_to.get(&func).into_iter().flatten();
        found.filter_map(|edge| edges.get(*edge as usize))
    }

    /// The loops of a function that ran, as positions in `dynamic.loops`.
    pub(super) fn loops_of(&self, func: FuncIndex) -> &[u32] {
        self.groups().loops.get(&func).map_or(&[], Vec::as_slice)
    }

    /// The host calls that a function made, as positions in the log.
    pub(super) fn calls_by(&self, func: FuncIndex) -> &[u32] {
        self.groups().calls.get(&func).map_or(&[], Vec::as_slice)
    }

    /// The host calls of an entry point, as positions in the log.
    pub(super) fn calls_in(&self, entry: usize) -> &[u32] {
        self.groups().calls_of_entry.get(&entry).map_or(&[], Vec::as_slice)
    }

    fn groups(&self) -> &Groups {
        self.groups.get_or_init(|| Groups::of(&self.facts))
    }

    /// Functions that call `func` directly.
    pub(super) fn callers(&self, func: FuncIndex) -> u64 {
        let count = || {
            let mut callers: HashMap<FuncIndex, u64> = HashMap::new();
            for callee in self.facts.view.functions.iter().flat_map(|function| &function.callees) {
                *callers.entry(*callee).or_default() += 1;
            }
            callers
        };
        self.callers.get_or_init(count).get(&func).copied().unwrap_or(0)
    }

    /// The imported function `func`.
    pub(super) fn import(&self, func: FuncIndex) -> Option<&'a view::Import> {
        self.imported.get(func.position()).copied().filter(|import| import.func == Some(func))
    }

    /// The module, parsed when first asked for; `None` if it cannot be.
    pub(super) fn module(&self) -> Option<&Module> {
        self.module.get_or_init(|| Module::parse(self.facts.wasm).ok()).as_ref()
    }

    /// The bytes of a function's body.
    pub(super) fn body(&self, function: &view::Function) -> &'a [u8] {
        let start = function.offset.position();
        let end = start.saturating_add(function.size as usize).min(self.facts.wasm.len());
        self.facts.wasm.get(start..end).unwrap_or_default()
    }

    /// What takes a search of its own, done when a metric first asks.
    pub(super) fn derived(&self) -> &super::derived::Derived {
        self.derived.get_or_init(|| super::derived::Derived::of(self))
    }
}
