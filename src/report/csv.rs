//! CSV: one row for each sample, for spreadsheets and for comparing folders.
//!
//! RFC 4180, with a header. A sample that could not be read is a row too. A field that a spreadsheet would
//! take for a formula gets an apostrophe in front; lists are joined by `; `. A field with a semicolon is
//! quoted too, for spreadsheets that part fields by it: the crate `csv` quotes for one separator only.
//!
//! One table makes the header, the rows and their description in `docs/json.md`.

use std::io;

use super::limits::MAX_FIELD;
use super::{Report, ndjson::snake};
use crate::text::{clip, share};

/// A column: all that there is of one.
struct Column {
    name: &'static str,
    /// What it says, with its unit: a line of `docs/json.md`.
    #[cfg_attr(not(test), expect(dead_code, reason = "the test that makes the documentation reads it"))]
    doc: &'static str,
    field: fn(&Report<'_>) -> String,
}

/// Defines the columns, in their order.
macro_rules! columns {
    ($(#[doc = $doc:literal] $name:ident = $field:expr;)+) => {
        const COLUMNS: &[Column] =
            &[$(Column { name: stringify!($name), doc: $doc, field: $field }),+];
    };
}

columns! {
    /// The file, as it was named.
    file = |report| report.sample.name.to_owned();
    /// Why it could not be read; every other field but `file` is empty then.
    error = |_| String::new();
    /// What the sample is.
    verdict = |report| snake(&report.verdict);
    /// 0 to 100.
    score = |report| report.score.to_string();
    /// The family, if the evidence speaks for one.
    family = |report| report.family.map_or_else(String::new, |family| family.to_string());
    /// How sure, 0 to 100.
    confidence = |report| report.confidence.to_string();
    /// How the run as a whole ended.
    status = |report| snake(&report.status);
    /// What the sample gave to `proc_exit` or `exit`; 0 if its `_start` returned.
    exit_code = |report| report.exit_code.map(|code| code.to_string()).unwrap_or_default();
    /// SHA-256 of the binary module, hexadecimal.
    sha256 = |report| report.sample.sha256.to_owned();
    /// MD5 of the binary module, hexadecimal.
    md5 = |report| report.sample.md5.to_owned();
    /// MD5 of the sorted names of the imported functions; empty if it imports none.
    imphash = |report| report.sample.imphash.unwrap_or_default().to_owned();
    /// Bytes of the binary module.
    size = |report| report.sample.size.to_string();
    /// Shannon entropy in bits per byte.
    entropy = |report| format!("{:.3}", report.sample.entropy);
    /// `valid`; or `unsupported` or `invalid`, with the place and the reason.
    validity = |report| super::diff::validity(report.sample.validity);
    /// Functions that it defines.
    functions = |report| report.view.functions.len().to_string();
    /// Imports.
    imports = |report| report.view.imports.len().to_string();
    /// Exports.
    exports = |report| report.view.exports.len().to_string();
    /// Entry points that were called.
    entries = |report| report.entries.len().to_string();
    /// Executed instructions.
    instructions = |report| report.instructions.to_string();
    /// Of the functions, those that ran.
    functions_run = |report| report.dynamic.coverage.functions_run.to_string();
    /// Share of the reachable basic blocks that ran, in percent; empty without code.
    blocks_run_percent = |report| in_percent(report.dynamic.coverage.blocks_run, report.dynamic.coverage.blocks);
    /// Share of the reachable instructions that were executed, in percent; empty without code.
    instructions_run_percent = |report| in_percent(report.dynamic.coverage.instructions_run, report.dynamic.coverage.instructions);
    /// Executed exclusive ors.
    xor = |report| report.dynamic.metrics.classes.xor.to_string();
    /// Executed rotations.
    rotate = |report| report.dynamic.metrics.classes.rotate.to_string();
    /// Executed shifts.
    shift = |report| report.dynamic.metrics.classes.shift.to_string();
    /// Executed `nop`s.
    nop = |report| report.dynamic.metrics.classes.nop.to_string();
    /// Reads of memory.
    loads = |report| report.dynamic.metrics.classes.load.to_string();
    /// Writes of memory.
    stores = |report| report.dynamic.metrics.classes.store.to_string();
    /// Calls through tables and references.
    indirect_calls = |report| report.dynamic.metrics.classes.indirect_call.to_string();
    /// Tail calls.
    tail_calls = |report| report.dynamic.metrics.classes.tail_call.to_string();
    /// Pages that `memory.grow` added.
    grown_pages = |report| report.dynamic.metrics.grown_pages.to_string();
    /// Conditional branches that were taken.
    taken = |report| report.dynamic.metrics.taken.to_string();
    /// Conditional branches that were not.
    not_taken = |report| report.dynamic.metrics.not_taken.to_string();
    /// Host calls.
    host_calls = |report| report.dynamic.metrics.host_calls.values().sum::<u64>().to_string();
    /// Loops that ran.
    loops = |report| report.dynamic.loops.len().to_string();
    /// Names of the rules that matched, without those that another one implies.
    rules = |report| list(report.rules.iter().filter(|rule| !rule.implied).map(|rule| &*rule.name));
    /// Static findings that the run confirms or contradicts.
    correlations = |report| list(report.correlations.iter().map(|correlation| correlation.name.as_str()));
    /// Notable facts.
    findings = |report| list(report.findings.iter().map(|finding| finding.name.as_str()));
    /// ATT&CK techniques, by id.
    attack = |report| list(report.attack.iter().map(|technique| &*technique.id));
    /// Indicators of compromise.
    iocs = |report| list(report.iocs.iter().map(|ioc| &*ioc.value));
    /// Why the verdict, weightiest first; at most 3.
    reasons = |report| list(report.reasons.iter().take(3).map(|reason| &*reason.text));
    /// What limits how far the result can be trusted.
    limitations = |report| {
        let texts: Vec<_> = report.limitations.iter().map(ToString::to_string).collect();
        texts.join("; ")
    };
}

/// Writes the header.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_header(out: &mut impl io::Write) -> io::Result<()> {
    write_fields(out, COLUMNS.iter().map(|column| column.name))
}

/// Writes the row of a sample.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_row(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let row: Vec<_> = COLUMNS.iter().map(|column| (column.field)(report)).collect();
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

pub(super) fn write_fields<'a>(
    out: &mut impl io::Write,
    fields: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
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

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join("; ")
}

fn in_percent(part: u64, whole: u64) -> String {
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

    /// The lines of a table in Markdown between the heading and the next empty line.
    #[test]
    fn the_documentation_has_the_columns() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
        let found = std::fs::read_to_string(&path).unwrap();
        let heading = found.find("### Columns of `--csv`").unwrap();
        let start = heading + found[heading..].find("\n|").unwrap() + 1;
        let end = start + found[start..].find("\n\n").unwrap();
        let rows: Vec<_> =
            COLUMNS.iter().map(|column| format!("| `{}` | {} |", column.name, column.doc.trim())).collect();
        let mut docs = found.clone();
        docs.replace_range(start..end, &format!("| column | |\n|---|---|\n{}", rows.join("\n")));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, docs).unwrap();
            return;
        }
        assert!(found == docs, "BLESS=1 renews the table of docs/json.md");
    }
}
