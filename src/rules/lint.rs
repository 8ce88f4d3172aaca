//! Whether rules are kept well: what `spoor rules lint` checks beyond what a load does.

use std::path::Path;

use super::{
    Rule, Set,
    rule::{Comparison, Feature, Kind, Scope, Statement},
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
    /// What should be better about the rules. `corpus` is the folder of examples.
    pub fn lint(&self, corpus: &Path) -> Vec<Advice> {
        self.rules.iter().flat_map(|rule| lint(rule, corpus)).collect()
    }
}

fn lint(rule: &Rule, corpus: &Path) -> Vec<Advice> {
    let meta = &rule.meta;
    let mut advice = Vec::new();
    let mut say =
        |message: String| advice.push(Advice { rule: meta.name.clone(), file: rule.file.clone(), message });
    if meta.description.is_empty() {
        say("`description` is missing".into());
    }
    if meta.namespace.is_empty() && !meta.lib {
        say("`namespace` is missing".into());
    }
    if meta.authors.is_empty() {
        say("`authors` is missing".into());
    }
    if meta.examples.is_empty() {
        say("`examples` is missing: every rule names samples on which it must match".into());
    }
    for example in meta.examples.iter().chain(&meta.counter_examples) {
        if !corpus.join(&example.file).is_file() {
            say(format!("the example `{}` is not in {}", example.file, corpus.display()));
        }
    }
    if meta.severity >= 2 && meta.attack.is_empty() && meta.mbc.is_empty() {
        say("a rule of this severity names a technique, in `att&ck` or `mbc`".into());
    }
    if meta.name.chars().next().is_some_and(char::is_uppercase) || meta.name.ends_with('.') {
        say("the name completes \"the program may\": lower case, no full stop".into());
    }
    let file_name = meta.name.replace(|char: char| !char.is_ascii_alphanumeric(), "-").to_lowercase();
    let expected = format!("{}/{}.yml", meta.namespace, squeeze(&file_name));
    if rule.file.contains("rules/behavior/") && !rule.file.ends_with(&expected) {
        say(format!("the file should be {expected}, after namespace and name"));
    }
    for pattern in broken(rule) {
        say(pattern);
    }
    if meta.severity > 0 {
        for (scope, _) in rule.columns() {
            bare_counts(&rule.statement, scope, false, &mut say);
        }
    }
    for never in rule.statement.nevers(&rule.columns()) {
        say(format!("`{}`: {}", never.statement.shown(), never.why));
    }
    advice
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
fn bare_counts(statement: &Statement, scope: Scope, is_covered: bool, say: &mut impl FnMut(String)) {
    if is_covered || !matches!(scope, Scope::File | Scope::Process) {
        return;
    }
    let is_bare = match &statement.kind {
        Kind::And(parts) => {
            let is_covered = parts.iter().any(narrows);
            return parts.iter().for_each(|part| bare_counts(part, scope, is_covered, say));
        }
        Kind::Or(parts) => return parts.iter().for_each(|part| bare_counts(part, scope, false, say)),
        Kind::AtLeast(least, parts) => {
            let others = parts.iter().filter(|part| !narrows(part)).count();
            return parts.iter().for_each(|part| bare_counts(part, scope, others < *least, say));
        }
        Kind::Not(_) | Kind::Within(..) => false,
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
        Kind::Feature(_) => false,
    };
    if is_bare {
        say(format!(
            "`{}` counts over the whole file: ask for a share beside it, or for a function that it is in",
            statement.shown()
        ));
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
            measure.metric.unit == "share" || measure.metric.name.contains("_per_")
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
