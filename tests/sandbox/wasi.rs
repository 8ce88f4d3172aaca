//! WASI programs: what they see, what they do to files, and what is logged of it.

use wasmspoor::{
    Value,
    sandbox::{Answer, EntryEnd, Pointed, RunOptions, Seed, Status},
};

use super::{run, run_with};

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))"#;

/// A program whose `_start` has this body; the helper `$ok` ends it with the number of what failed.
fn program(data: &str, body: &str) -> String {
    format!(
        r#"(module {IMPORTS} (memory (export "memory") 2) {data}
        (func $ok (param $number i32) (param $errno i32) (if (local.get $errno) (then
            (call $proc_exit (i32.add (i32.mul (local.get $number) (i32.const 1000)) (local.get $errno))))))
        (func (export "_start") {body}))"#
    )
}

#[test]
fn a_program_writes_reads_and_exits() {
    let text = program(
        r#"(data (i32.const 100) "hello\n") (data (i32.const 200) "\64\00\00\00\06\00\00\00\64\00\00\00\00\00\00\00")
           (data (i32.const 300) "\90\01\00\00\08\00\00\00")"#,
        "(call $ok (i32.const 1) (call $fd_write (i32.const 1) (i32.const 200) (i32.const 2) (i32.const 60)))
         (call $ok (i32.const 2) (call $fd_write (i32.const 2) (i32.const 200) (i32.const 1) (i32.const 64)))
         (call $ok (i32.const 3) (call $fd_read (i32.const 0) (i32.const 300) (i32.const 1) (i32.const 68)))
         (call $proc_exit (i32.add (i32.load (i32.const 60)) (i32.add (i32.load (i32.const 68)) (i32.load8_u (i32.const 401)))))",
    );
    let mut options = RunOptions::default();
    options.stdin = b"input".to_vec();
    let run = run_with(&text, &options);
    assert_eq!((run.stdout.as_slice(), run.stderr.as_slice()), (&b"hello\n"[..], &b"hello\n"[..]));
    assert_eq!((run.status, run.exit_code), (Status::Exited, Some(6 + 5 + i32::from(b'n'))));
    assert_eq!(run.entries.len(), 1, "a command is not driven further");
    assert_eq!(run.entries[0].end, EntryEnd::Exited { code: 121 });
    let call = &run.calls[0];
    assert_eq!((call.answer, call.fabricated, &call.errno), (Answer::Wasi, false, &None));
    let names: Vec<_> = call.args.iter().map(|arg| arg.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["fd", "iovs", "iovs_len", "nwritten"]);
    assert_eq!(call.args[1].points_at, Some(Pointed::Text { text: "hello\n".into() }));
    assert_eq!(
        run.calls[2].args[1].points_at,
        Some(Pointed::Text { text: "input".into() }),
        "what was read, not what there was room for"
    );
    let last = run.calls.last().unwrap();
    assert!(last.ended && last.results.is_empty());
}

#[test]
fn the_streams_are_a_terminal() {
    let run = run(&program(
        "",
        "(call $ok (i32.const 1) (call $fd_fdstat_get (i32.const 1) (i32.const 64)))
         (call $proc_exit (i32.add (i32.load8_u (i32.const 64)) (i32.and (i32.load (i32.const 72)) (i32.const 0x24))))",
    ));
    assert_eq!(run.exit_code, Some(2), "a character device without the rights to seek and tell");
}

/// Encrypts a decoy in place under another name, as ransomware does.
const RANSOM: &str = r#"(data (i32.const 100) "home/user/documents/report.txt") (data (i32.const 200) "home/user/documents/report.txt.locked")
    (data (i32.const 300) "\00\04\00\00\00\10\00\00")"#;
