//! Streams, clocks, and waiting for them.

use std::sync::Mutex;

use super::{
    answer, handle, last,
    lists::{give_list, place},
    resources::Resource,
};
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::{State, lock},
        world::limits::{LIST_BYTES, POLLABLES, STREAM_ROOM},
    },
    trace::effects::{Given, Origin},
    tracer::Caller,
};

/// The case of an error of streams that says that the other end is gone.
const CLOSED: u8 = 1;
/// The clocks by their numbers in preview1, which data that comes from them is named after.
const WALL: &str = "0";
const MONOTONIC: &str = "1";

/// The descriptor of the stream that the first argument is.
fn fd(ctx: &CallContext<'_, '_>) -> Option<u32> {
    ctx.state.world.resources.fd(ctx.u32(0))
}

pub(super) fn check_write(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    match fd(ctx) {
        Some(_) => answer(ctx, 8, Ok(&STREAM_ROOM.to_le_bytes())),
        None => answer(ctx, 8, Err(CLOSED)),
    }
}

pub(super) fn write(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let bytes = ctx.read(ctx.u32(1), ctx.u32(2).into()).map(<[u8]>::to_vec);
    let written = fd(ctx).zip(bytes).and_then(|(fd, bytes)| ctx.state.write(fd, &bytes).ok());
    answer(ctx, 4, written.map_or(Err(CLOSED), |()| Ok(&[])))
}

pub(super) fn zeros(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let bytes = vec![0; ctx.u64(1).min(LIST_BYTES) as usize];
    let written = fd(ctx).and_then(|fd| ctx.state.write(fd, &bytes).ok());
    answer(ctx, 4, written.map_or(Err(CLOSED), |()| Ok(&[])))
}

pub(super) fn done(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    answer(ctx, 4, Ok(&[]))
}

pub(super) fn skip(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let room = ctx.u64(1).min(LIST_BYTES);
    match fd(ctx).and_then(|fd| ctx.state.read(fd, room).ok()) {
        Some(bytes) if !bytes.is_empty() => answer(ctx, 8, Ok(&(bytes.len() as u64).to_le_bytes())),
        _ => answer(ctx, 8, Err(CLOSED)),
    }
}

pub(super) fn read(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let word = |index: usize| args.get(index).copied().unwrap_or(0);
    let bytes = {
        let mut state = lock(state);
        let fd = state.world.resources.fd(word(0) as u32);
        let bytes = fd.and_then(|fd| state.read(fd, word(1).min(LIST_BYTES)).ok());
        bytes.map(|bytes| (bytes, state.handed.clone()))
    };
    give_bytes(call, state, word(2), bytes.filter(|(bytes, _)| !bytes.is_empty() || word(1) == 0), CLOSED);
    Ok(())
}

/// Writes a result that is a list of bytes, with what they come from, or the number of an error.
pub(super) fn give_bytes(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    to: u64,
    bytes: Option<(Vec<u8>, Option<Origin>)>,
    error: u8,
) {
    let placed =
        bytes.and_then(|(bytes, origin)| Some((place(call, state, 1, &bytes, origin)?, bytes.len())));
    // What does not fit is not told.
    match placed {
        Some((at, len)) => {
            _ = call.write_memory(to, &[0; 4]);
            give_list(call, to.saturating_add(4), at, len);
        }
        None => _ = call.write_memory(to, &[1, 0, 0, 0, error, 0, 0, 0, 0, 0, 0, 0]),
    }
}

pub(super) fn subscribe_duration(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let ready = ctx.state.clock.now_ns().saturating_add(ctx.u64(0));
    handle(ctx, Resource::Wait(ready))
}

/// Nanoseconds until what a number stands for is ready.
fn wait(state: &State, number: u32) -> u64 {
    match state.world.resources.get(number) {
        Some(Resource::Wait(ready)) => ready.saturating_sub(state.clock.now_ns()),
        _ => 0,
    }
}

pub(super) fn block(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let ns = wait(ctx.state, ctx.u32(0));
    if ns > 0 {
        ctx.state.clock.sleep(ns);
    }
    Ok(())
}

pub(super) fn ready(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let is_ready = wait(ctx.state, ctx.u32(0)) == 0;
    ctx.give(is_ready.into());
    Ok(())
}

/// The positions of those that are ready, after the shortest of the waits if none is.
pub(super) fn poll(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let word = |index: usize| args.get(index).copied().unwrap_or(0);
    let bytes = call.read_memory(word(0), word(1).min(POLLABLES) * 4).unwrap_or_default();
    let numbers: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let ready: Vec<u8> = {
        let mut state = lock(state);
        let waits: Vec<u64> = numbers.iter().map(|&number| wait(&state, number)).collect();
        let first = waits.iter().copied().min().unwrap_or(0);
        if first > 0 {
            state.clock.sleep(first);
        }
        (0u32..).zip(waits).filter(|&(_, ns)| ns == first).flat_map(|(at, _)| at.to_le_bytes()).collect()
    };
    if let Some(at) = place(call, state, 4, &ready, None) {
        give_list(call, word(2), at, ready.len() / 4);
    }
    Ok(())
}

/// Seconds and nanoseconds since 1970.
pub(super) fn wall_clock(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let now = datetime(ctx.state.clock.real_ns());
    _ = ctx.give_from(last(ctx), &now, Given::Clock, WALL, 0);
    Ok(())
}

pub(super) fn wall_resolution(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    _ = ctx.write(last(ctx), &datetime(1000));
    Ok(())
}

fn datetime(ns: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&(ns / 1_000_000_000).to_le_bytes());
    bytes[8..].copy_from_slice(&((ns % 1_000_000_000) as u32).to_le_bytes());
    bytes
}

/// Nanoseconds since the start.
pub(super) fn monotonic_clock(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let now = ctx.state.clock.now_ns();
    ctx.give_with(now as i64, Origin { kind: Given::Clock, name: MONOTONIC.into(), offset: 0 });
    Ok(())
}

/// A word of randomness.
pub(super) fn random_word(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let value = ctx.state.random.next();
    let offset = ctx.state.random_bytes;
    ctx.state.random_bytes += 8;
    ctx.give_with(value as i64, Origin { kind: Given::Random, name: "random".into(), offset });
    Ok(())
}

/// Two words of randomness.
pub(super) fn seed(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let mut bytes = [0; 16];
    let Origin { kind, name, offset } = ctx.state.random_into(&mut bytes);
    _ = ctx.give_from(last(ctx), &bytes, kind, &name, offset);
    Ok(())
}
