//! A module that makes the calls, one after the other, and tells what it got. Numbers go through `env.see`,
//! bytes through `env.look`, and the log keeps both.

use std::fmt::Write as _;

use super::ops::Op;

/// Where results go, where vectors and paths lie, where bytes are written from and read to.
const RESULT: u32 = 16;
const VECTOR: u32 = 32;
const STAT: u32 = 64;
const PATHS: u32 = 8192;
const SOURCE: u32 = 2048;
const BUFFER: u32 = 4096;
/// Bytes of a listing.
pub const ROOM: u32 = 4000;

const FUNCTIONS: &[(&str, &str)] = &[
    ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    ("fd_close", "i32"),
    ("fd_write", "i32 i32 i32 i32"),
    ("fd_read", "i32 i32 i32 i32"),
    ("fd_pwrite", "i32 i32 i32 i64 i32"),
    ("fd_pread", "i32 i32 i32 i64 i32"),
    ("fd_seek", "i32 i64 i32 i32"),
    ("fd_tell", "i32 i32"),
    ("fd_filestat_set_size", "i32 i64"),
    ("fd_allocate", "i32 i64 i64"),
    ("path_create_directory", "i32 i32 i32"),
    ("path_remove_directory", "i32 i32 i32"),
    ("path_unlink_file", "i32 i32 i32"),
    ("path_rename", "i32 i32 i32 i32 i32 i32"),
    ("path_link", "i32 i32 i32 i32 i32 i32 i32"),
    ("path_symlink", "i32 i32 i32 i32 i32"),
    ("path_readlink", "i32 i32 i32 i32 i32 i32"),
    ("path_filestat_get", "i32 i32 i32 i32 i32"),
    ("fd_filestat_get", "i32 i32"),
    ("fd_readdir", "i32 i32 i32 i64 i32"),
    ("fd_renumber", "i32 i32"),
    ("fd_fdstat_set_rights", "i32 i64 i64"),
];

/// The bytes that are written: letters, so that the log shows them as text.
pub fn source(len: u32) -> Vec<u8> {
    (0..len).map(|index| b'A' + (index % 26) as u8).collect()
}

pub fn of(ops: &[Op]) -> Vec<u8> {
    let mut text = String::from("(module ");
    for (name, params) in FUNCTIONS {
        _ = write!(
            text,
            r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params}) (result i32)))"#
        );
    }
    text.push_str(
        r#"(import "env" "see" (func $see (param i32))) (import "env" "look" (func $look (param i32 i32)))"#,
    );
    _ = write!(
        text,
        r#"(memory (export "memory") 4) (data (i32.const {SOURCE}) "{}")"#,
        escaped(&source(64))
    );
    let (mut body, mut data) = (String::new(), Vec::new());
    ops.iter().for_each(|op| emit(op, &mut body, &mut data));
    _ = write!(text, r#"(data (i32.const {PATHS}) "{}") (func (export "_start") {body}))"#, escaped(&data));
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

fn emit(op: &Op, body: &mut String, data: &mut Vec<u8>) {
    let mut place = |path: &[u8]| {
        let at = PATHS as usize + data.len();
        data.extend_from_slice(path);
        format!("(i32.const {at}) (i32.const {})", path.len())
    };
    let int = |value: u32| format!("(i32.const {})", value as i32);
    let long = |value: u64| format!("(i64.const {})", value as i64);
    let result = int(RESULT);
    let vector = format!("{} {}", int(VECTOR), int(1));
    let args = match op {
        Op::Open { fd, path, follow, oflags, rights, inheriting, append } => format!(
            "{} {} {} {} {} {} {} {result}",
            int(*fd),
            int((*follow).into()),
            place(path),
            int(*oflags),
            long(*rights),
            long(*inheriting),
            int((*append).into())
        ),
        Op::Close { fd } => int(*fd),
        Op::Write { fd, .. } | Op::Read { fd, .. } => format!("{} {vector} {result}", int(*fd)),
        Op::Pwrite { fd, offset, .. } | Op::Pread { fd, offset, .. } => {
            format!("{} {vector} {} {result}", int(*fd), long(*offset))
        }
        Op::Seek { fd, delta, whence } => {
            format!("{} {} {} {result}", int(*fd), long(*delta as u64), int(*whence))
        }
        Op::Tell { fd } => format!("{} {result}", int(*fd)),
        Op::Resize { fd, len } => format!("{} {}", int(*fd), long(*len)),
        Op::Allocate { fd, offset, len } => format!("{} {} {}", int(*fd), long(*offset), long(*len)),
        Op::MakeDir { fd, path } | Op::RemoveDir { fd, path } | Op::Unlink { fd, path } => {
            format!("{} {}", int(*fd), place(path))
        }
        Op::Rename { fd, path, to_fd, to } => {
            format!("{} {} {} {}", int(*fd), place(path), int(*to_fd), place(to))
        }
        Op::Link { fd, path, to_fd, to } => {
            format!("{} {} {} {} {}", int(*fd), int(0), place(path), int(*to_fd), place(to))
        }
        Op::Symlink { target, fd, path } => format!("{} {} {}", place(target), int(*fd), place(path)),
        Op::Readlink { fd, path } => {
            format!("{} {} {} {} {result}", int(*fd), place(path), int(BUFFER), int(ROOM))
        }
        Op::Stat { fd, path, follow } => {
            format!("{} {} {} {}", int(*fd), int((*follow).into()), place(path), int(STAT))
        }
        Op::FdStat { fd } => format!("{} {}", int(*fd), int(STAT)),
        Op::List { fd } => format!("{} {} {} {} {result}", int(*fd), int(BUFFER), int(ROOM), long(0)),
        Op::Renumber { fd, to } => format!("{} {}", int(*fd), int(*to)),
        Op::Rights { fd, rights, inheriting } => {
            format!("{} {} {}", int(*fd), long(*rights), long(*inheriting))
        }
    };
    if let Op::Write { len, .. } | Op::Pwrite { len, .. } = op {
        _ = write!(
            body,
            "(i32.store (i32.const {VECTOR}) (i32.const {SOURCE})) (i32.store offset=4 (i32.const {VECTOR}) (i32.const {len}))"
        );
    }
    if let Op::Read { len, .. } | Op::Pread { len, .. } = op {
        _ = write!(
            body,
            "(i32.store (i32.const {VECTOR}) (i32.const {BUFFER})) (i32.store offset=4 (i32.const {VECTOR}) (i32.const {len}))"
        );
    }
    _ = write!(body, "(drop (call ${} {args}))", op.name());
    let told: &[&str] = match op.numbers() {
        0 => &[],
        1 => &["(i32.load (i32.const 16))"],
        _ => &[
            "(i32.load8_u offset=16 (i32.const 64))",
            "(i32.load offset=24 (i32.const 64))",
            "(i32.load offset=32 (i32.const 64))",
        ],
    };
    told.iter().for_each(|number| _ = write!(body, "(call $see {number})"));
    if op.told() > op.numbers() {
        _ = write!(body, "(call $look (i32.const {BUFFER}) (i32.load {result}))");
    }
}
