//! The limits of replay, each with its reason.

/// Items in the buffer of an iterator over events: a few KiB.
pub(super) const EVENTS_HELD: usize = 256;

/// Words read from a file at once: 64 KiB.
pub(super) const WORDS_PER_READ: usize = 8192;

/// Most frames on the call stack of a replay, those of suspended invocations included: 4 MB. The engine is
/// given far fewer.
pub const MAX_FRAMES: usize = 1_000_000;

/// Most frames of the threads that do not run: 32 MB. 64 threads of a run have far fewer.
pub(crate) const MAX_PARKED_FRAMES: usize = 8_000_000;

/// Threads of a run that have begun and not ended: a stack each. Hardly any program has as many.
pub const MAX_THREADS: usize = 1024;

/// Most functions that the instances of a trace may define together: a table of 64 MiB.
pub const MAX_FUNCTIONS: u32 = 1 << 24;

/// Most blocks, and most labels of tables, of the functions that run: 320 MiB. A module of 14 MB has about a
/// million; more than a few such instances in one trace are meant to hurt.
pub const MAX_BLOCKS: u32 = 1 << 24;

/// Most invocations of a trace that were cut short other than by a host function: 448 MiB.
pub const MAX_CUTS: usize = 1 << 23;

/// Parts of a run on their way to its replay: some 8 MiB with their records where checkpoints are made, and a
/// quarter of one where instructions are counted.
pub(super) const PARTS_ON_THE_WAY: usize = 8;

/// Bytes of all that the host did in a run, as far as it is recorded. A program that reads a file of this
/// size has read it whole.
pub const MAX_EFFECT_BYTES: u64 = 256 << 20;

/// Bytes that an effect counts for besides what it carries.
pub(super) const EFFECT_BYTES: u64 = 48;

/// Elements of each table that are put back, and of all together that are kept to be put back: a few MiB.
pub const MAX_RESTORED_ELEMENTS: u64 = 1 << 20;

/// Decisions by which a chunk of a replay is remembered, in bits: what is random still comes again.
pub(super) const CHUNK_BITS: u32 = 8;

/// The same where a decision is wider, in bits: a short target fits, or a table of 4096 labels.
pub(super) const WIDE_CHUNK_BITS: u32 = 12;

/// Most blocks of a chunk that is remembered: longer ones are cut here.
pub(super) const STRETCH_STEPS: usize = 1024;

/// Most chunks that a replay remembers, a power of two: 3 MiB.
pub(super) const MAX_CHUNKS: usize = 1 << 15;

/// Most whole words of decisions that a replay remembers, a power of two: 1.5 MiB.
pub(super) const MAX_WORDS: usize = 1 << 14;

/// Blocks of all chunks that are remembered: 24 MiB.
pub(super) const MAX_CHUNK_STEPS: usize = 1 << 20;

/// Chunks of all words that are remembered: 1 MiB.
pub(super) const MAX_WORD_PARTS: usize = 1 << 18;

/// Frames that all stretches together pop and push: 4 MiB.
pub(super) const MAX_STRETCH_STACK: usize = 1 << 20;

/// Places at which a stretch is sought: as many may begin at one place with the same decisions.
pub(super) const MEMO_PROBES: usize = 8;

/// Words of decisions for which nothing is sought after it did not pay, at first. Twice as many each time
/// that it does not.
pub(super) const SHORTEST_NAP: u32 = 1 << 8;
/// Words of decisions of the longest such nap: a run of a tenth of a second.
pub(super) const LONGEST_NAP: u32 = 1 << 20;

/// Bytes of all memories of a module together that are reserved: more than any tool writes, and a small part
/// of what a process can address.
pub(crate) const RESERVED: u64 = 64 << 30;

/// Characters of a host function's name in counts: those of a mangled one, mostly. Counts of each function
/// and each entry point have it.
pub(super) const HOST_NAME: usize = 512;

/// Limits of a replay that its caller chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Most instructions. Looked at when a word of decisions is spent, at direct calls and at invocations,
    /// so it may be overrun by the blocks between.
    pub max_instructions: u64,
    /// Most steps that leave nothing in the streams: direct calls, blocks that lead to one other only, and
    /// landing pads that an exception passes. Everything else that replay does is bounded by the length of
    /// the streams, so this bounds its time.
    pub max_silent: u64,
    /// Bytes of a memory that were there when it was made, whatever it declared; with many memories each has
    /// its share of 64 GiB at most.
    pub memory_bytes: u64,
}

impl Default for ReplayLimits {
    /// No limit: what a trace of ours says took place.
    fn default() -> Self {
        Self { max_instructions: u64::MAX, max_silent: u64::MAX, memory_bytes: u64::MAX }
    }
}

impl ReplayLimits {
    /// The count from which each silent step takes one, and that ends replay at 0.
    pub(super) fn silent_left(self) -> u64 {
        self.max_silent.saturating_add(1)
    }
}
