//! What bounds the driver, each with unit and reason.

/// Exports driven early because their type is that of one that makes an object: each takes its time of the
/// run.
pub(super) const GIVERS: usize = 16;

/// Exports driven with made-up arguments: each takes its time of the run.
pub(super) const DRIVEN: usize = 64;

/// Functions and calls followed to rank all exports together: a fraction of a second.
pub(super) const RANK_STEPS: usize = 4_000_000;

/// Exports tried as allocators where none has the name of one: two calls each.
pub(super) const ALLOCATORS_TRIED: usize = 8;

/// Bytes of memory looked at in a run to put the instance back after failed calls: some seconds.
pub(super) const RETURN_BYTES: u64 = 8 << 30;
