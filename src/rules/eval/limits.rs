//! Limits of an evaluation, each with unit and reason.

/// Steps of one rule, on all instances of both columns: a fifth of those of all, so that no rule starves the
/// others.
pub(super) const RULE_STEPS: u64 = 30_000_000;

/// Steps of all rules: evaluation takes seconds at most, as a run does.
pub(super) const ALL_STEPS: u64 = 150_000_000;

/// Places kept of a match, the others counted: a report of more is read by nobody.
pub(super) const MAX_PLACES: usize = 100;

/// Places kept of one statement: a tree has a hundred statements.
pub(super) const MAX_FOUND_PLACES: usize = 20;

/// Instances of one rule kept for `match:`: other rules walk them for each of their own.
pub(super) const MAX_INSTANCES: usize = 10_000;

/// Characters kept of what was found: two lines.
pub(super) const MAX_SHOWN: usize = 160;

/// Rules that a limitation names, the rest counted: a sentence.
pub(super) const MAX_NAMED: usize = 3;

/// Names shown of those that a leaf found: a line.
pub(super) const SHOWN_NAMES: usize = 5;
