;; RUN: spoor trace % --invoke run --json
;; WHAT: Recursion without end, through two functions that call each other: meant to break the one who
;;   watches.
;; EXPECT: norule=impact/ status=trapped
(module
  (memory (export "memory") 1)
  (global $depth (export "depth") (mut i32) (i32.const 0))
  (func $down (param $n i64) (result i64)
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (i64.store (i32.and (i32.shl (global.get $depth) (i32.const 3)) (i32.const 0xffff)) (local.get $n))
    (i64.add (call $further (i64.mul (local.get $n) (i64.const 6364136223846793005))) (i64.const 1)))
  (func $further (param $n i64) (result i64)
    (if (result i64) (i64.eqz (i64.and (local.get $n) (i64.const 1)))
      (then (call $down (i64.add (local.get $n) (i64.const 1))))
      (else (call $down (i64.xor (local.get $n) (i64.const 0x55aa55aa))))))
  (func (export "run") (result i64) (call $down (i64.const 1))))
