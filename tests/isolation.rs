//! Nothing real is within reach of a sample: a `spoor run` of a program that tries files, clock, environment,
//! randomness and sockets is watched with `strace`, and touches nothing but what the tool itself needs.
//! Ignored where there is no `strace` or it may not trace.
#![cfg(target_os = "linux")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};
use wasmspoor_needs::needs;

/// Tries what a WASI program can: opens, makes, lists, reads out of the tree, asks for time, environment and
/// randomness, waits, sends.
const TRIES: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "etc/passwd") (data (i32.const 120) "marker-4711") (data (i32.const 140) "../../etc/shadow") (data (i32.const 160) "/proc/self/environ")
    (data (i32.const 64) "\00\04\00\00\00\04\00\00") (data (i32.const 72) "\78\00\00\00\0b\00\00\00")
    (data (i32.const 256) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\e4\0b\54\02\00\00\00")
    (func (export "_start")
        (drop (call $open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 10) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
        (drop (call $read (i32.load (i32.const 16)) (i32.const 64) (i32.const 1) (i32.const 0)))
        (drop (call $open (i32.const 3) (i32.const 1) (i32.const 120) (i32.const 11) (i32.const 1) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16)))
        (drop (call $write (i32.load (i32.const 16)) (i32.const 72) (i32.const 1) (i32.const 0)))
        (drop (call $open (i32.const 3) (i32.const 1) (i32.const 140) (i32.const 16) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
        (drop (call $open (i32.const 3) (i32.const 1) (i32.const 160) (i32.const 18) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
        (drop (call $mkdir (i32.const 3) (i32.const 120) (i32.const 6)))
        (drop (call $list (i32.const 3) (i32.const 1024) (i32.const 4096) (i64.const 0) (i32.const 0)))
        (drop (call $time (i32.const 0) (i64.const 0) (i32.const 8)))
        (drop (call $environ (i32.const 8192) (i32.const 16384)))
        (drop (call $random (i32.const 32) (i32.const 16)))
        (drop (call $poll (i32.const 256) (i32.const 1024) (i32.const 1) (i32.const 0)))
        (drop (call $accept (i32.const 4) (i32.const 0) (i32.const 16)))
        (drop (call $send (i32.load (i32.const 16)) (i32.const 72) (i32.const 1) (i32.const 0) (i32.const 0)))))"#;

/// What the kernel was asked about paths and sockets: the lines of the trace.
fn traced(folder: &Path, sample: &Path) -> Vec<String> {
    let log = folder.join("strace.log");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=%file,%network", "-s", "200", "-o"])
        .arg(&log)
        .arg(env!("CARGO_BIN_EXE_spoor"))
        .args(["run", "--persona", "server", "--json", "--fail-on", "never"])
        .arg(sample)
        .env("SECRET_OF_THE_HOST", "must-not-be-seen-4711")
        .output()
        .expect("strace");
    assert!(log.exists(), "strace traced: {}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    let calls = report["host_calls"].as_array().unwrap();
    let succeeded: BTreeSet<_> = calls
        .iter()
        .filter(|call| call["errno"].is_null())
        .filter_map(|call| call["name"].as_str())
        .collect();
    for name in [
        "path_open",
        "fd_readdir",
        "clock_time_get",
        "environ_get",
        "random_get",
        "poll_oneoff",
        "sock_accept",
        "sock_send",
    ] {
        assert!(
            succeeded.contains(name),
            "the sample got what it tried, in the sandbox: {name} of {succeeded:?}"
        );
    }
    assert!(!String::from_utf8_lossy(&output.stdout).contains("must-not-be-seen-4711"));
    fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

/// The path in the line of a call: the first text in quotes.
fn path(line: &str) -> &str {
    line.split('"').nth(1).unwrap_or_default()
}

#[needs("strace")]
#[test]
fn a_sample_touches_nothing_real() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("sample.wat");
    fs::write(&sample, TRIES).unwrap();
    let lines = traced(folder.path(), &sample);
    let sample = sample.to_str().unwrap();
    let opened = lines.iter().position(|line| path(line) == sample).expect("the tool reads the sample");
    assert!(
        lines[..opened].iter().any(|line| line.contains("execve")),
        "the start of the tool is in the trace: {lines:?}"
    );
    let network = ["socket(", "connect(", "bind(", "sendto(", "recvfrom(", "accept("];
    for line in &lines {
        assert!(!network.iter().any(|call| line.contains(call)), "{line}");
        for part in ["marker", "etc/passwd", "etc/shadow", "self/environ", "/srv/app"] {
            assert!(!line.contains(part), "{line}");
        }
    }
    // From when it has the sample on: the sample itself, the limits of the machine, and its own standard
    // streams.
    for line in &lines[opened..] {
        let path = path(line);
        let is_own = path == sample
            || path.is_empty()
            || ["/sys/fs/cgroup", "/proc/self/", "/proc/stat", "/sys/devices/system/cpu"]
                .iter()
                .any(|own| path.starts_with(own));
        assert!(is_own && !path.ends_with("environ"), "after start-up: {line}");
    }
}
