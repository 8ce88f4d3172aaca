;; RUN: spoor trace % --json
;; WHAT: Status reporter: measures its own uptime and load and sends one line of statistics per round, three
;;   rounds; reads no files and takes no orders.
;; EXPECT: verdict=CLEAN|POTENTIALLY_UNWANTED norule=impact/ norule=collection/ norule=communication/c2 status=exited host=wasi_snapshot_preview1.sock_send:3
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (memory (export "memory") 1)
  (func $send (param $fd i32) (param $from i32) (param $len i32) (result i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (call $sock_send (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)))
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $now (result i64)
    (drop (call $clock_time_get (i32.const 1) (i64.const 1000) (i32.const 32)))
    (i64.load (i32.const 32)))
  ;; Decimal digits to $p, gives back the place after them.
  (func $decimal (param $p i32) (param $n i64) (result i32)
    (if (i64.ge_u (local.get $n) (i64.const 10))
      (then (local.set $p (call $decimal (local.get $p) (i64.div_u (local.get $n) (i64.const 10))))))
    (i32.store8 (local.get $p) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10)))))
    (i32.add (local.get $p) (i32.const 1)))
  (func $text (param $p i32) (param $from i32) (param $n i32) (result i32)
    (memory.copy (local.get $p) (local.get $from) (local.get $n))
    (i32.add (local.get $p) (local.get $n)))
  (func $work (param $n i32) (result i64) (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (i32.rem_u (i32.mul (local.get $n) (local.get $n)) (i32.const 97)))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "_start") (local $i i32) (local $p i32) (local $began i64) (local $t i64)
    (local.set $began (call $now))
    (loop $round
      (local.set $t (call $now))
      (i64.store (i32.const 48) (call $work (i32.const 2000)))
      (local.set $p (call $text (i32.const 4096) (i32.const 512) (i32.const 66)))
      (local.set $p (call $decimal (local.get $p) (i64.div_u (i64.sub (call $now) (local.get $began)) (i64.const 1000))))
      (local.set $p (call $text (local.get $p) (i32.const 578) (i32.const 7)))
      (local.set $p (call $decimal (local.get $p) (i64.extend_i32_u (local.get $i))))
      (local.set $p (call $text (local.get $p) (i32.const 585) (i32.const 5)))
      (local.set $p (call $decimal (local.get $p) (i64.load (i32.const 48))))
      (if (call $send (i32.const 4) (i32.const 4096) (i32.sub (local.get $p) (i32.const 4096)))
        (then (call $write (i32.const 2) (i32.const 590) (i32.const 20))))
      (drop (call $sched_yield))
      (br_if $round (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))))
  (data (i32.const 512)
    "POST /status HTTP/1.1\r\nHost: monitor.example.invalid\r\n\r\nuptime_us="
    " round="
    " sum="
    "monitor not reached\n")
)
