//! Long names in a report that is written down: a sample of 8 MB can have one in each of a thousand calls.
//!
//! The names of imports, of exports and of functions, and where the log and the entry points repeat them.
//! They are cut to a readable length, and how many were is counted by the list that they stand in.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    module::view::View,
    passes::FunctionMetrics,
    sandbox::{Call, Entry},
    text::cut_at,
};

use super::{Fabricated, Report, TimelineEntry, limits::NAME_KEPT};

/// What has shorter names, each with its position in the list.
#[derive(Debug, Default)]
pub(super) struct Names {
    calls: Vec<(usize, Call)>,
    entries: Vec<(usize, Entry)>,
    fabricated: Vec<(usize, String, String)>,
    timeline: Vec<(usize, String)>,
}

/// The name cut, if it is long.
fn cut(name: &str) -> Option<String> {
    let (kept, mark) = cut_at(name, NAME_KEPT)?;
    Some(format!("{kept}{mark}"))
}

/// As [`cut`], or as it is.
fn shorter(name: &str) -> String {
    cut(name).unwrap_or_else(|| name.to_owned())
}

fn is_long(name: &str) -> bool {
    cut_at(name, NAME_KEPT).is_some()
}

/// Cuts names where they stand; gives how many.
fn cut_all<'n>(names: impl Iterator<Item = &'n mut String>) -> u64 {
    names.fold(0, |count, name| match cut(name) {
        Some(shorter) => {
            *name = shorter;
            count + 1
        }
        None => count,
    })
}

/// The same of names that may be missing.
fn cut_some<'n>(names: impl Iterator<Item = &'n mut Option<Box<str>>>) -> u64 {
    names.flatten().fold(0, |count, name| match cut(name) {
        Some(shorter) => {
            *name = shorter.into();
            count + 1
        }
        None => count,
    })
}

impl Names {
    /// Finds long names among the first `large` large items of each list, and the first `small` others.
    pub(super) fn of(report: &Report<'_>, large: usize, small: usize) -> Self {
        let calls = report.host_calls.iter().enumerate();
        let calls = calls.filter(|(_, found)| is_long(&found.call.module) || is_long(&found.call.name));
        let entries = report.entries.iter().take(large).enumerate();
        let entries = entries.filter(|(_, found)| is_long(&found.entry.name));
        let fabricated = report.fabricated.iter().enumerate().take(small);
        let fabricated = fabricated.filter(|(_, one)| is_long(one.module) || is_long(one.name));
        let timeline = report.timeline.iter().enumerate();
        let timeline = timeline.filter_map(|(at, step)| Some((at, cut(&step.call)?)));
        Self {
            calls: calls.map(|(at, found)| (at, call(found.call))).collect(),
            entries: entries.map(|(at, found)| (at, entry(found.entry))).collect(),
            fabricated: fabricated.map(|(at, one)| (at, shorter(one.module), shorter(one.name))).collect(),
            timeline: timeline.collect(),
        }
    }

    /// How many names were cut, by list.
    pub(super) fn counts(&self) -> [(&'static str, u64); 4] {
        [
            ("host_calls.name", self.calls.len() as u64),
            ("entries.name", self.entries.len() as u64),
            ("fabricated.name", self.fabricated.len() as u64),
            ("timeline.call", self.timeline.len() as u64),
        ]
    }

    /// Puts them into a report.
    pub(super) fn put<'b>(&'b self, report: &mut Report<'b>) {
        for (at, call) in &self.calls {
            report.host_calls.get_mut(*at).into_iter().for_each(|found| found.call = call);
        }
        for (at, entry) in &self.entries {
            report.entries.get_mut(*at).into_iter().for_each(|found| found.entry = entry);
        }
        for (at, module, name) in &self.fabricated {
            report.fabricated.get_mut(*at).into_iter().for_each(|one: &mut Fabricated<'b>| {
                (one.module, one.name) = (module, name);
            });
        }
        for (at, call) in &self.timeline {
            report.timeline.get_mut(*at).into_iter().for_each(|step: &mut TimelineEntry| {
                step.call.clone_from(call);
            });
        }
    }
}

fn call(call: &Call) -> Call {
    Call { module: short(&call.module), name: short(&call.name), ..call.clone() }
}

fn short(name: &Arc<str>) -> Arc<str> {
    cut(name).map_or_else(|| Arc::clone(name), Arc::from)
}

fn entry(entry: &Entry) -> Entry {
    Entry { name: shorter(&entry.name), ..entry.clone() }
}

/// Cuts the names of a view, and counts them in `left_out`.
pub(super) fn of_view(view: &mut View, left_out: &mut BTreeMap<&'static str, u64>) {
    let imports = view.imports.iter_mut().flat_map(|import| [&mut import.module, &mut import.name]);
    let counts = [
        ("view.imports.name", cut_all(imports)),
        ("view.exports.name", cut_all(view.exports.iter_mut().map(|export| &mut export.name))),
        ("view.functions.name", cut_some(view.functions.iter_mut().map(|function| &mut function.name))),
    ];
    left_out.extend(counts.into_iter().filter(|(_, count)| *count > 0));
}

/// How many of the first functions that ran have a long name.
pub(super) fn of_functions(functions: &[FunctionMetrics], large: usize) -> u64 {
    let names = functions.iter().take(large).filter_map(|function| function.name.as_deref());
    names.filter(|name| is_long(name)).count() as u64
}

/// Cuts them.
pub(super) fn cut_functions(functions: &mut [FunctionMetrics]) {
    cut_some(functions.iter_mut().map(|function| &mut function.name));
}
