//! The limits of the data level, each with its reason. A trace and its effects may come from strangers.

/// Bytes of all memories at most: what a 32-bit memory can have. Untouched pages cost nothing.
pub const MAX_MEMORY_BYTES: u64 = 4 << 30;

/// Bytes up to which a memory grows in place; a larger one is copied where it is not zero.
pub(super) const SMALL_MEMORY: usize = 64 << 20;

/// Most elements of all tables: 128 MiB.
pub const MAX_TABLE_ELEMENTS: u64 = 1 << 24;

/// Most functions of all instances.
pub(super) const MAX_FUNCTIONS: u32 = 1 << 24;

/// Most slots of all frames: 512 MiB, which the engine's stack limit stays below by default.
pub const MAX_SLOTS: usize = 1 << 26;

/// Most frames of all invocations together: 24 MB. The engine is given far fewer.
pub const MAX_FRAMES: usize = 1_000_000;

/// Most operators that one instruction covers: their number has 16 bits.
pub(super) const MAX_COVER: usize = 60_000;

/// Most locals of a function, parameters included: validation allows half as many.
pub(super) const MAX_LOCALS: usize = 100_000;
