;; RUN: spoor trace % --invoke run --json
;; WHAT: Memory bomb: doubles its memory until growth is refused, touching it all over, then goes on with what
;;   it has.
;; EXPECT: norule=impact/cryptomining norule=impact/ransomware status=exited
(module
  (memory (export "memory") 1)
  (global $refused (mut i32) (i32.const 0))
  (func $touch (param $from i32) (param $pages i32) (local $p i32)
    (local.set $p (i32.shl (local.get $from) (i32.const 16)))
    (block $done
      (loop $page
        (br_if $done (i32.le_s (local.get $pages) (i32.const 0)))
        (i32.store (local.get $p) (local.get $p))
        (local.set $p (i32.add (local.get $p) (i32.const 0x1000000)))
        (local.set $pages (i32.sub (local.get $pages) (i32.const 256)))
        (br $page))))
  (func $double (result i32) (local $old i32) (local $by i32)
    (local.set $by (memory.size))
    (local.set $old (memory.grow (local.get $by)))
    (if (i32.eq (local.get $old) (i32.const -1)) (then (return (i32.const 0))))
    (call $touch (local.get $old) (local.get $by))
    (i32.const 1))
  (func (export "run") (result i32)
    (loop $more (br_if $more (call $double)))
    ;; It asks for single pages too, and for the impossible.
    (loop $ask
      (if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1))
        (then (global.set $refused (i32.add (global.get $refused) (i32.const 1)))))
      (br_if $ask (i32.lt_u (global.get $refused) (i32.const 200))))
    (memory.size)))
