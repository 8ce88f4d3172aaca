;; RUN: spoor trace % --json
;; WHAT: Carries a page that loads a hidden frame and leads elsewhere; an export returns its address.
;; EXPECT: verdict=POTENTIALLY_UNWANTED family=loader rule=load-code/page norule=impact/ status=exited
(module
  (memory (export "memory") 1)
  (global $shown (mut i32) (i32.const 0))
  (func $length (param $at i32) (result i32) (local $n i32)
    (loop $next
      (if (i32.load8_u (i32.add (local.get $at) (local.get $n)))
        (then
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br $next))))
    (local.get $n))
  (func (export "content") (result i32)
    (global.set $shown (i32.add (global.get $shown) (i32.const 1)))
    (i32.const 1024))
  (func (export "content_length") (result i32) (call $length (i32.const 1024)))
  (data (i32.const 1024) "<!DOCTYPE html><html><head><title>Loading</title></head><body><iframe src=\22https://example.invalid/frame\22 width=\221\22 height=\221\22></iframe><script>setTimeout(function () { location.href = \22https://example.invalid/next\22; }, 900);</script></body></html>\00"))
