//! WASI 0.2 as a core module imports it. Each function of `wasi:*@0.2` has its arguments in the canonical
//! ABI, and works on the same files, streams, clock and sockets as preview1.
//!
//! A result that does not fit into one value is written to where the last argument points. A byte says which
//! case it is (0 is success). The values of that case follow, where their alignment wants it. Lists lie in
//! memory that the module's own `cabi_realloc` gives.
//!
//! Not here: which function an import of a component's program is (`module::component`).

mod files;
mod http;
mod lists;
mod net;
mod resources;
mod streams;

use self::resources::Resource;
pub(crate) use self::resources::STREAMS;
pub(in crate::sandbox) use self::{http::incoming, resources::Resources};
use super::{Entry, made, nest, real, real_nest};
use crate::sandbox::{
    context::{CallContext, CallEnd},
    wasi::Errno,
};

/// Names are unique across the interfaces, but for `now` and `resolution`: those that write their answer have
/// an argument more.
pub(super) const TABLE: &[Entry] = &[
    real_nest("get-environment", "list", lists::environment),
    real_nest("get-arguments", "list", lists::arguments),
    made("initial-cwd", "option", none),
    made("exit", "status", |ctx| Err(CallEnd::Exit(ctx.u32(0) as i32))),
    made("exit-with-code", "code", |ctx| Err(CallEnd::Exit(ctx.u32(0) as i32))),
    real("get-stdin", "", |ctx| handle(ctx, Resource::Stream(0))),
    real("get-stdout", "", |ctx| handle(ctx, Resource::Stream(1))),
    real("get-stderr", "", |ctx| handle(ctx, Resource::Stream(2))),
    made("get-terminal-stdin", "option", none),
    made("get-terminal-stdout", "option", none),
    made("get-terminal-stderr", "option", none),
    real("[method]output-stream.check-write", "stream result", streams::check_write),
    real("[method]output-stream.write", "stream bytes:in len result", streams::write),
    real("[method]output-stream.blocking-write-and-flush", "stream bytes:in len result", streams::write),
    real("[method]output-stream.flush", "stream result", streams::done),
    real("[method]output-stream.blocking-flush", "stream result", streams::done),
    real("[method]output-stream.write-zeroes", "stream len:L result", streams::zeros),
    real("[method]output-stream.blocking-write-zeroes-and-flush", "stream len:L result", streams::zeros),
    real_nest("[method]input-stream.read", "stream len:L result", streams::read),
    real_nest("[method]input-stream.blocking-read", "stream len:L result", streams::read),
    real("[method]input-stream.skip", "stream len:L result", streams::skip),
    real("[method]input-stream.blocking-skip", "stream len:L result", streams::skip),
    real("[method]*.subscribe", "resource", |ctx| handle(ctx, Resource::Wait(0))),
    real("subscribe-duration", "duration:L", streams::subscribe_duration),
    real("subscribe-instant", "instant:L", |ctx| handle(ctx, Resource::Wait(ctx.u64(0)))),
    real("[method]pollable.block", "pollable", streams::block),
    real("[method]pollable.ready", "pollable", streams::ready),
    real_nest("poll", "pollables count list", streams::poll),
    real("now", "datetime", streams::wall_clock),
    real("now", "", streams::monotonic_clock),
    real("resolution", "datetime", streams::wall_resolution),
    real("resolution", "", resolution),
    real_nest("get-random-bytes", "len:L list", lists::random),
    real_nest("get-insecure-random-bytes", "len:L list", lists::random),
    real("get-random-u64", "", streams::random_word),
    real("get-insecure-random-u64", "", streams::random_word),
    real("insecure-seed", "seed", streams::seed),
    real_nest("get-directories", "list", files::directories),
    real("[method]descriptor.open-at", "dir path_flags path:str path_len oflags flags result", files::open),
    real("[method]descriptor.read-via-stream", "file offset:L result", files::stream),
    real("[method]descriptor.write-via-stream", "file offset:L result", files::stream),
    real("[method]descriptor.append-via-stream", "file result", files::append),
    real_nest("[method]descriptor.read", "file len:L offset:L result", files::read),
    real("[method]descriptor.write", "file bytes:in len offset:L result", files::write),
    real("[method]descriptor.get-type", "file result", files::get_type),
    real("[method]descriptor.get-flags", "file result", files::get_flags),
    real("[method]descriptor.stat", "file result", files::stat),
    real("[method]descriptor.stat-at", "dir path_flags path:str path_len result", files::stat_at),
    real("[method]descriptor.metadata-hash", "file result", files::identity),
    real(
        "[method]descriptor.metadata-hash-at",
        "dir path_flags path:str path_len result",
        files::identity_at,
    ),
    real("[method]descriptor.set-size", "file size:L result", files::set_size),
    made("[method]descriptor.sync", "file result", files::nothing),
    made("[method]descriptor.sync-data", "file result", files::nothing),
    made("[method]descriptor.advise", "file offset:L len:L advice result", files::nothing),
    real("[method]descriptor.create-directory-at", "dir path:str path_len result", files::make_dir),
    real("[method]descriptor.remove-directory-at", "dir path:str path_len result", files::remove_dir),
    real("[method]descriptor.unlink-file-at", "dir path:str path_len result", files::unlink),
    real(
        "[method]descriptor.rename-at",
        "dir path:str path_len new_dir new_path:str new_path_len result",
        files::rename,
    ),
    real(
        "[method]descriptor.link-at",
        "dir path_flags path:str path_len new_dir new_path:str new_path_len result",
        files::link,
    ),
    real(
        "[method]descriptor.symlink-at",
        "dir target:str target_len path:str path_len result",
        files::symlink,
    ),
    made("[method]descriptor.readlink-at", "dir path:str path_len result", |ctx| {
        answer(ctx, 4, Err(code(Errno::INVAL)))
    }),
    made(
        "[method]descriptor.set-times",
        "file access time:L ns modification time:L ns result",
        files::nothing,
    ),
    made(
        "[method]descriptor.set-times-at",
        "dir path_flags path:str path_len access time:L ns modification time:L ns result",
        files::nothing,
    ),
    real("[method]descriptor.is-same-object", "file other", files::is_same),
    real("[method]descriptor.read-directory", "folder result", files::list),
    real_nest("[method]directory-entry-stream.read-directory-entry", "listing result", files::next_entry),
    made("filesystem-error-code", "error option", none),
    nest("[method]error.to-debug-string", "error string", lists::error_text),
    made("instance-network", "", thing),
    made("create-tcp-socket", "family result", net::create),
    made("create-udp-socket", "family result", net::create),
    made("[method]*-socket.start-connect", "socket network", net::connect),
    made("[method]*-socket.start-bind", "socket network", net::started),
    made("[method]tcp-socket.start-listen", "socket result", files::nothing),
    made("[method]*-socket.finish-bind", "socket result", files::nothing),
    made("[method]tcp-socket.finish-listen", "socket result", files::nothing),
    made("[method]tcp-socket.finish-connect", "socket result", net::finish_connect),
    made("[method]tcp-socket.accept", "socket result", net::would_block),
    made("[method]tcp-socket.shutdown", "socket how result", files::nothing),
    made("resolve-addresses", "network name:str name_len result", net::resolve),
    made("[method]resolve-address-stream.resolve-next-address", "stream result", net::next_address),
    made("[constructor]outgoing-request", "headers", http::new_request),
    made("[constructor]*", "", thing),
    made("[method]fields.set", "fields name:str name_len values count result", files::nothing),
    made("[method]fields.append", "fields name:str name_len value:str value_len result", files::nothing),
    made("[static]fields.from-list", "fields count result", new_thing),
    made("[method]fields.clone", "fields", thing),
    real_nest("[method]fields.entries", "fields list", http::entries),
    real_nest("[method]fields.get", "fields name:str name_len list", http::values),
    made("[method]outgoing-request.set-method", "request kind method:str len", http::set_method),
    made("[method]outgoing-request.set-scheme", "request given kind scheme:str len", http::set_scheme),
    made("[method]outgoing-request.set-authority", "request given host:str len", http::set_authority),
    made("[method]outgoing-request.set-path-with-query", "request given path:str len", http::set_path),
    made("[method]outgoing-request.body", "request result", http::request_body),
    made("[method]outgoing-body.write", "body result", http::body_stream),
    made("[static]outgoing-body.finish", "body given trailers result", http::finished),
    made("handle", "request given options result", http::send),
    made("[method]incoming-request.method", "request result", http::method),
    made("[method]incoming-request.scheme", "request result", http::scheme),
    nest("[method]incoming-request.path-with-query", "request result", http::path),
    nest("[method]incoming-request.authority", "request result", http::authority),
    made("[method]incoming-request.headers", "request", http::headers),
    made("[method]incoming-request.consume", "request result", http::consume),
    made("[method]incoming-body.stream", "body result", http::incoming_stream),
    made("[static]incoming-body.finish", "body", thing),
    made("[method]future-trailers.get", "trailers result", http::trailers),
    made("[method]outgoing-response.set-status-code", "response code", ok),
    made("[method]outgoing-response.headers", "response", thing),
    made("[method]outgoing-response.body", "response result", new_thing),
    made("[static]response-outparam.set", "outparam failed response", http::taken),
    real("[resource-drop]*", "resource", drop_resource),
];

