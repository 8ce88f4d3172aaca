//! The limits of replay, each with its reason.

use std::time::Duration;

use crate::Limits;

/// Most frames on the call stack of a replay, those of suspended invocations included: 4 MB. The engine is
/// given far fewer.
pub const MAX_FRAMES: usize = 1_000_000;

/// Most functions that the instances of a trace may define together: a table of 64 MiB.
pub const MAX_FUNCTIONS: u32 = 1 << 24;

/// Most blocks, and most labels of tables, of the functions that run: 320 MiB. A module of 14 MB has about a
/// million; more than a few such instances in one trace are meant to hurt.
pub const MAX_BLOCKS: u32 = 1 << 24;

/// Most invocations of a trace that were cut short other than by a host function: 448 MiB.
pub const MAX_CUTS: usize = 1 << 23;

/// Limits of a replay that its caller chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Most instructions. Looked at when a word of decisions is spent, at direct calls and at invocations,
    /// so it may be overrun by the blocks between.
    pub max_instructions: u64,
    /// Most steps that leave nothing in the streams: direct calls, and blocks that lead to one other only.
    /// What else replay does is bounded by the length of the streams, so this bounds its time.
    pub max_silent: u64,
}

impl Default for ReplayLimits {
    /// No limit: what a trace of ours says took place.
    fn default() -> Self {
        Self { max_instructions: u64::MAX, max_silent: u64::MAX }
    }
}

/// Calls and blocks in a second that no engine of ours is faster than.
const FASTEST: u64 = 1_000_000_000;
/// What a run may take beyond its time limit.
const LATE: Duration = Duration::from_secs(10);
/// The longest run whose silent steps are all replayed.
const LONGEST: Duration = Duration::from_secs(3600);
/// Silent steps that are replayed of a run without decisions: those of more than a minute of nothing else.
/// And for each decision besides: programs have a few.
const SILENT: u64 = 10_000_000_000;
const SILENT_EACH: u64 = 1024;
/// Silent steps of a run beyond its limit of instructions, each of which is an instruction or follows a
/// decision: it is looked at now and then only.
const BEYOND: u64 = 1_000_000_000;

impl ReplayLimits {
    /// How long the replay may be of a run that made so many decisions, within these limits if they are
    /// known. With sixty functions that call the next one twice, a file of a kilobyte stands for 2^60
    /// calls, and a hundred thousand empty blocks before each decision for days; but a run within its
    /// limits cannot have made them, nor does a long run make many and decide nothing.
    pub(crate) fn of_run(limits: Option<&Limits>, decisions: u64) -> Self {
        let time = limits.and_then(|limits| limits.wall_time).map_or(LONGEST, |time| time.min(LONGEST));
        let by_time = (time + LATE).as_secs().saturating_mul(FASTEST);
        let by_decisions = decisions.saturating_mul(SILENT_EACH).saturating_add(SILENT);
        let instructions = limits.and_then(|limits| limits.instructions).unwrap_or(u64::MAX);
        let by_instructions = instructions.saturating_add(decisions).saturating_add(BEYOND);
        Self { max_silent: by_time.min(by_decisions).min(by_instructions), ..Self::default() }
    }

    /// The count from which each silent step takes one, and that ends replay at 0.
    pub(super) fn silent_left(self) -> u64 {
        self.max_silent.saturating_add(1)
    }
}
