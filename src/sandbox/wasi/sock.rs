//! Sockets: there are none. A call is logged with what it would have sent.

use super::Errno;
use crate::sandbox::cx::Cx;

/// The error of a descriptor that is no socket.
fn refuse(cx: &Cx<'_, '_>) -> Result<(), Errno> {
    cx.state.wasi.fds.get(cx.u32(0))?;
    Err(Errno::NOTSOCK)
}

pub(super) fn sock_accept(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    refuse(cx)
}

pub(super) fn sock_recv(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    refuse(cx)
}

pub(super) fn sock_send(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    refuse(cx)
}

pub(super) fn sock_shutdown(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    refuse(cx)
}
