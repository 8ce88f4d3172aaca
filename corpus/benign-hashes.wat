;; RUN: spoor trace % --invoke main --json
;; WHAT: A corner of a crypto library: the initial words of SHA-1, a permutation of RC2 and the order of
;;   secp256k1, each used once by a function that checks its table.
;; EXPECT: verdict=CLEAN status=exited norule=impact/ norule=anti-analysis/ crypto=SHA-1 crypto=RC2 crypto=secp256k1
(module
  (memory (export "memory") 1)
  (func $sha1 (result i32)
    (i32.add (i32.add (i32.const 0x67452301) (i32.const 0xefcdab89))
      (i32.add (i32.add (i32.const 0x98badcfe) (i32.const 0x10325476)) (i32.const 0xc3d2e1f0))))
  (func $rc2 (result i32) (local $i i32) (local $sum i32)
    (loop $byte
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u offset=64 (local.get $i))))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 32))))
    (local.get $sum))
  (func $order (result i64)
    (i64.add (i64.const 0xbfd25e8cd0364141) (i64.const 0xbaaedce6af48a03b)))
  (func (export "main") (result i32)
    (i32.add (i32.add (call $sha1) (call $rc2)) (i32.wrap_i64 (call $order))))
  (data (i32.const 64)
    "\d9\78\f9\c4\19\dd\b5\ed\28\e9\fd\79\4a\a0\d8\9d\c6\7e\37\83\2b\76\53\8e\62\4c\64\88\44\8b\fb\a2"))
