//! What bounds trace files, each with unit and reason.

/// Bytes of a chunk at most, as it is and compressed: a reader holds one of each stream.
pub(super) const MAX_CHUNK: usize = 1 << 20;

/// Bytes of the log in memory at most: of the things themselves, and of what they hold. A log of ours has
/// 200,000 calls, each with a few arguments and half a kilobyte of names, and 64 MiB of other arguments.
/// Tests are content with less.
pub(super) const MAX_LOG_THINGS: usize = if cfg!(test) { 8 << 20 } else { 64 << 20 };

/// Bytes held by the things of a log in memory at most: five times as much as they take themselves.
pub(super) const MAX_LOG_HELD: usize = 320 << 20;

/// Entry points known of by their calls alone, at most: a file of ours has none.
pub(super) const MAX_UNNAMED: usize = 1000;

/// Stored checkpoints tried, backwards, for one that is whole, at most. If more in a row are damaged, the run
/// is replayed from its beginning.
pub(super) const DAMAGED_CHECKPOINTS: usize = 16;

/// Checkpoints that are read at most; what comes after the last is one stretch. A file of ours has a few
/// hundred.
pub(super) const MAX_CHECKPOINTS: usize = 4096;

/// Frames and functions of all checkpoints that wait for the end of a run, 16 MiB. If there are more, they
/// are made after it.
pub(super) const CHECKPOINTS_HELD: usize = 1 << 20;

/// Bytes of a checkpoint in memory at most: of a chunk full of the smallest entries of a call stack, and
/// more.
pub(super) const CHECKPOINT_HELD: usize = 32 * MAX_CHUNK;

/// Names told of options that are not known, the rest counted: a line.
pub(super) const UNKNOWN_TOLD: usize = 5;

/// Bytes of the sample at most: what a run can be given.
pub(super) const MAX_SAMPLE: usize = 1 << 30;

/// Bytes of the header, the outcome and the links at most, in the file and in memory each. An outcome of ours
/// has 64 MiB of files, and less than four times as much with their names and what was deleted, sent and
/// carved. Links are names of imports. Tests are content with less.
pub(super) const MAX_HEADER: usize = if cfg!(test) { 18 << 20 } else { 256 << 20 };

/// Bytes of the outcome at most, in the file and in memory each: as of the header.
pub(super) const MAX_OUTCOME: usize = if cfg!(test) { 4 << 20 } else { 256 << 20 };

/// Bytes of what the host did at most, in the file. The part that is recorded in memory takes no more when it
/// is written.
pub(super) const MAX_EFFECTS_OBJECT: usize = 256 << 20;

/// Bytes that it takes in memory at most. It is held twice while it is read, and each entry takes the room of
/// the largest.
pub(super) const MAX_EFFECTS_HELD: usize = if cfg!(test) { 16 << 20 } else { 1 << 30 };

/// Bytes of the links at most, in the file and in memory each: as of the header.
pub(super) const MAX_LINKS: usize = 256 << 20;

/// Bytes that a header takes in memory besides the options, and that the elements of their lists take, at
/// most: a persona is far less.
pub(super) const BESIDE_OPTIONS: usize = 16 << 20;

/// Chunks of a file at most: a trace of 2^44 decisions has as many.
pub(super) const MAX_CHUNKS: usize = 1 << 22;

/// Bytes searched at once for the next sound frame: a buffer of this size is held.
pub(super) const SEARCHED: usize = 1 << 16;

/// Damages told of those that are harmless, and as many of the others; more are counted. A damaged file can
/// have millions.
pub(super) const MAX_DAMAGES: usize = 1000;

/// Bytes that the items of a chunk hold at most: a list of arguments takes 24 times as much in memory as in
/// the file.
pub(super) const RERUN_HELD: usize = 32 * MAX_CHUNK;

/// Characters told of a field that differs: a line or two.
pub(super) const RERUN_TOLD: usize = 200;

/// Chunks on their way to the thread that writes: 8 MiB at most.
pub(super) const CHUNKS_ON_THE_WAY: usize = 8;

/// Words of a chunk: half a MiB, within what a chunk may have.
pub(super) const CHUNK_WORDS: usize = 1 << 16;

/// Records of a chunk: their largest kind is small, so they stay within what a chunk may have.
pub(super) const CHUNK_RECORDS: usize = 1 << 13;

/// Bytes of items that make a chunk: one more item fits in what a chunk may have.
pub(super) const CHUNK_ITEMS: usize = 1 << 18;

/// Bytes of output in an item: it is cut so that a chunk holds several.
pub(super) const CHUNK_OUTPUT: usize = 1 << 16;

/// Characters shown of an item of the log that differs: a line or two.
pub(super) const ITEM_TEXT: usize = 300;
