//! What bounds the driver, each with unit and reason.

/// Exports driven early because their type is that of one that makes an object: each takes its time of the
/// run.
pub(super) const GIVERS: usize = 16;

/// Exports driven with made-up arguments: each takes its time of the run.
pub(super) const DRIVEN: usize = 64;

/// Functions called that the sample told its host of: each takes its time of the run.
pub(super) const CALLBACKS: usize = 96;

/// Calls made to find an order of exports in which more of the code runs.
pub(super) const SEARCH_CALLS: usize = 64;

/// Objects of the sample that such a search tries as arguments of one export.
pub(super) const SEARCH_OBJECTS: usize = 4;

/// Blocks that a call must have shown for the search to leave its export alone.
pub(super) const SEARCH_BLOCKS: u64 = 24;

/// Pieces of memory asked of the sample's allocator at a time, to be given away.
pub(super) const PARCELS: usize = 12;

/// Names in a message of what was not called; the others are counted.
pub(super) const LEFT_NAMED: usize = 5;

/// Characters of such a name.
pub(super) const NAME_SHOWN: usize = 60;

/// Functions and calls followed to rank all exports together: a fraction of a second.
pub(super) const RANK_STEPS: usize = 4_000_000;

/// Exports tried as allocators where none has the name of one: two calls each.
pub(super) const ALLOCATORS_TRIED: usize = 8;

/// Bytes of memory looked at in a run to put the instance back after failed calls: some seconds.
pub(super) const RETURN_BYTES: u64 = 8 << 30;
