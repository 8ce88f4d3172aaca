//! WASI preview1 (`wasi_snapshot_preview1`), its forerunner `wasi_unstable` and its extension WASIX, on
//! files, a clock and randomness of the sandbox.
//!
//! One table ([`TABLE`]) names every function, its arguments and what answers it; one file for each group
//! answers. Every function of preview1 is there; what a sandbox cannot do has an error that says so. All
//! guest pointers are checked: `fault` for a bad one.
//!
//! Not here: the tree of files (`fs`).

mod args;
mod clock;
mod descriptor;
mod errno;
mod fd;
mod limits;
mod memory;
mod path;
mod poll;
mod process;
mod readdir;
mod sock;
mod socket;
mod stat;
mod table;
mod wasix;

pub(super) use errno::Errno;
pub(super) use stat::{DIRECTORY, Facts, REGULAR_FILE, SOCKET_STREAM as SOCKET, SYMBOLIC_LINK as LINK};
pub(super) use table::find;
pub(super) use wasix::{find as find_wasix, made_up_address};

use std::collections::BTreeSet;

use self::{
    descriptor::{Descriptor, Table, Target},
    socket::Sockets,
};
use super::{
    context::CallContext,
    fs::{Changes, Fs, Ino},
    home,
    types::{LeakPlace, RunOptions},
};

/// The right of a descriptor to write.
pub(crate) const RIGHT_TO_WRITE: u64 = descriptor::right::FD_WRITE;

/// What answers a call.
pub(super) type Act = fn(&mut CallContext<'_, '_>) -> Result<(), Errno>;

/// What was open at a moment.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// Numbers and descriptors, with the paths of files.
    open: Vec<(u32, Descriptor, String)>,
    stdin_at: usize,
}

/// What a WASI program sees.
#[derive(Debug)]
pub(super) struct Wasi {
    pub(super) fs: Fs,
    fds: Table,
    pub(super) args: Vec<Vec<u8>>,
    pub(super) env: Vec<Vec<u8>>,
    stdin: Vec<u8>,
    /// Bytes of standard input that were read.
    stdin_at: usize,
    /// Which of the three streams are a terminal.
    terminals: [bool; 3],
    /// Whether the clocks of processor time can be asked.
    cpu_clocks: bool,
    pub(super) sockets: Sockets,
}

impl Wasi {
    pub(super) fn new(options: &RunOptions) -> Self {
        let dirs: Vec<&str> = options
            .dirs
            .iter()
            .chain(options.preopens.iter().map(|(_, path)| path))
            .map(String::as_str)
            .collect();
        let fs = home::tree(&options.files, &options.persona, &dirs, options.epoch_ns);
        let found = options.preopens.iter().filter_map(|(name, path)| Some((name, fs.dir_at(path)?)));
        let dirs = found.map(|(name, ino)| Descriptor::preopen(name.clone(), ino));
        let (sockets, open) = Sockets::new(&options.persona.sockets);
        let fds = Table::new((3..).zip(dirs.chain(open)));
        Self {
            fs,
            fds,
            args: options.args.iter().map(|arg| arg.clone().into_bytes()).collect(),
            env: options.env.iter().map(|(name, value)| format!("{name}={value}").into_bytes()).collect(),
            stdin: options.stdin.clone(),
            stdin_at: 0,
            terminals: options.persona.terminals,
            cpu_clocks: options.persona.cpu_clocks,
            sockets,
        }
    }

    /// Opens a socket that listens under a number that is closed and the next one. A host would have put it
    /// there, and a program that accepts there was made for such a host.
    fn hand_on_listener(&mut self, fd: u32) {
        if self.fds.free_from(0) == Some(fd)
            && self.fds.has_room().is_ok()
            && let Some(descriptor) = self.sockets.inherit()
        {
            // There is room, so that it is open under that number.
            _ = self.fds.open(descriptor);
        }
    }

    /// The state that a program that begins anew would not have: descriptors, and how far standard input was
    /// read.
    pub(super) fn keep(&self) -> Kept {
        let path = |descriptor: &Descriptor| match descriptor.target {
            Target::Node(ino) => self.fs.path_of(ino).to_owned(),
            _ => String::new(),
        };
        let open = self.fds.all().map(|(fd, descriptor)| (fd, descriptor.clone(), path(descriptor)));
        Kept { open: open.collect(), stdin_at: self.stdin_at }
    }

    /// Opens again what was open, and nothing else; returns what was open until now. Changes of files stay. A
    /// file that is gone, or whose number another has, is not open.
    pub(super) fn go_back(&mut self, kept: &Kept) -> BTreeSet<Ino> {
        let before: BTreeSet<Ino> = self.fds.nodes().collect();
        let is_there = |descriptor: &Descriptor, path: &str| match descriptor.target {
            Target::Node(ino) => self.fs.get(ino).links > 0 && self.fs.path_of(ino) == path,
            _ => true,
        };
        let open = kept.open.iter().filter(|(_, descriptor, path)| is_there(descriptor, path));
        let open: Vec<_> = open.map(|(fd, descriptor, _)| (*fd, descriptor.clone())).collect();
        self.fds.replace(open);
        self.stdin_at = kept.stdin_at;
        before
    }

    /// What the run did to files.
    pub(super) fn changes(&mut self) -> Changes {
        self.fs.changes()
    }

    pub(super) fn stdin(&self) -> &[u8] {
        &self.stdin
    }

    /// The inode of a directory, if the descriptor has all of `rights`. What is no directory is told first:
    /// it has no rights to paths anyway.
    fn dir(&self, fd: u32, rights: u64) -> Result<Ino, Errno> {
        match self.fds.get(fd)?.target {
            Target::Node(ino) if self.fs.is_dir(ino) => self.fds.node(fd, rights),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// What a descriptor stands for, in words; `None` if it is not open.
    pub(super) fn describe(&self, fd: u32) -> Option<LeakPlace> {
        Some(match self.fds.get(fd).ok()?.target {
            Target::Stdin => LeakPlace::Stdin,
            Target::Stdout => LeakPlace::Stdout,
            Target::Stderr => LeakPlace::Stderr,
            // The top directory has no name of its own.
            Target::Node(ino) => {
                let path = Some(self.fs.path_of(ino)).filter(|path| !path.is_empty());
                LeakPlace::File(path.unwrap_or("/").into())
            }
            Target::Listener(position) => LeakPlace::Socket(self.sockets.listener_name(position).into()),
            Target::Connection(position) => LeakPlace::Socket(self.sockets.name(position).into()),
        })
    }

    /// Gives the number of an inode free if neither name nor descriptor has it; returns whether that is so.
    fn release(&mut self, ino: Ino) -> bool {
        let is_free = self.fs.get(ino).links == 0 && !self.fds.is_open(ino);
        if is_free {
            self.fs.release(ino);
        }
        is_free
    }
}
