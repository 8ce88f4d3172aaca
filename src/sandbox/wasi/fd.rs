//! Reading, writing and moving within open files.

use super::{
    Errno,
    descriptor::{Target, right},
    limits::UNREAD,
    memory::room,
};
use crate::{
    sandbox::{context::CallContext, fs::Ino, state::State, tokens::Source},
    trace::effects::{EMPTY_STDIN, Given, Origin},
};

pub(super) fn fd_advise(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.state.wasi.fds.with(ctx.u32(0), right::FD_ADVISE)?;
    ctx.u64(1).checked_add(ctx.u64(2)).ok_or(Errno::INVAL)?;
    if ctx.u32(3) > 5 { Err(Errno::INVAL) } else { Ok(()) }
}

pub(super) fn fd_allocate(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let ino = ctx.state.wasi.fds.node(ctx.u32(0), right::FD_ALLOCATE)?;
    let end = ctx.u64(1).checked_add(ctx.u64(2)).ok_or(Errno::FBIG)?;
    let fs = &mut ctx.state.wasi.fs;
    if end > fs.len(ino) { Ok(fs.resize(ino, end)?) } else { Ok(()) }
}

pub(super) fn fd_close(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let fd = ctx.u32(0);
    ctx.state.close(fd)
}

pub(super) fn fd_sync(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.state.wasi.fds.with(ctx.u32(0), right::FD_SYNC).map(|_| ())
}

pub(super) fn fd_datasync(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.state.wasi.fds.with(ctx.u32(0), right::FD_DATASYNC).map(|_| ())
}

pub(super) fn fd_renumber(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let (from, to) = (ctx.u32(0), ctx.u32(1));
    let closed = ctx.state.wasi.fds.renumber(from, to)?;
    if let Some(Target::Node(ino)) = closed.filter(|_| from != to) {
        ctx.state.release(ino);
    }
    Ok(())
}

pub(super) fn fd_read(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let vectors = ctx.targets(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(3), 4)?;
    let bytes = ctx.state.read(ctx.u32(0), room(&vectors))?;
    ctx.scatter(&vectors, &bytes)?;
    if bytes.is_empty() {
        ctx.give_nothing(&vectors)?;
    }
    ctx.store_u32(ctx.u32(3), bytes.len() as u32)
}

impl CallContext<'_, '_> {
    /// Standard input that is empty says something too: what is in the first bytes of the buffer would have
    /// stood there.
    fn give_nothing(&mut self, vectors: &[(u32, u32)]) -> Result<(), Errno> {
        let is_nothing = self.state.wasi.stdin().is_empty();
        let is_stdin = self.state.wasi.fds.get(self.u32(0))?.target == Target::Stdin;
        let Some(&(start, len)) = vectors.first().filter(|_| is_nothing && is_stdin) else { return Ok(()) };
        self.mark(start, len.min(UNREAD), Given::Stdin, EMPTY_STDIN)
    }

    /// Says of bytes that were not written that they are what was given: they say something by that.
    pub(super) fn mark(&mut self, start: u32, len: u32, kind: Given, name: &str) -> Result<(), Errno> {
        let there = self.read(start, u64::from(len)).ok_or(Errno::FAULT)?.to_vec();
        self.give_from(start, &there, kind, name, 0).ok_or(Errno::FAULT)
    }
}

pub(super) fn fd_pread(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let vectors = ctx.targets(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(4), 4)?;
    let descriptor = ctx.state.wasi.fds.with(ctx.u32(0), right::FD_READ | right::FD_SEEK)?;
    let Target::Node(ino) = descriptor.target else { return Err(Errno::SPIPE) };
    let offset = ctx.u64(3);
    let bytes = ctx.state.read_at(ino, offset, room(&vectors))?;
    ctx.scatter(&vectors, &bytes)?;
    ctx.store_u32(ctx.u32(4), bytes.len() as u32)
}

