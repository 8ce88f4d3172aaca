;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D8: 3,000 loads, 3,000 stores, 600 calls of the host with different strings and magic
;;   constants among the operands; there reads and writes end at 1,000, the sequence at 200, and strings and
;;   constants are lost.
;; EXPECT: status=exited load=4266 store=3666 host=env.tell:600 constant_run=SHA-256
(module
  (import "env" "tell" (func $tell (param i32 i64) (result i64)))
  (memory (export "memory") 1)
  (func $scramble (local $i i32)
    (loop $byte
      (i32.store8 offset=1024 (local.get $i)
        (i32.add (i32.load8_u offset=1024 (local.get $i)) (i32.and (local.get $i) (i32.const 0x3f))))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000)))))
  ;; `message 0000` with its number counted up in place.
  (func $count_up (local $p i32)
    (local.set $p (i32.const 75))
    (block $done
      (loop $carry
        (br_if $done (i32.ne (i32.load8_u (local.get $p)) (i32.const 57)))
        (i32.store8 (local.get $p) (i32.const 48))
        (local.set $p (i32.sub (local.get $p) (i32.const 1)))
        (br $carry)))
    (i32.store8 (local.get $p) (i32.add (i32.load8_u (local.get $p)) (i32.const 1))))
  (func (export "main") (result i32) (local $i i32) (local $h i32)
    (call $scramble)
    (loop $next
      (drop (call $tell (i32.const 64) (i64.extend_i32_u (local.get $i))))
      (call $count_up)
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 600))))
    (local.set $h (i32.xor (i32.const 0x6a09e667) (i32.const 0xbb67ae85)))
    (local.set $h (i32.xor (local.get $h) (i32.xor (i32.const 0x3c6ef372) (i32.const 0xa54ff53a))))
    (local.set $h (i32.xor (local.get $h) (i32.xor (i32.const 0x510e527f) (i32.const 0x9b05688c))))
    (i32.xor (local.get $h) (i32.xor (i32.const 0x1f83d9ab) (i32.const 0x5be0cd19))))
  (data (i32.const 64) "message 0000\00")
)
