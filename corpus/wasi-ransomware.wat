;; RUN: spoor trace % --json
;; WHAT: The shape of WASMShark's sample_ransomware with the right WASI types.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS|POTENTIALLY_UNWANTED status=exited string="YOUR FILES HAVE BEEN ENCRYPTED" nop_run=encrypt:60 static_xor=50
;; The shape of WASMShark's sample_ransomware with the right WASI types: `_start` executes 50 times
;; (const, const, i32.xor, drop) and 60 nop: 260 instructions, and calls nothing.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
  (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func $encrypt (export "_start") (export "encrypt_file")
    i32.const 11109 i32.const 27822 i32.xor drop
    i32.const 43095 i32.const 2798 i32.xor drop
    i32.const 23983 i32.const 46588 i32.xor drop
    i32.const 54156 i32.const 29065 i32.xor drop
    i32.const 24675 i32.const 3168 i32.xor drop
    i32.const 49396 i32.const 7810 i32.xor drop
    i32.const 14310 i32.const 64714 i32.xor drop
    i32.const 55712 i32.const 13321 i32.xor drop
    i32.const 62893 i32.const 46505 i32.xor drop
    i32.const 48318 i32.const 38861 i32.xor drop
    i32.const 15639 i32.const 41711 i32.xor drop
    i32.const 4856 i32.const 24320 i32.xor drop
    i32.const 33616 i32.const 27147 i32.xor drop
    i32.const 210 i32.const 6737 i32.xor drop
    i32.const 559 i32.const 17901 i32.xor drop
    i32.const 53263 i32.const 496 i32.xor drop
    i32.const 5656 i32.const 49924 i32.xor drop
    i32.const 10252 i32.const 396 i32.xor drop
    i32.const 32474 i32.const 56130 i32.xor drop
    i32.const 60706 i32.const 42071 i32.xor drop
    i32.const 48016 i32.const 29206 i32.xor drop
    i32.const 40712 i32.const 57600 i32.xor drop
    i32.const 31107 i32.const 12400 i32.xor drop
    i32.const 52781 i32.const 50615 i32.xor drop
    i32.const 52741 i32.const 49343 i32.xor drop
    i32.const 33 i32.const 1067 i32.xor drop
    i32.const 45911 i32.const 27381 i32.xor drop
    i32.const 6892 i32.const 23950 i32.xor drop
    i32.const 132 i32.const 4225 i32.xor drop
    i32.const 12148 i32.const 61071 i32.xor drop
    i32.const 54338 i32.const 34899 i32.xor drop
    i32.const 15066 i32.const 23390 i32.xor drop
    i32.const 10966 i32.const 23258 i32.xor drop
    i32.const 14045 i32.const 56234 i32.xor drop
    i32.const 5872 i32.const 56840 i32.xor drop
    i32.const 37173 i32.const 9893 i32.xor drop
    i32.const 54666 i32.const 45388 i32.xor drop
    i32.const 57847 i32.const 16126 i32.xor drop
    i32.const 46284 i32.const 39318 i32.xor drop
    i32.const 30967 i32.const 7909 i32.xor drop
    i32.const 34282 i32.const 48469 i32.xor drop
    i32.const 6688 i32.const 17417 i32.xor drop
    i32.const 4611 i32.const 16507 i32.xor drop
    i32.const 220 i32.const 7068 i32.xor drop
    i32.const 51715 i32.const 16503 i32.xor drop
    i32.const 626 i32.const 20045 i32.xor drop
    i32.const 43393 i32.const 12345 i32.xor drop
    i32.const 26466 i32.const 60492 i32.xor drop
    i32.const 1185 i32.const 37936 i32.xor drop
    i32.const 54218 i32.const 31048 i32.xor drop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop)
  (data (i32.const 0) "YOUR FILES HAVE BEEN ENCRYPTED"))
