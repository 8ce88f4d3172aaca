//! The calls of sockets.

use super::{
    Errno,
    descriptor::{Descriptor, Target, right},
    memory::room,
};
use crate::sandbox::context::CallContext;

/// `riflags`.
const PEEK: u32 = 1;
const WAITALL: u32 = 2;
/// The only one of `fdflags` that an accepted connection can have.
const NONBLOCK: u32 = 4;

/// The position of the connection that the first argument stands for, if it has `rights`.
fn connection(ctx: &CallContext<'_, '_>, rights: u64) -> Result<usize, Errno> {
    let descriptor = ctx.state.wasi.fds.get(ctx.u32(0))?;
    match descriptor.target {
        Target::Connection(_) if descriptor.rights & rights != rights => Err(Errno::NOTCAPABLE),
        Target::Connection(position) => Ok(position),
        Target::Listener(_) => Err(Errno::NOTCONN),
        _ => Err(Errno::NOTSOCK),
    }
}

pub(super) fn sock_accept(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.state.wasi.hand_on_listener(ctx.u32(0));
    let descriptor = ctx.state.wasi.fds.get(ctx.u32(0))?;
    let (rights, inheriting) = (descriptor.rights, descriptor.inheriting);
    let position = match descriptor.target {
        Target::Listener(_) if rights & right::SOCK_ACCEPT == 0 => return Err(Errno::NOTCAPABLE),
        Target::Listener(position) => position,
        Target::Connection(_) => return Err(Errno::INVAL),
        _ => return Err(Errno::NOTSOCK),
    };
    if ctx.u32(1) & !NONBLOCK != 0 {
        return Err(Errno::INVAL);
    }
    ctx.check(ctx.u32(2), 4)?;
    ctx.state.wasi.fds.has_room()?;
    let accepted = ctx.state.wasi.sockets.accept(position)?;
    let descriptor = Descriptor::new(Target::Connection(accepted), inheriting, 0, ctx.u32(1) as u16);
    let fd = ctx.state.wasi.fds.open(descriptor)?;
    ctx.store_u32(ctx.u32(2), fd)
}

/// Sets no flags on what is received: no byte of a stream is cut off.
pub(super) fn sock_recv(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let position = connection(ctx, right::FD_READ)?;
    let flags = ctx.u32(3);
    if flags & !(PEEK | WAITALL) != 0 {
        return Err(Errno::INVAL);
    }
    let vectors = ctx.targets(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(4), 4)?;
    ctx.check(ctx.u32(5), 2)?;
    let (peeks, all) = (flags & PEEK != 0, flags & WAITALL != 0);
    let bytes = ctx.state.receive(position, room(&vectors), peeks, all)?;
    ctx.scatter(&vectors, &bytes)?;
    ctx.store_u32(ctx.u32(4), bytes.len() as u32)?;
    ctx.store(ctx.u32(5), &[0, 0])
}

pub(super) fn sock_send(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let position = connection(ctx, right::FD_WRITE)?;
    if ctx.u32(3) != 0 {
        return Err(Errno::INVAL);
    }
    let bytes = ctx.gather(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(4), 4)?;
    ctx.state.wasi.sockets.send(position, &bytes)?;
    ctx.store_u32(ctx.u32(4), bytes.len() as u32)
}

pub(super) fn sock_shutdown(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let position = connection(ctx, right::SOCK_SHUTDOWN)?;
    match ctx.u32(1) {
        how @ 1..=3 => ctx.state.wasi.sockets.shut_down(position, how as u8),
        _ => Err(Errno::INVAL),
    }
}