const RANSOM_BODY: &str = "(local $n i32) (local $i i32)
    (call $ok (i32.const 1) (call $path_open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 30) (i32.const 0)
        (i64.const 0x66) (i64.const 0) (i32.const 0) (i32.const 60)))
    (call $ok (i32.const 2) (call $fd_read (i32.load (i32.const 60)) (i32.const 300) (i32.const 1) (i32.const 64)))
    (local.set $n (i32.load (i32.const 64)))
    (loop $l (i32.store8 (i32.add (i32.const 1024) (local.get $i)) (i32.xor (i32.load8_u (i32.add (i32.const 1024) (local.get $i))) (i32.mul (local.get $i) (i32.const 37))))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (call $ok (i32.const 3) (call $fd_seek (i32.load (i32.const 60)) (i64.const 0) (i32.const 0) (i32.const 72)))
    (i32.store (i32.const 304) (local.get $n))
    (call $ok (i32.const 4) (call $fd_write (i32.load (i32.const 60)) (i32.const 300) (i32.const 1) (i32.const 64)))
    (call $ok (i32.const 5) (call $fd_close (i32.load (i32.const 60))))
    (call $ok (i32.const 6) (call $path_rename (i32.const 3) (i32.const 100) (i32.const 30) (i32.const 3) (i32.const 200) (i32.const 37)))";

#[test]
fn what_happens_to_files_is_listed() {
    let run = run(&program(RANSOM, RANSOM_BODY));
    assert_eq!((run.status, run.exit_code), (Status::Exited, Some(0)), "{:?}", run.calls.last());
    let [file] = &run.files[..] else { panic!("{:?}", run.files) };
    assert_eq!((file.path.as_str(), file.change.as_str()), ("/home/user/documents/report.txt", "renamed"));
    assert_eq!(file.to.as_deref(), Some("/home/user/documents/report.txt.locked"));
    assert_eq!(file.size_before, file.size_after);
    assert!(file.entropy_before.unwrap() < 4.6 && file.entropy_after.unwrap() > 6.5, "{file:?}");
    assert_eq!(file.sha256.as_deref().map(str::len), Some(64));
    let write = run.calls.iter().find(|call| &*call.name == "fd_write").unwrap();
    assert!(
        matches!(write.args[1].points_at, Some(Pointed::Bytes { entropy, .. }) if entropy > 6.5),
        "{write:?}"
    );
}

#[test]
fn paths_do_not_lead_out() {
    let run = run(&program(
        r#"(data (i32.const 100) "../../etc/passwd")"#,
        "(call $proc_exit (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 16) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 60)))",
    ));
    assert_eq!(run.exit_code, Some(76));
    let call = &run.calls[0];
    assert_eq!((call.errno.as_deref(), call.args[2].name.as_deref()), (Some("notcapable"), Some("path")));
    assert_eq!(call.args[2].points_at, Some(Pointed::Text { text: "../../etc/passwd".into() }));
}

#[test]
fn time_is_virtual_and_randomness_seeded() {
    let text = program(
        r#"(data (i32.const 200) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\c0\fe\2e\42\04\00\00")"#,
        "(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)))
         (call $ok (i32.const 1) (call $poll_oneoff (i32.const 200) (i32.const 300) (i32.const 1) (i32.const 60)))
         (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 8)))
         (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 16)))
         (drop (call $random_get (i32.const 24) (i32.const 8)))
         (if (i64.lt_u (i64.sub (i64.load (i32.const 8)) (i64.load (i32.const 0))) (i64.const 4682302799872)) (then (call $proc_exit (i32.const 9))))
         (call $proc_exit (i32.add (i32.load (i32.const 60)) (i32.load8_u (i32.const 24))))",
    );
    let runs = [1, 1, 2].map(|seed| {
        let mut options = RunOptions::default();
        options.seed = Seed::Given(seed);
        let run = run_with(&text, &options);
        assert_eq!((run.sleeps, run.slept_ns), (1, 4_682_302_799_872));
        (run.exit_code, run.calls.iter().map(|call| call.time_ns).collect::<Vec<_>>())
    });
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].1.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_directory_is_listed_in_pieces() {
    // Reads with a buffer too small for all, again and again from the last cookie.
    let run = run(&program(
        "",
        "(local $cookie i64) (local $entries i32) (local $used i32)
         (loop $l
            (call $ok (i32.const 1) (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 40) (local.get $cookie) (i32.const 60)))
            (local.set $used (i32.load (i32.const 60)))
            (if (i32.ge_u (local.get $used) (i32.const 24)) (then
                (local.set $cookie (i64.load (i32.const 1024)))
                (local.set $entries (i32.add (local.get $entries) (i32.const 1)))
                (br $l))))
         (call $proc_exit (local.get $entries))",
    ));
    assert_eq!(run.exit_code, Some(5), "., .., etc, home, tmp");
}

