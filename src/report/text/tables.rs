//! The tables below the answer. A table without rows does not show.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use crate::{
    categories::{self, RiskLevel},
    module::view::Seen,
    report::{ConnectionReport, Names, ndjson::snake, severity},
    sandbox::{ChangedKind, Entry, EntryEnd, Leak, LeakPlace, TokenUse},
    trace::host_name,
    verdict::Correlation,
};

use super::limits::MAX_CELL;
use super::{Printer, wrap};
use crate::text::{clip, grouped, percent, plural};

/// No lines but the one below the header: rows are short, and a terminal is low.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// Columns beside those of the contents of a cell: a blank on either side, and one between two cells.
const GAP: usize = 3;

pub(super) fn write<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    attack(printer)?;
    capabilities(printer)?;
    correlations(printer)?;
    findings(printer)?;
    entries(printer)?;
    host_calls(printer)?;
    wasi(printer)?;
    files(printer)?;
    connections(printer)?;
    honeytokens(printer)?;
    data_flows(printer)?;
    loops(printer)?;
    functions(printer)?;
    constants(printer)?;
    iocs(printer)
}

/// Prints a table: its rows are made only as far as they are shown.
fn table<W: Write>(
    printer: &mut Printer<'_, '_, W>,
    title: &str,
    header: &[&str],
    len: usize,
    rows: impl Iterator<Item = Vec<String>>,
) -> io::Result<()> {
    if len == 0 {
        return Ok(());
    }
    printer.heading(title)?;
    let shown = printer.rows().min(len);
    let cells = rows.take(shown).map(|row| row.iter().map(|cell| clip(cell, MAX_CELL)).collect());
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(cells);
    let widths = wrap::widths(&lines, printer.options.width.into(), GAP);
    let fitted = lines
        .iter()
        .map(|row| row.iter().zip(&widths).map(|(cell, width)| wrap::cell(cell, *width).join("\n")));
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    for (position, row) in fitted.enumerate() {
        match position {
            0 => table.set_header(row.collect::<Vec<_>>()),
            _ => table.add_row(row.collect::<Vec<_>>()),
        };
    }
    for line in table.lines() {
        writeln!(printer.out, "{}", line.trim_end())?;
    }
    printer.more(len - shown)
}

/// Each flow in words, and how much of the run was looked at if not all.
fn data_flows<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let Some(flows) = printer.report.data_flows else { return Ok(()) };
    let is_whole = flows.instructions >= flows.of && flows.error.is_none();
    if flows.flows.is_empty() && is_whole {
        return Ok(());
    }
    printer.heading("Data flows: what became of what it was given")?;
    let shown = printer.rows().min(flows.flows.len());
    for flow in &flows.flows[..shown] {
        printer.labelled("  ", 2, &flow.text)?;
    }
    if !is_whole {
        let (part, whole) = (grouped(flows.instructions), grouped(flows.of));
        let text = format!("followed through {part} of {whole} instructions; --values full follows all");
        printer.labelled("  ", 2, &text)?;
    }
    printer.more(flows.flows.len() - shown + flows.cut as usize)
}

fn attack<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let list = printer.report.attack;
    let rows = list.iter().map(|technique| {
        vec![technique.tactic.clone(), format!("{} [{}]", technique.technique, technique.id)]
    });
    table(printer, "ATT&CK", &["tactic", "technique"], list.len(), rows)?;
    let behaviours: BTreeSet<_> = printer.report.rules.iter().flat_map(|rule| &rule.mbc).collect();
    let rows = behaviours.iter().map(|entry| {
        let (objective, behaviour) = entry.split_once("::").unwrap_or(("", entry));
        vec![objective.to_owned(), behaviour.to_owned()]
    });
    table(printer, "Malware Behavior Catalog", &["objective", "behaviour"], behaviours.len(), rows)
}

fn capabilities<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let rules = printer.report.rules;
    let rows = rules.iter().map(|rule| {
        let count =
            if rule.count > 1 { format!(" ({})", plural(rule.count, "match")) } else { String::new() };
        let side = if rule.dynamic { "run" } else { "bytes" };
        vec![
            format!("{}{count}", rule.name),
            rule.namespace.clone(),
            severity(rule.severity).to_owned(),
            side.to_owned(),
        ]
    });
    table(
        printer,
        "Capabilities: the program may",
        &["capability", "namespace", "severity", "seen in"],
        rules.len(),
        rows,
    )
}

fn correlations<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let list = printer.report.correlations;
    let rows = list.iter().map(|correlation| {
        let Correlation { name, severity: level, static_side, dynamic_side, .. } = correlation;
        let level = severity(*level).to_owned();
        vec![name.to_string(), level, static_side.clone(), dynamic_side.clone()]
    });
    table(printer, "Correlations", &["name", "severity", "the bytes say", "the run says"], list.len(), rows)
}

