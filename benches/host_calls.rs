//! `host_calls`: how many host calls a second the sandbox answers and logs, arguments decoded, at the level
//! `flow`.
//!
//! ```text
//! cargo bench --bench host_calls               criterion; the throughput is in host calls
//! cargo bench --bench host_calls -- --once     each case once, untimed, the log asserted (CI)
//! ```
//!
//! Each case is a loop of one WASI call from a sample of our own; `mixed` is all of them in turn. Linking,
//! the loop itself and the making of the [`Run`] count, as they do for a user; passes over the trace do not.
//! Every call stands in the log, none is cut.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wasmspoor::sandbox::{self, Run, RunOptions, Status};

/// Calls of a run: one function of WASI has room for more in the log.
const CALLS: usize = 50_000;

/// A case: its name and the calls of a round.
const CASES: &[(&str, &[&str])] = &[
    ("sched_yield", &["sched_yield"]),
    ("clock_time_get", &["clock_time_get"]),
    ("random_get", &["random_get"]),
    ("fd_write", &["fd_write"]),
    ("path_filestat_get", &["path_filestat_get"]),
    ("mixed", &["sched_yield", "clock_time_get", "random_get", "fd_write"]),
];

fn main() {
    let options = RunOptions::default();
    let cases: Vec<_> = CASES.iter().map(|&(name, calls)| (name, module(calls))).collect();
    for (name, wasm) in &cases {
        let run = run(wasm, &options);
        assert_eq!((run.status, run.calls_cut), (Status::Exited, 0), "{name}: {:?}", run.limitations);
        assert_eq!(run.calls.len(), CALLS, "{name}");
        assert!(run.calls.iter().all(|call| call.errno.is_none()), "{name}");
        if common::once() {
            println!("host_calls/{name}: {} calls logged", run.calls.len());
        }
    }
    if common::once() {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let mut group = criterion.benchmark_group("host_calls");
    for (name, wasm) in &cases {
        group.throughput(Throughput::Elements(CALLS as u64));
        // What was logged is dropped outside of the measured time.
        group
            .bench_function(*name, |bencher| bencher.iter_with_large_drop(|| black_box(run(wasm, &options))));
    }
    group.finish();
    criterion.final_summary();
}

fn run(wasm: &[u8], options: &RunOptions) -> Run {
    sandbox::run(wasm, options).unwrap_or_else(|error| panic!("{error}"))
}

/// A module whose `_start` makes `calls` in turn, [`CALLS`] of them in all.
fn module(calls: &[&str]) -> Vec<u8> {
    let rounds = CALLS / calls.len();
    let calls: String =
        calls.iter().map(|call| format!("(drop (call ${call} {}))\n", arguments(call))).collect();
    let text = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "\00\04\00\00\10\00\00\00")
  (data (i32.const 1024) "sixteen letters\0a")
  (data (i32.const 2048) "home/user/documents/report.txt")
  (func (export "_start") (local $round i32)
    (loop $again
      {calls}
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const {rounds}))))))"#
    );
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn arguments(call: &str) -> &'static str {
    match call {
        "clock_time_get" => "(i32.const 1) (i64.const 1000) (i32.const 128)",
        "random_get" => "(i32.const 128) (i32.const 16)",
        "fd_write" => "(i32.const 1) (i32.const 512) (i32.const 1) (i32.const 128)",
        "path_filestat_get" => "(i32.const 3) (i32.const 1) (i32.const 2048) (i32.const 30) (i32.const 128)",
        _ => "",
    }
}
