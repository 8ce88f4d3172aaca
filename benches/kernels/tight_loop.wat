;; The worst case for recording: one branch in five instructions, and nothing else.
(module
  (func (export "main") (result i32)
    (local $left i32) (local $rounds i32)
    (local.set $left (i32.const 40000000))
    (loop $again
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $rounds)))
