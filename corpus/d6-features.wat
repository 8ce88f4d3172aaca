;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D6: sign extension, saturating conversion, bulk memory, reference types, multi-value, SIMD
;;   and tail calls in one module; Wasabi rejects each of them.
;; EXPECT: status=exited tail_call=101 xor=3 nop=0
(module
  (type $pair (func (param i32 i32) (result i32 i32)))
  (memory (export "memory") 1)
  (table $t 4 funcref)
  (elem $later func $swap $count)
  (data $text "a passive segment, put into memory by hand")
  (func $swap (type $pair) (local.get 1) (local.get 0))
  (func $count (param $n i32) (param $sum i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (local.get $sum))))
    (return_call $count (i32.sub (local.get $n) (i32.const 1)) (i32.add (local.get $sum) (local.get $n))))
  (func $vectors (result i32)
    (v128.store (i32.const 256)
      (v128.xor
        (v128.xor (v128.load (i32.const 64)) (i8x16.splat (i32.const 0x20)))
        (v128.const i32x4 1 2 3 4)))
    (i8x16.extract_lane_u 3 (i8x16.swizzle (v128.load (i32.const 256)) (v128.const i8x16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0))))
  (func $sat (param $x f64) (result i32)
    (i32.xor (i32.trunc_sat_f64_s (local.get $x)) (i32.extend8_s (i32.const 0x80))))
  (func $pairs (result i32)
    (call_indirect $t (type $pair) (i32.const 3) (i32.const 10) (i32.const 0))
    (i32.sub))
  (func $tail (result i32) (return_call $count (i32.const 100) (i32.const 0)))
  (func (export "main") (result i32)
    (memory.init $text (i32.const 64) (i32.const 0) (i32.const 42))
    (data.drop $text)
    (memory.copy (i32.const 128) (i32.const 64) (i32.const 42))
    (memory.fill (i32.const 512) (i32.const 0xaa) (i32.const 64))
    (table.init $t $later (i32.const 0) (i32.const 0) (i32.const 2))
    (elem.drop $later)
    (table.copy $t $t (i32.const 2) (i32.const 0) (i32.const 2))
    (drop (ref.is_null (table.get $t (i32.const 2))))
    (drop (select (result funcref) (ref.null func) (ref.func $swap) (i32.const 1)))
    (i32.add
      (i32.add (call $vectors) (call $sat (f64.const 1e300)))
      (i32.add (call $pairs) (call $tail)))))
