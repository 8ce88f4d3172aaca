;; A state machine whose states are functions that tail-call each other: three states, the next one chosen by the value.
(module
  (func $even (param $left i32) (param $value i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (return (local.get $value))))
    (return_call $choose
      (i32.sub (local.get $left) (i32.const 1))
      (i32.xor (i32.rotl (local.get $value) (i32.const 5)) (local.get $left))))
  (func $odd (param $left i32) (param $value i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (return (local.get $value))))
    (return_call $choose
      (i32.sub (local.get $left) (i32.const 1))
      (i32.add (i32.mul (local.get $value) (i32.const 0x01000193)) (i32.const 1))))
  (func $choose (param $left i32) (param $value i32) (result i32)
    (if (i32.and (i32.shr_u (local.get $value) (i32.const 9)) (i32.const 1))
      (then (return_call $odd (local.get $left) (local.get $value))))
    (return_call $even (local.get $left) (local.get $value)))
  (func (export "main") (result i32)
    (call $choose (i32.const 1500000) (i32.const 0x811c9dc5))))
