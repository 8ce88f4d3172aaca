//! Threads: programs that start them, wait and tell, on every seed with the same result, and each with its
//! own order. Each run is counted, valued again, read back from its file and run again.

#[path = "common/command.rs"]
mod command;
#[expect(dead_code, reason = "programs here run in the sandbox")]
#[path = "common/valued.rs"]
mod valued;

use std::{collections::BTreeSet, fs};

use command::told;
use valued::checked;
use wasmspoor::{
    sandbox::{self, EntryEnd, Run, RunOptions, Seed},
    trace::{Event, Trap},
};

/// Locks, an end that is waited for, and what starts a thread: `$body` gets its argument.
const COMMON: &str = r#"
  (import "wasi" "thread-spawn" (func $thread-spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 2 2 shared)
  (global $own (mut i32) (i32.const 7))
  (func $spawn (param i32) (if (i32.le_s (call $thread-spawn (local.get 0)) (i32.const 0)) (then unreachable)))
  (func $wait (param $at i32) (param $is i32)
    (drop (memory.atomic.wait32 (local.get $at) (local.get $is) (i64.const -1))))
  (func $notify (param $at i32) (param $count i32)
    (drop (memory.atomic.notify (local.get $at) (local.get $count))))
  (func $lock (param $at i32)
    (loop $again
      (if (i32.atomic.rmw.cmpxchg (local.get $at) (i32.const 0) (i32.const 1))
        (then (call $wait (local.get $at) (i32.const 1)) (br $again)))))
  (func $unlock (param $at i32)
    (i32.atomic.store (local.get $at) (i32.const 0))
    (call $notify (local.get $at) (i32.const 1)))
  ;; The word at 8 counts threads that are done.
  (func $join (param $threads i32) (local $done i32)
    (loop $again
      (local.set $done (i32.atomic.load (i32.const 8)))
      (if (i32.lt_u (local.get $done) (local.get $threads))
        (then (call $wait (i32.const 8) (local.get $done)) (br $again)))))
  (func (export "wasi_thread_start") (param $thread i32) (param $argument i32)
    (call $body (local.get $thread) (local.get $argument))
    (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
    (call $notify (i32.const 8) (i32.const -1)))
  ;; Writes a letter. Each thread has its own place for it.
  (func $say (param $thread i32) (param $letter i32) (local $at i32)
    (local.set $at (i32.add (i32.const 4096) (i32.mul (local.get $thread) (i32.const 32))))
    (i32.store (local.get $at) (i32.add (local.get $at) (i32.const 16)))
    (i32.store offset=4 (local.get $at) (i32.const 1))
    (i32.store8 offset=16 (local.get $at) (local.get $letter))
    (drop (call $fd_write (i32.const 1) (local.get $at) (i32.const 1)
      (i32.add (local.get $at) (i32.const 8)))))"#;

fn program(rest: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {COMMON} {rest})")).unwrap_or_else(|error| panic!("{error}"))
}

fn with_seed(seed: u64) -> RunOptions {
    let mut options = RunOptions::default();
    options.seed = Seed::Given(seed);
    options
}

fn run_with(wasm: &[u8], seed: u64) -> Run {
    let run = sandbox::run_with_effects(wasm, &with_seed(seed)).unwrap();
    checked(&run.trace);
    run
}

/// Programs that end with a number, whatever the order of their threads.
const PROGRAMS: &[(&str, i32, &str)] = &[
    (
        "join",
        42,
        "(func $body (param i32 i32) (i32.atomic.store (i32.const 64) (local.get 1)))
         (func (export \"_start\") (call $spawn (i32.const 42)) (call $join (i32.const 1))
            (call $proc_exit (i32.atomic.load (i32.const 64))))",
    ),
    (
        // One place: each side waits for the other after each item.
        "producer and consumer",
        55,
        "(func $body (param i32 i32) (local $i i32)
            (loop $next
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (loop $full
                    (if (i32.atomic.load (i32.const 64)) (then
                        (call $wait (i32.const 64) (i32.atomic.load (i32.const 64))) (br $full))))
                (i32.atomic.store (i32.const 64) (local.get $i))
                (call $notify (i32.const 64) (i32.const 1))
                (br_if $next (i32.lt_u (local.get $i) (local.get 1)))))
         (func (export \"_start\") (local $sum i32) (local $item i32)
            (call $spawn (i32.const 10))
            (loop $next
                (loop $empty
                    (if (i32.eqz (local.tee $item (i32.atomic.load (i32.const 64)))) (then
                        (call $wait (i32.const 64) (i32.const 0)) (br $empty))))
                (local.set $sum (i32.add (local.get $sum) (local.get $item)))
                (i32.atomic.store (i32.const 64) (i32.const 0))
                (call $notify (i32.const 64) (i32.const 1))
                (br_if $next (i32.lt_u (local.get $item) (i32.const 10))))
            (call $join (i32.const 1))
            (call $proc_exit (local.get $sum)))",
    ),
    (
        // The counter is no atomic one: only the lock keeps it right, though each holder gives way.
        "mutex with contention",
        200,
        "(func $body (param i32 i32) (local $i i32) (local $old i32)
            (loop $next
                (call $lock (i32.const 64))
                (local.set $old (i32.load (i32.const 128)))
                (call $say (local.get 0) (i32.const 46))
                (i32.store (i32.const 128) (i32.add (local.get $old) (i32.const 1)))
                (call $unlock (i32.const 64))
                (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 1)))))
         (func (export \"_start\") (local $i i32)
            (loop $more (call $spawn (i32.const 50))
                (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
            (call $join (i32.const 4))
            (call $proc_exit (i32.load (i32.const 128))))",
    ),
    (
        // Waiters sleep on the number of signals so far, the lock let go.
        "condition variable",
        3,
        "(func $body (param i32 i32) (local $signals i32)
            (call $lock (i32.const 64))
            (loop $again
                (if (i32.eqz (i32.load (i32.const 128))) (then
                    (local.set $signals (i32.atomic.load (i32.const 72)))
                    (call $unlock (i32.const 64))
                    (call $wait (i32.const 72) (local.get $signals))
                    (call $lock (i32.const 64))
                    (br $again))))
            (i32.store (i32.const 132) (i32.add (i32.load (i32.const 132)) (i32.const 1)))
            (call $unlock (i32.const 64)))
         (func (export \"_start\")
            (call $spawn (i32.const 0)) (call $spawn (i32.const 0)) (call $spawn (i32.const 0))
            (call $lock (i32.const 64))
            (i32.store (i32.const 128) (i32.const 1))
            (drop (i32.atomic.rmw.add (i32.const 72) (i32.const 1)))
            (call $notify (i32.const 72) (i32.const -1))
            (call $unlock (i32.const 64))
            (call $join (i32.const 3))
            (call $proc_exit (i32.load (i32.const 132))))",
    ),
    (
        // Nobody passes before all four are there: whoever does counts how many had come.
        "barrier of four",
        16,
        "(func $body (param i32 i32)
            (if (i32.eq (i32.atomic.rmw.add (i32.const 64) (i32.const 1)) (i32.const 3))
                (then (i32.atomic.store (i32.const 68) (i32.const 1)) (call $notify (i32.const 68) (i32.const -1)))
                (else (call $wait (i32.const 68) (i32.const 0))))
            (drop (i32.atomic.rmw.add (i32.const 72) (i32.atomic.load (i32.const 64)))))
         (func (export \"_start\")
            (call $spawn (i32.const 0)) (call $spawn (i32.const 0)) (call $spawn (i32.const 0))
            (call $body (i32.const 0) (i32.const 0))
            (call $join (i32.const 3))
            (call $proc_exit (i32.atomic.load (i32.const 72))))",
    ),
    (
        // Two workers take tasks by their numbers and add squares; the third waits for work in vain and is
        // told to stop.
        "pool",
        385,
        "(func $body (param i32 i32) (local $task i32)
            (loop $next
                (local.set $task (i32.atomic.rmw.sub (i32.const 64) (i32.const 1)))
                (if (i32.gt_s (local.get $task) (i32.const 0)) (then
                    (drop (i32.atomic.rmw.add (i32.const 68)
                        (i32.mul (local.get $task) (local.get $task))))
                    (br $next)))))
         (func (export \"_start\")
            (i32.store (i32.const 64) (i32.const 10))
            (call $spawn (i32.const 0)) (call $spawn (i32.const 0)) (call $spawn (i32.const 0))
            (call $join (i32.const 3))
            (call $proc_exit (i32.atomic.load (i32.const 68))))",
    ),
    (
        // Neither side waits or calls the host: they spin.
        "handshake by spinning",
        9,
        "(func $body (param i32 i32)
            (loop $spin (br_if $spin (i32.eqz (i32.atomic.load (i32.const 64)))))
            (i32.atomic.store (i32.const 68) (i32.const 9)))
         (func (export \"_start\")
            (call $spawn (i32.const 0))
            (i32.atomic.store (i32.const 64) (i32.const 1))
            (loop $spin (br_if $spin (i32.eqz (i32.atomic.load (i32.const 68)))))
            (call $proc_exit (i32.atomic.load (i32.const 68))))",
    ),
    (
        // A thread finds globals as they were at first, and leaves those of others alone.
        "globals of its own",
        7 * 16 + 3,
        "(func $body (param i32 i32)
            (i32.atomic.store (i32.const 64) (global.get $own))
            (global.set $own (i32.const 99)))
         (func (export \"_start\")
            (global.set $own (i32.const 3))
            (call $spawn (i32.const 0)) (call $join (i32.const 1))
            (call $proc_exit (i32.add (i32.mul (i32.atomic.load (i32.const 64)) (i32.const 16))
                (global.get $own))))",
    ),
    (
        "a thread of a thread of a thread",
        6,
        "(func $body (param i32 i32)
            (if (local.get 1) (then (call $spawn (i32.sub (local.get 1) (i32.const 1)))))
            (drop (i32.atomic.rmw.add (i32.const 64) (local.get 1))))
         (func (export \"_start\")
            (call $spawn (i32.const 3)) (call $join (i32.const 4))
            (call $proc_exit (i32.atomic.load (i32.const 64))))",
    ),
    (
        "an exit of a thread ends the program",
        5,
        "(func $body (param i32 i32) (call $proc_exit (i32.const 5)))
         (func (export \"_start\")
            (call $spawn (i32.const 0)) (call $join (i32.const 1)) (call $proc_exit (i32.const 6)))",
    ),
    (
        "a trap of a thread ends it alone",
        4,
        "(func $body (param i32 i32) (i32.atomic.store (i32.const 64) (i32.const 4))
            (if (i32.eq (local.get 1) (i32.const 1)) (then unreachable)))
         (func (export \"_start\")
            (call $spawn (i32.const 1)) (call $spawn (i32.const 2)) (call $join (i32.const 1))
            (call $proc_exit (i32.atomic.load (i32.const 64))))",
    ),
    (
        "64-bit waits",
        11,
        "(func $body (param i32 i32)
            (i64.atomic.store (i32.const 64) (i64.const 11))
            (drop (memory.atomic.notify (i32.const 64) (i32.const 1))))
         (func (export \"_start\")
            (call $spawn (i32.const 1))
            (drop (memory.atomic.wait64 (i32.const 64) (i64.const 0) (i64.const -1)))
            (call $proc_exit (i32.wrap_i64 (i64.atomic.load (i32.const 64)))))",
    ),
];

#[test]
fn programs_end_with_the_same_number_in_every_order() {
    for (name, expected, text) in PROGRAMS {
        let wasm = program(text);
        for seed in 1..=8 {
            let run = run_with(&wasm, seed);
            let end = &run.entries[0].end;
            assert_eq!(*end, EntryEnd::Exited { code: *expected }, "{name}, {seed}: {:?}", run.limitations);
        }
    }
}

/// Three threads that say their letter three times each.
const LETTERS: &str = r#"
    (func $body (param i32 i32) (local $i i32)
        (loop $again (call $say (local.get 0) (local.get 1))
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))))
    (func (export "_start")
        (call $spawn (i32.const 97)) (call $spawn (i32.const 98)) (call $spawn (i32.const 99))
        (call $join (i32.const 3)))"#;

#[test]
fn a_seed_is_an_order_and_another_is_another() {
    let wasm = program(LETTERS);
    let mut orders = BTreeSet::new();
    for seed in 0..12 {
        let [first, second] = [run_with(&wasm, seed), run_with(&wasm, seed)];
        assert_eq!(first.stdout, second.stdout);
        assert_eq!(first.trace.records, second.trace.records);
        let mut letters = first.stdout.clone();
        letters.sort_unstable();
        assert_eq!(letters, b"aaabbbccc");
        orders.insert(first.stdout);
    }
    assert!(orders.len() > 4, "{orders:?}");
}

/// The second time is that of the wait, whatever else passes.
#[test]
fn a_wait_ends_when_its_virtual_time_is_over() {
    let wasm = program(
        r#"(func $body (param i32 i32)
            (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1))))
        (func (export "_start") (local $result i32)
            (call $spawn (i32.const 0))
            (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 256)))
            (local.set $result
                (memory.atomic.wait32 (i32.const 72) (i32.const 0) (i64.const 3000000000)))
            (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 264)))
            (call $proc_exit (i32.add (i32.mul (local.get $result) (i32.const 16))
                (i32.wrap_i64 (i64.div_u
                    (i64.sub (i64.load (i32.const 264)) (i64.load (i32.const 256)))
                    (i64.const 1000000000))))))"#,
    );
    for seed in 1..5 {
        let run = run_with(&wasm, seed);
        assert_eq!(run.entries[0].end, EntryEnd::Exited { code: 2 * 16 + 3 });
        assert!(run.slept_ns >= 2_900_000_000, "{}", run.slept_ns);
    }
}

