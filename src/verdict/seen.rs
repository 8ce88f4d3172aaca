//! What the run called, who calls whom, and which branch kept code from running.
//!
//! Not here: what such code could do (`unseen`).

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

use wasmparser::Operator;

use super::{
    limits::{UNSEEN_FANOUT, UNSEEN_WAY, UNSEEN_WRAPPED},
    operators::for_each_operator,
    text,
    weights::{Weighed, Weights, listed},
};
use crate::{
    module::{CodeOffset, FuncIndex, Module, Place, view},
    rules::Facts,
    sandbox::{Answer, Call},
    values::taint::SourceKind,
};

/// A branch that went one way only.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) place: Place,
    /// The comparison before it, with its constant.
    pub(super) compares: Option<String>,
    /// The host call before it.
    pub(super) after: Option<String>,
    /// What its condition is computed from, as far as values were followed.
    pub(super) from: BTreeSet<SourceKind>,
    /// Otherwise it chooses a value.
    pub(super) is_branch: bool,
    /// It follows how often the sample came by.
    pub(super) counts: bool,
}

impl Guard {
    pub(super) fn words(&self) -> String {
        let Self { place, compares, after, is_branch, from, counts } = self;
        let what = if *is_branch { "behind the branch" } else { "with what is chosen" };
        let mut words = format!("{what} at func {}:{:#x}", place.function, place.offset.0);
        if let Some(compares) = compares {
            words.push_str(&format!(" ({compares})"));
        }
        if let Some(after) = after {
            words.push_str(&format!(" after {after}"));
        }
        if *counts {
            words.push_str(", by a count of what it did before");
        }
        let from: Vec<_> = from.iter().map(|kind| kind.as_str()).collect();
        if !from.is_empty() {
            words.push_str(&format!(", computed from {}", from.join(" and ")));
        }
        words
    }

    /// Whether the host's word decides: it was computed from that, or a call of it stands before.
    pub(super) fn is_decided(&self, seen: &Seen) -> bool {
        !self.from.is_empty() || self.after.as_ref().is_some_and(|host| seen.decides(host))
    }

    /// Whether the call before it was answered by invention.
    pub(super) fn is_invented(&self, facts: &Facts<'_>) -> bool {
        let is_one = |call: &Call| {
            (call.fabricated || call.answer == Answer::Default) && self.after.as_deref() == Some(&*call.name)
        };
        facts.run.is_some_and(|run| run.calls.iter().any(is_one))
    }

    /// Whether what the host said of the time decides, or of the surroundings.
    pub(super) fn waits(&self, weights: &Weights, only_time: bool) -> bool {
        let is_from = |kind: &SourceKind| match kind {
            SourceKind::Clock => true,
            SourceKind::Environment => !only_time,
            _ => false,
        };
        let calls = &weights.calls;
        let is_one =
            |host: &String| is_named(&calls.clock, host) || !only_time && is_named(&calls.environment, host);
        self.from.iter().any(is_from) || self.after.as_ref().is_some_and(is_one)
    }
}

/// A direct call.
pub(super) struct Site {
    pub(super) offset: CodeOffset,
    pub(super) callee: FuncIndex,
    /// The two constants right before it: an address and a length, where a text that stands in the data is
    /// handed over.
    pub(super) constants: Option<(u32, u32)>,
}

