//! Limits of reading a module, each with unit and reason.

/// Bytes of a custom section's name looked at: names of toolchains are shorter.
pub(super) const CUSTOM_NAME: usize = 256;

/// Bytes of text whose lines are looked for at most: its tree takes many times that.
pub(super) const TEXT_BYTES: usize = 16 << 20;

/// Steps of validating and translating one function at most, a value that an operator takes or leaves being
/// one: about 24 bytes of the engine's code and 10 ns. The longest body that engines take (7,654,321 bytes)
/// has fewer from any compiler.
pub(super) const MAX_FUNCTION: u64 = 8 << 20;

/// Steps of all functions that are validated, together, beside those for each byte of code: more would take
/// minutes.
pub(super) const MAX_MODULE: u64 = 16 << 20;

/// Steps for each byte of code: compilers write less than one.
pub(super) const MAX_MODULE_PER_BYTE: u64 = 4;

/// Labels of one table at most, as browsers and the engine have it; a function with a longer one is heavy.
pub(super) const MAX_TABLE: u32 = 65_520;

/// Checks on an exception's way out of a function at most, one for each `try` and each tag it takes: nothing
/// stops in between, and 100,000 frames with more would take many seconds. Compilers nest a few dozen.
pub(super) const MAX_CHECKS: u64 = 1024;

/// Operators of a constant expression at most: the engine evaluates one within another on the native stack,
/// which a hundred thousand exhaust. Compilers write three.
pub(super) const MAX_CONSTANT: u64 = 500;

/// Values that an operator on types other than functions can take for each byte that it has: the most fields
/// that a structure may have.
pub(super) const OF_OTHER_TYPES: u64 = 10_000;

/// Bytes of the initial value of a global that are written where others name it: compilers write six, and a
/// chain of globals would double them at each.
pub(super) const MAX_INLINED: usize = 64;

/// Locals that a function may have, as the engine and the interface to JavaScript have it: one with more gets
/// none of ours.
pub(super) const MAX_LOCALS: u32 = 50_000;

/// Bytes of code that a module becomes where it is written anew, beside those for each byte of it.
pub(super) const LOWERED_BYTES: usize = 4 << 20;

/// Bytes of code for each byte of the module: operands of exceptions multiply, and code of compilers doubles.
pub(super) const LOWERED_PER_BYTE: usize = 16;

/// The same of a module with references that the engine lacks: `array.new` has three bytes and becomes 190.
pub(super) const LOWERED_REFERENCES_PER_BYTE: usize = 64;

/// Bytes of code that a module becomes at most, however large it is. About twice as much is held while it is
/// written. The largest modules known to throw exceptions become a quarter of it.
pub(super) const LOWERED_MOST: usize = 256 << 20;

/// Pages of the memory in which objects of garbage collection lie, 256 MiB: nothing in it is given back. It
/// takes room as it is touched, and is near by default. A multiple of the pages by which it grows.
pub(crate) const OBJECT_PAGES: u64 = 4096;

/// References to functions that objects hold: 8 MiB.
pub(crate) const OBJECT_REFERENCES: u64 = 1 << 20;

/// Bytes of objects that constant expressions make: they are held a few times while a module is written anew.
pub(super) const STATIC_OBJECTS: usize = 64 << 20;

/// Labels of a `br_table` in a line of code: the rest is counted, a line stays a line.
#[cfg(feature = "cli")]
pub(super) const SHOWN_LABELS: u32 = 8;

/// Bytes of a mangled name that is made plain: compilers cut longer ones.
#[cfg(feature = "analysis")]
pub(super) const MANGLED_NAME: usize = 2048;

/// Bytes of a name made plain at most: a short one can stand for one without end.
#[cfg(feature = "analysis")]
pub(super) const DEMANGLED_NAME: usize = 4096;

/// Nesting of a mangled name: making it plain recurses.
#[cfg(feature = "analysis")]
pub(super) const DEMANGLE_DEPTH: u32 = 64;

/// Steps of reading debug information, beside those for each byte: an attribute, a row, a range, a byte of a
/// line program being one.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_STEPS: u64 = 4 << 20;

/// Steps for each byte of debug information: compilers write less than two.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_STEPS_PER_BYTE: u64 = 3;

/// Bytes of a table of abbreviations, each of which takes many times that in memory: compilers write a few
/// thousand.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_ABBREVIATIONS: usize = 1 << 20;

/// Bytes of the header of a line program, as of a table of abbreviations.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_LINE_HEADER: usize = 1 << 20;

/// Bytes of a source map: of a module of 40 MB it has 20 MB.
#[cfg(feature = "analysis")]
pub(super) const SOURCE_MAP_BYTES: usize = 64 << 20;

/// Rows of line tables that are kept: 80 MiB.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_ROWS: usize = 4 << 20;

/// Functions and inlined calls that are kept: 40 MiB.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_SPANS: usize = 1 << 20;

/// Bytes of a name or a path that are kept.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_NAME: usize = 1024;

/// Compilers that are told apart by the names that they give themselves: a program has a few.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_PRODUCERS: usize = 16;

/// Entries that a name is sought in, each referring to the next: compilers need three.
#[cfg(feature = "analysis")]
pub(super) const DEBUG_NAME_HOPS: usize = 8;

/// Inlined calls that are told of one place: beyond, nobody reads on.
#[cfg(feature = "analysis")]
pub(super) const INLINED_FRAMES: usize = 32;

/// Functions and inlined calls that are looked at for one place.
#[cfg(feature = "analysis")]
pub(super) const SPANS_WALKED: usize = 1000;