#[test]
fn a_deadlock_says_who_waits_for_whom() {
    // Each lock holds the number of its owner, so each waits for the other.
    let wasm = program(
        r#"(func $own-lock (param $at i32) (param $me i32) (local $owner i32)
            (loop $again
                (if (local.tee $owner
                        (i32.atomic.rmw.cmpxchg (local.get $at) (i32.const 0) (local.get $me)))
                    (then (call $wait (local.get $at) (local.get $owner)) (br $again)))))
        (func $both (param $me i32) (param $first i32) (param $second i32) (local $seen i32)
            (call $own-lock (local.get $first) (local.get $me))
            (drop (i32.atomic.rmw.add (i32.const 80) (i32.const 1)))
            (call $notify (i32.const 80) (i32.const -1))
            (loop $again
                (local.set $seen (i32.atomic.load (i32.const 80)))
                (if (i32.lt_u (local.get $seen) (i32.const 2))
                    (then (call $wait (i32.const 80) (local.get $seen)) (br $again))))
            (call $own-lock (local.get $second) (local.get $me)))
        (func $body (param i32 i32)
            (if (i32.eq (local.get 1) (i32.const 1))
                (then (call $both (local.get 0) (i32.const 64) (i32.const 72)))
                (else (call $both (local.get 0) (i32.const 72) (i32.const 64)))))
        (func (export "_start")
            (call $spawn (i32.const 1)) (call $spawn (i32.const 2)) (call $join (i32.const 2)))"#,
    );
    for seed in 1..5 {
        let run = run_with(&wasm, seed);
        let entry = &run.entries[0];
        assert_eq!(entry.end, EntryEnd::Trapped { trap: Trap::Deadlock });
        assert!(entry.site.is_some());
        let told: Vec<_> = run.limitations.iter().map(ToString::to_string).collect();
        let told = told.iter().find(|told| told.starts_with("deadlock: ")).expect("it is told");
        for part in [
            "thread 0 waits at 0x8, where 0 stands (wasm-function[",
            "thread 1 waits at 0x48, where 2 stands, for thread 2 (wasm-function[",
            "thread 2 waits at 0x40, where 1 stands, for thread 1 (wasm-function[",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}

/// A thread has its own calls: whoever goes on is named, and what follows is its own.
#[test]
fn events_tell_which_thread_goes_on() {
    let run = run_with(&program(LETTERS), 1);
    let mut depths = vec![0usize; 4];
    let mut current = 0;
    for event in run.trace.events() {
        match event.unwrap() {
            Event::Switch { thread } => current = thread as usize,
            Event::Invoke { .. } => depths[current] += 1,
            Event::End(_) => depths[current] -= 1,
            _ => assert_eq!(depths[current], 1),
        }
    }
    assert_eq!((depths, current), (vec![0; 4], 0));
}

#[test]
fn a_recording_is_the_run_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (number, text) in PROGRAMS.iter().map(|program| program.2).chain([LETTERS]).enumerate() {
        let (sample, file) = (path(&format!("{number}.wasm")), path(&format!("{number}.spoor")));
        fs::write(&sample, program(text)).unwrap();
        let (code, said) = told(&["record", "--effects", &sample, "-o", &file]);
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = told(&["rerun", &file]);
        assert_eq!(code, Some(0), "{said}");
        let live = report(&["run", "--json", "--fail-on", "never", &sample]);
        assert_eq!(report(&["report", "--json", &file]), live);
        let (code, dumped) = told(&["dump", "--values", &file]);
        assert_eq!(code, Some(0), "{dumped}");
        assert!(dumped.contains("switch to thread 1"), "{dumped}");
        let lines = |from: &str| -> Vec<serde_json::Value> {
            let (_, dumped) = told(&["dump", "--values", "--json", "--from", from, &file]);
            let parsed = dumped.lines().map(|line| serde_json::from_str(line).unwrap());
            parsed.filter(|line: &serde_json::Value| line["event"] == "instruction").collect()
        };
        // From the middle, of whichever thread, it is as from the beginning.
        let whole = lines("0");
        for from in [whole.len() / 4, whole.len() / 2, whole.len() * 3 / 4] {
            let number = whole[from]["number"].to_string();
            assert_eq!(lines(&number), whole[from..], "{number}");
        }
    }
}

