//! Which exports are called, with what, and for how long.

use std::collections::BTreeSet;

use wasmspoor::{
    Limit, Value,
    module::FuncIndex,
    sandbox::{Drive, EntryEnd, EntryKind, RunOptions, Seed, Status},
};

use super::{run, run_with};

fn names(run: &wasmspoor::sandbox::Run) -> Vec<&str> {
    run.entries.iter().map(|entry| entry.name.as_str()).collect()
}

/// A library that wants to be set up, whose hash does nothing without the object that `make` gives.
const LIBRARY: &str = r#"(module (memory (export "memory") 4) (global $ready (mut i32) (i32.const 0))
    (func $begin (global.set $ready (i32.const 1))) (start $begin)
    (func (export "free_it") (param i32))
    (func (export "dynCall_v") (param i32)) (func (export "stackAlloc") (param i32) (result i32) (i32.const 0))
    (func (export "qXz") (param $object i32) (param $in i32) (param $out i32) (param $len i32) (local $i i32)
        (if (i32.ne (i32.load (local.get $object)) (i32.const 0x0b1ec7)) (then (return)))
        (loop $l (i32.store8 (local.get $out) (i32.xor (i32.load8_u (local.get $in)) (i32.load8_u (local.get $out))))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50000)))))
    (func (export "idle") (param f64 i64 externref))
    (func (export "make") (result i32) (i32.store (i32.const 4096) (i32.const 0x0b1ec7)) (i32.const 4096))
    (func (export "_initialize")))"#;

#[test]
fn a_library_is_set_up_then_its_loops_run() {
    let run = run(LIBRARY);
    assert_eq!(names(&run), ["start", "_initialize", "make", "qXz", "idle", "qXz", "free_it"]);
    let kinds: Vec<_> = run.entries.iter().map(|entry| entry.kind).collect();
    use EntryKind::{Export, Initialize, Start};
    assert_eq!(kinds, [Start, Initialize, Export, Export, Export, Export, Export]);
    let hash = &run.entries[3];
    assert_eq!((hash.args[0], hash.made_up, &hash.end), (Value::I32(4096), true, &EntryEnd::Returned));
    assert_eq!(hash.args[3], Value::I32(76));
    assert!(run.trace.counts().unwrap().of_mnemonic("i32.xor") >= 50_000);
    assert_eq!(run.status, Status::Exited);
}

#[test]
fn only_what_is_asked_for() {
    let run_as = |drive: Drive, invoke: Option<(String, Vec<Value>)>| {
        let mut options = RunOptions::default();
        (options.drive, options.invoke) = (drive, invoke);
        run_with(LIBRARY, &options)
    };
    let run = run_as(Drive::None, None);
    assert_eq!((names(&run), run.status), (vec!["start", "_initialize"], Status::Exited));
    let run = run_as(Drive::Name("idle".into()), None);
    assert_eq!(names(&run), ["start", "_initialize", "idle"]);
    assert!(run.entries[2].made_up && run.entries[2].kind == EntryKind::Main);
    let args = vec![Value::F64(0.5), Value::I64(9), Value::Ref { null: true }];
    let run = run_as(Drive::Auto, Some(("idle".into(), args.clone())));
    assert!(!run.entries[2].made_up && run.entries[2].args == args);
    let run = run_as(Drive::Auto, Some(("idle".into(), vec![])));
    assert_eq!(names(&run), ["start", "_initialize"]);
    assert!(run.limitations[0].to_string().contains("`idle` was not called"), "{:?}", run.limitations);
    let run = run_as(Drive::Name("missing".into()), None);
    assert!(run.limitations[0].to_string().contains("missing"), "{:?}", run.limitations);
}

