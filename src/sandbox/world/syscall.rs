//! Linux system calls as Emscripten's libc imported them at first, on the same files as WASI: by a number and
//! a pointer to the arguments.
//!
//! Not here: those that it imports by names (`kernel`).

use super::limits::SYSCALL_BYTES;
use super::{Entry, made, real};
use crate::sandbox::{
    context::{CallContext, CallEnd},
    wasi::Errno,
};

pub(super) const TABLE: &[Entry] = &[
    made("syscall1", "number args", |ctx| Err(CallEnd::Exit(arg(ctx, 0) as i32))),
    real("syscall3", "number args", |ctx| done(ctx, read)),
    real("syscall4", "number args", |ctx| done(ctx, write)),
    real("syscall5", "number args", |ctx| done(ctx, open)),
    real("syscall6", "number args", |ctx| done(ctx, close)),
    real("syscall10", "number args", |ctx| done(ctx, unlink)),
    made("syscall20", "number args", getpid),
    real("syscall38", "number args", |ctx| done(ctx, rename)),
    made("syscall54", "number args", |ctx| done(ctx, |_| Ok(0))),
    made("syscall122", "number args", |ctx| done(ctx, uname)),
    real("syscall140", "number args", |ctx| done(ctx, seek)),
    real("syscall145", "number args", |ctx| done(ctx, readv)),
    real("syscall146", "number args", |ctx| done(ctx, writev)),
    made("syscall221", "number args", |ctx| done(ctx, |_| Ok(0))),
    made("syscall*", "", |ctx| done(ctx, |_| Err(Errno::NOSYS))),
    made("getpid", "", getpid),
];

/// A word behind the second argument.
fn arg(ctx: &CallContext<'_, '_>, index: u32) -> u32 {
    let address = ctx.u32(1).checked_add(4 * index);
    address.and_then(|address| ctx.read_u32(address)).unwrap_or(0)
}

/// Answers with the value, or with the negative number that Linux has for the error.
fn done(
    ctx: &mut CallContext<'_, '_>,
    call: fn(&mut CallContext<'_, '_>) -> Result<u32, Errno>,
) -> Result<(), CallEnd> {
    let value = match call(ctx) {
        Ok(value) => i64::from(value),
        Err(errno) => -linux(errno),
    };
    ctx.give(value);
    Ok(())
}

fn linux(errno: Errno) -> i64 {
    match errno {
        Errno::NOENT => 2,
        Errno::BADF => 9,
        Errno::ACCES | Errno::NOTCAPABLE => 13,
        Errno::FAULT => 14,
        Errno::EXIST => 17,
        Errno::NOTDIR => 20,
        Errno::ISDIR => 21,
        Errno::INVAL => 22,
        Errno::MFILE => 24,
        Errno::FBIG => 27,
        Errno::NOSPC => 28,
        Errno::SPIPE => 29,
        Errno::NAMETOOLONG => 36,
        Errno::NOTEMPTY => 39,
        Errno::LOOP => 40,
        _ => 38,
    }
}

fn path(ctx: &CallContext<'_, '_>, index: u32) -> Result<String, Errno> {
    ctx.c_string(arg(ctx, index)).ok_or(Errno::FAULT)
}

fn read(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (fd, to, len) = (arg(ctx, 0), arg(ctx, 1), arg(ctx, 2));
    let bytes = ctx.state.read(fd, u64::from(len.min(SYSCALL_BYTES)))?;
    ctx.give_handed(to, &bytes, 0).ok_or(Errno::FAULT)?;
    Ok(bytes.len() as u32)
}

fn write(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (fd, from, len) = (arg(ctx, 0), arg(ctx, 1), arg(ctx, 2).min(SYSCALL_BYTES));
    let bytes = ctx.read(from, len.into()).ok_or(Errno::FAULT)?.to_vec();
    ctx.state.write(fd, &bytes)?;
    Ok(len)
}

fn readv(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let vectors = ctx.vectors(arg(ctx, 1), arg(ctx, 2))?;
    let room = vectors.iter().map(|&(_, len)| u64::from(len)).sum();
    let bytes = ctx.state.read(arg(ctx, 0), room)?;
    ctx.scatter(&vectors, &bytes)?;
    Ok(bytes.len() as u32)
}

fn writev(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let bytes = ctx.gather(arg(ctx, 1), arg(ctx, 2))?;
    ctx.state.write(arg(ctx, 0), &bytes)?;
    Ok(bytes.len() as u32)
}

/// `O_CREAT`, `O_EXCL`, `O_TRUNC`, `O_APPEND`, `O_DIRECTORY` of Linux.
fn open(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (path, flags) = (path(ctx, 0)?, arg(ctx, 1));
    open_as(ctx, &path, flags)
}

pub(super) fn open_as(ctx: &mut CallContext<'_, '_>, path: &str, flags: u32) -> Result<u32, Errno> {
    let bit = |linux: u32, wasi: u32| if flags & linux != 0 { wasi } else { 0 };
    let oflags = bit(0o100, 1) | bit(0o200_000, 2) | bit(0o200, 4) | bit(0o1000, 8);
    ctx.state.open(path, oflags, flags & 0o2000 != 0)
}

fn close(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let fd = arg(ctx, 0);
    ctx.state.close(fd).map(|()| 0)
}

fn unlink(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let path = path(ctx, 0)?;
    ctx.state.unlink(&path).map(|()| 0)
}

fn rename(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (from, to) = (path(ctx, 0)?, path(ctx, 1)?);
    ctx.state.rename(&from, &to).map(|()| 0)
}

/// The offset comes in two halves; where it leads is written behind the fourth argument.
fn seek(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (fd, high, low, result, whence) = (arg(ctx, 0), arg(ctx, 1), arg(ctx, 2), arg(ctx, 3), arg(ctx, 4));
    if whence > 2 {
        return Err(Errno::INVAL);
    }
    let offset = ctx.state.seek(fd, i64::from(high as i32) << 32 | i64::from(low), whence)?;
    ctx.write_u64(result, offset).ok_or(Errno::FAULT)?;
    Ok(0)
}

/// Six names of 65 bytes.
fn uname(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let mut names = [0; 6 * 65];
    for (index, name) in ["Emscripten", "emscripten", "1.0", "#1", "x86-JS", ""].into_iter().enumerate() {
        names[65 * index..65 * index + name.len()].copy_from_slice(name.as_bytes());
    }
    ctx.write(arg(ctx, 0), &names).ok_or(Errno::FAULT)?;
    Ok(0)
}

/// Another number each time, for programs that seed with it.
fn getpid(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let pid = 1000 + ctx.state.random.next() % 30_000;
    ctx.give(pid as i64);
    Ok(())
}
