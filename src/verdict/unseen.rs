//! What did not run could do: effects that code which nobody saw reaches, and the branch that kept it from
//! running.
//!
//! CLEAN is earned by capability. Code that cannot reach an effect need not run; code that can write, delete,
//! send or start something must, and so must loops that do nothing but mix bits. A call is reached if its
//! instruction can be reached from an export, the start function or a table; it ran if the trace has it.
//!
//! Costs one walk over the code of functions that call such imports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wasmparser::Operator;

use super::{
    explained,
    limits::{UNSEEN_FANOUT, UNSEEN_TOLD, UNSEEN_WAY},
    operators::for_each_operator,
    text,
    weights::{Weights, listed},
};
use crate::{
    module::{CodeOffset, FuncIndex, Module, Place, view},
    rules::Facts,
};

/// A call of an effect that did not run.
#[derive(Debug)]
pub(super) struct Effect {
    /// What it would do, in a word of `rules/verdict.toml`.
    kind: String,
    /// The imported function.
    import: String,
    /// The call.
    site: Place,
    guard: Option<Guard>,
}

/// A branch that went one way only.
#[derive(Debug)]
struct Guard {
    place: Place,
    /// The comparison before it, with its constant.
    compares: Option<String>,
    /// The host call before it.
    after: Option<String>,
}

impl Effect {
    /// In words: what, where, behind which branch.
    pub(super) fn sentence(&self) -> String {
        let Place { function: func, offset } = self.site;
        let mut sentence = format!("{} ({}) at func {func}:{:#x}", self.import, self.kind, offset.0);
        if let Some(guard) = &self.guard {
            sentence.push_str(&format!(", {}", guard.words()));
        }
        sentence
    }
}

impl Guard {
    fn words(&self) -> String {
        let Self { place, compares, after } = self;
        let mut words = format!("behind the branch at func {}:{:#x}", place.function, place.offset.0);
        if let Some(compares) = compares {
            words.push_str(&format!(" ({compares})"));
        }
        if let Some(after) = after {
            words.push_str(&format!(" after {after}"));
        }
        words
    }
}

/// Why what did not run forbids CLEAN, if it does.
pub(super) fn lack(weights: &Weights, facts: &Facts<'_>) -> Option<String> {
    let effects = effects(weights, facts);
    if !effects.is_empty() {
        let more = effects.len().saturating_sub(UNSEEN_TOLD) as u64;
        let told: Vec<_> = effects.iter().take(UNSEEN_TOLD).map(Effect::sentence).collect();
        let more = if more > 0 { format!("; {}", text::plural(more, "more call")) } else { String::new() };
        return Some(format!("code that did not run can do harm: {}{more}", told.join("; ")));
    }
    mixing(weights, facts)
}

/// Calls of effects that the run did not make.
fn effects(weights: &Weights, facts: &Facts<'_>) -> Vec<Effect> {
    let kinds = kinds(weights, facts);
    if kinds.is_empty() {
        return Vec::new();
    }
    let Ok(module) = Module::parse(facts.wasm) else { return Vec::new() };
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let seen = Seen::of(facts);
    let calls_one = |callees: &[FuncIndex]| callees.iter().any(|callee| kinds.contains_key(callee));
    let callers = facts
        .view
        .functions
        .iter()
        .filter(|function| calls_one(&function.callees) && !dead.contains(&function.index));
    let mut effects = Vec::new();
    for caller in callers {
        for Site { offset, callee, constants } in calls_in(&module, caller.index) {
            let Some((kind, import)) = kinds.get(&callee) else { continue };
            let site = Place { function: caller.index, offset };
            if !seen.ran(site, callee) && !is_harmless(weights, facts, constants) {
                let guard = seen.way_to(facts, &module, site).and_then(|at| guard(facts, &module, at));
                effects.push(Effect { kind: kind.clone(), import: import.clone(), site, guard });
            }
        }
    }
    effects.extend(through_tables(facts, &kinds, &seen));
    // What the run can tell more about comes first.
    effects.sort_by_key(|effect| effect.guard.is_none());
    effects
}