#[test]
fn other_exports_are_driven_whatever_the_program_did() {
    for (body, drive, expected) in [
        ("", Drive::Auto, vec!["_start", "other"]),
        ("(unreachable)", Drive::Auto, vec!["_start", "other"]),
        ("", Drive::Exports, vec!["_start", "other", "__wasm_call_ctors"]),
        ("(unreachable)", Drive::None, vec!["_start"]),
    ] {
        let text = format!(
            r#"(module (func (export "__wasm_call_ctors")) (func (export "other")) (func (export "_start") {body}))"#
        );
        let mut options = RunOptions::default();
        options.drive = drive;
        let run = run_with(&text, &options);
        assert_eq!(names(&run), expected, "{body}");
        assert_eq!(run.status, if body.is_empty() { Status::Exited } else { Status::Trapped });
    }
}

#[test]
fn main_gets_its_arguments() {
    let text = r#"(module (memory (export "memory") 2)
        (func (export "main") (param $argc i32) (param $argv i32) (result i32)
            (i32.add (i32.mul (local.get $argc) (i32.const 1000)) (i32.load8_u (i32.load offset=4 (local.get $argv))))))"#;
    let mut options = RunOptions::default();
    options.args = vec!["program".into(), "x".into()];
    let run = run_with(text, &options);
    assert_eq!(run.entries[0].results, [Value::I32(2000 + i32::from(b'x'))]);
    assert_eq!(run.entries[0].kind, EntryKind::Main);
}

#[test]
fn each_entry_has_a_budget_of_its_own() {
    let text = r#"(module (import "env" "f" (func $f))
        (func $spin (loop $l (br $l)))
        (func (export "stalls") (call $f) (call $spin))
        (func (export "talks") (loop $l (call $f) (br $l)))
        (func (export "returns") (result i32) (i32.const 500)))"#;
    // 500 is no character, which would be asked for more.
    let mut options = RunOptions::default();
    options.entry_decisions = Some(2_000_000);
    let run = run_with(text, &options);
    let ends: Vec<_> =
        run.entries.iter().map(|entry| (entry.name.as_str(), &entry.end, entry.stalled_in)).collect();
    let stopped = EntryEnd::Stopped { limit: Limit::Decisions };
    let expected = [
        ("returns", &EntryEnd::Returned, None),
        ("stalls", &stopped, Some(FuncIndex(1))),
        ("talks", &stopped, None),
    ];
    assert_eq!(ends, expected);
    assert!(run.entries[1].site.is_some_and(|site| site.function.0 == 1));
    assert_eq!(run.status, Status::Stopped);
    assert!(
        run.limitations.iter().any(|text| text.to_string().contains("2 entry points were stopped")),
        "{:?}",
        run.limitations
    );
    let again = run_with(text, &options);
    assert_eq!((run.trace.decisions, run.trace.records), (again.trace.decisions, again.trace.records));
    // The session's own limit ends all.
    options.limits.decisions = Some(1_000_000);
    options.entry_decisions = None;
    let run = run_with(text, &options);
    assert_eq!(run.entries.len(), 2, "{:?}", run.entries);
    assert!(
        run.limitations.iter().any(|text| text.to_string().contains("1 exported function was not called")),
        "{:?}",
        run.limitations
    );
}

#[test]
fn exports_that_do_nothing_are_tried_again() {
    // Runs only if its second argument is not the length.
    let text = r#"(module (memory (export "memory") 2)
        (func (export "picky") (param i32 i32) (local $i i32)
            (if (i32.eq (local.get 1) (i32.const 76)) (then (unreachable)))
            (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100000))))))"#;
    let run = run(text);
    let ends: Vec<_> = run.entries.iter().map(|entry| matches!(entry.end, EntryEnd::Returned)).collect();
    assert_eq!(ends, [false, true]);
}

