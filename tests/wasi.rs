//! WASI calls made to break the sandbox: rights, pointers, vectors, lengths, names, trees, listings,
//! descriptors. The right error, bounded memory, nothing lost from the log. Also what `wasi_unstable` does
//! differently, and the body of the fuzz target `wasi` on some seeds.

mod common;

use std::sync::Arc;

use common::{noise, wasi_model};
use wasmspoor::{
    sandbox::{self, Persona, Run, RunOptions},
    trace::Record,
};

const NAMES: &[(&str, &str)] = &[
    ("fd_allocate", "i32 i64 i64"),
    ("fd_close", "i32"),
    ("fd_datasync", "i32"),
    ("fd_fdstat_get", "i32 i32"),
    ("fd_fdstat_set_rights", "i32 i64 i64"),
    ("fd_filestat_get", "i32 i32"),
    ("fd_filestat_set_size", "i32 i64"),
    ("fd_pread", "i32 i32 i32 i64 i32"),
    ("fd_prestat_get", "i32 i32"),
    ("fd_pwrite", "i32 i32 i32 i64 i32"),
    ("fd_read", "i32 i32 i32 i32"),
    ("fd_readdir", "i32 i32 i32 i64 i32"),
    ("fd_renumber", "i32 i32"),
    ("fd_seek", "i32 i64 i32 i32"),
    ("fd_sync", "i32"),
    ("fd_tell", "i32 i32"),
    ("fd_write", "i32 i32 i32 i32"),
    ("path_create_directory", "i32 i32 i32"),
    ("path_filestat_get", "i32 i32 i32 i32 i32"),
    ("path_link", "i32 i32 i32 i32 i32 i32 i32"),
    ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    ("path_readlink", "i32 i32 i32 i32 i32 i32"),
    ("path_remove_directory", "i32 i32 i32"),
    ("path_rename", "i32 i32 i32 i32 i32 i32"),
    ("path_symlink", "i32 i32 i32 i32 i32"),
    ("path_unlink_file", "i32 i32 i32"),
    ("poll_oneoff", "i32 i32 i32 i32"),
];

/// A program of two pages that gives back the numbers left by `body`; `data` goes to the front of it.
fn program(module: &str, data: &str, results: usize, body: &str) -> String {
    let imports: String = NAMES
        .iter()
        .map(|(name, params)| {
            format!(r#"(import "{module}" "{name}" (func ${name} (param {params}) (result i32)))"#)
        })
        .collect();
    format!(
        r#"(module {imports} (memory (export "memory") 2) {data}
        ;; makes and opens the file of two letters at $path, with all rights of a file
        (func $create (param $path i32) (result i32)
            (call $path_open (i32.const 3) (i32.const 0) (local.get $path) (i32.const 2) (i32.const 1) (i64.const 0xfffffff) (i64.const 0xfffffff) (i32.const 0) (i32.const 16)))
        (func (export "_start") (result {}) {body}))"#,
        "i32 ".repeat(results)
    )
}

fn run(text: &str) -> Run {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let mut options = RunOptions::default().with_persona(Arc::new(Persona::bare()));
    options.files.insert("/f0".into(), b"0123456789".to_vec());
    options.entry_time = std::time::Duration::from_secs(120);
    options.limits.wall_time = None;
    let run = sandbox::run(&wasm, &options).unwrap();
    let host_calls =
        run.trace.records.iter().filter(|record| matches!(record, Record::HostCall { .. })).count();
    assert_eq!(host_calls as u64, run.calls.len() as u64 + run.calls_cut, "nothing is lost from the log");
    run
}

/// What `_start` gives back.
fn results(data: &str, count: usize, body: &str) -> Vec<i32> {
    values(&run(&program("wasi_snapshot_preview1", data, count, body)))
}

fn values(run: &Run) -> Vec<i32> {
    let entry = &run.entries[0];
    assert!(!entry.results.is_empty(), "{:?}", entry.end);
    entry.results.iter().map(|value| value.to_string().parse().unwrap()).collect()
}

const BADF: i32 = 8;
const BUSY: i32 = 10;
const EXIST: i32 = 20;
const FAULT: i32 = 21;
const FBIG: i32 = 22;
const ILSEQ: i32 = 25;
const INVAL: i32 = 28;
const ISDIR: i32 = 31;
const LOOP: i32 = 32;
const MFILE: i32 = 33;
const NAMETOOLONG: i32 = 37;
const NOENT: i32 = 44;
const NOSPC: i32 = 51;
const NOTDIR: i32 = 54;
const NOTEMPTY: i32 = 55;
const NOTCAPABLE: i32 = 76;