/// Effects that stand in a table and that no call through it reached.
fn through_tables(
    facts: &Facts<'_>,
    kinds: &BTreeMap<FuncIndex, (String, String)>,
    seen: &Seen,
) -> Vec<Effect> {
    let mut unseen = BTreeMap::new();
    for edge in &facts.view.calls.edges {
        if edge.kind != view::StaticCallKind::Direct && kinds.contains_key(&edge.callee) {
            unseen.entry(edge.callee).or_insert(edge.caller);
        }
    }
    unseen.retain(|callee, _| !seen.callees.contains(callee));
    let effect = |(callee, caller)| {
        let (kind, import) = kinds.get(&callee)?;
        let (kind, import, site) = (kind.clone(), import.clone(), text::place_of(facts, caller));
        Some(Effect { kind, import, site, guard: None })
    };
    unseen.into_iter().filter_map(effect).collect()
}

/// Imported functions that have an effect: index → what it does and its name.
fn kinds(weights: &Weights, facts: &Facts<'_>) -> BTreeMap<FuncIndex, (String, String)> {
    let with_kind = facts.view.imports.iter().filter_map(|import| {
        let of = |names: &Vec<String>| listed(names, import.name.trim_start_matches('_'));
        let (kind, _) = weights.effects.iter().find(|(_, names)| of(names))?;
        Some((import.func?, (kind.clone(), import.name.clone())))
    });
    with_kind.collect()
}

/// A direct call.
struct Site {
    offset: CodeOffset,
    callee: FuncIndex,
    /// The two constants right before it: an address and a length, where a text that stands in the data is
    /// handed over.
    constants: Option<(u32, u32)>,
}

