//! A report of a bearable length: that of a module of 60,000 functions has 600 MB.
//!
//! Lists are cut, and long names (`cut_names`), never other items, but for the metrics of entry points that
//! repeat others. [`Report::cut`] counts what is left out of each.

use std::collections::BTreeMap;

use super::{
    EntryReport, Report,
    cut_names::{self, Names},
    limits::REPEATS,
};
use crate::{
    module::view::{Lengths, View, clip},
    passes::{CallGraph, Coverage, Dynamic, Metrics, StateMachine},
};

/// Functions and other items of many fields, and items of few, that a list keeps. Items that an analyst reads
/// are among the first, or are found with `--full`.
const MOST: Lengths = Lengths { large: 1_000, small: 20_000 };

/// The parts of a report that are cut, and how much of each list is left out.
#[derive(Debug)]
pub struct Shortened {
    view: View,
    dynamic: Dynamic,
    names: Names,
    cut: BTreeMap<&'static str, u64>,
}

impl Shortened {
    /// Cuts what is too long of a report; `None` if nothing is.
    pub fn of(report: &Report<'_>) -> Option<Self> {
        let mut left_out = BTreeMap::new();
        let mut cut = |name, count| {
            left_out.insert(name, count);
        };
        let Lengths { large, small } = MOST;
        let (graph, machine, of) =
            (&report.dynamic.call_graph, &report.dynamic.states, &report.dynamic.coverage);
        let call_graph =
            CallGraph { edges: clip(&graph.edges, small, "call_graph.edges", &mut cut), cut: graph.cut };
        let states = StateMachine {
            states: clip(&machine.states, small, "states.states", &mut cut),
            transitions: clip(&machine.transitions, small, "states.transitions", &mut cut),
            hot_paths: machine.hot_paths.clone(),
            ..*machine
        };
        let coverage = Coverage {
            dead_confirmed: clip(&of.dead_confirmed, small, "coverage.dead_confirmed", &mut cut),
            never_ran: clip(&of.never_ran, small, "coverage.never_ran", &mut cut),
            unexpected: clip(&of.unexpected, small, "coverage.unexpected", &mut cut),
            hidden: clip(&of.hidden, small, "coverage.hidden", &mut cut),
            resolved: clip(&of.resolved, small, "coverage.resolved", &mut cut),
            table_writes: of.table_writes.clone(),
            ..*of
        };
        let mut view = report.view.clipped(MOST, &mut cut);
        for (name, most, len) in Self::of_slices(report) {
            if len > most {
                cut(name, (len - most) as u64);
            }
        }
        let repeats = report.entries.iter().take(large).filter(|entry| repeats(entry)).count();
        if repeats > REPEATS {
            cut("entries.metrics", (repeats - REPEATS) as u64);
        }
        let names = Names::of(report, large, small);
        let of_functions = cut_names::of_functions(&report.dynamic.functions, large);
        for (name, count) in names.counts().into_iter().chain([("functions.name", of_functions)]) {
            if count > 0 {
                cut(name, count);
            }
        }
        cut_names::of_view(&mut view, &mut left_out);
        if left_out.is_empty() {
            return None;
        }
        let mut dynamic = report.dynamic.clone();
        (dynamic.call_graph, dynamic.states, dynamic.coverage) = (call_graph, states, coverage);
        dynamic.loops.truncate(large);
        dynamic.functions.truncate(large);
        dynamic.call_depth.truncate(large);
        dynamic.branches.truncate(small);
        cut_names::cut_functions(&mut dynamic.functions);
        Some(Self { view, dynamic, names, cut: left_out })
    }

    /// The lists that a report only refers to.
    fn of_slices(report: &Report<'_>) -> [(&'static str, usize, usize); 6] {
        [
            ("entries", MOST.large, report.entries.len()),
            ("loops", MOST.large, report.dynamic.loops.len()),
            ("functions", MOST.large, report.dynamic.functions.len()),
            ("call_depth", MOST.large, report.dynamic.call_depth.len()),
            ("branches", MOST.small, report.dynamic.branches.len()),
            ("files", MOST.small, report.files.len()),
        ]
    }

    /// The report with its lists cut.
    pub fn report<'b>(&'b self, mut report: Report<'b>) -> Report<'b> {
        let Lengths { large, small } = MOST;
        report.entries.truncate(large);
        for entry in report.entries.iter_mut().filter(|entry| repeats(entry)).skip(REPEATS) {
            entry.metrics = None;
        }
        report.files = report.files.get(..small).unwrap_or(report.files);
        self.names.put(&mut report);
        (report.view, report.dynamic) = (&self.view, &self.dynamic);
        report.cut.clone_from(&self.cut);
        report
    }
}

/// Whether an entry point says nothing that those before it do not say.
fn repeats(entry: &EntryReport<'_>) -> bool {
    let shows_nothing = |metrics: &Metrics| metrics.new_blocks == 0 && metrics.host_calls.is_empty();
    entry.entry.made_up && entry.metrics.is_some_and(shows_nothing)
}
