//! Facts about descriptors and files, and changing them.

use super::{
    Errno, Wasi,
    descriptor::{Target, right},
    path::below_top,
};
use crate::sandbox::{
    context::CallContext,
    fs::{Ino, Kind, ROOT},
    state::State,
};

/// A name of a directory: the place after it, its bytes, its type and its number.
type NextName = (u64, Vec<u8>, u8, u64);

/// File types.
const UNKNOWN: u8 = 0;
const CHARACTER_DEVICE: u8 = 2;
pub(in crate::sandbox) const DIRECTORY: u8 = 3;
pub(in crate::sandbox) const REGULAR_FILE: u8 = 4;
pub(in crate::sandbox) const SOCKET_STREAM: u8 = 6;
pub(in crate::sandbox) const SYMBOLIC_LINK: u8 = 7;

/// The file type of an inode.
pub(super) fn type_of(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => REGULAR_FILE,
        Kind::Dir(_) => DIRECTORY,
        Kind::Link(_) => SYMBOLIC_LINK,
    }
}

/// Numbers of devices and inodes as a disk would have them.
const DEVICE: u64 = 0x0803;
const TERMINAL: u64 = 0x16;
const PIPE: u64 = 0x0e;
const SOCKET: u64 = 0x08;
pub(super) fn inode_number(ino: Ino) -> u64 {
    131_072 + ino.0 as u64 * 3
}

impl Wasi {
    /// The file type of what a descriptor stands for.
    fn type_of(&self, target: Target) -> u8 {
        let stream = |position: usize| if self.terminals[position] { CHARACTER_DEVICE } else { UNKNOWN };
        match target {
            Target::Node(ino) => type_of(&self.fs.get(ino).kind),
            Target::Stdin => stream(0),
            Target::Stdout => stream(1),
            Target::Stderr => stream(2),
            Target::Listener(_) | Target::Connection(_) => SOCKET_STREAM,
        }
    }
}

/// What is known of a file, a directory or a stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Facts {
    /// Its type, as preview1 numbers them.
    pub(in crate::sandbox) file_type: u8,
    pub(in crate::sandbox) links: u64,
    pub(in crate::sandbox) size: u64,
    /// Read, written, changed last, in nanoseconds since 1970.
    pub(in crate::sandbox) times: [u64; 3],
    /// Tells it from others.
    pub(in crate::sandbox) number: u64,
}

/// What other worlds ask of the same files.
impl State {
    /// What a descriptor stands for.
    pub(in crate::sandbox) fn facts(&self, fd: u32) -> Result<Facts, Errno> {
        let target = self.wasi.fds.get(fd)?.target;
        let file_type = self.wasi.type_of(target);
        Ok(match target {
            Target::Node(ino) => self.facts_of(ino),
            _ => Facts { file_type, links: 1, size: 0, times: [0; 3], number: fd.into() },
        })
    }

    /// What a path from the top directory leads to.
    pub(in crate::sandbox) fn facts_at(&self, path: &str, follow: bool) -> Result<Facts, Errno> {
        let place = self.wasi.fs.resolve(ROOT, below_top(path), follow)?;
        Ok(self.facts_of(place.ino.ok_or(Errno::NOENT)?))
    }

    /// Where a link leads.
    pub(in crate::sandbox) fn target_of(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let place = self.wasi.fs.resolve(ROOT, below_top(path), false)?;
        match &self.wasi.fs.get(place.ino.ok_or(Errno::NOENT)?).kind {
            Kind::Link(target) => Ok(target.as_bytes().to_vec()),
            _ => Err(Errno::INVAL),
        }
    }

    /// The next names of a directory that is open, at most so many: each with the place after it, its type
    /// and its number. `.` and `..` come first.
    pub(in crate::sandbox) fn next_names(&mut self, fd: u32, count: usize) -> Result<Vec<NextName>, Errno> {
        let ino = self.wasi.dir(fd, right::FD_READDIR)?;
        let from = self.wasi.fds.get(fd)?.offset;
        let fs = &self.wasi.fs;
        let Kind::Dir(names) = &fs.get(ino).kind else { return Err(Errno::NOTDIR) };
        let own = |place, name: &str| (place, name.as_bytes().to_vec(), DIRECTORY, inode_number(ino));
        let here = [own(1, "."), own(2, "..")].into_iter().filter(|&(place, ..)| place > from);
        let others = names.after(from.saturating_sub(2)).map(|(position, name, ino)| {
            (position + 2, name.as_bytes().to_vec(), type_of(&fs.get(ino).kind), inode_number(ino))
        });
        let found: Vec<_> = here.chain(others).take(count).collect();
        if let Some(&(last, ..)) = found.last() {
            self.wasi.fds.get_mut(fd)?.offset = last;
        }
        Ok(found)
    }

