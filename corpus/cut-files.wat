;; RUN: spoor run % -q --fail-on never
;; WHAT: Cuts documents to a single byte: nothing is deleted, nothing looks random, nothing is left.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS family=wiper rule=impact/wiper file=/home/user/documents/report.txt:changed
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "home/user/documents/report.txt")
  (data (i32.const 128) "home/user/documents/ledger.csv")
  (data (i32.const 192) "home/user/documents/notes.txt")
  (data (i32.const 0) "\20\00\00\00\01\00\00\00")
  (data (i32.const 32) "D")
  (func $cut (param $name i32) (param $len i32)
    (drop (call $path_open (i32.const 3) (i32.const 0) (local.get $name) (local.get $len) (i32.const 8)
      (i64.const 0x1fffffff) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $fd_write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $fd_close (i32.load (i32.const 16)))))
  (func (export "_start")
    (call $cut (i32.const 64) (i32.const 30))
    (call $cut (i32.const 128) (i32.const 30))
    (call $cut (i32.const 192) (i32.const 29))))
