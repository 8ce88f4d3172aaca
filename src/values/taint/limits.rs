//! The limits of taint, each with its reason. A sample can mix its input in more ways than memory holds.

/// Source bytes that have a label at most: labels have 31 bits for them.
pub const MAX_SOURCE_BYTES: u32 = 1 << 31;

/// Different sets of source bytes at most: about 200 MB at worst. Beyond, a union keeps the larger part.
pub(super) const MAX_SETS: usize = 1 << 20;

/// Different labels at most: 130 MB.
pub(super) const MAX_LABELS: usize = 1 << 21;

/// Ranges of a set that is always kept as a list. Equal lists are one set, so that what has grown as far as
/// it can is seen to. A set of more ranges may be a union of two in the graph.
pub(super) const LISTED: usize = 16;

/// Ranges of a longer list, while there is room for such: a lookup table or a small program, byte by byte.
pub(super) const LONG_LIST: usize = 512;

/// Ranges of all longer lists together: 64 MB.
pub(super) const MAX_LONG_LISTS: usize = 1 << 22;

/// Sets walked through to list what is in them: some seconds. Beyond, flows are a part.
pub(super) const MAX_WALKED: u64 = 1 << 26;

/// Results of unions and operations that are remembered: 40 MB. Beyond, all are forgotten.
pub(super) const REMEMBERED: usize = 1 << 20;

/// Results of operators on whole values that are remembered: 700 KB, so that they stay near the processor.
pub(super) const MEMO: usize = 1 << 12;

/// Places for what was met lately, at first: programs that do little pay for few (130 KB).
pub(super) const FEWEST_PLACES: usize = 1 << 12;

/// Places at most for numbers of words (8 MB) and for what operators made of them (8 MB). A cipher's rounds,
/// with each byte of a text, need some ten thousand of them in turn.
pub(super) const MAX_RECENT: usize = 1 << 18;

/// Places for words that instructions were given lately: 200 KB.
pub(super) const AGAIN: usize = 1 << 12;

/// Places at most for what sinks were given lately: 3 MB.
pub(super) const MAX_RECENT_SINKS: usize = 1 << 16;

/// Different words that slots hold at most: 75 MB. Beyond, slots have no labels.
pub(super) const MAX_WORDS: usize = 1 << 20;

/// Pages of 4096 bytes that hold labels at most: 256 MiB. Beyond, bytes have none.
pub(super) const MAX_PAGES: usize = 1 << 14;

/// Slots of frames that hold labels at most: 16 MiB. Beyond, slots have none.
pub(super) const MAX_SHADOW_SLOTS: usize = 1 << 22;

/// Places (of branches, accesses, indirect calls) and host functions that flows are kept for at most.
pub(super) const MAX_SINKS: usize = 1 << 16;

/// Beside these, what sinks were given that is told apart by source: 8 MB. Beyond, sources are told together.
pub(super) const MAX_APART: usize = 1 << 16;

/// Sets that are looked through for the sources of a label: more were put together from many bytes.
pub(super) const ORIGIN_SETS: usize = 64;

/// Sources that are told apart in one label: more went into a digest, or the like.
pub(super) const ORIGIN_SOURCES: usize = 64;

/// Pieces of sources looked at to tell sources apart: a second.
pub(super) const MAX_ORIGIN_STEPS: u64 = 1 << 25;

/// Different lists of sources: 35 MB at worst.
pub(super) const MAX_ORIGINS: usize = 1 << 16;

/// Labels whose sources are remembered: 1 MB. Beyond, all are forgotten.
pub(super) const REMEMBERED_ORIGINS: usize = 1 << 16;

/// Sources by host function of which calls are counted: 8 MB.
pub(super) const MAX_COUNTED: usize = 1 << 16;

/// Bytes that a sink was given which are kept with their labels, to recognise encodings: 32 MiB of all.
pub(super) const MAX_KEPT: usize = 1 << 22;

/// Bytes kept of one sink.
pub(super) const SINK_KEPT: usize = 1 << 16;

/// Bytes whose key was seen that are kept, to recognise repeating keys.
pub(super) const MAX_KEYS: usize = 1 << 16;

/// Longest key that is recognised, in bytes.
pub(super) const MAX_KEY: usize = 256;

/// Pages of a memory that can have labels: those of 4 GiB.
pub(super) const LABELLED_PAGES: usize = 1 << 20;

/// Memories that can have labels: more than a module may have.
pub(super) const LABELLED_MEMORIES: usize = 1 << 16;

/// Bytes of a copy that are marked as taken from where a source says: a path or a command is shorter.
pub(super) const MAX_LOOKED_UP: u64 = 1 << 12;

/// Instructions looked at under conditions that the time or the surroundings decided, and what they would
/// write: a tenth of a second.
pub(super) const DECIDED_STEPS: u64 = 1 << 21;

/// Writes of the code of one condition that are looked at: a function that sets more is none that decides.
pub(super) const DECIDED_WRITES: usize = 256;

/// Bytes at a fixed address that one write of such code is looked at for: a path or a command is shorter.
pub(super) const DECIDED_BYTES: u64 = 1 << 12;

/// Bytes that may have been meant where nothing was moved, as something decided: a short path.
pub(super) const MOVED_BYTES: u64 = 64;

/// Bytes of a source at least of which a digest is one: of fewer it can be found out.
pub(super) const DIGESTED: u64 = 16;

/// Sources that are noted for the labels of what went out, to tell digests: some 50 MiB.
pub(super) const DIGEST_SOURCES: usize = 1 << 20;

/// Bytes of a digest at most: one of 64 bytes in hexadecimal.
pub(super) const MAX_DIGEST: usize = 128;

/// Frames whose slots are marked to see whether they are stirred, from the last on: a hash has its state in
/// one, and may have steps in functions.
pub(super) const STIRRED_FRAMES: usize = 4;

/// Slots of each, and globals: what a hash keeps is a few dozen numbers.
pub(super) const STIRRED_SLOTS: usize = 48;

/// Memories beside the first in which bytes are marked that were not moved: programs have one or two.
pub(super) const OTHER_MEMORIES: u32 = 2;

/// Words of memory that are marked so: a hash keeps 16 or 25, and a few more beside.
pub(super) const STIRRED_WORDS: usize = 64;
