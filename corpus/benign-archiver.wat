;; RUN: spoor trace % --json
;; WHAT: Archiver: packs the documents with a small LZ77 into one archive, unpacks it again and compares;
;;   originals stay.
;; EXPECT: verdict=CLEAN norule=impact/ norule=load-code/ status=exited stdout="archive written\n" file=/tmp/documents.lz:created
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 6)
  (func $open (param $path i32) (param $len i32) (param $flags i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (local.get $flags)
        (i64.const 0x604056) (i64.const 0x604056) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $open_read (param $path i32) (param $len i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 0)
        (i64.const 0x200006) (i64.const 0) (i32.const 0) (i32.const 12))
      (then (i32.const -1))
      (else (i32.load (i32.const 12)))))
  (func $open_dir (param $path i32) (param $len i32) (result i32)
    (if (result i32)
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 2)
        (i64.const 0x6000) (i64.const 0x604056) (i32.const 0) (i32.const 12))
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
  (func $hash (param $p i32) (result i32)
    (i32.shl (i32.shr_u (i32.mul (i32.load (local.get $p)) (i32.const 0x9e3779b1)) (i32.const 20)) (i32.const 2)))
  (func $match (param $a i32) (param $b i32) (param $end i32) (result i32) (local $n i32)
    (block $stop
      (loop $next
        (br_if $stop (i32.ge_u (i32.add (local.get $b) (local.get $n)) (local.get $end)))
        (br_if $stop (i32.ge_u (local.get $n) (i32.const 255)))
        (br_if $stop (i32.ne (i32.load8_u (i32.add (local.get $a) (local.get $n))) (i32.load8_u (i32.add (local.get $b) (local.get $n)))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br $next)))
    (local.get $n))
  ;; Output: 0 and a byte, or length (4 and more) and a distance of two bytes. The table at 32768 holds the
  ;; last place of each hash.
  (func $pack (param $p i32) (param $n i32) (param $out i32) (result i32)
    (local $end i32) (local $slot i32) (local $old i32) (local $len i32) (local $first i32)
    (local.set $first (local.get $out))
    (local.set $end (i32.add (local.get $p) (local.get $n)))
    (memory.fill (i32.const 32768) (i32.const 0) (i32.const 16384))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $p) (local.get $end)))
        (local.set $slot (call $hash (local.get $p)))
        (local.set $old (i32.load offset=32768 (local.get $slot)))
        (i32.store offset=32768 (local.get $slot) (local.get $p))
        (local.set $len (i32.const 0))
        (if (i32.and (i32.ne (local.get $old) (i32.const 0)) (i32.lt_u (i32.sub (local.get $p) (local.get $old)) (i32.const 65536)))
          (then (local.set $len (call $match (local.get $old) (local.get $p) (local.get $end)))))
        (if (i32.ge_u (local.get $len) (i32.const 4))
          (then
            (i32.store8 (local.get $out) (local.get $len))
            (i32.store16 offset=1 (local.get $out) (i32.sub (local.get $p) (local.get $old)))
            (local.set $out (i32.add (local.get $out) (i32.const 3)))
            (local.set $p (i32.add (local.get $p) (local.get $len))))
          (else
            (i32.store8 (local.get $out) (i32.const 0))
            (i32.store8 offset=1 (local.get $out) (i32.load8_u (local.get $p)))
            (local.set $out (i32.add (local.get $out) (i32.const 2)))
            (local.set $p (i32.add (local.get $p) (i32.const 1)))))
        (br $next)))
    (i32.sub (local.get $out) (local.get $first)))
  (func $unpack (param $p i32) (param $n i32) (param $out i32) (result i32) (local $end i32) (local $len i32) (local $from i32) (local $first i32)
    (local.set $first (local.get $out))
    (local.set $end (i32.add (local.get $p) (local.get $n)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $p) (local.get $end)))
        (local.set $len (i32.load8_u (local.get $p)))
        (if (local.get $len)
          (then
            (local.set $from (i32.sub (local.get $out) (i32.load16_u offset=1 (local.get $p))))
            (loop $byte
              (i32.store8 (local.get $out) (i32.load8_u (local.get $from)))
              (local.set $out (i32.add (local.get $out) (i32.const 1)))
              (local.set $from (i32.add (local.get $from) (i32.const 1)))
              (br_if $byte (local.tee $len (i32.sub (local.get $len) (i32.const 1)))))
            (local.set $p (i32.add (local.get $p) (i32.const 3))))
          (else
            (i32.store8 (local.get $out) (i32.load8_u offset=1 (local.get $p)))
            (local.set $out (i32.add (local.get $out) (i32.const 1)))
            (local.set $p (i32.add (local.get $p) (i32.const 2)))))
        (br $next)))
    (i32.sub (local.get $out) (local.get $first)))
  ;; Packs what stands at 65536, checks the way back, writes {length, packed} to the archive.
  (func $member (param $archive i32) (param $n i32) (local $packed i32) (local $i i32)
    (local.set $packed (call $pack (i32.const 65536) (local.get $n) (i32.const 131076)))
    (if (i32.ne (call $unpack (i32.const 131076) (local.get $packed) (i32.const 262144)) (local.get $n)) (then (call $proc_exit (i32.const 3))))
    (block $same
      (loop $byte
        (br_if $same (i32.ge_u (local.get $i) (local.get $n)))
        (if (i32.ne (i32.load8_u offset=65536 (local.get $i)) (i32.load8_u offset=262144 (local.get $i))) (then (call $proc_exit (i32.const 4))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $byte)))
    (i32.store (i32.const 131072) (local.get $packed))
    (call $write (local.get $archive) (i32.const 131072) (i32.add (local.get $packed) (i32.const 4))))
  (func (export "_start") (local $dir i32) (local $archive i32) (local $p i32) (local $end i32) (local $name i32) (local $fd i32)
    (local.set $archive (call $open (i32.const 512) (i32.const 16) (i32.const 9)))
    ;; The first member is a text of its own.
    (memory.copy (i32.const 65536) (i32.const 528) (i32.const 114))
    (call $member (local.get $archive) (i32.const 114))
    (local.set $dir (call $open_dir (i32.const 642) (i32.const 19)))
    (drop (call $fd_readdir (local.get $dir) (i32.const 4096) (i32.const 8192) (i64.const 0) (i32.const 16)))
    (local.set $p (i32.const 4096))
    (local.set $end (i32.add (local.get $p) (i32.load (i32.const 16))))
    (memory.copy (i32.const 1024) (i32.const 661) (i32.const 20))
    (block $done
      (loop $entry
        (br_if $done (i32.gt_u (i32.add (local.get $p) (i32.const 24)) (local.get $end)))
        (local.set $name (i32.load offset=16 (local.get $p)))
        (if (i32.eq (i32.load8_u offset=20 (local.get $p)) (i32.const 4))
          (then
            (memory.copy (i32.const 1044) (i32.add (local.get $p) (i32.const 24)) (local.get $name))
            (local.set $fd (call $open_read (i32.const 1024) (i32.add (local.get $name) (i32.const 20))))
            (if (i32.ge_s (local.get $fd) (i32.const 0))
              (then
                (call $member (local.get $archive) (call $read (local.get $fd) (i32.const 65536) (i32.const 16384)))
                (drop (call $fd_close (local.get $fd)))))))
        (local.set $p (i32.add (local.get $p) (i32.add (local.get $name) (i32.const 24))))
        (br $entry)))
    (drop (call $fd_close (local.get $archive)))
    (call $write (i32.const 1) (i32.const 681) (i32.const 16)))
  (data (i32.const 512)
    "tmp/documents.lz"
    "the rain in Spain stays mainly in the plain, mainly in the plain, in the plain, in the rain, in the rain in Spain\n"
    "home/user/documents"
    "home/user/documents/"
    "archive written\n")
)
