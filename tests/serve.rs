//! `spoor serve --stdio` and `spoor scan -` from outside, by the protocol of `docs/protocol.md`.
#![cfg(unix)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

#[path = "common/limits.rs"]
mod limits;

use limits::NO_LIMITS;

/// Runs until its limits end it: with `NO_LIMITS`, for ever.
const FOREVER: &[u8] = br#"(module (func (export "_start") (loop $l (br $l))))"#;

/// A program that writes a file.
const DROPPER: &[u8] = br#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "tmp/dropped") (data (i32.const 16) "\20\00\00\00\07\00\00\00")
  (data (i32.const 32) "payload")
  (func (export "_start")
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 11) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 64)))
    (drop (call $write (i32.load (i32.const 64)) (i32.const 16) (i32.const 1) (i32.const 68)))))"#;

/// A module whose export has this name.
fn module(name: &str) -> Vec<u8> {
    wat::parse_str(format!("(module (func (export \"{name}\") (result i32) (i32.const 7)))")).unwrap()
}

/// What was said: the line, and the bytes after it.
type Words = (Value, Vec<u8>);

struct Server {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the binary runs");
        let (input, output) = (process.stdin.take(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    fn give(&mut self, id: &str, sample: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(&given(id, sample)).and_then(|()| input.flush()).unwrap();
    }

    fn next(&mut self) -> Option<Words> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.contains(['<', '\u{202e}']), "what could deceive is escaped: {line}");
        let said: Value = (!line.is_empty()).then(|| serde_json::from_str(&line).expect("JSON"))?;
        let mut bytes = vec![0; said["bytes"].as_u64().unwrap_or(0) as usize];
        self.output.read_exact(&mut bytes).unwrap();
        Some((said, bytes))
    }

    /// What is said from here on, once nothing more is given; and how it ends.
    fn rest(mut self) -> (Vec<Words>, ExitStatus) {
        drop(self.input.take());
        let said = std::iter::from_fn(|| self.next()).collect();
        (said, self.process.wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn given(id: &str, sample: &[u8]) -> Vec<u8> {
    let header = json!({ "type": "sample", "id": id, "bytes": sample.len() });
    [format!("{header}\n").as_bytes(), sample].concat()
}

/// What was said of a sample, by the type of the line.
fn of<'a>(said: &'a [Words], id: &str, kind: &str) -> Vec<&'a Words> {
    said.iter().filter(|(line, _)| line["id"] == id && line["type"] == kind).collect()
}

fn done<'a>(said: &'a [Words], id: &str) -> &'a Value {
    match of(said, id, "done")[..] {
        [(line, _)] => line,
        ref other => panic!("{id}: {other:?}"),
    }
}

#[test]
fn samples_are_answered_with_reports_and_files() {
    let mut server = Server::start(&["serve", "--stdio", "--jobs=2"]);
    let (hello, _) = server.next().unwrap();
    assert_eq!((&hello["type"], &hello["protocol"]), (&json!("hello"), &json!("spoor.serve/1")));
    assert_eq!(hello["jobs"], 2);
    assert_eq!(hello["confinement"]["no_files"], true);
    let page = b"<script>var m = 'AGFzbQEAAAABBQFgAAF/AwIBAAcFAQFmAAAKBgEEAEEHCw=='</script>";
    for (id, sample) in [
        ("plain", &module("plain")[..]),
        ("dropper", DROPPER),
        ("page", page),
        ("nothing", b"no sample at all"),
        ("broken", b"\0asm\x01\0\0\0\x63"),
        ("empty", b""),
        ("deceptive", &module("\\u{202e}<b>")),
        // Nothing is kept: it is answered again.
        ("again", &module("plain")),
    ] {
        server.give(id, sample);
    }
    let (said, status) = server.rest();
    assert_eq!(said.last().unwrap().0, json!({ "type": "bye", "samples": 8 }));
    assert_eq!(status.code(), Some(0));

    let report = |id: &str| serde_json::from_slice::<Value>(&of(&said, id, "report")[0].1).unwrap();
    for id in ["plain", "dropper", "broken", "again"] {
        let (line, report) = (done(&said, id), report(id));
        assert_eq!((&line["result"], &line["failure"]), (&json!("analysed"), &Value::Null), "{id}");
        assert_eq!(line["row"]["sha256"], line["sha256"]);
        assert_eq!(line["row"]["verdict"], report["verdict"], "{id}");
        assert_eq!(report["schema"], "spoor.report/1");
    }
    assert_eq!(report("broken")["status"], "invalid");
    assert_eq!(report("deceptive")["view"]["exports"][0]["name"], "\u{202e}<b>");
    let deceptive = String::from_utf8(of(&said, "deceptive", "report")[0].1.clone()).unwrap();
    assert!(!deceptive.contains(['<', '\u{202e}']), "{deceptive}");
    assert_eq!(of(&said, "plain", "report")[0].1, of(&said, "again", "report")[0].1, "the same report");
    let files = of(&said, "dropper", "file");
    let [(label, bytes)] = files[..] else { panic!("{files:?}") };
    assert_eq!((&label["kind"], &label["name"]), (&json!("file"), &json!("/tmp/dropped")));
    assert_eq!((&bytes[..], &label["change"]), (&b"payload"[..], &json!("created")));
    assert_eq!(done(&said, "page")["result"], "unpacked");
    let found = of(&said, "page", "file");
    assert_eq!(found[0].0["inside"], json!(["base64@17"]));
    assert!(found[0].1.starts_with(b"\0asm"));
    for id in ["nothing", "empty"] {
        assert_eq!(done(&said, id)["result"], "unpacked");
        assert!(of(&said, id, "file").is_empty());
    }
}

