;; RUN: spoor trace % --invoke check --json
;; WHAT: A licence check behind opaque predicates: conditions that are always true or always false and guard
;;   code that never runs.
;; EXPECT: verdict=SUSPICIOUS|POTENTIALLY_UNWANTED|CLEAN rule=anti-analysis/obfuscation norule=impact/cryptomining status=exited
(module
  (memory (export "memory") 1)
  (global $noise (mut i32) (i32.const 0x2545f491))
  ;; x * (x + 1) is even.
  (func $always (param $x i32) (result i32)
    (i32.eqz (i32.and (i32.mul (local.get $x) (i32.add (local.get $x) (i32.const 1))) (i32.const 1))))
  ;; 7 * y * y - 1 is never a square: for the low bits of x * x it is enough to look modulo 8.
  (func $never (param $x i32) (param $y i32) (result i32)
    (i32.eq
      (i32.and (i32.mul (local.get $x) (local.get $x)) (i32.const 7))
      (i32.and (i32.sub (i32.mul (i32.mul (local.get $y) (local.get $y)) (i32.const 7)) (i32.const 1)) (i32.const 7))))
  (func $decoy_a (param $x i32) (result i32)
    (loop $spin
      (local.set $x (i32.xor (i32.mul (local.get $x) (i32.const 0x01000193)) (i32.shr_u (local.get $x) (i32.const 15))))
      (br_if $spin (i32.and (local.get $x) (i32.const 0xfff))))
    (local.get $x))
  (func $decoy_b (param $x i32) (result i32)
    (unreachable))
  (func $stir (param $x i32) (result i32)
    (local.get $x) (local.get $x) (i32.xor) (i32.eqz)
    (if
      (then (global.set $noise (i32.add (i32.rotl (global.get $noise) (i32.const 5)) (local.get $x))))
      (else (global.set $noise (call $decoy_a (local.get $x)))))
    (if (call $never (global.get $noise) (local.get $x))
      (then (return (call $decoy_b (global.get $noise)))))
    (if (result i32) (call $always (global.get $noise))
      (then (i32.and (global.get $noise) (i32.const 0xffff)))
      (else (call $decoy_a (global.get $noise)))))
  (func (export "check") (result i32) (local $i i32) (local $sum i32)
    (loop $letter
      (local.set $sum (i32.add (local.get $sum) (call $stir (i32.load8_u offset=64 (local.get $i)))))
      (local.get $sum) (local.get $sum) (i32.xor)
      (if (then (local.set $sum (call $decoy_b (local.get $sum)))))
      (if (i32.eqz (call $always (local.get $sum)))
        (then (local.set $sum (call $decoy_a (local.get $sum)))))
      (br_if $letter (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 29))))
    (i32.eq (i32.and (local.get $sum) (i32.const 0xff)) (i32.const 0x5a)))
  (data (i32.const 64) "EXAMPLE-LICENCE-0000-1111-AAA")
)
