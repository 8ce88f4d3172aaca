//! The deeds of a sample in a few lines: files, connections, bait, output, what it made, where the time went,
//! and whom it called. The techniques that rules see in that stand there, too.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::limits::{MAX_CELL, MAX_LINE, SHOWN_ITEMS};
use super::{Printer, Verbosity};
use crate::{
    module::view::Ioc,
    report::Report,
    rules::YARA,
    sandbox::{ChangeKind, FileChange},
    text::{clip, cut_counted, grouped, percent, plural, share, some, some_within},
};

pub(super) fn write<W: Write>(printer: &mut Printer<'_, '_, W>) -> io::Result<()> {
    printer.heading("What it did")?;
    let report = printer.report;
    let mut facts = files(report);
    facts.extend(bait(report));
    facts.extend(flows(printer));
    facts.extend(connections(report));
    facts.extend(output(report));
    facts.extend(made(report));
    facts.extend(waited(report));
    facts.extend(calls(report));
    facts.extend(worked(printer));
    facts.extend(indicators(report));
    facts.extend(yara(report));
    // Of the techniques there are tables with more asked for.
    if printer.options.level == Verbosity::Normal {
        facts.extend(techniques("att&ck", report.rules.iter().map(|rule| &rule.attack)));
        facts.extend(techniques("mbc", report.rules.iter().map(|rule| &rule.mbc)));
    }
    if facts.is_empty() {
        return writeln!(printer.out, "nothing: no instruction of it ran");
    }
    facts.iter().try_for_each(|(name, text)| printer.fact(name, &clip(text, MAX_LINE)))
}

/// Characters of ` and 12,345 more`.
const MORE: usize = 20;

type Fact = (&'static str, String);

/// What it touched: files, bait, connections, and what it gave out.
pub(crate) fn touched(report: &Report<'_>) -> Vec<Fact> {
    let mut facts = files(report);
    facts.extend(bait(report));
    facts.extend(connections(report));
    facts.extend(output(report));
    facts.extend(made(report));
    facts
}

/// What it did to files, what harms most first.
fn files(report: &Report<'_>) -> Vec<Fact> {
    let of = |kind: ChangeKind| {
        let changes: Vec<_> = report.files.iter().filter(|file| file.change == kind).collect();
        let names = changes.iter().map(|file| match &file.to {
            Some(to) => format!("{} to {to}", file.path),
            None => file.path.clone(),
        });
        let text = format!("{}: {}", FileChange::count(changes.iter().copied()), some(names, SHOWN_ITEMS));
        (!changes.is_empty()).then_some((kind.as_str(), text))
    };
    let order = [ChangeKind::Deleted, ChangeKind::Renamed, ChangeKind::Changed, ChangeKind::Created];
    order.into_iter().filter_map(of).collect()
}

fn bait(report: &Report<'_>) -> Option<Fact> {
    let tokens = report.honeytokens;
    let one = |token: &crate::sandbox::TokenUse| {
        let what = if token.read > 0 { "read" } else { "opened" };
        let to = some(token.leaks.iter().map(|leak| leak.to.to_string()), SHOWN_ITEMS);
        let to = if to.is_empty() { to } else { format!(", its bytes went to {to}") };
        format!("{} {what}{to}", token.name)
    };
    (!tokens.is_empty()).then(|| ("bait", some(tokens.iter().map(one), SHOWN_ITEMS)))
}

fn flows<W: Write>(printer: &Printer<'_, '_, W>) -> Option<Fact> {
    let flows = &printer.report.data_flows?.flows;
    // With more asked for there is a table of them.
    let hint = if printer.options.level == Verbosity::Normal { " (-v)" } else { "" };
    let more = match flows.len().saturating_sub(1) as u64 {
        0 => String::new(),
        more => format!("; and {}{hint}", plural(more, "more flow")),
    };
    flows.first().map(|flow| ("data", format!("{}{more}", flow.text)))
}

fn connections(report: &Report<'_>) -> Option<Fact> {
    let list = &report.connections;
    let one = |used: &crate::report::ConnectionReport<'_>| {
        let (sent, received) = (plural(used.sent_bytes, "byte"), grouped(used.received_bytes));
        format!("{} sent to {}, {received} received", sent, used.name)
    };
    (!list.is_empty()).then(|| ("network", some(list.iter().map(one), SHOWN_ITEMS)))
}

fn output(report: &Report<'_>) -> Option<Fact> {
    let one = |name: &str, text: Option<&str>, base64: &Option<String>| match (text, base64) {
        (Some(text), _) if !text.is_empty() => {
            let shown = cut_counted(text, MAX_CELL / 2);
            Some(format!("{} on standard {name}: \"{shown}\"", plural(text.len() as u64, "byte")))
        }
        (None, Some(_)) => Some(format!("bytes that are no text on standard {name}")),
        _ => None,
    };
    let out = one("output", report.stdout, &report.stdout_base64);
    let error = one("error", report.stderr, &report.stderr_base64);
    let texts: Vec<_> = out.into_iter().chain(error).collect();
    (!texts.is_empty()).then(|| ("output", texts.join("; ")))
}

