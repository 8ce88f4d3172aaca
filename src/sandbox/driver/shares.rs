//! What each export gets of the run.
//!
//! The first ones are driven as long as that costs little, and a few whatever it costs. So that busy exports
//! leave something for those after them, each gets no more than its share of what is left from then on. All
//! others are called once, for a short while: what puts a text together in memory needs no more.

use super::{
    Driver, EntryKind, Role,
    args::{self, PATTERNS},
    candidates::Candidate,
    limits::{
        DRIVEN_BYTES, DRIVEN_LEAST, DRIVEN_WORK, SEARCH_BLOCKS, SHORT, SHORT_ALL, SHORT_BYTES,
        SHORT_INSTRUCTIONS, SHORT_WORK,
    },
};
use crate::tracer::Budget;

/// Work and instructions that an entry gets at most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Share(Option<(u64, u64)>);

impl Share {
    /// A budget that is within it.
    pub(super) fn of(self, mut budget: Budget) -> Budget {
        if let Some((work, instructions)) = self.0 {
            budget.work = Some(budget.work.map_or(work, |own| own.min(work)));
            budget.instructions = Some(budget.instructions.map_or(instructions, |own| own.min(instructions)));
        }
        budget
    }
}

impl Driver<'_> {
    /// Calls these as long as that costs not too much, and counts them. Gives those that showed little. Work
    /// and bytes returned to do not count that were there when it `began`.
    pub(super) fn each<'c>(
        &mut self,
        candidates: &[&'c Candidate],
        driven: &mut usize,
        is_all: bool,
        began: (u64, u64),
    ) -> Vec<&'c Candidate> {
        let mut quiet = Vec::new();
        for (position, &candidate) in candidates.iter().enumerate() {
            let is_late = !is_all && self.has_used_up(began);
            if self.is_over() || is_late && *driven >= DRIVEN_LEAST {
                break;
            }
            self.share =
                if is_late { self.share_among(candidates.len() - position) } else { Share::default() };
            let before = self.session.blocks_seen();
            self.try_out(candidate);
            if self.session.blocks_seen() < before + SEARCH_BLOCKS {
                quiet.push(candidate);
            }
            *driven += 1;
        }
        self.share = Share::default();
        quiet
    }

    /// Calls each of these once, for a short while, and counts them.
    pub(super) fn shortly(&mut self, candidates: &[&Candidate]) -> usize {
        let ((began, _), returned) = (self.session.work(), self.returning.spent());
        self.share = Share(Some((SHORT_WORK, SHORT_INSTRUCTIONS)));
        let mut called = 0;
        for candidate in candidates.iter().take(SHORT) {
            let (now, _) = self.session.work();
            let is_spent = now - began >= SHORT_ALL || self.returning.spent() - returned >= SHORT_BYTES;
            if is_spent || self.is_over() {
                break;
            }
            self.deal(&candidate.params);
            let args = match candidate.role {
                Role::Set => args::make_setting(&candidate.params, self.material),
                _ => args::make(&candidate.params, PATTERNS - 1, self.material),
            };
            self.call(candidate, EntryKind::Export, args, !candidate.params.is_empty());
            if !self.settle() {
                self.spend();
            }
            called += 1;
        }
        self.share = Share::default();
        called
    }

    /// What one of so many exports gets: half of what is left is for what comes after them.
    fn share_among(&mut self, exports: usize) -> Share {
        let (work, instructions) = (self.session.work().0, self.session.instructions());
        let limits = &self.options.limits;
        let of = |limit: Option<u64>, used: u64, least: u64| {
            let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(used));
            (left / 2 / exports.max(1) as u64).max(least)
        };
        Share(Some((
            of(limits.decisions, work, SHORT_WORK),
            of(limits.instructions, instructions, SHORT_INSTRUCTIONS),
        )))
    }

    /// Whether driving has cost so much that only the first exports are driven.
    fn has_used_up(&mut self, (work, returned): (u64, u64)) -> bool {
        let (now, _) = self.session.work();
        now - work >= DRIVEN_WORK || self.returning.spent() - returned >= DRIVEN_BYTES
    }
}
