;; RUN: spoor trace % --invoke run --json
;; WHAT: Floods the log of host calls: 30,000 calls that mean nothing around a single one that matters.
;; EXPECT: status=exited host=env.performance.now:30000 host=env.document.cookie:1
(module
  (import "env" "performance.now" (func $now (result f64)))
  (import "env" "document.cookie" (func $cookie (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $flood (param $n i32) (local $t f64)
    (loop $next
      (local.set $t (f64.max (local.get $t) (call $now)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (f64.store (i32.const 0) (local.get $t)))
  (func $needle (result i32)
    (call $cookie (i32.const 1024) (i32.const 256)))
  (func (export "run") (result i32) (local $got i32)
    (call $flood (i32.const 20000))
    (local.set $got (call $needle))
    (call $flood (i32.const 10000))
    (local.get $got)))