#[test]
fn many_exports_are_cut() {
    let module = |count: u32| {
        let functions: String =
            (0..count).map(|index| format!("(func (export \"f{index}\") (param f32))")).collect();
        run(&format!("(module (memory 1) {functions})"))
    };
    assert_eq!(module(300).entries.len(), 300);
    let run = module(256 + 1024 + 44);
    assert_eq!(run.entries.len(), 256 + 1024);
    assert!(
        run.limitations.iter().any(|text| text.to_string().contains("44 exported functions were not called")),
        "{:?}",
        run.limitations
    );
}

#[test]
fn minified_constructors_go_first() {
    let text = |name: &str| {
        format!(
            r#"(module (import "a" "{name}" (func (param i32))) (global $up (mut i32) (i32.const 0))
            (func (export "c") (global.set $up (i32.const 1)))
            (func (export "d") (result i32) (if (i32.eqz (global.get $up)) (then (unreachable))) (i32.const 500)))"#
        )
    };
    let run = run(&text("b"));
    let kinds: Vec<_> = run.entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
    assert_eq!(kinds, [("c", EntryKind::Initialize), ("d", EntryKind::Export)]);
    let run = super::run(&text("spelled_out"));
    assert!(run.entries.iter().all(|entry| entry.kind == EntryKind::Export) && run.entries.len() == 2);
}

#[test]
fn the_same_run_twice_is_the_same() {
    let text = r#"(module (import "env" "_emscripten_get_now" (func $now (result f64))) (import "env" "rand" (func $rand (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32))) (memory (export "memory") 2)
        (func (export "f") (param i32 i32) (local $i i32)
            (loop $l (drop (call $random (i32.const 64) (i32.const 16))) (drop (call $now)) (drop (call $rand))
                (br_if $l (i32.and (i32.load8_u (i32.const 64)) (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 999)))))))"#;
    let json = |seed: u64| {
        let mut options = RunOptions::default();
        options.seed = Seed::Given(seed);
        let run = run_with(text, &options);
        serde_json::to_string(&(&run.calls, &run.entries, &run.files, &run.limitations)).unwrap()
    };
    assert_eq!(json(3), json(3));
    assert_ne!(json(3), json(4));
}

/// `cargo test --release --test sandbox speed -- --ignored --nocapture`
#[test]
#[ignore = "prints figures, which mean something in a release build only"]
fn speed() {
    for (what, import, call) in [
        ("unknown, no arguments", r#"(import "env" "f" (func $f))"#, "(call $f)"),
        ("clock", r#"(import "env" "_emscripten_get_now" (func $f (result f64)))"#, "(drop (call $f))"),
        (
            "fd_write of 6 bytes",
            r#"(import "wasi_snapshot_preview1" "fd_write" (func $f (param i32 i32 i32 i32) (result i32)))"#,
            "(drop (call $f (i32.const 1) (i32.const 200) (i32.const 1) (i32.const 60)))",
        ),
    ] {
        const CALLS: u64 = 150_000;
        let text = format!(
            r#"(module {import} (memory (export "memory") 1) (data (i32.const 100) "hello\n") (data (i32.const 200) "\64\00\00\00\06\00\00\00")
            (func (export "main") (local $i i32)
                (loop $l {call} (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {CALLS}))))))"#
        );
        let wasm = wat::parse_str(&text).unwrap();
        let mut options = RunOptions::default();
        options.limits.wall_time = None;
        let begun = std::time::Instant::now();
        let run = wasmspoor::sandbox::run(&wasm, &options).unwrap();
        let elapsed = begun.elapsed();
        assert_eq!(run.calls.len() as u64, CALLS);
        println!("{what}: {:.2} million logged calls a second", CALLS as f64 / elapsed.as_secs_f64() / 1e6);
    }
    let wasm = wat::parse_str(LIBRARY).unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        wasmspoor::sandbox::run(&wasm, &RunOptions::default()).unwrap();
    }
    println!("a sample of {} bytes: {:.2} ms", wasm.len(), begun.elapsed().as_secs_f64() * 50.0);
}