pub(super) fn fd_write(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let bytes = ctx.gather(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(3), 4)?;
    ctx.state.write(ctx.u32(0), &bytes)?;
    if matches!(ctx.state.wasi.fds.get(ctx.u32(0))?.target, Target::Stdout | Target::Stderr) {
        ctx.is_inner();
    }
    ctx.store_u32(ctx.u32(3), bytes.len() as u32)
}

pub(super) fn fd_pwrite(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let bytes = ctx.gather(ctx.u32(1), ctx.u32(2))?;
    ctx.check(ctx.u32(4), 4)?;
    let descriptor = ctx.state.wasi.fds.with(ctx.u32(0), right::FD_WRITE | right::FD_SEEK)?;
    let (Target::Node(ino), is_appending) = (descriptor.target, descriptor.is_appending()) else {
        return Err(Errno::SPIPE);
    };
    let fs = &mut ctx.state.wasi.fs;
    fs.now_ns = ctx.state.clock.real_ns();
    let offset = if is_appending { fs.len(ino) } else { ctx.u64(3) };
    ctx.state.wasi.fs.write(ino, offset, &bytes)?;
    ctx.store_u32(ctx.u32(4), bytes.len() as u32)
}

pub(super) fn fd_seek(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    // The forerunner counts in another order: current, end, start.
    let whence = match (ctx.is_unstable, ctx.u32(2)) {
        (false, whence @ 0..=2) => whence,
        (true, whence @ 0..=2) => (whence + 1) % 3,
        _ => return Err(Errno::INVAL),
    };
    let offset = ctx.state.seek(ctx.u32(0), ctx.u64(1) as i64, whence)?;
    ctx.store_u64(ctx.u32(3), offset)
}

pub(super) fn fd_tell(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let descriptor = ctx.state.wasi.fds.get(ctx.u32(0))?;
    if !matches!(descriptor.target, Target::Node(_)) {
        return Err(Errno::SPIPE);
    }
    if descriptor.rights & right::FD_TELL == 0 {
        return Err(Errno::NOTCAPABLE);
    }
    let offset = descriptor.offset;
    ctx.store_u64(ctx.u32(1), offset)
}

/// What other worlds do with the same descriptors.
impl State {
    /// Reads at most `room` bytes from where the descriptor is.
    pub(in crate::sandbox) fn read(&mut self, fd: u32, room: u64) -> Result<Vec<u8>, Errno> {
        let wasi = &mut self.wasi;
        let descriptor = wasi.fds.with(fd, right::FD_READ)?;
        match descriptor.target {
            Target::Stdin => {
                let rest = wasi.stdin.get(wasi.stdin_at..).unwrap_or_default();
                let bytes = rest[..rest.len().min(room as usize)].to_vec();
                let start = wasi.stdin_at;
                wasi.stdin_at += bytes.len();
                let end = wasi.stdin_at as u64;
                self.hand_out(Source::Stdin, start as u64..end, "standard input");
                Ok(bytes)
            }
            Target::Node(ino) => {
                let offset = descriptor.offset;
                let bytes = self.read_at(ino, offset, room)?;
                self.wasi.fds.get_mut(fd)?.offset += bytes.len() as u64;
                Ok(bytes)
            }
            Target::Connection(position) => self.receive(position, room, false, false),
            Target::Listener(_) => Err(Errno::NOTCONN),
            Target::Stdout | Target::Stderr => Err(Errno::BADF),
        }
    }

    /// Receives at most `room` bytes of a connection.
    pub(super) fn receive(
        &mut self,
        position: usize,
        room: u64,
        peeks: bool,
        waits_for_all: bool,
    ) -> Result<Vec<u8>, Errno> {
        let sockets = &mut self.wasi.sockets;
        let (name, offset) = (sockets.name(position).into(), sockets.received(position));
        self.handed = Some(Origin { kind: Given::Socket, name, offset });
        sockets.receive(position, room, peeks, waits_for_all)
    }

