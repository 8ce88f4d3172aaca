//! What the parts of a page are made from.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{super::text::Asked, heat::Heat, limits, work::Work};
use crate::{
    module::{FuncIndex, Place},
    report::{Names, Report, location},
    sandbox::Run,
    text::clip,
};

/// A report, and what else its page shows.
pub(super) struct Page<'r, 'a> {
    pub(super) report: &'r Report<'a>,
    pub(super) run: Option<&'r Run>,
    pub(super) names: Names<'a>,
    pub(super) asked: Asked<'r>,
    pub(super) heat: Heat,
    /// What ran when.
    pub(super) work: Option<Work>,
    /// Functions that have a row.
    rows: BTreeSet<FuncIndex>,
}

impl<'r, 'a> Page<'r, 'a> {
    pub(super) fn of(report: &'r Report<'a>, run: Option<&'r Run>, asked: Asked<'r>) -> Self {
        let heat = Heat::of(report, run);
        let rows = heat.hottest(report).take(limits::FUNCTIONS).map(|function| function.index).collect();
        let work = run.and_then(|run| Work::of(report, run));
        Self { report, run, names: Names::of(report.view), asked, heat, work, rows }
    }

    /// The instructions of the run.
    pub(super) fn total(&self) -> u64 {
        self.report.instructions
    }

    /// The name of a function, or its number.
    pub(super) fn func_name(&self, func: FuncIndex) -> String {
        self.names.name(func).unwrap_or_else(|| format!("func {func}"))
    }

    /// A function as a link to what is said of it, if something is.
    pub(super) fn func(&self, func: FuncIndex) -> Markup {
        let name = self.func_name(func);
        match self.anchor(func) {
            Some(anchor) => html! { a href=(anchor) { code { (name) } } },
            None => html! { code { (name) } },
        }
    }

    /// Where the page says something of a function.
    pub(super) fn anchor(&self, func: FuncIndex) -> Option<String> {
        self.rows.contains(&func).then(|| format!("#f{func}"))
    }

    /// A place as every browser writes it, as a link to its line or its function.
    pub(super) fn place(&self, place: Place) -> Markup {
        let text = location(place.function, place.offset);
        let name = self.names.name(place.function);
        let link = match self.heat.has_line(place) {
            true => Some(format!("#i{:x}", place.offset.0)),
            false => self.anchor(place.function),
        };
        html! {
            @match link {
                Some(link) => a href=(link) { code { (text) } },
                None => code { (text) },
            }
            @if let Some(name) = name { " " span.dim { (name) } }
        }
    }

    /// The name of an entry point.
    pub(super) fn entry(&self, position: usize) -> String {
        let entry = self.report.entries.get(position);
        entry.map_or_else(|| "the host".to_owned(), |entry| clip(&entry.entry.name, limits::NAME))
    }
}
