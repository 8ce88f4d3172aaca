//! Correlations of code: constants in hot loops, predictions about functions, changed tables, modules built
//! at run time.

use super::{Correlation, CorrelationName, Sides, correlation};
use crate::{
    module::{FuncIndex, Place},
    passes::{Constant, ExecutedLoop, HiddenCause},
    rules::Facts,
    verdict::{
        text::{self, LoopsByFunction},
        weights::Weighed,
    },
};

/// A cryptographic constant that the static view found in code was executed in a loop with much of the run in
/// it.
pub(super) fn crypto_in_hot_loop(facts: &Weighed<'_>) -> Option<Correlation> {
    let in_code = |constant: &Constant| {
        let same = |c: &&crate::module::view::CryptoConstant| {
            c.func == Some(constant.place.function) && c.name == constant.name
        };
        facts.view.crypto.iter().find(same)
    };
    if facts.dynamic.constants.is_empty() {
        return None;
    }
    let loops = text::loops_by_function(facts);
    let found: Vec<_> = facts
        .dynamic
        .constants
        .iter()
        .filter_map(|constant| Some((constant, in_code(constant)?, loop_of(facts, &loops, constant)?)))
        .collect();
    let mut algorithms: Vec<_> = found.iter().map(|(constant, ..)| constant.algorithm.as_str()).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    let (constant, known, hot) = found.iter().max_by_key(|(constant, ..)| constant.count)?;
    let sides = Sides {
        bytes: format!(
            "{} at {:#x} in {}, {} of {}; algorithms: {}",
            known.name,
            known.offset,
            text::function(facts, constant.place.function),
            known.found,
            text::plural(known.of.into(), "word"),
            algorithms.join(", ")
        ),
        run: format!(
            "executed {} in the loop at {:#x} ({} iterations, {} of the run)",
            text::plural(constant.count, "time"),
            hot.place.offset.0,
            text::grouped(hot.iterations),
            text::percent(hot.share)
        ),
    };
    let description = "a cryptographic constant is executed in a hot loop";
    Some(correlation(
        CorrelationName::CryptoConstantInHotLoop,
        1,
        description,
        sides,
        found.iter().map(|(constant, ..)| constant.place),
    ))
}

/// The hot loop that a constant was executed in. Of the loops that begin before it, that is the innermost one
/// that ran it more often than it was entered.
fn loop_of<'a>(
    facts: &Weighed<'_>,
    loops: &LoopsByFunction<'a>,
    constant: &Constant,
) -> Option<&'a ExecutedLoop> {
    let limits = &facts.weights.threshold;
    let loops = loops.get(&constant.place.function)?.iter().copied();
    let loops = loops.filter(|candidate| candidate.place.offset <= constant.place.offset);
    let innermost = loops
        .filter(|candidate| constant.count > candidate.entries)
        .max_by_key(|candidate| candidate.place.offset)?;
    (innermost.share >= limits.hot_loop_share && innermost.iterations >= limits.hot_loop_iterations)
        .then_some(innermost)
}

/// The hottest function is one that the static view called suspicious.
pub(super) fn hot_function(facts: &Weighed<'_>) -> Option<Correlation> {
    let limits = &facts.weights.threshold;
    let ran = facts.dynamic.functions.iter();
    let hottest = ran.max_by_key(|function| (function.classes.total, std::cmp::Reverse(function.index)))?;
    let share = text::share(hottest.classes.total, facts.dynamic.metrics.classes.total);
    let predicted = text::defined(facts, hottest.index)?;
    if predicted.score <= limits.suspicious_function || share < limits.hot_function_share {
        return None;
    }
    let sides = Sides {
        bytes: format!(
            "{} has a suspicion score of {}: {}",
            text::function(facts, hottest.index),
            predicted.score,
            predicted.flags.join(", ")
        ),
        run: format!(
            "it is the hottest function: {} in {}, {} of the run",
            text::plural(hottest.classes.total, "instruction"),
            text::plural(hottest.calls, "call"),
            text::percent(share)
        ),
    };
    let description = "the function that looks most suspicious does most of the work";
    let description = if is_top(facts, predicted.score) {
        description
    } else {
        "a function that looks suspicious does most of the work"
    };
    Some(correlation(
        CorrelationName::PredictedHotFunction,
        1,
        description,
        sides,
        [text::place_of(facts, hottest.index)],
    ))
}