#[test]
fn rights_are_needed_and_cannot_be_had_back() {
    let found = results(
        r#"(data (i32.const 100) "f0") (data (i32.const 64) "\00\04\00\00\04\00\00\00")"#,
        14,
        "(call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
         (call $fd_read (i32.const 4) (i32.const 64) (i32.const 1) (i32.const 0))
         (call $fd_write (i32.const 4) (i32.const 64) (i32.const 1) (i32.const 0))
         (call $fd_pread (i32.const 4) (i32.const 64) (i32.const 1) (i64.const 0) (i32.const 0))
         (call $fd_seek (i32.const 4) (i64.const 0) (i32.const 0) (i32.const 0))
         (call $fd_tell (i32.const 4) (i32.const 0))
         (call $fd_sync (i32.const 4))
         (call $fd_datasync (i32.const 4))
         (call $fd_allocate (i32.const 4) (i64.const 0) (i64.const 1))
         (call $fd_filestat_set_size (i32.const 4) (i64.const 0))
         (call $fd_filestat_get (i32.const 4) (i32.const 200))
         (call $fd_fdstat_set_rights (i32.const 4) (i64.const 2) (i64.const 0))
         ;; a directory that may no longer open is no way to open
         (call $fd_fdstat_set_rights (i32.const 3) (i64.const 0x4000) (i64.const 0))
         (call $create (i32.const 100))",
    );
    assert_eq!(found, [0].into_iter().chain([NOTCAPABLE; 11]).chain([0, NOTCAPABLE]).collect::<Vec<_>>());
}

#[test]
fn vectors_may_overlap_and_may_not_wrap() {
    let found = results(
        // Three vectors over the same bytes; one that ends after the memory; one that wraps around.
        r#"(data (i32.const 64) "\00\04\00\00\04\00\00\00\02\04\00\00\04\00\00\00\00\04\00\00\02\00\00\00")
           (data (i32.const 96) "\00\04\00\00\04\00\00\00\fe\ff\01\00\04\00\00\00") (data (i32.const 112) "\f0\ff\ff\ff\20\00\00\00") (data (i32.const 200) "f0")"#,
        12,
        "(call $create (i32.const 200))
         (call $fd_read (i32.const 4) (i32.const 64) (i32.const 3) (i32.const 0))
         (i32.load (i32.const 0))
         (i32.load16_u (i32.const 1024))
         (call $fd_seek (i32.const 4) (i64.const 0) (i32.const 0) (i32.const 8))
         ;; the second of two is bad: nothing is read, nothing moves
         (call $fd_read (i32.const 4) (i32.const 96) (i32.const 2) (i32.const 0))
         (call $fd_tell (i32.const 4) (i32.const 8))
         (i32.load (i32.const 8))
         (call $fd_write (i32.const 4) (i32.const 112) (i32.const 1) (i32.const 0))
         ;; so many that they cannot be there
         (call $fd_write (i32.const 4) (i32.const 64) (i32.const -1) (i32.const 0))
         ;; more than are taken at once, all of them empty: less is written
         (call $fd_write (i32.const 4) (i32.const 2048) (i32.const 5000) (i32.const 0))
         ;; no place for the count: nothing is written
         (call $fd_write (i32.const 4) (i32.const 64) (i32.const 1) (i32.const -2))",
    );
    assert_eq!(
        found,
        [0, 0, 10, i32::from(u16::from_le_bytes(*b"89")), 0, FAULT, 0, 0, FAULT, FAULT, 0, FAULT]
    );
}

