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
    grounds::succeeded,
    quoted,
};

impl Evaluator<'_> {
    /// Finds a sequence among `calls`, ascending positions of host calls: one whose calls succeeded, else
    /// any, which is an attempt.
    pub(super) fn sequence(&self, sequence: &Sequence, calls: &[usize]) -> Option<Found> {
        let all = self.index.all_calls();
        let calls: Vec<(usize, &Call)> =
            calls.iter().filter_map(|call| all.get(*call).map(|of| (*call, of))).collect();
        let search = |is_done| Search { evaluator: self, sequence, is_done }.found(&calls);
        search(true).or_else(|| {
            let mut found = calls.iter().any(|(_, call)| !succeeded(call)).then(|| search(false))??;
            found.grounds.is_attempt = true;
            Some(found)
        })
    }
}

/// A search for one sequence.
struct Search<'s, 'e> {
    evaluator: &'s Evaluator<'e>,
    sequence: &'s Sequence,
    /// Steps that do not say whether they succeed are looked for among calls that did.
    is_done: bool,
}

impl Search<'_, '_> {
    fn found(&self, calls: &[(usize, &Call)]) -> Option<Found> {
        let mut found = Found { dynamic: true, ..Found::default() };
        let mut rest = calls;
        while found.count < self.sequence.times {
            let positions = self.find(rest)?;
            let steps = || positions.iter().filter_map(|at| rest.get(*at));
            let grounds = self.evaluator.grounds(steps().map(|(_, call)| *call));
            if found.count == 0 {
                let shown: Vec<String> = steps().map(|(_, call)| show_call(call)).collect();
                found.what = Some(super::shorten(&shown.join(" → ")));
                found.grounds.is_driven = grounds.is_driven;
            }
            found.grounds.is_driven &= grounds.is_driven;
            let sites = steps().filter_map(|(call, _)| self.evaluator.index.call_site(*call));
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

    /// The positions of the steps in `calls`, the earliest possible.
    fn find(&self, calls: &[(usize, &Call)]) -> Option<Vec<usize>> {
        let first = self.sequence.steps.first()?;
        let mut from = 0;
        loop {
            let start = from + self.next(first, calls.get(from..)?)?;
            let within = self.sequence.within;
            let end = within.map_or(calls.len(), |within| calls.len().min(start.saturating_add(within)));
            if let Some(positions) = self.find_from(calls, start..end) {
                return Some(positions);
            }
            // Without a window a later beginning finds no more than an earlier one.
            within?;
            from = start + 1;
        }
    }

    fn find_from(&self, calls: &[(usize, &Call)], inside: Range<usize>) -> Option<Vec<usize>> {
        let mut positions = Vec::with_capacity(self.sequence.steps.len());
        let mut at = inside.start;
        for step in &self.sequence.steps {
            at += self.next(step, calls.get(at..inside.end)?)?;
            positions.push(at);
            at += 1;
        }
        Some(positions)
    }

    /// The first call that is this step, as far as the budget goes.
    fn next(&self, step: &Step, calls: &[(usize, &Call)]) -> Option<usize> {
        let budget = &self.evaluator.budget;
        let reads = step.text.is_some() || step.min_entropy.is_some();
        let cost = |call: &Call| if reads { Index::texts(call).map(|text| text.len()).sum() } else { 0 };
        let weight = step.text.as_ref().map_or(1, Pattern::weight);
        let found = calls
            .iter()
            .position(|(at, call)| !budget.spend_search(cost(call), weight) || self.fits(step, *at, call))?;
        (!budget.is_cut()).then_some(found)
    }

    /// Whether the call at `at` is a step.
    fn fits(&self, step: &Step, at: usize, call: &Call) -> bool {
        let succeeds = step.succeeds.or(self.is_done.then_some(true));
        let is_text = |text: &Pattern| {
            let mut texts = Index::texts(call).filter(|of| text.is_match(of.as_bytes()));
            texts.any(|text| !step.is_chosen || self.evaluator.is_chosen(at, &text))
        };
        step.apis.iter().any(|api| api.is(&call.module, &call.name))
            && succeeds.is_none_or(|succeeds| succeeds == succeeded(call))
            && step.number.as_ref().is_none_or(|number| call.args.iter().any(|arg| number.fits(arg)))
            && step.text.as_ref().is_none_or(is_text)
            && step
                .min_entropy
                .is_none_or(|least| call.args.iter().any(|arg| entropy(arg).is_some_and(|of| of >= least)))
    }
}

impl Evaluator<'_> {
    /// Whether the sample itself chose the file behind the path `text`, given to the host call at `at`. One
    /// that its arguments name was asked for; one that it came upon while it listed a folder is no target,
    /// unless the file has the name too. A listing that was not kept may have given any name.
    fn is_chosen(&self, at: usize, text: &str) -> bool {
        let asked = self.index.run().map_or(&[][..], |run| &run.asked);
        let name = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text).as_bytes();
        let holds = |bytes: &[u8]| memchr::memmem::find(bytes, name).is_some();
        let is_end = |whole: &str, end: &str| {
            whole.strip_suffix(end).is_some_and(|head| head.is_empty() || head.ends_with('/'))
        };
        let names = |arg: &str| {
            let arg = arg.trim_start_matches("./");
            !arg.is_empty() && (is_end(text, arg.trim_start_matches('/')) || is_end(arg, text))
        };
        if asked.iter().any(|arg| names(arg)) || at < self.index.derived().asked {
            return false;
        }
        let listings = self.index.listings();
        let is_listed = listings
            .iter()
            .take_while(|(call, _)| *call < at)
            .any(|(_, names)| names.is_empty() || holds(names));
        !is_listed || holds(self.index.facts.wasm)
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

fn entropy(arg: &Arg) -> Option<f64> {
    match &arg.points_at {
        Some(Pointed::Bytes { entropy, .. }) => Some(*entropy),
        Some(Pointed::Text { text }) => Some(crate::module::view::entropy(text.as_bytes())),
        Some(Pointed::Resource { .. }) | None => None,
    }
}

/// A call as evidence: its name and the texts it was given.
pub(super) fn show_call(call: &Call) -> String {
    let texts: Vec<String> = Index::texts(call).map(|text| quoted(&text)).collect();
    format!("{}({})", call.name, texts.join(", "))
}
