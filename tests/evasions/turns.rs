//! What does little in a call and much in many, as a page makes them.

use super::{Class, FILES, at_least, class, not_accused};

/// Exports of a host with frames.
fn framed(body: &str) -> String {
    format!("(module {FILES} (global $n (mut i32) (i32.const 0)) {body})")
}

/// Sixteen bytes of a document a call.
fn nibbles(change: &str) -> String {
    framed(&format!(
        r#"(global $fd (mut i32) (i32.const 0))
        (func (export "frame") (param f64) (local $i i32) (local $k i32)
          (if (i32.eqz (global.get $fd)) (then (global.set $fd (call $open (i32.const 1140) (i32.const 30) (i32.const 0)))))
          (drop (call $fd_seek (global.get $fd) (i64.extend_i32_u (global.get $n)) (i32.const 0) (i32.const 24)))
          (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 16))
          (drop (call $fd_read (global.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
          (local.set $k (i32.load (i32.const 8)))
          (if (i32.eqz (local.get $k)) (then (return)))
          {change}
          (global.set $n (i32.add (global.get $n) (local.get $k))))"#
    ))
}

#[test]
fn a_document_that_is_lost_piece_by_piece_is_lost() {
    let sealed = nibbles(
        "(call $crypt (local.get $k) (i32.const 255))
         (drop (call $fd_seek (global.get $fd) (i64.extend_i32_u (global.get $n)) (i32.const 0) (i32.const 24)))
         (call $write (global.get $fd) (i32.const 4096) (local.get $k))",
    );
    at_least(Class::Suspicious, &[("sixteen bytes a frame", sealed)]);
    not_accused(&[("read only", nibbles("(call $zero)"))]);
}

/// Sixteen bytes are encrypted with each call.
fn sealing(export: &str) -> String {
    let text = nibbles(
        "(call $crypt (local.get $k) (i32.const 255))
         (drop (call $fd_seek (global.get $fd) (i64.extend_i32_u (global.get $n)) (i32.const 0) (i32.const 24)))
         (call $write (global.get $fd) (i32.const 4096) (local.get $k))",
    );
    text.replace(r#"(export "frame") (param f64)"#, export)
}

#[test]
fn whatever_is_handed_to_a_frame_it_is_one() {
    let called = sealing("$tick").replacen(
        "(global $n",
        r#"(table (export "__indirect_function_table") 2 2 funcref) (elem (i32.const 1) $tick)
        (func (export "main") (call $take (i32.const 1) (i32.const 16))) (global $n"#,
        1,
    );
    let each =
        ["", "(param f32)", "(param i32)", "(param i32 i32)", "(param externref)", "(param f64 externref)"];
    let mut modules: Vec<_> =
        each.iter().map(|params| (*params, sealing(&format!(r#"(export "tick") {params}"#)))).collect();
    modules.push(("a callback", called));
    at_least(Class::Suspicious, &modules);
}

/// Writes what it is given at the cursor, which moves on.
fn editor(params: &str, put: &str, len: &str) -> String {
    framed(&format!(
        r#"(func (export "key") {params}
          (local $fd i32)
          (local.set $fd (call $open (i32.const 1100) (i32.const 30) (i32.const 0)))
          (drop (call $fd_seek (local.get $fd) (i64.extend_i32_u (global.get $n)) (i32.const 0) (i32.const 24)))
          (global.set $n (i32.add (global.get $n) {len}))
          {put})"#
    ))
}

/// Whoever types over a text has done that.
#[test]
fn an_editor_that_writes_over_is_no_wiper() {
    let letter = "(i32.store8 (i32.const 4096) (local.get 0)) (call $write (local.get $fd) (i32.const 4096) (i32.const 1))";
    let text = "(call $write (local.get $fd) (local.get 0) (local.get 1))";
    let modules = [
        ("a key", editor("(param i32)", letter, "(i32.const 1)")),
        ("a key and what is held", editor("(param i32 i32)", letter, "(i32.const 1)")),
        ("a text", editor("(param i32 i32)", text, "(local.get 1)")),
    ];
    not_accused(&modules);
    let wiper = "(i32.store8 (i32.const 4096) (i32.const 32)) (call $write (local.get $fd) (i32.const 4096) (i32.const 1))";
    at_least(Class::Suspicious, &[("blanks", editor("(param i32)", wiper, "(i32.const 1)"))]);
}

/// Emscripten's libc asks for files by name, and a host may have them on its disk.
#[test]
fn files_of_a_program_of_emscripten_are_files() {
    let program = |changed: &str| {
        format!(
            r#"(module
              (import "env" "__syscall_openat" (func $open (param i32 i32 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (data (i32.const 1024) "/home/user/documents/ledger.csv\00")
              (func (export "main") (param i32 i32) (result i32) (local $i i32) (local $n i32)
                (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 8192))
                (drop (call $fd_read (call $open (i32.const -100) (i32.const 1024) (i32.const 0) (i32.const 0))
                  (i32.const 0) (i32.const 1) (i32.const 8)))
                (local.set $n (i32.load (i32.const 8)))
                (loop $byte
                  (i32.store8 (i32.add (i32.const 4096) (local.get $i)) {changed})
                  (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if $byte (i32.lt_u (local.get $i) (local.get $n))))
                (i32.store (i32.const 4) (local.get $n))
                (drop (call $fd_write (call $open (i32.const -100) (i32.const 1024) (i32.const 0x201) (i32.const 0))
                  (i32.const 0) (i32.const 1) (i32.const 8)))
                (i32.const 0)))"#
        )
    };
    let sealed = program(
        "(i32.xor (i32.load8_u offset=4096 (local.get $i))
           (i32.shr_u (i32.mul (i32.add (local.get $i) (i32.const 77)) (i32.const 0x9e3779b1)) (i32.const 13)))",
    );
    at_least(Class::Suspicious, &[("encrypted by system calls", sealed)]);
    let same = program("(i32.load8_u offset=4096 (local.get $i))");
    assert!(class(&same) <= Class::Undecided);
}
