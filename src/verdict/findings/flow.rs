//! Findings of the dynamic control-flow graph against the static one.

use std::{collections::BTreeMap, fmt};

use super::{super::text, of_run};
use crate::{
    module::{FuncIndex, Place},
    passes::{HiddenCall, HiddenCause},
    rules::Facts,
    verdict::{Finding, FindingName, weights::Weighed},
};

pub(super) fn find(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    if text::metrics(facts).is_none() {
        return;
    }
    findings.extend(dead_code(facts));
    findings.extend(hidden_paths(facts));
    findings.extend(unexpected(facts));
    findings.extend(low_coverage(facts));
    findings.extend(rare_transitions(facts));
    findings.extend(high_fanout(facts));
}

fn list(facts: &Facts<'_>, funcs: &[FuncIndex]) -> (String, Vec<Place>) {
    // A call that is not shown is not put into words: there may be a million.
    let shown = text::some(
        funcs.iter().map(|&func| fmt::from_fn(move |f| f.write_str(&text::function(facts, func)))),
        5,
    );
    (shown, text::places(funcs.iter().map(|&func| text::place_of(facts, func))))
}

fn dead_code(facts: &Weighed<'_>) -> Option<Finding> {
    let dead = &facts.dynamic.coverage.dead_confirmed;
    let (shown, places) = list(facts, dead);
    let text = format!(
        "{} that nothing can call and that did not run: {shown}",
        text::plural(dead.len() as u64, "function")
    );
    (dead.len() > facts.weights.threshold.dead_functions)
        .then(|| of_run(FindingName::DeadCodeConfirmed, &["flow"], 0, 100, text).at(places))
}

/// Calls through a table as the module set it up are in the static call graph. The severity is for those
/// through a table that was changed.
fn hidden_paths(facts: &Facts<'_>) -> Option<Finding> {
    let hidden = &facts.dynamic.coverage.hidden;
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for call in hidden {
        *reasons.entry(call.explained_by.as_str()).or_default() += 1;
    }
    let shown =
        text::some(reasons.iter().map(|(reason, count)| format!("{} by {reason}", text::grouped(*count))), 5);
    let changed = |call: &&HiddenCall| call.explained_by == HiddenCause::TableChanged;
    let severity = u8::from(hidden.iter().any(|call| changed(&call)));
    let first: Vec<_> = hidden
        .iter()
        .filter(changed)
        .chain(hidden.iter().filter(|call| !changed(call)))
        .map(|call| call.callee)
        .collect();
    let text = format!(
        "{} that the static call graph lacks: {shown}",
        text::plural(hidden.len() as u64, "call path")
    );
    (!hidden.is_empty()).then(|| {
        of_run(FindingName::HiddenCallPaths, &["flow"], severity, 90, text).at(list(facts, &first).1)
    })
}

fn unexpected(facts: &Facts<'_>) -> Option<Finding> {
    let unexpected = &facts.dynamic.coverage.unexpected;
    let (shown, places) = list(facts, unexpected);
    let text = format!(
        "{} ran though nothing in the file can call it: {shown}",
        text::plural(unexpected.len() as u64, "function")
    );
    (!unexpected.is_empty())
        .then(|| of_run(FindingName::UnexpectedFunctions, &["flow", "obfuscation"], 1, 80, text).at(places))
}

fn low_coverage(facts: &Weighed<'_>) -> Option<Finding> {
    let coverage = &facts.dynamic.coverage;
    let functions = text::share(coverage.functions_run.into(), coverage.functions.into());
    let text = format!(
        "{} of {} functions ran ({}), {} of the blocks, {} of the instructions",
        text::grouped(coverage.functions_run.into()),
        text::grouped(coverage.functions.into()),
        text::percent(functions),
        text::percent(text::share(coverage.blocks_run, coverage.blocks)),
        text::percent(text::share(coverage.instructions_run, coverage.instructions))
    );
    let low = coverage.functions > 3 && functions < facts.weights.threshold.low_coverage;
    low.then(|| of_run(FindingName::LowCoverage, &["flow", "limitation"], 0, 100, text))
}

fn rare_transitions(facts: &Facts<'_>) -> Option<Finding> {
    let rare: Vec<_> = facts.dynamic.states.transitions.iter().filter(|transition| transition.rare).collect();
    let shown =
        text::some(rare.iter().map(|transition| format!("{} → {}", transition.from, transition.to)), 5);
    let text = format!(
        "{} taken once in {}: {shown}",
        text::plural(rare.len() as u64, "transition"),
        text::plural(facts.dynamic.states.steps, "step")
    );
    let places = rare.iter().map(|transition| text::place_of(facts, transition.to));
    (!rare.is_empty()).then(|| of_run(FindingName::RareTransition, &["flow"], 0, 100, text).at(places))
}

fn high_fanout(facts: &Weighed<'_>) -> Option<Finding> {
    let mut targets: BTreeMap<FuncIndex, usize> = BTreeMap::new();
    for transition in &facts.dynamic.states.transitions {
        *targets.entry(transition.from).or_default() += 1;
    }
    let mut wide: Vec<_> =
        targets.into_iter().filter(|&(_, count)| count > facts.weights.threshold.fanout).collect();
    wide.sort_by_key(|&(func, count)| (std::cmp::Reverse(count), func));
    let shown = text::some(
        wide.iter().map(|(func, count)| format!("{} calls {count}", text::function(facts, *func))),
        5,
    );
    let text = format!("{} with many callees: {shown}", text::plural(wide.len() as u64, "state"));
    let places = wide.iter().map(|(func, _)| text::place_of(facts, *func));
    (!wide.is_empty()).then(|| of_run(FindingName::HighFanoutState, &["flow"], 0, 100, text).at(places))
}
