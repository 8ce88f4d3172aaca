//! The head and what the sample is: with the reasons between them at most twenty lines, limitations first.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};

use crate::{
    module::{
        DebugFeatures,
        view::{Component, PartRole, Validity},
    },
    report::{diff, libraries},
    sandbox::{EntryEnd, Status},
    verdict::Class,
};

use super::limits::{MAX_LINE, SHOWN_ITEMS, SHOWN_REASONS};
use super::{BOLD, Printer, Verbosity, WARNING, class, share, tables::ending};
use crate::text::{clip, plural, some};

pub(super) fn write<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    limitations(printer)?;
    verdict(printer)
}

/// What the sample is and how much of it ran.
pub(super) fn facts<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    sample(printer)?;
    ran(printer)
}

/// What debug information consists of, in words.
fn debug_information(debug: &DebugFeatures) -> String {
    let names = |of: &BTreeMap<String, u64>| some(of.keys(), SHOWN_ITEMS);
    let of = |word: &str, names: String| if names.is_empty() { names } else { format!(" {word} {names}") };
    let entries = |tag: &str| debug.entries.get(tag).copied().unwrap_or(0);
    format!(
        "{}{}{}; {}, {}, {}{}",
        plural(debug.units, "unit"),
        of("of", names(&debug.languages)),
        of("by", names(&debug.producers)),
        plural(debug.files, "file"),
        plural(entries("subprogram"), "function"),
        plural(entries("variable"), "variable"),
        if debug.is_cut { "; part of it was not read" } else { "" }
    )
}

fn limitations<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let shown = if printer.options.level == Verbosity::Normal { SHOWN_REASONS } else { usize::MAX };
    let limitations = printer.report.limitations;
    for limitation in limitations.iter().take(shown) {
        let label = format!("{} ", printer.paint(WARNING, "limitation:"));
        printer.labelled(&label, 12, &clip(&limitation.to_string(), MAX_LINE))?;
    }
    if let Some(more) = limitations.len().checked_sub(shown).filter(|&more| more > 0) {
        writeln!(printer.out, "            and {} (-v)", plural(more as u64, "more limitation"))?;
    }
    Ok(())
}

fn verdict<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let report = printer.report;
    let style: Style = match report.verdict {
        Class::Malicious => AnsiColor::Red.on_default().bold(),
        Class::Suspicious | Class::PotentiallyUnwanted => AnsiColor::Yellow.on_default().bold(),
        Class::Undecided => BOLD,
        Class::Clean => AnsiColor::Green.on_default().bold(),
    };
    let verdict = format!("{} {}/100", class(report.verdict), report.score);
    let family = report.family.map(|family| format!("  family {family}")).unwrap_or_default();
    let rest = format!("{family}  confidence {}", report.confidence);
    let painted = format!("{}{rest}", printer.paint(style, &verdict));
    let heads = report.reasons.iter().any(|reason| reason.weight != 0).then_some("points  seen in");
    printer.beside(&painted, heads.unwrap_or_default())
}

fn sample<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let (sample, view) = (&printer.report.sample, printer.report.view);
    let from_text = if sample.from_text {
        " (text; offsets and hashes are those of the binary made from it)"
    } else {
        ""
    };
    let file = format!("{}{from_text}", clip(sample.name, MAX_LINE));
    let size = format!(
        "{}, entropy {:.2}; {}, {}, {}",
        plural(sample.size, "byte"),
        sample.entropy,
        plural(view.functions.len() as u64, "function"),
        plural(view.imports.len() as u64, "import"),
        plural(view.exports.len() as u64, "export")
    );
    let join = |list: Vec<String>| {
        if list.is_empty() { "none stated".to_owned() } else { clip(&list.join(", "), MAX_LINE) }
    };
    let producers = join(sample.producers.iter().map(|(field, value)| format!("{field} {value}")).collect());
    let proposals = match sample.proposals.is_empty() {
        true => "none beyond the first version".to_owned(),
        false => join(sample.proposals.iter().map(|proposal| proposal.name.clone()).collect()),
    };
    let sha256 = sample.sha256;
    printer.fact("file", &file)?;
    printer.fact("sha256", sha256)?;
    if let Some(known) = sample.known {
        printer
            .fact("known", &format!("{}, byte for byte; no part of the verdict", clip(known, MAX_LINE)))?;
    }
    if printer.options.level >= Verbosity::Verbose {
        let imphash = sample.imphash.unwrap_or("none: it imports no function");
        for (name, hash) in [("sha1", sample.sha1), ("md5", sample.md5), ("imphash", imphash)] {
            printer.fact(name, hash)?;
        }
        printer.fact("tlsh", sample.tlsh.unwrap_or("none: too short, or too uniform"))?;
    }
    printer.fact("size", &size)?;
    printer.fact("producers", &format!("{producers}; proposals {proposals}"))?;
    let libraries = libraries::words(&printer.report.libraries, printer.report.instructions);
    if let Some(words) = libraries.filter(|_| printer.options.level >= Verbosity::Verbose) {
        printer.fact("libraries", &clip(&words, MAX_LINE))?;
    }
    if let Some(debug) = view.debug.as_ref().filter(|_| printer.options.level >= Verbosity::Verbose) {
        printer.fact("debug info", &clip(&debug_information(debug), MAX_LINE))?;
    }
    if let Some(component) = &view.component {
        printer.fact("component", &clip(&parts(component), MAX_LINE))?;
    }
    let validity = printer.report.sample.validity;
    if *validity != Validity::Valid {
        let text = printer.paint(WARNING, &clip(&diff::validity(validity), MAX_LINE));
        printer.fact("module", &text)?;
    }
    Ok(())
}

