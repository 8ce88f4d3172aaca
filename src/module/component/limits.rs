//! Limits of reading a component, each with unit and reason.

/// Components within one another at most: toolchains write three.
pub(super) const MAX_DEPTH: u32 = 8;

/// Instances that export one another in turn at most: an interface in a package is one.
pub(super) const MAX_NESTED: u32 = 64;

/// Definitions that are looked at, those of a component once for each time that it is instantiated. A
/// component of Python has some thousand, and components that instantiate one another twice double them.
pub(super) const MAX_STEPS: u64 = 1_000_000;

/// Bytes of a component in another that count as a definition each time that it is instantiated: what a
/// definition names can be long.
pub(super) const BYTES_OF_STEP: usize = 256;

/// Parameters of a jump at most, as engines and the interface to JavaScript have it.
pub(super) const MAX_PARAMS: u32 = 1000;

/// Modules on the way from an import to the function that it is, at most: a toolchain's trampolines are one.
pub(super) const MAX_HOPS: u32 = 16;

/// Bytes of names that are compared or kept to tell the program and what its imports are, those of a name
/// each time. One long name can be what each of many imports is; toolchains write some kilobytes.
pub(super) const MAX_NAME_BYTES: usize = 16 << 20;

/// Bytes that each time counts for besides: what has a short name, or a place in a table, takes room too.
pub(super) const BYTES_OF_NAME: usize = 16;

/// Instances that run as one module at most: those of Python are about fifteen.
pub(super) const MAX_LINKED: usize = 4096;

/// Bytes of their modules, those of one that is made twice counted twice. A component of Python with its
/// libraries has 20 to 60 MB.
pub(super) const MAX_LINKED_BYTES: usize = 256 << 20;

/// Types, imports, functions, globals and tags of the module that they become, of each at most: the engine
/// takes no more.
pub(super) const MAX_LINKED_ITEMS: u32 = 1_000_000;

/// Tables, and memories, of that module at most, as of any.
pub(super) const MAX_LINKED_STORES: u32 = 100;

/// Segments of functions, and of data, of that module at most, as of any.
pub(super) const MAX_LINKED_SEGMENTS: u32 = 100_000;

/// Bytes of code that make the value of a global, where others name it: it stands wherever they do.
pub(super) const MAX_VALUE: usize = 1024;
