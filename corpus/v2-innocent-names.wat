;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark V2: names in which `bind`, `read`, `rand`, `c2`, `aes`, `send` and `exec` only occur as
;;   letters; there seven HIGH findings of network access and a taint source.
;; EXPECT: verdict=CLEAN status=exited norule=communication/ norule=exfiltration norule=collection/ norule=impact/ norule=host-interaction/process
(module
  (import "./bindings_wasm_bg.js" "__wbindgen_throw" (func $throw (param i32 i32)))
  (import "./bindings_wasm_bg.js" "__wbindgen_object_drop_ref" (func $drop_ref (param i32)))
  (import "./bindings_wasm_bg.js" "__wbg_new_abda76e883ba8a5f" (func $new (result i32)))
  (import "env" "pthread_self" (func $pthread_self (result i32)))
  (import "env" "brandNew" (func $brand_new (param i32) (result i32)))
  (import "env" "getVec2Caesar" (func $vec2 (param i32) (result i32)))
  (import "env" "setExecutorPriority" (func $priority (param i32)))
  (memory (export "memory") 2)
  (global $top (mut i32) (i32.const 65536))
  (func $malloc (export "__wbindgen_malloc") (param $n i32) (result i32) (local $p i32)
    (local.set $p (global.get $top))
    (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get $n) (i32.const 7)) (i32.const -8))))
    (local.get $p))
  ;; Reverses a text into a new place, as a first exercise of wasm-bindgen.
  (func $reverse (param $p i32) (param $n i32) (result i32) (local $to i32) (local $i i32)
    (local.set $to (call $malloc (local.get $n)))
    (block $done
      (loop $byte
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (i32.store8 (i32.add (local.get $to) (local.get $i))
          (i32.load8_u (i32.sub (i32.add (local.get $p) (local.get $n)) (i32.add (local.get $i) (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $byte)))
    (local.get $to))
  (func (export "main") (result i32) (local $object i32)
    (local.set $object (call $new))
    (drop (call $pthread_self))
    (drop (call $brand_new (i32.const 1)))
    (drop (call $vec2 (i32.const 2)))
    (call $priority (i32.const 3))
    (local.set $object (i32.add (local.get $object) (call $reverse (i32.const 1024) (i32.const 64))))
    (call $drop_ref (i32.const 0))
    (local.get $object))
  (data (i32.const 1024) "binding sender, thread reader, brand caesar, executive, c2h5oh..")
)