#[test]
fn names_and_aliases_keep_nothing_from_being_driven() {
    let aliases: String = (0..80).map(|index| format!(r#"(export "alias{index}" (func $idle))"#)).collect();
    let text = format!(
        r#"(module (import "env" "seen" (func $seen (param i32))) (func $idle (loop)) {aliases}
            (func (export "emscripten_step") (loop (call $seen (i32.const 1))))
            (func (export "_initialize") (param i32) (call $seen (i32.const 2)))
            (func (export "stackSave") (result i32) (i32.const 0))
            (func (export "main") nop)
            (func (export "start") (call $seen (i32.const 3))))"#
    );
    let run = super::run(&text);
    assert_eq!(names(&run), ["main", "alias0", "start", "emscripten_step", "_initialize"]);
    let seen: BTreeSet<_> =
        run.calls.iter().map(|call| call.args[0].value).map(|value| format!("{value:?}")).collect();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn what_start_may_call_is_not_called_by_itself() {
    let text = r#"(module (table funcref (elem $later)) (func $later (export "later"))
        (func $part (export "part") (call_indirect (i32.const 0))) (func (export "hidden"))
        (func (export "_start") (if (i32.const 0) (then (call $part)))))"#;
    assert_eq!(names(&super::run(text)), ["_start", "hidden"]);
}

#[test]
fn the_clock_advances_with_executed_instructions() {
    let body = "(drop (i32.const 1))".repeat(500);
    let text = format!(
        r#"(module (import "env" "tick" (func $tick)) (func (export "_start") (local $n i32) (call $tick)
            (loop $l {body} (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if $l (i32.lt_u (local.get $n) (i32.const 2000))))
            (call $tick)))"#
    );
    let run = super::run(&text);
    let [before, after] = &run.calls[..] else { panic!("{:?}", run.calls.len()) };
    // Two million instructions at 0.4 ns, and two calls.
    let passed = after.time_ns - before.time_ns;
    assert!((800_000..810_000).contains(&passed), "{passed}");
}

