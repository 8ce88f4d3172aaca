//! WASIX: what it adds to preview1 and an error number can answer. Sockets that connect are connections of
//! the sandbox, with nobody at the other end. What is sent is kept, and nothing is ever received.
//!
//! Not here: programs, forks and threads, which end or nest an execution (`world::process`).

use super::{
    Errno,
    descriptor::{Descriptor, Target, right},
    memory::room,
    sock,
    table::{Function, made, real},
};
use crate::sandbox::{context::CallContext, state::State};

/// The function called `name`.
pub(in crate::sandbox) fn find(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|function| function.name == name)
}

/// Arguments as `signature` reads them.
pub(super) const TABLE: &[Function] = &[
    real("fd_dup", "fd new_fd", fd_dup),
    real("fd_dup2", "fd at_least cloexec new_fd", fd_dup2),
    made("getcwd", "path path_len", getcwd),
    made("chdir", "path:str path_len", nothing),
    real("thread_sleep", "duration:L", thread_sleep),
    made("thread_parallelism", "count", |ctx| ctx.store_u32(ctx.u32(0), 4)),
    made("thread_signal", "thread signal", nothing),
    made("proc_id", "process", |ctx| ctx.store_u32(ctx.u32(0), 1)),
    made("proc_parent", "process parent", |ctx| ctx.store_u32(ctx.u32(1), 0)),
    made("proc_signal", "process signal", nothing),
    made("callback_signal", "callback:str callback_len", nothing),
    made("sock_open", "family type protocol sock", sock_open),
    made("sock_connect", "sock address", sock_connect),
    made("sock_bind", "sock address", socket_only),
    made("sock_listen", "sock backlog", sock_listen),
    made("sock_accept_v2", "sock flags new_fd address", sock::sock_accept),
    made("sock_send_to", "sock si_data:ciov si_data_len si_flags address so_datalen", sock_send_to),
    made(
        "sock_recv_from",
        "sock ri_data:iov ri_data_len ri_flags ro_datalen ro_flags address",
        sock_recv_from,
    ),
    made("sock_set_opt_flag", "sock option value", socket_only),
    made("sock_set_opt_time", "sock option value", socket_only),
    made("sock_set_opt_size", "sock option value:L", socket_only),
    made("sock_status", "sock status", |ctx| socket_only(ctx).and_then(|()| ctx.store(ctx.u32(1), &[1]))),
    made("resolve", "host:str host_len port addresses count found", resolve),
];

fn nothing(_: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    Ok(())
}

fn fd_dup(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.check(ctx.u32(1), 4)?;
    let fd = ctx.state.duplicate(ctx.u32(0), 0)?;
    ctx.store_u32(ctx.u32(1), fd)
}

fn fd_dup2(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.check(ctx.u32(3), 4)?;
    let fd = ctx.state.duplicate(ctx.u32(0), ctx.u32(1))?;
    ctx.store_u32(ctx.u32(3), fd)
}

/// The buffer's length is told and given back in the word at `path_len`.
fn getcwd(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let room = ctx.read_u32(ctx.u32(1)).ok_or(Errno::FAULT)?;
    ctx.store_u32(ctx.u32(1), 1)?;
    if room == 0 { Err(Errno::OVERFLOW) } else { ctx.store(ctx.u32(0), b"/") }
}

fn thread_sleep(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.state.clock.sleep(ctx.u64(0));
    Ok(())
}

fn sock_open(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.check(ctx.u32(3), 4)?;
    let fd = ctx.state.open_socket()?;
    ctx.store_u32(ctx.u32(3), fd)
}

fn sock_connect(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let to = address(ctx, ctx.u32(1))?;
    ctx.state.connect_socket(ctx.u32(0), to)
}

/// Whether the first argument is a socket; nothing else becomes of the call.
fn socket_only(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    match ctx.state.wasi.fds.get(ctx.u32(0))?.target {
        Target::Connection(_) | Target::Listener(_) => Ok(()),
        _ => Err(Errno::NOTSOCK),
    }
}

fn sock_listen(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let Target::Connection(position) = ctx.state.wasi.fds.get(ctx.u32(0))?.target else {
        return Err(Errno::NOTSOCK);
    };
    let listener = ctx.state.wasi.sockets.listen(position)?;
    let descriptor = ctx.state.wasi.fds.get_mut(ctx.u32(0))?;
    *descriptor = Descriptor::new(Target::Listener(listener), right::LISTENER, right::CONNECTION, 0);
    Ok(())
}

