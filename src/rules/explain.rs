//! A rule in words.

use std::fmt::Write as _;

use super::{
    Rule, Set,
    metric::LEVELS,
    rule::{CHARACTERISTICS, Feature, Target},
};

impl Set {
    /// Explains a rule: what it means, when it matches, the metrics and rules it uses, and how to read a
    /// match of it. `None` if there is none of this name.
    pub fn explain(&self, name: &str) -> Option<String> {
        self.rule(name).map(explain)
    }
}

/// What a run is looked at together with.
fn sees_both(rule: &Rule) -> &'static str {
    if rule.meta.scopes.of_run() == Some(super::rule::Scope::File) { ", with the bytes" } else { "" }
}

fn explain(rule: &Rule) -> String {
    let meta = &rule.meta;
    let mut out = String::new();
    let _ = writeln!(out, "{}", meta.name);
    let _ = writeln!(out, "  {}", meta.description);
    let _ = writeln!(out);
    let side = |scope: Option<super::rule::Scope>, side: &str| {
        scope.map(|scope| format!("{} ({side})", scope.name()))
    };
    let sides =
        [side(meta.scopes.on_bytes, "bytes"), side(meta.scopes.on_run, &format!("run{}", sees_both(rule)))];
    let severity =
        ["information", "low", "medium", "high"].get(usize::from(meta.severity)).copied().unwrap_or("high");
    let rows = [
        ("namespace", meta.namespace.clone()),
        ("severity", format!("{} ({severity})", meta.severity)),
        ("confidence", format!("{} %", meta.confidence)),
        ("family", meta.family.map_or_else(String::new, |family| family.to_string())),
        ("looks at", sides.into_iter().flatten().collect::<Vec<_>>().join(", ")),
        ("ATT&CK", meta.attack.join("; ")),
        ("MBC", meta.mbc.join("; ")),
        ("WASI risk", meta.risk.join(", ")),
        (
            "examples",
            meta.examples.iter().map(|example| example.file.as_str()).collect::<Vec<_>>().join(", "),
        ),
        (
            "not on",
            meta.counter_examples.iter().map(|example| example.file.as_str()).collect::<Vec<_>>().join(", "),
        ),
        ("see", meta.references.join(" ")),
        ("file", rule.file.clone()),
    ];
    for (key, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "  {key:<11}{value}");
    }
    let _ = writeln!(out, "\nIt matches when there is\n");
    rule.statement.tree(1, &mut out);
    uses(rule, &mut out);
    reading(rule, &mut out);
    out
}

/// The metrics, characteristics and other rules behind it.
fn uses(rule: &Rule, out: &mut String) {
    let metrics = rule.statement.metrics();
    if !metrics.is_empty() {
        let _ = writeln!(out, "\nMetrics\n");
        for metric in metrics {
            let levels =
                LEVELS.iter().filter(|(letter, _)| metric.levels.contains(*letter)).map(|(_, name)| *name);
            let unit = if metric.unit.is_empty() { String::new() } else { format!(" [{}]", metric.unit) };
            let _ = writeln!(
                out,
                "  {}{unit}: {}; measured of: {}",
                metric.name,
                metric.description,
                levels.collect::<Vec<_>>().join(", ")
            );
        }
    }
    let mut features = Vec::new();
    rule.statement.features(&mut features);
    let mut lines = std::collections::BTreeSet::new();
    for feature in features {
        match feature {
            Feature::Characteristic(characteristic) => {
                let row = CHARACTERISTICS.iter().find(|(_, this, _)| this == characteristic);
                lines.extend(row.map(|(name, _, meaning)| format!("  {name}: {meaning}")));
            }
            Feature::Match(Target::Rule(name)) => {
                lines.insert(format!("  {name}: another rule or namespace; see `spoor rules explain`"));
            }
            Feature::Match(Target::Yara(name)) => {
                lines.insert(format!("  yara/{name}: a byte pattern, in rules/static"));
            }
            _ => {}
        }
    }
    if !lines.is_empty() {
        let _ = writeln!(out, "\nAlso used\n");
        lines.iter().for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
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
