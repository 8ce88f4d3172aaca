//! What a function says, sets or keeps from running because of the time or the surroundings, far from the
//! effect that it decides.

use super::class;
use wasmspoor::verdict::Class;

/// A program that deletes files by a function of its own, first one of its own. `functions` have `$late`,
/// whether it is late, by a call of the clock.
fn program(functions: &str, start: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
        (tag $over)
        (memory (export "memory") 2)
        (global $doomed (mut i32) (i32.const 1024))
        (data (i32.const 1024) "tmp/cache/page-0001.tmp\00home/user/letter-01.doc\00")
        (func $forget (param $path i32) (drop (call $unlink (i32.const 3) (local.get $path) (i32.const 23))))
        (func $late (result i32)
          (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 8)))
          (i64.gt_u (i64.load (i32.const 8)) (i64.const 0x7000000000000000)))
        {functions}
        (func (export "_start") (local $path i32) {start}))"#
    )
}

/// Asserts that none of these is CLEAN.
fn none_clean(programs: &[(&str, String)]) {
    let clean: Vec<_> = programs.iter().filter(|(_, text)| class(text) == Class::Clean).collect();
    assert!(clean.is_empty(), "{:?}", clean.iter().map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
fn an_arm_that_was_not_taken_may_have_set_what_is_handed_over() {
    let of = |set: &str, path: &str| program("", &format!("{set} (call $forget {path})"));
    let local =
        "(local.set $path (i32.const 1024)) (if (call $late) (then (local.set $path (i32.const 1048))))";
    let global = "(if (call $late) (then (global.set $doomed (i32.const 1048))))";
    let memory = "(memory.copy (i32.const 2048) (i32.const 1024) (i32.const 24))
        (if (call $late) (then (memory.copy (i32.const 2048) (i32.const 1048) (i32.const 24))))";
    let len = "(memory.copy (i32.const 2048) (i32.const 1024) (i32.const 24))
        (memory.copy (i32.const 2048) (i32.const 1048) (i32.mul (call $late) (i32.const 23)))";
    none_clean(&[
        ("local", of(local, "(local.get $path)")),
        ("global", of(global, "(global.get $doomed)")),
        ("memory", of(memory, "(i32.const 2048)")),
        ("length", of(len, "(i32.const 2048)")),
    ]);
    // What is printed, or not, decides nothing.
    assert_eq!(class(&program("", "(if (call $late) (then (local.set $path (i32.const 1))))")), Class::Clean);
}

#[test]
fn a_function_may_say_what_the_time_told_it() {
    let says = "(func $says (result i32) (if (call $late) (then (return (i32.const 1)))) (i32.const 0))
        (func $again (result i32) (call $says))";
    let start = |asks: &str| {
        format!("(call $forget (i32.const 1024)) (if (call {asks}) (then (call $forget (i32.const 1048))))")
    };
    none_clean(&[("says", program(says, &start("$says"))), ("again", program(says, &start("$again")))]);
}

#[test]
fn a_function_may_end_the_program_or_throw() {
    let leaves = "(func $leaves (if (i32.eqz (call $late)) (then (call $exit (i32.const 0)))))";
    let throws = "(func $throws (if (call $late) (then (throw $over))))";
    let start = "(call $forget (i32.const 1024))";
    let caught = format!(
        "{start} (block $h (try_table (catch $over $h) (call $throws) (return))) (call $forget (i32.const 1048))"
    );
    none_clean(&[
        ("leaves", program(leaves, &format!("{start} (call $leaves) (call $forget (i32.const 1048))"))),
        ("throws", program(throws, &caught)),
    ]);
}

/// What was not given says something, too: here, a variable and a line that are not there.
#[test]
fn what_is_empty_may_be_compared_letter_by_letter() {
    let of = |import: &str, read: &str| {
        format!(
            r#"(module {import}
            (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
            (memory (export "memory") 2)
            (data (i32.const 1024) "tmp/cache/page-0001.tmp\00home/user/letter-01.doc\00") (data (i32.const 1100) "now!\00")
            (data (i32.const 16) "\00\10\00\00\20\00\00\00")
            (func $forget (param $path i32) (drop (call $unlink (i32.const 3) (local.get $path) (i32.const 23))))
            (func $same (result i32) (local $n i32)
              (block $differs (loop $next
                (br_if $differs (i32.ne (i32.load8_u offset=4096 (local.get $n)) (i32.load8_u offset=1100 (local.get $n))))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $n) (i32.const 4)))))
              (i32.eq (local.get $n) (i32.const 4)))
            (func (export "_start")
              (call $forget (i32.const 1024)) (drop {read})
              (if (call $same) (then (call $forget (i32.const 1048))))))"#
        )
    };
    let wasi = |name: &str, params: &str| {
        format!(r#"(import "wasi_snapshot_preview1" "{name}" (func $f (param {params}) (result i32)))"#)
    };
    none_clean(&[
        ("environment", of(&wasi("environ_get", "i32 i32"), "(call $f (i32.const 4000) (i32.const 4096))")),
        (
            "input",
            of(
                &wasi("fd_read", "i32 i32 i32 i32"),
                "(call $f (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32))",
            ),
        ),
    ]);
}

/// Emscripten's kernel opens what the time says, by functions in between.
#[test]
fn a_file_may_be_opened_for_writing_by_another_function() {
    let text = r#"(module
        (import "env" "__syscall_openat" (func $open (param i32 i32 i32 i32) (result i32)))
        (import "env" "emscripten_date_now" (func $now (result f64)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 1024) "/home/user/documents/ledger.csv\00") (data (i32.const 1100) "/tmp/zz\00")
        (func $late (result i32)
          (if (f64.gt (call $now) (f64.const 4000000000000)) (then (return (i32.const 1)))) (i32.const 0))
        (func $spoil (param $path i32)
          (drop (call $write (call $open (i32.const -100) (local.get $path) (i32.const 0x201) (i32.const 0))
            (i32.const 0) (i32.const 1) (i32.const 8))))
        (func (export "main") (param i32 i32) (result i32)
          (call $spoil (i32.const 1100)) (if (call $late) (then (call $spoil (i32.const 1024)))) (i32.const 0)))"#;
    assert_ne!(class(text), Class::Clean);
}
