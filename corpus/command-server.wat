;; RUN: spoor trace % --json
;; WHAT: Waits for a connection, takes commands from it, deletes what they name and answers.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS family=backdoor rule=communication/c2 status=exited
(module
  (import "env" "accept" (func $accept (param i32) (result i32)))
  (import "env" "recv" (func $recv (param i32 i32 i32) (result i32)))
  (import "env" "send" (func $send (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $obey (param $socket i32) (result i32)
    ;; A command of no length means the file that is named first.
    (if (call $recv (local.get $socket) (i32.const 1024) (i32.const 256))
      (then (return (i32.const 1))))
    (call $unlink (i32.const 3) (i32.const 512) (i32.const 16)))
  (func (export "_start") (local $socket i32) (local $i i32)
    (local.set $socket (call $accept (i32.const 4)))
    (loop $next
      (i32.store8 (i32.const 640) (i32.add (i32.const 48) (call $obey (local.get $socket))))
      (drop (call $send (local.get $socket) (i32.const 640) (i32.const 16)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4)))))
  (data (i32.const 512) "tmp/session.lock")
  (data (i32.const 641) " done, go on...."))
