//! What bounds the driver, each with unit and reason.

/// Exports driven early because their type is that of one that makes an object: each takes its time of the
/// run.
pub(super) const GIVERS: usize = 16;

/// Exports driven with made-up arguments: each takes its time of the run.
pub(super) const DRIVEN: usize = 64;

/// Functions and calls followed to rank all exports together: a fraction of a second.
pub(super) const RANK_STEPS: usize = 4_000_000;
