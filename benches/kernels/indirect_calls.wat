;; A walk over a table of eight functions; which one comes next depends on the value, so nearly each call is another target.
(module
  (type $step (func (param i32) (result i32)))
  (table funcref (elem $f0 $f1 $f2 $f3 $f4 $f5 $f6 $f7))
  (func $f0 (type $step) (i32.add (i32.mul (local.get 0) (i32.const 1664525)) (i32.const 1013904223)))
  (func $f1 (type $step) (i32.add (i32.rotl (local.get 0) (i32.const 5)) (i32.const 0x9e3779b1)))
  (func $f2 (type $step) (i32.add (i32.mul (local.get 0) (i32.const 22695477)) (i32.const 1)))
  (func $f3 (type $step) (i32.xor (i32.mul (local.get 0) (i32.const 69069)) (i32.const 0x5bd1e995)))
  (func $f4 (type $step) (i32.add (i32.rotr (local.get 0) (i32.const 11)) (i32.const 0x27d4eb2f)))
  (func $f5 (type $step) (i32.add (i32.mul (local.get 0) (i32.const 1103515245)) (i32.const 12345)))
  (func $f6 (type $step) (i32.add (i32.mul (local.get 0) (i32.const 134775813)) (i32.const 7)))
  (func $f7 (type $step) (i32.add (i32.mul (local.get 0) (i32.const 214013)) (i32.const 2531011)))
  (func (export "main") (result i32)
    (local $left i32) (local $value i32)
    (local.set $left (i32.const 2000000))
    (loop $again
      (local.set $value
        (call_indirect (type $step) (local.get $value) (i32.shr_u (local.get $value) (i32.const 29))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $value)))
