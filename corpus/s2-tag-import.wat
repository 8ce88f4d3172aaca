;; RUN: spoor trace % --json
;; WHAT: WASMShark S2: after the import of an exception tag the next import, `env.exec`, is not seen and the
;;   verdict is CLEAN. The engine has no exceptions: a `throw` that is not reached does not matter.
;; EXPECT: verdict=UNDECIDED|SUSPICIOUS|MALICIOUS|POTENTIALLY_UNWANTED status=exited import=env.exec static_xor=1
(module
  (import "env" "failure" (tag $failure (param i32)))
  (import "env" "exec" (func $exec (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $decode (local $i i32)
    (loop $byte
      (i32.store8 offset=64 (local.get $i) (i32.xor (i32.load8_u offset=64 (local.get $i)) (i32.const 0x5c)))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 7)))))
  (func (export "main")
    (call $decode)
    (if (call $exec (i32.const 64) (i32.const 7))
      (then (throw $failure (i32.const 1)))))
  (data (i32.const 64) "\73\3e\35\32\73\2f\34")
)