/// Registers as embind does, under names of one letter: a type, a free function, a class with constructor and
/// member. It also hands a function to something like a timer.
const BOUND: &str = r#"(module
    (import "a" "a" (func $type (param i32 i32 i32)))
    (import "a" "b" (func $free (param i32 i32 i32 i32 i32 i32 i32)))
    (import "a" "c" (func $maker (param i32 i32 i32 i32 i32 i32)))
    (import "a" "d" (func $member (param i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "a" "e" (func $later (param i32 f64)))
    (import "a" "f" (func $say (param i32 i32) (result i32)))
    (memory (export "g") 4)
    (table (export "h") 16 funcref)
    (elem (i32.const 1) $call_add $add $call_make $make $call_work $work $tick)
    (data (i32.const 2000) "int\00") (data (i32.const 2010) "add\00") (data (i32.const 2020) "iiii\00")
    (data (i32.const 2030) "ii\00") (data (i32.const 2040) "work\00") (data (i32.const 2050) "iiii\00")
    ;; The types of add: int(int, int); of the constructor: Class(); of the member: int(Class, int).
    (data (i32.const 2100) "\e8\03\00\00\e8\03\00\00\e8\03\00\00")
    (data (i32.const 2120) "\d0\07\01\00")
    (data (i32.const 2140) "\e8\03\00\00\d0\07\01\00\e8\03\00\00")
    (func $call_add (param $f i32) (param $x i32) (param $y i32) (result i32)
        (call_indirect (param i32 i32) (result i32) (local.get $x) (local.get $y) (local.get $f)))
    (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func $call_make (param $f i32) (result i32) (call_indirect (result i32) (local.get $f)))
    (func $make (result i32) (i32.const 4096))
    (func $call_work (param $f i32) (param $this i32) (param $x i32) (result i32)
        (call_indirect (param i32 i32) (result i32) (local.get $this) (local.get $x) (local.get $f)))
    (func $work (param $this i32) (param $x i32) (result i32)
        (if (i32.ne (local.get $this) (i32.const 4096)) (then (unreachable)))
        (local.get $x))
    (func $tick (drop (call $say (i32.const 2010) (i32.const 3))))
    (func (export "i")
        (call $type (i32.const 1000) (i32.const 2000) (i32.const 4))
        (call $free (i32.const 2010) (i32.const 3) (i32.const 2100) (i32.const 2020) (i32.const 1) (i32.const 2)
            (i32.const 0))
        (call $member (i32.const 67536) (i32.const 2040) (i32.const 3) (i32.const 2140) (i32.const 2050)
            (i32.const 5) (i32.const 6) (i32.const 0))
        (call $maker (i32.const 67536) (i32.const 1) (i32.const 2120) (i32.const 2030) (i32.const 3) (i32.const 4))
        (call $later (i32.const 7) (f64.const 50))))"#;

#[test]
fn registered_functions_and_callbacks_are_called_by_their_types() {
    let run = run(BOUND);
    let told: Vec<_> = run.entries.iter().filter(|entry| entry.kind == EntryKind::Callback).collect();
    let called: Vec<_> = told.iter().map(|entry| (entry.name.as_str(), entry.args.clone())).collect();
    let ints = |values: &[i32]| values.iter().map(|&value| Value::I32(value)).collect::<Vec<_>>();
    let expected = [
        ("", ints(&[4])),
        ("add", ints(&[2, 16, 16])),
        ("work", ints(&[6, 4096, 16])),
        ("table[7] for a.e", ints(&[])),
    ];
    assert_eq!(called, expected);
    assert!(told.iter().all(|entry| entry.made_up && entry.end == EntryEnd::Returned), "{told:?}");
    assert_eq!(told[1].results, ints(&[32]));
    assert_eq!(run.calls.iter().filter(|call| &*call.name == "f").count(), 1);
}

/// Hands a closure on as wasm-bindgen does, under a name of one letter: an object, and its methods.
#[test]
fn closures_are_called_with_what_they_hold() {
    let run = run(r#"(module
        (import "a" "c" (func $wrap (param i32 i32 i32) (result i32)))
        (import "a" "s" (func $say (param i32)))
        (memory (export "memory") 2) (table 8 funcref) (elem (i32.const 3) $drop $call)
        ;; Drop, size, alignment, called once, called again and again.
        (data (i32.const 1024) "\03\00\00\00\08\00\00\00\04\00\00\00\04\00\00\00\04\00\00\00")
        (func $drop (param i32))
        (func $call (param $held i32) (param $event i32) (call $say (i32.load (local.get $held))))
        (func (export "main")
            (i32.store (i32.const 4096) (i32.const 77))
            (drop (call $wrap (i32.const 4096) (i32.const 1024) (i32.const 3)))
            (drop (call $wrap (i32.const 4096) (i32.const 1028) (i32.const 3)))))"#);
    let closure = |entry: &&wasmspoor::sandbox::Entry| entry.name == "closure of table[4]";
    assert_eq!(run.entries.iter().filter(closure).count(), 1, "{:?}", run.entries);
    let said = run.calls.iter().find(|call| &*call.name == "s").expect("the closure ran");
    assert_eq!(said.args[0].value, Value::I32(77));
}

#[test]
fn a_failed_entry_leaves_neither_memory_nor_descriptors_behind() {
    let run = run(r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (memory (export "memory") 2) (global $broken (mut i32) (i32.const 0))
        (func (export "a_breaks") (param i32) (result i32)
            (loop (br_if 0 (i32.const 0)))
            (global.set $broken (i32.const 1)) (drop (call $close (i32.const 3))) unreachable)
        (func (export "b_looks") (param i32) (result i32)
            (i32.or (global.get $broken) (call $prestat (i32.const 3) (i32.const 16)))))"#);
    let looked = run.entries.iter().find(|entry| entry.name == "b_looks").unwrap();
    assert_eq!(looked.results, [Value::I32(0)]);
    assert!(run.entries.iter().any(|entry| matches!(entry.end, EntryEnd::Trapped { .. })));
}

/// A program that runs `count` functions, each of some blocks and a long loop.
fn stages(count: usize) -> String {
    let blocks = "(if (i32.eq (local.get 0) (i32.const 7)) (then (local.set 0 (i32.const 8))))".repeat(24);
    let stage = format!(
        "(func (local i32) {blocks} (local.set 0 (i32.const 240000))
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))"
    );
    let calls: String = (0..count).map(|stage| format!("(call {stage})")).collect();
    format!("(module {} (func (export \"_start\") {calls}))", stage.repeat(count))
}