/// The direct calls of a function.
fn calls_in(module: &Module, func: FuncIndex) -> Vec<Site> {
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

/// Whether a script is handed over that stands in the data and does nothing.
fn is_harmless(weights: &Weights, facts: &Facts<'_>, constants: Option<(u32, u32)>) -> bool {
    let Some((address, len)) = constants.map(|(address, len)| (u64::from(address), u64::from(len))) else {
        return false;
    };
    let text = facts.view.data.iter().find_map(|segment| {
        let start = address.checked_sub(segment.address?)?;
        let end = start.checked_add(len).filter(|&end| end <= segment.size)?;
        let at = |position: u64| usize::try_from(segment.offset.checked_add(position)?).ok();
        facts.wasm.get(at(start)?..at(end)?)
    });
    text.is_some_and(|text| weights.class.harmless_scripts.iter().any(|script| script.as_bytes() == text))
}

/// What the run called, and who calls whom.
struct Seen {
    calls: BTreeSet<(Place, FuncIndex)>,
    callees: BTreeSet<FuncIndex>,
    ran: BTreeSet<FuncIndex>,
    callers: BTreeMap<FuncIndex, Vec<FuncIndex>>,
    /// Those of them whose calls are meant for it, or for one of a few.
    asking: BTreeMap<FuncIndex, Vec<FuncIndex>>,
}

impl Seen {
    fn of(facts: &Facts<'_>) -> Self {
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
        Self { calls, callees, ran, callers, asking }
    }

    fn ran(&self, site: Place, callee: FuncIndex) -> bool {
        self.calls.contains(&(site, callee))
    }

    /// The call in code that ran from which the way to `site` begins: itself, or that of a function on the
    /// way to its function.
    fn way_to(&self, facts: &Facts<'_>, module: &Module, site: Place) -> Option<Place> {
        let mut next = VecDeque::from([site.function]);
        let mut known = BTreeSet::from([site.function]);
        if self.ran.contains(&site.function) {
            return Some(site);
        }
        while let Some(func) = next.pop_front() {
            for &caller in self.callers.get(&func).into_iter().flatten() {
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

/// The last branch before a place that went one way only.
fn guard(facts: &Facts<'_>, module: &Module, at: Place) -> Option<Guard> {
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
                let import = module.imported_function(FuncIndex(function_index));
                if let Some(import) = import {
                    after = Some(import.name.to_string());
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
    Some(Guard { place, compares, after })
}

fn comparison(operator: &Operator<'_>) -> Option<&'static str> {
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
fn call_of(facts: &Facts<'_>, module: &Module, caller: FuncIndex, callee: FuncIndex) -> Place {
    let site = calls_in(module, caller).into_iter().find(|site| site.callee == callee);
    site.map_or_else(|| text::place_of(facts, caller), |site| Place { function: caller, offset: site.offset })
}

/// Functions that do little but mix bits, and that did not run, where that says something: nothing explains
/// them, and they are much of the code, or an export begins with them that nobody called, or code that ran
/// decided not to call them. A large library holds hashes and checksums that nobody asked for.
fn mixing(weights: &Weights, facts: &Facts<'_>) -> Option<String> {
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let seen = Seen::of(facts);
    let limits = &weights.threshold;
    let mixes = |function: &&view::Function| {
        let windows: u64 = function.signatures.values().map(|&windows| u64::from(windows)).sum();
        windows >= limits.unseen_windows
            && text::share(windows, function.classes.total) >= limits.unseen_window_share
    };
    let alive = || facts.view.functions.iter().filter(|function| !dead.contains(&function.index));
    let unseen = |function: &&view::Function| !seen.ran.contains(&function.index);
    let mut found: Vec<_> = alive().filter(mixes).filter(unseen).collect();
    if found.is_empty() {
        return None;
    }
    let module = Module::parse(facts.wasm).ok()?;
    found.retain(|function| !explained::is_explained(facts, &module, function));
    found.sort_by_key(|function| std::cmp::Reverse(function.classes.total));
    let mixed: u64 = found.iter().map(|function| function.classes.total).sum();
    let all: u64 = alive().map(|function| function.classes.total).sum();
    let is_much = text::share(mixed, all) >= limits.unseen_mixing_share;
    let mut why = found.iter().map(|function| asked_by(facts, &module, &seen, function.index));
    let told = match is_much {
        true => found.first().map(|function| (function.index, "much of its code is such".to_owned())),
        false => found.iter().zip(&mut why).find_map(|(function, why)| Some((function.index, why?))),
    };
    let (first, asked) = told?;
    let others = if is_much { found.len() - 1 } else { why.flatten().count() } as u64;
    let others = if others > 0 { format!(" and {}", text::plural(others, "other")) } else { String::new() };
    let func = text::function(facts, first);
    Some(format!("code that does nothing but mix bits did not run: {func} ({asked}){others}"))
}

/// What may have asked for a function, if it is one call or two from an export that nobody called, or from
/// code that ran and took another branch.
fn asked_by(facts: &Facts<'_>, module: &Module, seen: &Seen, func: FuncIndex) -> Option<String> {
    let callers = |func: FuncIndex| seen.asking.get(&func).into_iter().flatten().copied();
    let near = callers(func).map(|one| (one, func)).take(UNSEEN_WAY);
    let far = callers(func).take(UNSEEN_WAY).flat_map(|one| callers(one).map(move |two| (two, one)));
    let left = |func: FuncIndex| {
        let is_export =
            |export: &&view::ExportInfo| export.kind == view::ExternKind::Function && export.index == func.0;
        let export = facts.view.exports.iter().find(is_export)?;
        (!seen.ran.contains(&func))
            .then(|| format!("the export {} was not called", text::quoted(&export.name)))
    };
    let decided = |(caller, callee): (FuncIndex, FuncIndex)| {
        let at = seen.ran.contains(&caller).then(|| call_of(facts, module, caller, callee))?;
        guard(facts, module, at).map(|guard| guard.words())
    };
    left(func)
        .or_else(|| callers(func).take(UNSEEN_WAY).find_map(left))
        .or_else(|| near.chain(far.take(UNSEEN_WAY)).find_map(decided))
}
