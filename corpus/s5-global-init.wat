;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark S5: globals, data and elements start from expressions; it loses the globals, cuts the
;;   string short, misses the onion address and calls functions dead that a table holds.
;; EXPECT: status=exited ioc=onion ioc=url dead=1 hidden=0 hidden_changed=0
(module
  (import "env" "base" (global $base i32))
  (global $copy i32 (global.get $base))
  (global $sum i32 (i32.add (global.get $base) (i32.mul (i32.const 16) (i32.const 4))))
  (global $float f64 (f64.const 0x1.921fb54442d18p+1))
  (global $wide (mut i64) (i64.const -9223372036854775808))
  (global $ref funcref (ref.func $by_reference))
  (type $act (func (result i32)))
  (memory (export "memory") 1)
  (table 8 funcref)
  (elem (i32.const 4) $by_table_a $by_table_b)
  (elem (offset (global.get $base)) funcref (ref.func $by_table_c) (ref.null func))
  (func $by_table_a (type $act) (i32.const 1))
  (func $by_table_b (type $act) (i32.const 2))
  (func $by_table_c (type $act) (i32.const 3))
  (func $by_reference (type $act) (i32.const 4))
  (func $dead (type $act) (i32.add (global.get $sum) (i32.const 5)))
  (func (export "main") (result i32)
    (i32.add
      (call_indirect (type $act) (i32.const 4))
      (call_indirect (type $act) (i32.const 5))))
  (data (offset (global.get $base)) "https://evil.example.invalid/a/b/c?d=e")
  (data (offset (i32.add (global.get $base) (i32.const 64))) "http://thisisnoonionserviceatallxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.onion/")
)
