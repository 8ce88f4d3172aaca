//! Samples made to break a sandbox.

use wasmspoor::{
    LoadError, Value,
    limitation::Limitation,
    sandbox::{self, EntryEnd, MAX_CALLS, Pointed, RunOptions, Status},
    trace::Trap,
};

use super::{run, run_with};

/// Calls one WASI function with these parameters and constants, and exits with its error.
fn errno_of(name: &str, params: &str, args: &str) -> Option<i32> {
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "{name}" (func $f (param {params}) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
        (data (i32.const 64) "\00\01\00\00\ff\ff\ff\ff")
        (func (export "_start") (call $exit (call $f {args}))))"#
    );
    run(&text).exit_code
}

#[test]
fn bad_pointers_are_faults() {
    for (name, params, args) in [
        ("fd_write", "i32 i32 i32 i32", "(i32.const 1) (i32.const 65533) (i32.const 1) (i32.const 0)"),
        ("fd_write", "i32 i32 i32 i32", "(i32.const 1) (i32.const 0) (i32.const 0) (i32.const 65533)"),
        ("fd_write", "i32 i32 i32 i32", "(i32.const 1) (i32.const 64) (i32.const 1) (i32.const 0)"),
        // Vectors without end.
        ("fd_write", "i32 i32 i32 i32", "(i32.const 1) (i32.const 60000) (i32.const -1) (i32.const 0)"),
        ("fd_read", "i32 i32 i32 i32", "(i32.const 0) (i32.const -8) (i32.const 1) (i32.const 0)"),
        ("fd_read", "i32 i32 i32 i32", "(i32.const 0) (i32.const 0) (i32.const -1) (i32.const 65536)"),
        ("random_get", "i32 i32", "(i32.const 0) (i32.const -1)"),
        ("args_get", "i32 i32", "(i32.const 65534) (i32.const 0)"),
        ("args_get", "i32 i32", "(i32.const 0) (i32.const -1)"),
        ("clock_time_get", "i32 i64 i32", "(i32.const 0) (i64.const 0) (i32.const -4)"),
        (
            "fd_readdir",
            "i32 i32 i32 i64 i32",
            "(i32.const 3) (i32.const 65530) (i32.const 4096) (i64.const 0) (i32.const 0)",
        ),
        ("fd_prestat_get", "i32 i32", "(i32.const 3) (i32.const 65530)"),
        ("fd_filestat_get", "i32 i32", "(i32.const 1) (i32.const 65500)"),
        ("path_unlink_file", "i32 i32 i32", "(i32.const 3) (i32.const 65530) (i32.const 60)"),
        ("poll_oneoff", "i32 i32 i32 i32", "(i32.const 65000) (i32.const 0) (i32.const 100) (i32.const 0)"),
    ] {
        assert_eq!(errno_of(name, params, args), Some(21), "{name} {args}");
    }
    for (name, params, args, expected) in [
        ("fd_write", "i32 i32 i32 i32", "(i32.const 77) (i32.const 0) (i32.const 0) (i32.const 0)", 8),
        (
            "fd_readdir",
            "i32 i32 i32 i64 i32",
            "(i32.const 3) (i32.const 0) (i32.const 64) (i64.const -1) (i32.const 0)",
            0,
        ),
        (
            "fd_readdir",
            "i32 i32 i32 i64 i32",
            "(i32.const 1) (i32.const 0) (i32.const 64) (i64.const 0) (i32.const 0)",
            54,
        ),
        ("poll_oneoff", "i32 i32 i32 i32", "(i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0)", 28),
        ("poll_oneoff", "i32 i32 i32 i32", "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)", 28),
        (
            "path_open",
            "i32 i32 i32 i32 i32 i64 i64 i32 i32",
            "(i32.const 3) (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)",
            37,
        ),
        ("clock_time_get", "i32 i64 i32", "(i32.const 99) (i64.const 0) (i32.const 0)", 28),
        ("fd_renumber", "i32 i32", "(i32.const 1) (i32.const 900)", 8),
        ("proc_raise", "i32", "(i32.const 9)", 52),
        ("sock_accept", "i32 i32 i32", "(i32.const 9) (i32.const 0) (i32.const 0)", 8),
    ] {
        assert_eq!(errno_of(name, params, args), Some(expected), "{name} {args}");
    }
}