#[test]
fn a_sample_that_kills_its_worker_costs_itself_and_no_other() {
    // A custom section of 64 MiB; the first eight bytes are the head of the module.
    let mut hog = b"\0asm\x01\0\0\0\0\x82\x80\x80\x20\x01x".to_vec();
    hog.resize(hog.len() + (64 << 20), 0);
    let mut server = Server::start(&["serve", "--stdio", "--jobs=1", "--sample-memory=120"]);
    for (id, sample) in [("before", &module("a")[..]), ("hog", &hog), ("after", &module("b"))] {
        server.give(id, sample);
    }
    let (said, status) = server.rest();
    assert_eq!(status.code(), Some(0));
    assert_eq!(done(&said, "before")["result"], "analysed");
    assert_eq!(done(&said, "after")["result"], "analysed");
    let hog = done(&said, "hog");
    assert_eq!((&hog["result"], &hog["failure"]["kind"]), (&json!("failed"), &json!("out_of_memory")));
}

#[test]
fn input_that_makes_no_sense_ends_it_after_what_came_before() {
    let cut = given("cut", &module("b"));
    for (input, expected) in [
        (&b"{\"type\":\"sample\"}\n"[..], "no header: missing field `id`"),
        (b"GET / HTTP/1.1\n", "no header"),
        (&[b'x'; 5000], "a header without an end in 4096 bytes"),
        (b"{\"type\":\"sample\",\"id\":\"\",\"bytes\":0}\n", "an id of 0 bytes"),
        (b"{\"type\":\"dance\",\"id\":\"a\",\"bytes\":0}\n", "unknown type `dance`"),
        (&cut[..cut.len() - 1], "the input ends within sample `cut`"),
    ] {
        let mut server = Server::start(&["serve", "--stdio", "--jobs=1"]);
        server.give("good", &module("a"));
        server.input.as_mut().unwrap().write_all(input).unwrap();
        let (said, status) = server.rest();
        assert_eq!(done(&said, "good")["result"], "analysed", "{expected}");
        let error = said.iter().find(|(line, _)| line["type"] == "error").expect(expected);
        assert!(error.0["text"].as_str().unwrap().contains(expected), "{error:?}");
        assert_eq!((status.code(), &said.last().unwrap().0["type"]), (Some(2), &json!("bye")));
    }
    let mut server = Server::start(&["serve", "--stdio"]);
    let header = json!({ "type": "sample", "id": "large", "bytes": (1u64 << 30) + 1, "new": "ignored" });
    server.input.as_mut().unwrap().write_all(format!("{header}\n").as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..1 << 10 {
        server.input.as_mut().unwrap().write_all(&zeros).unwrap();
    }
    server.input.as_mut().unwrap().write_all(b"\0").unwrap();
    server.give("next", &module("a"));
    let (said, _) = server.rest();
    assert_eq!(done(&said, "large")["failure"]["kind"], "too_large");
    assert_eq!(done(&said, "next")["result"], "analysed");
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap().success());
}

