//! Exceptions as JavaScript carries them. The sample calls a function by its index through the host, which
//! catches what is thrown and says so in a word of the sample's.
//!
//! Around each such call the code sets the word to zero, reads it, and sets it to zero again. No other call
//! has all three. What throws never comes back: an `unreachable` follows each call of it.
//!
//! Not here: what is done then (`call`).

/// Where a sample keeps that something was thrown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) enum Flag {
    /// A word of memory at this address.
    Word(u32),
    /// A global.
    Global(u32),
}

/// How far the straight code of the moment has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Nothing,
    /// The word is zero.
    Zeroed(Flag),
    /// An imported function was called then.
    Called(Flag, u32),
    /// The word was read after it.
    Read(Flag, u32),
}

/// What was counted of an imported function.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sites {
    /// Direct calls.
    pub(super) calls: u32,
    /// Those with the word around them.
    pub(super) catching: u32,
    /// Those that an `unreachable` follows.
    pub(super) last: u32,
}

impl Sites {
    /// Compilers fold the ends of calls together, so most are enough.
    pub(super) fn is_catching(self) -> bool {
        self.catching > 0 && self.catching * 2 >= self.calls
    }

    pub(super) fn never_returns(self) -> bool {
        self.calls > 0 && self.last == self.calls
    }
}

impl Stage {
    /// The word is set to zero; returns the imported function whose call was between two such.
    pub(super) fn zero(&mut self, flag: Flag) -> Option<u32> {
        match std::mem::replace(self, Self::Zeroed(flag)) {
            Self::Read(of, func) if of == flag => Some(func),
            _ => None,
        }
    }

    pub(super) fn call(&mut self, imported: Option<u32>) {
        *self = match (*self, imported) {
            (Self::Zeroed(flag), Some(func)) => Self::Called(flag, func),
            _ => Self::Nothing,
        };
    }

    pub(super) fn read(&mut self, flag: Flag) {
        if let Self::Called(of, func) = *self
            && of == flag
        {
            *self = Self::Read(flag, func);
        }
    }
}