#[test]
fn files_cannot_fill_memory() {
    let run = run(r#"(module
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
        (import "wasi_snapshot_preview1" "fd_allocate" (func $allocate (param i32 i64 i64) (result i32)))
        (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32))) (memory (export "memory") 1)
        (data (i32.const 100) "x") (data (i32.const 200) "\64\00\00\00\01\00\00\00")
        (func (export "_start") (result i32 i32 i32 i32)
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 1) (i64.const 0x4001c6) (i64.const 0) (i32.const 0) (i32.const 60)))
            (call $size (i32.load (i32.const 60)) (i64.const 0x7fffffffffffffff))
            (call $allocate (i32.load (i32.const 60)) (i64.const -2) (i64.const 9))
            (call $pwrite (i32.load (i32.const 60)) (i32.const 200) (i32.const 1) (i64.const 0x10000000000) (i32.const 64))
            (call $pwrite (i32.load (i32.const 60)) (i32.const 200) (i32.const 1) (i64.const -1) (i32.const 64))))"#);
    assert_eq!(run.entries[0].results, [51, 22, 51, 22].map(Value::I32));
    assert_eq!(run.files.len(), 1);
}

#[test]
fn large_declarations() {
    // A memory takes room as it is touched, wherever that is.
    for large in [
        r#"(import "env" "memory" (memory 65536))"#,
        r#"(memory 65536) (memory 65536) (memory 8192) (memory i64 65536)"#,
        r#"(memory 9000) (data (i32.const 580000000) "x")"#,
    ] {
        let large = run(&format!(r#"(module {large} (func (export "main")))"#));
        assert_eq!((large.status, large.limitations), (Status::Exited, vec![]));
    }
    // What is there of one that is larger is said.
    let larger = run(r#"(module (memory i64 0x1000000) (func (export "main")))"#);
    let declared = Limitation::MemoryNotThere { declared: 1 << 24, there: 65_536 };
    assert_eq!((larger.status, larger.limitations), (Status::Exited, vec![declared]));
    // What is touched is bounded.
    for body in [
        "(loop (i32.store8 (local.get 0) (i32.const 1))
           (br_if 0 (local.tee 0 (i32.add (local.get 0) (i32.const 65536)))))",
        "(memory.fill (i32.const 0x10000000) (i32.const 7) (i32.const 0x30000000))",
    ] {
        let spent = format!(r#"(module (memory 65536) (func (export "main") (local i32) {body}))"#);
        let spent = run(&spent);
        assert_eq!(spent.entries[0].end, EntryEnd::Trapped { trap: Trap::GrowthLimited }, "{body}");
        let said = Limitation::MemorySpent { count: 1, near: 8192, sparse: 1024 };
        assert!(spent.limitations.contains(&said), "{:?}", spent.limitations);
    }
    let tables = run("(module (table 10000001 funcref) (func (export \"main\")))");
    let said = tables.limitations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(said.contains("--max-table"), "{said}");
    let run = run(
        r#"(module (import "env" "t" (table 10000000 funcref)) (func (export "main") (result i32) (table.size 0)))"#,
    );
    assert_eq!(run.entries[0].results, [Value::I32(10_000_000)]);
    let wasm = wat::parse_str(r#"(module (import "env" "t" (table 10000001 funcref)))"#).unwrap();
    assert!(matches!(sandbox::run(&wasm, &RunOptions::default()).unwrap_err(), LoadError::TooBig { .. }));
}

/// What is far is counted as it is touched: a byte at the end of a chunk is one chunk, and what is beyond the
/// memory is that.
#[test]
fn memory_beyond_what_is_near_is_counted_by_chunks() {
    let ends = |count: u32, then: &str| {
        run(&format!(
            r#"(module (memory 65536) (func (export "main") (result i32) (local i32)
              (loop (i32.store8 (i32.add (i32.const 0x2000ffff) (i32.shl (local.get 0) (i32.const 16))) (i32.const 1))
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {count}))))
              {then} (local.get 0)))"#
        ))
    };
    assert_eq!(ends(1024, "").entries[0].results, [Value::I32(1024)]);
    let limited = EntryEnd::Trapped { trap: Trap::GrowthLimited };
    assert_eq!(ends(1025, "").entries[0].end, limited);
    assert_eq!(ends(1024, "(i32.store16 (i32.const 0x2400fffe) (i32.const 1))").entries[0].end, limited);
    let beyond = EntryEnd::Trapped { trap: Trap::OutOfBoundsMemoryAccess };
    assert_eq!(ends(1024, "(i64.store (i32.const 0xfffffffc) (i64.const 1))").entries[0].end, beyond);
    let vector = "(v128.store64_lane 1 (i32.const 0xfffffffc) (v128.const i64x2 1 1))";
    assert_eq!(ends(1024, vector).entries[0].end, beyond);
    assert_eq!(
        ends(1023, "(i64.store (i32.const 0x2400fff8) (i64.const 1))").entries[0].results,
        [Value::I32(1023)]
    );
}

