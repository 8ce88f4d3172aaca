;; RUN: spoor trace % --invoke main --json
;; WHAT: `br_table` in every form.
;; EXPECT: verdict=CLEAN norule=impact/ status=exited
;; `br_table` in every form: to blocks, back to a loop, out of the function, with equal labels, with a
;; constant index, with a value.
(module
  (func $classify (param $n i32) (result i32)
    (block $other
      (block $two (block $one (block $zero
        (br_table $zero $one $two $one $other (local.get $n)))
        (return (i32.const 10)))
       (return (i32.const 11)))
      (return (i32.const 12)))
    (i32.const 13))
  (func $countdown (param $n i32) (result i32)
    (loop $again (result i32)
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (block $out
        (br_table $again $out $out (i32.eqz (local.get $n))))
      (local.get $n)))
  (func $constant (result i32)
    (block $a (result i32)
      (drop (block $b (result i32) (br_table $b $a $b (i32.const 40) (i32.const 1))))
      (i32.const 0)))
  (func $equal (param i32) (result i32)
    (block $x (br_table $x $x $x (local.get 0)))
    (i32.const 1))
  (func $leave (param i32)
    (block $x (br_table $x 1 (local.get 0)))
    (nop))
  (func (export "main") (result i32) (local $i i32) (local $sum i32)
    (loop $each
      (local.set $sum (i32.add (local.get $sum) (call $classify (local.get $i))))
      (call $leave (local.get $i))
      (br_if $each (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 7))))
    (i32.add (i32.add (local.get $sum) (call $countdown (i32.const 9)))
      (i32.add (call $constant) (call $equal (i32.const 1))))))
