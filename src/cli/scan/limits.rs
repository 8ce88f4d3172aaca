//! Limits of `spoor scan`, each with unit and reason.

/// Workers at a time at most: each has a thread, some descriptors and its own memory.
pub(in crate::cli) const MAX_JOBS: u16 = 256;

/// Characters of a name that a sample chose, in a line: a terminal shows no more.
pub(super) const MAX_NAME: usize = 300;
