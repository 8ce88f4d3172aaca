;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D7: an honest program that calls its host; each call of an import is `UNEXPECTED_FUNCTIONS:
;;   dynamically generated or injected code` there, and the leaf function that runs first counts as not
;;   covered.
;; EXPECT: verdict=CLEAN status=exited host=env.print:10 unexpected=0 hidden=0 functions_run=3 nofinding=UNEXPECTED_FUNCTIONS cyclomatic=fib:2
(module
  (import "env" "print" (func $print (param i32)))
  (func $leaf (nop))
  (func $fib (param $n i32) (result i32)
    (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1))) (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
  (func $main (export "main") (local $i i32)
    (call $leaf)
    (loop $next
      (call $print (call $fib (local.get $i)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))))
