;; RUN: spoor trace % --json
;; WHAT: Backup tool: copies each file of the documents folder to a folder of its own and counts the bytes; originals stay as they are.
;; EXPECT: verdict=CLEAN norule=impact/ norule=load-code/ norule=exfiltration status=exited
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (func $open (param $path i32) (param $len i32) (param $flags i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (local.get $flags)
        (i64.const 0x204046) (i64.const 0x204046) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $read (param $fd i32) (param $to i32) (param $len i32) (result i32)
    (i32.store (i32.const 0) (local.get $to))
    (i32.store (i32.const 4) (local.get $len))
    (i32.store (i32.const 8) (i32.const 0))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load (i32.const 8)))
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $number (param $n i32) (local $p i32)
    (local.set $p (i32.const 255))
    (loop $digit
      (i32.store8 (local.get $p) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $p (i32.sub (local.get $p) (i32.const 1)))
      (br_if $digit (local.tee $n (i32.div_u (local.get $n) (i32.const 10)))))
    (call $write (i32.const 1) (i32.add (local.get $p) (i32.const 1)) (i32.sub (i32.const 255) (local.get $p))))
  ;; From the path at 1024 to the path at 1536; gives back the number of bytes.
  (func $copy (param $from_len i32) (param $to_len i32) (result i32) (local $in i32) (local $out i32) (local $n i32) (local $sum i32)
    (local.set $in (call $open (i32.const 1024) (local.get $from_len) (i32.const 0)))
    (if (i32.lt_s (local.get $in) (i32.const 0)) (then (return (i32.const 0))))
    (local.set $out (call $open (i32.const 1536) (local.get $to_len) (i32.const 9)))
    (if (i32.ge_s (local.get $out) (i32.const 0))
      (then
        (loop $part
          (local.set $n (call $read (local.get $in) (i32.const 16384) (i32.const 8192)))
          (if (local.get $n) (then (call $write (local.get $out) (i32.const 16384) (local.get $n))))
          (local.set $sum (i32.add (local.get $sum) (local.get $n)))
          (br_if $part (local.get $n)))
        (drop (call $fd_close (local.get $out)))))
    (drop (call $fd_close (local.get $in)))
    (local.get $sum))
  (func (export "_start") (local $dir i32) (local $p i32) (local $end i32) (local $name i32) (local $files i32) (local $bytes i32)
    (drop (call $path_create_directory (i32.const 3) (i32.const 512) (i32.const 16)))
    (local.set $dir (call $open (i32.const 528) (i32.const 19) (i32.const 2)))
    (if (i32.lt_s (local.get $dir) (i32.const 0))
      (then (call $write (i32.const 2) (i32.const 547) (i32.const 13)) (call $proc_exit (i32.const 1))))
    (drop (call $fd_readdir (local.get $dir) (i32.const 4096) (i32.const 8192) (i64.const 0) (i32.const 16)))
    (local.set $p (i32.const 4096))
    (local.set $end (i32.add (local.get $p) (i32.load (i32.const 16))))
    (memory.copy (i32.const 1024) (i32.const 560) (i32.const 20))
    (memory.copy (i32.const 1536) (i32.const 580) (i32.const 17))
    (block $done
      (loop $entry
        (br_if $done (i32.gt_u (i32.add (local.get $p) (i32.const 24)) (local.get $end)))
        (local.set $name (i32.load offset=16 (local.get $p)))
        (if (i32.eq (i32.load8_u offset=20 (local.get $p)) (i32.const 4))
          (then
            (memory.copy (i32.const 1044) (i32.add (local.get $p) (i32.const 24)) (local.get $name))
            (memory.copy (i32.const 1553) (i32.add (local.get $p) (i32.const 24)) (local.get $name))
            (i32.store (i32.add (i32.const 1553) (local.get $name)) (i32.const 0x6b61622e))
            (local.set $bytes (i32.add (local.get $bytes)
              (call $copy (i32.add (local.get $name) (i32.const 20)) (i32.add (local.get $name) (i32.const 21)))))
            (local.set $files (i32.add (local.get $files) (i32.const 1)))))
        (local.set $p (i32.add (local.get $p) (i32.add (local.get $name) (i32.const 24))))
        (br $entry)))
    (call $number (local.get $files))
    (call $write (i32.const 1) (i32.const 597) (i32.const 8))
    (call $number (local.get $bytes))
    (call $write (i32.const 1) (i32.const 605) (i32.const 13)))
  (data (i32.const 512)
    "home/user/backup"
    "home/user/documents"
    "no documents\n"
    "home/user/documents/"
    "home/user/backup/"
    " files, "
    " bytes saved\n")
)
