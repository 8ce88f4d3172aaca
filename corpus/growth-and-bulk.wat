;; RUN: spoor trace % --invoke main --json
;; WHAT: Growth of memory and tables, bulk operations, the last one out of bounds.
;; EXPECT: norule=impact/ status=trapped
;; Growth (by a constant 0 too, which an engine may fold), bulk operations of memories and tables, the last
;; one out of bounds.
(module
  (memory 1 4)
  (table $t 4 8 funcref)
  (data $bytes "spoor")
  (elem $funcs func $f)
  (func $f)
  (func (export "main") (result i32)
    (drop (memory.grow (i32.const 0)))
    (drop (memory.grow (i32.const 1)))
    (drop (memory.grow (i32.const 100)))
    (memory.init $bytes (i32.const 8) (i32.const 0) (i32.const 5))
    (data.drop $bytes)
    (memory.copy (i32.const 100) (i32.const 8) (i32.const 5))
    (memory.fill (i32.const 200) (i32.const 7) (i32.const 1000))
    (table.init $t $funcs (i32.const 1) (i32.const 0) (i32.const 1))
    (drop (table.grow $t (ref.null func) (i32.const 0)))
    (drop (table.grow $t (ref.null func) (i32.const 2)))
    (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 2))
    (table.fill $t (i32.const 2) (ref.null func) (i32.const 3))
    (call_indirect $t (i32.const 0))
    (memory.copy (i32.const 0x20000) (i32.const 0) (i32.const 1))
    (i32.const 1)))
