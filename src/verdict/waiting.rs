//! Calls that did not run and count only behind branches of some kinds: what they do nobody knows, or every
//! program does it.
//!
//! Not here: calls of effects (`unseen`).

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    counters::Counters,
    effect::{Effect, guarding},
    guards::Guard,
    seen::{Seen, Site, calls_in},
    told,
    weights::{Weights, listed},
};
use crate::{
    module::{FuncIndex, Module, Place, view},
    rules::Facts,
    sandbox::{RIGHT_TO_WRITE, is_of_wasi},
    tracer::Value,
    values::taint::SourceKind,
};

/// What a call does that counts only behind a branch of some kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Nobody knows.
    Unknown,
    /// The same, of one that is handed nothing: its host hears of it.
    Signals,
    /// It writes to what may be a file of the user.
    Writes,
    /// It opens a file.
    Opens,
    /// It takes a file away.
    Removes,
}

impl Waiting {
    fn of(weights: &Weights, import: &view::ImportInfo, has_file: bool) -> Option<Self> {
        let name = import.name.trim_start_matches('_');
        match () {
            () if listed(&weights.calls.removing, name) => Some(Self::Removes),
            () if listed(&weights.calls.opening, name) => Some(Self::Opens),
            () if writes(&import.name) => (has_file || does_unknown(weights, import)).then_some(Self::Writes),
            () if does_unknown(weights, import) => Some(Self::Unknown),
            () => signals(weights, import).then_some(Self::Signals),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Unknown | Self::Signals => "nobody knows what it does",
            Self::Writes => "writes",
            Self::Opens => "opens files",
            Self::Removes => "deletes or renames files",
        }
    }

    /// Whether a branch before such a call leaves open what it would have done. What a program prints or
    /// opens may well depend on its arguments.
    fn is_open(self, guard: &Guard, weights: &Weights, seen: &Seen) -> bool {
        match self {
            Self::Unknown => guard.waits(weights, false) || guard.is_far(),
            Self::Signals => guard.from.contains(&SourceKind::Clock),
            Self::Writes => guard.waits(weights, true),
            Self::Opens => guard.waits(weights, true) || guard.is_invented(&seen.guards),
            Self::Removes => {
                guard.counts || guard.is_decided(&seen.guards) || guard.is_invented(&seen.guards)
            }
        }
    }
}

/// Calls that did not run, behind a branch that followed what the host said of time or surroundings. They are
/// calls of unknown functions, or of functions that may change files.
pub(super) fn dated(
    weights: &Weights,
    facts: &Facts<'_>,
    module: &Module,
    kinds: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
    seen: &Seen,
) -> Vec<Effect> {
    let dead: BTreeSet<_> = facts.view.calls.dead.iter().copied().collect();
    let has_file = opened_to_write(facts);
    let waiting = |import: &view::ImportInfo| {
        let func = import.func.filter(|func| !kinds.contains_key(func))?;
        Some((func, (Waiting::of(weights, import, has_file)?, Rc::from(&*import.name))))
    };
    let waiting: BTreeMap<FuncIndex, (Waiting, Rc<str>)> =
        facts.view.imports.iter().filter_map(waiting).collect();
    let counts = |what: &Waiting| matches!(what, Waiting::Removes | Waiting::Unknown);
    let counters = match waiting.values().any(|(what, _)| counts(what)) {
        true => Counters::of(module, &seen.ran),
        false => Counters::default(),
    };
    let calls_one = |one: &&view::Function| {
        !dead.contains(&one.index) && one.callees.iter().any(|callee| waiting.contains_key(callee))
    };
    let mut effects = Vec::new();
    for caller in facts.view.functions.iter().filter(calls_one) {
        for Site { offset, callee, .. } in calls_in(module, caller.index) {
            let site = Place { function: caller.index, offset };
            let Some((what, import)) = waiting.get(&callee).filter(|_| !seen.ran(site, callee)) else {
                continue;
            };
            let Some(mut guard) = guarding(facts, module, seen, site) else { continue };
            guard.counts = counters.decide(guard.place.function, guard.place.offset.0);
            if what.is_open(&guard, weights, seen) {
                let (kind, import) = (what.words().into(), Rc::clone(import));
                effects.push(Effect { kind, import, site, guard: Some(guard), way: None });
            }
        }
    }
    effects
}

/// Whether the run opened, to write to it, a file of the user that no argument named.
fn opened_to_write(facts: &Facts<'_>) -> bool {
    let Some(run) = facts.run else { return false };
    run.calls.iter().filter(|call| call.errno.is_none() && call.name.ends_with("path_open")).any(|call| {
        let has_right = call.args.get(5).is_some_and(|arg| match arg.value {
            Value::I64(rights) => rights as u64 & RIGHT_TO_WRITE != 0,
            _ => false,
        });
        let path = call.args.iter().find_map(|arg| arg.points_at.as_ref()?.kept_text());
        has_right && path.is_some_and(|path| told::is_private(run, &told::absolute(&path)))
    })
}

/// Whether a function writes to what was opened before.
fn writes(import: &str) -> bool {
    matches!(import, "fd_write" | "fd_pwrite" | "fd_renumber" | "write" | "writev" | "fwrite")
        || import.contains("output-stream.") && import.contains("write")
}

/// Whether a function may do something to others: it is not known to do nothing.
pub(super) fn does_unknown(weights: &Weights, import: &view::ImportInfo) -> bool {
    import.ty.contains("param") && is_unknown(weights, import)
}

/// The same of one that is handed nothing and gives nothing.
fn signals(weights: &Weights, import: &view::ImportInfo) -> bool {
    !import.ty.contains("param") && !import.ty.contains("result") && is_unknown(weights, import)
}

fn is_unknown(weights: &Weights, import: &view::ImportInfo) -> bool {
    let calls = &weights.calls;
    let name = import.name.trim_start_matches('_');
    let is_of = |names: &Vec<String>| listed(names, name) || listed(names, &import.name);
    !is_of_wasi(&import.module)
        && ![&calls.inner, &calls.known, &calls.clock, &calls.environment].into_iter().any(is_of)
}
