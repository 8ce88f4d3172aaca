//! Windows of instructions, executed: how often each of MineThrottle's signatures ran.

use std::collections::BTreeMap;

use crate::module::{
    Op,
    signatures::{self, SIGNATURES},
};

/// Signatures of executed windows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Windows([u64; signatures::COUNT]);

impl Windows {
    /// Adds the windows of instructions that ran in a row `count` times.
    pub(super) fn add(&mut self, ops: &[Op], count: u64) {
        for (sum, found) in self.0.iter_mut().zip(signatures::windows(ops)) {
            *sum = sum.saturating_add(u64::from(found).saturating_mul(count));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }

    /// By name, those that were found.
    pub(super) fn named(self) -> BTreeMap<String, u64> {
        SIGNATURES
            .iter()
            .zip(self.0)
            .filter(|(_, count)| *count != 0)
            .map(|(name, count)| ((*name).to_owned(), count))
            .collect()
    }
}
