//! Why a memory cannot be read or written from outside.

/// A range that is not in a memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The module has no such export, it is no memory, or nothing is instantiated yet.
    #[error("no memory is exported as `{0}`")]
    NoSuchMemory(String),
    /// Part of the range is beyond the end.
    #[error("{len} bytes at {address} do not fit into a memory of {size} bytes")]
    OutOfBounds {
        /// First byte.
        address: u64,
        /// Length in bytes.
        len: u64,
        /// Of the memory, in bytes.
        size: u64,
    },
}

/// The range of `len` bytes at `address` in a memory of `size` bytes.
pub(super) fn range(address: u64, len: u64, size: usize) -> Result<std::ops::Range<usize>, MemoryError> {
    let beyond = || MemoryError::OutOfBounds { address, len, size: size as u64 };
    let end = address.checked_add(len).ok_or_else(beyond)?;
    match (usize::try_from(address), usize::try_from(end)) {
        (Ok(start), Ok(end)) if end <= size => Ok(start..end),
        _ => Err(beyond()),
    }
}
