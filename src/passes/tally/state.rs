//! A function in the call sequence.

/// A function in the call sequence: defined ones by their order of loading, host functions by the order of
/// their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::passes) struct State(pub(super) u32);

impl State {
    const HOST: u32 = 1 << 31;
    pub(super) const NONE: Self = Self(u32::MAX);

    pub(in crate::passes) fn defined(ordinal: usize) -> Self {
        Self(ordinal as u32)
    }

    pub(in crate::passes) fn host(position: usize) -> Self {
        Self(position as u32 | Self::HOST)
    }

    pub(in crate::passes) fn is_host(self) -> bool {
        self.0 & Self::HOST != 0
    }

    pub(in crate::passes) fn position(self) -> usize {
        (self.0 & !Self::HOST) as usize
    }
}
