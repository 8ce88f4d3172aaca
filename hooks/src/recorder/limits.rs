//! The limits of recording, each with unit and reason: how much is held back, and how long a run is silent.

/// Words in a chunk before the sink gets them, 32 KiB: it stays well inside a level-2 cache.
pub const WORDS_PER_CHUNK: usize = 4096;

/// Words after which the sink is asked again whether to go on: about a thousand decisions, a few
/// microseconds.
pub const WORDS_PER_POLL: usize = 16;

/// Direct calls after which the sink is asked again: they push no decision, and a tree of them can be
/// exponentially large.
pub const CALLS_PER_POLL: u32 = 1024;

/// Operators of straight code after which the translator inserts a poll: a body can have millions without a
/// decision or a call.
pub const OPS_PER_POLL: u32 = 8192;

/// Growths of a memory beyond what is near: each may move all that there is, here and when values are
/// computed again.
pub const FAR_GROWTHS: u32 = 16;

/// Bytes or elements from which a bulk operation that leaves no event is charged: it takes as long as a poll.
pub const CHARGED_BULK: u64 = 4096;
