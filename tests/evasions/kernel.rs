//! What a program does by the system calls of Emscripten's libc.

use super::{Class, at_least, class, not_accused};

/// A program with these system calls, each the name and the types of its parameters. A path lies at 1024, the
/// folder of it at 1100, the last part of it at 1200, and the address of a socket at 1300.
fn program(calls: &[(&str, &str)], body: &str) -> String {
    let import = |(name, params): &(&str, &str)| {
        format!(r#"(import "env" "__syscall_{name}" (func ${name} (param {params}) (result i32)))"#)
    };
    let imports: String = calls.iter().map(import).collect();
    format!(
        r#"(module {imports}
          (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 1024) "/home/user/documents/report.txt\00")
          (data (i32.const 1100) "/home/user/documents\00")
          (data (i32.const 1200) "report.txt\00")
          (data (i32.const 1250) "/tmp/none\00")
          (data (i32.const 1300) "\02\00\0f\a0\c0\00\02\42")
          (func (export "_start") {body}))"#
    )
}

const SIX: &str = "i32 i32 i32 i32 i32 i32";
const OPEN: (&str, &str) = ("openat", "i32 i32 i32 i32");
const UNLINK: (&str, &str) = ("unlinkat", "i32 i32 i32");

/// A connection that was made up says nothing of what a true one would have brought.
#[test]
fn a_connection_that_was_made_up_decides() {
    let socket = "(drop (call $socket (i32.const 2) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))";
    let connect = "(drop (call $connect (i32.const 3) (i32.const 1300) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0)))";
    let send = "(drop (call $sendto (i32.const 3) (i32.const 1024) (i32.const 16) (i32.const 0) (i32.const 1300) (i32.const 16)))";
    let modules = [("socket", socket), ("connect", connect), ("sendto", send)]
        .map(|(name, call)| (name, program(&[("socket", SIX), ("connect", SIX), ("sendto", SIX)], call)));
    at_least(Class::Undecided, &modules);
    not_accused(&modules);
}

/// Files go by each of the calls, from wherever their path begins.
#[test]
fn files_that_system_calls_take_away_are_gone() {
    let in_folder = "(drop (call $unlinkat
        (call $openat (i32.const -100) (i32.const 1100) (i32.const 0x10000) (i32.const 0)) (i32.const 1200) (i32.const 0)))";
    let cut = "(drop (call $truncate64 (i32.const 1024) (i64.const 0)))";
    let cut_open = "(drop (call $ftruncate64
        (call $openat (i32.const -100) (i32.const 1024) (i32.const 2) (i32.const 0)) (i64.const 0)))";
    let halves = "(drop (call $truncate64 (i32.const 1024) (i32.const 0) (i32.const 0)))";
    at_least(
        Class::PotentiallyUnwanted,
        &[
            ("from a folder", program(&[OPEN, UNLINK], in_folder)),
            ("cut", program(&[("truncate64", "i32 i64")], cut)),
            ("cut where it is open", program(&[OPEN, ("ftruncate64", "i32 i64")], cut_open)),
            ("cut by a length in halves", program(&[("truncate64", "i32 i32 i32")], halves)),
        ],
    );
    let own = "(drop (call $mkdirat (i32.const -100) (i32.const 1250) (i32.const 0x1ff)))
        (drop (call $unlinkat (i32.const -100) (i32.const 1250) (i32.const 0x200)))";
    assert_eq!(class(&program(&[("mkdirat", "i32 i32 i32"), UNLINK], own)), Class::Clean);
}

/// A folder that is not empty stays, and a link cannot be made: the sandbox has none of such calls.
#[test]
fn what_the_sandbox_cannot_do_with_a_file_is_not_known() {
    let link = program(
        &[("linkat", "i32 i32 i32 i32 i32")],
        "(drop (call $linkat (i32.const -100) (i32.const 1024) (i32.const -100) (i32.const 1250) (i32.const 0)))",
    );
    at_least(Class::Undecided, &[("a link", link)]);
}

/// Every C library can delete. A call that waits for a date is another matter.
#[test]
fn a_system_call_that_waits_for_a_date_is_not_clean() {
    let dated = |call: &str| {
        format!(
            "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8)))
             (if (i64.gt_u (i64.load (i32.const 8)) (i64.const 1999999999000000000)) (then {call}))"
        )
    };
    let other = |call: &str| format!("(if (i32.load (i32.const 2000)) (then {call}))");
    let unlink = "(drop (call $unlinkat (i32.const -100) (i32.const 1024) (i32.const 0)))";
    let rename =
        "(drop (call $renameat (i32.const -100) (i32.const 1024) (i32.const -100) (i32.const 1250)))";
    let open = "(drop (call $openat (i32.const -100) (i32.const 1024) (i32.const 0x201) (i32.const 0)))";
    let modules = |guard: &dyn Fn(&str) -> String| {
        [
            ("unlinkat", program(&[UNLINK], &guard(unlink))),
            ("renameat", program(&[("renameat", "i32 i32 i32 i32")], &guard(rename))),
            ("openat", program(&[OPEN], &guard(open))),
        ]
    };
    at_least(Class::Undecided, &modules(&dated));
    for (name, text) in modules(&other) {
        assert_eq!(class(&text), Class::Clean, "{name}");
    }
}

const STAT: (&str, &str) = ("stat64", "i32 i32");
const LIST: (&str, &str) = ("getdents64", "i32 i32 i32");