    fn facts_of(&self, ino: Ino) -> Facts {
        let node = self.wasi.fs.get(ino);
        Facts {
            file_type: type_of(&node.kind),
            links: node.links.into(),
            size: self.wasi.fs.len(ino),
            times: [node.accessed_ns, node.modified_ns, node.changed_ns],
            number: inode_number(ino),
        }
    }

    /// The directories that are open from the start, with their names.
    pub(in crate::sandbox) fn preopens(&self) -> Vec<(u32, String)> {
        self.wasi.fds.preopens().collect()
    }

    /// The position of the last name of a directory; 0 if it has none.
    pub(in crate::sandbox) fn last_position(&self, dir: u32) -> Result<u64, Errno> {
        let ino = self.wasi.dir(dir, right::FD_READDIR)?;
        let Kind::Dir(names) = &self.wasi.fs.get(ino).kind else { return Err(Errno::NOTDIR) };
        Ok(names.after(0).last().map_or(0, |(position, ..)| position))
    }

    /// The first name of a directory after a position: its own position, the name, its type.
    pub(in crate::sandbox) fn name_after(
        &self,
        dir: u32,
        position: u64,
    ) -> Result<Option<(u64, String, u8)>, Errno> {
        let ino = self.wasi.dir(dir, right::FD_READDIR)?;
        let fs = &self.wasi.fs;
        let Kind::Dir(names) = &fs.get(ino).kind else { return Err(Errno::NOTDIR) };
        let next = names.after(position).next();
        Ok(next.map(|(position, name, ino)| (position, name.to_owned(), type_of(&fs.get(ino).kind))))
    }
}

pub(super) fn fd_fdstat_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let descriptor = ctx.state.wasi.fds.get(ctx.u32(0))?;
    let mut stat = [0; 24];
    stat[0] = ctx.state.wasi.type_of(descriptor.target);
    stat[2..4].copy_from_slice(&descriptor.flags.to_le_bytes());
    stat[8..16].copy_from_slice(&descriptor.rights.to_le_bytes());
    stat[16..].copy_from_slice(&descriptor.inheriting.to_le_bytes());
    ctx.store(ctx.u32(1), &stat)
}

pub(super) fn fd_fdstat_set_flags(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let flags = ctx.u32(1);
    ctx.state.wasi.fds.with(ctx.u32(0), right::FD_FDSTAT_SET_FLAGS)?;
    if flags > 31 {
        return Err(Errno::INVAL);
    }
    ctx.state.wasi.fds.get_mut(ctx.u32(0))?.flags = flags as u16;
    Ok(())
}

pub(super) fn fd_fdstat_set_rights(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let (rights, inheriting) = (ctx.u64(1), ctx.u64(2));
    let descriptor = ctx.state.wasi.fds.get_mut(ctx.u32(0))?;
    // Rights can only be given up.
    if rights & !descriptor.rights != 0 || inheriting & !descriptor.inheriting != 0 {
        return Err(Errno::NOTCAPABLE);
    }
    (descriptor.rights, descriptor.inheriting) = (rights, inheriting);
    Ok(())
}

pub(super) fn fd_filestat_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let target = ctx.state.wasi.fds.with(ctx.u32(0), right::FD_FILESTAT_GET)?.target;
    let stat = match target {
        Target::Node(ino) => filestat(ctx, ino),
        stream => stream_stat(ctx, stream),
    };
    ctx.store(ctx.u32(1), &stat)
}

/// A `filestat`; the forerunner has its number of links in 32 bits.
fn filestat(ctx: &CallContext<'_, '_>, ino: Ino) -> Vec<u8> {
    let fs = &ctx.state.wasi.fs;
    let node = fs.get(ino);
    let size = if fs.is_dir(ino) { 4096 } else { fs.len(ino) };
    let times = [node.accessed_ns, node.modified_ns, node.changed_ns];
    lay_out(ctx.is_unstable, DEVICE, inode_number(ino), type_of(&node.kind), node.links, size, times)
}

