//! Limits: everything that bounds a run, in one place.
//!
//! A sample is hostile, so each limit has a default. Some stop the run, and [`crate::Outcome::Stopped`] says
//! so. Growth beyond a limit is refused as an engine would refuse it, and the sample goes on.
//!
//! Not here: limits of parsing (`module`) and what replay holds (`trace`).

use std::time::Duration;

use wasmspoor_hooks as engine;

use crate::{
    text::vocabulary,
    trace::{RESERVED, ReplayLimits},
};

/// Work after which the sink gets what there is, full or not: so much is lost at most when the process
/// dies. About a tenth of a second.
pub(super) const HANDED_OVER: u64 = 4 << 20;

/// Bytes of a memory that is kept to return to: a look at it must cost less than a call.
pub(super) const SNAPSHOT_MEMORY: usize = 256 << 20;

/// Bytes kept of all memories to return to: pages of zeros take no room.
pub(super) const SNAPSHOT_BYTES: usize = 128 << 20;

/// Words that make a batch full: half a MiB.
pub(super) const BATCH_WORDS: usize = 1 << 16;

/// Words that a replay beside the run gets at once, 32 KiB. That is a few milliseconds of the run, so that it
/// is not far behind when the run ends.
pub(super) const FED_WORDS: usize = 1 << 12;

/// Records that make a batch full: half a MiB.
pub(super) const BATCH_RECORDS: usize = 1 << 13;

/// Calls back into the sample within one another. Each takes native stack, which a sample must not exhaust: a
/// thread may have 2 MiB.
pub(super) const NESTING: u32 = 32;

/// Threads of a session that have begun and not ended: each may have a stack of 16 MiB, so a GiB.
pub(super) const THREADS_AT_ONCE: usize = 64;

/// Globals of all threads that have begun and not ended, each of which has its own: 32 MiB.
pub(super) const THREAD_GLOBALS: usize = 1 << 20;

/// Threads that a session begins in all: each leaves a few records.
pub(super) const THREADS_IN_ALL: u32 = 1 << 14;

/// Atomic operators after which a thread gives way at least: a lock that is spun for costs less than a
/// thousand instructions then.
pub(super) const SHORTEST_TURN: u64 = 16;
/// Atomic operators after which it does at most: a lock that is held for one turn is waited for no longer.
pub(super) const LONGEST_TURN: u64 = 128;
/// Atomic operators between two questions whether there is somebody to give way to, of a thread that is
/// alone: they cost nothing then.
pub(super) const TURN_ALONE: u64 = 1024;
/// Rounds of loops that may wait after which a thread gives way at least. One that computes is asked so
/// seldom that it costs nothing that shows.
pub(super) const LEAST_ROUNDS: u64 = 1 << 10;
/// Rounds after which it does at most: one that spins for another wastes no more instructions than that.
pub(super) const MOST_ROUNDS: u64 = 1 << 13;
/// Rounds between two questions of a thread that is alone.
pub(super) const ROUNDS_ALONE: u64 = 1 << 16;

/// Times that the clock goes on for threads that wait or sleep after the entry point has ended. They are
/// enough for what is left to do, and not for one that sleeps in a loop for ever.
pub(super) const WAKES_AFTER_MAIN: u32 = 64;

/// Deadlocks of a session that are told: those after are alike.
pub(super) const DEADLOCKS_KEPT: usize = 8;

/// New basic blocks that a part of an entry must have shown for the entry to go on beyond its budget. Any
/// loop that runs long finds a few.
pub(super) const NEWS: u64 = 32;

/// News that a host function is worth that was not called before: a program does something else then.
pub(super) const NEWS_OF_CALL: u64 = 32;

/// Words of decisions that wait for the count of instructions, 32 MiB: some seconds of a run. Then they are
/// walked through.
pub(super) const MAX_LATE_WORDS: usize = 1 << 22;

/// Records that come meanwhile.
pub(super) const MAX_LATE_RECORDS: usize = 1 << 16;

/// Bytes of code of which all is read to know what a decision can stand for at most: a few milliseconds.
/// Of more code the longest function says it.
pub(super) const SMALL_CODE: u64 = 1 << 16;

/// Frames that the count of instructions follows; the engine has fewer.
pub(super) const COUNTED_FRAMES: usize = 1 << 20;

/// Decisions by which the count of instructions remembers a part of a word, in bits: so few come again even
/// where they are random.
pub(super) const COUNTED_CHUNK: u32 = 8;

/// Words of decisions that the count of instructions remembers, and as many parts of words; a power of two:
/// 3 MiB.
pub(super) const MAX_STRETCHES: usize = 1 << 14;

/// Frames that a word may pop, and push, to be remembered: recursion does so within its 63 decisions.
pub(super) const STRETCH_FRAMES: usize = 256;

/// Frames of all words that are remembered, and of all parts of words: 2 MiB each.
pub(super) const MAX_STRETCH_FRAMES: usize = 1 << 18;

