//! The harm that code could do that did not run: the effects that it reaches, and the branch that kept it
//! from running.
//!
//! CLEAN is earned by capability. Code that cannot reach an effect need not run. Code that can write, delete,
//! send or start something must run, and so must loops that do nothing but mix bits. A call is reached if its
//! instruction can be reached from an export, the start function or a table. It ran if the trace has it.
//!
//! Costs one walk over the code of functions that call such imports.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use wasmparser::Operator;

use super::{
    counters::Counters,
    effect::{Effect, guarding, reaching},
    explained,
    guards::{Guard, comparison},
    leaving,
    limits::{PATH_BYTES, UNSEEN_FANOUT, UNSEEN_TOLD, UNSEEN_WAY},
    mixing,
    opening::{self, path_at},
    operators::for_each_operator,
    seen::{Code, Seen, Site, calls_in},
    text, told,
    waiting::dated,
    weights::Weights,
};
use crate::{
    categories::{self, Mode},
    module::{FuncIndex, Module, Place, view},
    rules::Facts,
    sandbox::{is_of_wasi, is_users},
    values::taint::SourceKind,
};

impl Code<'_> {
    /// Why what did not run forbids CLEAN, if it does.
    pub(super) fn unseen(&self) -> Option<&str> {
        self.unseen.get_or_init(|| lack(self)).as_deref()
    }
}

fn lack(code: &Code<'_>) -> Option<String> {
    let effects = effects(code);
    if !effects.is_empty() {
        let more = effects.len().saturating_sub(UNSEEN_TOLD) as u64;
        let told: Vec<_> = effects.iter().take(UNSEEN_TOLD).map(Effect::sentence).collect();
        let more = if more > 0 { format!("; {}", text::plural(more, "more call")) } else { String::new() };
        return Some(format!("code that did not run can do harm: {}{more}", told.join("; ")));
    }
    unseen_mixing(code)
}

