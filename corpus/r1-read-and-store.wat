;; RUN: spoor trace % --json
;; WHAT: WASMShark R1: stores what `fd_read` and `random_get` give in locals and globals; its JSON report of
;;   every such module breaks off with an exception.
;; EXPECT: verdict=CLEAN status=exited norule=impact/ host=wasi_snapshot_preview1.fd_read:1 host=wasi_snapshot_preview1.random_get:1
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $errno (mut i32) (i32.const 0))
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  ;; `cat` with the letters of each line shuffled.
  (func $shuffle (param $p i32) (param $n i32) (local $i i32) (local $j i32) (local $t i32) (local $r i32)
    (local.set $r (call $random_get (i32.const 64) (i32.const 4)))
    (global.set $errno (local.get $r))
    (local.set $r (i32.load (i32.const 64)))
    (local.set $i (local.get $n))
    (block $done
      (loop $next
        (br_if $done (i32.lt_s (local.get $i) (i32.const 2)))
        (local.set $r (i32.add (i32.mul (local.get $r) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $j (i32.rem_u (i32.shr_u (local.get $r) (i32.const 8)) (local.get $i)))
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (local.set $t (i32.load8_u (i32.add (local.get $p) (local.get $i))))
        (i32.store8 (i32.add (local.get $p) (local.get $i)) (i32.load8_u (i32.add (local.get $p) (local.get $j))))
        (i32.store8 (i32.add (local.get $p) (local.get $j)) (local.get $t))
        (br $next))))
  (func (export "_start") (local $got i32) (local $e i32)
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 4096))
    (local.set $e (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (global.set $errno (local.get $e))
    (local.set $got (i32.load (i32.const 8)))
    (call $shuffle (i32.const 4096) (local.get $got))
    (if (local.get $got) (then (call $write (i32.const 1) (i32.const 4096) (local.get $got))))))
