//! Calls, and how random bytes choose them.

use arbitrary::Unstructured;

/// A call.
#[derive(Debug, Clone)]
pub enum Op {
    Open { fd: u32, path: Vec<u8>, follow: bool, oflags: u32, rights: u64, inheriting: u64, append: bool },
    Close { fd: u32 },
    Write { fd: u32, len: u32 },
    Read { fd: u32, len: u32 },
    Pwrite { fd: u32, len: u32, offset: u64 },
    Pread { fd: u32, len: u32, offset: u64 },
    Seek { fd: u32, delta: i64, whence: u32 },
    Tell { fd: u32 },
    Resize { fd: u32, len: u64 },
    Allocate { fd: u32, offset: u64, len: u64 },
    MakeDir { fd: u32, path: Vec<u8> },
    RemoveDir { fd: u32, path: Vec<u8> },
    Unlink { fd: u32, path: Vec<u8> },
    Rename { fd: u32, path: Vec<u8>, to_fd: u32, to: Vec<u8> },
    Link { fd: u32, path: Vec<u8>, to_fd: u32, to: Vec<u8> },
    Symlink { target: Vec<u8>, fd: u32, path: Vec<u8> },
    Readlink { fd: u32, path: Vec<u8> },
    Stat { fd: u32, path: Vec<u8>, follow: bool },
    FdStat { fd: u32 },
    List { fd: u32 },
    Renumber { fd: u32, to: u32 },
    Rights { fd: u32, rights: u64, inheriting: u64 },
}

impl Op {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "path_open",
            Self::Close { .. } => "fd_close",
            Self::Write { .. } => "fd_write",
            Self::Read { .. } => "fd_read",
            Self::Pwrite { .. } => "fd_pwrite",
            Self::Pread { .. } => "fd_pread",
            Self::Seek { .. } => "fd_seek",
            Self::Tell { .. } => "fd_tell",
            Self::Resize { .. } => "fd_filestat_set_size",
            Self::Allocate { .. } => "fd_allocate",
            Self::MakeDir { .. } => "path_create_directory",
            Self::RemoveDir { .. } => "path_remove_directory",
            Self::Unlink { .. } => "path_unlink_file",
            Self::Rename { .. } => "path_rename",
            Self::Link { .. } => "path_link",
            Self::Symlink { .. } => "path_symlink",
            Self::Readlink { .. } => "path_readlink",
            Self::Stat { .. } => "path_filestat_get",
            Self::FdStat { .. } => "fd_filestat_get",
            Self::List { .. } => "fd_readdir",
            Self::Renumber { .. } => "fd_renumber",
            Self::Rights { .. } => "fd_fdstat_set_rights",
        }
    }

    /// Numbers that the module tells after the call.
    pub fn numbers(&self) -> usize {
        match self {
            Self::Open { .. }
            | Self::Write { .. }
            | Self::Read { .. }
            | Self::Pwrite { .. }
            | Self::Pread { .. } => 1,
            Self::Seek { .. } | Self::Tell { .. } | Self::Readlink { .. } => 1,
            // Type, links, size.
            Self::Stat { .. } | Self::FdStat { .. } => 3,
            _ => 0,
        }
    }

    /// Calls of the module after the call: numbers, then bytes.
    pub fn told(&self) -> usize {
        self.numbers() + usize::from(matches!(self, Self::Readlink { .. } | Self::List { .. }))
    }

    /// Bytes as both sides can compare them: a listing is its names in order.
    pub fn digest(&self, bytes: Vec<u8>) -> Vec<u8> {
        if !matches!(self, Self::List { .. }) {
            return bytes;
        }
        let (mut names, mut at) = (Vec::new(), 0);
        while let Some(len) = bytes.get(at + 16..at + 20) {
            let len = u32::from_le_bytes(len.try_into().unwrap()) as usize;
            names.extend(bytes.get(at + 24..at + 24 + len).map(<[u8]>::to_vec));
            at += 24 + len;
        }
        names.sort();
        names.join(&b'/')
    }
}

const NAMES: &[&str] = &["a", "b", "c", "d", "f", "g", "d/g", "l"];
const TARGETS: &[&str] = &["a", "b", "l", "../a", "d", "d/g", ".", "..", "a/l", "/a", "", "b/"];

/// A sequence of at most `most` calls.
pub fn sequence(u: &mut Unstructured<'_>, most: usize) -> Vec<Op> {
    let mut ops = Vec::new();
    while ops.len() < most && !u.is_empty() {
        match op(u) {
            Ok(op) => ops.push(op),
            Err(_) => break,
        }
    }
    ops
}

