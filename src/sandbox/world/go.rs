//! Go's own host: each function gets a stack pointer, and finds its arguments above it.
//!
//! Output, time, randomness and the end of the program; objects of JavaScript are not there.

use super::limits::{GO_WRITE, RANDOM_BYTES};
use super::{Entry, emscripten::nothing, made, real};
use crate::sandbox::context::{CallContext, CallEnd};

pub(super) const TABLE: &[Entry] = &[
    made("runtime.wasmExit", "sp", exit),
    real("runtime.wasmWrite", "sp", write),
    real("runtime.nanotime", "sp", nanotime),
    real("runtime.nanotime1", "sp", nanotime),
    real("runtime.walltime", "sp", walltime),
    real("runtime.walltime1", "sp", walltime),
    made("runtime.scheduleTimeoutEvent", "sp", schedule),
    made("runtime.getRandomData", "sp", random),
    made("*", "", nothing),
];

fn at(ctx: &CallContext<'_, '_>, offset: u32) -> u32 {
    ctx.u32(0).saturating_add(offset)
}

fn exit(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    Err(CallEnd::Exit(ctx.read_u32(at(ctx, 8)).unwrap_or(0) as i32))
}

fn write(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let fd = ctx.read_u64(at(ctx, 8)).unwrap_or(0);
    let from = ctx.read_u64(at(ctx, 16)).unwrap_or(0) as u32;
    let len = ctx.read_u32(at(ctx, 24)).unwrap_or(0).min(GO_WRITE);
    let bytes = ctx.read(from, len.into()).unwrap_or_default().to_vec();
    match fd {
        1 => ctx.state.stdout.write(&bytes),
        2 => ctx.state.stderr.write(&bytes),
        _ => {}
    }
    Ok(())
}

fn nanotime(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let now = ctx.state.clock.now_ns();
    _ = ctx.write_u64(at(ctx, 8), now);
    Ok(())
}

fn walltime(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let now = ctx.state.clock.real_ns();
    _ = ctx.write_u64(at(ctx, 8), now / 1_000_000_000);
    _ = ctx.write_u32(at(ctx, 16), (now % 1_000_000_000) as u32);
    Ok(())
}

/// The number of a timer that never fires.
fn schedule(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let id = ctx.state.world.next_handle();
    _ = ctx.write_u32(at(ctx, 16), id);
    Ok(())
}

fn random(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let to = ctx.read_u64(at(ctx, 8)).unwrap_or(0) as u32;
    let len = ctx.read_u64(at(ctx, 16)).unwrap_or(0).min(RANDOM_BYTES.into()) as usize;
    let mut bytes = vec![0; len];
    ctx.state.random.fill(&mut bytes);
    _ = ctx.write(to, &bytes);
    Ok(())
}
