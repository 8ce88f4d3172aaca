//! The state that the driver returns to after a call that failed.
//!
//! One instance serves all entry points, so a call with made-up arguments that traps half-way would leave a
//! heap behind on which whatever follows fails as well. What the sample did to files stays: it happened.

use crate::tracer::{Session, Snapshot};

use super::limits::RETURN_BYTES;

/// A state, and what it cost so far.
#[derive(Default)]
pub(super) struct Returning {
    kept: Option<Snapshot>,
    spent: u64,
}

impl Returning {
    /// Keeps the state of now. What is too large to be kept leaves nothing to return to.
    pub(super) fn keep(&mut self, session: &mut Session) {
        self.kept = if self.spent < RETURN_BYTES { session.snapshot() } else { None };
        self.spent += self.kept.as_ref().map_or(0, |kept| kept.cost);
    }

    /// Returns to it.
    pub(super) fn go_back(&mut self, session: &mut Session) {
        if let Some(kept) = &self.kept
            && self.spent < RETURN_BYTES
        {
            session.restore(kept);
            self.spent += kept.cost;
        }
    }
}
