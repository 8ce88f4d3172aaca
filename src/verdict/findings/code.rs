//! Findings of the code: sleds, heavy functions, dead code, cryptographic constants.

use std::collections::BTreeMap;

use super::{super::text, of_bytes};
use crate::{
    module::{
        Place,
        view::{CryptoClass, Function},
    },
    rules::Facts,
    verdict::{Finding, FindingName, weights::Weighed},
};

pub(super) fn find(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    let limits = &facts.weights.threshold;
    let functions = &facts.view.functions;
    let nop = |function: &Function| u64::from(function.nop_run);
    findings.extend(heavy(
        FindingName::NopSled,
        1,
        "a run of `nop` in",
        "nop",
        functions,
        u64::from(limits.nop_run),
        nop,
    ));
    findings.extend(heavy(
        FindingName::XorHeavy,
        0,
        "many xor in",
        "xor",
        functions,
        limits.xor_function,
        |function| function.classes.xor,
    ));
    let size = |function: &Function| u64::from(function.size);
    findings.extend(heavy(
        FindingName::HugeFunction,
        0,
        "great size of",
        "bytes",
        functions,
        u64::from(limits.huge_function_bytes),
        size,
    ));
    let cyclomatic = |function: &Function| u64::from(function.cyclomatic);
    findings.extend(heavy(
        FindingName::HighCyclomatic,
        0,
        "many paths in",
        "",
        functions,
        u64::from(limits.cyclomatic),
        cyclomatic,
    ));
    findings.extend(undecoded(facts));
    findings.extend(unreachable(facts));
    findings.extend(dead(facts));
    findings.extend(crypto(facts));
}

/// The functions in which `measure` is above `limit`, greatest first.
fn heavy(
    name: FindingName,
    severity: u8,
    what: &str,
    unit: &str,
    functions: &[Function],
    limit: u64,
    measure: impl Fn(&Function) -> u64,
) -> Option<Finding> {
    let mut found: Vec<_> = functions.iter().filter(|function| measure(function) > limit).collect();
    found.sort_by_key(|function| (std::cmp::Reverse(measure(function)), function.index));
    let shown = text::some(
        found.iter().map(|f| {
            format!("func {} ({} {unit}", f.index, text::grouped(measure(f))).trim_end().to_owned() + ")"
        }),
        5,
    );
    let text = format!("{what} {}: {shown}", text::plural(found.len() as u64, "function"));
    let places = found.iter().map(|function| Place { function: function.index, offset: function.offset });
    (!found.is_empty()).then(|| of_bytes(name, &["code"], severity, 80, text).at(places))
}

fn undecoded(facts: &Facts<'_>) -> Option<Finding> {
    let broken: Vec<_> = facts.view.functions.iter().filter(|function| function.error.is_some()).collect();
    let shown = text::some(broken.iter().map(|function| format!("func {}", function.index)), 5);
    let text = format!("{} could not be decoded: {shown}", text::plural(broken.len() as u64, "function"));
    let places = broken.iter().map(|function| Place { function: function.index, offset: function.offset });
    (!broken.is_empty())
        .then(|| of_bytes(FindingName::UndecodedFunction, &["format"], 1, 100, text).at(places))
}

fn unreachable(facts: &Facts<'_>) -> Option<Finding> {
    let count: u64 = facts.view.functions.iter().map(|function| u64::from(function.unreachable)).sum();
    let share = text::share(count, facts.view.classes.total);
    let text =
        format!("{} ({}) that no path reaches", text::plural(count, "instruction"), text::percent(share));
    (count > 0).then(|| of_bytes(FindingName::UnreachableCode, &["code"], 0, 100, text))
}

fn dead(facts: &Weighed<'_>) -> Option<Finding> {
    let dead = &facts.view.calls.dead;
    let shown = text::some(dead.iter().map(|&func| text::function(facts, func)), 5);
    let text = format!("{} that nothing can call: {shown}", text::plural(dead.len() as u64, "function"));
    let places = dead.iter().map(|&func| text::place_of(facts, func));
    (dead.len() > facts.weights.threshold.dead_functions)
        .then(|| of_bytes(FindingName::DeadCode, &["code"], 0, 90, text).at(places))
}

fn crypto(facts: &Facts<'_>) -> Option<Finding> {
    let mut algorithms: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for constant in &facts.view.crypto {
        let entry = algorithms.entry(&constant.algorithm).or_default();
        entry.0 = entry.0.saturating_add(1);
        entry.1 = entry.1.saturating_add(constant.found);
    }
    let shown = text::some(
        algorithms.iter().map(|(name, (places, words))| {
            let [words, places] = [(*words, "word"), (*places, "place")]
                .map(|(count, noun)| text::plural(u64::from(count), noun));
            format!("{name} ({words} in {places})")
        }),
        8,
    );
    let severity = u8::from(facts.view.crypto.iter().any(|constant| constant.class == CryptoClass::Mining));
    let in_code = facts.view.crypto.iter().filter_map(|constant| Some(text::place_of(facts, constant.func?)));
    let text = format!("constants of cryptographic algorithms: {shown}");
    (!algorithms.is_empty())
        .then(|| of_bytes(FindingName::CryptoConstants, &["crypto"], severity, 90, text).at(in_code))
}