#[test]
fn lengths_without_measure() {
    let run = run(&program(
        "wasi_snapshot_preview1",
        r#"(data (i32.const 100) "f1f0") (data (i32.const 64) "\00\04\00\00\04\00\00\00")"#,
        11,
        "(call $create (i32.const 100))
         (call $fd_allocate (i32.const 4) (i64.const 0) (i64.const 0x7fffffffffffffff))
         (call $fd_allocate (i32.const 4) (i64.const -1) (i64.const 2))
         (call $fd_filestat_set_size (i32.const 4) (i64.const -1))
         (call $fd_pwrite (i32.const 4) (i32.const 64) (i32.const 1) (i64.const -1) (i32.const 0))
         (call $fd_pwrite (i32.const 4) (i32.const 64) (i32.const 1) (i64.const 0x100000000) (i32.const 0))
         (call $fd_pread (i32.const 4) (i32.const 64) (i32.const 1) (i64.const -1) (i32.const 0))
         (call $fd_seek (i32.const 4) (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 8))
         (call $fd_seek (i32.const 4) (i64.const 1) (i32.const 1) (i32.const 8))
         ;; a path of four gigabytes
         (call $path_unlink_file (i32.const 3) (i32.const 100) (i32.const -1))
         (call $fd_filestat_set_size (i32.const 4) (i64.const 0x4000000))",
    ));
    // The last one is the whole quota, of which ten bytes are taken.
    assert_eq!(values(&run), [0, NOSPC, FBIG, NOSPC, FBIG, NOSPC, 0, 0, INVAL, NAMETOOLONG, NOSPC]);
    assert_eq!(run.files.iter().map(|file| file.size_after).collect::<Vec<_>>(), [Some(0)]);
}

#[test]
fn names_that_are_none() {
    let found = results(
        r#"(data (i32.const 100) "\ff\fe") (data (i32.const 110) "a\00") (data (i32.const 120) "f0/x/") (data (i32.const 130) "/f0")"#,
        9,
        "(memory.fill (i32.const 1024) (i32.const 97) (i32.const 8000))
         (call $create (i32.const 100))
         (call $create (i32.const 110))
         (call $path_create_directory (i32.const 3) (i32.const 120) (i32.const 5))
         (call $path_create_directory (i32.const 3) (i32.const 120) (i32.const 0))
         (call $path_create_directory (i32.const 3) (i32.const 130) (i32.const 3))
         (call $path_create_directory (i32.const 3) (i32.const 1024) (i32.const 256))
         (call $path_create_directory (i32.const 3) (i32.const 1024) (i32.const 8000))
         (call $path_symlink (i32.const 1024) (i32.const 8000) (i32.const 3) (i32.const 120) (i32.const 1))
         (call $path_link (i32.const 3) (i32.const 0) (i32.const 131) (i32.const 2) (i32.const 3) (i32.const 1024) (i32.const 256))",
    );
    assert_eq!(
        found,
        [ILSEQ, INVAL, NOTDIR, NOENT, NOTCAPABLE, NAMETOOLONG, NAMETOOLONG, NAMETOOLONG, NAMETOOLONG]
    );
}

#[test]
fn links_that_lead_to_each_other_or_out() {
    let found = results(
        r#"(data (i32.const 100) "l1") (data (i32.const 110) "l2") (data (i32.const 120) "..") (data (i32.const 130) "up") (data (i32.const 140) "up/etc")
           (data (i32.const 150) "/f0") (data (i32.const 160) "f0")"#,
        9,
        "(call $path_symlink (i32.const 110) (i32.const 2) (i32.const 3) (i32.const 100) (i32.const 2))
         (call $path_symlink (i32.const 100) (i32.const 2) (i32.const 3) (i32.const 110) (i32.const 2))
         (call $path_open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 2) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
         (call $create (i32.const 100))
         (call $path_symlink (i32.const 120) (i32.const 2) (i32.const 3) (i32.const 130) (i32.const 2))
         (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 140) (i32.const 6) (i32.const 200))
         (call $path_symlink (i32.const 150) (i32.const 3) (i32.const 3) (i32.const 160) (i32.const 2))
         (call $path_symlink (i32.const 160) (i32.const 2) (i32.const 3) (i32.const 160) (i32.const 2))
         (call $path_readlink (i32.const 3) (i32.const 160) (i32.const 2) (i32.const 200) (i32.const 9) (i32.const 0))",
    );
    assert_eq!(found, [0, 0, LOOP, LOOP, 0, NOTCAPABLE, NOTCAPABLE, EXIST, INVAL]);
}

