//! Limits of a batch and its workers, each with its reason.

use std::time::Duration;

/// Bytes of a file that is looked into at most; what follows is left out.
pub const MAX_FILE_BYTES: u64 = 1 << 30;
/// Bytes of a sample at most: those of a member of an archive.
pub const MAX_SAMPLE_BYTES: u64 = 256 << 20;

/// Modules within the modules of one file, beside one for each member of it: each is a run.
pub(super) const INNER_MODULES: u64 = 256;

/// Bytes of modules within modules, beside as many as the members have: each may hold another.
pub(super) const INNER_BYTES: u64 = 256 << 20;

/// Bytes of what is compared of samples that are held before they are written to a file: those of a batch of
/// some ten thousand.
pub(super) const SPILL_HELD: usize = 8 << 20;

/// Samples that others in a bucket are compared with: comparing all costs their square.
pub(super) const LEADERS: usize = 8;

/// Modules within modules that are followed: a dropper has one or two.
pub(super) const MAX_NESTING: usize = 8;

/// Bytes of samples up to which another one is put into the queue.
pub(super) const MAX_QUEUED: u64 = 32 << 20;

/// Bytes of samples up to which a file is read: two of the largest.
pub(super) const MAX_HELD_BYTES: u64 = 2 * MAX_SAMPLE_BYTES;

/// Characters kept of a text that a sample chose: a table keeps its size.
pub(super) const ROW_TEXT: usize = 200;

/// Reasons and limitations kept in a row; the report of the sample has them all.
pub(super) const ROW_WORDS: usize = 5;

/// Host calls looked at for the sketch of behaviour: what comes later repeats.
pub(super) const SKETCHED_CALLS: usize = 100_000;

/// Steps of a way at most: more than containers lie in each other.
pub(super) const WAY_STEPS: usize = 32;

/// Bytes of a way in JSON, with a failure, at most: `unpack` keeps the names in a way to about 1000 bytes and
/// some 120 for each further step.
pub(super) const MAX_WAY: usize = 16 << 10;

/// Bytes of a word that is no text (a family, a technique) at most: ours have fewer, so whoever sends more
/// lies.
pub(super) const MAX_WORD: usize = 256;

/// Bytes of all rows of a sample in JSON at most; `MAX_ROWS` rows of the longest texts in each table are
/// less.
pub(super) const MAX_OUTCOME: usize = 16 << 20;

/// Bytes of `Confinement` in JSON at most: a worker's has a few hundred.
pub(super) const MAX_READY: usize = 4 << 10;

/// Bytes kept of what a worker writes to its standard error: a panic's message.
pub(super) const STDERR_BYTES: u64 = 4096;

/// Time that a worker has to read its rules and confine itself. Generous: a machine may be busy, and nothing
/// hostile was read.
pub(super) const START_TIME: Duration = Duration::from_secs(60);

/// Time that a worker has to end after it closed its output: it frees memory only.
pub(super) const GRACE_TIME: Duration = Duration::from_secs(2);

/// Rows of one table for one sample at most, `rows_cut` counts the others: a sample must not be the size of a
/// batch.
pub const MAX_ROWS: usize = 1000;

/// Lines of the journal, from the last that tables are long enough for, one of which must be good: many times
/// what is written between two flushes.
pub(super) const MAX_CANDIDATES: usize = 4096;

/// Bytes of a line of the journal at most: ours have fewer.
pub(super) const JOURNAL_LINE: u64 = 256;

/// Samples listed in `Summary::slowest`: a few lines.
pub(super) const SLOWEST: usize = 5;

/// Folders within folders; what lies deeper is reported and not entered.
pub(super) const WALK_DEPTH: usize = 200;

/// Processor time of looking into a file, beside that for each MiB: 4 GiB of members, each looked through as
/// bytes and as text.
pub(super) const UNPACK_TIME: Duration = Duration::from_secs(300);

/// Processor time of looking into a file, for each MiB of it: decoding is a hundred times faster.
pub(super) const UNPACK_PER_MIB: Duration = Duration::from_secs(1);

/// Messages of a worker that come once, or once for each cap.
pub(super) const FEW_MESSAGES: u64 = 16;