/// A report, without what it took.
fn report(args: &[&str]) -> serde_json::Value {
    let (_, said) = told(args);
    let mut report: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    for key in ["timing", "command", "path"] {
        report.as_object_mut().unwrap().remove(key);
    }
    report
}

fn judged(text: &str) -> (String, u64, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("sample.wat");
    fs::write(&sample, text).unwrap();
    let (_, said) = told(&["run", "--json", "--fail-on", "never", sample.to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let files = report["files"].as_array().unwrap().iter().map(|file| file["path"].to_string());
    (report["verdict"].as_str().unwrap().to_owned(), report["score"].as_u64().unwrap(), files.collect())
}

/// The same ransomware, with what `_start` does in a thread, and with that only after a handshake.
#[test]
fn what_only_a_thread_does_is_judged_as_in_its_control() {
    let text = fs::read_to_string("corpus/ransomware-chacha.wat").unwrap();
    let control = judged(&text);
    assert_eq!(control.0, "MALICIOUS");
    let threaded = |start: &str, thread: &str| {
        let begun = text
            .replacen(
                "(import",
                "(import \"wasi\" \"thread-spawn\" (func $spawn (param i32) (result i32)))\n  (import",
                1,
            )
            .replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 2 2 shared)")
            .replace("(export \"_start\")", "$payload");
        let end = begun.trim_end().strip_suffix(')').unwrap().to_owned();
        format!(
            "{end}\n(func (export \"_start\") {start})
            (func (export \"wasi_thread_start\") (param i32 i32) {thread}))"
        )
    };
    let in_thread = threaded(
        "(drop (call $spawn (i32.const 0)))
         (drop (memory.atomic.wait32 (i32.const 65532) (i32.const 0) (i64.const -1)))",
        "(call $payload) (i32.atomic.store (i32.const 65532) (i32.const 1))
         (drop (memory.atomic.notify (i32.const 65532) (i32.const 1)))",
    );
    let behind_handshake = threaded(
        "(drop (call $spawn (i32.const 0)))
         (loop $spin (br_if $spin (i32.ne (i32.atomic.load (i32.const 65528)) (i32.const 3))))
         (i32.atomic.store (i32.const 65532) (i32.const 5))
         (drop (memory.atomic.notify (i32.const 65532) (i32.const 1)))
         (loop $wait
            (drop (memory.atomic.wait32 (i32.const 65528) (i32.const 3) (i64.const -1)))
            (br_if $wait (i32.eq (i32.atomic.load (i32.const 65528)) (i32.const 3))))",
        "(i32.atomic.store (i32.const 65528) (i32.const 3))
         (loop $wait
            (drop (memory.atomic.wait32 (i32.const 65532) (i32.const 0) (i64.const -1)))
            (br_if $wait (i32.ne (i32.atomic.load (i32.const 65532)) (i32.const 5))))
         (call $payload)
         (i32.atomic.store (i32.const 65528) (i32.const 4))
         (drop (memory.atomic.notify (i32.const 65528) (i32.const 1)))",
    );
    for (name, text) in [("thread", in_thread), ("handshake", behind_handshake)] {
        assert_eq!(judged(&text), control, "{name}");
    }
}

#[test]
fn hostile_programs_are_bounded() {
    // Ten thousand threads that stay: those beyond the limit are refused, and the program is told.
    let wasm = program(
        r#"(func $body (param i32 i32) (call $wait (i32.const 64) (i32.const 0)))
        (func (export "_start") (local $i i32) (local $begun i32)
            (loop $more
                (local.set $begun (i32.add (local.get $begun)
                    (i32.gt_s (call $thread-spawn (i32.const 0)) (i32.const 0))))
                (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000))))
            (call $proc_exit (local.get $begun)))"#,
    );
    let run = run_with(&wasm, 1);
    assert_eq!(run.entries[0].end, EntryEnd::Exited { code: 63 });
    let told = run.limitations.iter().any(|told| told.to_string().contains("threads did not begin"));
    assert!(told, "{:?}", run.limitations);
    // What cannot be waited for or told is a trap, with its place.
    for (operator, trap) in [
        (
            "(drop (memory.atomic.wait32 (i32.const -4) (i32.const 0) (i64.const -1)))",
            Trap::OutOfBoundsMemoryAccess,
        ),
        ("(drop (memory.atomic.wait32 (i32.const 66) (i32.const 0) (i64.const -1)))", Trap::UnalignedAtomic),
        ("(drop (memory.atomic.notify (i32.const -4) (i32.const -1)))", Trap::OutOfBoundsMemoryAccess),
        ("(drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1)))", Trap::Deadlock),
    ] {
        let text = format!(
            "(func $body (param i32 i32)) (func (export \"_start\") (call $spawn (i32.const 0)) {operator})"
        );
        let entry = &run_with(&program(&text), 1).entries[0];
        assert_eq!(entry.end, EntryEnd::Trapped { trap }, "{operator}");
        assert!(entry.site.is_some(), "{operator}");
    }
    // The engine resumes no call in place of a first frame: such a thread ends there.
    let text = r#"(func $yield (import "wasi_snapshot_preview1" "sched_yield") (result i32))
        (func $body (param i32 i32))
        (func (export "_start") (result i32) (call $spawn (i32.const 0)) (return_call $yield))"#;
    let text = format!(
        "(module {} {})",
        text.lines().next().unwrap(),
        COMMON.to_owned() + &text[text.find('\n').unwrap()..]
    );
    let run = run_with(&wat::parse_str(text).unwrap(), 1);
    assert!(matches!(run.entries[0].end, EntryEnd::Aborted { .. }), "{:?}", run.entries[0].end);
    // Threads that start each other for ever, and one that spins for what nobody does, end by their budget.
    for (body, start) in [
        (
            "(drop (call $thread-spawn (i32.const 0)))",
            "(call $spawn (i32.const 0)) (call $join (i32.const -1))",
        ),
        (
            "(loop $spin (br_if $spin (i32.eqz (i32.atomic.load (i32.const 64)))))",
            "(call $spawn (i32.const 0)) (call $join (i32.const 1))",
        ),
    ] {
        let text = format!("(func $body (param i32 i32) {body}) (func (export \"_start\") {start})");
        let mut options = with_seed(1);
        options.entry_instructions = Some(2_000_000);
        let run = sandbox::run_with_effects(&program(&text), &options).unwrap();
        checked(&run.trace);
        let end = &run.entries[0].end;
        let is_bounded = matches!(end, EntryEnd::Stopped { .. } | EntryEnd::Trapped { trap: Trap::Deadlock });
        assert!(is_bounded, "{end:?}");
    }
}

/// A memory of the host's, as programs with threads have it, and a global behind it.
#[test]
fn what_is_imported_beside_functions_keeps_its_place() {
    let own = r#"(memory (export "memory") 2 2 shared)"#;
    let imported = r#"(memory (export "memory") (import "env" "memory") 2 2 shared)
        (global (import "env" "more") i32)"#;
    for (name, ends_with, rest) in &PROGRAMS[..3] {
        let text = format!("(module {} {rest})", COMMON.replace(own, imported));
        assert!(text.contains("\"more\""));
        let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(run_with(&wasm, 3).exit_code, Some(*ends_with), "{name}");
    }
}

/// Where a host function starts the program, or would be a thread.
#[test]
fn host_functions_start_and_are_no_threads() {
    let atomic = "(drop (i32.atomic.load (i32.const 8)))";
    let text = format!(
        r#"(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
        (import "env" "begin" (func $begin)) (import "env" "other" (func $other (param i32 i32)))
        (memory (export "memory") 1 1 shared) (start $begin)
        (export "wasi_thread_start" (func $other))
        (func (export "main") (result i32) {atomic} (call $spawn (i32.const 1))))"#
    );
    let run = run_with(&wat::parse_str(text).unwrap(), 1);
    let names: Vec<_> = run.calls.iter().map(|call| &*call.name).collect();
    assert_eq!(names, ["begin", "thread-spawn"]);
    let results = run.entries.iter().find(|entry| entry.name == "main").map(|entry| entry.results.clone());
    assert!(
        matches!(results.as_deref(), Some([wasmspoor::Value::I32(number)]) if *number <= 0),
        "{results:?}"
    );
}

