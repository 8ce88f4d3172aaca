//! From where the engine's code stands to where the sample's stood.

use wasm_encoder::Encode as _;

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
    /// A reference is null that must not be: of which kind, as messages name it.
    NullReference,
    NullFunction,
    NullStructure,
    NullArray,
    NullI31,
    /// A function has another type than the one that is called.
    Signature,
    /// A cast fails.
    Cast,
    /// An element of an array is not there.
    ArrayBounds,
    /// A part of a segment is not there.
    MemoryBounds,
    TableBounds,
    /// There is no room for one object more.
    Objects,
    /// An object that is asked for may be missing: if so, what asks is out of bounds.
    Missing,
}

/// From here on, up to the next.
#[derive(Debug, Clone, Copy, Default)]
struct Site {
    /// Offset in the body for the engine.
    lowered: u32,
    /// Offset in the body of the sample.
    original: u32,
    /// Whether what follows is the sample's own code, or all made from one operator of it.
    is_own: bool,
}

/// The sites of one function, ascending.
#[derive(Debug, Default)]
pub(super) struct FunctionSites {
    /// Differences in LEB128: that of the offsets for the engine, shifted by one, with 1 for the sample's own
    /// code; that of the offsets in the sample. Three bytes a site: a module may have as many as bytes.
    sites: Box<[u8]>,
    /// Offsets for the engine of the sites that stop, and why.
    stops: Box<[(u32, Stop)]>,
}

impl FunctionSites {
    /// The last site that begins at or before `offset`, and why it stops there.
    fn of(&self, offset: u32) -> Option<(Site, Option<Stop>)> {
        let (mut bytes, mut site, mut found) = (&self.sites[..], Site::default(), None);
        while !bytes.is_empty() {
            let (lowered, original) = (leb(&mut bytes), leb(&mut bytes));
            site.lowered = site.lowered.wrapping_add(lowered >> 1);
            site.original = site.original.wrapping_add(original);
            site.is_own = lowered & 1 == 1;
            if site.lowered > offset {
                break;
            }
            found = Some(site);
        }
        let site = found?;
        let stop = self.stops.binary_search_by_key(&site.lowered, |(lowered, _)| *lowered).ok();
        Some((site, stop.and_then(|at| self.stops.get(at)).map(|(_, stop)| *stop)))
    }
}

/// Reads a number that [`wasm_encoder::Encode`] wrote.
fn leb(bytes: &mut &[u8]) -> u32 {
    let (mut value, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// The sites of a function being written.
#[derive(Debug, Default)]
pub(super) struct SitesWriter {
    sites: Vec<u8>,
    stops: Vec<(u32, Stop)>,
    last: Option<(Site, Option<Stop>)>,
}

impl SitesWriter {
    /// An operator of the sample stands at `lowered` as it is.
    pub(super) fn own(&mut self, lowered: u32, original: u32) {
        let goes_on = |(site, _): &(Site, Option<Stop>)| {
            site.is_own && original.wrapping_sub(site.original) == lowered.wrapping_sub(site.lowered)
        };
        if !self.last.as_ref().is_some_and(goes_on) {
            self.push(Site { lowered, original, is_own: true }, None);
        }
    }

    /// An operator made from that at `original` stands at `lowered`.
    pub(super) fn made(&mut self, lowered: u32, original: u32, stop: Option<Stop>) {
        let goes_on =
            |(site, last): &(Site, Option<Stop>)| !site.is_own && site.original == original && *last == stop;
        if !self.last.as_ref().is_some_and(goes_on) {
            self.push(Site { lowered, original, is_own: false }, stop);
        }
    }

    fn push(&mut self, site: Site, stop: Option<Stop>) {
        let (before, _) = self.last.unwrap_or_default();
        let step = site.lowered.wrapping_sub(before.lowered) << 1 | u32::from(site.is_own);
        step.encode(&mut self.sites);
        site.original.wrapping_sub(before.original).encode(&mut self.sites);
        self.stops.extend(stop.map(|stop| (site.lowered, stop)));
        self.last = Some((site, stop));
    }

    pub(super) fn finish(self) -> FunctionSites {
        FunctionSites { sites: self.sites.into(), stops: self.stops.into() }
    }
}

/// The sites of all defined functions.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    functions: Vec<FunctionSites>,
    are_objects_missing: bool,
}

impl Sites {
    /// Bytes that they take.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        let size = |function: &FunctionSites| function.sites.len() + size_of_val(&*function.stops);
        self.functions.iter().map(size).sum()
    }

    /// Those of a module before any is known; objects that it begins with may be missing.
    pub(super) fn of_module(are_objects_missing: bool) -> Self {
        Self { functions: Vec::new(), are_objects_missing }
    }

    pub(super) fn push(&mut self, function: FunctionSites) {
        self.functions.push(function);
    }

    /// The offset in the sample's body of what stands at `offset` in the defined function at `position`, and
    /// why it stops there.
    pub(crate) fn of(&self, position: usize, offset: u32) -> Option<(u32, Option<Stop>)> {
        let (site, stop) = self.functions.get(position)?.of(offset)?;
        let stop = stop.or((self.are_objects_missing && !site.is_own).then_some(Stop::Missing));
        let beyond = if site.is_own { offset - site.lowered } else { 0 };
        Some((site.original.saturating_add(beyond), stop))
    }
}
