//! Why the tree refuses something. A world gives it a number of its own (`wasi::Errno`).

/// Why an operation on the tree failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Error {
    /// There is something of that name.
    Exists,
    /// A bound of the tree is reached.
    NoSpace,
    /// A name, or a path, is too long.
    NameTooLong,
    /// No directory.
    NotDir,
    /// Nothing there.
    NoEntry,
    /// An offset beyond what a file can have.
    FileTooBig,
    /// A directory, where a file is wanted.
    IsDir,
    /// A link or directory, where a file is wanted.
    NotFile,
    /// No path: it has a null byte.
    Invalid,
    /// The path leads out of the directory that it begins in.
    Escapes,
    /// Too many links.
    Loop,
}