/// A module that the engine would take as it is, with a start function that changes a global. Each thread
/// finds globals as they were before that.
#[test]
fn a_module_without_atomics_begins_threads_before_its_start_function() {
    let text = r#"(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (global $own (mut i32) (i32.const 5))
        (func $begin (global.set $own (i32.const 9)))
        (start $begin)
        (func (export "wasi_thread_start") (param i32 i32)
            (i32.store (i32.const 64) (i32.add (i32.const 100) (global.get $own))))
        (func (export "_start")
            (drop (call $spawn (i32.const 0)))
            (loop $spin (br_if $spin (i32.eqz (i32.load (i32.const 64)))))
            (call $exit (i32.add (i32.mul (global.get $own) (i32.const 1000)) (i32.load (i32.const 64))))))"#;
    let wasm = wat::parse_str(text).unwrap();
    for seed in 1..5 {
        let run = run_with(&wasm, seed);
        assert_eq!(run.exit_code, Some(9105), "{:?}", run.entries);
    }
}

/// The loops of two threads that spin, none of it atomic: with a load, a call, a loop that holds the loop.
#[test]
fn a_thread_that_spins_on_plain_loads_gives_way() {
    let spins = [
        "(loop $spin (br_if $spin (i32.ne (i32.load (i32.const 64)) (local.get 0))))",
        "(loop $spin (br_if $spin (i32.eqz (call $is (local.get 0)))))",
        "(local.set 1 (i32.const 32))
         (loop $spin
            (local.set 2 (i32.const 7))
            (loop $back (br_if $back (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
            (br_if $spin (i32.ne (i32.load offset=32 (local.get 1)) (local.get 0))))",
        // As compiled without optimisation: what is read goes to the stack in memory first.
        "(local.set 1 (i32.const 1024))
         (loop $spin
            (i32.store offset=4 (local.get 1) (i32.load (i32.const 64)))
            (br_if $spin (i32.ne (i32.load offset=4 (local.get 1)) (local.get 0))))",
    ];
    for spin in spins {
        let text = format!(
            r#"(func $is (param i32) (result i32) (i32.eq (i32.load (i32.const 64)) (local.get 0)))
            (func $until (param i32) (local i32 i32) {spin})
            (func $body (param i32 i32) (local $i i32)
                (loop $next
                    (call $until (i32.add (local.get $i) (i32.const 1)))
                    (i32.store (i32.const 64) (i32.add (local.get $i) (i32.const 2)))
                    (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 2)))
                        (local.get 1)))))
            (func (export "_start") (local $i i32)
                (call $spawn (i32.const 6))
                (loop $next
                    (i32.store (i32.const 64) (i32.add (local.get $i) (i32.const 1)))
                    (call $until (local.tee $i (i32.add (local.get $i) (i32.const 2))))
                    (br_if $next (i32.lt_u (local.get $i) (i32.const 6))))
                (call $proc_exit (i32.load (i32.const 64))))"#
        );
        let wasm = program(&text);
        for seed in 1..5 {
            let [first, second] = [run_with(&wasm, seed), run_with(&wasm, seed)];
            assert_eq!(first.exit_code, Some(6), "{spin}: {:?}", first.entries);
            assert_eq!(first.trace.records, second.trace.records);
        }
    }
}

