//! Limits of calls of WASI, each with unit and reason.

/// Descriptors open at a time: as many as a system allows.
pub(super) const OPEN_DESCRIPTORS: usize = 1024;

/// Bytes that one call reads or writes through its vectors; what is beyond is left for the next call.
pub(super) const TRANSFER: u64 = 16 << 20;

/// Bytes of what a link leads to: as of a path.
pub(super) const LINK_TARGET: usize = 4096;

/// Subscriptions of one call: each takes 48 bytes of the sample's memory and a step.
pub(super) const SUBSCRIPTIONS: u32 = 4096;

/// Virtual nanoseconds that a wait for what never comes takes: the clock goes on and the sample too.
pub(super) const WAIT_NS: u64 = 60_000_000_000;

/// Bytes that are followed of a buffer that was given nothing, as if they had been: an order is shorter.
pub(super) const UNREAD: u32 = 64;

/// Bytes of a listing that one call gives: the sample asks again for more.
pub(super) const LISTING: usize = 1 << 20;

/// Connections accepted in a run: each keeps what went through it.
pub(super) const ACCEPTED: usize = 1024;

/// Sockets that a run opens itself, those of the persona counted: each keeps what went through it.
pub(super) const OPENED: usize = 4096;
