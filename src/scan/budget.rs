//! What modules within modules may add up to, for all that one file holds.
//!
//! Each analysis of a module may find a hundred others in it, each another one, and they may be made so that
//! none is like another: a bound on how deep they lie in each other does not end that in a lifetime. So there
//! is one on how many there are. A member of an archive adds itself to it: an archive of droppers is looked
//! through, and the work stays in proportion to what it holds.

use super::limits::{INNER_BYTES, INNER_MODULES};
use std::sync::{Mutex, PoisonError};

/// What is left.
#[derive(Debug)]
pub(super) struct Budget(Mutex<Left>);

#[derive(Debug)]
struct Left {
    modules: u64,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(Left { modules: INNER_MODULES, bytes: INNER_BYTES }))
    }
}

impl Budget {
    /// Adds a member of so many bytes.
    pub(super) fn add(&self, bytes: u64) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.modules = left.modules.saturating_add(1);
        left.bytes = left.bytes.saturating_add(bytes);
    }

    /// Takes a module of so many bytes from it; false if there is too little left.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(modules), Some(bytes)) = (left.modules.checked_sub(1), left.bytes.checked_sub(bytes))
        else {
            return false;
        };
        *left = Left { modules, bytes };
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
}
