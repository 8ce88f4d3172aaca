;; RUN: spoor trace % --invoke main --json
;; WHAT: Tests a random number generator: 20,000 draws of xoshiro128**, counts in 64 classes, chi-square and
;;   runs. Full of xor, shift and rotate, and no miner.
;; EXPECT: verdict=CLEAN status=exited norule=impact/ norule=data-manipulation/encryption rotate=40000 shift=40002
(module
  (memory (export "memory") 1)
  (global $runs (mut i32) (i32.const 0))
  ;; State of four words at 0.
  (func $draw (result i32) (local $r i32) (local $t i32) (local $s1 i32)
    (local.set $s1 (i32.load (i32.const 4)))
    (local.set $r (i32.mul (i32.rotl (i32.mul (local.get $s1) (i32.const 5)) (i32.const 7)) (i32.const 9)))
    (local.set $t (i32.shl (local.get $s1) (i32.const 9)))
    (i32.store (i32.const 8) (i32.xor (i32.load (i32.const 8)) (i32.load (i32.const 0))))
    (i32.store (i32.const 12) (i32.xor (i32.load (i32.const 12)) (local.get $s1)))
    (i32.store (i32.const 4) (i32.xor (local.get $s1) (i32.load (i32.const 8))))
    (i32.store (i32.const 0) (i32.xor (i32.load (i32.const 0)) (i32.load (i32.const 12))))
    (i32.store (i32.const 8) (i32.xor (i32.load (i32.const 8)) (local.get $t)))
    (i32.store (i32.const 12) (i32.rotl (i32.load (i32.const 12)) (i32.const 11)))
    (local.get $r))
  (func $count (param $n i32) (local $x i32) (local $last i32) (local $p i32)
    (loop $next
      (local.set $x (call $draw))
      (local.set $p (i32.mul (i32.shr_u (local.get $x) (i32.const 26)) (i32.const 4)))
      (i32.store offset=1024 (local.get $p) (i32.add (i32.load offset=1024 (local.get $p)) (i32.const 1)))
      (if (i32.gt_u (local.get $x) (local.get $last)) (then (global.set $runs (i32.add (global.get $runs) (i32.const 1)))))
      (local.set $last (local.get $x))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func $chi_square (param $expected f64) (result f64) (local $i i32) (local $d f64) (local $sum f64)
    (loop $class
      (local.set $d (f64.sub (f64.convert_i32_u (i32.load offset=1024 (local.get $i))) (local.get $expected)))
      (local.set $sum (f64.add (local.get $sum) (f64.div (f64.mul (local.get $d) (local.get $d)) (local.get $expected))))
      (br_if $class (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 256))))
    (local.get $sum))
  ;; 1 if both tests pass: 63 degrees of freedom, and half of the steps go up.
  (func (export "main") (result i32) (local $half i32)
    (call $count (i32.const 20000))
    (local.set $half (i32.shl (i32.shr_u (i32.const 20000) (i32.const 2)) (i32.const 1)))
    (i32.and
      (f64.lt (call $chi_square (f64.const 312.5)) (f64.const 110))
      (i32.lt_u (i32.add (i32.sub (global.get $runs) (local.get $half)) (i32.const 400)) (i32.const 800))))
  (data (i32.const 0) "\01\00\00\00\02\00\00\00\03\00\00\00\04\00\00\00"))