#[test]
fn the_forerunner_differs() {
    // Seeks with its own numbers: 2 is from the start.
    let text = r#"(module
        (import "wasi_unstable" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
        (import "wasi_unstable" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
        (data (i32.const 100) "etc/hostname")
        (func (export "_start")
            (if (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 12) (i32.const 0) (i64.const 0x200026) (i64.const 0) (i32.const 0) (i32.const 60))
                (then (call $exit (i32.const 100))))
            (if (call $seek (i32.load (i32.const 60)) (i64.const 5) (i32.const 2) (i32.const 64)) (then (call $exit (i32.const 101))))
            (if (call $stat (i32.load (i32.const 60)) (i32.const 200)) (then (call $exit (i32.const 102))))
            ;; the size stands at 24 there, not at 32; the number of links is a word at 20
            (call $exit (i32.add (i32.load (i32.const 64)) (i32.add (i32.load (i32.const 220)) (i32.load (i32.const 224)))))))"#;
    assert_eq!(run(text).exit_code, Some(5 + 1 + 14));
}

#[test]
fn sixty_four_bits_may_come_in_halves_and_a_wrong_type_gets_zeros() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $split (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $wrong (param i64) (result f32))) (memory (export "memory") 1)
        (func (export "_start") (result i32)
            (drop (call $wrong (i64.const -1))) (drop (call $split (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)))
            (i32.eqz (i32.load (i32.const 68)))))"#;
    let run = run(text);
    assert_eq!(run.entries[0].results, [Value::I32(0)]);
    let answers: Vec<_> = run.calls.iter().map(|call| (call.answer, call.fabricated)).collect();
    assert_eq!(answers, [(Answer::Default, true), (Answer::Wasi, false)]);
}

#[test]
fn arguments_have_their_names_though_sixty_four_bits_come_in_halves() {
    let run = run(r#"(module
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "etc/hostname")
        (func (export "_start") (drop (call $open
            (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 12) (i32.const 0)
            (i32.const 2) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 64)))))"#);
    let call = &run.calls[0];
    assert_eq!(call.errno, None);
    let names: Vec<_> = call.args.iter().filter_map(|arg| arg.name.as_deref()).collect();
    let expected = "fd dirflags path path_len oflags rights_base high rights_inheriting high fdflags opened";
    assert_eq!(names.len(), expected.split(' ').count(), "{names:?}");
    assert_eq!(names[5..9], ["rights_base", "high", "rights_inheriting", "high"]);
    assert_eq!(call.args[2].points_at, Some(Pointed::Text { text: "etc/hostname".into() }));
}

#[test]
fn sockets_are_refused_and_what_was_to_be_sent_is_logged() {
    let run = run(&program(
        r#"(data (i32.const 100) "secret") (data (i32.const 200) "\64\00\00\00\06\00\00\00")"#,
        "(call $proc_exit (call $sock_send (i32.const 3) (i32.const 200) (i32.const 1) (i32.const 0) (i32.const 60)))",
    ));
    assert_eq!(run.exit_code, Some(57));
    let call = &run.calls[0];
    assert_eq!(call.args[1].points_at, Some(Pointed::Text { text: "secret".into() }));
    assert!(call.fabricated && call.errno.as_deref() == Some("notsock"));
}
