;; RUN: spoor trace % --invoke main --json
;; WHAT: A function that tail-calls itself through a table.
;; EXPECT: norule=impact/ status=trapped
;; A function that tail-calls itself through a table until the table has nothing more: it passes its call with
;; the same decisions
;; twice, after one target and before the next, and only the last time it traps.
(module
  (type $t (func))
  (table funcref (elem $f $f $f $f $f))
  (global $next (mut i32) (i32.const 0))
  (func $f (type $t)
    (global.set $next (i32.add (global.get $next) (i32.const 1)))
    (return_call_indirect (type $t) (global.get $next)))
  (func (export "main") (call $f)))
