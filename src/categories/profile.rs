//! The WASI calls of a run by category: how many, in which order, from where.
//!
//! Made from the log of host calls; calls that the log does not hold are counted and not told apart. A
//! category is a correlation of one study (see the module), so a profile is a description and no verdict.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

pub use super::limits::{MAX_SITES, MAX_STEPS};
use super::{Category, GROUPS, Mode, RiskLevel, group_name, of};
use crate::{
    module::Place,
    passes::Dynamic,
    sandbox::{Answer, Call, Run, STREAMS},
    tracer::Value,
};

/// WASI calls by category, of a run or of one entry point.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct CategoryProfile {
    /// WASI calls in all.
    pub calls: u64,
    /// Calls by level and group; what did not occur is not listed.
    pub matrix: Vec<Cell>,
    /// The calls in their order as categories, equal ones in a row taken together.
    pub sequence: Vec<CategoryRun>,
    /// Steps beyond [`MAX_STEPS`].
    pub sequence_cut: u64,
}

/// The calls of a category.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Cell {
    /// Such as `A-1`, or `U` for calls that the table does not know.
    pub category: String,
    /// Name of the group, empty for `U`.
    pub group: &'static str,
    /// Calls.
    pub calls: u64,
    /// Function → calls.
    pub functions: BTreeMap<String, u64>,
}

/// Equal categories in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CategoryRun {
    /// Such as `D-1`, or `U`.
    pub category: String,
    /// Calls in a row.
    pub calls: u64,
}

/// Where calls of the levels A, B and C were made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct CallSite {
    /// Such as `B-1`.
    pub category: String,
    /// The WASI function.
    pub function: String,
    /// The instruction that called; absent if the host did.
    pub site: Option<Place>,
    /// Calls from there.
    pub calls: u64,
}

/// Everything about the WASI calls of a run.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Profiles {
    /// Which table was used.
    pub mode: Mode,
    /// The whole run.
    pub run: CategoryProfile,
    /// Each entry point, in the order of the report's `entries`.
    pub entries: Vec<CategoryProfile>,
    /// Call sites of the levels A, B and C, most telling level first, then by calls.
    pub sites: Vec<CallSite>,
    /// Call sites beyond [`MAX_SITES`].
    pub sites_cut: u64,
    /// Host calls of any kind that are not in the log, and so in none of these.
    pub calls_cut: u64,
}

/// The name of the function that was called; of one of WASI 0.2 that of what does the same in preview1.
pub(crate) fn known_as(call: &Call) -> &str {
    super::preview1(&call.module, &call.name).unwrap_or(&call.name)
}

/// The WASI function that a call names, by its name in preview1; `None` if it names none.
pub(crate) fn named_function(call: &Call) -> Option<&str> {
    let is_named = super::is_wasi(&call.module) || super::preview1(&call.module, &call.name).is_some();
    is_named.then(|| known_as(call))
}

/// The standard stream that a call is about: the number of preview1.
pub(crate) fn standard_stream(call: &Call) -> Option<u32> {
    let Value::I32(number) = call.args.first()?.value else { return None };
    let number = u32::try_from(number).ok()?;
    match call.module.starts_with("wasi:") {
        true => STREAMS.iter().position(|&stream| stream == number).map(|fd| fd as u32),
        false => Some(number).filter(|&fd| fd <= 2),
    }
}

/// The WASI function that a host call is of; `None` if it is of another kind. One of WASI 0.2 has the name of
/// what does the same in preview1.
pub fn wasi_function(call: &Call) -> Option<&str> {
    if let Some(name) = super::preview1(&call.module, &call.name) {
        return Some(name);
    }
    let is_wasi = call.answer == Answer::Wasi || super::is_wasi(&call.module);
    is_wasi.then(|| call.name.trim_start_matches("__wasi_"))
}

/// Category, function, and the instruction that called.
type Source<'r> = (Option<Category>, &'r str, Option<Place>);

