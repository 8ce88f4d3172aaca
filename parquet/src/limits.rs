//! Limits of a conversion, each with unit and reason.

/// Rows read at a time: a few megabytes.
pub const BATCH: usize = 4096;

/// Rows of a row group: what readers skip or take as a whole.
pub(crate) const GROUP: usize = 65_536;

/// Bytes read at a time to find where the last whole line ends.
pub(crate) const BLOCK: usize = 64 << 10;
