//! CSV: one row for each sample, for spreadsheets and for comparing folders.
//!
//! RFC 4180, with a header. A sample that could not be read is a row too. A field that a spreadsheet would
//! take for a formula gets an apostrophe in front; lists are joined by `; `.

use std::io;

use crate::passes::Coverage;

use super::limits::MAX_FIELD;
use super::{Report, ndjson::snake};
use crate::text::{clip, share};

/// Names of the columns, in their order.
pub const COLUMNS: &[&str] = &[
    "file",
    "error",
    "verdict",
    "score",
    "family",
    "confidence",
    "status",
    "exit_code",
    "sha256",
    "md5",
    "imphash",
    "size",
    "entropy",
    "validity",
    "functions",
    "imports",
    "exports",
    "entries",
    "instructions",
    "functions_run",
    "blocks_run_percent",
    "instructions_run_percent",
    "xor",
    "rotate",
    "shift",
    "nop",
    "loads",
    "stores",
    "indirect_calls",
    "tail_calls",
    "grown_pages",
    "taken",
    "not_taken",
    "host_calls",
    "loops",
    "rules",
    "correlations",
    "findings",
    "attack",
    "iocs",
    "reasons",
    "limitations",
];

/// Writes the header.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_header(out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))
}

/// Writes the row of a sample.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_row(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let row = row(report);
    write_fields(out, row.iter().map(String::as_str))
}

/// Writes the row of a file of which nothing is known but why.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_failure(file: &str, error: &str, out: &mut impl io::Write) -> io::Result<()> {
    let rest = COLUMNS.len() - 2;
    write_fields(out, [file, error].into_iter().chain(std::iter::repeat_n("", rest)))
}

fn write_fields<'a>(out: &mut impl io::Write, fields: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let fields: Vec<_> = fields.map(field).collect();
    writeln!(out, "{}", fields.join(","))
}

fn field(text: &str) -> String {
    let mut text = clip(text, MAX_FIELD);
    if text.starts_with(['=', '+', '-', '@']) && text.parse::<f64>().is_err() {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn row(report: &Report<'_>) -> Vec<String> {
    let list = |names: Vec<&str>| names.join("; ");
    let classes = &report.dynamic.metrics.classes;
    let &Coverage { functions_run, blocks_run, blocks, instructions_run, instructions, .. } =
        &report.dynamic.coverage;
    let host_calls: u64 = report.dynamic.metrics.host_calls.values().sum();
    let limitations: Vec<_> = report.limitations.iter().map(ToString::to_string).collect();
    vec![
        report.sample.name.to_owned(),
        String::new(),
        snake(&report.verdict),
        report.score.to_string(),
        report.family.map_or_else(String::new, |family| family.to_string()),
        report.confidence.to_string(),
        snake(&report.status),
        report.exit_code.map(|code| code.to_string()).unwrap_or_default(),
        report.sample.sha256.to_owned(),
        report.sample.md5.to_owned(),
        report.sample.imphash.to_owned(),
        report.sample.size.to_string(),
        format!("{:.3}", report.sample.entropy),
        super::diff::validity(report.sample.validity),
        report.view.functions.len().to_string(),
        report.view.imports.len().to_string(),
        report.view.exports.len().to_string(),
        report.entries.len().to_string(),
        report.instructions.to_string(),
        functions_run.to_string(),
        percent(blocks_run, blocks),
        percent(instructions_run, instructions),
        classes.xor.to_string(),
        classes.rotate.to_string(),
        classes.shift.to_string(),
        classes.nop.to_string(),
        classes.load.to_string(),
        classes.store.to_string(),
        classes.indirect_call.to_string(),
        classes.tail_call.to_string(),
        report.dynamic.metrics.grown_pages.to_string(),
        report.dynamic.metrics.taken.to_string(),
        report.dynamic.metrics.not_taken.to_string(),
        host_calls.to_string(),
        report.dynamic.loops.len().to_string(),
        list(report.rules.iter().filter(|rule| !rule.implied).map(|rule| &*rule.name).collect()),
        list(report.correlations.iter().map(|correlation| correlation.name.as_str()).collect()),
        list(report.findings.iter().map(|finding| finding.name.as_str()).collect()),
        list(report.attack.iter().map(|technique| &*technique.id).collect()),
        list(report.iocs.iter().map(|ioc| &*ioc.value).collect()),
        list(report.reasons.iter().take(3).map(|reason| &*reason.text).collect()),
        limitations.join("; "),
    ]
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { String::new() } else { format!("{:.1}", share(part, whole) * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_are_no_formulas() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b\"c", "\"a,b\"\"c\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("-1", "-1"),
            ("two\nlines\u{1b}", "two\\nlines\\u{1b}"),
        ] {
            assert_eq!(field(text), expected);
        }
    }

    #[test]
    fn a_failure_has_every_column() {
        let mut out = Vec::new();
        write_failure("x.wasm", "no such file", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.trim_end().split(',').count(), COLUMNS.len());
    }
}
