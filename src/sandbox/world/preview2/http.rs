//! HTTP. A request that the sample makes is a connection to its host, which gets what is sent: its head with
//! the whole URL, and its body. Nobody answers. A program that serves is handed one request by the driver.
//! Its client is a connection, too, which gets the body of the answer.

use std::sync::Mutex;

use super::{
    answer, handle,
    lists::{Records, give_list, place, place_records},
    net::give,
    resources::{Outgoing, Resource},
};
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::{State, lock},
    },
    trace::effects::{Given, Origin},
    tracer::Caller,
};

/// The number that `wasi:http` has for a server that refuses connections.
const REFUSED: u8 = 6;
/// The number that it has for a request that is none.
const BAD_REQUEST: u8 = 1;
/// Methods by their numbers.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
/// What a client asks of a program that serves.
const PATH: &str = "/";
const AUTHORITY: &str = "localhost";
/// What its connection is called.
const CLIENT: &str = "client of wasi:http";

pub(super) fn new_request(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let request = ctx.state.world.resources.add_request();
    handle(ctx, request.map_or(Resource::Thing, Resource::Request))
}

/// Changes the request that the first argument is.
fn change(ctx: &mut CallContext<'_, '_>, change: impl FnOnce(&mut Outgoing)) -> Result<(), CallEnd> {
    let number = ctx.u32(0);
    let is_one = ctx.state.world.resources.request_mut(number).map(change).is_some();
    ctx.give((!is_one).into());
    Ok(())
}

pub(super) fn set_method(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let method = match METHODS.get(ctx.u32(1) as usize) {
        Some(&method) => method.to_owned(),
        None => ctx.string(ctx.u32(2), ctx.u32(3)).unwrap_or_default(),
    };
    change(ctx, |request| request.method = method)
}

pub(super) fn set_scheme(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let scheme = match (ctx.u32(1), ctx.u32(2)) {
        (0, _) | (_, 1) => "https".to_owned(),
        (_, 0) => "http".to_owned(),
        _ => ctx.string(ctx.u32(3), ctx.u32(4)).unwrap_or_default(),
    };
    change(ctx, |request| request.scheme = scheme)
}

/// The text that follows on whether there is one.
fn optional(ctx: &CallContext<'_, '_>) -> String {
    let is_given = ctx.u32(1) != 0;
    ctx.string(ctx.u32(2), ctx.u32(3)).filter(|_| is_given).unwrap_or_default()
}

pub(super) fn set_authority(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let authority = optional(ctx);
    change(ctx, |request| request.authority = authority)
}

pub(super) fn set_path(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let path = optional(ctx);
    change(ctx, |request| request.path = path)
}

pub(super) fn request_body(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let body = match ctx.state.world.resources.get(ctx.u32(0)) {
        Some(Resource::Request(number)) => Resource::RequestBody(number),
        _ => Resource::Thing,
    };
    give(ctx, Some(body))
}

/// The stream that a body is written to is a connection: it is kept.
pub(super) fn body_stream(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let fd = match ctx.state.world.resources.get(ctx.u32(0)) {
        Some(Resource::RequestBody(number)) => connection(ctx.state, number),
        _ => client(ctx.state),
    };
    let copy = fd.and_then(|fd| ctx.state.duplicate(fd, 0).ok());
    give(ctx, copy.map(Resource::Stream))
}

/// Sends the request, if that was not done: to a host that is known, and nobody there takes it.
pub(super) fn send(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    if let Some(Resource::Request(number)) = ctx.state.world.resources.get(ctx.u32(0)) {
        connection(ctx.state, number);
    }
    answer(ctx, 8, Err(REFUSED))
}

/// The descriptor of the connection of a request. Its head is sent as soon as it is known where to.
fn connection(state: &mut State, number: u32) -> Option<u32> {
    let request = state.world.resources.requests.get(number as usize)?.clone();
    let fd = match request.connection {
        Some(fd) => fd,
        // A request that was sent needs its descriptor no more.
        None => state.open_socket().ok().or_else(|| {
            let sent = |request: &&mut Outgoing| request.is_sent && request.connection.is_some();
            let before = state.world.resources.requests.iter_mut().find(sent)?.connection.take()?;
            state.close(before).ok()?;
            state.open_socket().ok()
        })?,
    };
    let is_known = !request.authority.is_empty();
    if request.connection.is_none() || is_known && !request.is_sent {
        let name = if is_known { request.authority.clone() } else { "http".into() };
        state.connect_socket(fd, name).ok()?;
    }
    if is_known && !request.is_sent {
        state.write(fd, request.head().as_bytes()).ok()?;
    }
    let kept = state.world.resources.requests.get_mut(number as usize)?;
    (kept.connection, kept.is_sent) = (Some(fd), kept.is_sent || is_known);
    Some(fd)
}

