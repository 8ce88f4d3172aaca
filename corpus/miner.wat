;; RUN: spoor trace % --invoke mine --json
;; WHAT: The shape of WASMShark's sample_cryptominer.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=miner rule=impact/cryptomining correlation=CONFIRMED_AUTORUN correlation=CONFIRMED_XOR correlation=MINING_BEHAVIOR_CONFIRMED status=exited instructions=462 xor=70 nop=180 nop_run=mine:90 static_instructions=231 host=env.sha256_block:2 ioc=pool_protocol
;; The shape of WASMShark's sample_cryptominer, made valid: the start function (index 5) executes 90 nop, 35
;; times
;; (const, const, i32.xor, drop) and one call of import 0: 231 instructions at start and 231 more when `mine`
;; is invoked.
(module
  (import "env" "sha256_block" (func $sha256_block))
  (import "env" "randomx_hash" (func $randomx_hash))
  (import "env" "keccak256" (func $keccak256))
  (import "env" "difficulty_check" (func $difficulty_check))
  (import "env" "submit_nonce" (func $submit_nonce))
  (import "memory" "memory" (memory 16))
  (func $mine (export "mine")
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    i32.const 27733 i32.const 35494 i32.xor drop
    i32.const 20047 i32.const 51691 i32.xor drop
    i32.const 29776 i32.const 35354 i32.xor drop
    i32.const 37525 i32.const 21172 i32.xor drop
    i32.const 5008 i32.const 29204 i32.xor drop
    i32.const 9604 i32.const 45195 i32.xor drop
    i32.const 8872 i32.const 21763 i32.xor drop
    i32.const 12008 i32.const 56607 i32.xor drop
    i32.const 12566 i32.const 8921 i32.xor drop
    i32.const 41229 i32.const 8610 i32.xor drop
    i32.const 52520 i32.const 42245 i32.xor drop
    i32.const 4886 i32.const 25283 i32.xor drop
    i32.const 48851 i32.const 55927 i32.xor drop
    i32.const 4709 i32.const 19634 i32.xor drop
    i32.const 60828 i32.const 45982 i32.xor drop
    i32.const 17144 i32.const 24350 i32.xor drop
    i32.const 26995 i32.const 11884 i32.xor drop
    i32.const 26313 i32.const 55609 i32.xor drop
    i32.const 52882 i32.const 53840 i32.xor drop
    i32.const 9261 i32.const 34226 i32.xor drop
    i32.const 64609 i32.const 35898 i32.xor drop
    i32.const 9013 i32.const 26297 i32.xor drop
    i32.const 55124 i32.const 60057 i32.xor drop
    i32.const 55823 i32.const 16893 i32.xor drop
    i32.const 36298 i32.const 47455 i32.xor drop
    i32.const 8293 i32.const 3248 i32.xor drop
    i32.const 38895 i32.const 65019 i32.xor drop
    i32.const 25020 i32.const 14209 i32.xor drop
    i32.const 27290 i32.const 21341 i32.xor drop
    i32.const 1749 i32.const 55968 i32.xor drop
    i32.const 38191 i32.const 42484 i32.xor drop
    i32.const 28173 i32.const 49596 i32.xor drop
    i32.const 49789 i32.const 20402 i32.xor drop
    i32.const 35520 i32.const 22535 i32.xor drop
    i32.const 54432 i32.const 37894 i32.xor drop
    call $sha256_block)
  (start $mine)
  (data (i32.const 64) "stratum+tcp://pool.example:3333"))
