//! The heat of functions and blocks: how often each ran, for everything that is drawn or listed.

use std::collections::{BTreeMap, HashMap};

use super::{limits, listing::Listing};
use crate::{
    module::{FuncIndex, Place},
    passes::{FunctionMetrics, stacks::Stacks},
    report::Report,
    sandbox::Run,
    trace::{Counts, Trace},
};

/// Steps of the scale of colours.
const STEPS: f64 = 9.0;
/// Powers of ten that it spans: a ten-thousandth of the run is cold.
const SPAN: f64 = 4.0;

/// What ran.
#[derive(Debug, Default)]
pub(super) struct Heat {
    pub(super) stacks: Stacks,
    /// The hottest functions, hottest first.
    pub(super) listings: Vec<Listing>,
    /// Function → instructions with its callees.
    inclusive: HashMap<FuncIndex, u64>,
    /// Why something is missing.
    pub(super) error: Option<String>,
}

impl Heat {
    pub(super) fn of(report: &Report<'_>, run: Option<&Run>) -> Self {
        let Some(run) = run.filter(|_| report.instructions > 0) else { return Self::default() };
        let (stacks, counts) = match replayed(&run.trace) {
            Ok(both) => both,
            Err(error) => return Self { error: Some(error), ..Self::default() },
        };
        let module = run.trace.modules.first();
        let listed = hottest(report).into_iter().take(limits::LISTED);
        let listing = |function: &FunctionMetrics| Listing::of(module?, function.index, &counts);
        let listings = listed.filter_map(listing).collect();
        Self { inclusive: inclusive(&stacks), stacks, listings, error: None }
    }

    /// The functions that ran, hottest first.
    pub(super) fn hottest<'a>(&self, report: &Report<'a>) -> impl Iterator<Item = &'a FunctionMetrics> {
        hottest(report).into_iter()
    }

    /// Instructions of a function and of what it called.
    pub(super) fn inclusive(&self, func: FuncIndex) -> u64 {
        self.inclusive.get(&func).copied().unwrap_or(0)
    }

    /// Whether an instruction is listed.
    pub(super) fn has_line(&self, place: Place) -> bool {
        let listing = self.listings.iter().find(|listing| listing.func == place.function);
        listing.is_some_and(|listing| listing.has_line(place.offset))
    }
}

fn replayed(trace: &Trace) -> Result<(Stacks, Counts), String> {
    let stacks = Stacks::of(trace).map_err(|error| error.to_string())?;
    Ok((stacks, trace.counts().map_err(|error| error.to_string())?))
}

fn hottest<'a>(report: &Report<'a>) -> Vec<&'a FunctionMetrics> {
    let mut functions: Vec<_> = report.dynamic.functions.iter().collect();
    functions.sort_by_key(|function| (std::cmp::Reverse(function.classes.total), function.index));
    functions
}

/// Instructions on stacks that a function is on, once for each stack however often it is on it.
fn inclusive(stacks: &Stacks) -> HashMap<FuncIndex, u64> {
    let mut found = HashMap::new();
    for stack in &stacks.stacks {
        let mut funcs = stack.funcs.clone();
        funcs.sort_unstable();
        funcs.dedup();
        for func in funcs {
            *found.entry(func).or_insert(0) += stack.instructions;
        }
    }
    found
}

/// The class of a share of the run: `h1` to `h9` by powers of ten, `h0` for what did not run.
pub(super) fn class(part: u64, whole: u64) -> &'static str {
    const CLASSES: [&str; 10] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9"];
    if part == 0 || whole == 0 {
        return CLASSES[0];
    }
    let share = (part as f64 / whole as f64).min(1.0);
    let step = (1.0 + share.log10() / SPAN) * STEPS;
    CLASSES[(step.ceil().clamp(1.0, STEPS)) as usize]
}

/// Branch instruction → taken, not taken, by label.
pub(super) fn branches<'a>(report: &Report<'a>, func: FuncIndex) -> BTreeMap<u32, (u64, u64, &'a [u64])> {
    let branches = &report.dynamic.branches;
    let first = branches.partition_point(|branch| branch.place.function < func);
    let of = branches.get(first..).unwrap_or_default().iter();
    let of = of.take_while(|branch| branch.place.function == func);
    of.map(|branch| (branch.place.offset.0, (branch.taken, branch.not_taken, &branch.labels[..]))).collect()
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn heat_goes_by_powers_of_ten() {
        for (part, whole, expected) in [
            (0, 100, "h0"),
            (1, 1_000_000, "h1"),
            (1, 1000, "h3"),
            (1, 10, "h7"),
            (100, 100, "h9"),
            (7, 0, "h0"),
            (200, 100, "h9"),
        ] {
            assert_eq!(class(part, whole), expected, "{part} of {whole}");
        }
    }
}
