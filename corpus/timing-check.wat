;; RUN: spoor trace % --json
;; WHAT: Measures how long a loop takes and acts only if the clock says that nobody is watching.
;; EXPECT: rule=anti-analysis/timing status=exited file=/tmp/.seen:created host=wasi_snapshot_preview1.clock_time_get:10
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
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
  (func $now (result i64)
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 32)))
    (i64.load (i32.const 32)))
  (func $work (result i32) (local $i i32) (local $x i32)
    (local.set $x (i32.const 1))
    (loop $spin
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1103515245)) (i32.const 12345)))
      (br_if $spin (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
    (local.get $x))
  (func $measure (result i64) (local $before i64)
    (local.set $before (call $now))
    (i32.store (i32.const 48) (call $work))
    (i64.sub (call $now) (local.get $before)))
  ;; The shortest of five measurements, in nanoseconds.
  (func $shortest (result i64) (local $i i32) (local $t i64) (local $min i64)
    (local.set $min (i64.const -1))
    (loop $again
      (local.set $t (call $measure))
      (if (i64.lt_u (local.get $t) (local.get $min)) (then (local.set $min (local.get $t))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
    (local.get $min))
  (func $act
    (call $write (call $open (i32.const 512) (i32.const 9) (i32.const 9)) (i32.const 521) (i32.const 23)))
  (func (export "_start")
    ;; More than 50 ms for five thousand rounds: a debugger.
    (if (i64.gt_u (call $shortest) (i64.const 50000000))
      (then (call $proc_exit (i32.const 0))))
    (call $act))
  (data (i32.const 512)
    "tmp/.seen"
    "payload would run here\n")
)