fn findings<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let mut list: Vec<_> = printer.report.findings.iter().collect();
    list.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let rows = list.iter().map(|finding| {
        let side = if finding.dynamic { "run" } else { "bytes" };
        vec![
            finding.name.to_string(),
            severity(finding.severity).to_owned(),
            side.to_owned(),
            finding.description.clone(),
        ]
    });
    table(printer, "Findings", &["name", "severity", "seen in", "what"], list.len(), rows)
}

fn entries<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let list = &printer.report.entries;
    let rows = list.iter().map(|entry| {
        let (instructions, calls) = entry
            .metrics
            .map_or((0, 0), |metrics| (metrics.classes.total, metrics.host_calls.values().sum()));
        let kind = snake(&entry.entry.kind);
        vec![called(entry.entry), kind, ending(entry.entry), grouped(instructions), grouped(calls)]
    });
    table(
        printer,
        "Entry points",
        &["entry", "kind", "ended", "instructions", "host calls"],
        list.len(),
        rows,
    )
}

/// `main(1, 2)`.
fn called(entry: &Entry) -> String {
    let args: Vec<_> = entry.args.iter().map(ToString::to_string).collect();
    format!("{}({}){}", entry.name, args.join(", "), if entry.made_up { " made up" } else { "" })
}

/// How an entry point ended, why and where.
pub(super) fn ending(entry: &Entry) -> String {
    let results: Vec<_> = entry.results.iter().map(ToString::to_string).collect();
    let end = match &entry.end {
        EntryEnd::Returned => format!("returned {}", results.join(" ")).trim_end().to_owned(),
        end => end.to_string(),
    };
    let site = entry.site.map(|site| format!(" at {site}")).unwrap_or_default();
    let stalled = entry
        .stalled_in
        .map(|func| format!(", in a loop of func {func} without a host call"))
        .unwrap_or_default();
    format!("{end}{site}{stalled}")
}

fn host_calls<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    // The trace counts all calls; who answered is known of those in the log.
    let mut answers: BTreeMap<String, (BTreeSet<String>, u64)> = BTreeMap::new();
    for answer in &printer.report.fabricated {
        let (who, made_up) = answers.entry(host_name(answer.module, answer.name)).or_default();
        who.insert(snake(&answer.answer));
        *made_up += answer.fabricated;
    }
    let mut list: Vec<_> = printer.report.dynamic.metrics.host_calls.iter().collect();
    list.sort_by_key(|(name, calls)| (std::cmp::Reverse(**calls), name.as_str()));
    let rows = list.iter().map(|&(name, &calls)| {
        let (who, made_up) = match answers.get(name) {
            Some((who, made_up)) => (who.iter().cloned().collect::<Vec<_>>().join(", "), grouped(*made_up)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        vec![name.clone(), grouped(calls), who, made_up]
    });
    table(printer, "Host calls", &["function", "calls", "answered by", "made up"], list.len(), rows)
}

/// WASI calls as a matrix of levels and groups; with more asked for also as sequences, and where the telling
/// ones were made.
fn wasi<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let Some(profiles) = &printer.report.wasi else { return Ok(()) };
    let groups: Vec<_> = profiles.run.groups().collect();
    let mut header = vec!["level".to_owned()];
    header.extend(groups.iter().map(|&group| format!("{group} {}", categories::group_name(group))));
    header.push("meaning".to_owned());
    let header: Vec<_> = header.iter().map(String::as_str).collect();
    let row = |level: RiskLevel| {
        let calls = groups.iter().map(|&group| profiles.run.cell(level, group));
        let cells = calls.map(|calls| if calls == 0 { String::new() } else { grouped(calls) });
        let (level, meaning) = (level.to_string(), categories::meaning(Some(level)).to_owned());
        std::iter::once(level).chain(cells).chain([meaning]).collect::<Vec<_>>()
    };
    let occurs = |level: &RiskLevel| groups.iter().any(|&group| profiles.run.cell(*level, group) > 0);
    let mut rows: Vec<_> = RiskLevel::ALL.into_iter().filter(occurs).map(row).collect();
    if profiles.run.unknown() > 0 {
        let mut row = vec![format!("U {}", grouped(profiles.run.unknown()))];
        row.resize(groups.len() + 1, String::new());
        row.push(categories::meaning(None).to_owned());
        rows.push(row);
    }
    table(printer, "WASI calls by risk level and function group", &header, rows.len(), rows.into_iter())?;
    let entries =
        printer.report.entries.iter().zip(&profiles.entries).filter(|(_, profile)| profile.calls > 0);
    let rows: Vec<_> =
        entries.map(|(entry, profile)| vec![entry.entry.name.clone(), sequence(profile)]).collect();
    table(
        printer,
        "WASI calls in their order",
        &["entry point", "categories"],
        rows.len(),
        rows.into_iter(),
    )?;
    let names = &printer.names;
    let rows = profiles.sites.iter().map(|site| {
        let place = site.site.map_or_else(String::new, |place| names.place(place));
        vec![site.category.clone(), site.function.clone(), grouped(site.calls), place]
    });
    let rows: Vec<_> = rows.collect();
    table(
        printer,
        "Where WASI calls of the levels A, B and C were made",
        &["category", "function", "calls", "place"],
        rows.len(),
        rows.into_iter(),
    )
}

