//! Files that Emscripten's kernel would have been asked to open for writing, behind a branch that followed
//! what the host said of time, surroundings or chance.
//!
//! Every C library can open files, and what it opens is in its own memory as a rule. But a program that
//! overwrites the files of a user needs no other call, and the calls that follow are those that print. So a
//! call of the kernel counts, or of a function that leads there, if it did not run. Its flags must be
//! constants that open for writing, or a word such as `r+` must stand for them.
//!
//! Costs a walk over the functions that call such functions.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use wasmparser::Operator;

use super::{
    effect::{Effect, guarding, reaching},
    guards::Guard,
    limits::{OPENING_ARGUMENTS, PATH_BYTES},
    operators::for_each_operator,
    seen::{Code, Seen, Site, calls_in},
    weights::{Weights, listed},
};
use crate::{
    module::{FuncIndex, Module, Place, view},
    rules::Facts,
    sandbox::is_users,
    values::taint::SourceKind,
};

/// The flags of Linux: those that write or change, and all that `open` is given.
const WRITES: u32 = 0o3 | 0o1000;
const FLAGS: u32 =
    0o3 | 0o100 | 0o200 | 0o400 | 0o1000 | 0o2000 | 0o4000 | 0o10_000 | 0o100_000 | 0o400_000 | 0o2_000_000;
/// Letters of a word for them at most.
const MODE: usize = 4;

/// Such calls.
pub(super) fn waiting(code: &Code<'_>, module: &Module) -> Vec<Effect> {
    let (facts, weights): (&Facts<'_>, _) = (code.facts, code.facts.weights);
    let seen = code.seen();
    let opening = |import: &view::ImportInfo| {
        let is_one = listed(&weights.calls.opening, import.name.trim_start_matches('_'));
        Some((
            import.func.filter(|_| is_one)?,
            (Rc::from("opens a file to write to it"), Rc::from(&*import.name)),
        ))
    };
    let opening: BTreeMap<_, _> = facts.view.imports.iter().filter_map(opening).collect();
    if opening.is_empty() {
        return Vec::new();
    }
    let leading = reaching(facts, &opening);
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let leads = |one: &&view::Function| {
        !dead.contains(&one.index) && one.callees.iter().any(|callee| leading.contains_key(callee))
    };
    let mut effects = named(code, module, &leading);
    let mut writers = BTreeMap::new();
    let effect = |site, (kind, import): &(Rc<str>, Rc<str>), guard: Option<Guard>| {
        let guard = guard.filter(|guard| is_told(guard, weights, facts, seen))?;
        Some(Effect { kind: kind.clone(), import: import.clone(), site, guard: Some(guard), way: None })
    };
    for caller in facts.view.functions.iter().filter(leads) {
        for (site, callee) in writing(facts, module, caller.index) {
            let Some(opening) = leading.get(&callee) else { continue };
            writers.insert(caller.index, opening.clone());
            if !seen.ran(site, callee) {
                effects.extend(effect(site, opening, guarding(facts, module, seen, site)));
            }
        }
    }
    if effects.is_empty() && !writers.is_empty() {
        let writing = reaching(facts, &writers);
        let callers = facts.view.functions.iter().filter(|one| !dead.contains(&one.index));
        for caller in callers.filter(|one| one.callees.iter().any(|callee| writing.contains_key(callee))) {
            for Site { offset, callee, .. } in calls_in(module, caller.index) {
                let site = Place { function: caller.index, offset };
                let can = seen.ran.contains(&callee) && !seen.ran(site, callee);
                let Some(opening) = writing.get(&callee).filter(|_| can) else { continue };
                let way = seen.way_to(facts, module, site);
                let guard = way.and_then(|way| seen.guards.guard_or_earlier(facts, module, way));
                effects.extend(effect(site, opening, guard));
            }
        }
    }
    effects
}

/// The text up to a zero byte that stands in the data there, if it is as long as a path at most.
pub(super) fn path_at<'f>(facts: &Facts<'f>, address: u32) -> Option<&'f str> {
    let data = facts.view.data_at(facts.wasm, u64::from(address))?;
    let end = data.iter().take(PATH_BYTES).position(|byte| *byte == 0)?;
    std::str::from_utf8(&data[..end]).ok()
}

