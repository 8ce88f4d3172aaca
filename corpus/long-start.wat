;; RUN: spoor trace % --invoke run --json
;; WHAT: The start function burns time in a loop without calls before anything else happens, in the hope that
;;   the watcher gives up.
;; EXPECT: correlation=CONFIRMED_AUTORUN status=exited host=env.connect:1
(module
  (import "env" "connect" (func $connect (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $seed (mut i64) (i64.const 88172645463325252))
  (func $burn (local $n i32) (local $x i64)
    (local.set $x (global.get $seed))
    (loop $spin
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
      (br_if $spin (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 300000))))
    (global.set $seed (local.get $x)))
  ;; The key comes out of the burnt time: nobody can skip the loop.
  (func $decode (local $i i32) (local $k i64)
    (local.set $k (global.get $seed))
    (loop $byte
      (i32.store8 offset=128 (local.get $i)
        (i32.xor (i32.load8_u offset=64 (local.get $i)) (i32.wrap_i64 (i64.and (local.get $k) (i64.const 0)))))
      (local.set $k (i64.rotr (local.get $k) (i64.const 8)))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 24)))))
  (func $main
    (call $burn)
    (call $decode))
  (start $main)
  (func (export "run") (result i32)
    (call $connect (i32.const 128) (i32.const 24)))
  (data (i32.const 64) "late.example.invalid:443")
)
