//! WASI preview1 (`wasi_snapshot_preview1`) and its forerunner `wasi_unstable`, on files, a clock and
//! randomness of the sandbox.
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

pub(super) use errno::Errno;
pub(super) use table::find;

use self::{
    descriptor::{Descriptor, Table, Target},
    socket::Sockets,
};
use super::{
    context::CallContext,
    fs::{Changes, Fs, Ino},
    home,
    types::RunOptions,
};

/// What answers a call.
pub(super) type Act = fn(&mut CallContext<'_, '_>) -> Result<(), Errno>;

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
            sockets,
        }
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
    pub(super) fn describe(&self, fd: u32) -> Option<String> {
        Some(match self.fds.get(fd).ok()?.target {
            Target::Stdin => "stdin".into(),
            Target::Stdout => "stdout".into(),
            Target::Stderr => "stderr".into(),
            // The top directory has no name of its own.
            Target::Node(ino) => {
                Some(self.fs.path_of(ino)).filter(|path| !path.is_empty()).unwrap_or("/").into()
            }
            Target::Listener(position) => format!("socket {}", self.sockets.listener_name(position)),
            Target::Connection(position) => format!("socket {}", self.sockets.name(position)),
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
