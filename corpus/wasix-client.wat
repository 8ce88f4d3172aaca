;; RUN: spoor trace % --json
;; WHAT: A client for WASIX that looks a name up, connects, asks for a page, prints what comes and starts a
;;   worker thread that counts: harmless.
;; EXPECT: verdict=UNDECIDED norule=communication/c2 status=exited host=wasix_32v1.resolve:1 stdout="worker done"
(module
  (import "wasix_32v1" "resolve" (func $resolve (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "sock_open" (func $sock_open (param i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "sock_connect" (func $sock_connect (param i32 i32) (result i32)))
  (import "wasix_32v1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "thread_spawn_v2" (func $thread_spawn (param i32 i32) (result i32)))
  (import "wasix_32v1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "www.example.invalid")
  (data (i32.const 1056) "GET / HTTP/1.0\r\n\r\n")
  (data (i32.const 1088) "worker done\n")
  (data (i32.const 1104) "\20\04\00\00\12\00\00\00")
  (data (i32.const 1112) "\40\04\00\00\0c\00\00\00")
  (data (i32.const 1120) "\00\20\00\00\00\10\00\00")
  (func (export "wasi_thread_start") (param $thread i32) (param $argument i32) (local $i i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $i) (local.get $argument))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (i32.store (i32.const 64) (local.get $sum))
    (drop (call $fd_write (i32.const 1) (i32.const 1112) (i32.const 1) (i32.const 68))))
  (func $ask (local $sock i32)
    (if (call $sock_open (i32.const 1) (i32.const 1) (i32.const 6) (i32.const 16)) (then (return)))
    (local.set $sock (i32.load (i32.const 16)))
    ;; The address as it was found, the port before it.
    (i32.store16 (i32.const 40) (i32.const 1))
    (i32.store16 (i32.const 42) (i32.const 0x5000))
    (i32.store (i32.const 44) (i32.load (i32.const 34)))
    (if (call $sock_connect (local.get $sock) (i32.const 40)) (then (return)))
    (drop (call $sock_send (local.get $sock) (i32.const 1104) (i32.const 1) (i32.const 0) (i32.const 20)))
    (drop (call $sock_recv (local.get $sock) (i32.const 1120) (i32.const 1) (i32.const 0) (i32.const 20) (i32.const 24))))
  (func (export "_start")
    (drop (call $thread_spawn (i32.const 7) (i32.const 60)))
    (if (call $resolve (i32.const 1024) (i32.const 19) (i32.const 80) (i32.const 32) (i32.const 1) (i32.const 28)) (then (return)))
    (call $ask)))
