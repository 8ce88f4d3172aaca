//! The state that the driver returns to after a call that failed.
//!
//! One instance serves all entry points. So a call with made-up arguments that traps half-way would leave a
//! heap behind on which whatever follows fails as well. The sandbox goes back too: descriptors, standard
//! input, numbers of objects. Changes that the sample made to files stay: they happened.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use crate::{
    sandbox::state::{Kept, State},
    tracer::{Session, Snapshot},
};

use super::limits::RETURN_BYTES;

/// A state, and what it cost so far.
#[derive(Default)]
pub(super) struct Returning {
    kept: Option<(Snapshot, Kept)>,
    spent: u64,
    /// How many entries there were when it was kept.
    entries: usize,
    /// Entries that were undone.
    undone: Vec<Range<usize>>,
    /// Whether a state was to be kept.
    is_wanted: bool,
    /// Entries that would have been undone, had there been a state to return to.
    left: u64,
}

impl Returning {
    /// Keeps the state of now, after so many entries. A state that is too large to be kept leaves nothing to
    /// return to.
    pub(super) fn keep(&mut self, session: &mut Session, state: &Mutex<State>, entries: usize) {
        (self.entries, self.is_wanted) = (entries, true);
        let snapshot = if self.spent < RETURN_BYTES { session.snapshot() } else { None };
        self.spent += snapshot.as_ref().map_or(0, |kept| kept.cost);
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        self.kept = snapshot.map(|snapshot| (snapshot, state.keep()));
    }

    /// Whether so much was looked at that no more is kept.
    pub(super) fn is_spent(&self) -> bool {
        self.spent >= RETURN_BYTES / 2
    }

    /// Bytes that were looked at.
    pub(super) fn spent(&self) -> u64 {
        self.spent
    }

    /// Whether an entry was undone, and what it made with it.
    pub(super) fn is_undone(&self, entry: usize) -> bool {
        let position = self.undone.partition_point(|range| range.end <= entry);
        self.undone.get(position).is_some_and(|range| range.contains(&entry))
    }

    /// Returns to it, after so many entries.
    pub(super) fn go_back(&mut self, session: &mut Session, state: &Mutex<State>, entries: usize) {
        if let Some((snapshot, kept)) = &self.kept
            && self.spent < RETURN_BYTES
        {
            session.restore(snapshot);
            state.lock().unwrap_or_else(PoisonError::into_inner).go_back(kept);
            self.spent += snapshot.cost;
            if self.entries < entries {
                self.undone.push(self.entries..entries);
                self.entries = entries;
            }
        } else if self.is_wanted && entries > self.entries {
            self.left += (entries - self.entries) as u64;
            self.entries = entries;
        }
    }

    /// Entries that were not undone for want of a state to return to.
    pub(super) fn left(&self) -> u64 {
        self.left
    }
}
