;; RUN: spoor trace % --json
;; WHAT: WASMShark S6: a function that leaves the wrong type on the stack. No engine takes it; there it is
;;   CLEAN and `Valid`.
;; EXPECT: verdict=UNDECIDED|SUSPICIOUS|POTENTIALLY_UNWANTED status=invalid functions=2 static_xor=1
(module
  (memory (export "memory") 1)
  (func (export "first") (result i32)
    (i32.xor (i32.const 1) (i32.const 2)))
  (func (export "second") (result i32)
    (i64.const 3))
  (data (i32.const 0) "what stands here can be read all the same: http://static.example.invalid/")
)
