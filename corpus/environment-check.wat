;; RUN: spoor trace % --json
;; WHAT: Looks through its environment, its name and the machine's files for signs of a sandbox and leaves
;;   without a trace if there are any.
;; EXPECT: rule=anti-analysis/environment status=exited file=/tmp/.installed:created
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
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
  (func $length (param $p i32) (result i32) (local $n i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $p) (local.get $n)))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br $next)))
    (local.get $n))
  ;; Whether the text at $p begins with the $n bytes at $q, without regard to case.
  (func $begins (param $p i32) (param $q i32) (param $n i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (if (i32.ne (i32.or (i32.load8_u (local.get $p)) (i32.const 32)) (i32.or (i32.load8_u (local.get $q)) (i32.const 32)))
          (then (return (i32.const 0))))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (local.set $q (i32.add (local.get $q) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (i32.const 1))
  (func $is_bad (param $p i32) (result i32)
    (if (call $begins (local.get $p) (i32.const 512) (i32.const 8)) (then (return (i32.const 1))))
    (if (call $begins (local.get $p) (i32.const 520) (i32.const 6)) (then (return (i32.const 1))))
    (if (call $begins (local.get $p) (i32.const 526) (i32.const 5)) (then (return (i32.const 1))))
    (if (call $begins (local.get $p) (i32.const 531) (i32.const 12)) (then (return (i32.const 1))))
    (if (call $begins (local.get $p) (i32.const 543) (i32.const 8)) (then (return (i32.const 1))))
    (call $begins (local.get $p) (i32.const 551) (i32.const 11)))
  (func $environment (result i32) (local $n i32) (local $i i32)
    (drop (call $environ_sizes_get (i32.const 32) (i32.const 36)))
    (drop (call $environ_get (i32.const 1024) (i32.const 2048)))
    (local.set $n (i32.load (i32.const 32)))
    (block $done
      (loop $variable
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (if (call $is_bad (i32.load offset=1024 (i32.shl (local.get $i) (i32.const 2)))) (then (return (i32.const 1))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $variable)))
    (i32.const 0))
  ;; A name of 32 or 64 letters and digits is a hash, which is how samples are called.
  (func $name (result i32) (local $n i32)
    (drop (call $args_sizes_get (i32.const 32) (i32.const 36)))
    (if (i32.eqz (i32.load (i32.const 32))) (then (return (i32.const 0))))
    (drop (call $args_get (i32.const 8192) (i32.const 9216)))
    (local.set $n (call $length (i32.load (i32.const 8192))))
    (i32.or (i32.eq (local.get $n) (i32.const 32)) (i32.eq (local.get $n) (i32.const 64))))
  (func $exists (param $path i32) (param $len i32) (result i32)
    (i32.eqz (call $path_filestat_get (i32.const 3) (i32.const 0) (local.get $path) (local.get $len) (i32.const 256))))
  (func (export "_start")
    (if (call $environment) (then (call $proc_exit (i32.const 0))))
    (if (call $name) (then (call $proc_exit (i32.const 0))))
    (if (i32.or (call $exists (i32.const 562) (i32.const 14)) (call $exists (i32.const 576) (i32.const 10))) (then (call $proc_exit (i32.const 0))))
    (call $write (call $open (i32.const 586) (i32.const 14) (i32.const 9)) (i32.const 600) (i32.const 18)))
  (data (i32.const 512)
    "SANDBOX="
    "CUCKOO"
    "VBOX_"
    "USER=malware"
    "ANALYSIS"
    "LD_PRELOAD="
    "usr/bin/strace"
    ".dockerenv"
    "tmp/.installed"
    "nobody is looking\n")
)
