;; RUN: spoor trace % --invoke run --json
;; WHAT: The shape of WASMShark's sample_obfuscated_loader, with the tail calls that it wants to have.
;; EXPECT: correlation=CONFIRMED_AUTORUN correlation=CONFIRMED_INDIRECT_CALLS rule=anti-analysis/obfuscation status=exited instructions=1165 xor=32 rotate=32 tail_call=10 indirect_call=6
;; What WASMShark's sample_obfuscated_loader wants to be, but valid: stages dispatched by
;; `return_call_indirect` and `return_call`,
;; which Wasabi rejects. Three stages decode 16 bytes, the last one returns their sum.
(module
  (type $stage (func (param i32) (result i32)))
  (memory 1)
  (table funcref (elem $decode $mix $finish))
  (global $state (mut i32) (i32.const 0))
  (func $decode (type $stage) (local $i i32)
    (loop $next
      (i32.store8 (i32.add (local.get $i) (i32.const 64))
        (i32.xor (i32.load8_u (local.get $i)) (i32.const 0x5a)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 16))))
    (return_call $dispatch (i32.const 1)))
  (func $mix (type $stage) (local $i i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (i32.const 16)))
        (global.set $state (i32.rotl (i32.add (global.get $state)
          (i32.load8_u (i32.add (local.get $i) (i32.const 64)))) (i32.const 5)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (return_call $dispatch (i32.const 2)))
  (func $finish (type $stage) (global.get $state))
  (func $dispatch (param $stage i32) (result i32)
    (return_call_indirect (type $stage) (local.get $stage) (local.get $stage)))
  (func (export "run") (result i32) (call $dispatch (i32.const 0)))
  (func $start (drop (call $dispatch (i32.const 0))))
  (start $start)
  (data (i32.const 0) "\32\3f\36\36\35\7a\2d\35\28\36\3e\7b\50\50\50\50"))