/// The categories of an entry point, equal ones in a row with their number.
fn sequence(profile: &categories::CategoryProfile) -> String {
    let step = |step: &categories::CategoryRun| match step.calls {
        1 => step.category.clone(),
        calls => format!("{}×{}", step.category, grouped(calls)),
    };
    profile.sequence.iter().map(step).collect::<Vec<_>>().join(" ")
}

fn files<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let list = printer.report.files;
    let rows = list.iter().map(|file| {
        let size = |size: Option<u64>| size.map_or_else(|| "-".to_owned(), grouped);
        let to = match (file.kind(), &file.to) {
            (ChangedKind::Symlink, Some(to)) => format!(", a link to {to}"),
            (ChangedKind::Hardlink, Some(to)) => format!(", another name of {to}"),
            (_, Some(to)) => format!(" to {to}"),
            (_, None) => String::new(),
        };
        let entropy = file.entropy_after.map_or_else(|| "-".to_owned(), |entropy| format!("{entropy:.2}"));
        vec![
            file.path.clone(),
            format!("{}{to}", file.change),
            format!("{} to {}", size(file.size_before), size(file.size_after)),
            entropy,
        ]
    });
    table(printer, "Files (in memory only)", &["path", "change", "bytes", "entropy"], list.len(), rows)
}

fn connections<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let list = &printer.report.connections;
    let row = |used: &ConnectionReport<'_>| {
        vec![
            used.name.to_owned(),
            grouped(used.sent_bytes),
            grouped(used.received_bytes),
            used.sha256.clone(),
        ]
    };
    let rows: Vec<_> = list.iter().map(row).collect();
    table(
        printer,
        "Connections (none of them real)",
        &["socket", "sent", "received", "sha256 of what was sent"],
        rows.len(),
        rows.into_iter(),
    )
}

fn honeytokens<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let list = printer.report.honeytokens;
    let row = |token: &TokenUse| {
        let place = |leak: &Leak| match &leak.to {
            LeakPlace::Argument => format!("{} ({})", leak.by, leak.encoding),
            to => format!("{to} ({})", leak.encoding),
        };
        let leaks = token.leaks.iter().map(place);
        let what = if token.read > 0 { "read" } else { "opened" };
        vec![
            token.name.clone(),
            format!("{what} in {}", token.touched_in.join(", ")),
            leaks.collect::<Vec<_>>().join(", "),
        ]
    };
    table(
        printer,
        "Honeytokens touched",
        &["bait", "touched", "its bytes went to"],
        list.len(),
        list.iter().map(row),
    )
}

fn loops<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let names = Names::of(printer.report.view);
    let list = &printer.report.dynamic.loops;
    let rows = list.iter().map(|found| {
        let classes = &found.classes;
        let share = |part: u64| percent(part as f64 / classes.total.max(1) as f64);
        let mut place = format!("{}:{:#x}", names.func(found.place.function), found.place.offset.0);
        place.push_str(if found.stopped_in { " (stopped here)" } else { "" });
        vec![
            place,
            grouped(found.iterations),
            percent(found.share),
            share(classes.xor + classes.rotate + classes.shift),
            grouped(found.host_calls),
        ]
    });
    table(
        printer,
        "Loops",
        &["loop", "iterations", "of the run", "xor, rotate, shift", "host calls"],
        list.len(),
        rows,
    )
}

fn functions<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let names = Names::of(printer.report.view);
    let total = printer.report.instructions.max(1) as f64;
    let mut list: Vec<_> = printer.report.dynamic.functions.iter().collect();
    list.sort_by_key(|function| (std::cmp::Reverse(function.classes.total), function.index));
    let rows = list.iter().map(|function| {
        let covered = format!("{}/{}", function.blocks_run, function.blocks);
        let score = names.function(function.index).map_or(0, |function| function.score);
        let instructions = function.classes.total;
        vec![
            names.func(function.index),
            grouped(function.calls),
            grouped(instructions),
            percent(instructions as f64 / total),
            covered,
            score.to_string(),
        ]
    });
    let header = ["function", "calls", "instructions", "of the run", "blocks", "score"];
    table(printer, "Functions", &header, list.len(), rows)
}

fn constants<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let names = Names::of(printer.report.view);
    let list = &printer.report.dynamic.constants;
    let rows = list
        .iter()
        .map(|constant| vec![constant.name.clone(), grouped(constant.count), names.place(constant.place)]);
    table(
        printer,
        "Constants of algorithms that were executed",
        &["constant", "times", "first place"],
        list.len(),
        rows,
    )
}

fn iocs<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    let list = printer.report.iocs;
    let rows = list.iter().map(|ioc| {
        // A text that a sample made while it ran stands nowhere in the file.
        let place = if ioc.seen == Seen::Run { "run".to_owned() } else { format!("{:#x}", ioc.offset) };
        vec![ioc.kind.to_string(), ioc.value.clone(), place, ioc.encoding.to_string()]
    });
    table(printer, "Indicators", &["kind", "value", "offset", "encoding"], list.len(), rows)
}
