;; RUN: spoor trace % --invoke run --json
;; WHAT: Staged loader: builds a second module byte by byte in memory, header first, and hands it to the host
;;   to be compiled.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=loader rule=load-code/staged status=exited carved=1 host=env.WebAssembly.instantiate:1
(module
  (import "env" "WebAssembly.instantiate" (func $instantiate (param i32 i32) (result i32)))
  (import "env" "call_export" (func $call_export (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $at (mut i32) (i32.const 4096))
  (func $byte (param $b i32)
    (i32.store8 (global.get $at) (local.get $b))
    (global.set $at (i32.add (global.get $at) (i32.const 1))))
  (func $leb (param $n i32)
    (loop $next
      (if (i32.ge_u (local.get $n) (i32.const 128))
        (then
          (call $byte (i32.or (i32.and (local.get $n) (i32.const 127)) (i32.const 128)))
          (local.set $n (i32.shr_u (local.get $n) (i32.const 7)))
          (br $next))))
    (call $byte (local.get $n)))
  (func $header
    (i32.store (global.get $at) (i32.const 0x6d736100))
    (i32.store offset=4 (global.get $at) (i32.const 1))
    (global.set $at (i32.add (global.get $at) (i32.const 8))))
  ;; Sections come from a table, masked with their position.
  (func $section (param $id i32) (param $from i32) (param $n i32) (local $i i32)
    (call $byte (local.get $id))
    (call $leb (local.get $n))
    (block $done
      (loop $copy
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (call $byte (i32.and (i32.const 255) (i32.xor (i32.load8_u (i32.add (local.get $from) (local.get $i)))
          (i32.add (i32.mul (local.get $i) (i32.const 13)) (i32.const 0x55)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $copy))))
  (func (export "run") (result i32)
    (call $header)
    (call $section (i32.const 1) (i32.const 64) (i32.const 5))
    (call $section (i32.const 3) (i32.const 80) (i32.const 2))
    (call $section (i32.const 7) (i32.const 96) (i32.const 9))
    (call $section (i32.const 10) (i32.const 112) (i32.const 6))
    (if (i32.lt_s (call $instantiate (i32.const 4096) (i32.sub (global.get $at) (i32.const 4096))) (i32.const 0))
      (then (return (i32.const -1))))
    (call $call_export (i32.const 128) (i32.const 5)))
  ;; A module with one function `stage` that returns 42.
  (data (i32.const 64) "\54\02\6f\7d\f6")
  (data (i32.const 80) "\54\62")
  (data (i32.const 96) "\54\67\1c\08\e8\f1\c6\b0\bd")
  (data (i32.const 112) "\54\66\6f\3d\a3\9d")
  (data (i32.const 128) "stage")
)
