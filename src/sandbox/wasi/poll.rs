//! Waiting: the virtual clock jumps.

use super::limits::{SUBSCRIPTIONS, WAIT_NS};
use super::{
    Errno,
    clock::now_ns,
    descriptor::{Target, right},
    socket::Readiness,
};
use crate::sandbox::context::CallContext;

const EVENT: usize = 32;

/// What is waited for.
struct Subscription {
    userdata: u64,
    tag: u8,
    what: What,
}

enum What {
    /// A clock to reach a time, in nanoseconds from now.
    Clock(Result<u64, Errno>),
    /// A descriptor.
    Fd(Result<Readiness, Errno>),
}

pub(super) fn poll_oneoff(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let count = ctx.u32(2);
    if count == 0 || count > SUBSCRIPTIONS {
        return Err(Errno::INVAL);
    }
    let size = if ctx.is_unstable { 56 } else { 48 };
    let bytes = ctx.read(ctx.u32(0), u64::from(count) * size as u64).ok_or(Errno::FAULT)?.to_vec();
    let subscriptions: Vec<_> = bytes.chunks_exact(size).map(|bytes| parse(ctx, bytes)).collect();
    let events = wait(ctx, &subscriptions);
    ctx.store(ctx.u32(1), &events)?;
    ctx.store_u32(ctx.u32(3), (events.len() / EVENT) as u32)
}

fn parse(ctx: &CallContext<'_, '_>, bytes: &[u8]) -> Subscription {
    let word =
        |at: usize| bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes);
    let tag = bytes.get(8).copied().unwrap_or(u8::MAX);
    let what = match tag {
        0 => {
            // The forerunner has an identifier before the clock's number.
            let at = if ctx.is_unstable { 24 } else { 16 };
            let (id, timeout, is_absolute) = (word(at) as u32, word(at + 8), word(at + 24) & 1 != 0);
            What::Clock(
                now_ns(ctx, id).map(|now| if is_absolute { timeout.saturating_sub(now) } else { timeout }),
            )
        }
        1 | 2 => What::Fd(ready(ctx, word(16) as u32, tag == 1)),
        _ => What::Fd(Err(Errno::INVAL)),
    };
    Subscription { userdata: word(0), tag, what }
}

/// Bytes that can be read from a descriptor: everything is ready at any time but a connection whose other end
/// is silent.
fn ready(ctx: &CallContext<'_, '_>, fd: u32, reads: bool) -> Result<Readiness, Errno> {
    let wasi = &ctx.state.wasi;
    let descriptor = wasi.fds.with(fd, right::POLL_FD_READWRITE)?;
    let bytes = match descriptor.target {
        Target::Listener(position) if reads => return Ok(wasi.sockets.can_accept(position)),
        Target::Connection(position) if reads => return Ok(wasi.sockets.can_receive(position)),
        Target::Stdin => wasi.stdin.len().saturating_sub(wasi.stdin_at) as u64,
        Target::Node(ino) => wasi.fs.len(ino).saturating_sub(descriptor.offset),
        Target::Stdout | Target::Stderr | Target::Listener(_) | Target::Connection(_) => 1,
    };
    Ok(Readiness::Now(bytes, false))
}

/// The events that are ready at once.
fn ready_events(subscriptions: &[Subscription]) -> Vec<u8> {
    let mut events = Vec::new();
    for subscription in subscriptions {
        match subscription.what {
            What::Fd(Ok(Readiness::Now(bytes, is_gone))) => {
                event(&mut events, subscription, Ok((bytes, is_gone)))
            }
            What::Fd(Err(errno)) | What::Clock(Err(errno)) => event(&mut events, subscription, Err(errno)),
            What::Fd(Ok(Readiness::Never)) | What::Clock(Ok(_)) => {}
        }
    }
    events
}

/// The events that end the wait: those that are ready at once, else the clock that is first, else none.
fn wait(ctx: &mut CallContext<'_, '_>, subscriptions: &[Subscription]) -> Vec<u8> {
    let mut events = ready_events(subscriptions);
    if !events.is_empty() {
        return events;
    }
    let times = subscriptions.iter().filter_map(|subscription| match subscription.what {
        What::Clock(Ok(ns)) => Some((ns, subscription)),
        _ => None,
    });
    let times: Vec<_> = times.collect();
    let first = times.iter().map(|&(ns, _)| ns).min().unwrap_or(WAIT_NS);
    ctx.state.clock.sleep(first);
    for (_, subscription) in times.into_iter().filter(|&(ns, _)| ns == first) {
        event(&mut events, subscription, Ok((0, false)));
    }
    events
}

/// Bytes that can be read, and whether the other end is gone.
fn event(events: &mut Vec<u8>, subscription: &Subscription, result: Result<(u64, bool), Errno>) {
    let (bytes, is_gone) = result.unwrap_or_default();
    let mut event = [0; EVENT];
    event[..8].copy_from_slice(&subscription.userdata.to_le_bytes());
    event[8..10].copy_from_slice(&result.err().unwrap_or(Errno::SUCCESS).0.to_le_bytes());
    event[10] = subscription.tag;
    event[16..24].copy_from_slice(&bytes.to_le_bytes());
    event[24] = is_gone.into();
    events.extend_from_slice(&event);
}