/// What overwrites a file in its place: `$at` is its path. `$mask` says which bytes of the stream are mixed
/// in.
const OVERWRITES: &str = r#"
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (func $open (param $at i32) (param $flags i32) (result i32)
    (call $openat (i32.const -100) (local.get $at) (i32.or (local.get $flags) (i32.const 0x8000)) (i32.const 0)))
  (func $seal (param $at i32) (param $mask i32) (local $fd i32) (local $n i32) (local $i i32) (local $s i32)
    (local.set $fd (call $open (local.get $at) (i32.const 2)))
    (if (i32.lt_s (local.get $fd) (i32.const 0)) (then (return)))
    (i32.store (i32.const 0) (i32.const 8192)) (i32.store (i32.const 4) (i32.const 8192))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $n (i32.load (i32.const 8))) (local.set $s (i32.const 0x2545f491))
    (if (i32.eqz (local.get $n)) (then (return)))
    (loop $byte
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 13))))
      (local.set $s (i32.xor (local.get $s) (i32.shr_u (local.get $s) (i32.const 17))))
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 5))))
      (i32.store8 offset=8192 (local.get $i)
        (i32.xor (i32.load8_u offset=8192 (local.get $i)) (i32.and (local.get $s) (local.get $mask))))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (drop (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 0) (i32.const 16)))
    (i32.store (i32.const 4) (local.get $n))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

/// A program that goes through the folder of documents by `getdents64` and looks at each with `stat64`, and
/// does something with each file, whose path is at 2048.
fn walking(body: &str) -> String {
    program(
        &[OPEN, STAT, LIST],
        &format!(
            r#"(local $dir i32) (local $p i32) (local $end i32)
            (local.set $dir (call $open (i32.const 1100) (i32.const 0x10000)))
            (block $done (loop $more
              (local.set $end (i32.add (i32.const 20000)
                (call $getdents64 (local.get $dir) (i32.const 20000) (i32.const 1120))))
              (br_if $done (i32.le_s (local.get $end) (i32.const 20000)))
              (local.set $p (i32.const 20000))
              (loop $entry
                (memory.copy (i32.const 2048) (i32.const 1100) (i32.const 20))
                (i32.store8 (i32.const 2068) (i32.const 47))
                (memory.copy (i32.const 2069) (i32.add (local.get $p) (i32.const 19)) (i32.const 256))
                (if (i32.eqz (call $stat64 (i32.const 2048) (i32.const 3000)))
                  (then (if (i32.eq (i32.and (i32.load (i32.const 3004)) (i32.const 0xf000)) (i32.const 0x8000))
                    (then (if (i64.ne (i64.load (i32.const 3024)) (i64.const 0)) (then {body}))))))
                (local.set $p (i32.add (local.get $p) (i32.load16_u offset=16 (local.get $p))))
                (br_if $entry (i32.lt_u (local.get $p) (local.get $end))))
              (br $more)))"#
        ),
    )
    .replacen("(memory (export", &format!("{OVERWRITES} (memory (export"), 1)
}

/// Files that a program finds by the calls of the kernel are those of the user.
#[test]
fn files_that_system_calls_find_are_files() {
    let modules = [("sealed", walking("(call $seal (i32.const 2048) (i32.const 255))"))];
    at_least(Class::Suspicious, &modules);
    let read = walking("(drop (call $open (i32.const 2048) (i32.const 0)))");
    assert_eq!(class(&read), Class::Clean, "{:?}", super::analysed(&read).verdict.reasons);
}

/// A program that seals a document, or writes a file of its own, if a condition holds that does not.
fn if_told(condition: &str, path: u32) -> String {
    program(&[OPEN], &format!("(if {condition} (then (call $seal (i32.const {path}) (i32.const 255))))"))
        .replacen(
            "(memory (export",
            &format!(
                r#"(import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
                   (import "wasi_snapshot_preview1" "args_sizes_get" (func $asked (param i32 i32) (result i32)))
                   (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
                   (import "env" "uname" (func $uname (param i32) (result i32))) {OVERWRITES} (memory (export"#
            ),
            1,
        )
}

/// All that writes to a file is opened for that, and no other call of the kernel is needed.
#[test]
fn a_file_that_is_written_over_if_the_host_says_so_is_not_clean() {
    let sizes = "(i32.gt_u (block (result i32) (drop (call $sizes (i32.const 40) (i32.const 44)))
        (i32.load (i32.const 40))) (i32.const 1000))";
    let random = "(i32.eq (block (result i32) (drop (call $random (i32.const 40) (i32.const 4)))
        (i32.load (i32.const 40))) (i32.const 77))";
    let uname = "(i32.eq (block (result i32) (drop (call $uname (i32.const 40)))
        (i32.load (i32.const 40))) (i32.const 77))";
    at_least(
        Class::Undecided,
        &[("environment", sizes), ("chance", random), ("name", uname)]
            .map(|(name, condition)| (name, if_told(condition, 1024))),
    );
    // What the arguments ask for, and what no answer decides, if it is no document.
    let asked = "(i32.gt_u (block (result i32) (drop (call $asked (i32.const 40) (i32.const 44)))
        (i32.load (i32.const 40))) (i32.const 1000))";
    for condition in [asked, "(i32.load (i32.const 2000))"] {
        let text = if_told(condition, 1250);
        assert_eq!(class(&text), Class::Clean, "{:?}", super::analysed(&text).verdict.reasons);
    }
}
