//! The budget of modules within modules, for all that one file holds, and how long they may take.
//!
//! Each analysis of a module may find a hundred others in it, and none need be like another. A bound on how
//! deep they lie in each other does not end that in a lifetime. So there is one on how many there are. A
//! member of an archive adds itself to it: an archive of droppers is looked through, and the work stays in
//! proportion to what it holds.
//!
//! Each sample may take minutes, and an archive of a few MiB may hold 200,000 that take all of theirs. So all
//! modules of a file have a time together, too: some minutes, and for each of them a part of what one may
//! take.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::limits::{INNER_BYTES, INNER_MODULES, INNER_TIME, INNER_TIME_OF_MEMBER};

/// What is left.
#[derive(Debug)]
pub(super) struct Budget(Mutex<Left>);

#[derive(Debug)]
struct Left {
    modules: u64,
    bytes: u64,
    time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(Left { modules: INNER_MODULES, bytes: INNER_BYTES, time: INNER_TIME }))
    }
}

impl Budget {
    /// Adds a member of so many bytes.
    pub(super) fn add(&self, bytes: u64) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.modules = left.modules.saturating_add(1);
        left.bytes = left.bytes.saturating_add(bytes);
        left.time = left.time.saturating_add(INNER_TIME_OF_MEMBER);
    }

    /// Takes the time that a module took.
    pub(super) fn spend(&self, time: Duration) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.time = left.time.saturating_sub(time);
    }

    /// Whether there is no time left for another module.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).time.is_zero()
    }

    /// Takes a module of so many bytes from it; false if there is too little left.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(modules), Some(bytes)) = (left.modules.checked_sub(1), left.bytes.checked_sub(bytes))
        else {
            return false;
        };
        (left.modules, left.bytes) = (modules, bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_and_members_add_to_it() {
        let budget = Budget::default();
        assert_eq!((0..1000).filter(|_| budget.take(1)).count() as u64, INNER_MODULES);
        budget.add(5);
        assert!(!budget.take(INNER_BYTES));
        assert!(budget.take(5));
        assert!(!budget.take(0));
    }

    #[test]
    fn all_modules_of_a_file_have_a_time_together() {
        let budget = Budget::default();
        for _ in 0..10 {
            budget.add(1);
        }
        budget.spend(INNER_TIME + 9 * INNER_TIME_OF_MEMBER);
        assert!(!budget.is_out_of_time());
        budget.spend(2 * INNER_TIME_OF_MEMBER);
        assert!(budget.is_out_of_time());
    }
}
