//! Whether rules are kept well: what `spoor rules lint` checks beyond what a load does.

use std::path::Path;

use super::{
    Rule, Set,
    metric::Unit,
    places::PLACES,
    rule::{Comparison, Feature, Kind, Meta, Scope, Statement},
};

/// Something about a rule that should be better.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// The rule.
    pub rule: String,
    /// Its file.
    pub file: String,
    /// What should be better.
    pub message: String,
}

impl Set {
    /// What should be better about the rules. `corpus` is the folder of examples; without one nothing is said
    /// of what is not in it.
    pub fn lint(&self, corpus: Option<&Path>) -> Vec<Advice> {
        self.rules.iter().flat_map(|rule| lint(rule, corpus)).collect()
    }
}

fn lint(rule: &Rule, corpus: Option<&Path>) -> Vec<Advice> {
    let mut messages = missing(&rule.meta);
    let examples = rule.meta.examples.iter().chain(&rule.meta.counter_examples);
    for (example, corpus) in examples.flat_map(|example| Some((example, corpus?))) {
        if !corpus.join(&example.file).is_file() {
            messages.push(format!("the example `{}` is not in {}", example.file, corpus.display()));
        }
    }
    if rule.meta.severity >= 2 && rule.meta.attack.is_empty() && rule.meta.mbc.is_empty() {
        messages.push("a rule of this severity names a technique, in `att&ck` or `mbc`".into());
    }
    messages.extend(named(rule));
    messages.extend(broken(rule));
    messages.extend(placed(rule));
    if rule.meta.severity > 0 {
        for (scope, _) in rule.columns() {
            bare_counts(&rule.statement, scope, false, &mut messages);
        }
    }
    for never in rule.statement.nevers(&rule.columns()) {
        messages.push(format!("`{}`: {}", never.statement.shown(), never.why));
    }
    let advice = |message| Advice { rule: rule.meta.name.clone(), file: rule.file.clone(), message };
    messages.into_iter().map(advice).collect()
}

/// What the head of a rule should say and does not.
fn missing(meta: &Meta) -> Vec<String> {
    let checks = [
        (meta.description.is_empty(), "`description` is missing"),
        (meta.namespace.is_empty() && !meta.lib, "`namespace` is missing"),
        (meta.authors.is_empty(), "`authors` is missing"),
        (meta.examples.is_empty(), "`examples` is missing: every rule names samples on which it must match"),
    ];
    checks.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, words)| words.to_owned()).collect()
}

/// What is wrong with the names of a rule and of its file.
fn named(rule: &Rule) -> Vec<String> {
    let Meta { name, namespace, .. } = &rule.meta;
    let mut messages = Vec::new();
    if name.chars().next().is_some_and(char::is_uppercase) || name.ends_with('.') {
        messages.push("the name completes \"the program may\": lower case, no full stop".into());
    }
    let file_name = name.replace(|char: char| !char.is_ascii_alphanumeric(), "-").to_lowercase();
    let expected = format!("{namespace}/{}.yml", squeeze(&file_name));
    if rule.file.contains("rules/behavior/") && !rule.file.ends_with(&expected) {
        messages.push(format!("the file should be {expected}, after namespace and name"));
    }
    messages
}

/// Techniques of the places that a rule asks for and that it does not name.
fn placed(rule: &Rule) -> Vec<String> {
    let mut features = Vec::new();
    rule.statement.features(&mut features);
    let places = features.into_iter().filter_map(|feature| match feature {
        Feature::File(file) => PLACES.get(file.place?),
        _ => None,
    });
    let is_named = |id: &str| rule.meta.attack.iter().any(|attack| attack.contains(&format!("[{id}]")));
    places
        .filter(|place| !is_named(&place.technique))
        .map(|place| format!("the technique of the place `{}` is {}", place.name, place.technique))
        .collect()
}

/// Metrics that grow with the code of a file, or with how long it runs.
const COUNTS: &[&str] = &[
    "static_xor",
    "static_indirect_calls",
    "static_tail_calls",
    "static_mining_windows",
    "static_hash_windows",
    "static_loops",
    "unreachable_instructions",
    "dead_functions",
    "xor",
    "nops",
    "mining_windows",
    "coinhive_windows",
    "cryptoloot_windows",
    "indirect_calls",
    "tail_calls",
    "table_branches",
    "one_way_branches",
];

/// Says which statements count what a large file has enough of anyway. A share beside it, or a function or
/// loop that it must be in, makes a count say something. Constants of an algorithm are not found by chance.
fn bare_counts(statement: &Statement, scope: Scope, is_covered: bool, messages: &mut Vec<String>) {
    if is_covered || !matches!(scope, Scope::File | Scope::Process) {
        return;
    }
    match &statement.kind {
        Kind::And(parts) => {
            let is_covered = parts.iter().any(narrows);
            parts.iter().for_each(|part| bare_counts(part, scope, is_covered, messages));
        }
        Kind::Or(parts) => parts.iter().for_each(|part| bare_counts(part, scope, false, messages)),
        Kind::AtLeast(least, parts) => {
            let is_covered = parts.iter().filter(|part| !narrows(part)).count() < *least;
            parts.iter().for_each(|part| bare_counts(part, scope, is_covered, messages));
        }
        kind if is_count(kind) => messages.push(format!(
            "`{}` counts over the whole file: ask for a share beside it, or for a function that it is in",
            statement.shown()
        )),
        _ => {}
    }
}

/// Whether it counts code, or compares a metric that is a count.
fn is_count(kind: &Kind) -> bool {
    match kind {
        Kind::Count(feature, bounds) => {
            let is_code = matches!(
                feature,
                Feature::Mnemonic(_) | Feature::Number(_) | Feature::Characteristic(_) | Feature::BasicBlocks
            );
            is_code && bounds.min > 1
        }
        Kind::Feature(Feature::Metric(measure)) => {
            let is_least =
                matches!(measure.op, Comparison::AtLeast | Comparison::Greater | Comparison::Equal);
            is_least && measure.value > 1.0 && COUNTS.contains(&measure.metric.name)
        }
        _ => false,
    }
}

/// Whether a statement holds a share, a rate, or a place.
fn narrows(statement: &Statement) -> bool {
    match &statement.kind {
        Kind::And(parts) => parts.iter().any(narrows),
        Kind::Or(parts) => parts.iter().all(narrows),
        Kind::AtLeast(least, parts) => parts.iter().filter(|part| !narrows(part)).count() < *least,
        Kind::Within(..) => true,
        Kind::Feature(Feature::Metric(measure)) => {
            measure.metric.unit == Unit::Share || measure.metric.name.contains("_per_")
        }
        Kind::Not(_) | Kind::Count(..) | Kind::Feature(_) => false,
    }
}

/// `a--b-` as `a-b`.
fn squeeze(name: &str) -> String {
    name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Regular expressions of shipped rules are compiled only when needed; here all are.
fn broken(rule: &Rule) -> Vec<String> {
    let mut features = Vec::new();
    rule.statement.features(&mut features);
    features
        .iter()
        .flat_map(|feature| feature.patterns())
        .filter_map(|pattern| pattern.check().err())
        .collect()
}