#[test]
fn an_entry_goes_on_while_it_comes_to_new_code() {
    let mut options = RunOptions::default();
    options.entry_decisions = Some(2_000_000);
    let run = run_with(&stages(40), &options);
    assert_eq!(run.entries[0].end, EntryEnd::Returned, "9.6 million decisions");
    let endless = r#"(module (func (export "_start") (loop (br 0))))"#;
    let run = run_with(endless, &options);
    assert!(matches!(run.entries[0].end, EntryEnd::Stopped { .. }));
    assert!(run.trace.decisions < 2_400_000, "{}", run.trace.decisions);
}

#[test]
fn what_one_export_gives_is_tried_with_another() {
    // `b` wants what `zz` made, whose name and place say nothing.
    let run = run(r#"(module
        (memory (export "memory") 2)
        (global $made (mut i32) (i32.const 0))
        (func (export "b") (param i32 i32) (result i32) (local $i i32)
            (if (i32.eqz (local.get 0)) (then unreachable))
            (if (i32.ne (i32.load (local.get 0)) (i32.const 0x5eed)) (then unreachable))
            (local.set $i (i32.const 9))
            (loop (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            (i32.const 1))
        (func (export "zz") (param i32) (result i32)
            (i32.store (i32.const 8192) (i32.const 0x5eed)) (i32.const 8192)))"#);
    let worked = run.entries.iter().any(|entry| entry.name == "b" && entry.results == [Value::I32(1)]);
    assert!(worked, "{:?}", names(&run));
}

/// Memory from this allocator belongs to whom it is handed to, who frees it by its length.
const TAKES_OVER: &str = r#"(module (memory (export "memory") 4) (global $top (mut i32) (i32.const 4096))
    (func (export "__wbindgen_malloc") (param $size i32) (param $align i32) (result i32) (local $at i32)
        (local.set $at (i32.add (global.get $top) (i32.const 8)))
        (global.set $top (i32.and (i32.add (local.get $at) (i32.add (local.get $size) (i32.const 7)))
            (i32.const -8)))
        (i32.store (i32.sub (local.get $at) (i32.const 8)) (local.get $size))
        (local.get $at))
    (func $free (param $at i32) (param $size i32)
        (if (i32.ne (i32.load (i32.sub (local.get $at) (i32.const 8))) (local.get $size)) (then unreachable))
        (i32.store (i32.sub (local.get $at) (i32.const 8)) (i32.const -1)))
    (func (export "greet") (param i32 i32) (result i32)
        (call $free (local.get 0) (local.get 1)) (i32.const 7))
    (func (export "join") (param i32 i32 i32 i32) (result i32)
        (call $free (local.get 0) (local.get 1)) (call $free (local.get 2) (local.get 3)) (i32.const 8)))"#;

#[test]
fn what_a_call_takes_over_is_of_its_own_and_of_its_length() {
    let run = run(TAKES_OVER);
    let worked = |name: &str, result: i32| {
        let is_it =
            |entry: &&wasmspoor::sandbox::Entry| entry.name == name && entry.results == [Value::I32(result)];
        run.entries.iter().filter(is_it).map(|entry| entry.args[0]).collect::<Vec<_>>()
    };
    let (greeted, joined) = (worked("greet", 7), worked("join", 8));
    assert!(!greeted.is_empty() && !joined.is_empty(), "{:?}", run.entries);
    assert!(!greeted.contains(&joined[0]), "no piece is given twice");
}

/// It showed much code when it began, and then calls its host for ever.
#[test]
fn a_flood_of_host_calls_is_no_news() {
    let blocks = "(if (i32.eq (local.get 0) (i32.const 7)) (then (local.set 0 (i32.const 8))))".repeat(60);
    let text = format!(
        r#"(module (import "env" "f" (func $f))
            (func (export "talks") (param i32) {blocks} (loop (call $f) (br 0))))"#
    );
    let mut options = RunOptions::default();
    options.entry_decisions = Some(1_000_000);
    let run = run_with(&text, &options);
    assert_eq!(run.entries[0].end, EntryEnd::Stopped { limit: Limit::Decisions });
    let calls = run.trace.counts().unwrap().of_mnemonic("call") / run.entries.len() as u64;
    assert!(calls < 100_000, "{calls}");
}

