;; RUN: spoor trace % --invoke randomx_calculate_hash 7 --json
;; WHAT: The outline of a RandomX miner: Argon2's salt and the keys of the AES generator in data, a scratchpad
;;   that a virtual machine reads and writes at masked addresses with 64-bit arithmetic.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=miner rule=impact/cryptomining status=exited crypto=RandomX
(module
  (memory (export "memory") 33)
  (global $mx (mut i64) (i64.const 0x4d595df4d0f33173))
  (func $line (param $at i64) (result i32)
    (i32.add (i32.const 65536) (i32.and (i32.wrap_i64 (local.get $at)) (i32.const 0x1fffc0))))
  ;; One instruction of the machine: two registers and a word of the scratchpad.
  (func $execute (param $a i64) (param $b i64) (result i64) (local $p i32)
    (local.set $p (i32.add (i32.const 65536) (i32.and (i32.wrap_i64 (local.get $a)) (i32.const 0x3fff8))))
    (i64.store (local.get $p) (i64.xor (i64.load (local.get $p)) (i64.rotr (local.get $b) (i64.const 13))))
    (i64.add (i64.mul (local.get $a) (i64.const 0x5851f42d4c957f2d)) (i64.load (call $line (local.get $b)))))
  (func (export "randomx_calculate_hash") (param $nonce i32) (result i64) (local $i i32) (local $r i64)
    (local.set $r (i64.xor (i64.extend_i32_u (local.get $nonce)) (i64.load (i32.const 64))))
    (loop $round
      (global.set $mx (i64.xor (global.get $mx) (local.get $r)))
      (local.set $r (call $execute (local.get $r) (global.get $mx)))
      (i64.store (call $line (local.get $r)) (i64.xor (local.get $r) (global.get $mx)))
      (br_if $round (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 16384))))
    (local.get $r))
  (data (i32.const 32) "RandomX\03")
  (data (i32.const 64) "\53\a5\ac\6d\09\66\71\62\2b\55\b5\db\17\49\f4\b4\07\af\7c\6d\0d\71\6a\84\78\d3\25\17\4e\dc\a1\0d"))