/// The direct calls of a function.
pub(super) fn calls_in(module: &Module, func: FuncIndex) -> Vec<Site> {
    let (mut calls, mut last) = (Vec::new(), [None; 2]);
    for_each_operator(module, func, |offset, operator| {
        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = *operator {
            let constants = last[0].zip(last[1]);
            calls.push(Site { offset, callee: FuncIndex(function_index), constants });
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
}

impl<'a> Code<'a> {
    pub(super) fn of(facts: &'a Weighed<'a>) -> Self {
        Self { facts, module: OnceCell::new(), seen: OnceCell::new(), unseen: OnceCell::new() }
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
    /// Functions that say what the host says of time, surroundings or files: its own, and those around them.
    pub(super) deciding: BTreeMap<FuncIndex, String>,
    /// Functions to which the indirect calls of a function may lead.
    pub(super) fanout: BTreeMap<FuncIndex, usize>,
}

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
        Self { calls, callees, ran, callers, asking, deciding, fanout: wide }
    }

    /// The host function by which a function says what time it is or what its surroundings are. What is in
    /// files is chosen by all programs.
    pub(super) fn says(&self, weights: &Weights, callee: FuncIndex) -> Option<&str> {
        let calls = &weights.calls;
        let name = self.deciding.get(&callee)?;
        let is_one = |names: &Vec<String>| is_named(names, name);
        [&calls.environment, &calls.clock].into_iter().any(is_one).then_some(name)
    }

    /// Whether a host function of this name is one by whose answers a program decides.
    pub(super) fn decides(&self, host: &str) -> bool {
        self.deciding.values().any(|name| name == host)
    }

    pub(super) fn ran(&self, site: Place, callee: FuncIndex) -> bool {
        self.calls.contains(&(site, callee))
    }

    /// The call in code that ran from which the way to `site` begins. That is the call itself, or the call of
    /// a function on the way to its function.
    pub(super) fn way_to(&self, facts: &Facts<'_>, module: &Module, site: Place) -> Option<Place> {
        match self.ran.contains(&site.function) {
            true => Some(site),
            false => self.way(facts, module, site.function, &self.callers),
        }
    }

    /// The same for a function, over calls that are meant for what they lead to.
    pub(super) fn way_asked(&self, facts: &Facts<'_>, module: &Module, func: FuncIndex) -> Option<Place> {
        self.way(facts, module, func, &self.asking)
    }

    fn way(
        &self,
        facts: &Facts<'_>,
        module: &Module,
        func: FuncIndex,
        callers: &BTreeMap<FuncIndex, Vec<FuncIndex>>,
    ) -> Option<Place> {
        let mut next = VecDeque::from([func]);
        let mut known = BTreeSet::from([func]);
        while let Some(func) = next.pop_front() {
            for &caller in callers.get(&func).into_iter().flatten() {
                if self.ran.contains(&caller) {
                    return Some(call_of(facts, module, caller, func));
                }
                if known.len() < UNSEEN_WAY && known.insert(caller) {
                    next.push_back(caller);
                }
            }
        }
        None
    }
}

/// Whether a list has a name, with or without the underscores before it.
fn is_named(names: &[String], name: &str) -> bool {
    listed(names, name) || listed(names, name.trim_start_matches('_'))
}

/// Functions by whose answers a program decides, and functions around them, by the names of the imports.
fn deciding(
    weights: &Weights,
    facts: &Facts<'_>,
    callers: &BTreeMap<FuncIndex, Vec<FuncIndex>>,
) -> BTreeMap<FuncIndex, String> {
    let calls = &weights.calls;
    let lists = [&calls.environment, &calls.clock, &calls.read_file, &calls.read_other];
    let named = |import: &view::ImportInfo| {
        let is_one = lists.iter().any(|names| is_named(names, &import.name));
        import.func.filter(|_| is_one).map(|func| (func, import.name.clone()))
    };
    let mut deciding: BTreeMap<_, _> = facts.view.imports.iter().filter_map(named).collect();
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

/// The last branch before a place that went one way only.
pub(super) fn guard(facts: &Facts<'_>, module: &Module, seen: &Seen, at: Place) -> Option<Guard> {
    let one_way = facts.dynamic.branches.iter().filter(|branch| {
        branch.place.function == at.function
            && branch.place.offset < at.offset
            && (branch.taken == 0) != (branch.not_taken == 0)
    });
    let branch = one_way.max_by_key(|branch| branch.place.offset)?;
    let place = branch.place;
    let (mut compares, mut after, mut constant) = (None, None, None);
    for_each_operator(module, at.function, |offset, operator| {
        if offset >= place.offset {
            return;
        }
        match *operator {
            Operator::I32Const { value } => constant = Some(i64::from(value)),
            Operator::I64Const { value } => constant = Some(value),
            Operator::Call { function_index } => {
                let callee = FuncIndex(function_index);
                let import = module.imported_function(callee).map(|import| import.name.to_string());
                if let Some(host) = import.or_else(|| seen.deciding.get(&callee).cloned()) {
                    after = Some(host);
                    (compares, constant) = (None, None);
                }
            }
            ref other => {
                if let Some(comparison) = comparison(other) {
                    compares = Some(match constant.take() {
                        Some(constant) => format!("{comparison} with {constant}"),
                        None => comparison.to_owned(),
                    });
                }
            }
        }
    });
    let at = (place.function, place.offset.0);
    let from: Option<&BTreeSet<_>> = facts.flows.and_then(|flows| flows.decided.get(&at));
    Some(Guard {
        place,
        compares,
        after,
        from: from.cloned().unwrap_or_default(),
        is_branch: true,
        counts: false,
    })
}

pub(super) fn comparison(operator: &Operator<'_>) -> Option<&'static str> {
    Some(match operator {
        Operator::I32Eqz | Operator::I64Eqz => "compared with zero",
        Operator::I32Eq | Operator::I64Eq => "equal",
        Operator::I32Ne | Operator::I64Ne => "not equal",
        Operator::I32LtS | Operator::I32LtU | Operator::I64LtS | Operator::I64LtU => "less",
        Operator::I32GtS | Operator::I32GtU | Operator::I64GtS | Operator::I64GtU => "greater",
        Operator::I32LeS | Operator::I32LeU | Operator::I64LeS | Operator::I64LeU => "at most",
        Operator::I32GeS | Operator::I32GeU | Operator::I64GeS | Operator::I64GeU => "at least",
        _ => return None,
    })
}

/// Where `caller` calls `callee`; its beginning, if not directly.
pub(super) fn call_of(facts: &Facts<'_>, module: &Module, caller: FuncIndex, callee: FuncIndex) -> Place {
    let site = calls_in(module, caller).into_iter().find(|site| site.callee == callee);
    site.map_or_else(|| text::place_of(facts, caller), |site| Place { function: caller, offset: site.offset })
}