/// Processes below this one.
#[cfg(target_os = "linux")]
fn descendants(of: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut words = stat.rsplit_once(')')?.1.split_whitespace();
        (words.next()? != "Z").then(|| words.next()?.parse().ok())?
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<u32> = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let children: Vec<u32> = all.into_iter().filter(|&pid| parent(pid) == Some(of)).collect();
    children.iter().copied().chain(children.iter().flat_map(|&pid| descendants(pid))).collect()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A server that has a sample which runs for a while, and the process of that.
#[cfg(target_os = "linux")]
fn busy(words: &[&str]) -> Server {
    let mut server = Server::start(&[&["serve", "--stdio", "--jobs=1"], words].concat());
    server.next().unwrap();
    server.give("long", FOREVER);
    let pid = server.process.id();
    // The nursery and its worker.
    until("the sample runs", || descendants(pid).len() >= 2);
    server
}

#[cfg(target_os = "linux")]
#[test]
fn a_request_to_end_finishes_what_is_under_way() {
    let mut server =
        busy(&["--entry-time=3", "--entry-decisions=1000000000000", "--max-decisions=1000000000000"]);
    signal(server.process.id(), "TERM");
    // Its input is open all the time.
    let said: Vec<Words> = std::iter::from_fn(|| server.next()).collect();
    assert_eq!(done(&said, "long")["result"], "analysed");
    assert_eq!(said.last().unwrap().0, json!({ "type": "bye", "samples": 1 }));
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_request_ends_it_at_once_and_so_does_its_death() {
    let mut server = busy(&NO_LIMITS);
    let pid = server.process.id();
    signal(pid, "TERM");
    // Two that wait are one.
    until("the first signal was taken", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let waiting = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).expect("a mask");
        u64::from_str_radix(waiting.trim(), 16) == Ok(0)
    });
    signal(pid, "TERM");
    let said: Vec<Words> = std::iter::from_fn(|| server.next()).collect();
    assert_eq!(done(&said, "long")["result"], "not_run");
    assert_eq!(server.process.wait().unwrap().code(), Some(130));

    let mut server = busy(&NO_LIMITS);
    let below = descendants(server.process.id());
    signal(server.process.id(), "KILL");
    server.process.wait().unwrap();
    until("nothing is left of it", || {
        below.iter().all(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        })
    });
}

#[test]
fn who_does_not_read_is_kept_waiting() {
    let mut server = Server::start(&["serve", "--stdio", "--jobs=1"]);
    let mut input = server.input.take().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    // More than a pipe holds: who could write all of it was read.
    let sample = [module("a"), vec![0; 1 << 20]].concat();
    let feeder = thread::spawn(move || {
        for number in 0..20 {
            if input.write_all(&given(&number.to_string(), &sample)).is_err() {
                break;
            }
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    thread::sleep(Duration::from_secs(3));
    // One is under way, one was read, one is being read.
    assert!(written.load(Ordering::Relaxed) <= 3, "{written:?}");
    let (said, status) = server.rest();
    feeder.join().unwrap();
    assert_eq!(said.last().unwrap().0, json!({ "type": "bye", "samples": 20 }));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_scan_of_standard_input_answers_one_sample() {
    let mut server = Server::start(&["scan", "-"]);
    server.input.as_mut().unwrap().write_all(DROPPER).unwrap();
    let (said, status) = server.rest();
    assert_eq!(status.code(), Some(0));
    let types: Vec<_> = said.iter().map(|(line, _)| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["hello", "report", "file", "done", "bye"]);
    assert_eq!(done(&said, "-")["row"]["status"], "exited");
    let with_others =
        Command::new(env!("CARGO_BIN_EXE_spoor")).args(["scan", "-", "x.wasm"]).output().unwrap();
    assert_eq!(with_others.status.code(), Some(2));
}

#[test]
fn workers_are_for_nobody_else() {
    let worker = |option: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
        command.args(["worker", option]).stdin(Stdio::null()).output().unwrap()
    };
    // It confines itself, and is given nothing.
    let output = worker("--report");
    assert!(output.status.success() && output.stdout.starts_with(b"r"), "{output:?}");
    // Its standard input is no socket.
    assert!(!worker("--nursery").status.success());
}
