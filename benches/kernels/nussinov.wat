;; How a strand folds: a table filled by the best of three, in loops of growing length.
(module
  (memory 16)
  (func $cell (param $i i32) (param $j i32) (result i32)
    (i32.shl (i32.add (i32.mul (local.get $i) (i32.const 220)) (local.get $j)) (i32.const 2)))
  (func $best (param $at i32) (param $value i32)
    (if (i32.gt_s (local.get $value) (i32.load (local.get $at)))
      (then (i32.store (local.get $at) (local.get $value)))))
  (func (export "main") (result i32) (local $i i32) (local $j i32) (local $k i32) (local $at i32)
    (local.set $i (i32.const 219))
    (loop $rows
      (local.set $j (i32.add (local.get $i) (i32.const 1)))
      (block $row (loop $columns
        (br_if $row (i32.ge_u (local.get $j) (i32.const 220)))
        (local.set $at (call $cell (local.get $i) (local.get $j)))
        (call $best (local.get $at) (i32.load (call $cell (local.get $i) (i32.sub (local.get $j) (i32.const 1)))))
        (call $best (local.get $at) (i32.load (call $cell (i32.add (local.get $i) (i32.const 1)) (local.get $j))))
        (call $best (local.get $at) (i32.add
          (i32.load (call $cell (i32.add (local.get $i) (i32.const 1)) (i32.sub (local.get $j) (i32.const 1))))
          (i32.eq (i32.const 3) (i32.add (i32.and (i32.mul (local.get $i) (local.get $i)) (i32.const 3))
            (i32.and (i32.mul (local.get $j) (i32.const 7)) (i32.const 3))))))
        (local.set $k (i32.add (local.get $i) (i32.const 1)))
        (block $split (loop $parts
          (br_if $split (i32.ge_u (local.get $k) (local.get $j)))
          (call $best (local.get $at) (i32.add (i32.load (call $cell (local.get $i) (local.get $k)))
            (i32.load (call $cell (i32.add (local.get $k) (i32.const 1)) (local.get $j)))))
          (local.set $k (i32.add (local.get $k) (i32.const 1)))
          (br $parts)))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br $columns)))
      (br_if $rows (i32.ge_s (local.tee $i (i32.sub (local.get $i) (i32.const 1))) (i32.const 0))))
    (i32.load (call $cell (i32.const 0) (i32.const 219)))))
