;; RUN: spoor trace % --invoke work 40 --json
;; WHAT: Miner that hashes a header of 80 bytes with Keccak-256, counts the nonce at byte 76 up and compares
;;   with the target.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=miner rule=impact/cryptomining correlation=CONFIRMED_XOR status=exited|stopped crypto=Keccak
(module
  (import "env" "ws_send" (func $ws_send (param i32 i32)))
  (memory (export "memory") 1)
  (global $nonce (mut i32) (i32.const 0))
  (global $hashes (mut i64) (i64.const 0))
  (func $keccak_f (param $s i32)
    (local $round i32) (local $i i32) (local $at i32) (local $t i64) (local $d i64)
    (local $c0 i64) (local $c1 i64) (local $c2 i64) (local $c3 i64) (local $c4 i64)
    (loop $rounds
      ;; theta
      (local.set $c0 (i64.xor (i64.xor (i64.xor (i64.xor (i64.load (local.get $s)) (i64.load offset=40 (local.get $s))) (i64.load offset=80 (local.get $s))) (i64.load offset=120 (local.get $s))) (i64.load offset=160 (local.get $s))))
      (local.set $c1 (i64.xor (i64.xor (i64.xor (i64.xor (i64.load offset=8 (local.get $s)) (i64.load offset=48 (local.get $s))) (i64.load offset=88 (local.get $s))) (i64.load offset=128 (local.get $s))) (i64.load offset=168 (local.get $s))))
      (local.set $c2 (i64.xor (i64.xor (i64.xor (i64.xor (i64.load offset=16 (local.get $s)) (i64.load offset=56 (local.get $s))) (i64.load offset=96 (local.get $s))) (i64.load offset=136 (local.get $s))) (i64.load offset=176 (local.get $s))))
      (local.set $c3 (i64.xor (i64.xor (i64.xor (i64.xor (i64.load offset=24 (local.get $s)) (i64.load offset=64 (local.get $s))) (i64.load offset=104 (local.get $s))) (i64.load offset=144 (local.get $s))) (i64.load offset=184 (local.get $s))))
      (local.set $c4 (i64.xor (i64.xor (i64.xor (i64.xor (i64.load offset=32 (local.get $s)) (i64.load offset=72 (local.get $s))) (i64.load offset=112 (local.get $s))) (i64.load offset=152 (local.get $s))) (i64.load offset=192 (local.get $s))))
      (local.set $d (i64.xor (local.get $c4) (i64.rotl (local.get $c1) (i64.const 1))))
      (i64.store (local.get $s) (i64.xor (i64.load (local.get $s)) (local.get $d)))
      (i64.store offset=40 (local.get $s) (i64.xor (i64.load offset=40 (local.get $s)) (local.get $d)))
      (i64.store offset=80 (local.get $s) (i64.xor (i64.load offset=80 (local.get $s)) (local.get $d)))
      (i64.store offset=120 (local.get $s) (i64.xor (i64.load offset=120 (local.get $s)) (local.get $d)))
      (i64.store offset=160 (local.get $s) (i64.xor (i64.load offset=160 (local.get $s)) (local.get $d)))
      (local.set $d (i64.xor (local.get $c0) (i64.rotl (local.get $c2) (i64.const 1))))
      (i64.store offset=8 (local.get $s) (i64.xor (i64.load offset=8 (local.get $s)) (local.get $d)))
      (i64.store offset=48 (local.get $s) (i64.xor (i64.load offset=48 (local.get $s)) (local.get $d)))
      (i64.store offset=88 (local.get $s) (i64.xor (i64.load offset=88 (local.get $s)) (local.get $d)))
      (i64.store offset=128 (local.get $s) (i64.xor (i64.load offset=128 (local.get $s)) (local.get $d)))
      (i64.store offset=168 (local.get $s) (i64.xor (i64.load offset=168 (local.get $s)) (local.get $d)))
      (local.set $d (i64.xor (local.get $c1) (i64.rotl (local.get $c3) (i64.const 1))))
      (i64.store offset=16 (local.get $s) (i64.xor (i64.load offset=16 (local.get $s)) (local.get $d)))
      (i64.store offset=56 (local.get $s) (i64.xor (i64.load offset=56 (local.get $s)) (local.get $d)))
      (i64.store offset=96 (local.get $s) (i64.xor (i64.load offset=96 (local.get $s)) (local.get $d)))
      (i64.store offset=136 (local.get $s) (i64.xor (i64.load offset=136 (local.get $s)) (local.get $d)))
      (i64.store offset=176 (local.get $s) (i64.xor (i64.load offset=176 (local.get $s)) (local.get $d)))
      (local.set $d (i64.xor (local.get $c2) (i64.rotl (local.get $c4) (i64.const 1))))
      (i64.store offset=24 (local.get $s) (i64.xor (i64.load offset=24 (local.get $s)) (local.get $d)))
      (i64.store offset=64 (local.get $s) (i64.xor (i64.load offset=64 (local.get $s)) (local.get $d)))
      (i64.store offset=104 (local.get $s) (i64.xor (i64.load offset=104 (local.get $s)) (local.get $d)))
      (i64.store offset=144 (local.get $s) (i64.xor (i64.load offset=144 (local.get $s)) (local.get $d)))
      (i64.store offset=184 (local.get $s) (i64.xor (i64.load offset=184 (local.get $s)) (local.get $d)))
      (local.set $d (i64.xor (local.get $c3) (i64.rotl (local.get $c0) (i64.const 1))))
      (i64.store offset=32 (local.get $s) (i64.xor (i64.load offset=32 (local.get $s)) (local.get $d)))
      (i64.store offset=72 (local.get $s) (i64.xor (i64.load offset=72 (local.get $s)) (local.get $d)))
      (i64.store offset=112 (local.get $s) (i64.xor (i64.load offset=112 (local.get $s)) (local.get $d)))
      (i64.store offset=152 (local.get $s) (i64.xor (i64.load offset=152 (local.get $s)) (local.get $d)))
      (i64.store offset=192 (local.get $s) (i64.xor (i64.load offset=192 (local.get $s)) (local.get $d)))
      ;; rho and pi
      (local.set $t (i64.load offset=8 (local.get $s)))
      (local.set $i (i32.const 0))
      (loop $lane
        (local.set $at (i32.add (local.get $s)
          (i32.shl (i32.load8_u offset=1312 (local.get $i)) (i32.const 3))))
        (local.set $d (i64.load (local.get $at)))
        (i64.store (local.get $at) (i64.rotl (local.get $t) (i64.load8_u offset=1280 (local.get $i))))
        (local.set $t (local.get $d))
        (br_if $lane (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 24))))
      ;; chi
      (local.set $i (i32.const 0))
      (local.set $at (local.get $s))
      (loop $row
        (local.set $c0 (i64.load offset=0 (local.get $at)))
        (local.set $c1 (i64.load offset=8 (local.get $at)))
        (local.set $c2 (i64.load offset=16 (local.get $at)))
        (local.set $c3 (i64.load offset=24 (local.get $at)))
        (local.set $c4 (i64.load offset=32 (local.get $at)))
        (i64.store offset=0 (local.get $at) (i64.xor (local.get $c0) (i64.and (i64.xor (local.get $c1) (i64.const -1)) (local.get $c2))))
        (i64.store offset=8 (local.get $at) (i64.xor (local.get $c1) (i64.and (i64.xor (local.get $c2) (i64.const -1)) (local.get $c3))))
        (i64.store offset=16 (local.get $at) (i64.xor (local.get $c2) (i64.and (i64.xor (local.get $c3) (i64.const -1)) (local.get $c4))))
        (i64.store offset=24 (local.get $at) (i64.xor (local.get $c3) (i64.and (i64.xor (local.get $c4) (i64.const -1)) (local.get $c0))))
        (i64.store offset=32 (local.get $at) (i64.xor (local.get $c4) (i64.and (i64.xor (local.get $c0) (i64.const -1)) (local.get $c1))))
        (local.set $at (i32.add (local.get $at) (i32.const 40)))
        (br_if $row (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
      ;; iota
      (i64.store (local.get $s) (i64.xor (i64.load (local.get $s)) (i64.load offset=1024 (i32.shl (local.get $round) (i32.const 3)))))
      (br_if $rounds (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 24)))))
  (data (i32.const 1024)
    "\01\00\00\00\00\00\00\00\82\80\00\00\00\00\00\00\8a\80\00\00\00\00\00\80\00\80\00\80\00\00\00\80"
    "\8b\80\00\00\00\00\00\00\01\00\00\80\00\00\00\00\81\80\00\80\00\00\00\80\09\80\00\00\00\00\00\80"
    "\8a\00\00\00\00\00\00\00\88\00\00\00\00\00\00\00\09\80\00\80\00\00\00\00\0a\00\00\80\00\00\00\00"
    "\8b\80\00\80\00\00\00\00\8b\00\00\00\00\00\00\80\89\80\00\00\00\00\00\80\03\80\00\00\00\00\00\80"
    "\02\80\00\00\00\00\00\80\80\00\00\00\00\00\00\80\0a\80\00\00\00\00\00\00\0a\00\00\80\00\00\00\80"
    "\81\80\00\80\00\00\00\80\80\80\00\00\00\00\00\80\01\00\00\80\00\00\00\00\08\80\00\80\00\00\00\80")
  (data (i32.const 1280) "\01\03\06\0a\0f\15\1c\24\2d\37\02\0e\1b\29\38\08\19\2b\3e\12\27\3d\14\2c")
  (data (i32.const 1312) "\0a\07\0b\11\12\03\05\10\08\15\18\04\0f\17\13\0d\0c\02\14\0e\16\09\06\01")
  ;; Keccak-256 of the header at 256; the digest stands at 512.
  (func $keccak256
    (memory.fill (i32.const 512) (i32.const 0) (i32.const 200))
    (memory.copy (i32.const 512) (i32.const 256) (i32.const 80))
    (i32.store8 (i32.const 592) (i32.const 1))
    (i32.store8 (i32.const 647) (i32.const 0x80))
    (call $keccak_f (i32.const 512)))
  ;; The digest counts as a number with its first byte highest.
  (func $meets_target (result i32) (local $i i32) (local $d i32) (local $t i32)
    (loop $byte
      (local.set $d (i32.load8_u offset=512 (local.get $i)))
      (local.set $t (i32.load8_u offset=768 (local.get $i)))
      (if (i32.ne (local.get $d) (local.get $t)) (then (return (i32.lt_u (local.get $d) (local.get $t)))))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 32))))
    (i32.const 1))
  (func $share
    (memory.copy (i32.const 1600) (i32.const 332) (i32.const 4))
    (memory.copy (i32.const 1604) (i32.const 512) (i32.const 32))
    (call $ws_send (i32.const 1536) (i32.const 100)))
  (func (export "work") (param $count i32) (result i32) (local $shares i32)
    (local.set $count (select (local.get $count) (i32.const 400) (local.get $count)))
    (loop $next
      (i32.store (i32.const 332) (global.get $nonce))
      (call $keccak256)
      (global.set $hashes (i64.add (global.get $hashes) (i64.const 1)))
      (if (call $meets_target)
        (then
          (call $share)
          (local.set $shares (i32.add (local.get $shares) (i32.const 1)))))
      (global.set $nonce (i32.add (global.get $nonce) (i32.const 1)))
      (br_if $next (i32.gt_s (local.tee $count (i32.sub (local.get $count) (i32.const 1))) (i32.const 0))))
    (local.get $shares))
  (func (export "hashes") (result i64) (global.get $hashes))
  (data (i32.const 256) "\01\00\00\00\6f\e2\8c\0a\b6\f1\b3\72\c1\a6\a2\46\ae\63\f7\4f\93\1e\83\65\e1\5a\08\9c\68\d6\19")
  (data (i32.const 768) "\10\00\00\00")
  (data (i32.const 1536) "{\"method\":\"mining.submit\",\"params\":[\"worker\",\"job\",\"")
)
