//! The clocks, all of them virtual.

use super::Errno;
use crate::{sandbox::context::CallContext, trace::effects::Given};

/// Nanoseconds that the clocks claim to resolve.
const RESOLUTION_NS: u64 = 1000;

/// The time of a clock, in nanoseconds.
pub(super) fn now_ns(ctx: &CallContext<'_, '_>, id: u32) -> Result<u64, Errno> {
    match id {
        0 => Ok(ctx.state.clock.real_ns()),
        1 => Ok(ctx.state.clock.now_ns()),
        // Processor time of the process and of the thread.
        2 | 3 if ctx.state.wasi.cpu_clocks => Ok(ctx.state.clock.now_ns()),
        2 | 3 => Err(Errno::BADF),
        _ => Err(Errno::INVAL),
    }
}

pub(super) fn clock_res_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    now_ns(ctx, ctx.u32(0))?;
    ctx.store_u64(ctx.u32(1), RESOLUTION_NS)
}

pub(super) fn clock_time_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let (id, to) = (ctx.u32(0), ctx.u32(2));
    let now = now_ns(ctx, id)?;
    ctx.give_from(to, &now.to_le_bytes(), Given::Clock, &id.to_string(), 0).ok_or(Errno::FAULT)
}