fn ok(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    ctx.give(0);
    Ok(())
}

/// No value where the first or only argument before the result points.
fn none(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let to = last(ctx);
    // What is not there is told nothing.
    _ = ctx.write(to, &[0]);
    Ok(())
}

/// An object that nothing is known of.
fn thing(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    handle(ctx, Resource::Thing)
}

/// The same as a result.
fn new_thing(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    net::give(ctx, Some(Resource::Thing))
}

/// A number for a resource.
fn handle(ctx: &mut CallContext<'_, '_>, resource: Resource) -> Result<(), CallEnd> {
    let number = ctx.state.world.resources.add(resource);
    ctx.give(number.into());
    Ok(())
}

/// Nanoseconds that the monotonic clock claims to resolve.
fn resolution(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    ctx.give(1000);
    Ok(())
}

fn drop_resource(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    if let Some(fd) = ctx.state.world.resources.remove(ctx.u32(0)) {
        // Closed by another name already, if at all.
        _ = ctx.state.close(fd);
    }
    Ok(())
}

/// The last argument: where the answer goes.
fn last(ctx: &CallContext<'_, '_>) -> u32 {
    ctx.args.last().copied().unwrap_or(0) as u32
}

/// Writes the answer: success with what belongs to it `at` so many bytes behind its start, or the number of
/// an error there.
fn answer(ctx: &mut CallContext<'_, '_>, at: u32, outcome: Result<&[u8], u8>) -> Result<(), CallEnd> {
    let (case, payload) = match &outcome {
        Ok(bytes) => (0, *bytes),
        Err(code) => (1, std::slice::from_ref(code)),
    };
    if let Err(code) = outcome
        && ctx.name.starts_with("[method]descriptor.")
    {
        ctx.state.world.failed = Some(errno(code));
    }
    let to = last(ctx);
    let written = ctx.write(to, &[case]).and_then(|()| ctx.write(to.checked_add(at)?, payload));
    written.ok_or_else(|| CallEnd::Abort("a result does not fit into memory".into()))
}