/// Calls of effects that the run did not make.
fn effects(code: &Code<'_>) -> Vec<Effect> {
    let (facts, weights): (&Facts<'_>, _) = (code.facts, code.facts.weights);
    let kinds = kinds(weights, facts);
    let Some(module) = code.module() else { return Vec::new() };
    let seen = code.seen();
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let calls_one = |callees: &[FuncIndex]| callees.iter().any(|callee| kinds.contains_key(callee));
    let callers = facts
        .view
        .functions
        .iter()
        .filter(|function| calls_one(&function.callees) && !dead.contains(&function.index));
    let (mut effects, mut harmful) = (Vec::<Effect>::new(), BTreeMap::new());
    for caller in callers {
        for Site { offset, callee, constants, .. } in calls_in(module, caller.index) {
            let Some((kind, import)) = kinds.get(&callee) else { continue };
            if is_harmless(weights, facts, constants) {
                continue;
            }
            harmful.insert(callee, (kind.clone(), import.clone()));
            let site = Place { function: caller.index, offset };
            if !seen.ran(site, callee) {
                let guard = guarding(facts, module, seen, site);
                effects.push(Effect { kind: kind.clone(), import: import.clone(), site, guard, way: None });
            }
        }
    }
    effects.extend(through_tables(facts, &kinds, seen));
    if effects.is_empty() {
        let reaching = reaching(facts, &harmful);
        let counters = match reaching.is_empty() {
            true => Counters::default(),
            false => Counters::of(module, &seen.ran),
        };
        effects = uses(code, module, &reaching, (seen, &counters));
        effects.extend(choices(weights, facts, module, &reaching, (seen, &counters)));
        effects.extend(uncalled(facts, module, &reaching, seen));
        if effects.is_empty() {
            effects.extend(leaving::effect(facts, module, &reaching, seen));
        }
    }
    if effects.is_empty() {
        effects = dated(weights, facts, module, &kinds, seen);
        effects.extend(opening::waiting(code, module));
    }
    // What the run can tell more about comes first.
    effects.sort_by_key(|effect| effect.guard.is_none());
    effects
}

/// Calls of functions that have an effect, where the function ran and the call did not. A program that
/// deletes its own files and those of others by one function has run all calls of the host. So such calls
/// count if they stand behind a branch that followed what the host said. They also count behind a counter of
/// what was done before. Behind any other branch they count unless they are handed the path of a temporary
/// file: branches around these are those of errors.
///
/// Where values were not followed to the end after the host said such things, any such call counts.
fn uses(
    code: &Code<'_>,
    module: &Module,
    reaching: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
    (seen, counters): (&Seen, &Counters),
) -> Vec<Effect> {
    let facts: &Facts<'_> = code.facts;
    let is_heard = || facts.run.is_some_and(|run| told::heard(code.facts, run).is_some());
    let is_unfollowed = told::how_far(code.facts).is_some() && is_heard();
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let is_own = |callee: &FuncIndex| module.imported_function(*callee).is_none();
    let can =
        |callee: &FuncIndex| is_own(callee) && seen.ran.contains(callee) && reaching.contains_key(callee);
    let callers = facts.view.functions.iter();
    let callers = callers.filter(|one| !dead.contains(&one.index) && one.callees.iter().any(can));
    let mut uses = Vec::<Effect>::new();
    for caller in callers {
        for Site { offset, callee, constants, constant } in calls_in(module, caller.index) {
            let site = Place { function: caller.index, offset };
            let Some((kind, import)) = reaching.get(&callee).filter(|_| can(&callee)) else { continue };
            if seen.ran(site, callee) {
                continue;
            }
            let way = seen.way_to(facts, module, site);
            let mut guard = way.and_then(|way| seen.guards.guard_or_earlier(facts, module, way));
            if let Some(guard) = &mut guard {
                guard.counts = counters.decide(guard.place.function, guard.place.offset.0);
            }
            let is_open = |guard: &Guard| {
                let is_told = guard.is_decided(&seen.guards) || guard.is_invented(&seen.guards);
                guard.counts
                    || is_told
                    || is_answered(facts, guard)
                    || !is_for_its_own(facts, constants, constant)
            };
            if is_unfollowed || guard.as_ref().is_some_and(is_open) {
                uses.push(Effect { kind: kind.clone(), import: import.clone(), site, guard, way: None });
            }
        }
    }
    uses
}

/// Whether a call is handed a path that stands in the data and lies where nobody keeps anything.
fn is_for_its_own(facts: &Facts<'_>, constants: Option<(u32, u32)>, constant: Option<u32>) -> bool {
    let text = |(address, len): (u32, u32)| {
        let data = facts.view.data_at(facts.wasm, u64::from(address))?;
        std::str::from_utf8(data.get(..(len as usize).min(PATH_BYTES))?).ok()
    };
    let texts = [constants.and_then(text), constant.and_then(|address| path_at(facts, address))];
    texts.into_iter().flatten().any(|path| path.contains('/') && !is_users(&told::absolute(path)))
}

/// Whether how much there was, or whether it was there, decided a branch.
fn is_answered(facts: &Facts<'_>, guard: &Guard) -> bool {
    let at = (guard.place.function, guard.place.offset.0);
    let weighed = facts.flows.and_then(|flows| flows.weighed.get(&at));
    weighed.is_some_and(|kinds| kinds.contains(&SourceKind::Answer))
}

/// Calls of an effect after a decision that keeps no code from running: what the host said was compared and
/// the result chose a value, or the time said how often a loop turns, which may have counted up to a value.
/// What the other value would have done nobody saw.
fn choices(
    weights: &Weights,
    facts: &Facts<'_>,
    module: &Module,
    reaching: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
    (seen, counters): (&Seen, &Counters),
) -> Vec<Effect> {
    let ran = facts.view.functions.iter().filter(|function| seen.ran.contains(&function.index));
    let asks = |callee: &FuncIndex| seen.says(weights, *callee).is_some();
    let timed = timed(facts);
    let both = ran.filter(|one| {
        let decides = || counters.are_in(one.index) || timed.contains_key(&one.index);
        (one.callees.iter().any(asks) || decides())
            && one.callees.iter().any(|callee| reaching.contains_key(callee))
    });
    let of = |function: &view::Function| {
        let timed = timed.get(&function.index).map_or(&[][..], Vec::as_slice);
        choice(weights, module, reaching, (seen, counters), (function.index, timed))
    };
    both.filter_map(of).collect()
}

/// The branches that the time decided, in order, by function.
fn timed(facts: &Facts<'_>) -> BTreeMap<FuncIndex, Vec<u32>> {
    let mut timed: BTreeMap<FuncIndex, Vec<u32>> = BTreeMap::new();
    let weighed = facts.flows.iter().flat_map(|flows| flows.decided.iter().chain(&flows.weighed));
    for ((func, offset), kinds) in weighed {
        if kinds.contains(&SourceKind::Clock) {
            timed.entry(*func).or_default().push(*offset);
        }
    }
    timed.values_mut().for_each(|offsets| offsets.sort_unstable());
    timed
}

/// The first such call of a function.
fn choice(
    weights: &Weights,
    module: &Module,
    reaching: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
    (seen, counters): (&Seen, &Counters),
    (func, timed): (FuncIndex, &[u32]),
) -> Option<Effect> {
    // Of each open block, whether it is a loop.
    let mut open: Vec<bool> = Vec::new();
    let (mut after, mut compares, mut choice, mut found) = (None, None, None, None);
    let (mut is_fresh, mut from) = (false, BTreeSet::new());
    for_each_operator(module, func, |offset, operator| {
        let was_fresh = std::mem::take(&mut is_fresh);
        match *operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                let callee = FuncIndex(function_index);
                if let (Some(place), Some((kind, import)), None) = (choice, reaching.get(&callee), &found) {
                    let guard = Some(Guard {
                        place,
                        compares,
                        after: after.clone(),
                        from: from.clone(),
                        is_branch: false,
                        counts: counters.decide(place.function, place.offset.0),
                    });
                    let site = Place { function: func, offset };
                    found =
                        Some(Effect { kind: kind.clone(), import: import.clone(), site, guard, way: None });
                }
                if let Some(host) = seen.says(weights, callee) {
                    after = Some(Rc::clone(host));
                    compares = None;
                }
            }
            Operator::Select | Operator::TypedSelect { .. }
                if compares.is_some() || counters.decide(func, offset.0) =>
            {
                choice = Some(Place { function: func, offset });
            }
            Operator::I32Mul | Operator::I32Shl | Operator::I32Sub | Operator::I64ExtendI32U if was_fresh => {
                choice = Some(Place { function: func, offset });
            }
            Operator::End => drop(open.pop()),
            ref branch @ (Operator::If { .. } | Operator::BrIf { .. } | Operator::BrTable { .. })
                if open.contains(&true) && timed.binary_search(&offset.0).is_ok() =>
            {
                choice = Some(Place { function: func, offset });
                from = [SourceKind::Clock].into();
                if matches!(branch, Operator::If { .. }) {
                    open.push(false);
                }
            }
            Operator::Loop { .. } => open.push(true),
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => {
                open.push(false);
            }
            // What is compared may be shifted, or multiplied, by a constant.
            Operator::I32Const { .. } | Operator::I64Const { .. } => is_fresh = was_fresh,
            ref other => {
                if let Some(comparison) = comparison(other).filter(|_| after.is_some()) {
                    compares = Some((comparison, None));
                    is_fresh = true;
                }
            }
        }
    });
    found
}

