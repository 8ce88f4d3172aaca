//! Nothing real is within reach of a sample. `strace` watches a `spoor run` of a program that tries files,
//! clock, environment, randomness and sockets. It touches nothing but what the tool itself needs. Ignored
//! where there is no `strace` or it may not trace.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Output},
};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
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

/// What the kernel is to lack for the process below; without it, that test does nothing.
const LACKS: &str = "WASMSPOOR_TEST_LACKS";
/// The words of the command line that it becomes, by line feeds.
const WORDS: &str = "WASMSPOOR_TEST_WORDS";

/// Not a test by itself: it becomes a `spoor` for which the kernel answers as an older one does.
#[test]
fn a_spoor_on_a_lesser_kernel() {
    let (Ok(lacks), Ok(words)) = (std::env::var(LACKS), std::env::var(WORDS)) else { return };
    let calls = match &*lacks {
        "Landlock" => vec![libc::SYS_landlock_create_ruleset],
        "seccomp" => vec![libc::SYS_seccomp],
        _ => vec![libc::SYS_landlock_create_ruleset, libc::SYS_seccomp],
    };
    let rules: BTreeMap<_, _> = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, absent, arch).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).expect("a filter can be installed");
    let error = Command::new(env!("CARGO_BIN_EXE_spoor")).args(words.split('\n')).exec();
    panic!("{error}");
}

fn on_a_kernel_without(lacks: &str, words: &[&str]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_spoor_on_a_lesser_kernel", "--nocapture"]);
    command.env(LACKS, lacks).env(WORDS, words.join("\n")).output().unwrap()
}

#[needs("seccomp")]
#[test]
fn what_the_kernel_lacks_is_said_loudly_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("sample.wat");
    fs::write(&sample, r#"(module (func (export "f") nop))"#).unwrap();
    let (sample, folder) = (sample.to_str().unwrap(), folder.path().to_str().unwrap());
    for (lacks, said) in [
        ("Landlock", "without Landlock:"),
        ("seccomp", "without seccomp:"),
        ("both", "without Landlock and without seccomp:"),
    ] {
        let output = on_a_kernel_without(lacks, &["scan", sample, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{lacks}: {}", String::from_utf8_lossy(&output.stderr));
        let [printed, complaint] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert!(complaint.contains("WARNING") && complaint.contains(said), "{lacks}: {complaint}");
        let summary: serde_json::Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
        assert!(summary["warning"].as_str().unwrap().contains(said), "{lacks}: {summary}");
        for words in [
            &["scan", sample, "--require-confinement"][..],
            &["watch", folder, "--once", "--require-confinement"],
        ] {
            let refused = on_a_kernel_without(lacks, words);
            let complaint = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(2), "{lacks}: {complaint}");
            assert!(complaint.contains("nothing was scanned"), "{lacks}: {complaint}");
            assert!(!String::from_utf8_lossy(&refused.stdout).contains("CLEAN"), "{lacks}");
        }
    }
}

/// Workers say which descriptors they have: none but the streams, whatever the scan was left.
#[test]
fn a_worker_keeps_no_descriptor_of_whoever_started_the_scan() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("sample.wat");
    fs::write(&sample, r#"(module (func (export "f") nop))"#).unwrap();
    let secret = folder.path().join("secret");
    fs::File::create(&secret).unwrap().write_all(b"left open").unwrap();
    // A shell leaves descriptors open for what it starts.
    let script = format!(
        "exec 7<{secret} 9>>{secret}; exec {spoor} scan {sample} --json",
        secret = secret.display(),
        spoor = env!("CARGO_BIN_EXE_spoor"),
        sample = sample.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let summary: serde_json::Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    assert_eq!(summary["confinement"]["inherited_closed"], true, "{summary}");
    assert_eq!(summary["samples"], 1, "{summary}");
}
