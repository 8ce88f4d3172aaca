//! Limits of `spoor scan`, each with unit and reason.

/// Workers at a time at most: each has a thread, some descriptors and its own memory.
pub(in crate::cli) const MAX_JOBS: u16 = 256;

/// How often the process that makes a page is asked whether it has ended.
pub(super) const PAGE_TICK: std::time::Duration = std::time::Duration::from_millis(10);

/// Characters of a name that a sample chose, in a line: a terminal shows no more.
pub(super) const MAX_NAME: usize = 300;
