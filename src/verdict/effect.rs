//! An effect that did not happen: the call, and the branch that kept it from running.

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    rc::Rc,
};

use super::{guards::Guard, seen::Seen};
use crate::{
    module::{FuncIndex, Module, Place, view},
    rules::Facts,
};

/// A call of an effect that did not run.
#[derive(Debug)]
pub(super) struct Effect {
    /// What it would do, in a word of `rules/verdict.toml`.
    pub(super) kind: Rc<str>,
    /// The imported function. Its name is as long as a sample wants, and is there once.
    pub(super) import: Rc<str>,
    /// The call.
    pub(super) site: Place,
    pub(super) guard: Option<Guard>,
    /// What would have led there, if it is no branch.
    pub(super) way: Option<String>,
}

impl Effect {
    /// In words: what, where, behind which branch.
    pub(super) fn sentence(&self) -> String {
        let Place { function: func, offset } = self.site;
        let mut sentence = format!("{} ({}) at func {func}:{:#x}", self.import, self.kind, offset.0);
        let words = self.guard.as_ref().map(Guard::words);
        for words in words.iter().chain(&self.way) {
            sentence.push_str(&format!(", {words}"));
        }
        sentence
    }
}

/// The branch that kept a call from running, as far as the run tells.
pub(super) fn guarding(facts: &Facts<'_>, module: &Module, seen: &Seen, site: Place) -> Option<Guard> {
    seen.guards.guard(facts, module, seen.way_to(facts, module, site)?)
}

/// Functions from which direct calls lead to an effect, each with one, and the effects.
pub(super) fn reaching(
    facts: &Facts<'_>,
    kinds: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
) -> BTreeMap<FuncIndex, (Rc<str>, Rc<str>)> {
    let mut callers: BTreeMap<FuncIndex, Vec<FuncIndex>> = BTreeMap::new();
    for edge in &facts.view.calls.edges {
        if edge.kind == view::StaticCallKind::Direct {
            callers.entry(edge.callee).or_default().push(edge.caller);
        }
    }
    let mut reaching = kinds.clone();
    let mut next: VecDeque<_> = kinds.iter().map(|(callee, effect)| (*callee, effect)).collect();
    while let Some((callee, effect)) = next.pop_front() {
        for &caller in callers.get(&callee).into_iter().flatten() {
            if let Entry::Vacant(vacant) = reaching.entry(caller) {
                vacant.insert(effect.clone());
                next.push_back((caller, effect));
            }
        }
    }
    reaching
}