/// The descriptor of the client of a program that serves.
fn client(state: &mut State) -> Option<u32> {
    if let Some(fd) = state.world.resources.client {
        return Some(fd);
    }
    let fd = state.open_socket().ok()?;
    state.connect_socket(fd, CLIENT.into()).ok()?;
    state.world.resources.client = Some(fd);
    Some(fd)
}

/// A request for a program that serves, and the place for its answer, as their numbers.
pub(in crate::sandbox) fn incoming(state: &mut State) -> [u32; 2] {
    // Without room for the connection, the request is there all the same.
    client(state);
    [Resource::Incoming, Resource::Thing].map(|resource| state.world.resources.add(resource))
}

/// It is a `GET`.
pub(super) fn method(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    _ = ctx.write(ctx.u32(1), &[0]);
    Ok(())
}

/// There is one, and it is HTTP.
pub(super) fn scheme(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    _ = ctx.write(ctx.u32(1), &[1, 0, 0, 0, 0]);
    Ok(())
}

pub(super) fn path(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    some_text(call, state, args, PATH);
    Ok(())
}

pub(super) fn authority(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    some_text(call, state, args, AUTHORITY);
    Ok(())
}

/// What a client sent.
fn of_client() -> Origin {
    Origin { kind: Given::Socket, name: CLIENT.into(), offset: 0 }
}

/// Writes a text that may be missing to where the last argument points: none if that is no request that came.
fn some_text(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64], text: &str) {
    let to = args.last().copied().unwrap_or(0);
    let request = args.first().copied().unwrap_or(0) as u32;
    let is_one = lock(state).world.resources.get(request) == Some(Resource::Incoming);
    let placed = is_one.then(|| place(call, state, 1, text.as_bytes(), Some(of_client()))).flatten();
    // What does not fit is not told.
    _ = call.write_memory(to, &[u8::from(placed.is_some()), 0, 0, 0]);
    if let Some(at) = placed {
        give_list(call, to.saturating_add(4), at, text.len());
    }
}

/// The headers of a request that came.
pub(super) fn headers(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let of_request = ctx.state.world.resources.get(ctx.u32(0)) == Some(Resource::Incoming);
    handle(ctx, if of_request { Resource::Headers } else { Resource::Thing })
}

/// All headers: of a request that came the one that names the host, of what is built here none.
pub(super) fn entries(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let fields = args.first().copied().unwrap_or(0) as u32;
    let of_request = lock(state).world.resources.get(fields) == Some(Resource::Headers);
    let mut records = Records::default();
    for text in ["host", AUTHORITY].iter().filter(|_| of_request) {
        let Some(at) = place(call, state, 1, text.as_bytes(), Some(of_client())) else { return Ok(()) };
        records.text(at, text.len());
    }
    if let Some(at) = place_records(call, state, &records) {
        give_list(call, args.last().copied().unwrap_or(0), at, of_request.into());
    }
    Ok(())
}

/// The values of one header.
pub(super) fn values(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let word = |index: usize| args.get(index).copied().unwrap_or(0);
    let of_request = lock(state).world.resources.get(word(0) as u32) == Some(Resource::Headers);
    let is_host = call.read_memory(word(1), word(2)).is_some_and(|name| name.eq_ignore_ascii_case(b"host"));
    let mut records = Records::default();
    if of_request && is_host {
        let Some(at) = place(call, state, 1, AUTHORITY.as_bytes(), Some(of_client())) else { return Ok(()) };
        records.text(at, AUTHORITY.len());
    }
    if let Some(at) = place_records(call, state, &records) {
        give_list(call, word(3), at, (of_request && is_host).into());
    }
    Ok(())
}

/// The body of a request that came: it is empty.
pub(super) fn consume(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    match ctx.state.world.resources.get(ctx.u32(0)) {
        Some(Resource::Incoming) => give(ctx, Some(Resource::IncomingBody)),
        _ => answer(ctx, 4, Err(BAD_REQUEST)),
    }
}

pub(super) fn incoming_stream(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let is_body = ctx.state.world.resources.get(ctx.u32(0)) == Some(Resource::IncomingBody);
    let fd = ctx.state.world.resources.client.filter(|_| is_body);
    let copy = fd.and_then(|fd| ctx.state.duplicate(fd, 0).ok());
    give(ctx, copy.map(Resource::Stream))
}

/// There are no trailers, which is known at once.
pub(super) fn trailers(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let mut none = [0; 25];
    none[0] = 1;
    _ = ctx.write(ctx.u32(1), &none);
    Ok(())
}

/// The host takes the answer.
pub(super) fn taken(_: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    Ok(())
}

pub(super) fn finished(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    answer(ctx, 8, Ok(&[]))
}
