;; RUN: spoor trace % --invoke decode --json
;; WHAT: Flattened control flow: a state variable and one `br_table` in a loop stand for what was a decoder
;;   with nested loops.
;; EXPECT: verdict=SUSPICIOUS|POTENTIALLY_UNWANTED|CLEAN rule=anti-analysis/obfuscation status=exited tables=1091 cyclomatic=decode:16
(module
  (memory (export "memory") 1)
  ;; States are numbered at random and the next one is computed, not written down.
  (func $next (param $state i32) (param $salt i32) (result i32)
    (i32.and (i32.xor (i32.mul (local.get $state) (i32.const 5)) (local.get $salt)) (i32.const 15)))
  (func (export "decode") (result i32)
    (local $s i32) (local $i i32) (local $j i32) (local $k i32) (local $x i32) (local $sum i32)
    (local.set $s (i32.const 9))
    (loop $dispatch
      (block $s15 (block $s14 (block $s13 (block $s12 (block $s11 (block $s10 (block $s9 (block $s8
      (block $s7 (block $s6 (block $s5 (block $s4 (block $s3 (block $s2 (block $s1 (block $s0
        (br_table $s0 $s1 $s2 $s3 $s4 $s5 $s6 $s7 $s8 $s9 $s10 $s11 $s12 $s13 $s14 $s15 (local.get $s)))
        ;; 0: inner loop body
        (local.set $x (i32.xor (i32.load8_u offset=64 (local.get $i)) (local.get $k)))
        (local.set $s (i32.const 12)) (br $dispatch))
        ;; 1: never
        (local.set $sum (i32.mul (local.get $sum) (i32.const 31)))
        (local.set $s (i32.const 6)) (br $dispatch))
        ;; 2: outer condition
        (local.set $s (select (i32.const 5) (i32.const 15) (i32.lt_u (local.get $i) (i32.const 64)))) (br $dispatch))
        ;; 3: end of inner loop
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (local.set $s (i32.const 7)) (br $dispatch))
        ;; 4: never
        (local.set $i (i32.const 0))
        (local.set $s (i32.const 2)) (br $dispatch))
        ;; 5: start of inner loop
        (local.set $j (i32.const 0))
        (local.set $k (i32.add (i32.const 0x3b) (local.get $i)))
        (local.set $s (i32.const 7)) (br $dispatch))
        ;; 6: write
        (i32.store8 offset=256 (local.get $i) (local.get $x))
        (local.set $s (call $next (local.get $s) (i32.const 21))) (br $dispatch))
        ;; 7: inner condition
        (local.set $s (select (i32.const 0) (i32.const 6) (i32.lt_u (local.get $j) (i32.const 3)))) (br $dispatch))
        ;; 8: never
        (unreachable))
        ;; 9: entry
        (local.set $i (i32.const 0))
        (local.set $s (call $next (local.get $s) (i32.const 15))) (br $dispatch))
        ;; 10: never
        (local.set $x (i32.const 0))
        (local.set $s (i32.const 3)) (br $dispatch))
        ;; 11: end of outer loop
        (local.set $sum (i32.add (i32.rotl (local.get $sum) (i32.const 1)) (local.get $x)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (local.set $s (i32.const 2)) (br $dispatch))
        ;; 12: key schedule
        (local.set $k (i32.and (i32.rotl (i32.add (local.get $k) (local.get $j)) (i32.const 1)) (i32.const 255)))
        (local.set $s (i32.const 3)) (br $dispatch))
        ;; 13: never
        (local.set $s (i32.const 13)) (br $dispatch))
        ;; 14: never
        (local.set $k (local.get $sum))
        (local.set $s (i32.const 0)) (br $dispatch))
      ;; 15: exit
      (return (local.get $sum)))
    (unreachable))
  (data (i32.const 64) "\5d\12\f0\99\03\7a\c4\5e\11\8b\e2\47\a0\3c\d5\68\f1\2e\97\04\bb\56\c9\72\0d\e8\41\9f\36\da\85\1c")
)