/// Calls that were skipped, and hand the path of a file of a user that stands in the data to what opens
/// files.
fn named(code: &Code<'_>, module: &Module, leading: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>) -> Vec<Effect> {
    let (facts, seen): (&Facts<'_>, _) = (code.facts, code.seen());
    let is_path = |address: &u32| {
        let path = path_at(facts, *address);
        path.is_some_and(|path| path.starts_with('/') && path.matches('/').count() > 2 && is_users(path))
    };
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let leads = |one: &&view::Function| {
        !dead.contains(&one.index) && one.callees.iter().any(|callee| leading.contains_key(callee))
    };
    let mut effects = Vec::new();
    for caller in facts.view.functions.iter().filter(leads) {
        for Site { offset, callee, constants, constant } in calls_in(module, caller.index) {
            let site = Place { function: caller.index, offset };
            let Some((kind, import)) = leading.get(&callee).filter(|_| !seen.ran(site, callee)) else {
                continue;
            };
            if constants.map(|(first, _)| first).iter().chain(&constant).any(is_path) {
                let guard = guarding(facts, module, seen, site);
                effects.push(Effect { kind: kind.clone(), import: import.clone(), site, guard, way: None });
            }
        }
    }
    effects
}

/// Whether what the host said of time, surroundings or chance decides a branch, or what a host function said
/// whose answer was invented. Arguments do not count: a program that is asked to write writes.
fn is_told(guard: &Guard, weights: &Weights, facts: &Facts<'_>, seen: &Seen) -> bool {
    let is_telling =
        |kind: &SourceKind| matches!(kind, SourceKind::Clock | SourceKind::Environment | SourceKind::Random);
    let at = (guard.place.function, guard.place.offset.0);
    let weighed = facts.flows.and_then(|flows| flows.weighed.get(&at));
    let is_named = |host: &Rc<str>| {
        let name = host.trim_start_matches('_');
        [&weights.calls.clock, &weights.calls.surroundings].into_iter().any(|names| listed(names, name))
    };
    guard.from.iter().any(is_telling)
        || weighed.is_some_and(|kinds| kinds.iter().any(is_telling))
        || guard.after.as_ref().is_some_and(is_named)
        || guard.is_invented(&seen.guards)
}

/// The calls of a function with constants since the call before that open a file for writing.
fn writing(facts: &Facts<'_>, module: &Module, func: FuncIndex) -> Vec<(Place, FuncIndex)> {
    let (mut calls, mut last) = (Vec::new(), Vec::new());
    for_each_operator(module, func, |offset, operator| match *operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            let from = last.len().saturating_sub(OPENING_ARGUMENTS);
            if last[from..].iter().any(|constant| writes(facts, *constant)) {
                calls.push((Place { function: func, offset }, FuncIndex(function_index)));
            }
            last.clear();
        }
        Operator::I32Const { value } => last.push(value as u32),
        _ => {}
    });
    calls
}

/// Whether a constant is flags that open for writing, or the address of a word that says so.
fn writes(facts: &Facts<'_>, constant: u32) -> bool {
    if constant & WRITES != 0 && constant & 0o3 != 0o3 && constant & !FLAGS == 0 {
        return true;
    }
    let word = facts.view.data_at(facts.wasm, constant.into());
    let word = word.and_then(|data| data.get(..=MODE).unwrap_or(data).split(|byte| *byte == 0).next());
    word.is_some_and(|word| match word {
        [b'w' | b'a', rest @ ..] => rest.len() < MODE && rest.iter().all(|letter| b"+bex".contains(letter)),
        [b'r', rest @ ..] => rest.contains(&b'+') && rest.iter().all(|letter| b"+be".contains(letter)),
        _ => false,
    })
}
