;; RUN: spoor trace % --json
;; WHAT: Sleeps for three days in pieces, checks that the clock went with it, and only then deletes what it
;;   came for.
;; EXPECT: rule=anti-analysis/sleep status=exited sleeps=72 file=/home/user/gone.txt:created host=wasi_snapshot_preview1.poll_oneoff:72
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
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
  ;; One relative subscription of the monotonic clock.
  (func $sleep (param $ns i64)
    (memory.fill (i32.const 128) (i32.const 0) (i32.const 48))
    (i32.store (i32.const 144) (i32.const 1))
    (i64.store (i32.const 152) (local.get $ns))
    (drop (call $poll_oneoff (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 20))))
  (func $now (result i64)
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 32)))
    (i64.load (i32.const 32)))
  (func $wait (local $i i32)
    (loop $hour
      (call $sleep (i64.const 3600000000000))
      (br_if $hour (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 72)))))
  (func $act
    (drop (call $path_unlink_file (i32.const 3) (i32.const 512) (i32.const 30)))
    (call $write (call $open (i32.const 542) (i32.const 18) (i32.const 9)) (i32.const 560) (i32.const 17)))
  (func (export "_start") (local $before i64)
    (local.set $before (call $now))
    (call $wait)
    ;; Somebody who skips sleeps has a clock that stands still.
    (if (i64.ge_u (i64.sub (call $now) (local.get $before)) (i64.const 259000000000000))
      (then (call $act))))
  (data (i32.const 512)
    "home/user/documents/report.txt"
    "home/user/gone.txt"
    "three days later\n")
)
