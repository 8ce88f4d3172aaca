;; RUN: spoor trace % --json
;; WHAT: Cleaner: deletes what ends in `.tmp` in the folder for temporary files, after it looked at the size,
;;   and says how many; everything else stays.
;; EXPECT: verdict=CLEAN|POTENTIALLY_UNWANTED norule=impact/ransomware norule=impact/wiper status=exited stdout="2 temporary files deleted\n"
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (global $freed (mut i64) (i64.const 0))
  (global $count (mut i32) (i32.const 0))
  (func $open (param $path i32) (param $len i32) (param $flags i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (local.get $flags)
        (i64.const 0x604056) (i64.const 0x604056) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $open_dir (param $path i32) (param $len i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 2)
        (i64.const 0x6000) (i64.const 0x604056) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $is_temporary (param $name i32) (param $n i32) (result i32)
    (if (i32.le_u (local.get $n) (i32.const 4)) (then (return (i32.const 0))))
    (i32.eq (i32.load align=1 (i32.sub (i32.add (local.get $name) (local.get $n)) (i32.const 4))) (i32.const 0x706d742e)))
  (func $remove (param $n i32)
    (if (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 1024) (local.get $n) (i32.const 256)) (then (return)))
    (if (i32.eqz (call $path_unlink_file (i32.const 3) (i32.const 1024) (local.get $n)))
      (then
        (global.set $freed (i64.add (global.get $freed) (i64.load (i32.const 288))))
        (global.set $count (i32.add (global.get $count) (i32.const 1))))))
  (func $make (param $path i32) (param $n i32)
    (local $fd i32)
    (local.set $fd (call $open (local.get $path) (local.get $n) (i32.const 1)))
    (call $write (local.get $fd) (i32.const 512) (i32.const 10))
    (drop (call $fd_close (local.get $fd))))
  (func (export "_start") (local $dir i32) (local $p i32) (local $end i32) (local $name i32)
    ;; Something of its own to clean.
    (call $make (i32.const 522) (i32.const 14))
    (call $make (i32.const 536) (i32.const 14))
    (local.set $dir (call $open_dir (i32.const 550) (i32.const 3)))
    (drop (call $fd_readdir (local.get $dir) (i32.const 4096) (i32.const 8192) (i64.const 0) (i32.const 16)))
    (local.set $p (i32.const 4096))
    (local.set $end (i32.add (local.get $p) (i32.load (i32.const 16))))
    (memory.copy (i32.const 1024) (i32.const 553) (i32.const 4))
    (block $done
      (loop $entry
        (br_if $done (i32.gt_u (i32.add (local.get $p) (i32.const 24)) (local.get $end)))
        (local.set $name (i32.load offset=16 (local.get $p)))
        (if (i32.eq (i32.load8_u offset=20 (local.get $p)) (i32.const 4))
          (then
            (if (call $is_temporary (i32.add (local.get $p) (i32.const 24)) (local.get $name))
              (then
                (memory.copy (i32.const 1028) (i32.add (local.get $p) (i32.const 24)) (local.get $name))
                (call $remove (i32.add (local.get $name) (i32.const 4)))))))
        (local.set $p (i32.add (local.get $p) (i32.add (local.get $name) (i32.const 24))))
        (br $entry)))
    (i32.store8 (i32.const 2048) (i32.add (i32.const 48) (global.get $count)))
    (call $write (i32.const 1) (i32.const 2048) (i32.const 1))
    (call $write (i32.const 1) (i32.const 557) (i32.const 25)))
  (data (i32.const 512)
    "left over\n"
    "tmp/work-1.tmp"
    "tmp/work-2.tmp"
    "tmp"
    "tmp/"
    " temporary files deleted\n")
)
