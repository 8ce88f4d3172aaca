//! Host calls that were made and are not in the log: whether they can have done anything.
//!
//! The log holds the first calls of each function. A loop over a function hides nothing, however often it is
//! called, if the function has no effect or takes nothing from the program. Nor does one of which each call
//! is known to have stayed within the sample: it copied memory, called a function of the sample's own, wrote
//! to standard output. A name that nobody knows says nothing: it may be a known one that was replaced.
//!
//! Costs one walk over the edges of the call graph.

use std::collections::BTreeMap;

use super::{
    text,
    weights::{Weighed, listed},
};
use crate::module::{FuncIndex, view::ImportInfo};

/// Why what was not logged forbids CLEAN, if it does.
pub(super) fn lack(facts: &Weighed<'_>) -> Option<String> {
    let run = facts.run.filter(|run| run.calls_cut > 0)?;
    let mut logged: BTreeMap<FuncIndex, u64> = BTreeMap::new();
    for call in &run.calls {
        *logged.entry(call.func).or_default() += 1;
    }
    let mut made: BTreeMap<FuncIndex, u64> = BTreeMap::new();
    for edge in &facts.dynamic.call_graph.edges {
        *made.entry(edge.callee).or_default() += edge.count;
    }
    let (mut unexplained, mut harmless) = (run.calls_cut, 0u64);
    for import in &facts.view.imports {
        let Some(func) = import.func else { continue };
        let of = |counts: &BTreeMap<FuncIndex, u64>| counts.get(&func).copied().unwrap_or(0);
        let unlogged = of(&made).saturating_sub(of(&logged));
        let known = match does_nothing(facts, import) {
            true => unlogged,
            false => of(&run.calls_inner).min(unlogged),
        };
        harmless = harmless.saturating_add(known);
    }
    unexplained = unexplained.saturating_sub(harmless);
    let verb = if unexplained == 1 { "was" } else { "were" };
    (unexplained > 0).then(|| format!("{} {verb} not logged", text::plural(unexplained, "host call")))
}

/// Whether a function has no effect, or cannot have one that depends on the program.
fn does_nothing(facts: &Weighed<'_>, import: &ImportInfo) -> bool {
    let class = &facts.weights.class;
    let name = import.name.trim_start_matches('_');
    let has_effect = facts.weights.effect(&import.module, &import.name).is_some();
    let takes_nothing = !import.ty.contains("param");
    listed(&class.idle, name) || takes_nothing && !has_effect && !listed(&class.decisive, name)
}
