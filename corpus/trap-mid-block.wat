;; RUN: spoor trace % --invoke main --json
;; WHAT: A trap in the middle of straight code that several frames run.
;; EXPECT: norule=impact/ status=trapped
;; A trap in the middle of straight code that several frames run: only the third call divides by zero, after
;; 19 instructions.
(module
  (func $inverse (param i32) (result i32)
    (i32.div_u (i32.const 100) (local.get 0)) (nop))
  (func (export "main") (result i32)
    (drop (call $inverse (i32.const 5)))
    (drop (call $inverse (i32.const 2)))
    (call $inverse (i32.const 0))
    (i32.add (i32.const 1))))
