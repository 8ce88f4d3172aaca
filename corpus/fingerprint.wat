;; RUN: spoor trace % --invoke probe --json
;; WHAT: Tells browsers apart: asks for canvas, languages, screen, batteries and clocks, and for the addresses
;;   behind a proxy through a peer connection.
;; EXPECT: rule=browser/fingerprint rule=browser/network norule=impact/ status=exited host=env.RTCPeerConnection:1
(module
  (import "env" "navigator.userAgent" (func $agent (param i32 i32) (result i32)))
  (import "env" "navigator.languages" (func $languages (param i32 i32) (result i32)))
  (import "env" "screen.colorDepth" (func $depth (result i32)))
  (import "env" "canvas.toDataURL" (func $canvas (param i32 i32) (result i32)))
  (import "env" "performance.now" (func $now (result f64)))
  (import "env" "RTCPeerConnection" (func $peer (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $hash (mut i32) (i32.const 0x811c9dc5))
  ;; FNV-1a over what was written to the buffer.
  (func $mix (param $len i32) (local $i i32)
    (block $done
      (loop $byte
        (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
        (global.set $hash (i32.mul (i32.xor (global.get $hash) (i32.load8_u offset=1024 (local.get $i))) (i32.const 0x01000193)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $byte))))
  (func (export "probe") (result i32)
    (call $mix (i32.and (call $agent (i32.const 1024) (i32.const 256)) (i32.const 255)))
    (call $mix (i32.and (call $languages (i32.const 1024) (i32.const 64)) (i32.const 63)))
    (call $mix (i32.and (call $canvas (i32.const 1024) (i32.const 4096)) (i32.const 4095)))
    (global.set $hash (i32.xor (global.get $hash) (call $depth)))
    (drop (call $now))
    (drop (call $peer (i32.const 64) (i32.const 34)))
    (global.get $hash))
  (data (i32.const 64) "stun:stun.probe.example.invalid:3478"))
