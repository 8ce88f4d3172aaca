//! What a persona gives a sample, and what the sample does with it: sockets, bait, streams.

use std::sync::Arc;

use wasmspoor::sandbox::{Connection, LeakEncoding, Persona, Run, RunOptions};

use super::run_with;

/// A program on these functions; `$iov` lies at 64 and holds pointer 1024 and length `$room`.
fn program(data: &str, body: &str) -> String {
    let import = |name: &str, params: &str| {
        format!(r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params}) (result i32)))"#)
    };
    let imports: String = [
        ("sock_accept", "i32 i32 i32"),
        ("sock_recv", "i32 i32 i32 i32 i32 i32"),
        ("sock_send", "i32 i32 i32 i32 i32"),
        ("sock_shutdown", "i32 i32"),
        ("fd_read", "i32 i32 i32 i32"),
        ("fd_write", "i32 i32 i32 i32"),
        ("fd_close", "i32"),
        ("fd_fdstat_get", "i32 i32"),
        ("fd_prestat_get", "i32 i32"),
        ("environ_get", "i32 i32"),
        ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
        ("poll_oneoff", "i32 i32 i32 i32"),
    ]
    .map(|(name, params)| import(name, params))
    .concat();
    format!(
        r#"(module {imports} (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1) {data}
        (func $is (param $number i32) (param $expected i32) (param $found i32)
            (if (i32.ne (local.get $expected) (local.get $found)) (then
                (call $exit (i32.add (i32.mul (local.get $number) (i32.const 1000)) (local.get $found))))))
        (func (export "_start") {body}))"#
    )
}

fn run_as(persona: &str, text: &str) -> Run {
    let persona = Persona::parse("test.toml", persona).unwrap_or_else(|error| panic!("{error}"));
    run_with(text, &RunOptions::default().with_persona(Arc::new(persona)))
}

const NO_DIR: &str = "description = 'test'\npreopens = {}\n";

#[test]
fn a_connection_is_accepted_read_answered_and_closed() {
    let persona = format!(
        "{NO_DIR}[[socket]]\nname = 'http'\nconnection = [{{ receive = [{{ text = 'GET /' }}, {{ text = 'Host:' }}] }}, {{ stays = true }}]\n\
         [[socket]]\nname = 'log'\n"
    );
    let text = program(
        r#"(data (i32.const 64) "\00\04\00\00\04\00\00\00") (data (i32.const 80) "\80\00\00\00\05\00\00\00") (data (i32.const 128) "reply")"#,
        "(call $is (i32.const 1) (i32.const 8) (call $fd_prestat_get (i32.const 3) (i32.const 0)))
         (call $is (i32.const 2) (i32.const 53) (call $sock_recv (i32.const 3) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)))
         (call $is (i32.const 3) (i32.const 28) (call $sock_accept (i32.const 3) (i32.const 1) (i32.const 16)))
         (call $is (i32.const 4) (i32.const 21) (call $sock_accept (i32.const 3) (i32.const 0) (i32.const -1)))
         (call $is (i32.const 5) (i32.const 0) (call $sock_accept (i32.const 3) (i32.const 4) (i32.const 16)))
         (call $is (i32.const 6) (i32.const 5) (i32.load (i32.const 16)))
         (call $is (i32.const 7) (i32.const 0) (call $fd_fdstat_get (i32.const 5) (i32.const 200)))
         (call $is (i32.const 8) (i32.const 6) (i32.load8_u (i32.const 200)))
         (call $is (i32.const 9) (i32.const 4) (i32.load16_u (i32.const 202)))
         ;; peek, read, read all that is there, the end
         (call $is (i32.const 10) (i32.const 0) (call $sock_recv (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 8)))
         (call $is (i32.const 11) (i32.const 0x20544547) (i32.load (i32.const 1024)))
         (call $is (i32.const 12) (i32.const 0) (call $sock_recv (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)))
         (call $is (i32.const 13) (i32.const 4) (i32.load (i32.const 0)))
         (i32.store (i32.const 68) (i32.const 100))
         (call $is (i32.const 14) (i32.const 0) (call $sock_recv (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 2) (i32.const 0) (i32.const 8)))
         (call $is (i32.const 15) (i32.const 6) (i32.load (i32.const 0)))
         (call $is (i32.const 16) (i32.const 0) (call $fd_read (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 0)))
         (call $is (i32.const 17) (i32.const 0) (i32.load (i32.const 0)))
         (call $is (i32.const 18) (i32.const 28) (call $sock_recv (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 4) (i32.const 0) (i32.const 8)))
         (call $is (i32.const 19) (i32.const 28) (call $sock_send (i32.const 5) (i32.const 80) (i32.const 1) (i32.const 1) (i32.const 0)))
         (call $is (i32.const 20) (i32.const 0) (call $sock_send (i32.const 5) (i32.const 80) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $is (i32.const 21) (i32.const 5) (i32.load (i32.const 0)))
         (call $is (i32.const 22) (i32.const 0) (call $fd_write (i32.const 5) (i32.const 80) (i32.const 1) (i32.const 0)))
         (call $is (i32.const 23) (i32.const 28) (call $sock_shutdown (i32.const 5) (i32.const 0)))
         (call $is (i32.const 24) (i32.const 53) (call $sock_shutdown (i32.const 3) (i32.const 1)))
         (call $is (i32.const 25) (i32.const 57) (call $sock_shutdown (i32.const 1) (i32.const 1)))
         (call $is (i32.const 26) (i32.const 0) (call $sock_shutdown (i32.const 5) (i32.const 2)))
         (call $is (i32.const 27) (i32.const 64) (call $sock_send (i32.const 5) (i32.const 80) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $is (i32.const 28) (i32.const 0) (call $fd_close (i32.const 5)))
         (call $is (i32.const 29) (i32.const 0) (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16)))
         (call $is (i32.const 30) (i32.const 6) (call $sock_recv (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)))
         (call $is (i32.const 31) (i32.const 6) (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16)))
         (call $is (i32.const 32) (i32.const 28) (call $sock_accept (i32.const 4) (i32.const 0) (i32.const 16)))
         (call $is (i32.const 33) (i32.const 0) (call $sock_send (i32.const 4) (i32.const 80) (i32.const 1) (i32.const 0) (i32.const 0)))",
    );
    let run = run_as(&persona, &text);
    assert_eq!(run.exit_code, Some(0));
    let used = |name: &str, sent: &[u8], received, shut_down| Connection {
        name: name.into(),
        sent: sent.to_vec(),
        received,
        shut_down,
        ..Connection::default()
    };
    assert_eq!(
        run.connections,
        [used("log", b"reply", 0, 0), used("http#1", b"replyreply", 10, 2), used("http#2", b"", 0, 0)]
    );
}

