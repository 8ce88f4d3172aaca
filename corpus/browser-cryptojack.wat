;; RUN: spoor trace % --json
;; WHAT: The shape of WASMShark's sample_browser_cryptojack.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=cryptojacker|miner correlation=CONFIRMED_AUTORUN status=exited
;; The shape of WASMShark's sample_browser_cryptojack: the start function (index 8) executes 70 nop, 40 times
;; (const, const, i32.xor, drop) and one call of import 0: 231 instructions. `exfil_cookies` is exported and
;; not called.
(module
  (import "env" "XMLHttpRequest" (func $import0))
  (import "env" "WebSocket" (func $import1))
  (import "env" "localStorage.getItem" (func $import2))
  (import "env" "document.cookie" (func $import3))
  (import "env" "navigator.sendBeacon" (func $import4))
  (import "env" "clipboard.writeText" (func $import5))
  (import "env" "geolocation.getCurrentPosition" (func $import6))
  (import "env" "performance.now" (func $import7))
  (import "memory" "memory" (memory 8))
  (func $mine_browser (export "mine_browser")
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop
    i32.const 34190 i32.const 45533 i32.xor drop
    i32.const 55481 i32.const 5920 i32.xor drop
    i32.const 27459 i32.const 26740 i32.xor drop
    i32.const 44177 i32.const 37436 i32.xor drop
    i32.const 39089 i32.const 5682 i32.xor drop
    i32.const 38628 i32.const 56455 i32.xor drop
    i32.const 63476 i32.const 65158 i32.xor drop
    i32.const 42597 i32.const 52400 i32.xor drop
    i32.const 6483 i32.const 10848 i32.xor drop
    i32.const 4743 i32.const 20711 i32.xor drop
    i32.const 11553 i32.const 42031 i32.xor drop
    i32.const 57302 i32.const 64219 i32.xor drop
    i32.const 16543 i32.const 5093 i32.xor drop
    i32.const 2909 i32.const 27582 i32.xor drop
    i32.const 62935 i32.const 47857 i32.xor drop
    i32.const 5377 i32.const 41023 i32.xor drop
    i32.const 44674 i32.const 53315 i32.xor drop
    i32.const 32996 i32.const 7310 i32.xor drop
    i32.const 57826 i32.const 15434 i32.xor drop
    i32.const 42946 i32.const 63578 i32.xor drop
    i32.const 5543 i32.const 46328 i32.xor drop
    i32.const 61014 i32.const 51925 i32.xor drop
    i32.const 45517 i32.const 14780 i32.xor drop
    i32.const 15285 i32.const 30382 i32.xor drop
    i32.const 42876 i32.const 61318 i32.xor drop
    i32.const 18096 i32.const 54805 i32.xor drop
    i32.const 41702 i32.const 23749 i32.xor drop
    i32.const 4661 i32.const 18105 i32.xor drop
    i32.const 16427 i32.const 1387 i32.xor drop
    i32.const 45230 i32.const 5580 i32.xor drop
    i32.const 31543 i32.const 26343 i32.xor drop
    i32.const 9823 i32.const 52221 i32.xor drop
    i32.const 21153 i32.const 21545 i32.xor drop
    i32.const 715 i32.const 22908 i32.xor drop
    i32.const 21901 i32.const 45472 i32.xor drop
    i32.const 2319 i32.const 8696 i32.xor drop
    i32.const 38025 i32.const 37182 i32.xor drop
    i32.const 65349 i32.const 59555 i32.xor drop
    i32.const 11635 i32.const 44658 i32.xor drop
    i32.const 31969 i32.const 39980 i32.xor drop
    call $import0)
  (func (export "exfil_cookies")
    i32.const 4651 i32.const 17784 i32.xor drop
    i32.const 7661 i32.const 48570 i32.xor drop
    i32.const 26301 i32.const 55202 i32.xor drop
    i32.const 47504 i32.const 12801 i32.xor drop
    i32.const 56130 i32.const 26689 i32.xor drop
    i32.const 20372 i32.const 62085 i32.xor drop
    i32.const 25242 i32.const 21319 i32.xor drop
    i32.const 25123 i32.const 17528 i32.xor drop
    i32.const 3441 i32.const 44579 i32.xor drop
    i32.const 19268 i32.const 26761 i32.xor drop
    i32.const 56606 i32.const 41925 i32.xor drop
    i32.const 17975 i32.const 50920 i32.xor drop
    i32.const 388 i32.const 12444 i32.xor drop
    i32.const 2010 i32.const 64324 i32.xor drop
    i32.const 63988 i32.const 16026 i32.xor drop
    i32.const 65030 i32.const 49359 i32.xor drop
    i32.const 53513 i32.const 8494 i32.xor drop
    i32.const 3569 i32.const 48696 i32.xor drop
    i32.const 27530 i32.const 29000 i32.xor drop
    i32.const 27021 i32.const 12719 i32.xor drop
    i32.const 41546 i32.const 18775 i32.xor drop
    i32.const 54247 i32.const 31971 i32.xor drop
    i32.const 40714 i32.const 57677 i32.xor drop
    i32.const 27784 i32.const 37126 i32.xor drop
    i32.const 46164 i32.const 35481 i32.xor drop
    call $import3)
  (start $mine_browser))
