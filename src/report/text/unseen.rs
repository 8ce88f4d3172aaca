//! The parts of a sample that were not seen: code that did not run, answers that were made up, calls that are
//! not in the log, data that was not followed. It also names what this level of detail leaves out.

use std::io::{self, Write};

use super::limits::{MAX_LINE, SHOWN_ITEMS};
use super::{DIM, Printer, Verbosity};
use crate::{
    report::Report,
    sandbox::EntryEnd,
    text::{clip, grouped, import_name, noun, plural, some},
};

pub(super) fn write<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    printer.heading("What was not seen")?;
    let report = printer.report;
    let facts = unseen(report);
    if facts.is_empty() {
        let said = match report.instructions {
            0 => "everything: not one instruction of it ran",
            _ => "nothing: every function ran, and no answer was made up",
        };
        writeln!(printer.out, "{said}")?;
    }
    for (name, text) in facts {
        printer.fact(name, &clip(&text, MAX_LINE))?;
    }
    if printer.options.level == Verbosity::Normal { hidden(printer) } else { Ok(()) }
}

type Fact = (&'static str, String);

/// Code that did not run, answers that were made up, and calls that are not in the log.
pub(crate) fn unseen(report: &Report<'_>) -> Vec<Fact> {
    let data = data(report).map(|text| ("data", text));
    [code(report), entries(report), answers(report), log(report), data].into_iter().flatten().collect()
}

/// In which part of the run the data that the sample was given was not followed.
pub(crate) fn data(report: &Report<'_>) -> Option<String> {
    if report.instructions == 0 {
        return None;
    }
    let Some(flows) = report.data_flows else {
        return Some("the data that it was given was not followed (--values)".into());
    };
    let part = || {
        let (part, whole) = (grouped(flows.instructions), plural(flows.of, "instruction"));
        format!("the data that it was given was followed through {part} of {whole}")
    };
    match &flows.error {
        Some(error) => Some(format!("{}: {error}", part())),
        None if flows.instructions < flows.of => Some(format!("{} (--values full)", part())),
        None if flows.lost > 0 => {
            Some(format!("{} of the data that it was given found no room", plural(flows.lost, "label")))
        }
        None => None,
    }
}

fn code(report: &Report<'_>) -> Option<Fact> {
    let coverage = &report.dynamic.coverage;
    let never = coverage.functions.saturating_sub(coverage.functions_run);
    let dead = coverage.dead_confirmed.len() as u64;
    let dead = if dead > 0 { format!("; nothing can call {} of them", grouped(dead)) } else { String::new() };
    let all = plural(coverage.functions.into(), "function");
    (never > 0).then(|| ("code", format!("{} of {all} never ran{dead}", grouped(never.into()))))
}

/// Entry points that did not come to their end.
fn entries(report: &Report<'_>) -> Option<Fact> {
    let is_cut = |end: &EntryEnd| !matches!(end, EntryEnd::Returned | EntryEnd::Exited { .. });
    let cut: Vec<_> = report.entries.iter().filter(|entry| is_cut(&entry.entry.end)).collect();
    let names = some(cut.iter().map(|entry| entry.entry.name.as_str()), SHOWN_ITEMS);
    let (count, all) = (cut.len() as u64, plural(report.entries.len() as u64, "entry point"));
    (count > 0).then(|| ("entries", format!("{} of {all} did not come to the end: {names}", grouped(count))))
}

fn answers(report: &Report<'_>) -> Option<Fact> {
    let made_up: Vec<_> = report.fabricated.iter().filter(|answer| answer.fabricated > 0).collect();
    let calls: u64 = made_up.iter().map(|answer| answer.fabricated).sum();
    let names = made_up.iter().map(|answer| import_name(answer.module, answer.name));
    let text = format!("{} made up, to {}", plural(calls, "answer"), some(names, SHOWN_ITEMS));
    (calls > 0).then_some(("answers", text))
}

fn log(report: &Report<'_>) -> Option<Fact> {
    let cut = report.host_calls_cut;
    let verb = if cut == 1 { "is" } else { "are" };
    (cut > 0).then(|| ("log", format!("{} {verb} not in the log (--max-log)", plural(cut, "host call"))))
}

/// What more there is with `-v`.
fn hidden<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let report = printer.report;
    let implied = report.rules.iter().filter(|rule| rule.implied).count();
    let counts = [
        (report.rules.len(), "rule"),
        (report.correlations.len(), "correlation"),
        (report.findings.len(), "finding"),
        (report.iocs.len(), "indicator"),
        (report.dynamic.functions.len(), "function"),
        (report.dynamic.loops.len(), "loop"),
    ];
    let mut parts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {}", grouped(*count as u64), noun(*count as u64, what)))
        .collect();
    if let Some(first) = parts.first_mut().filter(|_| implied > 0) {
        first.push_str(&format!(" ({} implied by another)", grouped(implied as u64)));
    }
    if parts.is_empty() {
        return Ok(());
    }
    let label = printer.paint(DIM, "not listed here (-v): ");
    printer.labelled(&label, 22, &parts.join(", "))
}
