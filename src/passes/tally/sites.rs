//! Callers and callees where the code does not say them: through tables, by import, by the host.
//!
//! Bounded by [`CALL_SITES`]; what is beyond is counted.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::{
    super::{
        MAX_TARGETS,
        top::{Ranked, Top},
    },
    State,
    limits::CALL_SITES,
};

/// What came of a call site.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::passes) struct Calls {
    pub(in crate::passes) count: u64,
    /// Whether the callee was on the stack.
    pub(in crate::passes) is_back: bool,
    /// The entry point that came here last, and the count before it.
    last: (usize, u64),
}

impl Calls {
    fn add(&mut self, is_back: bool) {
        self.count += 1;
        self.is_back |= is_back;
    }
}

/// A call by an instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    /// The block that calls.
    pub(super) site: usize,
    pub(super) callee: State,
    /// Through a table.
    pub(super) is_indirect: bool,
}

/// Counts calls.
#[derive(Debug, Default)]
pub(in crate::passes) struct Sites {
    /// Calls through tables and of imports, by block.
    pub(in crate::passes) code: HashMap<(usize, State), Calls>,
    /// Calls by the host: from which host function, if it is nested.
    pub(in crate::passes) host: HashMap<(Option<State>, State), Calls>,
    /// Calls that are in neither because of [`CALL_SITES`].
    pub(in crate::passes) cut: u64,
    /// Calls through tables that the current entry point came to.
    indirect: Vec<(usize, State)>,
    /// Of those that it made, how many are not in `code`.
    indirect_cut: u64,
}

impl Sites {
    /// The host calls, from a host function if it is nested.
    pub(super) fn by_host(&mut self, from: Option<State>, callee: State, is_back: bool) {
        let key = (from, callee);
        match self.host.len() >= CALL_SITES && !self.host.contains_key(&key) {
            true => self.cut += 1,
            false => self.host.entry(key).or_default().add(is_back),
        }
    }

    /// An instruction calls, in entry point number `entry`.
    pub(super) fn by_code(&mut self, call: Made, is_back: bool, entry: usize) {
        let Made { site, callee, is_indirect } = call;
        let is_full = self.code.len() >= CALL_SITES;
        match self.code.get_mut(&(site, callee)) {
            Some(calls) => {
                if is_indirect && calls.last.0 != entry {
                    calls.last = (entry, calls.count);
                    self.indirect.push((site, callee));
                }
                calls.add(is_back);
            }
            None if is_full => {
                self.cut += 1;
                self.indirect_cut += u64::from(is_indirect);
            }
            None => {
                self.code.insert((site, callee), Calls { count: 1, is_back, last: (entry, 0) });
                if is_indirect {
                    self.indirect.push((site, callee));
                }
            }
        }
    }

    /// An entry point ends: what it called through tables.
    pub(super) fn end_entry(&mut self) -> Ranked<State> {
        let mut callees: BTreeMap<State, u64> = BTreeMap::new();
        for (site, callee) in self.indirect.drain(..) {
            let Some(calls) = self.code.get(&(site, callee)) else { continue };
            *callees.entry(callee).or_default() += calls.count - calls.last.1;
        }
        let mut targets = Top::new(MAX_TARGETS);
        callees.into_iter().for_each(|(callee, count)| targets.push(count, callee));
        let mut targets = targets.finish();
        targets.cut_weight += std::mem::take(&mut self.indirect_cut);
        targets
    }
}
