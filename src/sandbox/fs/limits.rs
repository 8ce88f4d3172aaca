//! Limits of the tree, each with its reason.

/// Bytes of all files together: a quarter of what the memory of a sample may take.
pub(super) const TOTAL_BYTES: u64 = 64 << 20;

/// Files, directories and links that are there at a time: listing them all stays cheap.
pub(super) const NODES: usize = 10_000;

/// Names of all of them: hard links are names without a file of their own.
pub(super) const NAMES: usize = 20_000;

/// Bytes of a name: as on the systems that programs know.
pub(super) const NAME: usize = 255;

/// Names before the last that are remembered of a renamed file: who renames it oftener hides nothing.
pub(super) const TRAIL: usize = 16;

/// Bytes of all of them: names are long, and what came of a run must fit into a trace file.
pub(super) const TRAILS: usize = 16 << 20;

/// Bytes of a path: as on the systems that programs know.
pub(super) const PATH: usize = 4096;

/// Symbolic links followed in one path: as on Linux; links may make circles.
pub(super) const LINKS: u32 = 40;

/// Changes listed, those beyond counted: as many as there can be files at a time.
pub(super) const LISTED: usize = 10_000;

/// Bytes of deleted files that are kept: what came of a run must fit into a trace file.
pub(super) const KEPT: usize = 16 << 20;

/// Bytes of a tag of markup that are looked at: longer ones are data and not written by people.
pub(super) const TAG: usize = 4096;
