//! Limits of the search for constants, each with unit and reason.

/// Places kept of one constant, in code and as many in data: a table repeats for megabytes.
pub(super) const CONSTANT_PLACES: u32 = 100;
