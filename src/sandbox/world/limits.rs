//! What bounds other worlds, each with unit and reason.

/// Rounds of a main loop that are run: what a page does, it does in the first ones.
pub(super) const LOOP_ROUNDS: u32 = 16;

/// Most that memory may grow to, as glue code of the time had it.
pub(super) const HEAP_MAX: u64 = 2 << 30;
