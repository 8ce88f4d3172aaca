//! WASI preview1 (`wasi_snapshot_preview1`) and its forerunner `wasi_unstable`, on files, a clock and randomness of the sandbox.
//!
//! One table ([`TABLE`]) names every function, its arguments and what answers it; one file for each group answers. Every function of
//! preview1 is there; what a sandbox cannot do has an error that says so. All guest pointers are checked: `fault` for a bad one.
//!
//! Not here: the tree of files (`fs`).

mod args;
mod clock;
mod descriptor;
mod errno;
mod fd;
mod memory;
mod path;
mod poll;
mod process;
mod readdir;
mod sock;
mod stat;
mod table;

use std::collections::BTreeMap;

pub(super) use errno::Errno;
pub(super) use table::find;

use self::descriptor::{Descriptor, Table};
use super::{
    cx::Cx,
    fs::{Changes, Fs},
    types::{FileChange, Options},
};

/// What answers a call.
pub(super) type Act = fn(&mut Cx<'_, '_>) -> Result<(), Errno>;

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
    changes: Option<Changes>,
}

impl Wasi {
    pub(super) fn new(options: &Options) -> Self {
        let dirs: Vec<&str> = options.preopens.iter().map(|(_, path)| path.as_str()).collect();
        let fs = Fs::new(&options.files, &dirs, options.decoys, options.epoch_ns);
        let preopens: BTreeMap<_, _> = (3..).zip(&options.preopens).collect();
        let fds = Table::new(preopens.into_iter().filter_map(|(fd, (name, path))| {
            let ino = fs.dir_at(path)?;
            Some((fd, Descriptor::preopen(name.clone(), ino)))
        }));
        Self {
            fs,
            fds,
            args: options.args.iter().map(|arg| arg.clone().into_bytes()).collect(),
            env: options.env.iter().map(|(name, value)| format!("{name}={value}").into_bytes()).collect(),
            stdin: options.stdin.clone(),
            stdin_at: 0,
            changes: None,
        }
    }

    /// Changes of files that are not listed.
    pub(super) fn files_cut(&mut self) -> u64 {
        self.changes.get_or_insert_with(|| self.fs.changes()).cut
    }

    pub(super) fn into_changes(self) -> Vec<FileChange> {
        self.changes.unwrap_or_else(|| self.fs.changes()).files
    }
}
