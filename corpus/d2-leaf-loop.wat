;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark D2: a loop of 100,000 rounds in a function that calls nothing; its report stops at the
;;   first `end` and says 2 instructions.
;; EXPECT: status=exited instructions=800003 taken=99999 not_taken=1 functions_run=1 loops=main:1 cyclomatic=main:2
(module
  (func $main (export "main") (result i32) (local $n i32)
    (local.set $n (i32.const 100000))
    (loop $round
      (br_if $round (i32.ne (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $n)))
