//! The reasons. Each begins with a plain sentence, its points and where it was seen on the right. Its grounds
//! stand below, dim.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use console::measure_text_width;

use crate::{
    report::{Why, severity},
    text::{clip, plural},
};

use super::limits::{MAX_LINE, SHOWN_REASONS};
use super::{DIM, Printer, Verbosity, wrap};

/// Columns before a sentence: number and severity.
const LEFT: usize = 13;
/// Columns behind it: points, and `run` or `bytes`.
const RIGHT: usize = 15;

pub(super) fn write<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let shown = if printer.options.level == Verbosity::Normal { SHOWN_REASONS } else { usize::MAX };
    let report = printer.report;
    for (number, reason) in (1..).zip(report.reasons.iter().take(shown)) {
        one(printer, number, &Why::of(report, reason))?;
    }
    let more = report.reasons.len().saturating_sub(shown) as u64;
    if more > 0 {
        let text = printer.paint(DIM, &format!("     and {} (-v)", plural(more, "more reason")));
        writeln!(printer.out, "{text}")?;
    }
    Ok(())
}

fn one<W: Write>(printer: &mut Printer<'_, '_, W>, number: usize, why: &Why<'_>) -> io::Result<()> {
    let width = usize::from(printer.options.width);
    let room = width.saturating_sub(LEFT + RIGHT + 2).max(20);
    let sentence = clip(&why.sentence, MAX_LINE);
    let lines = match printer.options.wrap {
        true => wrap::wrap(&sentence, room),
        false => vec![sentence],
    };
    for (position, line) in lines.iter().enumerate() {
        if position > 0 {
            writeln!(printer.out, "{:LEFT$}{line}", "")?;
            continue;
        }
        let level = why.severity.map_or("", severity);
        let level = printer.paint(colour(why.severity), &format!("{level:<6}"));
        let mut first = format!("  {number:>2}. {level} {line}");
        // What has no weight only explains.
        if why.reason.weight != 0 {
            let side = if why.reason.dynamic { "run" } else { "bytes" };
            let gap = room.saturating_sub(measure_text_width(line)) + 2;
            first.push_str(&format!("{:gap$}{:>+6}  {side}", "", why.reason.weight));
        }
        writeln!(printer.out, "{first}")?;
    }
    beneath(printer, why)
}

/// What the sentence rests on.
fn beneath<W: Write>(printer: &mut Printer<'_, '_, W>, why: &Why<'_>) -> io::Result<()> {
    let mut parts = Vec::new();
    let is_rule = why.rule.is_some() && printer.options.level >= Verbosity::Verbose;
    parts.extend(is_rule.then(|| why.reason.from.clone()));
    parts.extend(why.marks().into_iter().map(str::to_owned));
    parts.extend(why.evidence.clone());
    if parts.is_empty() {
        return Ok(());
    }
    let text = clip(&parts.join(": "), MAX_LINE);
    let room = usize::from(printer.options.width).saturating_sub(LEFT).max(20);
    let lines = if printer.options.wrap { wrap::wrap(&text, room) } else { vec![text] };
    for line in lines {
        let line = printer.paint(DIM, &line);
        writeln!(printer.out, "{:LEFT$}{line}", "")?;
    }
    Ok(())
}

/// The colour of a severity, beside its word.
fn colour(level: Option<u8>) -> Style {
    match level {
        Some(3..) => AnsiColor::Red.on_default().bold(),
        Some(2) => AnsiColor::Yellow.on_default().bold(),
        Some(1) => AnsiColor::Cyan.on_default(),
        _ => DIM,
    }
}