/// The error for which `wasi:filesystem` has a number.
fn errno(code: u8) -> Errno {
    match code {
        0 => Errno::ACCES,
        1 => Errno::AGAIN,
        3 => Errno::BADF,
        4 => Errno::BUSY,
        7 => Errno::EXIST,
        8 => Errno::FBIG,
        9 => Errno::ILSEQ,
        12 => Errno::INVAL,
        14 => Errno::ISDIR,
        15 => Errno::LOOP,
        18 => Errno::NAMETOOLONG,
        20 => Errno::NOENT,
        23 => Errno::NOSPC,
        24 => Errno::NOTDIR,
        25 => Errno::NOTEMPTY,
        31 => Errno::PERM,
        32 => Errno::PIPE,
        34 => Errno::SPIPE,
        _ => Errno::IO,
    }
}

/// The number that `wasi:filesystem` has for an error.
fn code(errno: Errno) -> u8 {
    match errno {
        Errno::ACCES => 0,
        Errno::AGAIN => 1,
        Errno::BADF => 3,
        Errno::BUSY => 4,
        Errno::EXIST => 7,
        Errno::FBIG => 8,
        Errno::ILSEQ => 9,
        Errno::INVAL | Errno::FAULT => 12,
        Errno::ISDIR => 14,
        Errno::LOOP => 15,
        Errno::NAMETOOLONG => 18,
        Errno::NOENT => 20,
        Errno::NOSPC | Errno::MFILE => 23,
        Errno::NOTDIR => 24,
        Errno::NOTEMPTY => 25,
        Errno::NOTCAPABLE | Errno::PERM => 31,
        Errno::PIPE => 32,
        Errno::SPIPE => 34,
        _ => 13,
    }
}
