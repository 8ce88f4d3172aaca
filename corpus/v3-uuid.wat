;; RUN: spoor trace % --json
;; WHAT: WASMShark V3 and V1: random bytes and a write, and nothing more: a version 4 UUID.
;;   `WASI_WRITE_RANDOM_NO_READ` and `RANSOMWARE_CAPABILITY: CRITICAL` fire on it there.
;; EXPECT: verdict=CLEAN status=exited norule=impact/ norule=anti-analysis/ host=wasi_snapshot_preview1.random_get:1 host=wasi_snapshot_preview1.fd_write:1
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $hex (param $from i32) (param $to i32) (param $n i32) (local $i i32) (local $b i32)
    (loop $byte
      (local.set $b (i32.load8_u (i32.add (local.get $from) (local.get $i))))
      (i32.store8 (local.get $to) (call $digit (i32.shr_u (local.get $b) (i32.const 4))))
      (i32.store8 offset=1 (local.get $to) (call $digit (i32.and (local.get $b) (i32.const 15))))
      (local.set $to (i32.add (local.get $to) (i32.const 2)))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))
  (func $digit (param $d i32) (result i32)
    (i32.add (local.get $d) (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $d) (i32.const 9)))))
  ;; 8-4-4-4-12: from 32 digits at 256 to 36 letters at 320.
  (func $dashes (local $i i32) (local $p i32)
    (local.set $p (i32.const 320))
    (loop $next
      (if (i32.or (i32.eq (local.get $i) (i32.const 8))
          (i32.and (i32.and (i32.ge_u (local.get $i) (i32.const 12)) (i32.le_u (local.get $i) (i32.const 20))) (i32.eqz (i32.and (local.get $i) (i32.const 3)))))
        (then
          (i32.store8 (local.get $p) (i32.const 45))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))))
      (i32.store8 (local.get $p) (i32.load8_u offset=256 (local.get $i)))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 32))))
    (i32.store8 (local.get $p) (i32.const 10)))
  (func (export "_start")
    (drop (call $random_get (i32.const 64) (i32.const 16)))
    (i32.store8 (i32.const 70) (i32.or (i32.and (i32.load8_u (i32.const 70)) (i32.const 0x0f)) (i32.const 0x40)))
    (i32.store8 (i32.const 72) (i32.or (i32.and (i32.load8_u (i32.const 72)) (i32.const 0x3f)) (i32.const 0x80)))
    (call $hex (i32.const 64) (i32.const 256) (i32.const 16))
    (call $dashes)
    (call $write (i32.const 1) (i32.const 320) (i32.const 37))))