fn op(u: &mut Unstructured<'_>) -> arbitrary::Result<Op> {
    let fd = fd(u)?;
    Ok(match u.int_in_range(0..=28u8)? {
        0..=4 => Op::Open {
            fd: dir(u)?,
            path: path(u)?,
            follow: u.arbitrary()?,
            oflags: *u.choose(&[0, 0, 1, 1, 2, 5, 8, 9, 3, 13])?,
            rights: rights(u)?,
            inheriting: rights(u)?,
            append: u.ratio(1, 4)?,
        },
        5 => Op::Close { fd: spare(u)? },
        6 | 7 => Op::Write { fd, len: u.int_in_range(0..=40)? },
        8 | 9 => Op::Read { fd, len: u.int_in_range(0..=40)? },
        10 => Op::Pwrite { fd, len: u.int_in_range(0..=40)?, offset: offset(u)? },
        11 => Op::Pread { fd, len: u.int_in_range(0..=40)?, offset: offset(u)? },
        12 => Op::Seek { fd, delta: u.int_in_range(-30..=60)?, whence: u.int_in_range(0..=3)? },
        13 => Op::Tell { fd },
        14 => Op::Resize { fd, len: offset(u)? },
        15 => Op::Allocate { fd, offset: offset(u)?, len: u.int_in_range(0..=40)? },
        16 | 17 => Op::MakeDir { fd: dir(u)?, path: path(u)? },
        18 => Op::RemoveDir { fd: dir(u)?, path: path(u)? },
        19 => Op::Unlink { fd: dir(u)?, path: path(u)? },
        20 | 21 => Op::Rename { fd: dir(u)?, path: path(u)?, to_fd: dir(u)?, to: path(u)? },
        22 => Op::Link { fd: dir(u)?, path: path(u)?, to_fd: dir(u)?, to: path(u)? },
        23 => Op::Symlink { target: u.choose(TARGETS)?.as_bytes().to_vec(), fd: dir(u)?, path: path(u)? },
        24 => Op::Readlink { fd: dir(u)?, path: path(u)? },
        25 => Op::Stat { fd: dir(u)?, path: path(u)?, follow: u.arbitrary()? },
        26 => Op::List { fd: dir(u)? },
        27 => Op::Renumber { fd: spare(u)?, to: spare(u)? },
        _ if u.ratio(1, 4)? => Op::Rights { fd: spare(u)?, rights: rights(u)?, inheriting: rights(u)? },
        _ => Op::FdStat { fd },
    })
}

/// Mostly one of those that are opened first.
fn fd(u: &mut Unstructured<'_>) -> arbitrary::Result<u32> {
    if u.ratio(7, 8)? { u.choose(&[4, 4, 4, 5, 5, 6]).copied() } else { u.int_in_range(0..=9) }
}

/// Mostly not the open directory, without which little works.
fn spare(u: &mut Unstructured<'_>) -> arbitrary::Result<u32> {
    if u.ratio(31, 32)? { u.int_in_range(5..=8) } else { u.int_in_range(0..=9) }
}

/// Mostly the open directory.
fn dir(u: &mut Unstructured<'_>) -> arbitrary::Result<u32> {
    if u.ratio(7, 8)? { Ok(3) } else { fd(u) }
}

/// Near, or hopelessly far.
fn offset(u: &mut Unstructured<'_>) -> arbitrary::Result<u64> {
    if u.ratio(1, 16)? { u.int_in_range(u64::MAX - 50..=u64::MAX) } else { u.int_in_range(0..=100) }
}

fn rights(u: &mut Unstructured<'_>) -> arbitrary::Result<u64> {
    Ok(match u.int_in_range(0..=23u8)? {
        0 => 2,
        1 => u.arbitrary::<u64>()? & 0x3fff_ffff,
        _ => 0x0fff_ffff,
    })
}

fn path(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let mut path = String::new();
    for index in 0..*u.choose(&[1, 1, 1, 1, 2, 3])? {
        let separator = if u.ratio(1, 8)? { "//" } else { "/" };
        path.push_str(if index > 0 { separator } else { "" });
        path.push_str(match u.int_in_range(0..=31u8)? {
            0 => "..",
            1 => ".",
            _ => u.choose(NAMES)?,
        });
    }
    Ok(match u.int_in_range(0..=63u8)? {
        0 => b"\xff".to_vec(),
        1 => Vec::new(),
        2 => format!("/{path}").into_bytes(),
        3 => format!("{path}\0").into_bytes(),
        4 => format!("{}/{path}", "n".repeat(256)).into_bytes(),
        5 => "n".repeat(256).into_bytes(),
        6..=8 => format!("{path}/").into_bytes(),
        _ => path.into_bytes(),
    })
}
