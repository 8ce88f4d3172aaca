;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D1: an XOR loop of 5,000 rounds, for which its dynamic analysis reports no XOR, load or
;;   store at all.
;; EXPECT: status=exited instructions=70010 xor=5000 load=5000 store=5000 rotate=1 memory_grow=1 taken=4999 not_taken=2 norule=impact/ransomware
(module
  (memory (export "memory") 1)
  (global $acc (mut i32) (i32.const 0))
  (func (export "main") (local $i i32)
    ;; 3
    (drop (memory.grow (i32.const 1)))
    ;; 14 for each round
    (loop $round
      (i32.store8 (local.get $i) (i32.xor (i32.load8_u (local.get $i)) (i32.const 0x5a)))
      (br_if $round (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
    ;; 4
    (global.set $acc (i32.rotl (i32.const 0x12345678) (i32.const 7)))
    ;; 3
    (block $never (br_if $never (i32.const 0)))))
