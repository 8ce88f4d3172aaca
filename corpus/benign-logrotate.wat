;; RUN: spoor trace % --json
;; WHAT: Log rotation: writes a log, renames app.log.N to N+1 and deletes the oldest: renames and deletions of
;;   its own files.
;; EXPECT: verdict=CLEAN norule=impact/ status=exited file=/tmp/app-log/app.log.4:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (func $open (param $path i32) (param $len i32) (param $flags i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (local.get $flags)
        (i64.const 0x604056) (i64.const 0x604056) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  ;; `tmp/app-log/app.log.N` at $at.
  (func $name (param $at i32) (param $n i32)
    (memory.copy (local.get $at) (i32.const 512) (i32.const 21))
    (i32.store8 offset=20 (local.get $at) (i32.add (i32.const 48) (local.get $n))))
  (func $shift (param $n i32)
    (call $name (i32.const 1024) (local.get $n))
    (call $name (i32.const 1088) (i32.add (local.get $n) (i32.const 1)))
    (drop (call $path_rename (i32.const 3) (i32.const 1024) (i32.const 21) (i32.const 3) (i32.const 1088) (i32.const 21))))
  (func $rotate (local $n i32)
    (call $name (i32.const 1024) (i32.const 4))
    (drop (call $path_unlink_file (i32.const 3) (i32.const 1024) (i32.const 21)))
    (local.set $n (i32.const 3))
    (loop $next
      (call $shift (local.get $n))
      (br_if $next (i32.ge_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0)))))
  (func $log (param $round i32) (local $fd i32) (local $lines i32)
    (call $name (i32.const 1024) (i32.const 0))
    (local.set $fd (call $open (i32.const 1024) (i32.const 21) (i32.const 9)))
    (if (i32.lt_s (local.get $fd) (i32.const 0)) (then (return)))
    (loop $line
      (call $write (local.get $fd) (i32.const 533) (i32.const 41))
      (br_if $line (i32.lt_u (local.tee $lines (i32.add (local.get $lines) (i32.const 1))) (i32.add (local.get $round) (i32.const 2)))))
    (drop (call $fd_close (local.get $fd))))
  (func (export "_start") (local $round i32)
    (drop (call $path_create_directory (i32.const 3) (i32.const 574) (i32.const 11)))
    (loop $day
      (call $rotate)
      (call $log (local.get $round))
      (br_if $day (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 6)))))
  (data (i32.const 512)
    "tmp/app-log/app.log.0"
    "2026-01-01T08:00:00Z info request served\n"
    "tmp/app-log")
)
