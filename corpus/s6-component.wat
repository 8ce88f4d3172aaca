;; RUN: spoor trace % --json
;; WHAT: WASMShark S6: a component and no module; there CLEAN with exit code 0, and nothing of it ran.
;; EXPECT: verdict=CLEAN status=exited functions=1 functions_run=1 instructions=1
(component
  (core module $inside
    (func (export "run") (result i32) (i32.const 42)))
  (core instance $instance (instantiate $inside))
  (func (export "run") (result u32) (canon lift (core func $instance "run")))
)