/// The parts of a component: its program, which the rest of the report is about, and the others.
fn parts(component: &Component) -> String {
    let program = component.modules.iter().find(|part| part.role == PartRole::Program);
    let program = program.map_or(String::new(), |part| {
        format!("; its program is the module of {} at {:#x}", plural(part.size, "byte"), part.offset)
    });
    let linked = component.modules.iter().filter(|part| part.role == PartRole::Linked).count() as u64;
    let linked = component.linked_from.map_or(String::new(), |from| {
        format!(
            ", linked with {}: offsets from {from:#x} on are in what they became",
            plural(linked, "other")
        )
    });
    format!(
        "of {}, with {} and {}{program}{linked}",
        plural(component.modules.len() as u64, "module"),
        plural(component.imports.len() as u64, "import"),
        plural(component.exports.len() as u64, "export"),
    )
}

fn ran<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let report = printer.report;
    let status = match report.status {
        Status::Exited => {
            report.exit_code.map_or_else(|| "returned".to_owned(), |code| format!("exited with code {code}"))
        }
        Status::Trapped => "trapped".to_owned(),
        Status::Stopped if report.is_cut_off() => "cut off: the recording ends before the run did".to_owned(),
        Status::Stopped => "stopped by a limit".to_owned(),
        Status::Invalid => "nothing: not a valid module".to_owned(),
        Status::Unsupported => "nothing: cannot be executed".to_owned(),
        Status::NothingRan => "nothing".to_owned(),
    };
    let entries: Vec<_> =
        report.entries.iter().take(SHOWN_REASONS).map(|entry| clip(&entry.entry.name, 40)).collect();
    let more = report.entries.len().saturating_sub(SHOWN_REASONS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let is_cut = |end: &EntryEnd| !matches!(end, EntryEnd::Returned | EntryEnd::Exited { .. });
    let cut: Vec<_> =
        report.entries.iter().map(|entry| &entry.entry).filter(|entry| is_cut(&entry.end)).collect();
    let cut = match (&cut[..], report.entries.len()) {
        ([], _) => String::new(),
        ([one], 1) => format!(", not to the end: {}", ending(one)),
        ([first, ..], _) => {
            format!(", {} not to the end; {}: {}", cut.len(), clip(&first.name, 40), ending(first))
        }
    };
    let entries = match report.entries.is_empty() {
        true => status,
        false => {
            let count = plural(report.entries.len() as u64, "entry point");
            clip(&format!("{status}; {count}: {}{more}{cut}", entries.join(", ")), MAX_LINE)
        }
    };
    let host_calls: u64 = report.dynamic.metrics.host_calls.values().sum();
    let made_up: u64 = report.fabricated.iter().map(|answer| answer.fabricated).sum();
    let made_up =
        if made_up > 0 { format!(" ({} made up)", plural(made_up, "answer")) } else { String::new() };
    let executed = format!(
        "{}, {}, {}{made_up}",
        plural(report.instructions, "instruction"),
        plural(report.dynamic.metrics.calls, "call"),
        plural(host_calls, "host call")
    );
    let coverage = &report.dynamic.coverage;
    let covered = format!(
        "functions {}, blocks {}, instructions {}",
        share(coverage.functions_run.into(), coverage.functions.into()),
        share(coverage.blocks_run, coverage.blocks),
        share(coverage.instructions_run, coverage.instructions)
    );
    printer.fact("ran", &entries)?;
    printer.fact("executed", &executed)?;
    printer.fact("coverage", &covered)?;
    printer.fact(
        "isolation",
        "nothing was executed with host authority: no file, clock, network or environment of this machine",
    )
}
