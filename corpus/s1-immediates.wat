;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark S1: instructions with immediates of every form (vectors with lanes and shuffles, typed
;;   select, references, bulk and table operations, memory offsets of five bytes), each followed by a `nop`;
;;   there the decoder loses its place and finds phantom `nop` and `unreachable`.
;; EXPECT: status=exited nop=16 static_nop=16 static_xor=2 xor=2 static_indirect=0
(module
  (memory (export "memory") 1)
  (table $t 2 20 funcref)
  (elem $e func $f)
  (elem declare func $f)
  (data $d "\00\01\02\03\0b\0e\10\11\41\45")
  (func $f)
  (func (export "main") (local $v v128)
    (local.set $v (v128.const i32x4 0x00000101 0x0b0b0b0b 0x0e0e0e0e 0x11111111)) nop
    (local.set $v (i8x16.shuffle 0 1 1 1 0 0 11 11 14 14 17 17 1 0 0 1 (local.get $v) (local.get $v))) nop
    (local.set $v (v128.load8_lane 1 (i32.const 0) (local.get $v))) nop
    (local.set $v (i16x8.replace_lane 1 (local.get $v) (i32.const 0x0101))) nop
    (v128.store64_lane offset=257 align=1 1 (i32.const 1) (local.get $v)) nop
    (local.set $v (v128.xor (local.get $v) (v128.load32_splat offset=1 align=1 (i32.const 0)))) nop
    (drop (i32.xor (i32.load offset=16843 align=1 (i32.const 1)) (i32.const 0x01010101))) nop
    (drop (select (result i32) (i32.const 1) (i32.const 0) (i32.const 1))) nop
    (drop (ref.is_null (ref.func $f))) nop
    (drop (ref.null extern)) nop
    (memory.fill (i32.const 1) (i32.const 1) (i32.const 1)) nop
    (memory.init $d (i32.const 1) (i32.const 0) (i32.const 1)) nop
    (data.drop $d) nop
    (elem.drop $e) nop
    (drop (table.grow $t (ref.null func) (i32.const 1))) nop
    (table.fill $t (i32.const 1) (ref.null func) (i32.const 2)) nop
    (drop (table.size $t))))
