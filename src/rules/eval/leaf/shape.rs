//! Loops and shapes of code that ran.

use crate::{
    module::FuncIndex,
    passes::{ExecutedLoop, FunctionMetrics},
};

use super::super::{Evaluator, Found};

impl Evaluator<'_> {
    /// One function, or all, if they ran.
    fn functions_that_ran(&self, only: Option<FuncIndex>) -> &[FunctionMetrics] {
        match only {
            Some(func) => self.index.ran(func).map(std::slice::from_ref).unwrap_or_default(),
            None => &self.index.facts.dynamic.functions,
        }
    }

    /// Loops that went round.
    pub(super) fn executed_loops(&self, only: Option<FuncIndex>) -> Found {
        let loops: Vec<&ExecutedLoop> = match only {
            Some(func) => self.index.loops_of(func).map(|(_, of)| of).collect(),
            None => self.index.facts.dynamic.loops.iter().collect(),
        };
        let mut found = Found::of_run();
        for of in loops.into_iter().filter(|of| of.iterations > of.entries) {
            found.at(Some(of.place));
        }
        found
    }

    /// Opaque predicates that ran and never went the other way.
    pub(super) fn executed_opaque(&self, only: Option<FuncIndex>) -> Found {
        let branches = &self.index.facts.dynamic.branches;
        let mut found = Found::of_run();
        for function in self.functions_that_ran(only) {
            for place in self.shapes.opaque(&self.index, function.index) {
                let at = branches.binary_search_by(|branch| branch.place.cmp(&place));
                let ran = at.ok().and_then(|at| branches.get(at));
                if ran.is_some_and(|branch| (branch.taken == 0) != (branch.not_taken == 0)) {
                    found.at(Some(place));
                }
            }
        }
        found
    }

    /// Dispatchers of functions that ran.
    pub(super) fn executed_flattened(&self, only: Option<FuncIndex>) -> Found {
        let mut found = Found::of_run();
        for function in self.functions_that_ran(only) {
            for place in self.shapes.flattened(&self.index, function.index) {
                found.at(Some(place));
            }
        }
        found
    }
}
