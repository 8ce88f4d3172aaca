//! Why each rule matched: its places, and with the highest level the tree of what held, and the host calls.

use std::io::{self, Write};

use crate::{
    module::Place,
    report::{HostCallReport, ghidra},
    rules::{Evidence, Match},
    sandbox::Pointed,
    trace::MAIN,
};

use super::limits::{EVIDENCE_DEPTH, MAX_LINE, SHOWN_CALLS, SHOWN_PLACES};
use super::{Printer, Verbosity};
use crate::text::{clip, cut, line, plural};

pub(super) fn write<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    if !printer.report.rules.is_empty() {
        printer.heading("Rules")?;
    }
    for found in printer.report.rules {
        rule(printer, found)?;
    }
    if printer.options.level >= Verbosity::Evidence {
        timeline(printer)?;
        calls(printer)?;
    }
    Ok(())
}

/// What the sample did, by virtual time.
fn timeline<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let (steps, cut) = (&printer.report.timeline, printer.report.timeline_cut);
    if steps.is_empty() {
        return Ok(());
    }
    printer.heading("Time line (virtual seconds)")?;
    let report = printer.report;
    let entry = |position: usize| report.entries.get(position).map(|entry| entry.entry.name.as_str());
    let mut last = None;
    for step in steps.iter().take(SHOWN_CALLS) {
        if last != Some((step.entry, step.thread)) {
            let name = clip(entry(step.entry).unwrap_or("the host"), MAX_LINE);
            writeln!(printer.out, "  in {name}{}", thread(step.thread, ", "))?;
            last = Some((step.entry, step.thread));
        }
        let calls = if step.calls > 1 { format!(", {}", plural(step.calls, "call")) } else { String::new() };
        let line = format!("{} ({}{calls})", step.did, step.call);
        writeln!(printer.out, "  {:>14.6}  {}", step.time_ns as f64 / 1e9, clip(&line, MAX_LINE))?;
    }
    match steps.len().saturating_sub(SHOWN_CALLS) as u64 + cut {
        0 => Ok(()),
        more => writeln!(printer.out, "  and {} (--json)", plural(more, "more step")),
    }
}

fn rule<W: Write>(printer: &mut Printer<'_, '_, W>, rule: &Match) -> io::Result<()> {
    let implied = if rule.implied { " (implied by another)" } else { "" };
    writeln!(printer.out, "{}{implied}", clip(&rule.name, MAX_LINE))?;
    for (label, value) in [("namespace", &rule.namespace), ("means", &rule.description)] {
        if !value.is_empty() {
            printer.labelled(&format!("  {label:<11} "), 14, &clip(value, MAX_LINE))?;
        }
    }
    for (label, values) in [("att&ck", &rule.attack), ("mbc", &rule.mbc)] {
        for value in values {
            writeln!(printer.out, "  {label:<11} {}", clip(value, MAX_LINE))?;
        }
    }
    writeln!(
        printer.out,
        "  {:<11} severity {}, confidence {}, {}",
        "weight",
        rule.severity,
        rule.confidence,
        plural(rule.count, "match")
    )?;
    let shown = if printer.options.level >= Verbosity::Evidence { usize::MAX } else { SHOWN_PLACES };
    places(printer, &rule.places, shown, 2)?;
    if printer.options.level >= Verbosity::Evidence {
        evidence(printer, &rule.evidence, 1)?;
    }
    Ok(())
}

fn places<W: Write>(
    printer: &mut Printer<'_, '_, W>,
    places: &[Place],
    shown: usize,
    indent: usize,
) -> io::Result<()> {
    let pad = " ".repeat(indent);
    for &place in places.iter().take(shown) {
        let text = printer.names.place(place);
        writeln!(printer.out, "{pad}at {text}  ghidra {:#x}", ghidra(place.offset))?;
    }
    if let Some(more) = places.len().checked_sub(shown).filter(|&more| more > 0) {
        writeln!(printer.out, "{pad}at {} (-vv)", plural(more as u64, "more place"))?;
    }
    Ok(())
}

fn evidence<W: Write>(printer: &mut Printer<'_, '_, W>, part: &Evidence, depth: usize) -> io::Result<()> {
    let pad = "  ".repeat(depth);
    let found = part.found.as_ref().map(|found| format!(" = {}", clip(found, MAX_LINE))).unwrap_or_default();
    writeln!(printer.out, "{pad}{}{found}", clip(&part.statement, MAX_LINE))?;
    places(printer, &part.places, usize::MAX, 2 * depth + 2)?;
    if depth >= EVIDENCE_DEPTH {
        return if part.parts.is_empty() {
            Ok(())
        } else {
            writeln!(printer.out, "{pad}  (deeper parts are in --json)")
        };
    }
    part.parts.iter().try_for_each(|part| evidence(printer, part, depth + 1))
}

fn calls<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let (shown, cut) = (printer.report.host_calls.len(), printer.report.host_calls_cut);
    if shown == 0 {
        return Ok(());
    }
    printer.heading("Host calls in their order")?;
    let report = printer.report;
    for found in report.host_calls.iter().take(SHOWN_CALLS) {
        let line = call(found);
        let site = found.site.map(|place| format!("  {}", printer.names.place(place))).unwrap_or_default();
        writeln!(printer.out, "  {line}{site}{}", thread(found.thread, "  "))?;
    }
    let more = shown.saturating_sub(SHOWN_CALLS) as u64 + cut;
    if more > 0 {
        writeln!(printer.out, "  and {more} more (--json, --max-log)")?;
    }
    Ok(())
}

/// Which thread it is, if it is not that of the entry point.
fn thread(thread: Option<u32>, before: &str) -> String {
    thread
        .filter(|&thread| thread != MAIN)
        .map_or_else(String::new, |thread| format!("{before}thread {thread}"))
}

/// `fd_write(1, "text") = 0`.
fn call(found: &HostCallReport<'_>) -> String {
    let call = found.call;
    let argument = |arg: &crate::sandbox::Arg| match &arg.points_at {
        Some(pointed) if let Some((text, mark)) = pointed.cut_text(80) => format!("\"{text}\"{mark}"),
        Some(Pointed::Bytes { hex, len, .. }) => {
            format!("[{}: {}]", plural(*len, "byte"), cut(hex, 32))
        }
        Some(Pointed::Resource { name }) => format!("{} of \"{}\"", arg.value, clip(&line(name), 80)),
        Some(Pointed::Text { .. }) | None => arg.value.to_string(),
    };
    let args: Vec<_> = call.args.iter().map(argument).collect();
    let results: Vec<_> = call.results.iter().map(ToString::to_string).collect();
    let errno = call.errno.as_ref().map(|errno| format!(" {errno}")).unwrap_or_default();
    let made_up = if call.fabricated { " (made up)" } else { "" };
    let results = if results.is_empty() { String::new() } else { format!(" = {}", results.join(" ")) };
    clip(&format!("{}.{}({}){results}{errno}{made_up}", call.module, call.name, args.join(", ")), MAX_LINE)
}