fn is_top(facts: &Facts<'_>, score: u32) -> bool {
    facts.view.functions.iter().all(|function| function.score <= score)
}

/// Code that the static view calls dead and suspicious did not run.
pub(super) fn dead_code(facts: &Weighed<'_>) -> Option<Correlation> {
    let limit = facts.weights.threshold.suspicious_function;
    let dead = &facts.view.calls.dead;
    // Ascending; of a million tiny functions nearly all are dead.
    let confirmed =
        facts.dynamic.coverage.dead_confirmed.iter().filter(|func| dead.binary_search(func).is_ok());
    let found: Vec<_> = confirmed
        .filter_map(|&func| text::defined(facts, func))
        .filter(|function| function.score > limit)
        .collect();
    if found.is_empty() {
        return None;
    }
    let shown = text::some(
        found
            .iter()
            .map(|function| format!("{} (score {})", text::function(facts, function.index), function.score)),
        5,
    );
    let sides = Sides {
        bytes: format!("nothing can call {shown}"),
        run: format!("{} never ran", if found.len() == 1 { "it" } else { "they" }),
    };
    let places = found.iter().map(|function| Place { function: function.index, offset: function.offset });
    let description =
        "suspicious code that nothing reaches: inserted to mislead, or left for someone to call";
    Some(correlation(CorrelationName::DeadCodeConfirmedSuspicious, 1, description, sides, places))
}

/// Calls that only a table changed at run time explains.
pub(super) fn changed_table(facts: &Facts<'_>) -> Option<Correlation> {
    let hidden = facts.dynamic.coverage.hidden.iter();
    let found: Vec<_> = hidden.filter(|call| call.explained_by == HiddenCause::TableChanged).collect();
    if found.is_empty() {
        return None;
    }
    let pair = |caller: Option<FuncIndex>, callee| match caller {
        Some(caller) => format!("{caller} → {callee}"),
        None => format!("host → {callee}"),
    };
    let count: u64 = found.iter().map(|call| call.count).fold(0, u64::saturating_add);
    let sides = Sides {
        bytes: format!(
            "no element segment puts {} where it was called",
            text::plural(found.len() as u64, "callee")
        ),
        run: format!(
            "called {} after the table was changed: {}",
            text::plural(count, "time"),
            text::some(found.iter().map(|call| pair(call.caller, call.callee)), 5)
        ),
    };
    let places = found.iter().map(|call| text::place_of(facts, call.callee));
    Some(correlation(
        CorrelationName::CallsThroughChangedTable,
        2,
        "calls are hidden behind a table that the program fills itself",
        sides,
        places,
    ))
}

/// A module in memory, which the file holds hidden, or openly in its data.
pub(super) fn carved_module(facts: &Facts<'_>) -> Option<Correlation> {
    let carved = facts.run?.carved_unasked();
    let first = carved.first()?;
    let openly = carved.iter().filter(|module| text::in_bytes(facts.wasm, module)).count();
    let size = facts.view.data.iter().map(|segment| segment.size).fold(0, u64::saturating_add);
    let sides = Sides {
        bytes: match openly {
            0 => format!("the file holds no such module openly; {} bytes of data", text::grouped(size)),
            some => format!("the file holds {some} of them openly in its data"),
        },
        run: format!(
            "{} in memory when the host was called, the first {} bytes",
            text::plural(carved.len() as u64, "module"),
            text::grouped(first.len() as u64)
        ),
    };
    let severity = if openly == carved.len() { 2 } else { 3 };
    Some(correlation(
        CorrelationName::CarvedModule,
        severity,
        "a module is built in memory and shown to the host",
        sides,
        [],
    ))
}
