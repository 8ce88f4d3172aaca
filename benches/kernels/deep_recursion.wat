;; Direct calls, 900 deep: next to nothing but calls and returns, which push no decision of their own.
(module
  (func $sum (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (local.get $n) (call $sum (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "main") (result i32)
    (local $left i32) (local $total i32)
    (local.set $left (i32.const 3000))
    (loop $again
      (local.set $total (i32.add (local.get $total) (call $sum (i32.const 900))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $total)))
