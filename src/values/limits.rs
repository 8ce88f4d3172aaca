//! The limits of the data level, each with its reason. A trace and its effects may come from strangers.

use crate::trace::RESERVED;

/// Bytes of all memories at most: what is reserved for them. Untouched pages cost nothing.
pub const MAX_MEMORY_BYTES: u64 = RESERVED;

/// Bytes up to which a memory grows in place; a larger one is copied where it is not zero.
pub(super) const SMALL_MEMORY: usize = 64 << 20;

/// Most elements of all tables: 128 MiB.
pub const MAX_TABLE_ELEMENTS: u64 = 1 << 24;

/// Most functions of all instances.
pub(super) const MAX_FUNCTIONS: u32 = 1 << 24;

/// Most slots of all frames: 512 MiB, which the engine's stack limit stays below by default.
pub const MAX_SLOTS: usize = 1 << 26;

/// Bytes of frames, slots and globals of all threads that do not run: twice what the engine gives them.
pub(super) const MAX_PARKED_BYTES: u64 = 2 << 30;

/// Most frames of all invocations together: 24 MB. The engine is given far fewer.
pub const MAX_FRAMES: usize = 1_000_000;

/// Most operators that one instruction covers: their number has 8 bits.
pub(super) const MAX_COVER: usize = 240;

/// Most locals of a function, parameters included: validation allows half as many.
pub(super) const MAX_LOCALS: usize = 100_000;

/// Most states that the host kept which are held: a driver returns to the last.
pub(super) const MAX_KEPT: usize = 8;

/// Bytes of those states: what the tracer keeps, and as much of tables.
pub(super) const MAX_KEPT_BYTES: u64 = 512 << 20;

/// Bytes looked at to keep states and to put them back: more than twice what a driver of ours looks at, some
/// ten seconds.
pub(super) const MAX_KEPT_LOOKS: u64 = 64 << 30;

/// Instructions between two moments of a timeline that are saved, at first: some milliseconds.
pub(super) const SAVED_EVERY: u64 = 1 << 20;

/// Most moments of a timeline that are saved: of a run of 10^9 instructions one every 16 to 32 million, which
/// take less than 0.1 s to run.
pub(super) const MAX_SAVED: usize = 64;

/// Bytes of all moments that are saved.
pub(super) const MAX_SAVED_BYTES: u64 = 512 << 20;

/// Bytes of memory that are looked through in about the time of one instruction: a large memory is saved more
/// rarely.
pub(super) const SAVED_BYTES_AN_INSTRUCTION: u64 = 4;

/// Most bytes of a memory whose writers are followed: some MiB of writers.
pub const MAX_WATCHED: u64 = 1 << 16;

/// Most bytes of a pattern that is looked for: each write looks as far around itself.
pub const MAX_PATTERN: usize = 4096;

/// Most places that are told of those where something was found; more are counted.
pub const MAX_FOUND: usize = 10_000;

/// Places that stand at the same time and are told from new ones: 70 MB. Beyond, one that is written again as
/// it was is counted again.
pub(super) const MAX_STANDING: usize = 1 << 20;

/// Instructions that a debugger looks through at first for the next stop: some milliseconds.
pub(super) const FIRST_WINDOW: u64 = 1 << 16;

/// Instructions that it looks through at once at most.
pub(super) const MAX_WINDOW: u64 = 1 << 22;

/// Most stops of a debugger: each instruction is compared with all of them.
pub(super) const MAX_STOPS: usize = 100;

/// Most steps that a slice knows back from its moment: 200 MiB.
pub(super) const MAX_STEPS: usize = 1 << 22;

/// Most steps of a slice: nobody reads more, and what is nearest to the value is kept.
pub(super) const MAX_SLICE: usize = 10_000;

/// Most pages of 4 KiB of all memories whose bytes are followed: 16 KiB each, 512 MiB.
pub(super) const MAX_SHADOW_PAGES: usize = 1 << 15;

/// Bytes of a page of a heat map at first, as a power of two.
pub(super) const HEAT_PAGE_LOG2: u32 = 12;

/// Most cells of a heat map: some MiB of JSON. Beyond, pages are taken together.
pub(super) const MAX_HEAT_CELLS: usize = 1 << 16;

/// Elements of an array that is filled that visitors are told of one by one.
pub(super) const MAX_TOLD_ELEMENTS: u64 = 4096;
