//! What imports are taken for.

use super::*;

#[test]
fn roles_follow_from_use() {
    let wasm = wat::parse_str(
        r#"(module
          (import "x" "q" (func $size (result i32)))
          (import "x" "r" (func $enlarge (result i32)))
          (import "x" "s" (func $errno (result i32)))
          (import "x" "t" (func $copy (param i32 i32 i32) (result i32)))
          (import "x" "u" (func $other (result i32)))
          (import "x" "a" (global $break i32))
          (import "x" "b" (global $stack i32))
          (import "x" "c" (global $end i32))
          (import "x" "d" (global $scratch i32))
          (import "x" "e" (global $base i32))
          (import "x" "f" (global $none i32))
          (memory 1)
          (global $sp (mut i32) (global.get $stack))
          (global $sm (mut i32) (global.get $end))
          (func $sbrk (param $by i32) (result i32) (local $old i32) (local $new i32)
            (local.set $old (i32.load (global.get $break)))
            (local.set $new (i32.add (local.get $old) (local.get $by)))
            (i32.store (global.get $break) (local.get $new))
            (if (i32.gt_s (local.get $new) (call $size))
              (then (if (i32.eqz (call $enlarge)) (then (i32.store (call $errno) (i32.const 12))))))
            (drop (call $other))
            (local.get $old))
          (func $frame (local $saved i32)
            (local.set $saved (global.get $sp))
            (global.set $sp (i32.add (global.get $sp) (i32.const 16)))
            (if (i32.ge_s (global.get $sp) (global.get $sm)) (then unreachable))
            (f64.store (global.get $scratch) (f64.const 1))
            (global.set $sp (local.get $saved)))
          (func $memcpy (param i32 i32 i32) (result i32)
            (if (i32.ge_s (local.get 2) (i32.const 8192))
              (then (return (call $copy (local.get 0) (local.get 1) (local.get 2)))))
            (local.get 0))
          (data (global.get $base) "x"))"#,
    )
    .unwrap();
    let usage = Usage::of(Core::of(&wasm, None));
    use FunctionRole::{Address, Copy, MemorySize, Success};
    let functions: Vec<_> = (0..5).map(|index| usage.function(index)).collect();
    assert_eq!(functions, [Some(MemorySize), Some(Success), Some(Address), Some(Copy), None]);
    use GlobalRole::{Break, MemoryBase, Scratch, Stack, StackEnd};
    let globals: Vec<_> = (0..6).map(|index| usage.global(index)).collect();
    let expected = [Some(Break), Some(Stack), Some(StackEnd), Some(Scratch), Some(MemoryBase), None];
    assert_eq!(globals, expected);
    assert!(usage.is_placed());
}

/// Calls through the host with a word around them, and what throws.
const CATCHING: &str = r#"(module
    (import "a" "a" (func $invoke (param i32 i32) (result i32)))
    (import "a" "b" (func $throw (param i32 i32 i32)))
    (import "a" "c" (func $plain (param i32 i32) (result i32)))
    (import "a" "d" (func $often (param i32)))
    (memory 1) (table 2 funcref) (global $threw (mut i32) (i32.const 0))
    (func $catches (param i32) (result i32) (local i32)
      (i32.store (i32.const 2048) (i32.const 0))
      (local.set 1 (call $invoke (i32.const 1) (local.get 0)))
      (i32.load (i32.const 2048)) (i32.store (i32.const 2048) (i32.const 0))
      (if (i32.eq (i32.const 1)) (then (return (i32.const -1))))
      (drop (call $plain (i32.const 1) (local.get 0)))
      (i32.store (i32.const 2048) (i32.const 0))
      (drop (call $plain (i32.const 1) (local.get 0)))
      (drop (i32.load (i32.const 2048)))
      (local.get 1))
    (func $throws (call $throw (i32.const 8) (i32.const 9) (i32.const 0)) (unreachable))
    (func $sometimes (call $often (i32.const 1)) (call $often (i32.const 1)) (unreachable)))"#;

#[test]
fn calls_that_catch_and_calls_that_throw_follow_from_use() {
    let usage = Usage::of(Core::of(&wat::parse_str(CATCHING).unwrap(), None));
    let functions: Vec<_> = (0..4).map(|index| usage.function(index)).collect();
    use FunctionRole::{Invoke, Last};
    assert_eq!(functions, [Some(Invoke), Some(Last), None, None], "one sign of three is none");
    assert_eq!((usage.flag(), usage.setter()), (Some(Flag::Word(2048)), None));
}

#[test]
fn a_global_may_say_what_was_thrown() {
    let text = r#"(module (import "a" "a" (func $invoke (param i32)))
        (global $other (mut i32) (i32.const 0)) (global $threw (mut i32) (i32.const 0))
        (func (export "x") (param i32 i32) (global.set $other (local.get 0)))
        (func (export "y") (param i32 i32)
          (if (i32.eqz (global.get $threw)) (then (global.set $threw (local.get 0)))))
        (func (local i32)
          (global.set $threw (i32.const 0))
          (call $invoke (i32.const 1))
          (local.set 0 (global.get $threw)) (global.set $threw (i32.const 0))))"#;
    let usage = Usage::of(Core::of(&wat::parse_str(text).unwrap(), None));
    assert_eq!(usage.function(0), Some(FunctionRole::Invoke));
    assert_eq!((usage.flag(), usage.setter()), (Some(Flag::Global(1)), Some("y")));
}

/// An error number is zeroed before a call and read after it, too; it is zeroed again only where it was set.
#[test]
fn a_call_with_an_error_number_around_it_catches_nothing() {
    let text = r#"(module (import "env" "request" (func $request (param i32 i32) (result i32)))
        (memory 1)
        (func (result i32) (local i32)
          (i32.store (i32.const 2048) (i32.const 0))
          (local.set 0 (call $request (i32.const 0) (i32.const 7)))
          (if (i32.load (i32.const 2048)) (then (return (i32.const 1))))
          (i32.store (i32.const 2048) (i32.const 0))
          (local.get 0)))"#;
    assert_eq!(Usage::of(Core::of(&wat::parse_str(text).unwrap(), None)).function(0), None);
}
