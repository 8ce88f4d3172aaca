//! From where the engine's code stands to where the sample's stood.

/// Why the engine's code stops at an operator of the sample, if that is not what it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The engine lacks the operator.
    Unsupported,
    /// An atomic access is not aligned.
    Unaligned,
    /// A wait on memory that is not shared.
    NotShared,
    /// A wait without an end that nobody can end.
    Deadlock,
    /// A reference to no exception is thrown.
    NullException,
}

/// From here on, up to the next.
#[derive(Debug, Clone, Copy)]
struct Site {
    /// Offset in the body for the engine.
    lowered: u32,
    /// Offset in the body of the sample.
    original: u32,
    /// Whether what follows is the sample's own code, or all made from one operator of it.
    is_own: bool,
    stop: Option<Stop>,
}

/// The sites of one function, ascending.
#[derive(Debug, Default)]
pub(super) struct FunctionSites(Vec<Site>);

impl FunctionSites {
    /// An operator of the sample stands at `lowered` as it is.
    pub(super) fn own(&mut self, lowered: u32, original: u32) {
        let goes_on = |site: &Site| {
            site.is_own && original.wrapping_sub(site.original) == lowered.wrapping_sub(site.lowered)
        };
        if !self.0.last().is_some_and(goes_on) {
            self.0.push(Site { lowered, original, is_own: true, stop: None });
        }
    }

    /// An operator made from that at `original` stands at `lowered`.
    pub(super) fn made(&mut self, lowered: u32, original: u32, stop: Option<Stop>) {
        let goes_on = |site: &Site| !site.is_own && site.original == original && site.stop == stop;
        if !self.0.last().is_some_and(goes_on) {
            self.0.push(Site { lowered, original, is_own: false, stop });
        }
    }
}

/// The sites of all defined functions.
#[derive(Debug, Default)]
pub(crate) struct Sites(Vec<FunctionSites>);

impl Sites {
    pub(super) fn push(&mut self, function: FunctionSites) {
        self.0.push(function);
    }

    /// The offset in the sample's body of what stands at `offset` in the defined function at `position`, and
    /// why it stops there.
    pub(crate) fn of(&self, position: usize, offset: u32) -> Option<(u32, Option<Stop>)> {
        let sites = &self.0.get(position)?.0;
        let last = sites.partition_point(|site| site.lowered <= offset).checked_sub(1)?;
        let site = sites.get(last)?;
        let beyond = if site.is_own { offset - site.lowered } else { 0 };
        Some((site.original.saturating_add(beyond), site.stop))
    }
}
