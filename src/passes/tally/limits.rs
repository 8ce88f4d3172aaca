//! Limits of what a replay counts, each with unit and reason.

/// Pairs of call site and callee kept for calls through tables, of imports, and by the host. Calls beyond are
/// counted only.
pub(in crate::passes) const CALL_SITES: usize = 1 << 20;

/// Different sequences kept, 24 bytes each. A sequence that comes later and is not among them is counted
/// only.
pub(super) const MAX_PATHS: usize = 100_000;

/// Frames of a stack that are marked one by one when threads change: hardly any is deeper.
pub(super) const MARKED: usize = 1024;

/// Slots of the cache of sequences: 24 KiB, so that it stays in the first cache of the processor.
pub(super) const PATH_SLOTS: usize = 1024;

/// Blocks of a graph that functions share: the millionth function of a module has a few.
pub(super) const SHARED_BLOCKS: u32 = 4;

/// Graphs that functions share: each function is compared with all of them.
pub(super) const SHARED_GRAPHS: usize = 16;