#[test]
fn a_poll_knows_which_connection_has_something() {
    let persona = format!(
        "{NO_DIR}[[socket]]\nname = 'a'\nstays = true\n[[socket]]\nname = 'b'\nreceive = [{{ text = 'hello' }}]\n\
         [[socket]]\nname = 'c'\n[[socket]]\nname = 'd'\nconnection = []\n"
    );
    // Read subscriptions for descriptors 3 to 6, and a fifth for a clock of two seconds.
    let reads: String = (3..7)
        .map(|fd| {
            format!(
                r"\0{fd}\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\0{fd}\00\00\00{}",
                r"\00".repeat(28)
            )
        })
        .collect();
    let clock = format!(
        r"\63\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\94\35\77{}",
        r"\00".repeat(20)
    );
    let text = program(
        &format!(r#"(data (i32.const 256) "{reads}{clock}")"#),
        "(call $is (i32.const 1) (i32.const 0) (call $poll_oneoff (i32.const 256) (i32.const 1024) (i32.const 4) (i32.const 0)))
         (call $is (i32.const 2) (i32.const 2) (i32.load (i32.const 0)))
         (call $is (i32.const 3) (i32.const 4) (i32.load (i32.const 1024)))
         (call $is (i32.const 4) (i32.const 5) (i32.load (i32.const 1040)))
         (call $is (i32.const 5) (i32.const 0) (i32.load (i32.const 1048)))
         ;; the other end of the third is gone
         (call $is (i32.const 6) (i32.const 5) (i32.load (i32.const 1056)))
         (call $is (i32.const 7) (i32.const 1) (i32.load (i32.const 1080)))
         ;; a silent one and a clock: the clock; nothing but silent ones: none
         (memory.copy (i32.const 304) (i32.const 448) (i32.const 48))
         (call $is (i32.const 8) (i32.const 0) (call $poll_oneoff (i32.const 256) (i32.const 1024) (i32.const 2) (i32.const 0)))
         (call $is (i32.const 9) (i32.const 1) (i32.load (i32.const 0)))
         (call $is (i32.const 10) (i32.const 99) (i32.load (i32.const 1024)))
         (call $is (i32.const 11) (i32.const 0) (call $poll_oneoff (i32.const 256) (i32.const 1024) (i32.const 1) (i32.const 0)))
         (call $is (i32.const 12) (i32.const 0) (i32.load (i32.const 0)))",
    );
    let run = run_as(&persona, &text);
    assert_eq!((run.exit_code, run.slept_ns), (Some(0), 62_000_000_000));
}

const BAIT: &str = "description = 'test'\nenv = { KEY = 'environment-key-0815' }\n[[file]]\npath = '/secret'\ntext = 'user=robin password=Holunder-4711-x'\n\
    [[honeytoken]]\nname = 'password'\ntext = 'Holunder-4711-x'\n[[honeytoken]]\nname = 'key'\ntext = 'environment-key-0815'\n\
    [[socket]]\nname = 'out'\n[[file]]\npath = '/other'\ntext = 'plain text'\nhoneytoken = 'other'\n";

#[test]
fn bait_is_followed_from_where_it_lay_to_where_it_went() {
    // Opens the file, reads it, writes it to a copy, sends it in hexadecimal; opens another and reads nothing
    // of it.
    let text = program(
        r#"(data (i32.const 100) "secret") (data (i32.const 110) "copy") (data (i32.const 120) "other")
           (data (i32.const 64) "\00\04\00\00\00\01\00\00") (data (i32.const 72) "\00\08\00\00\46\00\00\00") (data (i32.const 160) "0123456789abcdef")"#,
        "(local $i i32)
         (call $is (i32.const 1) (i32.const 0) (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 6) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
         (call $is (i32.const 2) (i32.const 0) (call $fd_read (i32.load (i32.const 16)) (i32.const 64) (i32.const 1) (i32.const 0)))
         (call $is (i32.const 3) (i32.const 0) (call $path_open (i32.const 3) (i32.const 0) (i32.const 110) (i32.const 4) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
         (i32.store (i32.const 68) (i32.load (i32.const 0)))
         (call $is (i32.const 4) (i32.const 0) (call $fd_write (i32.load (i32.const 16)) (i32.const 64) (i32.const 1) (i32.const 0)))
         (call $is (i32.const 5) (i32.const 0) (call $path_open (i32.const 3) (i32.const 0) (i32.const 120) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
         (loop $l
            (i32.store8 (i32.add (i32.const 2048) (i32.mul (local.get $i) (i32.const 2)))
                (i32.load8_u offset=160 (i32.shr_u (i32.load8_u offset=1024 (local.get $i)) (i32.const 4))))
            (i32.store8 (i32.add (i32.const 2049) (i32.mul (local.get $i) (i32.const 2)))
                (i32.load8_u offset=160 (i32.and (i32.load8_u offset=1024 (local.get $i)) (i32.const 15))))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 35))))
         (call $is (i32.const 6) (i32.const 0) (call $sock_send (i32.const 4) (i32.const 72) (i32.const 1) (i32.const 0) (i32.const 0)))",
    );
    let run = run_as(BAIT, &text);
    assert_eq!(run.exit_code, Some(0), "{:?}", run.calls.last());
    let [other, password] = &run.honeytokens[..] else { panic!("{:?}", run.honeytokens) };
    assert_eq!(
        (password.name.as_str(), password.opened, password.read, password.first_call),
        ("password", 1, 1, Some(0))
    );
    assert_eq!(password.touched_in, ["/secret"]);
    let leaks: Vec<_> = password
        .leaks
        .iter()
        .map(|leak| (leak.to.to_string(), &*leak.by, leak.encoding, leak.first_call))
        .collect();
    assert_eq!(
        leaks,
        [
            ("/copy".to_owned(), "wasi_snapshot_preview1.fd_write", LeakEncoding::Plain, Some(3)),
            ("socket out".to_owned(), "wasi_snapshot_preview1.sock_send", LeakEncoding::Hex, Some(5)),
        ]
    );
    assert_eq!((other.name.as_str(), other.opened, other.read, other.leaks.len()), ("other", 1, 0, 0));
}

#[test]
fn bait_in_the_environment_that_is_used_as_a_name_or_printed_letter_by_letter() {
    let text = program(
        r#"(data (i32.const 64) "\00\00\00\00\01\00\00\00")"#,
        "(local $i i32)
         (call $is (i32.const 1) (i32.const 0) (call $environ_get (i32.const 1024) (i32.const 2048)))
         (call $is (i32.const 2) (i32.const 0) (call $path_open (i32.const 3) (i32.const 0) (i32.const 2052) (i32.const 20) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
         (loop $l (i32.store (i32.const 64) (i32.add (i32.const 2048) (local.get $i)))
            (call $is (i32.const 3) (i32.const 0) (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 0)))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 24))))",
    );
    let run = run_as(BAIT, &text);
    assert_eq!(run.exit_code, Some(0), "{:?}", run.calls.last());
    let [key] = &run.honeytokens[..] else { panic!("{:?}", run.honeytokens) };
    assert_eq!(
        (key.name.as_str(), &*key.touched_in, key.opened, key.read),
        ("key", &["environment".to_owned()][..], 0, 1)
    );
    let leaks: Vec<_> =
        key.leaks.iter().map(|leak| (leak.to.to_string(), &*leak.by, leak.first_call)).collect();
    assert_eq!(leaks[1..], [("stdout".to_owned(), "", None)], "{leaks:?}");
    assert!(leaks[0].1.ends_with("path_open") && leaks[0].2 == Some(1), "{leaks:?}");
    assert_eq!(leaks[0].0, "/", "the directory has no name of its own");
}

/// Where a vector stands must not hide what it holds.
#[test]
fn bait_goes_out_through_a_vector_at_address_zero() {
    let run = super::run(
        r#"(module
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\00\04\00\00\00\04\00\00") (data (i32.const 32) "home/user/.ssh/id_rsa")
        (func (export "_start")
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 32) (i32.const 21) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
            (drop (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 20)))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))"#,
    );
    let token = run.honeytokens.iter().find(|token| token.name == "ssh-key").expect("it was read");
    let leaks: Vec<_> =
        token.leaks.iter().map(|leak| (leak.to.to_string(), leak.encoding.as_str())).collect();
    assert_eq!(leaks, [("stdout".to_owned(), "plain")]);
    assert_eq!(
        token.leaks[0].by, "wasi_snapshot_preview1.fd_write",
        "it is seen in the call, not only in what is left"
    );
}

