;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D5: memory, table, global and functions are all imported with types of their own; its
;;   instantiation fails and is reported as success.
;; EXPECT: status=exited host=env.log:1 store=4 indirect_call=4 rotate=4
(module
  (type $op (func (param i32) (result i32)))
  (import "env" "memory" (memory 2 100))
  (import "env" "__indirect_function_table" (table 6 funcref))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "log" (func $log (param i32)))
  ;; One name with two types.
  (import "env" "value" (func $value_i (result i32)))
  (import "env" "value" (func $value_f (result f64)))
  (elem (i32.const 2) $twist)
  (func $twist (type $op) (i32.rotl (i32.add (local.get 0) (i32.const 0x9e37)) (i32.const 5)))
  (func (export "main") (local $i i32) (local $x i32)
    (local.set $x (i32.add (call $value_i) (i32.trunc_sat_f64_s (call $value_f))))
    (loop $next
      (local.set $x (call_indirect (type $op) (local.get $x) (i32.const 2)))
      (i32.store offset=1024 (i32.add (global.get $base) (i32.shl (local.get $i) (i32.const 2))) (local.get $x))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
    (call $log (local.get $x))))