#[test]
fn directories_in_each_other_end_where_a_path_does() {
    let found = results(
        r#"(data (i32.const 100) "d/d/")"#,
        4,
        "(local $depth i32) (local $errno i32) (local $at i32)
         ;; d, d/d, d/d/d, … as one path each
         (loop $fill (i32.store16 (i32.add (i32.const 1024) (local.get $at)) (i32.const 0x2f64))
            (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 2))) (i32.const 20000))))
         (loop $deeper
            (local.set $errno (call $path_create_directory (i32.const 3) (i32.const 1024) (i32.sub (i32.mul (i32.add (local.get $depth) (i32.const 1)) (i32.const 2)) (i32.const 1))))
            (if (i32.eqz (local.get $errno)) (then (local.set $depth (i32.add (local.get $depth) (i32.const 1))) (br $deeper))))
         (local.get $depth) (local.get $errno)
         ;; not into itself, and not away while there is something in it
         (call $path_rename (i32.const 3) (i32.const 100) (i32.const 1) (i32.const 3) (i32.const 1024) (i32.const 9))
         (call $path_remove_directory (i32.const 3) (i32.const 100) (i32.const 1))",
    );
    assert_eq!(found, [2048, NAMETOOLONG, INVAL, NOTEMPTY]);
}

/// Makes files called by four digits until that fails; gives how many, and why.
const MANY: &str = "(local $n i32) (local $errno i32) (local $left i32)
    (block $done (loop $l
        (local.set $left (local.get $n))
        (i32.store8 (i32.const 104) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 10000))))
        (i32.store8 (i32.const 103) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (i32.const 1000)) (i32.const 10))))
        (i32.store8 (i32.const 102) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (i32.const 100)) (i32.const 10))))
        (i32.store8 (i32.const 101) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (i32.const 10)) (i32.const 10))))
        (i32.store8 (i32.const 100) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
        (br_if $done (local.tee $errno CALL))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $n) (i32.const 90000)))))
    (local.get $n) (local.get $errno)";

#[test]
fn files_without_number() {
    let make = "(call $path_create_directory (i32.const 3) (i32.const 100) (i32.const 5))";
    let link = "(call $path_link (i32.const 3) (i32.const 0) (i32.const 110) (i32.const 2) (i32.const 3) (i32.const 100) (i32.const 5))";
    for (call, expected) in [(make, [9998, NOSPC]), (link, [19_999, NOSPC])] {
        let run = run(&program(
            "wasi_snapshot_preview1",
            r#"(data (i32.const 110) "f0")"#,
            2,
            &MANY.replace("CALL", call),
        ));
        assert_eq!(values(&run), expected, "{call}");
        assert!(run.files.len() <= 10_000);
    }
}

#[test]
fn files_that_are_made_and_deleted_take_no_room() {
    // 12,000 files, one after the other, of ten kilobytes each.
    let call = "(i32.or (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 5) (i32.const 1) (i64.const 0x400040) (i64.const 0) (i32.const 0) (i32.const 16))
        (i32.or (call $fd_filestat_set_size (i32.load (i32.const 16)) (i64.const 10240))
        (i32.or (call $path_unlink_file (i32.const 3) (i32.const 100) (i32.const 5))
        (i32.or (call $fd_close (i32.load (i32.const 16))) (i32.eq (local.get $n) (i32.const 12000))))))";
    let run = run(&program("wasi_snapshot_preview1", "", 2, &MANY.replace("CALL", call)));
    assert_eq!(values(&run), [12_000, 1]);
    assert_eq!(run.files.len(), 10_000);
    for part in ["2001 changes of files were not listed", "deleted files were listed without their contents"]
    {
        assert!(
            run.limitations.iter().any(|text| text.to_string().contains(part)),
            "{part}: {:?}",
            run.limitations
        );
    }
}