#[test]
fn seeds_follow_from_the_sample_unless_one_is_given() {
    let sample = |constant: u32| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start") (drop (call $r (i32.const 16) (i32.const {constant})))))"#
        )
    };
    let bytes = |text: &str, seed: Option<u64>| {
        let mut options = RunOptions::default();
        options.seed = seed.map_or(Seed::OfSample, Seed::Given);
        format!("{:?}", run_with(text, &options).calls[0].args[0].points_at)[..64].to_owned()
    };
    let (one, other) = (sample(32), sample(64));
    assert_eq!(bytes(&one, None), bytes(&one, None));
    let head = |text: String| text[text.find("hex").unwrap_or(0)..][..24].to_owned();
    assert_ne!(head(bytes(&one, None)), head(bytes(&other, None)));
    assert_eq!(head(bytes(&one, Some(7))), head(bytes(&other, Some(7))));
}

#[test]
fn a_recursion_as_deep_as_a_native_stack_is_none_to_trap() {
    let text = |depth: u32| {
        format!(
            r#"(module (func $down (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 5))
                    (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
            (func (export "main") (result i32) (call $down (i32.const {depth}))))"#
        )
    };
    let run = run(&text(15_000));
    assert_eq!(run.entries[0].results, [Value::I32(15_005)]);
    let endless = run_with(&text(10_000_000), &RunOptions::default());
    assert!(matches!(endless.entries[0].end, EntryEnd::Trapped { .. }));
}

/// Of what loops for ever with made-up arguments a part is enough.
#[test]
fn an_export_that_never_ends_leaves_time_for_the_others() {
    let spins: String =
        (0..6).map(|index| format!("(func (export \"s{index}\") (param i32) (loop $l (br $l)))")).collect();
    let run = run(&format!(
        "(module (memory 1) {spins} (func (export \"last\") (param i32) (result i32) (i32.const 9)))"
    ));
    let last = run.entries.iter().find(|entry| entry.name == "last").unwrap();
    assert_eq!(last.results, [Value::I32(9)]);
    let counts = run.trace.counts().unwrap();
    assert!(counts.of_mnemonic("br") < 500_000_000, "{}", counts.of_mnemonic("br"));
}

/// What makes an object of a size is given sizes when a count will not do.
#[test]
fn what_makes_an_object_is_tried_with_sizes() {
    let run = run(r#"(module (memory (export "memory") 2)
        (func (export "init_heap") (param i32 i32)
            (if (i32.lt_u (local.get 1) (i32.const 4096)) (then unreachable))))"#);
    let ends: Vec<_> = run.entries.iter().map(|entry| entry.end == EntryEnd::Returned).collect();
    assert_eq!(ends, [false, true]);
}
