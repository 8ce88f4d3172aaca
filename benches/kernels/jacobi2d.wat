;; A stencil over a square of floats, back and forth: nested loops of fixed length.
(module
  (memory 16)
  (func $sweep (param $from i32) (param $to i32) (local $i i32) (local $j i32) (local $at i32)
    (local.set $i (i32.const 1))
    (loop $rows
      (local.set $j (i32.const 1))
      (loop $row
        (local.set $at (i32.shl (i32.add (i32.mul (local.get $i) (i32.const 200)) (local.get $j)) (i32.const 3)))
        (f64.store (i32.add (local.get $to) (local.get $at))
          (f64.mul (f64.const 0.2)
            (f64.add (f64.load (i32.add (local.get $from) (local.get $at)))
              (f64.add
                (f64.add (f64.load offset=8 (i32.add (local.get $from) (local.get $at)))
                  (f64.load (i32.sub (i32.add (local.get $from) (local.get $at)) (i32.const 8))))
                (f64.add (f64.load offset=1600 (i32.add (local.get $from) (local.get $at)))
                  (f64.load (i32.sub (i32.add (local.get $from) (local.get $at)) (i32.const 1600))))))))
        (br_if $row (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 199))))
      (br_if $rows (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 199)))))
  (func (export "main") (result i32) (local $t i32)
    (loop $init
      (f64.store (local.get $t) (f64.convert_i32_u (i32.rem_u (local.get $t) (i32.const 1001))))
      (br_if $init (i32.lt_u (local.tee $t (i32.add (local.get $t) (i32.const 8))) (i32.const 320000))))
    (local.set $t (i32.const 80))
    (loop $steps
      (call $sweep (i32.const 0) (i32.const 327680))
      (call $sweep (i32.const 327680) (i32.const 0))
      (br_if $steps (local.tee $t (i32.sub (local.get $t) (i32.const 1)))))
    (i32.trunc_sat_f64_s (f64.load (i32.const 160800)))))