fn made(report: &Report<'_>) -> Option<Fact> {
    let carved = report.carved.len() as u64;
    let carved = (carved > 0).then(|| format!("{} built in memory", plural(carved, "module")));
    let returned = report
        .returned
        .iter()
        .map(|returned| format!("{} of {} returned", returned.contents, plural(returned.size, "byte")));
    let all: Vec<_> = carved.into_iter().chain(returned).collect();
    (!all.is_empty()).then(|| ("made", some(all, SHOWN_ITEMS)))
}

fn waited(report: &Report<'_>) -> Option<Fact> {
    let seconds = report.slept_ns as f64 / 1e9;
    let text = format!("{seconds:.3} s of virtual time in {}", plural(report.sleeps, "call"));
    (report.sleeps > 0).then_some(("slept", text))
}

fn calls(report: &Report<'_>) -> Option<Fact> {
    let mut list: Vec<_> = report.dynamic.metrics.host_calls.iter().collect();
    list.sort_by_key(|(name, calls)| (std::cmp::Reverse(**calls), name.as_str()));
    // What all have in common is said once.
    let module = |name: &str| name.rsplit_once('.').map(|(module, _)| module.to_owned());
    let common = list.first().and_then(|(name, _)| module(name));
    let common = common.filter(|common| list.iter().all(|(name, _)| module(name).as_ref() == Some(common)));
    let start = common.as_ref().map_or(0, |common| common.len() + 1);
    let names = list
        .iter()
        .map(|(name, calls)| format!("{} {}", name.get(start..).unwrap_or(name), grouped(**calls)));
    let of = common.map(|common| format!("{common}: ")).unwrap_or_default();
    let room = MAX_LINE.saturating_sub(of.chars().count() + MORE);
    (!list.is_empty()).then(|| ("called", format!("{of}{}", some_within(names, 2 * SHOWN_ITEMS, room))))
}

/// The YARA rules that matched, of those that were given and that no behaviour rule asks for.
fn yara(report: &Report<'_>) -> Option<Fact> {
    let matched = report.rules.iter().filter(|rule| rule.namespace == YARA);
    let names: Vec<_> = matched.flat_map(|rule| &rule.origin.authors).collect();
    (!names.is_empty()).then(|| ("yara", some(names, SHOWN_ITEMS)))
}

/// Where most of the run was spent.
fn worked<W: Write>(printer: &Printer<'_, '_, W>) -> Option<Fact> {
    let report = printer.report;
    let hottest = report.dynamic.functions.iter().max_by_key(|function| function.classes.total)?;
    let share = share(hottest.classes.total, report.instructions);
    let of = report.dynamic.loops.iter().filter(|of| of.place.function == hottest.index);
    let times = of.max_by(|a, b| a.share.total_cmp(&b.share));
    let times = times.filter(|of| of.iterations > 1);
    let times = times.map(|of| format!(", a loop there {}", plural(of.iterations, "time")));
    let text = format!(
        "{} of the instructions in {}{}",
        percent(share),
        printer.names.func(hottest.index),
        times.unwrap_or_default()
    );
    (report.instructions > 0).then_some(("worked", text))
}

/// The first indicator of each kind, and how many there are.
fn indicators(report: &Report<'_>) -> Option<Fact> {
    let mut first: BTreeMap<_, &Ioc> = BTreeMap::new();
    for ioc in report.iocs {
        first.entry(ioc.kind).or_insert(ioc);
    }
    let count = report.iocs.len();
    let shown = first.values().take(SHOWN_ITEMS);
    let mut shown: Vec<_> =
        shown.map(|ioc| format!("{} {}", ioc.kind, cut_counted(&ioc.value, 64))).collect();
    let more = (count - shown.len()) as u64;
    shown.extend((more > 0).then(|| format!("and {} more", grouped(more))));
    (count > 0).then(|| ("indicators", shown.join(", ")))
}

/// Ids of techniques, by tactic.
fn techniques<'r>(name: &'static str, of: impl Iterator<Item = &'r Vec<String>>) -> Option<Fact> {
    let mut tactics: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in of.flatten() {
        let (tactic, technique) = entry.split_once("::").unwrap_or(("", entry));
        let id = technique.rsplit_once('[').map_or(technique, |(_, id)| id.trim_end_matches(']'));
        let ids = tactics.entry(tactic).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let texts: Vec<_> = tactics.iter().map(|(tactic, ids)| format!("{tactic} {}", ids.join(" "))).collect();
    (!texts.is_empty()).then(|| (name, texts.join("; ")))
}
