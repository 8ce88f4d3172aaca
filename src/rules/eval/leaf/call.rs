//! Calls of imported functions.

use crate::module::{FuncIndex, Place};

use super::super::{
    super::rule::Name, Evaluator, Found, Instance, limits::MAX_FOUND_PLACES, sequence::show_call, shorten,
};

impl Evaluator<'_> {
    pub(super) fn api(&self, name: &Name, at: &Instance) -> Option<Found> {
        match at {
            Instance::Function(func) => return self.static_api(name, *func),
            Instance::RunFunction(func) => return self.run_api(name, *func),
            _ => {}
        }
        let positions = self.calls_named(name, at);
        if !self.budget.spend_len(positions.len()) {
            return None;
        }
        let all = self.index.all_calls();
        let calls = || positions.iter().filter_map(|call| all.get(*call));
        let first = positions.first().and_then(|call| all.get(*call));
        let what = first.map(|call| shorten(&show_call(call)));
        let mut found = Found { what, grounds: self.grounds(calls()), ..Found::of_run() };
        for &call in &positions {
            found.at(self.index.call_site(call));
        }
        if at.is_whole_run() {
            self.add_calls_not_kept(name, &mut found);
        }
        Some(found)
    }

    /// Positions of the calls of a name inside `at`.
    fn calls_named(&self, name: &Name, at: &Instance) -> Vec<usize> {
        if at.is_whole_run() {
            return self.index.calls_of(name).into_iter().map(|call| call as usize).collect();
        }
        let all = self.index.all_calls();
        let named = |call: &usize| all.get(*call).is_some_and(|call| name.is(&call.module, &call.name));
        self.calls(at).into_iter().filter(named).collect()
    }

    /// Adds the calls that were made when no more were kept; where is known all the same.
    fn add_calls_not_kept(&self, name: &Name, found: &mut Found) {
        let counted = self.index.count_calls(|module, of| name.is(module, of));
        if found.count == 0 && counted > 0 {
            found.what = Some(format!("{counted} calls"));
            found.places = self.index.sites_of(name).take(MAX_FOUND_PLACES).collect();
        }
        found.count = found.count.max(counted);
    }

    /// Direct calls of an import in the code of a function.
    fn static_api(&self, name: &Name, func: FuncIndex) -> Option<Found> {
        let function = self.index.defined(func)?;
        let mut found = Found::default();
        for callee in &function.callees {
            if let Some(import) =
                self.index.import(*callee).filter(|import| name.is(&import.module, &import.name))
            {
                found.what.get_or_insert_with(|| import.name.clone());
                found.at(Some(Place { function: func, offset: function.offset }));
            }
        }
        Some(found)
    }

    /// Calls of an import that a function made.
    fn run_api(&self, name: &Name, func: FuncIndex) -> Option<Found> {
        let mut found = Found::of_run();
        for edge in self.index.edges_from(func) {
            if let Some(import) =
                self.index.import(edge.callee).filter(|import| name.is(&import.module, &import.name))
            {
                found.what.get_or_insert_with(|| import.name.clone());
                found.count = found.count.saturating_add(edge.count);
                let sites = edge.sites.iter().map(|offset| Place { function: func, offset: *offset });
                found.places.extend(sites.take(MAX_FOUND_PLACES.saturating_sub(found.places.len())));
            }
        }
        Some(found)
    }
}
