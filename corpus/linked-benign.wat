;; RUN: spoor trace % --json
;; WHAT: The harmless component benign-component, with what it shares in a library and its memory in a
;;   third module.
;; EXPECT: verdict=CLEAN|UNDECIDED status=exited stdout="checksum " host=wasi:cli/environment@0.2.0.get-arguments:1 norule=load-code
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type $e (sub resource)))))
  (alias export $errors "error" (type $any))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $stream (sub resource)))
    (alias outer 1 $any (type $outer))
    (export "error" (type $failure (eq $outer)))
    (type $error' (variant (case "last-operation-failed" (own $failure)) (case "closed")))
    (export "stream-error" (type $error (eq $error')))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $error)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $own (eq $outer)))
    (export "get-stdout" (func (result (own $own))))))

  (core module $store
    (memory (export "memory") 1)
    (global (export "text") i32 (i32.const 64)))

  ;; What sums and writes digits, shared by whoever needs it.
  (core module $library
    (import "store" "memory" (memory 1))
    (import "store" "text" (global $text i32))
    (data (global.get $text) "checksum 00000000\n")
    ;; Fletcher's checksum of one string, from a sum on.
    (func $sum (export "sum") (param $at i32) (param $len i32) (param $sum i32) (result i32) (local $low i32)
      (local.set $low (i32.and (local.get $sum) (i32.const 0xffff)))
      (local.set $sum (i32.shr_u (local.get $sum) (i32.const 16)))
      (block $done
        (loop $more
          (br_if $done (i32.eqz (local.get $len)))
          (local.set $low
            (i32.rem_u (i32.add (local.get $low) (i32.load8_u (local.get $at))) (i32.const 65521)))
          (local.set $sum (i32.rem_u (i32.add (local.get $sum) (local.get $low)) (i32.const 65521)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $len (i32.sub (local.get $len) (i32.const 1)))
          (br $more)))
      (i32.add (i32.mul (local.get $sum) (i32.const 65536)) (local.get $low)))
    ;; Writes eight digits.
    (func $digits (export "digits") (param $value i32) (local $at i32) (local $digit i32)
      (local.set $at (i32.const 81))
      (loop $more
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (local.set $digit (i32.rem_u (local.get $value) (i32.const 16)))
        (local.set $value (i32.div_u (local.get $value) (i32.const 16)))
        (i32.store8 (local.get $at)
          (i32.add (local.get $digit)
            (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
        (br_if $more (i32.gt_u (local.get $at) (i32.const 73))))))

  (core module $program
    (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
    (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
      (func $write (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop (param i32)))
    (import "library" "sum" (func $sum (param i32 i32 i32) (result i32)))
    (import "library" "digits" (func $digits (param i32)))
    (import "store" "memory" (memory 1))
    (global $free (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "wasi:cli/run@0.2.0#run") (result i32)
      (local $at i32) (local $left i32) (local $sum i32) (local $out i32)
      (call $arguments (i32.const 8))
      (local.set $at (i32.load (i32.const 8)))
      (local.set $left (i32.load (i32.const 12)))
      (local.set $sum (i32.const 1))
      (block $done
        (loop $more
          (br_if $done (i32.eqz (local.get $left)))
          (local.set $sum
            (call $sum (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (local.get $sum)))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $more)))
      (call $digits (local.get $sum))
      (local.set $out (call $stdout))
      (call $write (local.get $out) (i32.const 64) (i32.const 18) (i32.const 16))
      (call $drop (local.get $out))
      (i32.load8_u (i32.const 16))))

  (core module $jumps
    (type $t0 (func (param i32))) (type $t1 (func (param i32 i32 i32 i32)))
    (table (export "$imports") 2 2 funcref)
    (func (export "0") (type $t0) (call_indirect (type $t0) (local.get 0) (i32.const 0)))
    (func (export "1") (type $t1) (call_indirect (type $t1) (local.get 0) (local.get 1) (local.get 2)
      (local.get 3) (i32.const 1))))
  (core module $fill
    (import "" "$imports" (table 2 2 funcref))
    (import "" "0" (func (param i32)))
    (import "" "1" (func (param i32 i32 i32 i32)))
    (elem (i32.const 0) func 0 1))

  (core instance $jumps (instantiate $jumps))
  (core func $stdout (canon lower (func $stdout "get-stdout")))
  (core func $drop (canon resource.drop $stream))
  (core instance $store (instantiate $store))
  (core instance $library (instantiate $library (with "store" (instance $store))))
  (core instance $program (instantiate $program
    (with "store" (instance $store)) (with "library" (instance $library))
    (with "wasi:cli/environment@0.2.0" (instance (export "get-arguments" (func $jumps "0"))))
    (with "wasi:cli/stdout@0.2.0" (instance (export "get-stdout" (func $stdout))))
    (with "wasi:io/streams@0.2.0" (instance
      (export "[method]output-stream.blocking-write-and-flush" (func $jumps "1"))
      (export "[resource-drop]output-stream" (func $drop))))))
  (core func $arguments (canon lower (func $environment "get-arguments")
    (memory (core memory $store "memory")) (realloc (core func $program "cabi_realloc"))))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $store "memory"))))
  (core instance (instantiate $fill (with "" (instance
    (export "$imports" (table $jumps "$imports"))
    (export "0" (func $arguments)) (export "1" (func $write))))))

  (func $run (result (result)) (canon lift (core func $program "wasi:cli/run@0.2.0#run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exports))
)