/// Time on the wall of all modules of one file, beside that for each member of it. An archive of a few MiB
/// may hold 200,000 that each take all of theirs.
pub(super) const INNER_TIME: Duration = Duration::from_secs(1200);

/// Time for each member of a file: what a sample takes that runs to its limits by default.
pub(super) const INNER_TIME_OF_MEMBER: Duration = Duration::from_secs(10);

/// Characters kept of how an analysis ended: a line or two.
pub(super) const MAX_WORDS: usize = 200;

/// Parts of a batch at most: more than there are machines.
pub(super) const MAX_SHARDS: u64 = 65_536;

/// Samples for which workers are forked from one process. Their memory is laid out alike, so an intruder that
/// could learn of it must not have all the time in the world.
pub(super) const NURSERY_SAMPLES: u32 = 1000;

/// Bytes of the full report of a sample in JSON at most: the longest lists in it are cut before.
pub(super) const MAX_REPORT: usize = 64 << 20;

/// Bytes of the page of a sample at most: the largest that was seen has two million.
pub(super) const MAX_PAGE: usize = 16 << 20;

/// Things that a run left behind and that are handed on at most: it may leave thousands.
pub(super) const LEFTOVERS: u64 = 1024;

/// Bytes of all things that a run left behind: twice what the sandbox holds in files.
pub(super) const LEFTOVER_BYTES: u64 = 128 << 20;

/// Bytes of the line that stands before a sample: an identifier and a length.
pub(super) const MAX_HEADER: usize = 4 << 10;

/// Bytes of the identifier of a sample: a UUID or a hash has fewer, and it stands in every answer.
pub(super) const MAX_ID: usize = 200;

/// Host calls in the log of a report: as `spoor run` has by default.
pub(super) const REPORT_CALLS: usize = 10_000;

/// Samples in the page of a batch, the worst first, the rest counted: a browser sorts and searches them at
/// once.
#[cfg(feature = "cli")]
pub(super) const OVERVIEW_ROWS: usize = 10_000;

/// Samples of a batch that have a page of their own: each is analysed once more for it, and more are opened
/// by nobody.
#[cfg(feature = "cli")]
pub(super) const OVERVIEW_REPORTS: usize = 50;

/// Of these, those that are not folded: as many as a browser lays out at once.
#[cfg(feature = "cli")]
pub(super) const OVERVIEW_OPEN: usize = 1000;

/// Characters of a name or a reason there: a line or two.
#[cfg(feature = "cli")]
pub(super) const OVERVIEW_TEXT: usize = 200;

/// Groups of a kind, samples of a group, and slow samples there.
#[cfg(feature = "cli")]
pub(super) const OVERVIEW_LIST: usize = 50;

/// Containers within containers in a sample: enough for a dropper.
pub(super) const EMBEDDED_DEPTH: usize = 4;

/// Modules looked for within a sample: a flood of them costs no more than the sample itself.
pub(super) const EMBEDDED_MEMBERS: u64 = 64;

/// Bytes that what is within a sample expands to, all of it: as much as a large sample.
pub(super) const EMBEDDED_BYTES: u64 = 64 << 20;

/// Bytes of one module within a sample: it is held in memory beside it.
pub(super) const EMBEDDED_MEMBER_BYTES: u64 = 32 << 20;

/// Failures told of what is within a sample; the others are counted.
pub(super) const EMBEDDED_FAILURES: u64 = 8;

/// Modules that a run hands on from its memory; `sandbox::carve` keeps fewer.
pub(super) const CARVED_MODULES: u64 = 32;

/// Bytes of the modules that a run hands on from its memory; `sandbox::carve` keeps fewer.
pub(super) const CARVED_BYTES: u64 = 32 << 20;

/// Bytes that a worker may say besides modules: its rows, twice, and the ways to modules.
pub(super) const ROWS_BYTES: u64 = 48 << 20;

/// Bytes of a label of what a run left behind: a path of usual length in JSON.
pub(super) const LABEL_BYTES: u64 = 4 << 10;

/// Bytes of memory for unpacking besides twice the file: a member, its source and a dictionary.
pub(super) const UNPACK_MEMORY: u64 = 2 << 30;

/// How long is waited before a worker is started again. A shortage of now, such as of processes or memory,
/// may be over later.
pub(super) const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600)];
