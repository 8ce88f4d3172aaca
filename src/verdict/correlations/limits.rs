//! Limits of the search for correlations, each with unit and reason.

/// Bytes searched of distinct texts of host calls: each string of the sample is looked for in them.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;

/// Strings of the sample searched for in the texts of calls: the time is their number times the bytes.
pub(super) const MAX_NEEDLES: usize = 512;

/// Texts looked for in the file, word by word: each costs searches of it.
pub(super) const MAX_HIDDEN: usize = 16;

/// Blocks kept of what was read: 2 MiB of it.
pub(super) const MAX_BLOCKS: usize = 1 << 18;

/// Bytes searched of what was sent: a fraction of a second.
pub(super) const MAX_SENT: usize = 1 << 22;

/// Wrappers around a clock function that are looked through: `clock_gettime` around `clock_time_get`, and one
/// around that.
pub(super) const CLOCK_DEPTH: usize = 3;
