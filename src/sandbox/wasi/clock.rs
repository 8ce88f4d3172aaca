//! The clocks, all of them virtual.

use super::Errno;
use crate::sandbox::cx::Cx;

/// Nanoseconds that the clocks claim to resolve.
const RESOLUTION_NS: u64 = 1000;

/// The time of a clock, in nanoseconds.
pub(super) fn now_ns(cx: &Cx<'_, '_>, id: u32) -> Result<u64, Errno> {
    match id {
        0 => Ok(cx.state.clock.real_ns()),
        1..=3 => Ok(cx.state.clock.now_ns()),
        _ => Err(Errno::INVAL),
    }
}

pub(super) fn clock_res_get(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    now_ns(cx, cx.u32(0))?;
    cx.store_u64(cx.u32(1), RESOLUTION_NS)
}

pub(super) fn clock_time_get(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let now = now_ns(cx, cx.u32(0))?;
    cx.store_u64(cx.u32(2), now)
}
