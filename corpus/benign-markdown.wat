;; RUN: spoor trace % --json
;; WHAT: Turns marks of emphasis in a text into tags, and returns the text: HTML, and no page.
;; EXPECT: verdict=CLEAN norule=load-code norule=browser norule=impact/ status=exited
(module
  (memory (export "memory") 1)
  (global $out (mut i32) (i32.const 8192))
  (func $put (param $byte i32)
    (i32.store8 (global.get $out) (local.get $byte))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))
  (func $tag (param $closes i32)
    (call $put (i32.const 60))
    (if (local.get $closes) (then (call $put (i32.const 47))))
    (call $put (i32.const 101))
    (call $put (i32.const 109))
    (call $put (i32.const 62)))
  (func (export "convert") (result i32) (local $i i32) (local $open i32) (local $byte i32)
    (global.set $out (i32.const 8192))
    (loop $next
      (local.set $byte (i32.load8_u offset=1024 (local.get $i)))
      (if (i32.eq (local.get $byte) (i32.const 42))
        (then
          (call $tag (local.get $open))
          (local.set $open (i32.eqz (local.get $open))))
        (else (call $put (local.get $byte))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 79))))
    (i32.const 8192))
  (data (i32.const 1024) "This *tool* turns marks of *emphasis* into tags, as converters of documents do."))
