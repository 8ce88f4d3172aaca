;; RUN: spoor trace % --json
;; WHAT: Draws lots: what it does depends on random bytes, so that two runs seldom look alike.
;; EXPECT: status=exited host=wasi_snapshot_preview1.random_get:8
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (type $deed (func (param i32) (result i32)))
  (table 4 4 funcref)
  (elem (i32.const 0) $rest $hash $fill $tell)
  (global $state (mut i32) (i32.const 0))
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $rest (type $deed) (local.get 0))
  (func $hash (type $deed) (local $i i32)
    (loop $round
      (local.set 0 (i32.xor (i32.mul (local.get 0) (i32.const 0x85ebca6b)) (i32.shr_u (local.get 0) (i32.const 13))))
      (br_if $round (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64))))
    (local.get 0))
  (func $fill (type $deed)
    (memory.fill (i32.const 4096) (local.get 0) (i32.and (local.get 0) (i32.const 0xfff)))
    (i32.add (local.get 0) (i32.const 1)))
  (func $tell (type $deed)
    (call $write (i32.const 1) (i32.const 512) (i32.const 16))
    (i32.rotl (local.get 0) (i32.const 7)))
  ;; A word without bias below $n: draws are thrown away at the upper end.
  (func $below (param $n i32) (result i32) (local $x i32) (local $tries i32)
    (block $enough
      (loop $draw
        (drop (call $random_get (i32.const 32) (i32.const 4)))
        (local.set $x (i32.load (i32.const 32)))
        (br_if $enough (i32.lt_u (local.get $x) (i32.sub (i32.const -1) (i32.rem_u (i32.const -1) (local.get $n)))))
        (br_if $draw (i32.lt_u (local.tee $tries (i32.add (local.get $tries) (i32.const 1))) (i32.const 1)))))
    (i32.rem_u (local.get $x) (local.get $n)))
  (func (export "_start") (local $i i32)
    (loop $next
      (global.set $state (call_indirect (type $deed) (i32.add (global.get $state) (local.get $i)) (call $below (i32.const 4))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8)))))
  (data (i32.const 512)
    "a lot was drawn\n")
)
