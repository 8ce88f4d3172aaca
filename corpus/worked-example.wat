;; RUN: spoor trace % --invoke main --json
;; WHAT: What counts as executed.
;; EXPECT: verdict=CLEAN norule=impact/ status=exited instructions=47 nop=3
;; What counts as executed: a loop run 5 times, a `block` left by `br`, an `if` on constant 1 and one on
;; constant 0. 47 instructions.
(module (func (export "main") (result i32) (local i32)
  (local.set 0 (i32.const 5))
  (loop $l (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $l (local.get 0)))
  (block $b (br $b) (nop))
  (if (i32.const 1) (then (nop)) (else (nop) (nop)))
  (if (i32.const 0) (then (nop)) (else (nop) (nop)))
  (i32.const 7)))
