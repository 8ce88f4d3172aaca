;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D4: a module whose first instruction is of type i64; there its hooks throw and the result
;;   is `success, 0 instructions`.
;; EXPECT: status=exited instructions=33620 xor=3200 rotate=1600 shift=1600 constant=6408 taken=1599 not_taken=1
(module
  (func $mix (param $x i64) (param $y i64) (result i64)
    (i64.xor
      (i64.rotl (i64.xor (local.get $x) (local.get $y)) (i64.const 31))
      (i64.shr_u (local.get $y) (i64.const 7))))
  (func (export "main") (result i64) (local $h i64) (local $n i64)
    (local.set $h (i64.const 0x0123456789abcdef))
    (loop $round
      (local.set $h (call $mix (local.get $h) (local.get $n)))
      (br_if $round (i64.ne (local.tee $n (i64.add (local.get $n) (i64.const 1))) (i64.const 1600))))
    (drop (i64.mul (i64.const -1) (i64.const 3)))
    (drop (i64.div_s (i64.const -9) (i64.const 2)))
    (drop (i64.popcnt (i64.const 0xff)))
    (drop (i32.wrap_i64 (i64.const 0x1ffffffff)))
    (drop (i64.extend32_s (i64.const 0x80000000)))
    (local.get $h)))
