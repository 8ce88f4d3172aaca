//! What bounds what a replay counts, each with unit and reason.

/// Pairs of call site and callee kept for calls through tables, of imports, and by the host. Calls beyond are
/// counted only.
pub(in crate::passes) const CALL_SITES: usize = 1 << 20;

/// Different sequences kept, 24 bytes each. What comes later and is not among them is counted only.
pub(super) const MAX_PATHS: usize = 100_000;

/// Slots of the cache of sequences: 24 KiB, so that it stays in the first cache of the processor.
pub(super) const PATH_SLOTS: usize = 1024;
