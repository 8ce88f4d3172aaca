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
