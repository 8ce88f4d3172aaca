;; Bulk operations and a byte loop over what they wrote: the sum of all bytes, read one by one.
(module
  (memory 2)
  (func (export "main") (result i32)
    (local $round i32) (local $at i32) (local $sum i32)
    (loop $rounds
      (memory.fill (i32.const 0) (local.get $round) (i32.const 0x8000))
      (memory.fill (i32.const 0x8000) (i32.const 7) (i32.const 0x100))
      (memory.copy (i32.const 0x10000) (i32.const 0x1000) (i32.const 0x8000))
      (local.set $at (i32.const 0x10000))
      (loop $bytes
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
        (i32.store8 (local.get $at) (local.get $sum))
        (br_if $bytes (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 0x18000))))
      (br_if $rounds (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 300))))
    (local.get $sum)))
