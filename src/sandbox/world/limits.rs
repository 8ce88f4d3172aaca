//! What bounds other worlds, each with unit and reason.

/// Rounds of a main loop that are run: what a page does, it does in the first ones.
pub(super) const LOOP_ROUNDS: u32 = 16;

/// Most that memory may grow to, as glue code of the time had it.
pub(super) const HEAP_MAX: u64 = 2 << 30;

/// Operators looked at to tell what imports are used for: a fraction of a second.
pub(super) const USAGE_OPERATORS: usize = 20_000_000;

/// Locals of a function followed for that: toolchains keep hot values in the first ones.
pub(super) const USAGE_LOCALS: usize = 1024;

/// Operands followed for that at a time: more than code of a toolchain has.
pub(super) const USAGE_OPERANDS: usize = 1024;
