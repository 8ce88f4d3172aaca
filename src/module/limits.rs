//! What bounds reading a module, each with unit and reason.

/// Bytes of a custom section's name looked at: names of toolchains are shorter.
pub(super) const CUSTOM_NAME: usize = 256;

/// Bytes of text whose lines are looked for at most: its tree takes many times that.
pub(super) const TEXT_BYTES: usize = 16 << 20;
