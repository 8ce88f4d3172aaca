;; RUN: spoor trace % --invoke run --json
;; WHAT: The code calls through a table only, and the table is filled at run time: what really runs stands in
;;   no element segment's place.
;; EXPECT: rule=anti-analysis/obfuscation correlation=CONFIRMED_INDIRECT_CALLS status=exited hidden=2 hidden_changed=2 host=env.report:1
(module
  (type $act (func (param i32) (result i32)))
  (import "env" "report" (func $report (param i32)))
  (memory (export "memory") 1)
  (table $t 8 8 funcref)
  (elem (table $t) (i32.const 0) func $innocent $innocent)
  (global $c funcref (ref.func $collect))
  (global $s funcref (ref.func $send))
  (func $innocent (type $act) (i32.add (local.get 0) (i32.const 1)))
  (func $collect (type $act) (local $i i32) (local $h i32)
    (local.set $h (i32.const 0x811c9dc5))
    (loop $byte
      (local.set $h (i32.mul (i32.xor (local.get $h) (i32.load8_u offset=64 (local.get $i))) (i32.const 0x01000193)))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 24))))
    (i32.xor (local.get $h) (local.get 0)))
  (func $send (type $act)
    (call $report (local.get 0))
    (i32.const 0))
  (func $apply (param $n i32) (param $x i32) (result i32)
    (call_indirect $t (type $act) (local.get $x) (local.get $n)))
  ;; First what the segment says, then the same slots with something else in them.
  (func (export "run") (result i32) (local $x i32)
    (local.set $x (call $apply (i32.const 0) (i32.const 6)))
    (table.set $t (i32.const 0) (global.get $c))
    (table.set $t (i32.const 1) (global.get $s))
    (local.set $x (call $apply (i32.const 0) (local.get $x)))
    (local.set $x (call $apply (i32.const 1) (local.get $x)))
    (table.fill $t (i32.const 0) (ref.null func) (i32.const 2))
    (local.get $x))
  (data (i32.const 64) "user=guest;host=example;")
)
