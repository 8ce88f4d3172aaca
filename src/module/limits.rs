//! What bounds reading a module, each with unit and reason.

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

/// Labels of a `br_table` in a line of code: the rest is counted, a line stays a line.
#[cfg(feature = "cli")]
pub(super) const SHOWN_LABELS: u32 = 8;
