//! The calls of sockets.

use super::{
    Errno,
    descriptor::{Descriptor, Target, right},
    memory::room,
};
use crate::sandbox::cx::Cx;

/// `riflags`.
const PEEK: u32 = 1;
const WAITALL: u32 = 2;
/// The only one of `fdflags` that an accepted connection can have.
const NONBLOCK: u32 = 4;

/// The position of the connection that the first argument stands for, if it has `rights`.
fn connection(cx: &Cx<'_, '_>, rights: u64) -> Result<usize, Errno> {
    let descriptor = cx.state.wasi.fds.get(cx.u32(0))?;
    match descriptor.target {
        Target::Connection(_) if descriptor.rights & rights != rights => Err(Errno::NOTCAPABLE),
        Target::Connection(position) => Ok(position),
        Target::Listener(_) => Err(Errno::NOTCONN),
        _ => Err(Errno::NOTSOCK),
    }
}

pub(super) fn sock_accept(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let descriptor = cx.state.wasi.fds.get(cx.u32(0))?;
    let (rights, inheriting) = (descriptor.rights, descriptor.inheriting);
    let position = match descriptor.target {
        Target::Listener(_) if rights & right::SOCK_ACCEPT == 0 => return Err(Errno::NOTCAPABLE),
        Target::Listener(position) => position,
        Target::Connection(_) => return Err(Errno::INVAL),
        _ => return Err(Errno::NOTSOCK),
    };
    if cx.u32(1) & !NONBLOCK != 0 {
        return Err(Errno::INVAL);
    }
    cx.check(cx.u32(2), 4)?;
    cx.state.wasi.fds.has_room()?;
    let accepted = cx.state.wasi.sockets.accept(position)?;
    let descriptor = Descriptor::new(Target::Connection(accepted), inheriting, 0, cx.u32(1) as u16);
    let fd = cx.state.wasi.fds.open(descriptor)?;
    cx.store_u32(cx.u32(2), fd)
}

/// Sets no flags on what is received: no byte of a stream is cut off.
pub(super) fn sock_recv(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let position = connection(cx, right::FD_READ)?;
    let flags = cx.u32(3);
    if flags & !(PEEK | WAITALL) != 0 {
        return Err(Errno::INVAL);
    }
    let vectors = cx.targets(cx.u32(1), cx.u32(2))?;
    cx.check(cx.u32(4), 4)?;
    cx.check(cx.u32(5), 2)?;
    let (peeks, all) = (flags & PEEK != 0, flags & WAITALL != 0);
    let bytes = cx.state.wasi.sockets.receive(position, room(&vectors), peeks, all)?;
    cx.scatter(&vectors, &bytes)?;
    cx.store_u32(cx.u32(4), bytes.len() as u32)?;
    cx.store(cx.u32(5), &[0, 0])
}

pub(super) fn sock_send(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let position = connection(cx, right::FD_WRITE)?;
    if cx.u32(3) != 0 {
        return Err(Errno::INVAL);
    }
    let bytes = cx.gather(cx.u32(1), cx.u32(2))?;
    cx.check(cx.u32(4), 4)?;
    cx.state.wasi.sockets.send(position, &bytes)?;
    cx.store_u32(cx.u32(4), bytes.len() as u32)
}

pub(super) fn sock_shutdown(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let position = connection(cx, right::SOCK_SHUTDOWN)?;
    match cx.u32(1) {
        how @ 1..=3 => cx.state.wasi.sockets.shut_down(position, how as u8),
        _ => Err(Errno::INVAL),
    }
}