#[test]
fn host_functions_that_may_not_write_are_counted() {
    let run = run(
        r#"(module (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 65536)
        (func (export "main") (result i32)
          (memory.fill (i32.const 0x20000000) (i32.const 7) (i32.const 0x4000000))
          (drop (call $random (i32.const 0x21000000) (i32.const 4)))
          (drop (call $random (i32.const 0x30000000) (i32.const 4)))
          (i32.load (i32.const 0x30000000))))"#,
    );
    assert_eq!(run.entries[0].results, [Value::I32(0)]);
    let said = run.limitations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(said.contains("1 writes of host functions were left out"), "{said}");
}

#[test]
fn a_wait_that_nobody_ends_says_where() {
    let waits = run(r#"(module (memory 1 1 shared) (func (export "_start")
        (drop (memory.atomic.wait32 (i32.const 300) (i32.const 0) (i64.const -1)))))"#);
    assert_eq!(waits.entries[0].end, EntryEnd::Trapped { trap: Trap::Deadlock });
    let said = waits.limitations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(said.contains("deadlock: thread 0 waits (wasm-function[0]:0x"), "{said}");
}

#[test]
fn a_host_call_that_calls_back_for_ever_ends() {
    let text = r#"(module (import "env" "invoke_v" (func $invoke (param i32))) (table (export "table") 1 funcref) (elem (i32.const 0) $again)
        (func $again (call $invoke (i32.const 0))) (func (export "main") (call $again)))"#;
    let mut options = RunOptions::default();
    options.entry_decisions = Some(100_000);
    let run = run_with(text, &options);
    assert!(!matches!(run.entries[0].end, EntryEnd::Returned), "{:?}", run.entries[0].end);
    // A main loop that takes its own function, and timers that set themselves again.
    let text = r#"(module (import "env" "emscripten_set_main_loop" (func $loop (param i32 i32 i32)))
        (import "env" "emscripten_async_call" (func $later (param i32 i32 i32))) (table (export "t") 2 funcref) (elem (i32.const 0) $round $tick)
        (global $rounds (mut i32) (i32.const 0))
        (func $round (global.set $rounds (i32.add (global.get $rounds) (i32.const 1))))
        (func $tick (param i32) (if (local.get 0) (then (call $later (i32.const 1) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1000)))))
        (func (export "main") (call $later (i32.const 1) (i32.const 5) (i32.const 1)) (call $loop (i32.const 0) (i32.const 60) (i32.const 1)))
        (func (export "rounds") (result i32) (global.get $rounds)))"#;
    let run = super::run(text);
    assert_eq!(run.entries[1].results, [Value::I32(16)], "{:?}", run.entries);
    assert_eq!((run.sleeps, &run.entries[0].end), (22, &EntryEnd::Returned));
}

#[test]
fn floods_of_calls_are_counted() {
    let text = r#"(module (import "env" "f" (func $f (param i32 i32))) (memory (export "memory") 1) (data (i32.const 2000) "something to look at")
        (func (export "main") (loop $l (call $f (i32.const 2000) (i32.const 4096)) (br $l))))"#;
    let mut options = super::patient();
    options.limits.host_calls = Some(MAX_CALLS as u64 + 1000);
    options.entry_decisions = None;
    let run = run_with(text, &options);
    let kept = run.calls.len();
    assert!(kept > MAX_CALLS / 4 && kept < MAX_CALLS / 2, "{kept}");
    assert_eq!((kept as u64 + run.calls_cut, run.status), (MAX_CALLS as u64 + 1000, Status::Stopped));
    for part in ["in the trace and not in the log", "or what they point at, were not logged"] {
        assert!(
            run.limitations.iter().any(|text| text.to_string().contains(part)),
            "{part}: {:?}",
            run.limitations
        );
    }
}

