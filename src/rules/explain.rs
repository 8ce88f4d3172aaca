//! A rule in words.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    Rule, Set,
    metric::{LEVELS, Metric},
    rule::{CHARACTERISTICS, Example, Feature, Scope, Target},
};

impl Set {
    /// Explains a rule: what it means, when it matches, and the metrics and rules it uses. It also says how
    /// to read a match of the rule. `None` if there is none of this name.
    pub fn explain(&self, name: &str) -> Option<String> {
        self.rule(name).map(explain)
    }
}

/// What a run is looked at together with.
fn sees_both(rule: &Rule) -> &'static str {
    if rule.meta.scopes.of_run() == Some(Scope::File) { ", with the bytes" } else { "" }
}

fn explain(rule: &Rule) -> String {
    let mut out = format!("{}\n  {}\n\n", rule.meta.name, rule.meta.description);
    for (key, value) in head(rule).iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "  {key:<11}{value}");
    }
    let _ = writeln!(out, "\nIt matches when there is\n");
    rule.statement.tree(1, &mut out);
    uses(rule, &mut out);
    reading(rule, &mut out);
    out
}

/// What is said of the rule as a whole. What it does not say is empty.
fn head(rule: &Rule) -> [(&'static str, String); 12] {
    let meta = &rule.meta;
    let severity =
        ["information", "low", "medium", "high"].get(usize::from(meta.severity)).copied().unwrap_or("high");
    let files =
        |of: &[Example]| of.iter().map(|example| example.file.as_str()).collect::<Vec<_>>().join(", ");
    [
        ("namespace", meta.namespace.clone()),
        ("severity", format!("{} ({severity})", meta.severity)),
        ("confidence", format!("{} %", meta.confidence)),
        ("family", meta.family.map_or_else(String::new, |family| family.to_string())),
        ("looks at", looks_at(rule)),
        ("ATT&CK", meta.attack.join("; ")),
        ("MBC", meta.mbc.join("; ")),
        ("WASI risk", meta.risk.join(", ")),
        ("examples", files(&meta.examples)),
        ("not on", files(&meta.counter_examples)),
        ("see", meta.references.join(" ")),
        ("file", rule.file.clone()),
    ]
}

/// The scopes of both columns.
fn looks_at(rule: &Rule) -> String {
    let side = |scope: Option<Scope>, side: &str| scope.map(|scope| format!("{} ({side})", scope.name()));
    let scopes = &rule.meta.scopes;
    let sides = [side(scopes.on_bytes, "bytes"), side(scopes.on_run, &format!("run{}", sees_both(rule)))];
    sides.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The metrics, characteristics and other rules behind it.
fn uses(rule: &Rule, out: &mut String) {
    metrics(rule, out);
    let mut features = Vec::new();
    rule.statement.features(&mut features);
    let lines: BTreeSet<String> = features.into_iter().filter_map(meaning).collect();
    if !lines.is_empty() {
        let _ = writeln!(out, "\nAlso used\n");
        lines.iter().for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
    }
}

fn metrics(rule: &Rule, out: &mut String) {
    let metrics = rule.statement.metrics();
    if !metrics.is_empty() {
        let _ = writeln!(out, "\nMetrics\n");
    }
    for Metric { name, unit, description, levels, .. } in metrics {
        let subjects = LEVELS.iter().filter(|(letter, _)| levels.contains(*letter)).map(|(_, name)| *name);
        let subjects = subjects.collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "  {name} [{unit}]: {description}; measured of: {subjects}");
    }
}

/// What a feature means that its words do not say.
fn meaning(feature: &Feature) -> Option<String> {
    match feature {
        Feature::Characteristic(characteristic) => {
            let row = CHARACTERISTICS.iter().find(|(_, this, _)| this == characteristic);
            row.map(|(name, _, meaning)| format!("  {name}: {meaning}"))
        }
        Feature::Match(Target::Rule(name)) => {
            Some(format!("  {name}: another rule or namespace; see `spoor rules explain`"))
        }
        Feature::Match(Target::Yara(name)) => Some(format!("  yara/{name}: a byte pattern, in rules/static")),
        _ => None,
    }
}

fn reading(rule: &Rule, out: &mut String) {
    let source = match (rule.can_match_on_bytes(), rule.can_match_on_run()) {
        (true, true) => {
            "It can match on the bytes alone. If the report marks the match as evidence of the run, the sample did this; if not, it could."
        }
        (true, false) => {
            "It matches on the bytes alone: the sample could do this; whether it does, the run must show."
        }
        _ if rule.meta.scopes.is_of_bytes() => {
            "It needs the run: the bytes alone never make it match. That it did not match says nothing of code that did not run."
        }
        _ => {
            "It matches only on what the sample did in the sandbox. That it did not match says nothing of code that did not run."
        }
    };
    let weight = match rule.meta.severity {
        0 => "It is a fact for orientation and no sign of malice.",
        1 => "Many harmless programs match too; it counts only beside other evidence.",
        2 => "Few harmless programs match; look at the evidence.",
        _ => "Harmless programs hardly ever match.",
    };
    let _ = writeln!(out, "\nHow to read a match\n\n  {source}\n  {weight}");
}
