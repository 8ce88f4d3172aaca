//! Limits of a rule, each with unit and reason.

/// Bytes of a `bytes` feature at most: it becomes a regular expression of four times the length.
pub(in crate::rules) const MAX_BYTES: usize = 256;

/// Steps of a sequence at most: each costs a walk over the calls.
pub(in crate::rules) const MAX_STEPS: usize = 16;
