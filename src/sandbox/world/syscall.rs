//! Linux system calls as Emscripten's older libc imports them: a number and a pointer to the arguments, on
//! the same files as WASI.

use super::{Entry, made, real};
use crate::sandbox::{
    cx::{Cx, End},
    wasi::Errno,
};

pub(super) const TABLE: &[Entry] = &[
    made("syscall1", "number args", |cx| Err(End::Exit(arg(cx, 0) as i32))),
    real("syscall3", "number args", |cx| done(cx, read)),
    real("syscall4", "number args", |cx| done(cx, write)),
    real("syscall5", "number args", |cx| done(cx, open)),
    real("syscall6", "number args", |cx| done(cx, close)),
    real("syscall10", "number args", |cx| done(cx, unlink)),
    made("syscall20", "number args", getpid),
    real("syscall38", "number args", |cx| done(cx, rename)),
    made("syscall54", "number args", |cx| done(cx, |_| Ok(0))),
    made("syscall122", "number args", |cx| done(cx, uname)),
    real("syscall140", "number args", |cx| done(cx, seek)),
    real("syscall145", "number args", |cx| done(cx, readv)),
    real("syscall146", "number args", |cx| done(cx, writev)),
    made("syscall221", "number args", |cx| done(cx, |_| Ok(0))),
    made("syscall*", "", |cx| done(cx, |_| Err(Errno::NOSYS))),
    made("getpid", "", getpid),
];

/// A word behind the second argument.
fn arg(cx: &Cx<'_, '_>, index: u32) -> u32 {
    let address = cx.u32(1).checked_add(4 * index);
    address.and_then(|address| cx.read_u32(address)).unwrap_or(0)
}

/// Answers with the value, or with the negative number that Linux has for the error.
fn done(cx: &mut Cx<'_, '_>, call: fn(&mut Cx<'_, '_>) -> Result<u32, Errno>) -> Result<(), End> {
    let value = match call(cx) {
        Ok(value) => i64::from(value),
        Err(errno) => -linux(errno),
    };
    cx.give(value);
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

fn path(cx: &Cx<'_, '_>, index: u32) -> Result<String, Errno> {
    cx.c_string(arg(cx, index)).ok_or(Errno::FAULT)
}

fn read(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let (fd, to, len) = (arg(cx, 0), arg(cx, 1), arg(cx, 2));
    let bytes = cx.state.read(fd, u64::from(len.min(16 << 20)))?;
    cx.write(to, &bytes).ok_or(Errno::FAULT)?;
    Ok(bytes.len() as u32)
}

fn write(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let (fd, from, len) = (arg(cx, 0), arg(cx, 1), arg(cx, 2).min(16 << 20));
    let bytes = cx.read(from, len.into()).ok_or(Errno::FAULT)?.to_vec();
    cx.state.write(fd, &bytes)?;
    Ok(len)
}

fn readv(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let vectors = cx.vectors(arg(cx, 1), arg(cx, 2))?;
    let room = vectors.iter().map(|&(_, len)| u64::from(len)).sum();
    let bytes = cx.state.read(arg(cx, 0), room)?;
    cx.scatter(&vectors, &bytes)?;
    Ok(bytes.len() as u32)
}

fn writev(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let bytes = cx.gather(arg(cx, 1), arg(cx, 2))?;
    cx.state.write(arg(cx, 0), &bytes)?;
    Ok(bytes.len() as u32)
}

/// `O_CREAT`, `O_EXCL`, `O_TRUNC`, `O_APPEND`, `O_DIRECTORY` of Linux.
fn open(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let flags = arg(cx, 1);
    let bit = |linux: u32, wasi: u32| if flags & linux != 0 { wasi } else { 0 };
    let oflags = bit(0o100, 1) | bit(0o200_000, 2) | bit(0o200, 4) | bit(0o1000, 8);
    let path = path(cx, 0)?;
    cx.state.open(&path, oflags, flags & 0o2000 != 0)
}

fn close(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let fd = arg(cx, 0);
    cx.state.close(fd).map(|()| 0)
}

fn unlink(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let path = path(cx, 0)?;
    cx.state.unlink(&path).map(|()| 0)
}

fn rename(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let (from, to) = (path(cx, 0)?, path(cx, 1)?);
    cx.state.rename(&from, &to).map(|()| 0)
}

/// The offset comes in two halves; where it leads is written behind the fourth argument.
fn seek(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let (fd, high, low, result, whence) = (arg(cx, 0), arg(cx, 1), arg(cx, 2), arg(cx, 3), arg(cx, 4));
    if whence > 2 {
        return Err(Errno::INVAL);
    }
    let offset = cx.state.seek(fd, i64::from(high as i32) << 32 | i64::from(low), whence)?;
    cx.write_u64(result, offset).ok_or(Errno::FAULT)?;
    Ok(0)
}

/// Six names of 65 bytes.
fn uname(cx: &mut Cx<'_, '_>) -> Result<u32, Errno> {
    let mut names = [0; 6 * 65];
    for (index, name) in ["Emscripten", "emscripten", "1.0", "#1", "x86-JS", ""].into_iter().enumerate() {
        names[65 * index..65 * index + name.len()].copy_from_slice(name.as_bytes());
    }
    cx.write(arg(cx, 0), &names).ok_or(Errno::FAULT)?;
    Ok(0)
}

/// Another number each time, for programs that seed with it.
fn getpid(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let pid = 1000 + cx.state.random.next() % 30_000;
    cx.give(pid as i64);
    Ok(())
}