#[test]
fn a_stream_that_is_no_terminal_says_so() {
    let text = program(
        "",
        "(call $is (i32.const 1) (i32.const 0) (call $fd_fdstat_get (i32.const 0) (i32.const 64)))
         (call $is (i32.const 2) (i32.const 0) (i32.load8_u (i32.const 64)))
         (call $is (i32.const 3) (i32.const 0) (call $fd_fdstat_get (i32.const 1) (i32.const 64)))
         (call $is (i32.const 4) (i32.const 2) (i32.load8_u (i32.const 64)))",
    );
    assert_eq!(run_as("description = 'test'\nterminals = ['stdout']", &text).exit_code, Some(0));
}

#[test]
fn the_shipped_ones_are_whole_worlds() {
    for (name, path, variables) in
        [("workstation", "/home/robin/.ssh/id_ed25519", 8), ("server", "/etc/shadow", 8)]
    {
        let persona = Persona::shipped(name).unwrap();
        assert!(
            persona.env.len() >= variables && persona.files.iter().any(|file| file.path == path),
            "{name}"
        );
    }
    let study = study();
    assert_eq!((study.args.len(), study.env.len(), study.preopens.len()), (1, 0, 0));
}

fn study() -> RunOptions {
    RunOptions::default().with_persona(Persona::shipped("study").unwrap())
}

/// Wasmtime, in which the study ran, has no clock of processor time.
#[test]
fn the_clocks_of_processor_time_are_those_of_the_persona() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (result i32 i32 i32 i32 i32 i32)
            (call $time (i32.const 1) (i64.const 0) (i32.const 0))
            (call $time (i32.const 2) (i64.const 0) (i32.const 0))
            (call $time (i32.const 3) (i64.const 0) (i32.const 0))
            (call $resolution (i32.const 2) (i32.const 0))
            (call $resolution (i32.const 3) (i32.const 0))
            (call $time (i32.const 4) (i64.const 0) (i32.const 0))))"#;
    let results = |options: &RunOptions| -> Vec<String> {
        run_with(text, options).entries[0].results.iter().map(ToString::to_string).collect()
    };
    assert_eq!(results(&study()), ["0", "8", "8", "8", "8", "28"]);
    assert_eq!(results(&RunOptions::default()), ["0", "0", "0", "0", "0", "28"]);
    let own = Persona::parse("own.toml", "description = 'own'\ncpu_clocks = false").unwrap();
    assert_eq!(results(&RunOptions::default().with_persona(Arc::new(own)))[1], "8");
}
