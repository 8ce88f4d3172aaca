//! System calls as Emscripten's libc imports them by names, with the arguments themselves, on the same files
//! as WASI. Errors are the negative numbers that WASI has for them.

use super::{
    Entry,
    limits::{KERNEL_ENTRY, LISTED_BYTES},
    made, real,
    syscall::open_as,
};
use crate::sandbox::{
    context::{CallContext, CallEnd},
    wasi::{DIRECTORY, Errno, Facts, LINK, REGULAR_FILE, SOCKET},
};

pub(super) const TABLE: &[Entry] = &[
    real("syscall_openat", "dirfd path:cstr flags args", |ctx| done(ctx, open_at)),
    real("sys*_open", "path:cstr flags args", |ctx| done(ctx, open)),
    real("syscall_unlinkat", "dirfd path:cstr flags", |ctx| done(ctx, unlink_at)),
    real("sys*_unlink", "path:cstr", |ctx| done(ctx, unlink)),
    real("syscall_renameat", "fromfd from:cstr tofd to:cstr", |ctx| done(ctx, rename_at)),
    real("sys*_rename", "from:cstr to:cstr", |ctx| done(ctx, rename)),
    real("syscall_mkdirat", "dirfd path:cstr mode", |ctx| done(ctx, make_dir_at)),
    real("sys*_mkdir", "path:cstr mode", |ctx| done(ctx, make_dir)),
    real("sys*_rmdir", "path:cstr", |ctx| done(ctx, remove_dir)),
    real("sys*_truncate64", "path:cstr len", |ctx| done(ctx, truncate)),
    real("sys*_ftruncate64", "fd len", |ctx| done(ctx, truncate_open)),
    real("sys*_stat64", "path:cstr to:out", |ctx| done(ctx, |ctx| stat(ctx, true))),
    real("sys*_lstat64", "path:cstr to:out", |ctx| done(ctx, |ctx| stat(ctx, false))),
    real("sys*_fstat64", "fd to:out", |ctx| done(ctx, stat_open)),
    real("syscall_newfstatat", "dirfd path:cstr to:out flags", |ctx| done(ctx, stat_at)),
    real("sys*_fstatat64", "dirfd path:cstr to:out flags", |ctx| done(ctx, stat_at)),
    real("syscall_faccessat", "dirfd path:cstr mode flags", |ctx| done(ctx, access_at)),
    real("sys*_access", "path:cstr mode", |ctx| done(ctx, access)),
    real("syscall_readlinkat", "dirfd path:cstr to:out len", |ctx| done(ctx, read_link_at)),
    real("sys*_getdents64", "fd to:out len", |ctx| {
        done(ctx, |ctx| list(ctx, ctx.u32(0), ctx.u32(1), ctx.u32(2)))
    }),
    real("sys*_getcwd", "to:out len", |ctx| done(ctx, folder)),
    real("sys*_chdir", "path:cstr", |ctx| done(ctx, go_to)),
    made("syscall_*", "", |ctx| done(ctx, |_| Err(Errno::NOSYS))),
    made("sys_*", "", |ctx| done(ctx, |_| Err(Errno::NOSYS))),
];

type Call = fn(&mut CallContext<'_, '_>) -> Result<u32, Errno>;

/// Answers with the value, or with the negative number of the error.
fn done(ctx: &mut CallContext<'_, '_>, call: Call) -> Result<(), CallEnd> {
    let value = call(ctx).map_or_else(|errno| -i64::from(errno.0), i64::from);
    ctx.give(value);
    Ok(())
}

/// The folder in which a program is, as Linux has it.
const AT_FDCWD: i32 = -100;
/// Not a file but a folder is to be removed.
const AT_REMOVEDIR: u32 = 0x200;
/// A link is not followed; what is open is meant if there is no path.
const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_EMPTY_PATH: u32 = 0x1000;

/// The path that an argument points at, from the folder in which the program is.
fn path(ctx: &CallContext<'_, '_>, index: usize) -> Result<String, Errno> {
    let path = ctx.c_string(ctx.u32(index)).ok_or(Errno::FAULT)?;
    let folder = &ctx.state.world.folder;
    Ok(if path.starts_with('/') || path.is_empty() { path } else { format!("{folder}/{path}") })
}