/// Functions that did not run, and from which calls lead to an effect although all calls of the effect ran.
/// They are exports that nobody called, and functions to which an indirect call that ran may lead. A call
/// that may lead to many functions speaks for none of them, unless the host said which, or a branch by what
/// the host said may have set a flag before.
fn uncalled(
    facts: &Facts<'_>,
    module: &Module,
    reaching: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
    seen: &Seen,
) -> Vec<Effect> {
    let can = |func: &FuncIndex| reaching.contains_key(func) && !seen.ran.contains(func);
    let mut ways: BTreeMap<FuncIndex, String> = BTreeMap::new();
    for export in &facts.view.exports {
        let func = FuncIndex(export.index);
        let is_own = || facts.view.function(func).is_some();
        if export.kind == view::ExternKind::Function && can(&func) && is_own() {
            ways.insert(
                func,
                format!("behind the export {}, which was not called", text::quoted(&export.name)),
            );
        }
    }
    let called = facts.flows.map(|flows| &flows.called);
    // What the host said put functions in a table in a function that calls none of it.
    let is_moved =
        called.is_some_and(|called| called.keys().any(|(func, _)| !seen.fanout.contains_key(func)));
    let is_told = |func: FuncIndex| {
        let is_own = |called: &BTreeMap<(FuncIndex, u32), _>| {
            called.range((func, 0)..=(func, u32::MAX)).next().is_some()
        };
        is_moved || called.is_some_and(is_own)
    };
    let mut flagged = BTreeMap::new();
    let mut is_flagged = |caller: FuncIndex| {
        let flags = || seen.guards.flags(facts, module, caller) || seen.guards.any_flag(facts, module);
        *flagged.entry(caller).or_insert_with(flags)
    };
    let mut speaks = |caller: FuncIndex| {
        let is_narrow = seen.fanout.get(&caller).is_some_and(|&callees| callees <= UNSEEN_FANOUT);
        seen.ran.contains(&caller) && (is_narrow || is_told(caller) || is_flagged(caller))
    };
    let indirect = facts.view.calls.edges.iter().filter(|edge| edge.kind != view::StaticCallKind::Direct);
    for edge in indirect.filter(|edge| can(&edge.callee) && speaks(edge.caller)) {
        let way = || format!("to which a call through a table in func {} may lead", edge.caller);
        ways.entry(edge.callee).or_insert_with(way);
    }
    let effect = |(func, way)| {
        let (kind, import) = reaching.get(&func)?.clone();
        Some(Effect { kind, import, site: text::place_of(facts, func), guard: None, way: Some(way) })
    };
    ways.into_iter().filter_map(effect).collect()
}

