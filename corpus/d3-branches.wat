;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D3: conditional branches whose outcome is known, constant ones too; it reports every
;;   `br_if` as taken.
;; EXPECT: status=exited taken=5006 not_taken=5003 tables=4 cyclomatic=main:11
(module
  (global $x (mut i32) (i32.const 0))
  (func $main (export "main") (local $i i32)
    (block $a (br_if $a (i32.const 0)))
    (block $b (br_if $b (i32.const 1)))
    (if (i32.const 0) (then (global.set $x (i32.const 1))))
    (if (i32.const 7) (then (global.set $x (i32.const 2))))
    (if (i32.const 0) (then (global.set $x (i32.const 3))) (else (global.set $x (i32.const 4))))
    ;; 4,999 taken, 1 not; the `if` in it takes its arm twice in 5,000.
    (loop $round
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 2500))) (then (global.set $x (local.get $i))))
      (br_if $round (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
    (local.set $i (i32.const 0))
    (loop $cases
      (block $two (block $one (block $zero
        (br_table $zero $one $two (local.get $i)))
        (global.set $x (i32.const 10)))
        (global.set $x (i32.const 11)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $cases (i32.lt_u (local.get $i) (i32.const 4))))))
