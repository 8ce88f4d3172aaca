//! Host calls in a given order.

use std::ops::Range;

use crate::{
    Value,
    module::Place,
    sandbox::{Arg, Call, Pointed},
};

use super::{
    super::{
        index::Index,
        rule::{NumberTest, Pattern, Sequence, Step},
    },
    Evaluator, Found, MAX_FOUND_PLACES,
    budget::Budget,
    quoted,
};

impl Evaluator<'_> {
    /// Finds a sequence among `calls`, ascending positions of host calls.
    pub(super) fn sequence(&self, sequence: &Sequence, calls: &[usize]) -> Option<Found> {
        let all = self.index.all_calls();
        let calls: Vec<(usize, &Call)> =
            calls.iter().filter_map(|call| all.get(*call).map(|of| (*call, of))).collect();
        let mut found = Found { dynamic: true, ..Found::default() };
        let mut rest = &calls[..];
        while found.count < sequence.times {
            let positions = find(sequence, rest, &self.budget)?;
            if found.count == 0 {
                let shown: Vec<String> = positions
                    .iter()
                    .filter_map(|at| rest.get(*at))
                    .map(|(_, call)| show_call(call))
                    .collect();
                found.what = Some(super::shorten(&shown.join(" → ")));
            }
            let sites = positions
                .iter()
                .filter_map(|at| rest.get(*at))
                .filter_map(|(call, _)| self.index.call_site(*call));
            let sites: Vec<Place> = sites.take(MAX_FOUND_PLACES.saturating_sub(found.places.len())).collect();
            found.places.extend(sites);
            found.count += 1;
            let last = positions.last().copied().unwrap_or(0);
            rest = rest.get(last + 1..).unwrap_or_default();
        }
        found.places.sort_unstable();
        found.places.dedup();
        Some(found)
    }
}

/// The positions of the steps in `calls`, the earliest possible.
fn find(sequence: &Sequence, calls: &[(usize, &Call)], budget: &Budget) -> Option<Vec<usize>> {
    let first = sequence.steps.first()?;
    let mut from = 0;
    loop {
        let start = from + next(first, calls.get(from..)?, budget)?;
        let end = sequence.within.map_or(calls.len(), |within| calls.len().min(start.saturating_add(within)));
        if let Some(positions) = find_from(sequence, calls, start..end, budget) {
            return Some(positions);
        }
        // Without a window a later beginning finds no more than an earlier one.
        sequence.within?;
        from = start + 1;
    }
}

fn find_from(
    sequence: &Sequence,
    calls: &[(usize, &Call)],
    inside: Range<usize>,
    budget: &Budget,
) -> Option<Vec<usize>> {
    let mut positions = Vec::with_capacity(sequence.steps.len());
    let mut at = inside.start;
    for step in &sequence.steps {
        at += next(step, calls.get(at..inside.end)?, budget)?;
        positions.push(at);
        at += 1;
    }
    Some(positions)
}

/// The first call that is this step, as far as the budget goes.
fn next(step: &Step, calls: &[(usize, &Call)], budget: &Budget) -> Option<usize> {
    let reads = step.text.is_some() || step.min_entropy.is_some();
    let cost = |call: &Call| if reads { Index::texts(call).map(str::len).sum() } else { 0 };
    let weight = step.text.as_ref().map_or(1, Pattern::weight);
    let found =
        calls.iter().position(|(_, call)| !budget.spend_search(cost(call), weight) || step.fits(call))?;
    (!budget.is_cut()).then_some(found)
}

impl Step {
    /// Whether a call is this step.
    fn fits(&self, call: &Call) -> bool {
        self.apis.iter().any(|api| api.is(&call.module, &call.name))
            && self.succeeds.is_none_or(|succeeds| succeeds == succeeded(call))
            && self.number.as_ref().is_none_or(|number| call.args.iter().any(|arg| number.fits(arg)))
            && self.text.as_ref().is_none_or(|text| Index::texts(call).any(|of| text.is_match(of.as_bytes())))
            && self
                .min_entropy
                .is_none_or(|least| call.args.iter().any(|arg| entropy(arg).is_some_and(|of| of >= least)))
    }
}

impl NumberTest {
    fn fits(&self, arg: &Arg) -> bool {
        let is_named = self.arg.as_ref().is_none_or(|name| arg.name.as_deref() == Some(name));
        let tests = |number: i128| {
            self.mask.is_none_or(|mask| number & mask != 0)
                && self.value.is_none_or(|(op, value)| op.holds(number, value))
        };
        is_named && numbers(arg.value).into_iter().flatten().any(tests)
    }
}

/// An integer as signed and as unsigned.
pub(super) fn numbers(value: Value) -> [Option<i128>; 2] {
    match value {
        Value::I32(value) => [Some(value.into()), Some((value as u32).into())],
        Value::I64(value) => [Some(value.into()), Some((value as u64).into())],
        _ => [None, None],
    }
}

/// WASI names its errors; elsewhere a negative result is one.
fn succeeded(call: &Call) -> bool {
    let negative = |value: &Value| matches!(value, Value::I32(..0) | Value::I64(..0));
    call.errno.is_none() && !call.results.iter().any(negative)
}

fn entropy(arg: &Arg) -> Option<f64> {
    match &arg.points_at {
        Some(Pointed::Bytes { entropy, .. }) => Some(*entropy),
        Some(Pointed::Text { text }) => Some(crate::module::view::entropy(text.as_bytes())),
        None => None,
    }
}

/// A call as evidence: its name and the texts it was given.
pub(super) fn show_call(call: &Call) -> String {
    let texts: Vec<String> = Index::texts(call).map(quoted).collect();
    format!("{}({})", call.name, texts.join(", "))
}
