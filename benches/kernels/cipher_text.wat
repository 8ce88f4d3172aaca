;; A text is enciphered with a repeating key and a counter, summed up and written as hexadecimal digits, again
;; and again: all that is computed comes from its bytes.
(module
  (memory 1)
  (data (i32.const 1024)
    "It is a truth that is told of every measurement, that what it measures is what it was made"
    " to measure, and that whoever reads it wants to know what was left out. This text is here "
    "to be read, enciphered, summed up and written down. It has no other use at all..")
  (data (i32.const 2048) "\51\a7\0c\e3")
  (data (i32.const 2064) "0123456789abcdef")
  (func (export "main") (result i32) (local $round i32) (local $at i32) (local $byte i32) (local $sum i32)
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $byte
          (i32.and
            (i32.add
              (i32.xor
                (i32.load8_u offset=1024 (local.get $at))
                (i32.load8_u offset=2048 (i32.and (local.get $at) (i32.const 3))))
              (local.get $round))
            (i32.const 255)))
        (local.set $sum
          (i32.add (i32.rotl (local.get $sum) (i32.const 5)) (local.get $byte)))
        (i32.store8 offset=4096 (i32.shl (local.get $at) (i32.const 1))
          (i32.load8_u offset=2064 (i32.shr_u (local.get $byte) (i32.const 4))))
        (i32.store8 offset=4097 (i32.shl (local.get $at) (i32.const 1))
          (i32.load8_u offset=2064 (i32.and (local.get $byte) (i32.const 15))))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 256))))
      (br_if $again
        (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 4000))))
    (local.get $sum)))