#[test]
fn descriptors_run_out() {
    let call = "(call $path_open (i32.const 3) (i32.const 0) (i32.const 110) (i32.const 2) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))";
    let found = results(r#"(data (i32.const 110) "f0")"#, 2, &MANY.replace("CALL", call));
    assert_eq!(found, [1020, MFILE]);
    // What cannot be opened is not made either.
    let body = format!(
        "{} (call $create (i32.const 120)) (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 120) (i32.const 2) (i32.const 200))",
        MANY.replace("CALL", call)
    );
    assert_eq!(
        results(r#"(data (i32.const 110) "f0") (data (i32.const 120) "f1")"#, 4, &body)[2..],
        [MFILE, NOENT]
    );
}

#[test]
fn listings_with_cookies_of_their_own() {
    let found = results(
        r#"(data (i32.const 100) "d1d2d3")"#,
        12,
        "(call $path_create_directory (i32.const 3) (i32.const 100) (i32.const 2))
         (call $path_create_directory (i32.const 3) (i32.const 102) (i32.const 2))
         (call $path_create_directory (i32.const 3) (i32.const 104) (i32.const 2))
         (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 4096) (i64.const -1) (i32.const 0)) (i32.load (i32.const 0))
         (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 4096) (i64.const 0x8000000000000000) (i32.const 0)) (i32.load (i32.const 0))
         ;; the cookie of the first directory made, after which that is gone: the next one is the second
         (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 26) (i64.const 3) (i32.const 0))
         (call $path_remove_directory (i32.const 3) (i32.const 100) (i32.const 2))
         (call $fd_readdir (i32.const 3) (i32.const 2048) (i32.const 26) (i64.load (i32.const 1024)) (i32.const 0))
         (i32.load16_u (i32.const 2072))
         (call $fd_readdir (i32.const 3) (i32.const 131000) (i32.const 4096) (i64.const 0) (i32.const 0))",
    );
    let d2 = i32::from(u16::from_le_bytes(*b"d2"));
    assert_eq!(found, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, d2, FAULT]);
}

#[test]
fn what_is_gone_stays_open_and_what_is_none_is_refused() {
    let found = results(
        r#"(data (i32.const 100) "d1") (data (i32.const 104) "x1") (data (i32.const 64) "\00\04\00\00\04\00\00\00") (data (i32.const 110) "f0")"#,
        13,
        "(call $create (i32.const 110))
         (call $path_unlink_file (i32.const 3) (i32.const 110) (i32.const 2))
         (call $fd_read (i32.const 4) (i32.const 64) (i32.const 1) (i32.const 0))
         (i32.load (i32.const 1024))
         ;; a directory that is gone holds nothing new
         (call $path_create_directory (i32.const 3) (i32.const 100) (i32.const 2))
         (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 2) (i64.const 0xfffffff) (i64.const 0xfffffff) (i32.const 0) (i32.const 16))
         (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 2) (i64.const 0x7fffe00) (i64.const 0xfffffff) (i32.const 0) (i32.const 16))
         (call $path_remove_directory (i32.const 3) (i32.const 100) (i32.const 2))
         (call $path_create_directory (i32.const 5) (i32.const 104) (i32.const 2))
         (call $fd_renumber (i32.const 5) (i32.const 4))
         (call $fd_read (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 0))
         (call $fd_pread (i32.const 4) (i32.const 64) (i32.const 1) (i64.const 0) (i32.const 0))
         (call $fd_renumber (i32.const 4) (i32.const -1))",
    );
    assert_eq!(
        found,
        [0, 0, 0, i32::from_le_bytes(*b"0123"), 0, ISDIR, 0, 0, NOENT, 0, BADF, NOTCAPABLE, BADF]
    );
}

