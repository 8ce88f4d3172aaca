;; RUN: spoor trace % --invoke run --json
;; WHAT: Checks a CRC-32 of its own memory before each step and traps if somebody changed a byte.
;; EXPECT: status=exited crypto=CRC-32 norule=impact/
(module
  (import "env" "step" (func $step (param i32 i32)))
  (memory (export "memory") 1)
  (func $table (local $i i32) (local $c i32) (local $k i32)
    (loop $next
      (local.set $c (local.get $i))
      (local.set $k (i32.const 8))
      (loop $bit
        (local.set $c (select
          (i32.xor (i32.shr_u (local.get $c) (i32.const 1)) (i32.const 0xedb88320))
          (i32.shr_u (local.get $c) (i32.const 1))
          (i32.and (local.get $c) (i32.const 1))))
        (br_if $bit (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
      (i32.store offset=4096 (i32.shl (local.get $i) (i32.const 2)) (local.get $c))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256)))))
  (func $crc (param $p i32) (param $n i32) (result i32) (local $c i32)
    (local.set $c (i32.const -1))
    (loop $byte
      (local.set $c (i32.xor
        (i32.load offset=4096 (i32.shl (i32.and (i32.xor (local.get $c) (i32.load8_u (local.get $p))) (i32.const 255)) (i32.const 2)))
        (i32.shr_u (local.get $c) (i32.const 8))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $byte (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.xor (local.get $c) (i32.const -1)))
  (func $guard
    (if (i32.ne (call $crc (i32.const 64) (i32.const 96)) (i32.const 0xee2e2284))
      (then (unreachable))))
  (func (export "run") (local $i i32)
    (call $table)
    (loop $next
      (call $guard)
      (call $step (i32.add (i32.const 64) (i32.mul (local.get $i) (i32.const 24))) (i32.const 24))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4)))))
  (data (i32.const 64)
    "step one: look around...step two: nothing there."
    "step three: leave quietlstep four: not a trace.."))
