;; RUN: spoor trace % --json
;; WHAT: A core module of WASI 0.2 (lowered, without its component): it prints its arguments, lists its first
;;   directory, makes a file there, writes and reads it.
;; EXPECT: verdict=CLEAN|UNDECIDED status=exited stdout="note" file=/home/user/note.tmp:created
(module
  (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.3" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:filesystem/preopens@0.2.3" "get-directories" (func $dirs (param i32)))
  (import "wasi:filesystem/types@0.2.3" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.3" "[method]descriptor.write-via-stream" (func $writer (param i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.3" "[method]descriptor.read-via-stream" (func $reader (param i32 i64 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
  (import "wasi:cli/environment@0.2.3" "get-arguments" (func $arguments (param i32)))
  (memory (export "memory") 2)
  (global $top (mut i32) (i32.const 4096))
  (data (i32.const 1024) "home/user/note.tmp")
  (data (i32.const 1056) "a short note\n")
  (func (export "cabi_realloc") (param $old i32) (param $old_len i32) (param $align i32) (param $len i32) (result i32) (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $at) (local.get $len)))
    (local.get $at))
  (func $print (param $at i32) (param $len i32)
    (call $write (call $stdout) (local.get $at) (local.get $len) (i32.const 16)))
  (func $words (local $i i32)
    (call $arguments (i32.const 32))
    (loop $next
      (if (i32.lt_u (local.get $i) (i32.load (i32.const 36)))
        (then
          (call $print
            (i32.load (i32.add (i32.load (i32.const 32)) (i32.shl (local.get $i) (i32.const 3))))
            (i32.load offset=4 (i32.add (i32.load (i32.const 32)) (i32.shl (local.get $i) (i32.const 3)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))))
  (func (export "wasi:cli/run@0.2.3#run") (result i32) (local $file i32)
    (drop (call $now))
    (call $words)
    (call $dirs (i32.const 40))
    (if (i32.eqz (i32.load (i32.const 44))) (then (return (i32.const 1))))
    (call $open (i32.load (i32.load (i32.const 40))) (i32.const 1) (i32.const 1024) (i32.const 18) (i32.const 1) (i32.const 3) (i32.const 48))
    (if (i32.load8_u (i32.const 48)) (then (return (i32.const 1))))
    (local.set $file (i32.load (i32.const 52)))
    (call $writer (local.get $file) (i64.const 0) (i32.const 56))
    (call $write (i32.load (i32.const 60)) (i32.const 1056) (i32.const 13) (i32.const 16))
    (call $reader (local.get $file) (i64.const 8) (i32.const 56))
    (call $read (i32.load (i32.const 60)) (i64.const 100) (i32.const 64))
    (call $print (i32.load (i32.const 68)) (i32.load (i32.const 72)))
    (i32.const 0)))