#[test]
fn what_is_no_directory_has_no_paths() {
    let found = results(
        r#"(data (i32.const 100) "f0x")"#,
        9,
        "(call $create (i32.const 100))
         ;; a file, whatever its rights, and a stream; a descriptor that is not open is another thing
         (call $path_open (i32.const 4) (i32.const 0) (i32.const 102) (i32.const 1) (i32.const 1) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
         (call $path_filestat_get (i32.const 4) (i32.const 0) (i32.const 102) (i32.const 1) (i32.const 200))
         (call $path_create_directory (i32.const 1) (i32.const 102) (i32.const 1))
         (call $path_rename (i32.const 3) (i32.const 100) (i32.const 2) (i32.const 4) (i32.const 102) (i32.const 1))
         (call $fd_readdir (i32.const 4) (i32.const 1024) (i32.const 4096) (i64.const 0) (i32.const 0))
         (call $path_unlink_file (i32.const 9) (i32.const 102) (i32.const 1))
         ;; a directory without the right stays one
         (call $fd_fdstat_set_rights (i32.const 3) (i64.const 0x4000) (i64.const 0))
         (call $path_unlink_file (i32.const 3) (i32.const 102) (i32.const 1))",
    );
    assert_eq!(found, [0, NOTDIR, NOTDIR, NOTDIR, NOTDIR, NOTDIR, BADF, 0, NOTCAPABLE]);
}

#[test]
fn a_slash_at_the_end_wants_a_directory() {
    let found = results(
        // `f0` is a file, `d0` a directory, `n0` is not there; a length of three takes the slash along.
        r#"(data (i32.const 100) "f0/") (data (i32.const 110) "d0/") (data (i32.const 120) "n0/")"#,
        14,
        "(call $path_create_directory (i32.const 3) (i32.const 110) (i32.const 3))
         (call $path_symlink (i32.const 100) (i32.const 2) (i32.const 3) (i32.const 120) (i32.const 3))
         (call $path_symlink (i32.const 100) (i32.const 2) (i32.const 3) (i32.const 110) (i32.const 3))
         (call $path_symlink (i32.const 110) (i32.const 2) (i32.const 3) (i32.const 100) (i32.const 3))
         (call $path_link (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 3) (i32.const 120) (i32.const 3))
         ;; nor does a link of a link's target come to be
         (call $path_link (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 2) (i32.const 3) (i32.const 120) (i32.const 2))
         (call $path_rename (i32.const 3) (i32.const 100) (i32.const 3) (i32.const 3) (i32.const 120) (i32.const 2))
         (call $path_rename (i32.const 3) (i32.const 100) (i32.const 2) (i32.const 3) (i32.const 120) (i32.const 3))
         (call $path_rename (i32.const 3) (i32.const 110) (i32.const 3) (i32.const 3) (i32.const 120) (i32.const 3))
         (call $path_rename (i32.const 3) (i32.const 120) (i32.const 2) (i32.const 3) (i32.const 110) (i32.const 3))
         (call $path_unlink_file (i32.const 3) (i32.const 110) (i32.const 3))
         (call $path_unlink_file (i32.const 3) (i32.const 100) (i32.const 3))
         (call $path_remove_directory (i32.const 3) (i32.const 100) (i32.const 3))
         (call $path_remove_directory (i32.const 3) (i32.const 110) (i32.const 3))",
    );
    assert_eq!(
        found,
        [0, NOENT, EXIST, NOTDIR, NOENT, INVAL, NOTDIR, NOTDIR, 0, 0, ISDIR, NOTDIR, NOTDIR, 0]
    );
}

#[test]
fn what_was_open_from_the_start_is_closed_and_replaced_like_all_else() {
    let found = results(
        r#"(data (i32.const 100) "d0f0")"#,
        14,
        "(call $path_create_directory (i32.const 3) (i32.const 100) (i32.const 2))
         (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 2) (i64.const 0x7ffbe00) (i64.const 0xfffffff) (i32.const 0) (i32.const 16))
         (call $fd_prestat_get (i32.const 3) (i32.const 200))
         ;; `d0` as 3: the top is out of reach, and 3 has no name any more
         (call $fd_renumber (i32.const 4) (i32.const 3))
         (call $fd_prestat_get (i32.const 3) (i32.const 200))
         (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 102) (i32.const 2) (i32.const 200))
         (call $fd_close (i32.const 4))
         (call $fd_renumber (i32.const 3) (i32.const 4))
         ;; standard output as 3 has what it had; 1 is the next number
         (call $create (i32.const 102)) (i32.load (i32.const 16))
         (call $fd_renumber (i32.const 1) (i32.const 4))
         (call $fd_filestat_get (i32.const 1) (i32.const 200))
         (call $fd_filestat_get (i32.const 4) (i32.const 200))
         ;; size and times of a stream are none
         (i64.eqz (i64.or (i64.or (i64.load (i32.const 232)) (i64.load (i32.const 240))) (i64.or (i64.load (i32.const 248)) (i64.load (i32.const 256)))))",
    );
    assert_eq!(found, [0, 0, 0, 0, BADF, NOENT, BADF, BADF, 0, 4, 0, BADF, 0, 1]);
}