#[test]
fn what_follows_a_flood_of_calls_is_logged() {
    let text = r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32))) (memory (export "memory") 2)
        (data (i32.const 0) "\10\00\00\00\00\10\00\00") (data (i32.const 16) "a/file")
        (func (export "_start") (local $n i32)
            (loop $l (drop (call $yield)) (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if $l (i32.lt_u (local.get $n) (i32.const 100000))))
            (local.set $n (i32.const 0))
            (loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if $l (i32.lt_u (local.get $n) (i32.const 4000))))
            (drop (call $unlink (i32.const 3) (i32.const 16) (i32.const 6)))))"#;
    let run = run_with(text, &super::patient());
    let last = run.calls.last().unwrap();
    assert_eq!(
        (&*last.name, &last.args[1].points_at),
        ("path_unlink_file", &Some(Pointed::Text { text: "a/file".into() })),
        "{last:?}"
    );
    assert_eq!(run.calls.len() as u64 + run.calls_cut, 104_001);
}

#[test]
fn many_calls_with_many_arguments_and_results_take_bounded_memory() {
    let (types, values) = ("i64 ".repeat(32), "(i64.const 7)".repeat(32));
    let results = "(drop)".repeat(32);
    let text = format!(
        r#"(module (import "env" "f" (func $f (param {types}) (result {types}))) (func (export "main") (local i32)
            (loop (call $f {values}) {results} (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10000))))))"#
    );
    let run = super::run(&text);
    assert_eq!((run.calls.len(), run.calls[0].args.len(), run.calls[0].results.len()), (10_000, 32, 32));
    let last = &run.calls[9999];
    assert_eq!((last.args.len(), last.results.len()), (4, 1));
    assert!(
        run.limitations.iter().any(|text| text.to_string().contains("were not logged")),
        "{:?}",
        run.limitations
    );
}

#[test]
fn calls_with_a_thousand_arguments_take_bounded_memory() {
    let (params, values) = ("i32 ".repeat(1000), "(i32.const 7)".repeat(1000));
    let text = format!(
        r#"(module (import "env" "f" (func $f (param {params}))) (func (export "main") (call $f {values})))"#
    );
    let run = super::run(&text);
    assert_eq!(run.calls[0].args.len(), 32);
    assert!(
        run.limitations.iter().any(|text| text.to_string().starts_with("968 arguments")),
        "{:?}",
        run.limitations
    );
}

#[test]
fn modules_built_in_memory_are_carved() {
    // Decodes a module byte by byte and hands it to an unknown function, twice.
    let inner = wat::parse_str("(module (func (export \"run\") (nop)))").unwrap();
    let hidden: String = inner.iter().map(|byte| format!("\\{:02x}", byte ^ 0x5a)).collect();
    let text = format!(
        r#"(module (import "env" "instantiate" (func $go (param i32 i32) (result i32))) (memory (export "memory") 1) (data (i32.const 1000) "{hidden}")
        (func (export "main") (local $i i32)
            (loop $l (i32.store8 (i32.add (local.get $i) (i32.const 3000)) (i32.xor (i32.load8_u (i32.add (local.get $i) (i32.const 1000))) (i32.const 0x5a)))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {len}))))
            (drop (call $go (i32.const 3000) (i32.const {len}))) (drop (call $go (i32.const 3000) (i32.const {len})))))"#,
        len = inner.len()
    );
    assert_eq!(run(&text).carved, [inner]);
}

#[test]
fn a_trap_at_the_start_and_segments_that_do_not_fit() {
    let run = run(r#"(module (func $s (unreachable)) (start $s) (func (export "main")))"#);
    assert_eq!(
        (run.status, &run.entries[0].end),
        (Status::Trapped, &EntryEnd::Trapped { trap: Trap::Unreachable })
    );
    assert!(run.limitations[0].to_string().contains("start function"), "{:?}", run.limitations);
    let run = super::run(r#"(module (memory 1) (data (i32.const 65536) "x") (func (export "main")))"#);
    assert_eq!((run.status, run.entries.len()), (Status::Unsupported, 0));
    let run = super::run("(module)");
    assert_eq!((run.status, run.entries.len()), (Status::NothingRan, 0));
}