/// A thread goes on when `_start` has returned: its work is that of the entry point.
#[test]
fn what_threads_do_after_the_end_counts() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("after.wasm");
    let after = r#"(func $body (param i32 i32) (local $i i32)
            (loop $next (br_if $next
                (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000))))
            (call $say (local.get 0) (i32.const 97)))
        (func (export "_start") (call $spawn (i32.const 1)))"#;
    fs::write(&sample, program(after)).unwrap();
    let report = report(&["run", "--json", "--fail-on", "never", sample.to_str().unwrap()]);
    let all = report["instructions"].as_u64().unwrap();
    assert!(all > 60_000, "{all}");
    let functions = report["functions"].as_array().unwrap();
    let of_functions: u64 =
        functions.iter().map(|function| function["classes"]["total"].as_u64().unwrap()).sum();
    let entries = report["entries"].as_array().unwrap();
    let metrics = || entries.iter().map(|entry| &entry["metrics"]);
    let of_entries: u64 = metrics().map(|metrics| metrics["classes"]["total"].as_u64().unwrap()).sum();
    assert_eq!((of_functions, of_entries), (all, all));
    let written =
        metrics().filter_map(|metrics| metrics["host_calls"]["wasi_snapshot_preview1.fd_write"].as_u64());
    assert_eq!(written.sum::<u64>(), 1);
}

