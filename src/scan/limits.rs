//! What bounds a batch and its workers, each with its reason.

/// Bytes of a file that is looked into at most; what follows is left out.
pub const MAX_FILE_BYTES: u64 = 1 << 30;
/// Bytes of a sample at most: those of a member of an archive.
pub const MAX_SAMPLE_BYTES: u64 = 256 << 20;