/// The sites with the most calls, the riskiest first, and how many are left out.
fn listed(sites: BTreeMap<Source<'_>, u64>) -> (Vec<CallSite>, u64) {
    let mut sites: Vec<_> = sites.into_iter().collect();
    sites.sort_by_key(|((category, ..), calls)| {
        (category.map(|category| category.level), std::cmp::Reverse(*calls))
    });
    let cut = sites.len().saturating_sub(MAX_SITES) as u64;
    let site = |((category, function, site), calls): (Source<'_>, u64)| CallSite {
        category: name(category),
        function: function.to_owned(),
        site,
        calls,
    };
    (sites.into_iter().take(MAX_SITES).map(site).collect(), cut)
}

impl Profiles {
    /// The profile of a run.
    pub fn of(run: &Run, dynamic: &Dynamic, mode: Mode) -> Self {
        let mut whole = Builder::default();
        let mut entries: Vec<_> = run.entries.iter().map(|_| Builder::default()).collect();
        let mut by_site: BTreeMap<Source<'_>, u64> = BTreeMap::new();
        for (position, call) in run.calls.iter().enumerate() {
            let Some(function) = wasi_function(call) else { continue };
            let category = of(function, mode);
            whole.add(category, function);
            if let Some(entry) = entries.get_mut(call.entry) {
                entry.add(category, function);
            }
            if category.is_some_and(|category| category.level < RiskLevel::D) {
                let site = dynamic.call_sites.get(position).copied().flatten();
                *by_site.entry((category, function, site)).or_default() += 1;
            }
        }
        let (sites, sites_cut) = listed(by_site);
        let entries = entries.into_iter().map(Builder::finish).collect();
        Self { mode, sites, sites_cut, run: whole.finish(), entries, calls_cut: run.calls_cut }
    }
}

impl CategoryProfile {
    /// Calls of a level and a group.
    pub fn cell(&self, level: RiskLevel, group: u8) -> u64 {
        let category = Category { level, group }.to_string();
        self.matrix.iter().find(|cell| cell.category == category).map_or(0, |cell| cell.calls)
    }

    /// Calls that the table does not know.
    pub fn unknown(&self) -> u64 {
        self.matrix.iter().find(|cell| cell.category == "U").map_or(0, |cell| cell.calls)
    }

    /// Groups with calls, by number.
    pub fn groups(&self) -> impl Iterator<Item = u8> {
        (1..=GROUPS as u8)
            .filter(|&group| RiskLevel::ALL.into_iter().any(|level| self.cell(level, group) > 0))
    }
}

/// A profile in the making.
#[derive(Default)]
struct Builder<'r> {
    /// Unknown calls come last.
    cells: BTreeMap<(bool, Option<Category>), BTreeMap<&'r str, u64>>,
    steps: Vec<(Option<Category>, u64)>,
    cut: u64,
}

impl<'r> Builder<'r> {
    fn add(&mut self, category: Option<Category>, function: &'r str) {
        *self.cells.entry((category.is_none(), category)).or_default().entry(function).or_default() += 1;
        let is_full = self.steps.len() == MAX_STEPS;
        match self.steps.last_mut() {
            Some((last, calls)) if *last == category && self.cut == 0 => *calls += 1,
            _ if is_full => self.cut += 1,
            _ => self.steps.push((category, 1)),
        }
    }

    fn finish(self) -> CategoryProfile {
        let cells = self.cells.into_iter().map(|((_, category), functions)| Cell {
            category: name(category),
            group: category.map_or("", |category| group_name(category.group)),
            calls: functions.values().sum(),
            functions: functions.into_iter().map(|(function, calls)| (function.to_owned(), calls)).collect(),
        });
        let matrix: Vec<_> = cells.collect();
        let sequence =
            self.steps.into_iter().map(|(category, calls)| CategoryRun { category: name(category), calls });
        CategoryProfile {
            calls: matrix.iter().map(|cell| cell.calls).sum(),
            sequence: sequence.collect(),
            matrix,
            sequence_cut: self.cut,
        }
    }
}

/// A category, or `U`.
pub fn name(category: Option<Category>) -> String {
    category.map_or_else(|| "U".to_owned(), |category| category.to_string())
}
