;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark S3: four of SHA-256's initial words as operands in the code and all eight in data; it looks
;;   for raw words in the code, where constants are LEB128, and finds none.
;; EXPECT: status=exited crypto=SHA-256 crypto_in=code crypto_in=data verdict=CLEAN norule=impact/cryptomining
(module
  (memory (export "memory") 1)
  (func $init
    (i32.store (i32.const 0) (i32.const 0x6a09e667))
    (i32.store (i32.const 4) (i32.const 0xbb67ae85))
    (i32.store (i32.const 8) (i32.const 0x3c6ef372))
    (i32.store (i32.const 12) (i32.const 0xa54ff53a)))
  (func $same (result i32) (local $i i32)
    (loop $word
      (if (i32.ne (i32.load (local.get $i)) (i32.load offset=256 (local.get $i))) (then (return (i32.const 0))))
      (br_if $word (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 16))))
    (i32.const 1))
  (func (export "main") (result i32)
    (call $init)
    (call $same))
  (data (i32.const 256) "\67\e6\09\6a\85\ae\67\bb\72\f3\6e\3c\3a\f5\4f\a5\7f\52\0e\51\8c\68\05\9b\ab\d9\83\1f\19\cd\e0\5b")
)