/// Places at which a word is sought: as many may be told apart by their frames only.
pub(super) const STRETCH_PROBES: usize = 8;

/// Bounds of a run. `Default` suits a sample of unknown intent on a small machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Time on the wall for the whole session, host functions included. Reaching it stops the run within 100
    /// ms. Default 10 s.
    pub wall_time: Option<Duration>,
    /// Decisions recorded (branches taken or not, and the like): the measure of work that does not depend on
    /// the machine. Checked about every thousand decisions, always at the same ones. Reaching it stops
    /// the run. Default: none.
    pub decisions: Option<u64>,
    /// Executed instructions. Counted when a chunk of decisions is full (about every quarter of a million),
    /// always at the same place. So a run goes beyond by what one chunk stands for. Reaching it stops the
    /// run. Default: none, and then nothing is counted.
    pub instructions: Option<u64>,
    /// Calls of host functions. Reaching it stops the run. Default 10 million.
    pub host_calls: Option<u64>,
    /// Bytes of trace: 8 for each word of decisions, and the size of each record. See [`AtTraceLimit`].
    /// Default 256 MiB.
    pub trace_bytes: u64,
    /// What happens there. Default: the run stops.
    pub at_trace_limit: AtTraceLimit,
    /// Pages of 64 KiB of all linear memories together. Growth beyond is refused, and of a memory that starts
    /// with more, so much is there from address 0 on. With [`Self::sparse_pages`] there is more beyond, and
    /// each memory of several has an equal share of these. Pages that nobody touches take no room. Default
    /// 4096 (256 MiB), so that one bulk operation over all of it stays below 100 ms.
    pub memory_pages: u64,
    /// Pages of 64 KiB beyond these that may be written to, of all memories together. If there are any, a
    /// memory can have 65,536 pages from the start, or grow to them; one write too many is the trap `growth
    /// operation limited`. Default 0.
    pub sparse_pages: u64,
    /// Elements of all tables together. Growth beyond is refused; a module that starts with more is not run.
    /// Default 10 million.
    pub table_elements: u64,
    /// Frames of nested calls of one invocation; one more is the trap `call stack exhausted`. Default
    /// 100,000: a native stack of some megabytes holds no more of the smallest. It bounds what the engine
    /// keeps of a frame beside its values.
    pub call_depth: usize,
    /// Bytes of the engine's value stack, where each frame takes 8 for each of its locals and operands; more
    /// is the same trap. It ends a deep recursion, as in a native engine: a frame of many locals comes less
    /// deep than a small one. Default 16 MiB.
    pub stack_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_time: Some(Duration::from_secs(10)),
            decisions: None,
            instructions: None,
            host_calls: Some(10_000_000),
            trace_bytes: 256 << 20,
            at_trace_limit: AtTraceLimit::Stop,
            memory_pages: 4096,
            sparse_pages: 0,
            table_elements: 10_000_000,
            call_depth: 100_000,
            stack_bytes: 16 << 20,
        }
    }
}

/// The largest limits of a run whose limits come from elsewhere than the one who runs it; the command line
/// takes no more. Beyond them a sample can use up the machine. Pages: 4 GiB. Elements: 0.8 GiB. Replay
/// follows no more calls than that.
const MOST: [(&str, u64); 5] = [
    ("memory_pages", 1 << 16),
    ("sparse_pages", 1 << 16),
    ("table_elements", 100_000_000),
    ("call_depth", 1_000_000),
    ("stack_bytes", 1 << 30),
];

/// Bytes that a memory can have if pages beyond [`Limits::memory_pages`] may be written to: all that 32 bits
/// address.
const SPARSE_BYTES: u64 = 4 << 30;

impl Limits {
    /// Bytes of a memory that are there at most.
    pub(crate) fn bytes_there(&self) -> u64 {
        let near = self.memory_pages.saturating_mul(1 << 16);
        if self.sparse_pages > 0 { near.max(SPARSE_BYTES) } else { near }
    }

    /// What each of so many memories of a module has.
    pub(super) fn bounds(&self, memories: u64) -> engine::recorder::bounds::Bounds {
        let share = |bytes: u64| usize::try_from(bytes / memories.max(1)).ok();
        let there = |bytes: u64| usize::try_from(bytes.min(RESERVED / memories.max(1))).ok();
        let near = self.memory_pages.saturating_mul(1 << 16);
        let is_sparse = self.sparse_pages > 0;
        engine::recorder::bounds::Bounds {
            memory: if is_sparse { share(near) } else { there(near) },
            reserved: there(self.bytes_there()).filter(|_| is_sparse),
            far: share(self.sparse_pages).unwrap_or(0),
            ..Default::default()
        }
    }

