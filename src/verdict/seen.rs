//! What the run called, and who calls whom.
//!
//! Not here: which branch kept code from running (`guards`), and what such code could do (`unseen`).

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry},
    rc::Rc,
};

use wasmparser::Operator;

use super::{
    explained::Table,
    guards::{Guards, is_named},
    limits::{UNSEEN_FANOUT, UNSEEN_WRAPPED},
    operators::for_each_operator,
    weights::{Weighed, Weights},
};
use crate::{
    module::{CodeOffset, FuncIndex, Module, Place, view},
    rules::Facts,
};

/// A direct call.
pub(super) struct Site {
    pub(super) offset: CodeOffset,
    pub(super) callee: FuncIndex,
    /// The two constants right before it: an address and a length, where a text that stands in the data is
    /// handed over.
    pub(super) constants: Option<(u32, u32)>,
    /// The constant right before it.
    pub(super) constant: Option<u32>,
}

/// The direct calls of a function.
pub(super) fn calls_in(module: &Module, func: FuncIndex) -> Vec<Site> {
    let (mut calls, mut last) = (Vec::new(), [None; 2]);
    for_each_operator(module, func, |offset, operator| {
        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = *operator {
            let constants = last[0].zip(last[1]);
            calls.push(Site { offset, callee: FuncIndex(function_index), constants, constant: last[1] });
        }
        let constant = match *operator {
            Operator::I32Const { value } => Some(value as u32),
            _ => None,
        };
        last = [last[1], constant];
    });
    calls
}

/// The code that a verdict is about, and what was seen of it. Each is looked at once, and only if asked for.
pub(super) struct Code<'a> {
    pub(super) facts: &'a Weighed<'a>,
    module: OnceCell<Option<Module>>,
    seen: OnceCell<Seen>,
    pub(super) unseen: OnceCell<Option<String>>,
    /// The tables of AES that are in its data.
    pub(super) aes: OnceCell<Vec<Table>>,
}

impl<'a> Code<'a> {
    pub(super) fn of(facts: &'a Weighed<'a>) -> Self {
        let (module, seen, unseen, aes) = Default::default();
        Self { facts, module, seen, unseen, aes }
    }

    /// The module, if it is valid: that of the run, else parsed when first asked for.
    pub(super) fn module(&self) -> Option<&Module> {
        if let Some(module) = self.facts.run.and_then(|run| run.trace.modules.first()) {
            return Some(module);
        }
        self.module.get_or_init(|| Module::parse(self.facts.wasm).ok()).as_ref()
    }

    pub(super) fn seen(&self) -> &Seen {
        self.seen.get_or_init(|| Seen::of(self.facts.weights, self.facts))
    }
}

/// What the run called, and who calls whom.
pub(super) struct Seen {
    pub(super) calls: BTreeSet<(Place, FuncIndex)>,
    pub(super) callees: BTreeSet<FuncIndex>,
    pub(super) ran: BTreeSet<FuncIndex>,
    pub(super) callers: BTreeMap<FuncIndex, Vec<FuncIndex>>,
    /// Those of them whose calls are meant for it, or for one of a few.
    pub(super) asking: BTreeMap<FuncIndex, Vec<FuncIndex>>,
    /// Functions to which the indirect calls of a function may lead.
    pub(super) fanout: BTreeMap<FuncIndex, usize>,
    pub(super) guards: Guards,
    /// Where the way to a function that did not run begins.
    ways: OnceCell<Ways>,
    /// The same, but only over calls that are made for the sake of what they lead to.
    ways_asked: OnceCell<Ways>,
}

/// For each function that did not run, the last that ran on the shortest way to it, and which it would call.
type Ways = BTreeMap<FuncIndex, (FuncIndex, FuncIndex)>;

impl Seen {
    pub(super) fn of(weights: &Weights, facts: &Facts<'_>) -> Self {
        let mut calls = BTreeSet::new();
        for edge in &facts.dynamic.call_graph.edges {
            let Some(func) = edge.caller else { continue };
            calls.extend(edge.sites.iter().map(|&offset| (Place { function: func, offset }, edge.callee)));
        }
        let (mut callers, mut asking): (BTreeMap<_, Vec<_>>, BTreeMap<_, Vec<_>>) = Default::default();
        let (edges, mut wide) = (&facts.view.calls.edges, BTreeMap::<_, usize>::new());
        let is_direct = |edge: &view::StaticCallEdge| edge.kind == view::StaticCallKind::Direct;
        for edge in edges.iter().filter(|edge| !is_direct(edge)) {
            *wide.entry(edge.caller).or_default() += 1;
        }
        for edge in edges {
            callers.entry(edge.callee).or_default().push(edge.caller);
            // A call that may lead to any of many functions speaks for none of them.
            if is_direct(edge) || wide.get(&edge.caller).is_some_and(|&callees| callees <= UNSEEN_FANOUT) {
                asking.entry(edge.callee).or_default().push(edge.caller);
            }
        }
        let ran = facts.dynamic.functions.iter().map(|function| function.index).collect();
        let callees = facts.dynamic.call_graph.edges.iter().map(|edge| edge.callee).collect();
        let deciding = deciding(weights, facts, &callers);
        Self {
            calls,
            callees,
            ran,
            callers,
            asking,
            fanout: wide,
            guards: Guards::of(facts, deciding),
            ways: OnceCell::new(),
            ways_asked: OnceCell::new(),
        }
    }

