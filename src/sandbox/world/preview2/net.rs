//! Sockets and names. Nobody is at the other end: what is sent is kept, nothing is received.

use super::{answer, resources::Resource};
use crate::sandbox::{
    context::{CallContext, CallEnd},
    wasi::made_up_address,
};

/// The number that `wasi:sockets` has for a handle that is none, and for a call that would wait.
const INVALID: u8 = 3;
const WOULD_BLOCK: u8 = 8;

/// Answers with the number of a new resource.
pub(super) fn give(ctx: &mut CallContext<'_, '_>, resource: Option<Resource>) -> Result<(), CallEnd> {
    let Some(resource) = resource else { return answer(ctx, 4, Err(INVALID)) };
    let number = ctx.state.world.resources.add(resource);
    answer(ctx, 4, Ok(&number.to_le_bytes()))
}

pub(super) fn create(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let socket = ctx.state.open_socket().ok();
    give(ctx, socket.map(Resource::Descriptor))
}

/// An address: which version of IP, then the port and four numbers, or the port, a label and eight.
fn address(ctx: &CallContext<'_, '_>) -> String {
    let port = ctx.u32(3) as u16;
    if ctx.u32(2) == 0 {
        let [a, b, c, d] = [4, 5, 6, 7].map(|index| ctx.u32(index) as u8);
        return format!("{}:{port}", std::net::Ipv4Addr::new(a, b, c, d));
    }
    let mut segments = [0; 8];
    for (at, segment) in segments.iter_mut().enumerate() {
        *segment = ctx.u32(5 + at) as u16;
    }
    format!("[{}]:{port}", std::net::Ipv6Addr::from(segments))
}

pub(super) fn connect(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let to = address(ctx);
    let fd = ctx.state.world.resources.fd(ctx.u32(0));
    let connected = fd.and_then(|fd| ctx.state.connect_socket(fd, to).ok());
    answer(ctx, 1, connected.map_or(Err(INVALID), |()| Ok(&[])))
}

pub(super) fn started(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    answer(ctx, 1, Ok(&[]))
}

/// A stream to receive from and one to send to.
pub(super) fn finish_connect(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let Some(fd) = ctx.state.world.resources.fd(ctx.u32(0)) else { return answer(ctx, 4, Err(INVALID)) };
    let mut pair = [0; 8];
    for half in pair.chunks_exact_mut(4) {
        let stream = ctx.state.duplicate(fd, 0).map_or(Resource::Thing, Resource::Stream);
        let number = ctx.state.world.resources.add(stream);
        half.copy_from_slice(&number.to_le_bytes());
    }
    answer(ctx, 4, Ok(&pair))
}

pub(super) fn would_block(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    answer(ctx, 4, Err(WOULD_BLOCK))
}

pub(super) fn resolve(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let name = ctx.string(ctx.u32(1), ctx.u32(2)).unwrap_or_default();
    give(ctx, Some(Resource::Lookup(Some(made_up_address(&name)))))
}

/// The one address of a name, then none.
pub(super) fn next_address(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let number = ctx.u32(0);
    match ctx.state.world.resources.get(number) {
        Some(Resource::Lookup(found)) => {
            ctx.state.world.resources.set(number, Resource::Lookup(None));
            match found {
                Some([a, b, c, d]) => answer(ctx, 2, Ok(&[1, 0, 0, 0, a, b, c, d])),
                None => answer(ctx, 2, Ok(&[0])),
            }
        }
        _ => answer(ctx, 2, Err(INVALID)),
    }
}