fn sock_send_to(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let to = address(ctx, ctx.u32(4))?;
    let bytes = ctx.gather(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(5), 4)?;
    ctx.state.connect_socket(ctx.u32(0), to)?;
    ctx.state.write(ctx.u32(0), &bytes)?;
    ctx.store_u32(ctx.u32(5), bytes.len() as u32)
}

fn sock_recv_from(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    socket_only(ctx)?;
    let vectors = ctx.targets(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(4), 4)?;
    let bytes = ctx.state.read(ctx.u32(0), room(&vectors))?;
    ctx.scatter(&vectors, &bytes)?;
    ctx.store_u32(ctx.u32(4), bytes.len() as u32)
}

/// An address and port in memory, as text. It is a tag (1 and 2 for the two versions of IP), a byte of
/// nothing, the port with its high byte first, and the address.
fn address(ctx: &CallContext<'_, '_>, at: u32) -> Result<String, Errno> {
    let head = ctx.read(at, 8).ok_or(Errno::FAULT)?;
    let port = u16::from_be_bytes([head[2], head[3]]);
    match head[0] {
        1 => Ok(format!("{}:{port}", std::net::Ipv4Addr::new(head[4], head[5], head[6], head[7]))),
        2 => {
            let bytes = ctx.read(at, 20).ok_or(Errno::FAULT)?;
            let octets: [u8; 16] = bytes[4..].try_into().map_err(|_| Errno::FAULT)?;
            Ok(format!("[{}]:{port}", std::net::Ipv6Addr::from(octets)))
        }
        _ => Err(Errno::AFNOSUPPORT),
    }
}

/// One address for each name, of those that documents are written with.
fn resolve(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let name = ctx.path(ctx.u32(0), ctx.u32(1))?;
    ctx.check(ctx.u32(5), 4)?;
    let found = ctx.u32(4).min(1);
    if found > 0 {
        let [a, b, c, d] = made_up_address(&name);
        ctx.store(ctx.u32(3), &[1, 0, a, b, c, d])?;
    }
    ctx.store_u32(ctx.u32(5), found)
}

/// An address for a name, always the same.
pub(in crate::sandbox) fn made_up_address(name: &str) -> [u8; 4] {
    let sum = name.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    [192, 0, 2, (1 + sum % 254) as u8]
}

/// Descriptors and sockets as several worlds have them.
impl State {
    /// Another descriptor, `at_least` this number, for what one stands for.
    pub(in crate::sandbox) fn duplicate(&mut self, fd: u32, at_least: u32) -> Result<u32, Errno> {
        let copy = self.wasi.fds.get(fd)?.clone();
        self.wasi.fds.open_from(at_least, Descriptor { preopen: None, ..copy })
    }

    /// A socket that is not connected.
    pub(in crate::sandbox) fn open_socket(&mut self) -> Result<u32, Errno> {
        self.wasi.fds.has_room()?;
        let position = self.wasi.sockets.open()?;
        self.wasi.fds.open(Descriptor::new(Target::Connection(position), right::CONNECTION, 0, 0))
    }

    /// Connects it: from now on it has the name of where it leads to.
    pub(in crate::sandbox) fn connect_socket(&mut self, fd: u32, to: String) -> Result<(), Errno> {
        match self.wasi.fds.get(fd)?.target {
            Target::Connection(position) => {
                self.wasi.sockets.connect(position, to);
                Ok(())
            }
            Target::Listener(_) => Err(Errno::ISCONN),
            _ => Err(Errno::NOTSOCK),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sandbox::signature;

    #[test]
    fn rows_are_unique_well_formed_and_not_of_preview1() {
        let names: BTreeSet<_> = TABLE.iter().map(|function| function.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for function in TABLE {
            assert!(super::super::find(function.name).is_none(), "{}", function.name);
            for word in function.params.split_whitespace() {
                let kind = word.split_once(':').map_or("", |(_, kind)| kind);
                assert!(signature::kind_of(kind).is_some(), "{}: {word}", function.name);
            }
        }
        assert_eq!(made_up_address("a.example")[..3], [192, 0, 2]);
    }
}
