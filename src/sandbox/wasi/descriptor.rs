//! File descriptors and their rights.

use std::collections::BTreeMap;

use super::Errno;
use super::limits::OPEN_DESCRIPTORS;
use crate::sandbox::fs::Ino;

/// Rights, one bit each, as preview1 numbers them.
pub(super) mod right {
    pub(in super::super) const FD_DATASYNC: u64 = 1;
    pub(in super::super) const FD_READ: u64 = 1 << 1;
    pub(in super::super) const FD_SEEK: u64 = 1 << 2;
    pub(in super::super) const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub(in super::super) const FD_SYNC: u64 = 1 << 4;
    pub(in super::super) const FD_TELL: u64 = 1 << 5;
    pub(in super::super) const FD_WRITE: u64 = 1 << 6;
    pub(in super::super) const FD_ADVISE: u64 = 1 << 7;
    pub(in super::super) const FD_ALLOCATE: u64 = 1 << 8;
    pub(in super::super) const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub(in super::super) const PATH_CREATE_FILE: u64 = 1 << 10;
    pub(in super::super) const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub(in super::super) const PATH_LINK_TARGET: u64 = 1 << 12;
    pub(in super::super) const PATH_OPEN: u64 = 1 << 13;
    pub(in super::super) const FD_READDIR: u64 = 1 << 14;
    pub(in super::super) const PATH_READLINK: u64 = 1 << 15;
    pub(in super::super) const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub(in super::super) const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub(in super::super) const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub(in super::super) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(in super::super) const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub(in super::super) const FD_FILESTAT_GET: u64 = 1 << 21;
    pub(in super::super) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(in super::super) const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub(in super::super) const PATH_SYMLINK: u64 = 1 << 24;
    pub(in super::super) const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub(in super::super) const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub(in super::super) const POLL_FD_READWRITE: u64 = 1 << 27;
    pub(in super::super) const SOCK_SHUTDOWN: u64 = 1 << 28;
    pub(in super::super) const SOCK_ACCEPT: u64 = 1 << 29;

    /// What can be done with a regular file.
    pub(in super::super) const FILE: u64 = FD_DATASYNC
        | FD_READ
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_SIZE
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE;
    /// What can be done with a directory.
    pub(in super::super) const DIR: u64 = FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_ADVISE
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE
        | POLL_FD_READWRITE;
    /// What can be done with a connection.
    pub(in super::super) const CONNECTION: u64 =
        FD_READ | FD_WRITE | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE | SOCK_SHUTDOWN;
    /// What can be done with a socket that listens.
    pub(in super::super) const LISTENER: u64 =
        FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE | SOCK_ACCEPT;
    /// The rights on a stream that is a terminal: wasi-libc takes one without seek and tell for it.
    pub(in super::super) const STREAM: u64 = FD_DATASYNC
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_READ
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_SIZE
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE;
}

/// What a descriptor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Stdin,
    Stdout,
    Stderr,
    Node(Ino),
    /// A socket that listens, by its position.
    Listener(usize),
    /// A connection, by its position.
    Connection(usize),
}

/// An open file, directory or stream.
#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    pub(super) target: Target,
    pub(super) offset: u64,
    /// `fdflags`: append 1, dsync 2, nonblock 4, rsync 8, sync 16.
    pub(super) flags: u16,
    pub(super) rights: u64,
    pub(super) inheriting: u64,
    /// The name under which it was open from the start.
    pub(super) preopen: Option<String>,
}

impl Descriptor {
    pub(super) fn new(target: Target, rights: u64, inheriting: u64, flags: u16) -> Self {
        Self { target, offset: 0, flags, rights, inheriting, preopen: None }
    }

    pub(super) fn preopen(name: String, ino: Ino) -> Self {
        let descriptor = Self::new(Target::Node(ino), right::DIR, right::DIR | right::FILE, 0);
        Self { preopen: Some(name), ..descriptor }
    }