fn stream_stat(ctx: &CallContext<'_, '_>, stream: Target) -> Vec<u8> {
    let ino = match stream {
        Target::Stdin => 3,
        Target::Stdout => 4,
        Target::Listener(position) => 1000 + position as u64,
        Target::Connection(position) => 10_000 + position as u64,
        _ => 5,
    };
    let file_type = ctx.state.wasi.type_of(stream);
    let device = match file_type {
        CHARACTER_DEVICE => TERMINAL,
        SOCKET_STREAM => SOCKET,
        _ => PIPE,
    };
    // Runtimes know no times of streams, and say so with zeros.
    lay_out(ctx.is_unstable, device, ino, file_type, 1, 0, [0; 3])
}

fn lay_out(
    is_unstable: bool,
    device: u64,
    ino: u64,
    file_type: u8,
    links: u32,
    size: u64,
    times: [u64; 3],
) -> Vec<u8> {
    let mut stat = Vec::with_capacity(64);
    stat.extend_from_slice(&device.to_le_bytes());
    stat.extend_from_slice(&ino.to_le_bytes());
    if is_unstable {
        stat.extend_from_slice(&[file_type, 0, 0, 0]);
        stat.extend_from_slice(&links.to_le_bytes());
    } else {
        stat.extend_from_slice(&u64::from(file_type).to_le_bytes());
        stat.extend_from_slice(&u64::from(links).to_le_bytes());
    }
    for word in [size].into_iter().chain(times) {
        stat.extend_from_slice(&word.to_le_bytes());
    }
    stat
}

pub(super) fn fd_filestat_set_size(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let ino = ctx.state.wasi.fds.node(ctx.u32(0), right::FD_FILESTAT_SET_SIZE)?;
    ctx.state.wasi.fs.now_ns = ctx.state.clock.real_ns();
    Ok(ctx.state.wasi.fs.resize(ino, ctx.u64(1))?)
}

pub(super) fn fd_filestat_set_times(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let target = ctx.state.wasi.fds.with(ctx.u32(0), right::FD_FILESTAT_SET_TIMES)?.target;
    match target {
        Target::Node(ino) => set_times(ctx, ino, 1),
        _ => Ok(()),
    }
}

/// Sets times as the arguments from `first` on say: access, modification, flags.
fn set_times(ctx: &mut CallContext<'_, '_>, ino: Ino, first: usize) -> Result<(), Errno> {
    let (accessed, modified, flags) = (ctx.u64(first), ctx.u64(first + 1), ctx.u32(first + 2));
    // Each time is given or now, not both.
    if flags > 15 || flags & 3 == 3 || flags & 12 == 12 {
        return Err(Errno::INVAL);
    }
    let now = ctx.state.clock.real_ns();
    let node = ctx.state.wasi.fs.get_mut(ino);
    match flags & 3 {
        1 => node.accessed_ns = accessed,
        2 => node.accessed_ns = now,
        _ => {}
    }
    match flags & 12 {
        4 => node.modified_ns = modified,
        8 => node.modified_ns = now,
        _ => {}
    }
    node.changed_ns = now;
    Ok(())
}

pub(super) fn fd_prestat_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let name = &ctx.state.wasi.fds.get(ctx.u32(0))?.preopen;
    let len = name.as_ref().ok_or(Errno::BADF)?.len() as u64;
    ctx.store_u64(ctx.u32(1), len << 32)
}

pub(super) fn fd_prestat_dir_name(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let name = ctx.state.wasi.fds.get(ctx.u32(0))?.preopen.clone().ok_or(Errno::BADF)?;
    if (ctx.u32(2) as usize) < name.len() {
        return Err(Errno::NAMETOOLONG);
    }
    ctx.store(ctx.u32(1), name.as_bytes())
}

pub(super) fn path_filestat_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let ino = existing(ctx, right::PATH_FILESTAT_GET)?;
    let stat = filestat(ctx, ino);
    ctx.store(ctx.u32(4), &stat)
}

pub(super) fn path_filestat_set_times(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let ino = existing(ctx, right::PATH_FILESTAT_SET_TIMES)?;
    set_times(ctx, ino, 4)
}

/// What the arguments `fd flags path path_len` name.
fn existing(ctx: &CallContext<'_, '_>, rights: u64) -> Result<Ino, Errno> {
    let dir = ctx.state.wasi.dir(ctx.u32(0), rights)?;
    let path = ctx.path(ctx.u32(2), ctx.u32(3))?;
    ctx.state.wasi.fs.resolve(dir, &path, ctx.u32(1) & 1 != 0)?.ino.ok_or(Errno::NOENT)
}
