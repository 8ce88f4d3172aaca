//! What differs between two reports: verdict, rules, imports and exports, functions, measurements, coverage,
//! host calls.
//!
//! Functions are compared by name where both have one, else by the shape of their code. So an inserted
//! function does not make all that follow differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::view::{ExternKind, Validity},
    rules::Family,
};

use super::limits::{DIFF_SHOWN, NAME_CHARS};
use super::{Report, ndjson::snake};
use crate::text::clip;

/// What differs between two samples.
#[derive(Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Diff {
    /// `spoor.diff/1`.
    pub schema: &'static str,
    /// The first sample as the user named it.
    pub a: String,
    /// The second.
    pub b: String,
    /// Whether the two modules are the same bytes.
    pub same_bytes: bool,
    /// Single facts that differ: name → both values.
    pub facts: BTreeMap<String, Pair>,
    /// Lists that differ: name → what only one of the two has.
    pub lists: BTreeMap<String, Sides>,
    /// Counts that differ: `group.name` → both values.
    pub counts: BTreeMap<String, CountPair>,
}

/// A fact of both samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pair {
    /// Of the first.
    pub a: String,
    /// Of the second.
    pub b: String,
}

/// What only one of two samples has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sides {
    /// Only the first.
    pub only_a: Vec<String>,
    /// Only the second.
    pub only_b: Vec<String>,
}

/// A count of both samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CountPair {
    /// Of the first.
    pub a: u64,
    /// Of the second.
    pub b: u64,
}

impl Diff {
    /// Compares two reports.
    pub fn of(a: &Report<'_>, b: &Report<'_>) -> Self {
        let mut lists = BTreeMap::new();
        for ((name, of_a), (_, of_b)) in self::lists(a).into_iter().zip(self::lists(b)) {
            let (only_a, only_b) = (difference(&of_a, &of_b), difference(&of_b, &of_a));
            if !(only_a.is_empty() && only_b.is_empty()) {
                lists.insert(name.to_owned(), Sides { only_a, only_b });
            }
        }
        let facts = self::facts(a).into_iter().zip(self::facts(b)).filter(|((_, a), (_, b))| a != b);
        Self {
            schema: "spoor.diff/1",
            a: a.sample.name.to_owned(),
            b: b.sample.name.to_owned(),
            same_bytes: a.sample.sha256 == b.sample.sha256,
            facts: facts.map(|((name, a), (_, b))| (name.to_owned(), Pair { a, b })).collect(),
            lists,
            counts: differing(counts(a), counts(b)),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.lists.is_empty() && self.counts.is_empty()
    }

    /// Writes the difference as text.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn write_text(&self, out: &mut impl io::Write) -> io::Result<()> {
        let show = |text: &str| clip(text, NAME_CHARS);
        writeln!(out, "--- {}\n+++ {}", show(&self.a), show(&self.b))?;
        if self.is_empty() {
            return writeln!(out, "no difference{}", if self.same_bytes { ": the same module" } else { "" });
        }
        for (name, Pair { a, b }) in &self.facts {
            writeln!(out, "  {name}: {} -> {}", show(a), show(b))?;
        }
        for (name, sides) in &self.lists {
            writeln!(out, "{name}")?;
            for (sign, list) in [('-', &sides.only_a), ('+', &sides.only_b)] {
                for entry in list.iter().take(DIFF_SHOWN) {
                    writeln!(out, "  {sign} {}", show(entry))?;
                }
                if let Some(more) = list.len().checked_sub(DIFF_SHOWN).filter(|&more| more > 0) {
                    writeln!(out, "  {sign} {more} more")?;
                }
            }
        }
        self.write_counts(out)
    }

    fn write_counts(&self, out: &mut impl io::Write) -> io::Result<()> {
        if !self.counts.is_empty() {
            writeln!(out, "counts")?;
        }
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_by_key(|(name, counts)| (std::cmp::Reverse(counts.a.abs_diff(counts.b)), name.as_str()));
        for (name, CountPair { a, b }) in counts.iter().take(2 * DIFF_SHOWN) {
            writeln!(out, "  {}: {a} -> {b}", clip(name, NAME_CHARS))?;
        }
        if let Some(more) = counts.len().checked_sub(2 * DIFF_SHOWN).filter(|&more| more > 0) {
            writeln!(out, "  {more} more counts differ (--json has all)")?;
        }
        Ok(())
    }
}

/// `valid`, `unsupported: …`, `invalid at 0x…: …`.
pub(super) fn validity(validity: &Validity) -> String {
    match validity {
        Validity::Valid => "valid".to_owned(),
        Validity::Unsupported { proposal, offset } => format!("unsupported at {offset:#x}: {proposal}"),
        Validity::Invalid { offset, reason } => format!("invalid at {offset:#x}: {reason}"),
    }
}

fn facts(report: &Report<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("verdict", snake(&report.verdict)),
        ("score", report.score.to_string()),
        ("family", report.family.map_or("none", Family::as_str).to_owned()),
        ("confidence", report.confidence.to_string()),
        ("status", snake(&report.status)),
        ("exit_code", report.exit_code.map_or_else(|| "none".to_owned(), |code| code.to_string())),
        ("validity", validity(report.sample.validity)),
        ("size", report.sample.size.to_string()),
        ("sha256", report.sample.sha256.to_owned()),
        ("imphash", report.sample.imphash.unwrap_or("none").to_owned()),
        ("entropy", format!("{:.3}", report.sample.entropy)),
    ]
}