#[test]
fn the_forerunner_counts_and_lays_out_differently() {
    // A subscription of 56 bytes to clock 1, ten seconds from now, flags behind; then the same absolute in
    // the past.
    let clock = format!(
        r"\63\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\07\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\e4\0b\54\02\00\00\00{}",
        r"\00".repeat(16)
    );
    let unstable = program(
        "wasi_unstable",
        &format!(r#"(data (i32.const 100) "f0") (data (i32.const 256) "{clock}")"#),
        15,
        "(call $create (i32.const 100))
         ;; 2 is from the start, 0 from here, 1 from the end
         (call $fd_seek (i32.const 4) (i64.const 4) (i32.const 2) (i32.const 8)) (i32.load (i32.const 8))
         (call $fd_seek (i32.const 4) (i64.const 1) (i32.const 0) (i32.const 8)) (i32.load (i32.const 8))
         (call $fd_seek (i32.const 4) (i64.const -1) (i32.const 1) (i32.const 8)) (i32.load (i32.const 8))
         (call $fd_seek (i32.const 4) (i64.const 0) (i32.const 3) (i32.const 8))
         ;; 56 bytes: type at 16, links at 20, size at 24; the byte after them is not touched
         (i64.store (i32.const 256) (i64.const 99)) (i32.store (i32.const 568) (i32.const 77))
         (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 512))
         (i32.add (i32.mul (i32.load8_u (i32.const 528)) (i32.const 100)) (i32.load (i32.const 532))) (i32.load (i32.const 536)) (i32.load (i32.const 568))
         (call $poll_oneoff (i32.const 256) (i32.const 1024) (i32.const 1) (i32.const 0))
         (i32.load (i32.const 0))
         (i32.load (i32.const 1024))",
    );
    let run = run(&unstable);
    assert_eq!(values(&run), [0, 0, 4, 0, 5, 0, 9, INVAL, 0, 401, 10, 77, 0, 1, 99]);
    assert_eq!(run.slept_ns, 10_000_000_000);
    let stable = results(
        r#"(data (i32.const 100) "f0")"#,
        8,
        "(call $create (i32.const 100))
         (call $fd_seek (i32.const 4) (i64.const 4) (i32.const 0) (i32.const 8)) (i32.load (i32.const 8))
         (call $fd_seek (i32.const 4) (i64.const -1) (i32.const 2) (i32.const 8)) (i32.load (i32.const 8))
         (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 512))
         (i32.add (i32.mul (i32.load8_u (i32.const 528)) (i32.const 100)) (i32.load (i32.const 536))) (i32.load (i32.const 544))",
    );
    assert_eq!(stable, [0, 0, 4, 0, 9, 0, 401, 10]);
}

#[test]
fn random_calls_agree_with_the_model() {
    let (mut made, mut succeeded) = (0, 0);
    for seed in 0..60 {
        let counts = wasi_model::body(&noise(seed, 1000));
        (made, succeeded) = (made + counts.0, succeeded + counts.1);
    }
    println!("{succeeded} of {made} calls succeeded on both sides");
    assert!(made > 2000 && succeeded * 4 > made, "{succeeded} of {made}");
    assert_eq!(wasi_model::body(&[]), (0, 0));
}

/// Native systems and Wasmtime: `.` at the end is no name that could be made, moved or taken away.
#[test]
fn a_final_dot_is_no_name() {
    // g, g/., q/., k, h
    let data = r#"(data (i32.const 100) "g") (data (i32.const 110) "g/.") (data (i32.const 120) "q/.") (data (i32.const 130) "k")"#;
    let found = results(
        data,
        11,
        "(call $path_create_directory (i32.const 3) (i32.const 100) (i32.const 1))
         (call $path_create_directory (i32.const 3) (i32.const 110) (i32.const 3))
         (call $path_create_directory (i32.const 3) (i32.const 120) (i32.const 3))
         (call $path_remove_directory (i32.const 3) (i32.const 110) (i32.const 3))
         (call $path_rename (i32.const 3) (i32.const 110) (i32.const 3) (i32.const 3) (i32.const 130) (i32.const 1))
         (call $path_rename (i32.const 3) (i32.const 100) (i32.const 1) (i32.const 3) (i32.const 120) (i32.const 3))
         (call $path_unlink_file (i32.const 3) (i32.const 110) (i32.const 3))
         (call $path_symlink (i32.const 130) (i32.const 1) (i32.const 3) (i32.const 120) (i32.const 3))
         (call $path_open (i32.const 3) (i32.const 0) (i32.const 120) (i32.const 3) (i32.const 1) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
         (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 110) (i32.const 3) (i32.const 200))
         (call $path_remove_directory (i32.const 3) (i32.const 100) (i32.const 1))",
    );
    assert_eq!(found, [0, EXIST, NOENT, INVAL, BUSY, NOENT, ISDIR, NOENT, NOENT, 0, 0]);
}
