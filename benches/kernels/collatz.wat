;; Branches that no predictor learns: the total length of the Collatz sequences of 1 to 60000.
(module
  (func (export "main") (result i32)
    (local $start i32) (local $n i32) (local $steps i32)
    (loop $next
      (local.set $n (local.tee $start (i32.add (local.get $start) (i32.const 1))))
      (block $one
        (loop $step
          (br_if $one (i32.eq (local.get $n) (i32.const 1)))
          (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
          (if (i32.and (local.get $n) (i32.const 1))
            (then (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 3)) (i32.const 1))))
            (else (local.set $n (i32.shr_u (local.get $n) (i32.const 1)))))
          (br $step)))
      (br_if $next (i32.lt_u (local.get $start) (i32.const 60000))))
    (local.get $steps)))
