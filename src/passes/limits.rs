//! Limits of what passes keep, each with unit and reason.

/// Slots named for one call: the loader that writes more is named by its first.
pub(super) const MAX_SLOTS: usize = 8;

/// Instructions kept that wrote tables: loaders have one or two.
pub(super) const MAX_WRITES: usize = 256;

/// Blocks kept in `Dynamic::hot_blocks`: the tail of the list runs next to never.
pub const HOT_BLOCKS: usize = 64;

/// Functions, blocks and branches in the lists of `Metrics`: a page.
pub const HOT: usize = 16;

/// Blocks in `Detail::hot_blocks` of a function: there may be a hundred thousand functions.
pub(super) const HOT_OF_FUNCTION: usize = 4;

/// Functions that ran whose opcodes and hot blocks are listed, in the order of their indices: a million that
/// ran once would take half a GiB more.
pub(super) const DETAILED: usize = 100_000;

/// Different figures of functions that are looked for again.
pub(super) const MAX_SHARED: usize = 4096;

/// Callees and constants in the lists of `Detail`: a dispatcher has thousands.
pub const MAX_TARGETS: usize = 64;

/// Distinct stacks kept: each takes its frames in memory, and a flame graph shows fewer.
pub const MAX_STACKS: usize = 200_000;

/// Frames of a stack kept: recursion is merged below, and none is drawn higher.
pub const STACK_DEPTH: usize = 200;

/// Hot paths kept: a page.
pub(super) const HOT_PATHS: usize = 20;

/// Units of work for which a run is followed at least, to see where its data went: some 20 ms. An instruction
/// is one while nothing is labelled.
pub(super) const FLOW_UNITS: u64 = 1 << 24;

/// Units that an instruction is from then on: it takes about as much longer.
pub(super) const FOLLOWED_UNITS: u64 = 24;

/// Units that joining a range of bytes to others costs: it is copied and hashed.
pub(super) const MERGED_UNITS: u64 = 4;

/// Instructions after which is looked whether there are units left: more than one step of the machine.
pub(super) const FLOW_STEP: u64 = 1 << 16;

/// Branches of which it is kept what decided them: more than a large program has that depend on what it was
/// given.
pub(super) const MAX_DECIDED: usize = 100_000;

/// Flows to arguments of host functions of which it is kept what chose them: a program hands over fewer.
pub(super) const MAX_CHOSEN: usize = 4096;

/// Bytes at least of a text that one number chose whole: a date that it was made into is shorter.
pub(super) const CHOSEN_BYTES: u64 = 20;

/// Flows that are told: nobody reads more, and what is told first matters most.
pub(super) const MAX_FLOWS: usize = 200;

/// Growths of memory that the course of a run keeps: more than a drawing has columns.
pub(super) const COURSE_GROWTHS: usize = 100_000;

/// Bytes of a file that conditions must depend on before what they lead to tells of it.
pub(super) const TOLD_BY_CONDITIONS: u64 = 16;

/// Instructions from which on a run is looked at for what it stirs: fewer are no work.
pub(super) const STIRRED_INSTRUCTIONS: u64 = 100_000_000;

/// Instructions for which what it keeps is followed: some hundred rounds of a hash.
pub(super) const STIRRED_WHILE: u64 = 1 << 15;

/// Instructions that are computed before at most: a second.
pub(super) const MOST_COMPUTED: u64 = 200_000_000;
