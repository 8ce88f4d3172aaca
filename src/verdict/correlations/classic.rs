//! WASMShark's correlations, and the strings of a family that its behaviour confirms.

use std::collections::BTreeSet;

use super::{Correlation, CorrelationName, Sides, correlation};
use crate::{
    module::Place,
    rules::{Facts, Family, Match},
    verdict::{
        kept,
        seen::Code,
        text,
        weights::{Weighed, in_namespace},
    },
};

/// WASMShark's HIGH.
const HIGH: u8 = 2;

/// The function that executed most of a class of instructions.
fn hottest(facts: &Facts<'_>, class: fn(&crate::module::view::Classes) -> u64) -> Option<Place> {
    let ran = facts.dynamic.functions.iter().filter(|function| class(&function.classes) > 0);
    let most = ran.max_by_key(|function| (class(&function.classes), std::cmp::Reverse(function.index)))?;
    Some(text::place_of(facts, most.index))
}

pub(super) fn xor(facts: &Weighed<'_>) -> Option<Correlation> {
    let limits = &facts.weights.threshold;
    let (code, ran) = (facts.view.classes.xor, facts.dynamic.metrics.classes.xor);
    if code <= limits.confirmed_static_xor || ran <= limits.confirmed_runtime_xor {
        return None;
    }
    let share = text::percent(text::share(ran, facts.dynamic.metrics.classes.total));
    let sides = Sides {
        bytes: format!("{} xor in the code", text::grouped(code)),
        run: format!("{} xor executed, {share} of all instructions", text::grouped(ran)),
    };
    Some(correlation(
        CorrelationName::ConfirmedXor,
        HIGH,
        "the xor in the code are executed",
        sides,
        hottest(facts, |classes| classes.xor),
    ))
}

pub(super) fn autorun(facts: &Facts<'_>) -> Option<Correlation> {
    let start = facts.view.start?;
    if !facts.dynamic.metrics.start_ran {
        return None;
    }
    let sides = Sides {
        bytes: format!("the start section names {}", text::function(facts, start)),
        run: "it ran when the module was instantiated".into(),
    };
    let description = "code runs without anyone calling an export";
    Some(correlation(
        CorrelationName::ConfirmedAutorun,
        HIGH,
        description,
        sides,
        [text::place_of(facts, start)],
    ))
}

pub(super) fn indirect_calls(facts: &Facts<'_>) -> Option<Correlation> {
    let (code, ran) = (facts.view.classes.indirect_call, facts.dynamic.metrics.classes.indirect_call);
    if code == 0 || ran == 0 {
        return None;
    }
    let targets = facts
        .dynamic
        .call_graph
        .edges
        .iter()
        .filter(|edge| edge.kind == crate::passes::CallEdgeKind::Indirect)
        .count();
    let sides = Sides {
        bytes: format!("{} in the code", text::plural(code, "indirect call")),
        run: format!(
            "executed {}, {} resolved",
            text::plural(ran, "time"),
            text::plural(targets as u64, "edge")
        ),
    };
    let place = hottest(facts, |classes| classes.indirect_call);
    Some(correlation(
        CorrelationName::ConfirmedIndirectCalls,
        HIGH,
        "the indirect calls in the code are executed",
        sides,
        place,
    ))
}

/// The shown matches of a kind, with what they rest on.
fn side<'a>(rules: impl IntoIterator<Item = &'a Match>) -> Option<(String, Vec<Place>)> {
    let rules: Vec<_> = rules.into_iter().collect();
    let shown =
        text::some(rules.iter().map(|rule| format!("{} ({})", text::quoted(&rule.name), rule.namespace)), 3);
    let places = rules.iter().flat_map(|rule| rule.places.iter().copied()).collect();
    (!rules.is_empty()).then(|| (format!("{}: {shown}", text::plural(rules.len() as u64, "rule")), places))
}

fn of_family<'a>(facts: &Weighed<'a>, rules: &'a [Match], family: Family) -> impl Iterator<Item = &'a Match> {
    let weights = facts.weights;
    let is_of = move |of: Family| weights.base_family(of) == family;
    rules.iter().filter(move |rule| rule.severity > 0 && rule.family.is_some_and(is_of))
}

pub(super) fn mining(facts: &Weighed<'_>, rules: &[Match]) -> Option<Correlation> {
    let ran = facts.dynamic.metrics.classes.xor;
    let (rules, places) = side(of_family(facts, rules, Family::Miner))?;
    // The code must hold what ran: a rule of the run alone, and its xor, would be one side twice.
    if ran <= facts.weights.threshold.mining_runtime_xor || facts.view.classes.xor == 0 {
        return None;
    }
    let share = text::percent(text::share(ran, facts.dynamic.metrics.classes.total));
    let sides = Sides {
        bytes: format!("{rules}; {} xor in the code", text::grouped(facts.view.classes.xor)),
        run: format!("{} xor executed, {share} of all instructions", text::grouped(ran)),
    };
    Some(correlation(
        CorrelationName::MiningBehaviorConfirmed,
        HIGH,
        "a mining rule matched and its kind of code ran",
        sides,
        places,
    ))
}

