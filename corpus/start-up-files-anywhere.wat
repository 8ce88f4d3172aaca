;; RUN: spoor run %
;; WHAT: Makes itself at home on whatever machine it is: writes to what systemd, init, macOS, Windows,
;;   PowerShell, the linker and shells read when they start; one by a link.
;; EXPECT: rule=persistence/service rule=persistence/schedule rule=persistence/autostart rule=persistence/shell rule=persistence/linker status=exited file=/etc/rc.local:created file=/etc/systemd/system/a.target.wants/b.service:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024)
    "home/user/.config/systemd/user/updater.service\00"
    "etc/systemd/system/multi-user.target.wants/updater.service\00"
    "home/user/.config/systemd/user/timers.target.wants/updater.timer\00"
    "etc/rc.local\00"
    "Users/user/Library/LaunchAgents/com.example.updater.plist\00"
    "Library/LaunchDaemons/com.example.updater.plist\00"
    "Users/user/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/updater.cmd\00"
    "Windows/System32/Tasks/Updater\00"
    "Users/user/Documents/WindowsPowerShell/profile.ps1\00"
    "etc/ld.so.preload\00"
    "home/user/.zshenv\00")
  (data (i32.const 4096) "/home/user/.local/bin/updater --quiet\n")
  (data (i32.const 4160) "etc/systemd/system/a.target.wants/b.service")
  (data (i32.const 4224) "../../../../home/user/.config/systemd/user/updater.service")
  (func $append (param $path i32) (param $len i32)
    (if (i32.eqz (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 1)
        (i64.const 0x40) (i64.const 0) (i32.const 1) (i32.const 12)))
      (then
        (i32.store (i32.const 0) (i32.const 4096))
        (i32.store (i32.const 4) (i32.const 38))
        (drop (call $fd_write (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $fd_close (i32.load (i32.const 12)))))))
  ;; Each path of the list: the directories on its way, then the file.
  (func $all (param $at i32)
    (local $begin i32)
    (local.set $begin (local.get $at))
    (loop $next
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 47))
        (then (drop (call $path_create_directory (i32.const 3) (local.get $begin) (i32.sub (local.get $at) (local.get $begin))))))
      (if (i32.eqz (i32.load8_u (local.get $at)))
        (then
          (call $append (local.get $begin) (i32.sub (local.get $at) (local.get $begin)))
          (local.set $begin (i32.add (local.get $at) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 1517)))))
  (func (export "_start")
    (call $all (i32.const 1024))
    (drop (call $path_create_directory (i32.const 3) (i32.const 4160) (i32.const 33)))
    (drop (call $path_symlink (i32.const 4224) (i32.const 58) (i32.const 3) (i32.const 4160) (i32.const 43)))))