    /// The host function by which a function says what time it is or what its surroundings are. What is in
    /// files is chosen by all programs.
    pub(super) fn says(&self, weights: &Weights, callee: FuncIndex) -> Option<&Rc<str>> {
        let calls = &weights.calls;
        let name = self.guards.deciding.get(&callee)?;
        let is_one = |names: &Vec<String>| is_named(names, name);
        [&calls.environment, &calls.clock].into_iter().any(is_one).then_some(name)
    }

    pub(super) fn ran(&self, site: Place, callee: FuncIndex) -> bool {
        self.calls.contains(&(site, callee))
    }

    /// The call in code that ran from which the way to `site` begins. That is the call itself, or the call of
    /// a function on the way to its function.
    pub(super) fn way_to(&self, facts: &Facts<'_>, module: &Module, site: Place) -> Option<Place> {
        if self.ran.contains(&site.function) {
            return Some(site);
        }
        let ways = self.ways.get_or_init(|| self.ways_over(&self.callers));
        let (caller, callee) = ways.get(&site.function)?;
        Some(self.guards.call_of(facts, module, *caller, *callee))
    }

    /// The same for a function, over calls that are meant for what they lead to.
    pub(super) fn way_asked(&self, facts: &Facts<'_>, module: &Module, func: FuncIndex) -> Option<Place> {
        let ways = self.ways_asked.get_or_init(|| self.ways_over(&self.asking));
        let (caller, callee) = ways.get(&func)?;
        Some(self.guards.call_of(facts, module, *caller, *callee))
    }

    /// One walk from all functions that ran, so that each call is looked at once.
    fn ways_over(&self, callers: &BTreeMap<FuncIndex, Vec<FuncIndex>>) -> Ways {
        let mut callees: BTreeMap<FuncIndex, Vec<FuncIndex>> = BTreeMap::new();
        for (&callee, callers) in callers.iter().filter(|(callee, _)| !self.ran.contains(callee)) {
            callers.iter().for_each(|&caller| callees.entry(caller).or_default().push(callee));
        }
        let mut ways = Ways::new();
        let mut next: VecDeque<_> = self.ran.iter().copied().collect();
        while let Some(caller) = next.pop_front() {
            let from = ways.get(&caller).copied();
            for &callee in callees.get(&caller).into_iter().flatten() {
                if let Entry::Vacant(vacant) = ways.entry(callee) {
                    vacant.insert(from.unwrap_or((caller, callee)));
                    next.push_back(callee);
                }
            }
        }
        ways
    }
}

/// Functions by whose answers a program decides, and functions around them, by the names of the imports.
fn deciding(
    weights: &Weights,
    facts: &Facts<'_>,
    callers: &BTreeMap<FuncIndex, Vec<FuncIndex>>,
) -> BTreeMap<FuncIndex, Rc<str>> {
    let calls = &weights.calls;
    let lists = [&calls.environment, &calls.clock, &calls.read_file, &calls.read_other];
    let named = |import: &view::ImportInfo| {
        let is_one = lists.iter().any(|names| is_named(names, &import.name));
        import.func.filter(|_| is_one).map(|func| (func, Rc::from(&*import.name)))
    };
    let mut deciding: BTreeMap<FuncIndex, Rc<str>> = facts.view.imports.iter().filter_map(named).collect();
    let mut next: Vec<_> = deciding.clone().into_iter().collect();
    for _ in 0..UNSEEN_WRAPPED {
        let around = next.into_iter().flat_map(|(func, name)| {
            callers.get(&func).into_iter().flatten().map(move |caller| (*caller, name.clone()))
        });
        next = around.filter(|(caller, _)| !deciding.contains_key(caller)).collect();
        next.iter().for_each(|(caller, name)| _ = deciding.entry(*caller).or_insert_with(|| name.clone()));
    }
    deciding
}
