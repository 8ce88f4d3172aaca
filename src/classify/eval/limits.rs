//! Limits of evaluations, each with unit and reason.

/// Different calls that rules are made of at most, by name: there are 46 of WASI.
pub(super) const MAX_CALLS: usize = 64;

/// Different sequences (repeats counted once) whose n-grams are compared with each other, at most: it costs
/// their square. Those beyond are grouped only with equal ones.
pub const MAX_COMPARED: usize = 2000;

/// Calls of a sequence (repeats counted once) whose n-grams are compared, at most: each comparison costs
/// their number.
pub(super) const MAX_LEN: usize = 10_000;
