//! A report of a bearable length: that of a module of 60,000 functions has 600 MB.
//!
//! Lists are cut, never items; [`Report::cut`] counts what is left out of each.

use std::collections::BTreeMap;

use super::Report;
use crate::{
    module::view::{Lengths, View, clip},
    passes::{CallGraph, Coverage, StateMachine},
};

/// Functions and other items of many fields, and items of few, that a list keeps. What an analyst reads is
/// among the first or found with `--full`.
const MOST: Lengths = Lengths { large: 1_000, small: 20_000 };

/// The parts of a report that are cut, and how much of each list is left out.
#[derive(Debug)]
pub struct Shortened {
    view: View,
    call_graph: CallGraph,
    states: StateMachine,
    coverage: Coverage,
    cut: BTreeMap<&'static str, u64>,
}

impl Shortened {
    /// Cuts what is too long of a report; `None` if nothing is.
    pub fn of(report: &Report<'_>) -> Option<Self> {
        let mut left_out = BTreeMap::new();
        let mut cut = |name, count| {
            left_out.insert(name, count);
        };
        let small = MOST.small;
        let (graph, machine, of) = (report.call_graph, report.states, report.coverage);
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
        let view = report.view.clipped(MOST, &mut cut);
        for (name, most, len) in Self::of_slices(report) {
            if len > most {
                cut(name, (len - most) as u64);
            }
        }
        (!left_out.is_empty()).then_some(Self { view, call_graph, states, coverage, cut: left_out })
    }

    /// The lists that a report only refers to.
    fn of_slices(report: &Report<'_>) -> [(&'static str, usize, usize); 5] {
        [
            ("entries", MOST.large, report.entries.len()),
            ("loops", MOST.large, report.loops.len()),
            ("functions", MOST.large, report.functions.len()),
            ("branches", MOST.small, report.branches.len()),
            ("files", MOST.small, report.files.len()),
        ]
    }

    /// The report with its lists cut.
    pub fn report<'b>(&'b self, mut report: Report<'b>) -> Report<'b> {
        let Lengths { large, small } = MOST;
        report.entries.truncate(large);
        report.loops = report.loops.get(..large).unwrap_or(report.loops);
        report.functions = report.functions.get(..large).unwrap_or(report.functions);
        report.branches = report.branches.get(..small).unwrap_or(report.branches);
        report.files = report.files.get(..small).unwrap_or(report.files);
        (report.view, report.call_graph) = (&self.view, &self.call_graph);
        (report.states, report.coverage) = (&self.states, &self.coverage);
        report.cut.clone_from(&self.cut);
        report
    }
}
