;; A bytecode interpreter that dispatches by br_table: eight operators on an accumulator, a scratch register and a counter.
(module
  (memory 1)
  ;; Ends with "next round, or halt".
  (data (i32.const 0) "\00\01\02\03\04\01\05\00\02\06\03\01\07")
  (func (export "main") (result i32)
    (local $pc i32) (local $acc i32) (local $scratch i32) (local $left i32)
    (local.set $left (i32.const 150000))
    (loop $dispatch
      (block $loop_or_halt (block $mix (block $swap (block $sub (block $rotate (block $add_left (block $xorshift (block $lcg
        (br_table $lcg $xorshift $add_left $rotate $sub $swap $mix $loop_or_halt
          (i32.load8_u (local.get $pc))))
        ;; 0 lcg
        (local.set $acc (i32.add (i32.mul (local.get $acc) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $dispatch))
        ;; 1 xorshift
        (local.set $acc (i32.xor (local.get $acc) (i32.shr_u (local.get $acc) (i32.const 15))))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $dispatch))
        ;; 2 add_left
        (local.set $acc (i32.add (local.get $acc) (local.get $left)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $dispatch))
        ;; 3 rotate
        (local.set $acc (i32.rotl (local.get $acc) (i32.const 7)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $dispatch))
        ;; 4 sub
        (local.set $acc (i32.sub (local.get $acc) (local.get $scratch)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $dispatch))
        ;; 5 swap
        (local.set $acc (i32.xor (local.get $acc) (local.get $scratch)))
        (local.set $scratch (i32.xor (local.get $acc) (local.get $scratch)))
        (local.set $acc (i32.xor (local.get $acc) (local.get $scratch)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $dispatch))
        ;; 6 mix
        (local.set $scratch (i32.add (local.get $scratch) (i32.mul (local.get $acc) (i32.const 0x9e3779b1))))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $dispatch))
      ;; 7 next round, or halt
      (local.set $pc (i32.const 0))
      (br_if $dispatch (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $acc)))