    /// Reads at most `room` bytes of a file.
    pub(super) fn read_at(&mut self, ino: Ino, offset: u64, room: u64) -> Result<Vec<u8>, Errno> {
        let fs = &mut self.wasi.fs;
        let bytes = fs.read(ino, offset, room)?.to_vec();
        let path = fs.path_of(ino).to_owned();
        fs.get_mut(ino).accessed_ns = self.clock.real_ns();
        self.hand_out(Source::File(ino), offset..offset.saturating_add(bytes.len() as u64), &path);
        Ok(bytes)
    }

    /// Reads at most `room` bytes from an offset, and leaves the descriptor where it is.
    pub(in crate::sandbox) fn read_from(
        &mut self,
        fd: u32,
        offset: u64,
        room: u64,
    ) -> Result<Vec<u8>, Errno> {
        let ino = self.wasi.fds.node(fd, right::FD_READ)?;
        self.read_at(ino, offset, room)
    }

    /// Writes at an offset, and leaves the descriptor where it is.
    pub(in crate::sandbox) fn write_to(&mut self, fd: u32, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let ino = self.wasi.fds.node(fd, right::FD_WRITE)?;
        self.wasi.fs.now_ns = self.clock.real_ns();
        Ok(self.wasi.fs.write(ino, offset, bytes)?)
    }

    /// Gives a file another length.
    pub(in crate::sandbox) fn set_size(&mut self, fd: u32, len: u64) -> Result<(), Errno> {
        let ino = self.wasi.fds.node(fd, right::FD_FILESTAT_SET_SIZE)?;
        self.wasi.fs.now_ns = self.clock.real_ns();
        Ok(self.wasi.fs.resize(ino, len)?)
    }

    /// Writes where the descriptor is, or at the end of a file opened for that.
    pub(in crate::sandbox) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<(), Errno> {
        let wasi = &mut self.wasi;
        let descriptor = wasi.fds.with(fd, right::FD_WRITE)?;
        match descriptor.target {
            Target::Stdout => self.stdout.write(bytes),
            Target::Stderr => self.stderr.write(bytes),
            Target::Stdin => return Err(Errno::BADF),
            Target::Connection(position) => wasi.sockets.send(position, bytes)?,
            Target::Listener(_) => return Err(Errno::NOTCONN),
            Target::Node(ino) => {
                wasi.fs.now_ns = self.clock.real_ns();
                let offset = if descriptor.is_appending() { wasi.fs.len(ino) } else { descriptor.offset };
                wasi.fs.write(ino, offset, bytes)?;
                wasi.fds.get_mut(fd)?.offset = offset + bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// Moves a descriptor: `whence` is 0 from the start, 1 from where it is, 2 from the end.
    pub(in crate::sandbox) fn seek(&mut self, fd: u32, delta: i64, whence: u32) -> Result<u64, Errno> {
        let needed = if whence == 1 && delta == 0 { right::FD_TELL | right::FD_SEEK } else { right::FD_SEEK };
        let descriptor = self.wasi.fds.get(fd)?;
        let Target::Node(ino) = descriptor.target else { return Err(Errno::SPIPE) };
        if descriptor.rights & needed == 0 {
            return Err(Errno::NOTCAPABLE);
        }
        let base = match whence {
            0 => 0,
            1 => descriptor.offset,
            _ => self.wasi.fs.len(ino),
        };
        let offset = base
            .checked_add_signed(delta)
            .filter(|&offset| i64::try_from(offset).is_ok())
            .ok_or(Errno::INVAL)?;
        self.wasi.fds.get_mut(fd)?.offset = offset;
        Ok(offset)
    }

    /// Closes a descriptor.
    pub(in crate::sandbox) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        if let Target::Node(ino) = self.wasi.fds.close(fd)?.target {
            self.release(ino);
        }
        Ok(())
    }

    /// An inode lost a name or a descriptor: without any its number is free.
    pub(in crate::sandbox) fn release(&mut self, ino: Ino) {
        if self.wasi.release(ino) {
            self.tokens.forget(ino);
        }
    }
}
