;; RUN: spoor trace % --invoke solve --json
;; WHAT: Miner with the shape of Equihash (n = 48, k = 5): BLAKE2b with the personalisation ZcashPoW makes 512
;;   rows, five rounds of buckets and XOR look for collisions, solutions go to the host.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=miner rule=impact/cryptomining status=exited crypto=BLAKE2
(module
  (import "env" "submit_solution" (func $submit (param i32 i32)))
  (memory (export "memory") 8)
  (func $g (param $pa i32) (param $pb i32) (param $pc i32) (param $pd i32) (param $x i64) (param $y i64)
    (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (local.set $a (i64.load (local.get $pa)))
    (local.set $b (i64.load (local.get $pb)))
    (local.set $c (i64.load (local.get $pc)))
    (local.set $d (i64.load (local.get $pd)))
    (local.set $a (i64.add (i64.add (local.get $a) (local.get $b)) (local.get $x)))
    (local.set $d (i64.rotr (i64.xor (local.get $d) (local.get $a)) (i64.const 32)))
    (local.set $c (i64.add (local.get $c) (local.get $d)))
    (local.set $b (i64.rotr (i64.xor (local.get $b) (local.get $c)) (i64.const 24)))
    (local.set $a (i64.add (i64.add (local.get $a) (local.get $b)) (local.get $y)))
    (local.set $d (i64.rotr (i64.xor (local.get $d) (local.get $a)) (i64.const 16)))
    (local.set $c (i64.add (local.get $c) (local.get $d)))
    (local.set $b (i64.rotr (i64.xor (local.get $b) (local.get $c)) (i64.const 63)))
    (i64.store (local.get $pa) (local.get $a))
    (i64.store (local.get $pb) (local.get $b))
    (i64.store (local.get $pc) (local.get $c))
    (i64.store (local.get $pd) (local.get $d)))
  ;; Word of the message that the schedule puts at $i.
  (func $word (param $i i32) (result i64)
    (i64.load offset=0 (i32.shl (i32.load8_u offset=512 (local.get $i)) (i32.const 3))))
  ;; Message at 0, state at 256, working vector at 128. $t bytes have gone in, $last for the last block.
  (func $blake2b (param $t i64) (param $last i32) (local $i i32) (local $row i32)
    (memory.copy (i32.const 128) (i32.const 256) (i32.const 64))
    (i64.store (i32.const 192) (i64.const 0x6a09e667f3bcc908))
    (i64.store (i32.const 200) (i64.const 0xbb67ae8584caa73b))
    (i64.store (i32.const 208) (i64.const 0x3c6ef372fe94f82b))
    (i64.store (i32.const 216) (i64.const 0xa54ff53a5f1d36f1))
    (i64.store (i32.const 224) (i64.xor (i64.const 0x510e527fade682d1) (local.get $t)))
    (i64.store (i32.const 232) (i64.const 0x9b05688c2b3e6c1f))
    (i64.store (i32.const 240) (i64.xor (i64.const 0x1f83d9abfb41bd6b) (i64.sub (i64.const 0) (i64.extend_i32_u (local.get $last)))))
    (i64.store (i32.const 248) (i64.const 0x5be0cd19137e2179))
    (loop $round
      (local.set $row (i32.shl (i32.rem_u (local.get $i) (i32.const 10)) (i32.const 4)))
      (call $g (i32.const 128) (i32.const 160) (i32.const 192) (i32.const 224)
        (call $word (i32.add (local.get $row) (i32.const 0))) (call $word (i32.add (local.get $row) (i32.const 1))))
      (call $g (i32.const 136) (i32.const 168) (i32.const 200) (i32.const 232)
        (call $word (i32.add (local.get $row) (i32.const 2))) (call $word (i32.add (local.get $row) (i32.const 3))))
      (call $g (i32.const 144) (i32.const 176) (i32.const 208) (i32.const 240)
        (call $word (i32.add (local.get $row) (i32.const 4))) (call $word (i32.add (local.get $row) (i32.const 5))))
      (call $g (i32.const 152) (i32.const 184) (i32.const 216) (i32.const 248)
        (call $word (i32.add (local.get $row) (i32.const 6))) (call $word (i32.add (local.get $row) (i32.const 7))))
      (call $g (i32.const 128) (i32.const 168) (i32.const 208) (i32.const 248)
        (call $word (i32.add (local.get $row) (i32.const 8))) (call $word (i32.add (local.get $row) (i32.const 9))))
      (call $g (i32.const 136) (i32.const 176) (i32.const 216) (i32.const 224)
        (call $word (i32.add (local.get $row) (i32.const 10))) (call $word (i32.add (local.get $row) (i32.const 11))))
      (call $g (i32.const 144) (i32.const 184) (i32.const 192) (i32.const 232)
        (call $word (i32.add (local.get $row) (i32.const 12))) (call $word (i32.add (local.get $row) (i32.const 13))))
      (call $g (i32.const 152) (i32.const 160) (i32.const 200) (i32.const 240)
        (call $word (i32.add (local.get $row) (i32.const 14))) (call $word (i32.add (local.get $row) (i32.const 15))))
      (br_if $round (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 12))))
    (local.set $i (i32.const 0))
    (loop $fold
      (i64.store offset=256 (local.get $i) (i64.xor (i64.load offset=256 (local.get $i))
        (i64.xor (i64.load offset=128 (local.get $i)) (i64.load offset=192 (local.get $i)))))
      (br_if $fold (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 64)))))
  (data (i32.const 512)
    "\00\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f"
    "\0e\0a\04\08\09\0f\0d\06\01\0c\00\02\0b\07\05\03"
    "\0b\08\0c\00\05\02\0f\0d\0a\0e\03\06\07\01\09\04"
    "\07\09\03\01\0d\0c\0b\0e\02\06\05\0a\04\00\0f\08"
    "\09\00\05\07\02\04\0a\0f\0e\01\0b\0c\06\08\03\0d"
    "\02\0c\06\0a\00\0b\08\03\04\0d\07\05\0f\0e\01\09"
    "\0c\05\01\0f\0e\0d\04\0a\00\07\06\03\09\02\08\0b"
    "\0d\0b\07\0e\0c\01\03\09\05\00\0f\04\08\06\02\0a"
    "\06\0f\0e\09\0b\03\00\08\0c\02\0d\07\01\04\0a\05"
    "\0a\02\08\04\07\06\01\05\0f\0b\09\0e\03\0c\0d\00")
  ;; State with a digest of 48 bytes and the personalisation; header of 140 bytes at 1024, of which the last
  ;; 32 are the nonce.
  (func $init
    (local $i i32)
    (i64.store (i32.const 256) (i64.const 0x6a09e667f3bcc908))
    (i64.store (i32.const 264) (i64.const 0xbb67ae8584caa73b))
    (i64.store (i32.const 272) (i64.const 0x3c6ef372fe94f82b))
    (i64.store (i32.const 280) (i64.const 0xa54ff53a5f1d36f1))
    (i64.store (i32.const 288) (i64.const 0x510e527fade682d1))
    (i64.store (i32.const 296) (i64.const 0x9b05688c2b3e6c1f))
    (i64.store (i32.const 304) (i64.const 0x1f83d9abfb41bd6b))
    (i64.store (i32.const 312) (i64.const 0x5be0cd19137e2179))
    (i64.store (i32.const 256) (i64.xor (i64.load (i32.const 256)) (i64.const 0x01010030)))
    (i64.store (i32.const 304) (i64.xor (i64.load (i32.const 304)) (i64.load (i32.const 896))))
    (i64.store (i32.const 312) (i64.xor (i64.load (i32.const 312)) (i64.load (i32.const 904)))))
  ;; Eight rows of six bytes from one digest; a row is {hash i64, left i32, right i32} at 65536.
  (func $generate (local $g i32) (local $k i32) (local $row i32)
    (loop $digest
      (call $init)
      (memory.copy (i32.const 0) (i32.const 1024) (i32.const 128))
      (call $blake2b (i64.const 128) (i32.const 0))
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 128))
      (memory.copy (i32.const 0) (i32.const 1152) (i32.const 12))
      (i32.store (i32.const 12) (local.get $g))
      (call $blake2b (i64.const 144) (i32.const 1))
      (local.set $k (i32.const 0))
      (loop $six
        (local.set $row (i32.add (i32.const 65536) (i32.shl (i32.add (i32.shl (local.get $g) (i32.const 3)) (local.get $k)) (i32.const 4))))
        (i64.store (local.get $row) (i64.and (i64.load offset=256 (i32.mul (local.get $k) (i32.const 6))) (i64.const 0xffffffffffff)))
        (i64.store offset=8 (local.get $row) (i64.extend_i32_u (i32.add (i32.shl (local.get $g) (i32.const 3)) (local.get $k))))
        (br_if $six (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 8))))
      (br_if $digest (i32.lt_u (local.tee $g (i32.add (local.get $g) (i32.const 1))) (i32.const 64)))))
  ;; Sorts the rows by their lowest byte into 256 buckets of 16 slots at 262144, counts at 2048; then every
  ;; pair of a bucket gives a row.
  (func $collide (param $from i32) (param $rows i32) (param $to i32) (param $is_last i32) (result i32)
    (local $xor i64) (local $i i32) (local $b i32) (local $n i32) (local $x i32) (local $y i32) (local $made i32) (local $px i32) (local $py i32) (local $po i32)
    (memory.fill (i32.const 2048) (i32.const 0) (i32.const 1024))
    (block $sorted
      (loop $row
        (br_if $sorted (i32.ge_u (local.get $i) (local.get $rows)))
        (local.set $b (i32.load8_u (i32.add (local.get $from) (i32.shl (local.get $i) (i32.const 4)))))
        (local.set $n (i32.load offset=2048 (i32.shl (local.get $b) (i32.const 2))))
        (if (i32.lt_u (local.get $n) (i32.const 16))
          (then
            (i32.store offset=262144 (i32.shl (i32.add (i32.shl (local.get $b) (i32.const 4)) (local.get $n)) (i32.const 2)) (local.get $i))
            (i32.store offset=2048 (i32.shl (local.get $b) (i32.const 2)) (i32.add (local.get $n) (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $row)))
    (local.set $b (i32.const 0))
    (loop $bucket
      (local.set $n (i32.load offset=2048 (i32.shl (local.get $b) (i32.const 2))))
      (local.set $x (i32.const 0))
      (block $next
        (loop $left
          (br_if $next (i32.ge_u (i32.add (local.get $x) (i32.const 1)) (local.get $n)))
          (local.set $y (i32.add (local.get $x) (i32.const 1)))
          (loop $right
            (local.set $px (i32.load offset=262144 (i32.shl (i32.add (i32.shl (local.get $b) (i32.const 4)) (local.get $x)) (i32.const 2))))
            (local.set $py (i32.load offset=262144 (i32.shl (i32.add (i32.shl (local.get $b) (i32.const 4)) (local.get $y)) (i32.const 2))))
            (local.set $xor (i64.shr_u (i64.xor
              (i64.load (i32.add (local.get $from) (i32.shl (local.get $px) (i32.const 4))))
              (i64.load (i32.add (local.get $from) (i32.shl (local.get $py) (i32.const 4))))) (i64.const 8)))
            ;; Zero before the last round comes from rows with an ancestor in common.
            (if (i32.and (i32.lt_u (local.get $made) (i32.const 2048))
                (i32.or (local.get $is_last) (i64.ne (local.get $xor) (i64.const 0))))
              (then
                (local.set $po (i32.add (local.get $to) (i32.shl (local.get $made) (i32.const 4))))
                (i64.store (local.get $po) (local.get $xor))
                (i32.store offset=8 (local.get $po) (local.get $px))
                (i32.store offset=12 (local.get $po) (local.get $py))
                (local.set $made (i32.add (local.get $made) (i32.const 1)))))
            (br_if $right (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (local.get $n))))
          (local.set $x (i32.add (local.get $x) (i32.const 1)))
          (br $left)))
      (br_if $bucket (i32.lt_u (local.tee $b (i32.add (local.get $b) (i32.const 1))) (i32.const 256))))
    (local.get $made))
  ;; Six bytes: five rounds eat five of them, the last must be zero.
  (func (export "solve") (result i32) (local $rows i32) (local $round i32) (local $table i32) (local $i i32) (local $found i32)
    (call $generate)
    (local.set $rows (i32.const 512))
    (local.set $table (i32.const 65536))
    (loop $next
      (local.set $rows (call $collide (local.get $table) (local.get $rows) (i32.add (local.get $table) (i32.const 32768))
        (i32.eq (local.get $round) (i32.const 4))))
      (local.set $table (i32.add (local.get $table) (i32.const 32768)))
      (br_if $next (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 5))))
    (block $done
      (loop $check
        (br_if $done (i32.ge_u (local.get $i) (local.get $rows)))
        (if (i64.eqz (i64.load (i32.add (local.get $table) (i32.shl (local.get $i) (i32.const 4)))))
          (then
            (call $submit (local.get $table) (local.get $i))
            (local.set $found (i32.add (local.get $found) (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $check)))
    (local.get $found))
  (data (i32.const 896) "ZcashPoW\30\00\00\00\05\00\00\00")
  (data (i32.const 1024) "\04\00\00\00\08\e9\69\4c\c2\12\0e\c1\b7\33\cc\12\68\7b\60\90\58\ee\c4\f7\04\6a\52\1a\d1\d1\e3\04"))