/// Each of three threads says its own letter, so each call tells its thread.
#[test]
fn a_call_of_the_host_is_of_the_thread_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("letters.wasm");
    fs::write(&sample, program(LETTERS)).unwrap();
    let sample = sample.to_str().unwrap();
    let report = report(&["run", "--json", "--fail-on", "never", "--seed", "3", sample]);
    let calls = report["host_calls"].as_array().unwrap();
    let mut written = 0;
    for call in calls {
        let expected = match call["name"].as_str() {
            Some("thread-spawn") => 0,
            Some("fd_write") => {
                let said = call["args"][1]["points_at"]["text"].as_str().unwrap();
                written += 1;
                i64::from(said.bytes().next().unwrap() - b'a') + 1
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(call["thread"], expected, "{call}");
    }
    assert_eq!(written, 9);
    let steps = report["timeline"].as_array().unwrap();
    let threads: BTreeSet<_> = steps.iter().map(|step| step["thread"].as_u64().unwrap()).collect();
    assert_eq!(threads, BTreeSet::from([0, 1, 2, 3]));
    let (_, said) = told(&["run", "-vv", "--fail-on", "never", "--seed", "3", sample]);
    for line in ["  in _start\n", "  in _start, thread 2\n"] {
        assert!(said.contains(line), "{said}");
    }
    assert!(said.lines().any(|line| line.contains("fd_write(1") && line.ends_with("  thread 3")), "{said}");
    let (_, events) = told(&["export", "chrome", "--seed", "3", sample]);
    assert!(events.contains("host calls of thread 3"), "{events}");
    // Without other threads nothing is said of any.
    let alone = fs::read_to_string("corpus/ransomware-chacha.wat").unwrap();
    let (_, said) = told(&["run", "--json", "--fail-on", "never", "corpus/ransomware-chacha.wat"]);
    assert!(!said.contains("\"thread\":") && !alone.contains("thread"), "{said}");
}