/// The same, from a folder that is open.
fn path_at(ctx: &CallContext<'_, '_>, folder: usize, index: usize) -> Result<String, Errno> {
    let name = ctx.c_string(ctx.u32(index)).ok_or(Errno::FAULT)?;
    match ctx.u32(folder) {
        dir if !name.starts_with('/') && dir as i32 != AT_FDCWD => ctx.state.path_at(dir, &name),
        _ => path(ctx, index),
    }
}

fn open_at(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (path, flags) = (path_at(ctx, 0, 1)?, ctx.u32(2));
    open_as(ctx, &path, flags)
}

fn open(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (path, flags) = (path(ctx, 0)?, ctx.u32(1));
    open_as(ctx, &path, flags)
}

fn unlink_at(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let path = path_at(ctx, 0, 1)?;
    match ctx.u32(2) & AT_REMOVEDIR {
        0 => ctx.state.unlink(&path).map(|()| 0),
        _ => ctx.state.remove_dir(&path).map(|()| 0),
    }
}

fn unlink(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let path = path(ctx, 0)?;
    ctx.state.unlink(&path).map(|()| 0)
}

fn make_dir_at(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let path = path_at(ctx, 0, 1)?;
    ctx.state.make_dir(&path).map(|()| 0)
}

fn make_dir(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let path = path(ctx, 0)?;
    ctx.state.make_dir(&path).map(|()| 0)
}

fn remove_dir(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let path = path(ctx, 0)?;
    ctx.state.remove_dir(&path).map(|()| 0)
}

fn rename_at(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (from, to) = (path_at(ctx, 0, 1)?, path_at(ctx, 2, 3)?);
    ctx.state.rename(&from, &to).map(|()| 0)
}

fn rename(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (from, to) = (path(ctx, 0)?, path(ctx, 1)?);
    ctx.state.rename(&from, &to).map(|()| 0)
}

/// A length that is the second argument, or comes in two halves.
fn len(ctx: &CallContext<'_, '_>) -> Result<u64, Errno> {
    let len = match ctx.call.args().get(2) {
        Some(_) => u64::from(ctx.u32(1)) | ctx.u64(2) << 32,
        None => ctx.u64(1),
    };
    if len > i64::MAX as u64 { Err(Errno::INVAL) } else { Ok(len) }
}

fn truncate(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let (path, len) = (path(ctx, 0)?, len(ctx)?);
    let fd = ctx.state.open(&path, 0, false)?;
    let cut = ctx.state.set_size(fd, len);
    ctx.state.close(fd)?;
    cut.map(|()| 0)
}

fn truncate_open(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let len = len(ctx)?;
    ctx.state.set_size(ctx.u32(0), len).map(|()| 0)
}

fn stat(ctx: &mut CallContext<'_, '_>, follow: bool) -> Result<u32, Errno> {
    let facts = ctx.state.facts_at(&path(ctx, 0)?, follow)?;
    tell(ctx, 1, facts)
}

fn stat_open(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let facts = ctx.state.facts(ctx.u32(0))?;
    tell(ctx, 1, facts)
}

fn stat_at(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let flags = ctx.u32(3);
    let is_open = flags & AT_EMPTY_PATH != 0 && ctx.c_string(ctx.u32(1)).is_some_and(|path| path.is_empty());
    let facts = match is_open {
        true => ctx.state.facts(ctx.u32(0))?,
        false => ctx.state.facts_at(&path_at(ctx, 0, 1)?, flags & AT_SYMLINK_NOFOLLOW == 0)?,
    };
    tell(ctx, 2, facts)
}

fn tell(ctx: &mut CallContext<'_, '_>, index: usize, facts: Facts) -> Result<u32, Errno> {
    ctx.write(ctx.u32(index), &lay_out(facts)).ok_or(Errno::FAULT)?;
    Ok(0)
}

