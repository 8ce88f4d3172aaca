//! A clock read before and after a loop: how a sample measures whether it is watched.
//!
//! Programs that measure themselves do the same, so it weighs little alone.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::CLOCK_DEPTH;
use super::{Correlation, CorrelationName, Sides, correlation};
use crate::{
    module::{CodeOffset, FuncIndex, Place},
    passes::ExecutedLoop,
    verdict::{
        text,
        weights::{Weighed, listed},
    },
};

/// Where each function called a clock, directly or through a wrapper that has no loop: the run's side.
fn sites(facts: &Weighed<'_>) -> BTreeMap<FuncIndex, BTreeSet<CodeOffset>> {
    let is_clock =
        |import: &&crate::module::view::ImportInfo| listed(&facts.weights.calls.clock, &import.name);
    let mut clocks: BTreeSet<FuncIndex> =
        facts.view.imports.iter().filter(is_clock).filter_map(|import| import.func).collect();
    let mut sites: BTreeMap<FuncIndex, BTreeSet<CodeOffset>> = BTreeMap::new();
    for _ in 0..CLOCK_DEPTH {
        let edges = facts.dynamic.call_graph.edges.iter().filter(|edge| clocks.contains(&edge.callee));
        for edge in edges {
            let Some(caller) = edge.caller else { continue };
            sites.entry(caller).or_default().extend(edge.sites.iter().copied());
        }
        let is_wrapper = |func: &&FuncIndex| {
            text::defined(facts, **func).is_some_and(|function| function.loops.is_empty())
        };
        let wrappers: Vec<_> = sites.keys().filter(is_wrapper).copied().collect();
        clocks.extend(wrappers);
    }
    sites
}

pub(super) fn check_around_loop(facts: &Weighed<'_>) -> Option<Correlation> {
    let sites = sites(facts);
    if sites.is_empty() {
        return None;
    }
    let loops = text::loops_by_function(facts);
    let found = sites.into_iter().filter_map(|(func, sites)| {
        let (&first, &last) = (sites.first()?, sites.last()?);
        Some((func, first, last, loop_between(facts, loops.get(&func)?, first, last)?))
    });
    let (func, first, last, between) =
        found.max_by_key(|(func, _, _, between)| (between.iterations, std::cmp::Reverse(*func)))?;
    let sides = Sides {
        bytes: format!(
            "{} has a loop at {:#x} between the clock calls at {first:#x} and {last:#x}",
            text::function(facts, func),
            between.place.offset.0,
            first = first.0,
            last = last.0
        ),
        run: format!(
            "both calls ran, and {} iterations of the loop ({} of the run)",
            text::grouped(between.iterations),
            text::percent(between.share)
        ),
    };
    let places = [first, between.place.offset, last].map(|offset| Place { function: func, offset });
    Some(correlation(
        CorrelationName::TimeCheckAroundLoop,
        1,
        "the clock is read before and after a loop",
        sides,
        places,
    ))
}

/// The busiest of the loops of a function between two offsets, if it is one of the static view too.
fn loop_between<'a>(
    facts: &Weighed<'a>,
    loops: &[&'a ExecutedLoop],
    first: CodeOffset,
    last: CodeOffset,
) -> Option<&'a ExecutedLoop> {
    let in_code = &text::defined(facts, loops.first()?.place.function)?.loops;
    let known: BTreeSet<_> = in_code.iter().map(|natural| natural.offset).collect();
    let is_between = |candidate: &&ExecutedLoop| {
        first < candidate.place.offset
            && candidate.place.offset < last
            && known.contains(&candidate.place.offset)
    };
    let loops = loops.iter().copied().filter(is_between);
    let enough =
        loops.filter(|candidate| candidate.iterations >= facts.weights.threshold.time_check_iterations);
    enough.max_by_key(|candidate| (candidate.iterations, std::cmp::Reverse(candidate.place.offset)))
}