/// Effects that stand in a table and that no call through it reached.
fn through_tables(
    facts: &Facts<'_>,
    kinds: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
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
        Some(Effect { kind, import, site, guard: None, way: None })
    };
    unseen.into_iter().filter_map(effect).collect()
}

/// Imported functions that have an effect: index → what it does and its name.
fn kinds(weights: &Weights, facts: &Facts<'_>) -> BTreeMap<FuncIndex, (Rc<str>, Rc<str>)> {
    // Who can open no file has none to write to: Emscripten's are in its own memory.
    let opens = facts.view.imports.iter().any(|import| import.name.starts_with("path_open"));
    let is_for_files =
        |import: &view::ImportInfo| is_of_wasi(&import.module) && import.name.starts_with("fd_");
    let imports = facts.view.imports.iter().filter(|import| opens || !is_for_files(import));
    let with_kind = imports.filter_map(|import| {
        let kind = weights.effect(&import.module, &import.name);
        let is_unknown = || {
            let is_wasi = import.module.starts_with("wasi_") || import.module.starts_with("wasi:");
            is_wasi
                && !import.module.starts_with("wasi:io")
                && categories::of(&import.name, Mode::Full).is_none()
        };
        let kind = kind.or_else(|| is_unknown().then_some("nobody knows what it does"))?;
        Some((import.func?, (kind.into(), Rc::from(&*import.name))))
    });
    with_kind.collect()
}

/// Whether a script is handed over that stands in the data and does nothing.
fn is_harmless(weights: &Weights, facts: &Facts<'_>, constants: Option<(u32, u32)>) -> bool {
    let text = constants.and_then(|(address, len)| {
        facts.view.data_at(facts.wasm, u64::from(address))?.get(..usize::try_from(len).ok()?)
    });
    text.is_some_and(|text| weights.class.harmless_scripts.iter().any(|script| script.as_bytes() == text))
}