/// A `struct stat`. Emscripten had another one at first. This one serves for both: type, links and size are
/// read most, and stand in each of the places. What the other form has there is hardly ever asked for
/// (owners, the time of the last look).
fn lay_out(facts: Facts) -> [u8; 96] {
    let mut stat = [0; 96];
    let mut put = |at: usize, value: u64, len: usize| {
        stat[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
    };
    let mode = mode(facts.file_type);
    let size = if facts.file_type == DIRECTORY { 4096 } else { facts.size };
    put(0, 1, 4);
    for at in [4, 12] {
        put(at, mode, 4);
    }
    for at in [8, 16] {
        put(at, facts.links, 4);
    }
    for at in [24, 40] {
        put(at, size, 8);
    }
    for at in [32, 48] {
        put(at, 4096, 4);
        put(at + 4, size.div_ceil(4096), 4);
    }
    let [_, modified, _] = facts.times;
    for at in [56, 72] {
        put(at, modified / 1_000_000_000, 8);
        put(at + 8, modified % 1_000_000_000, 4);
    }
    put(88, facts.number, 8);
    stat
}

/// The type of a file and what may be done with it, as Linux has them.
fn mode(file_type: u8) -> u64 {
    match file_type {
        DIRECTORY => 0o40_755,
        REGULAR_FILE => 0o100_644,
        LINK => 0o120_777,
        SOCKET => 0o140_777,
        _ => 0o20_620,
    }
}

fn access_at(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    ctx.state.facts_at(&path_at(ctx, 0, 1)?, true).map(|_| 0)
}

fn access(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    ctx.state.facts_at(&path(ctx, 0)?, true).map(|_| 0)
}

fn read_link_at(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let target = ctx.state.target_of(&path_at(ctx, 0, 1)?)?;
    let target = target.get(..ctx.u32(3) as usize).unwrap_or(&target).to_vec();
    ctx.write(ctx.u32(2), &target).ok_or(Errno::FAULT)?;
    Ok(target.len() as u32)
}

/// Where the name of an entry stands; each takes as much as the longest.
const NAME_AT: usize = 19;

/// The next names of a folder, as far as there is room; 0 if there are no more.
pub(super) fn list(ctx: &mut CallContext<'_, '_>, fd: u32, to: u32, len: u32) -> Result<u32, Errno> {
    let room = len.min(LISTED_BYTES) as usize / KERNEL_ENTRY;
    if room == 0 {
        return Err(Errno::INVAL);
    }
    let mut listing = Vec::new();
    for (position, name, file_type, number) in ctx.state.next_names(fd, room)? {
        let mut entry = [0; KERNEL_ENTRY];
        entry[..8].copy_from_slice(&number.to_le_bytes());
        entry[8..16].copy_from_slice(&position.to_le_bytes());
        entry[16..18].copy_from_slice(&(KERNEL_ENTRY as u16).to_le_bytes());
        entry[18] = match file_type {
            DIRECTORY => 4,
            LINK => 10,
            _ => 8,
        };
        let name = name.get(..KERNEL_ENTRY - NAME_AT - 1).unwrap_or(&name);
        entry[NAME_AT..NAME_AT + name.len()].copy_from_slice(name);
        listing.extend_from_slice(&entry);
    }
    ctx.write(to, &listing).ok_or(Errno::FAULT)?;
    Ok(listing.len() as u32)
}

fn folder(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let mut folder = ctx.state.world.folder.clone().into_bytes();
    if folder.is_empty() {
        folder.push(b'/');
    }
    folder.push(0);
    match ctx.u32(1) {
        0 => Err(Errno::INVAL),
        room if (room as usize) < folder.len() => Err(Errno::RANGE),
        _ => {
            ctx.write(ctx.u32(0), &folder).ok_or(Errno::FAULT)?;
            Ok(folder.len() as u32)
        }
    }
}

fn go_to(ctx: &mut CallContext<'_, '_>) -> Result<u32, Errno> {
    let path = path(ctx, 0)?;
    if ctx.state.facts_at(&path, true)?.file_type != DIRECTORY {
        return Err(Errno::NOTDIR);
    }
    ctx.state.world.folder = path.trim_end_matches('/').to_owned();
    Ok(0)
}
