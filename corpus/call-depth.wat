;; RUN: spoor trace % --json
;; WHAT: nested calls of every kind: recursion six deep, tail calls that stay where they are, a table, calls
;;   side by side
;; EXPECT: /call_depth/0/max=8 /call_depth/0/mean=3.0 calls=19 status=exited
(module
  (type $unary (func (param i32)))
  (table funcref (elem $leaf))
  (func $leaf (type $unary))

  ;; Calls itself until nothing is left: frames at the depths 2 to 8.
  (func $recurse (param $left i32)
    (if (local.get $left)
      (then (call $recurse (i32.sub (local.get $left) (i32.const 1))))))

  ;; Takes its own place again and again, one below `_start`.
  (func $turn (param $left i32)
    (if (local.get $left)
      (then (return_call $turn (i32.sub (local.get $left) (i32.const 1))))))

  (func (export "_start")
    (call $recurse (i32.const 6))
    (call $turn (i32.const 9))
    (call_indirect (type $unary) (i32.const 0) (i32.const 0))
    (call $leaf (i32.const 0))))