    pub(super) fn is_appending(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// Open descriptors by number.
#[derive(Debug)]
pub(super) struct Table {
    open: BTreeMap<u32, Descriptor>,
}

impl Table {
    /// The streams, and what is open besides.
    pub(super) fn new(others: impl Iterator<Item = (u32, Descriptor)>) -> Self {
        let streams = [Target::Stdin, Target::Stdout, Target::Stderr];
        let streams =
            (0..).zip(streams).map(|(fd, target)| (fd, Descriptor::new(target, right::STREAM, 0, 0)));
        Self { open: streams.chain(others).collect() }
    }

    pub(super) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.open.get(&fd).ok_or(Errno::BADF)
    }

    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.open.get_mut(&fd).ok_or(Errno::BADF)
    }

    /// The descriptor if it has all of `rights`.
    pub(super) fn with(&self, fd: u32, rights: u64) -> Result<&Descriptor, Errno> {
        let descriptor = self.get(fd)?;
        if descriptor.rights & rights == rights { Ok(descriptor) } else { Err(Errno::NOTCAPABLE) }
    }

    /// The inode of a file or directory, if the descriptor has all of `rights`.
    pub(super) fn node(&self, fd: u32, rights: u64) -> Result<Ino, Errno> {
        match self.with(fd, rights)?.target {
            Target::Node(ino) => Ok(ino),
            _ => Err(Errno::BADF),
        }
    }

    /// The directories that are open from the start, with their names.
    pub(super) fn preopens(&self) -> impl Iterator<Item = (u32, String)> {
        self.open.iter().filter_map(|(&fd, descriptor)| Some((fd, descriptor.preopen.clone()?)))
    }

    /// All that is open.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Descriptor)> {
        self.open.iter().map(|(&fd, descriptor)| (fd, descriptor))
    }

    /// The inodes that are open.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Ino> {
        self.open.values().filter_map(|descriptor| match descriptor.target {
            Target::Node(ino) => Some(ino),
            _ => None,
        })
    }

    /// Opens these instead of what is open.
    pub(super) fn replace(&mut self, open: Vec<(u32, Descriptor)>) {
        self.open = open.into_iter().collect();
    }

    /// Whether any descriptor stands for this inode.
    pub(super) fn is_open(&self, ino: Ino) -> bool {
        self.open.values().any(|descriptor| descriptor.target == Target::Node(ino))
    }

    /// Whether there is room for another.
    pub(super) fn has_room(&self) -> Result<(), Errno> {
        if self.open.len() < OPEN_DESCRIPTORS { Ok(()) } else { Err(Errno::MFILE) }
    }

    /// The lowest number from `least` on that is free.
    pub(super) fn free_from(&self, least: u32) -> Option<u32> {
        let taken = self.open.range(least..).map(|(&fd, _)| fd);
        let fd = (least..).zip(taken).take_while(|&(number, fd)| number == fd).count() as u32;
        least.checked_add(fd)
    }

    /// Opens with the lowest number that is free.
    pub(super) fn open(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        self.open_from(0, descriptor)
    }

    /// Opens with the lowest number that is free from `least` on.
    pub(super) fn open_from(&mut self, least: u32, descriptor: Descriptor) -> Result<u32, Errno> {
        self.has_room()?;
        let fd = self.free_from(least).ok_or(Errno::INVAL)?;
        self.open.insert(fd, descriptor);
        Ok(fd)
    }

    pub(super) fn close(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.open.remove(&fd).ok_or(Errno::BADF)
    }

    /// Gives what is open as `from` the number `to`, in place of what has it. Returns the target that was
    /// closed by that.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Target>, Errno> {
        self.get(to)?;
        let descriptor = self.close(from)?;
        let before = self.open.insert(to, descriptor);
        Ok(before.map(|descriptor| descriptor.target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_lowest_and_bounded() {
        let mut table = Table::new(std::iter::empty());
        let descriptor = Descriptor::new(Target::Node(Ino(0)), 0, 0, 0);
        assert_eq!((table.open(descriptor.clone()), table.open(descriptor.clone())), (Ok(3), Ok(4)));
        table.close(1).unwrap();
        assert_eq!(table.open(descriptor.clone()), Ok(1));
        table.renumber(4, 0).unwrap();
        assert_eq!(table.renumber(3, 900), Err(Errno::BADF));
        assert_eq!(table.get(4).err(), Some(Errno::BADF));
        while table.open(descriptor.clone()).is_ok() {}
        assert_eq!((table.open.len(), table.open(descriptor)), (OPEN_DESCRIPTORS, Err(Errno::MFILE)));
    }
}