/// The functions that mining rules of the bytes name are what the run is busy with. The rest of the run, and
/// how much of it was xor, says nothing of them.
pub(super) fn mining_load(facts: &Weighed<'_>, rules: &[Match]) -> Option<Correlation> {
    let limits = &facts.weights.threshold;
    let total = facts.dynamic.metrics.classes.total;
    let (rules, places) = side(of_family(facts, rules, Family::Miner).filter(|rule| !rule.dynamic))?;
    let named: BTreeSet<_> = places.iter().map(|place| place.function).collect();
    let ran = facts.dynamic.functions.iter().filter(|function| named.contains(&function.index));
    let executed: u64 = ran.map(|function| function.classes.total).sum();
    let share = text::share(executed, total);
    if total < limits.mining_load_instructions || share < limits.mining_load_share {
        return None;
    }
    let sides = Sides {
        bytes: rules,
        run: format!("{} of {} executed instructions are theirs", text::percent(share), text::grouped(total)),
    };
    Some(correlation(
        CorrelationName::MiningLoadConfirmed,
        3,
        "the functions that look like a miner's do the work of the run",
        sides,
        places,
    ))
}

pub(super) fn obfuscation(facts: &Facts<'_>, rules: &[Match]) -> Option<Correlation> {
    let ran = facts.dynamic.metrics.classes.indirect_call;
    let code = facts.view.classes.indirect_call;
    let hides =
        |rule: &&Match| rule.severity > 0 && in_namespace(&rule.namespace, "anti-analysis/obfuscation");
    let (rules, places) = side(rules.iter().filter(hides))?;
    if ran == 0 || code == 0 {
        return None;
    }
    let sides = Sides {
        bytes: format!("{rules}; {} in the code", text::plural(code, "indirect call")),
        run: format!("{} executed", text::plural(ran, "indirect call")),
    };
    Some(correlation(
        CorrelationName::ObfuscationConfirmed,
        HIGH,
        "an obfuscation rule matched and calls went through a table",
        sides,
        places,
    ))
}

pub(super) fn ransomware_memory(facts: &Weighed<'_>, rules: &[Match]) -> Option<Correlation> {
    let metrics = &facts.dynamic.metrics;
    let (rules, places) = side(of_family(facts, rules, Family::Ransomware))?;
    if metrics.classes.memory_grow == 0 || facts.view.classes.memory_grow == 0 {
        return None;
    }
    let sides = Sides {
        bytes: format!("{rules}; {} memory.grow in the code", text::grouped(facts.view.classes.memory_grow)),
        run: format!(
            "memory.grow executed {}, {} added",
            text::plural(metrics.classes.memory_grow, "time"),
            text::plural(metrics.grown_pages, "page")
        ),
    };
    Some(correlation(
        CorrelationName::RansomwareMemoryConfirmed,
        HIGH,
        "a ransomware rule matched and memory grew",
        sides,
        places,
    ))
}

/// Strings of a family in the data, and a rule of the same family that the run proved. The family with most
/// strings.
pub(super) fn family_strings(facts: &Weighed<'_>, rules: &[Match]) -> Option<Correlation> {
    let rules = &kept::counted(&Code::of(facts), rules);
    let families = facts.weights.strings.iter().filter_map(|(&family, words)| {
        let proved: Vec<_> =
            of_family(facts, rules, family).filter(|rule| rule.dynamic && rule.severity >= 2).collect();
        // Strings are searched only for a family that the run shows.
        let found: Vec<_> = words.iter().filter(|word| !proved.is_empty() && holds(facts, word)).collect();
        (!found.is_empty()).then_some((family, found, proved))
    });
    let (family, found, rules) =
        families.max_by_key(|(family, found, _)| (found.len(), std::cmp::Reverse(*family)))?;
    let places: Vec<_> = rules.iter().flat_map(|rule| rule.places.iter().copied()).collect();
    let sides = Sides {
        bytes: format!("strings of {family}: {}", text::some(found.iter().map(|word| text::quoted(word)), 8)),
        run: format!(
            "the run shows it: {}",
            text::some(rules.iter().map(|rule| text::quoted(&rule.name)), 3)
        ),
    };
    let description = format!("it speaks of {family} and behaves so");
    let found = correlation(CorrelationName::FamilyStringsConfirmed, 3, &description, sides, places);
    Some(Correlation { family: Some(family), ..found })
}

/// Whether a string of the sample, decoded ones included, holds a word with nothing of a word on either side.
fn holds(facts: &Facts<'_>, word: &str) -> bool {
    let part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let starts_word = word.starts_with(char::is_alphanumeric);
    let ends_word = word.ends_with(char::is_alphanumeric);
    facts.view.strings.iter().any(|string| {
        let text = string.text.to_lowercase();
        text.match_indices(word).any(|(at, _)| {
            let (before, after) = (text.get(..at).unwrap_or(""), text.get(at + word.len()..).unwrap_or(""));
            !(starts_word && part(before.chars().next_back()) || ends_word && part(after.chars().next()))
        })
    })
}