/// Functions that do little but mix bits, that did not run and that nothing explains. They count if they are
/// much of the code, or if an export begins with them that nobody called. They also count if code that ran
/// decided not to call them. Others do not: a large library holds hashes and checksums that nobody asked for.
fn unseen_mixing(code: &Code<'_>) -> Option<String> {
    let (facts, weights): (&Facts<'_>, _) = (code.facts, code.facts.weights);
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let seen = code.seen();
    let limits = &weights.threshold;
    let mixes = |function: &&view::Function| {
        let windows: u64 = function.signatures.values().map(|&windows| u64::from(windows)).sum();
        let is_kernel = windows >= limits.unseen_windows
            && text::share(windows, function.classes.total) >= limits.unseen_window_share;
        is_kernel || mixing::stands_in(code, function)
    };
    let alive = || facts.view.functions.iter().filter(|function| !dead.contains(&function.index));
    let unseen = |function: &&view::Function| !seen.ran.contains(&function.index);
    let mut found: Vec<_> = alive().filter(unseen).filter(mixes).collect();
    if found.is_empty() {
        return None;
    }
    let module = code.module()?;
    found.retain(|function| !explained::is_explained(facts, &code.aes, module, function));
    found.sort_by_key(|function| std::cmp::Reverse(function.classes.total));
    let mixed: u64 = found.iter().map(|function| function.classes.total).sum();
    let all: u64 = alive().map(|function| function.classes.total).sum();
    let is_much = text::share(mixed, all) >= limits.unseen_mixing_share;
    // A library holds hashes that nobody asked for; one that waits for what the host says is asked for.
    let is_known = |function: &view::Function| {
        explained::known_hash(facts, module, function)
            .is_some_and(|hash| explained::rotates_as(hash, module, function))
    };
    let asked = Asked { facts, module, seen, exports: exports(facts) };
    let mut why = found.iter().map(|function| match is_known(function) {
        true => asked.told_by_host(function.index),
        false => asked.by(function.index),
    });
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

/// Exported functions, each with the first name that it is exported under.
fn exports<'f>(facts: &Facts<'f>) -> BTreeMap<FuncIndex, &'f str> {
    let mut exports = BTreeMap::new();
    let functions = facts.view.exports.iter().filter(|export| export.kind == view::ExternKind::Function);
    functions.for_each(|export| _ = exports.entry(FuncIndex(export.index)).or_insert(&*export.name));
    exports
}

/// What may have asked for a function that mixes bits.
struct Asked<'f, 'c> {
    facts: &'c Facts<'f>,
    module: &'c Module,
    seen: &'c Seen,
    exports: BTreeMap<FuncIndex, &'f str>,
}

impl Asked<'_, '_> {
    /// The code that may have asked for a function: an export that nobody called, or code that ran and took
    /// another branch, one call or two away. Or a branch that followed what the host said of time,
    /// surroundings or files, any number of calls away.
    fn by(&self, func: FuncIndex) -> Option<String> {
        let callers = |func: FuncIndex| self.seen.asking.get(&func).into_iter().flatten().copied();
        let near = callers(func).map(|one| (one, func)).take(UNSEEN_WAY);
        let far = callers(func).take(UNSEEN_WAY).flat_map(|one| callers(one).map(move |two| (two, one)));
        self.left(func)
            .or_else(|| callers(func).take(UNSEEN_WAY).find_map(|one| self.left(one)))
            .or_else(|| near.chain(far.take(UNSEEN_WAY)).find_map(|call| self.decided(call)))
            .or_else(|| self.told_by_host(func))
    }

    /// An export that was not called.
    fn left(&self, func: FuncIndex) -> Option<String> {
        let name = self.exports.get(&func).filter(|_| !self.seen.ran.contains(&func))?;
        Some(format!("the export {} was not called", text::quoted(name)))
    }

    /// The branch before a call in code that ran.
    fn decided(&self, (caller, callee): (FuncIndex, FuncIndex)) -> Option<String> {
        let (facts, module) = (self.facts, self.module);
        let at = self
            .seen
            .ran
            .contains(&caller)
            .then(|| self.seen.guards.call_of(facts, module, caller, callee))?;
        Some(self.seen.guards.guard(facts, module, at)?.words())
    }

    /// The branch before the way to a function, if it followed what the host said.
    fn told_by_host(&self, func: FuncIndex) -> Option<String> {
        let at = self.seen.way_asked(self.facts, self.module, func)?;
        let guard = self.seen.guards.guard(self.facts, self.module, at)?;
        guard.is_decided(&self.seen.guards).then(|| guard.words())
    }
}