    /// Whether these are limits at all.
    ///
    /// # Errors
    ///
    /// Which of them is too high.
    pub fn check(&self) -> Result<(), LimitError> {
        let sizes = [self.call_depth as u64, self.stack_bytes as u64];
        let given = [self.memory_pages, self.sparse_pages, self.table_elements, sizes[0], sizes[1]];
        match MOST.iter().zip(given).find(|&(&(_, most), given)| given > most) {
            Some((&(name, most), given)) => Err(LimitError { name, given, most }),
            None => Ok(()),
        }
    }
}

/// A limit that is too high to be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{name}` is {given}; {most} is the most that can be given")]
#[non_exhaustive]
pub struct LimitError {
    /// Its name, as the field of [`Limits`].
    pub name: &'static str,
    /// What was given.
    pub given: u64,
    /// The most that can be given.
    pub most: u64,
}

/// The share that one entry point may use of a session. When it is used up, the session goes on with the
/// next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budget {
    /// Time on the wall.
    pub(crate) time: Option<Duration>,
    /// Decisions, and other work in about the same unit (calls, bulk operations, straight code). Does not
    /// depend on the machine.
    pub(crate) work: Option<u64>,
    /// Executed instructions, as in [`Limits::instructions`].
    pub(crate) instructions: Option<u64>,
    /// Host calls, as in [`Limits::host_calls`].
    pub(crate) host_calls: Option<u64>,
}

/// What happens when a trace reaches [`Limits::trace_bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum AtTraceLimit {
    /// Stop the run.
    ///
    /// The trace is complete up to there.
    #[default]
    Stop,
    /// Go on, with decisions in a temporary file.
    ///
    /// Replay reads them from there; the file has no name. Records stay in
    /// memory, and a run whose records alone reach the limit stops.
    Spill,
}

vocabulary! {
    /// A limit that stopped a run.
    pub enum Limit {
        /// [`Limits::wall_time`].
        WallTime = "wall_time",
        /// [`Limits::decisions`].
        Decisions = "decisions",
        /// [`Limits::instructions`].
        Instructions = "instructions",
        /// [`Limits::host_calls`].
        HostCalls = "host_calls",
        /// [`Limits::trace_bytes`].
        TraceBytes = "trace_bytes",
        /// The temporary file, or the file that is recorded to, could not be written.
        Spill = "spill",
        /// A handle to cancel was used.
        Cancelled = "cancelled",
    }
}

/// Characters of a number that is read at most: no value needs more, and a float with a long exponent costs
/// time.
pub(super) const NUMBER_TEXT: usize = 1024;
/// Calls and blocks in a second that no engine of ours is faster than.
const FASTEST: u64 = 1_000_000_000;
/// What a run may take beyond its time limit.
const LATE: Duration = Duration::from_secs(10);
/// The longest run whose silent steps are all replayed.
const LONGEST: Duration = Duration::from_secs(3600);
/// Silent steps that are replayed of a run without decisions: those of more than a minute of nothing else.
const SILENT: u64 = 10_000_000_000;
/// Silent steps that are replayed for each decision besides: programs have a few.
const SILENT_EACH: u64 = 1024;
/// Silent steps of a run beyond its limit of instructions, each of which is an instruction or follows a
/// decision: it is looked at now and then only.
const BEYOND: u64 = 1_000_000_000;

/// The bounds of the replay of a run that made so many decisions, within these limits if they are known. A
/// file of a kilobyte may stand for 2^60 calls: sixty functions that call the next one twice. A hundred
/// thousand empty blocks before each decision may stand for days. A run within its limits cannot have made so
/// many, nor does a long run make many and decide nothing.
pub(crate) fn replay_limits(limits: Option<&Limits>, decisions: u64) -> ReplayLimits {
    let time = limits.and_then(|limits| limits.wall_time).map_or(LONGEST, |time| time.min(LONGEST));
    let by_time = (time + LATE).as_secs().saturating_mul(FASTEST);
    let by_decisions = decisions.saturating_mul(SILENT_EACH).saturating_add(SILENT);
    let instructions = limits.and_then(|limits| limits.instructions).unwrap_or(u64::MAX);
    let by_instructions = instructions.saturating_add(decisions).saturating_add(BEYOND);
    let max_silent = by_time.min(by_decisions).min(by_instructions);
    let memory_bytes = limits.map_or(u64::MAX, |limits| limits.bytes_there());
    ReplayLimits { max_silent, memory_bytes, ..ReplayLimits::default() }
}

/// Bytes of the engine's own code of a module, beside those for each byte of it: more than a small one takes.
pub(super) const MIN_CODE: usize = 64 << 20;

/// Bytes of the engine's own code for each byte of the module: what compilers write takes 8 to 12.
pub(super) const CODE_PER_BYTE: usize = 24;

/// Bytes of the engine's own code at most, however large the module is: a run stays below a GiB.
pub(super) const MAX_CODE: usize = 384 << 20;

/// Bytes of the engine's stack at least: it asks that the least height is below the greatest.
pub(super) const MIN_STACK: usize = 1 << 10;
