;; RUN: spoor trace % --json
;; WHAT: Exports return a script for the page and a small archive.
;; EXPECT: verdict=CLEAN|UNDECIDED|POTENTIALLY_UNWANTED rule=load-code/script norule=impact/ status=exited
(module
  (memory (export "memory") 1)
  (func (export "boot") (result i32)
    (memory.copy (i32.const 4096) (i32.const 1024) (i32.const 132))
    (i32.const 4096))
  (func (export "assets") (result i32 i32) (i32.const 2048) (i32.const 64))
  (data (i32.const 1024) "(function () { var s = document.createElement(\22script\22); s.src = \22https://example.invalid/a.js\22; document.head.appendChild(s); })();")
  (data (i32.const 2048) "PK\03\04\14\00\00\00\08\00\21\58\9a\1c\7f\02\11\00\00\00\10\00\00\00\05\00\00\00a.txt"))