fn lists(report: &Report<'_>) -> Vec<(&'static str, BTreeMap<String, u64>)> {
    let view = report.view;
    let tally = |names: &mut dyn Iterator<Item = String>| {
        let mut tally = BTreeMap::new();
        names.for_each(|name| *tally.entry(name).or_insert(0) += 1);
        tally
    };
    let kind = |kind: &ExternKind| snake(kind);
    vec![
        ("rules", tally(&mut report.rules.iter().map(|rule| rule.name.clone()))),
        (
            "correlations",
            tally(&mut report.correlations.iter().map(|correlation| correlation.name.to_string())),
        ),
        ("findings", tally(&mut report.findings.iter().map(|finding| finding.name.to_string()))),
        ("attack", tally(&mut report.attack.iter().map(|technique| technique.id.clone()))),
        (
            "imports",
            tally(&mut view.imports.iter().map(|import| {
                format!("{}.{} {} {}", import.module, import.name, kind(&import.kind), import.ty)
            })),
        ),
        (
            "exports",
            tally(&mut view.exports.iter().map(|export| format!("{} {}", export.name, kind(&export.kind)))),
        ),
        ("functions", tally(&mut view.functions.iter().map(shape))),
        ("iocs", tally(&mut report.iocs.iter().map(|ioc| format!("{} {}", ioc.kind, ioc.value)))),
        ("limitations", tally(&mut report.limitations.iter().map(ToString::to_string))),
        ("files", tally(&mut report.files.iter().map(|file| format!("{} {}", file.change, file.path)))),
    ]
}

/// A function as it can be compared across builds.
fn shape(function: &crate::module::view::Function) -> String {
    let name = function.name.as_deref().unwrap_or("unnamed");
    format!(
        "{name} {} {} bytes, {} instructions, {} blocks",
        function.ty, function.size, function.classes.total, function.blocks
    )
}

/// What `of` has more often than `than`.
fn difference(of: &BTreeMap<String, u64>, than: &BTreeMap<String, u64>) -> Vec<String> {
    let more = of.iter().filter_map(|(name, &count)| {
        let extra = count.saturating_sub(than.get(name).copied().unwrap_or(0));
        (extra > 0).then(|| if extra == 1 { name.clone() } else { format!("{name} (x {extra})") })
    });
    more.collect()
}

fn counts(report: &Report<'_>) -> BTreeMap<String, u64> {
    let metrics = &report.dynamic.metrics;
    let coverage = &report.dynamic.coverage;
    let mut counts: BTreeMap<String, u64> = [
        ("calls", metrics.calls),
        ("grown_pages", metrics.grown_pages),
        ("grow_refused", metrics.grow_refused),
        ("taken", metrics.taken),
        ("not_taken", metrics.not_taken),
        ("tables", metrics.tables),
        ("bulk_len", metrics.bulk_len),
    ]
    .into_iter()
    .map(|(name, count)| (format!("metrics.{name}"), count))
    .collect();
    counts.extend(classes("metrics", &metrics.classes));
    counts.extend(classes("static", &report.view.classes));
    for (name, count) in [
        ("functions_run", u64::from(coverage.functions_run)),
        ("functions", u64::from(coverage.functions)),
        ("blocks_run", coverage.blocks_run),
        ("blocks", coverage.blocks),
        ("edges_run", coverage.edges_run),
        ("edges", coverage.edges),
        ("instructions_run", coverage.instructions_run),
        ("instructions", coverage.instructions),
    ] {
        counts.insert(format!("coverage.{name}"), count);
    }
    counts.extend(report.opcodes.iter().map(|(name, &count)| (format!("opcodes.{name}"), count)));
    counts.extend(metrics.host_calls.iter().map(|(name, &count)| (format!("host_calls.{name}"), count)));
    counts
}

fn classes(group: &str, classes: &crate::module::view::Classes) -> Vec<(String, u64)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(classes) else { return Vec::new() };
    fields
        .into_iter()
        .filter_map(|(name, count)| Some((format!("{group}.{name}"), count.as_u64()?)))
        .collect()
}

fn differing(a: BTreeMap<String, u64>, b: BTreeMap<String, u64>) -> BTreeMap<String, CountPair> {
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let count = |of: &BTreeMap<String, u64>, name: &str| of.get(name).copied().unwrap_or(0);
    let pairs =
        names.into_iter().map(|name| (name.clone(), CountPair { a: count(&a, name), b: count(&b, name) }));
    pairs.filter(|(_, counts)| counts.a != counts.b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_repetitions() {
        let tally =
            |names: &[(&str, u64)]| names.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let (a, b): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (tally(&[("x", 3), ("y", 1)]), tally(&[("x", 1), ("z", 1)]));
        assert_eq!(difference(&a, &b), ["x (x 2)", "y"]);
        assert_eq!(difference(&b, &a), ["z"]);
    }

    #[test]
    fn only_counts_that_differ_remain() {
        let a = BTreeMap::from([("same".to_owned(), 1), ("gone".to_owned(), 2)]);
        let b = BTreeMap::from([("same".to_owned(), 1), ("new".to_owned(), 3)]);
        let expected = BTreeMap::from([
            ("gone".to_owned(), CountPair { a: 2, b: 0 }),
            ("new".to_owned(), CountPair { a: 0, b: 3 }),
        ]);
        assert_eq!(differing(a, b), expected);
    }
}
