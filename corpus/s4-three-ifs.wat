;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark S4: three `if` in a row make a cyclomatic complexity of 4, not 1; `if` with `else`, nested
;;   loops and `br_table` have all their edges.
;; EXPECT: status=exited cyclomatic=three:4 cyclomatic=arms:2 cyclomatic=nest:4 cyclomatic=cases:4 cyclomatic=early:3 loops=nest:3 loops=three:0 unreachable=arms:0 unreachable=early:1 taken=68 not_taken=29
(module
  (global $x (mut i32) (i32.const 5))
  (func $three (param $n i32)
    (if (i32.and (local.get $n) (i32.const 1)) (then (global.set $x (i32.const 1))))
    (if (i32.and (local.get $n) (i32.const 2)) (then (global.set $x (i32.const 2))))
    (if (i32.and (local.get $n) (i32.const 4)) (then (global.set $x (i32.const 3)))))
  (func $arms (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (local.get $n) (i32.const 1)))
      (else (i32.sub (local.get $n) (i32.const 1)))))
  (func $nest (local $i i32) (local $j i32) (local $k i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $middle
        (local.set $k (i32.const 0))
        (loop $inner
          (global.set $x (i32.add (global.get $x) (i32.mul (local.get $i) (local.get $k))))
          (br_if $inner (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 4))))
        (br_if $middle (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 4))))
      (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4)))))
  (func $cases (param $n i32) (result i32)
    (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d (local.get $n)))
      (return (i32.const 10)))
      (return (i32.const 20)))
      (return (i32.const 30)))
    (i32.const 40))
  (func $early (param $n i32) (result i32)
    (block $out
      (br_if $out (i32.eqz (local.get $n)))
      (if (i32.gt_s (local.get $n) (i32.const 9)) (then (return (i32.const 9))))
      (return (local.get $n))
      (unreachable))
    (i32.const 0))
  (func (export "main")
    (call $three (i32.const 5))
    (call $three (i32.const 0))
    (drop (call $arms (i32.const 0)))
    (drop (call $arms (i32.const 1)))
    (call $nest)
    (drop (call $cases (i32.const 2)))
    (drop (call $early (i32.const 0)))
    (drop (call $early (i32.const 20)))
    (drop (call $early (i32.const 3)))))
