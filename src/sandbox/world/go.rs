//! Go's own host: each function gets a stack pointer, and finds its arguments above it.
//!
//! Output, time, randomness and the end of the program; objects of JavaScript are not there.

use super::{Entry, emscripten::nothing, made, real};
use crate::sandbox::cx::{Cx, End};

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

fn at(cx: &Cx<'_, '_>, offset: u32) -> u32 {
    cx.u32(0).saturating_add(offset)
}

fn exit(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    Err(End::Exit(cx.read_u32(at(cx, 8)).unwrap_or(0) as i32))
}

fn write(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let fd = cx.read_u64(at(cx, 8)).unwrap_or(0);
    let from = cx.read_u64(at(cx, 16)).unwrap_or(0) as u32;
    let len = cx.read_u32(at(cx, 24)).unwrap_or(0).min(1 << 20);
    let bytes = cx.read(from, len.into()).unwrap_or_default().to_vec();
    match fd {
        1 => cx.state.stdout.write(&bytes),
        2 => cx.state.stderr.write(&bytes),
        _ => {}
    }
    Ok(())
}

fn nanotime(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let now = cx.state.clock.now_ns();
    _ = cx.write_u64(at(cx, 8), now);
    Ok(())
}

fn walltime(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let now = cx.state.clock.real_ns();
    _ = cx.write_u64(at(cx, 8), now / 1_000_000_000);
    _ = cx.write_u32(at(cx, 16), (now % 1_000_000_000) as u32);
    Ok(())
}

/// The number of a timer that never fires.
fn schedule(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    cx.state.world.handles += 1;
    let id = cx.state.world.handles;
    _ = cx.write_u32(at(cx, 16), id);
    Ok(())
}

fn random(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let to = cx.read_u64(at(cx, 8)).unwrap_or(0) as u32;
    let len = cx.read_u64(at(cx, 16)).unwrap_or(0).min(1 << 20) as usize;
    let mut bytes = vec![0; len];
    cx.state.random.fill(&mut bytes);
    _ = cx.write(to, &bytes);
    Ok(())
}
