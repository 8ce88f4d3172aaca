//! Exceptions that leave what a host function called: they go on at the call of that host function.

use std::fs;

use wasmspoor::{
    Options, Outcome, Session, Tracer, Value,
    analysis::Analysis,
    passes::flows::Look,
    rules,
    sandbox::RunOptions,
    trace::{Event, Record, Trace},
    verdict::{Class, Verdict},
};

use super::{command::told, valued::checked};

/// A host that calls exports of the sample: with its argument, without regard to what becomes of it, through
/// another call of the host.
fn session(text: &str) -> Session {
    let mut tracer = Tracer::new(Options::default().effects(true));
    tracer.define("host", "calls", |call| {
        let args = call.args().to_vec();
        let results = call.invoke("back", &args)?;
        call.set_result(0, results[0])
    });
    tracer.define("host", "swallows", |call| {
        let args = call.args().to_vec();
        _ = call.invoke("back", &args);
        call.set_result(0, Value::I32(41))
    });
    tracer.define("host", "twice", |call| {
        let args = call.args().to_vec();
        let first = call.invoke("back", &args);
        _ = call.invoke("other", &args);
        first.map(|_| ())
    });
    tracer.define("host", "deep", |call| {
        let args = call.args().to_vec();
        let results = call.invoke("through", &args)?;
        call.set_result(0, results[0])
    });
    let mut session = tracer.load(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    session.start().unwrap();
    session
}

const COMMON: &str = r#"
    (type $taking (func (param i32) (result i32)))
    (import "host" "calls" (func $calls (param i32) (result i32)))
    (import "host" "swallows" (func $swallows (param i32) (result i32)))
    (import "host" "twice" (func $twice (param i32) (result i32)))
    (import "host" "deep" (func $deep (param i32) (result i32)))
    (memory (export "memory") 1)
    (tag $e (export "e") (param i32)) (tag $f (export "f"))
    (tag $big (export "big") (param i32 i64 f32 f64))
    (table funcref (elem $calls $in_place))
    (func $back (export "back") (param i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 7)) (then (return (i32.const 70))))
        (if (i32.eq (local.get 0) (i32.const 8))
            (then (throw $big (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4))))
        (if (i32.eq (local.get 0) (i32.const 9)) (then unreachable))
        (call $thrower (local.get 0)))
    (func $thrower (param i32) (result i32) (throw $e (local.get 0)))
    (func (export "other") (param i32) (result i32)
        try (throw $big (i32.const 9) (i64.const 9) (f32.const 9) (f64.const 9))
        catch_all end (i32.const 0))
    (func (export "through") (param i32) (result i32)
        (i32.add (call $calls (local.get 0)) (i32.const 1)))
    (func $in_place (param i32) (result i32) (return_call $calls (local.get 0)))
    (func $below (param i32) (result i32) (i32.add (call $in_place (local.get 0)) (i32.const 100)))
    (func (export "exported") (param i32) (result i32) (return_call $calls (local.get 0)))"#;

fn program(body: &str) -> String {
    format!("(module {COMMON} (func (export \"main\") (result i32) (local $n i32) (local $i i32) {body}))")
}

fn run(body: &str) -> (Outcome, Trace) {
    let mut session = session(&program(body));
    let outcome = session.invoke("main", &[]).unwrap();
    (outcome, session.finish())
}

fn threw(trace: &Trace) -> usize {
    trace.record_stream().filter(|record| matches!(**record, Record::HostThrew { .. })).count()
}

/// What `main` gives, and how many calls of the host an exception passes.
const CASES: &[(&str, &str, i32, usize)] = &[
    ("nothing is thrown", "try (result i32) (call $calls (i32.const 7)) catch $e end", 70, 0),
    ("caught behind the host", "try (result i32) (call $calls (i32.const 5)) catch $e end", 5, 1),
    (
        "by a try_table",
        "(block $h (result i32) (try_table (result i32) (catch $e $h) (call $calls (i32.const 5))) (return))
        (i32.add (i32.const 60))",
        65,
        1,
    ),
    (
        "by a handler of all, and again",
        "try (result i32)
            try (result i32) (call $calls (i32.const 5)) catch_all (local.set $n (i32.const 10)) rethrow 0 end
        catch $e (i32.add (local.get $n)) end",
        15,
        1,
    ),
    ("by the tag that it has", "try (result i32) (call $calls (i32.const 5)) catch $f (i32.const 1) catch $e end", 5, 1),
    ("through two calls of the host", "try (result i32) (call $deep (i32.const 6)) catch $e end", 6, 2),
    (
        "through a table",
        "try (result i32) (call_indirect (type $taking) (i32.const 4) (i32.const 0)) catch $e end",
        4,
        1,
    ),
    ("the host was called in place", "try (result i32) (call $in_place (i32.const 3)) catch $e end", 3, 1),
    ("below that", "try (result i32) (call $below (i32.const 3)) catch $e end", 3, 1),
    (
        "in place, through a table",
        "try (result i32) (call_indirect (type $taking) (i32.const 4) (i32.const 1)) catch $e end",
        4,
        1,
    ),
    (
        "delegated",
        "try $outer (result i32) try (result i32)
            try (result i32) (call $calls (i32.const 3)) delegate $outer
        catch_all i32.const 9 end catch $e end",
        3,
        1,
    ),
    (
        "many operands",
        "try (result i32) (call $calls (i32.const 8)) catch $big
            (i32.trunc_f64_s) (local.set $n) (i32.trunc_f32_s) (local.set $i) (i32.wrap_i64)
            (i32.add (i32.mul (i32.const 10))) (i32.add (local.get $i)) (i32.add (local.get $n)) end",
        1 + 20 + 3 + 4,
        1,
    ),
    ("the host takes it", "try (result i32) (call $swallows (i32.const 5)) catch_all (i32.const 1) end", 41, 0),
    (
        "to a loop",
        "(loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 10)))
            (try_table (catch_all $again)
                (drop (call $calls (select (i32.const 7) (local.get $n) (i32.gt_u (local.get $n) (i32.const 3000)))))))
        (local.get $n)",
        3010,
        300,
    ),
    (
        "in a loop",
        "(loop $again
            try (drop (call $deep (local.get $i)))
            catch $e (i32.add (local.get $n)) (local.set $n) end
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 7))))
        (local.get $n)",
        21,
        14,
    ),
];

#[test]
fn a_handler_takes_what_comes_through_the_host() {
    for &(name, body, expected, times) in CASES {
        let (outcome, trace) = run(body);
        assert_eq!(outcome, Outcome::Returned(vec![Value::I32(expected)]), "{name}");
        assert_eq!(threw(&trace), times, "{name}");
        checked(&trace);
    }
}

#[test]
fn what_nobody_takes_leaves_the_entry() {
    for body in
        ["(call $calls (i32.const 5))", "(return_call $calls (i32.const 5))", "(call $below (i32.const 5))"]
    {
        let (outcome, trace) = run(body);
        let Outcome::Thrown { name, operands, site, .. } = &outcome else { panic!("{body}: {outcome:?}") };
        assert_eq!((name.as_deref(), &operands[..], site.is_some()), (Some("e"), &[Value::I32(5)][..], true));
        assert_eq!(threw(&trace), 1);
        checked(&trace);
    }
    // The host calls a function that is in place of its own: there is no call to go on at.
    let mut session = session(&program("(i32.const 0)"));
    let outcome = session.invoke("exported", &[Value::I32(5)]).unwrap();
    assert!(matches!(outcome, Outcome::Thrown { .. }), "{outcome:?}");
    checked(&session.finish());
}

/// A trap is none, and what a host says is no exception.
#[test]
fn what_is_no_exception_passes_no_handler() {
    let (outcome, trace) = run("try (result i32) (call $calls (i32.const 9)) catch_all (i32.const 1) end");
    assert!(matches!(outcome, Outcome::HostError { .. }), "{outcome:?}");
    assert_eq!(threw(&trace), 0);
    checked(&trace);
    // The operands of another that has many are there by now.
    let (outcome, trace) = run("try (result i32) (call $twice (i32.const 8)) catch_all (i32.const 1) end");
    assert!(matches!(outcome, Outcome::HostError { .. }), "{outcome:?}");
    checked(&trace);
}

/// Small exceptions leave the operands of a large one alone.
#[test]
fn operands_of_others_stay() {
    let (outcome, trace) = run("try (result i32)
            try
                (throw $big (i32.const 5) (i64.const 6) (f32.const 7) (f64.const 8))
            catch_all
                try (drop (call $thrower (i32.const 99))) catch $e drop end
                rethrow 0
            end
            (i32.const 1)
        catch $big drop drop drop end");
    assert_eq!(outcome, Outcome::Returned(vec![Value::I32(5)]));
    checked(&trace);
}

#[test]
fn events_say_how_the_host_is_left() {
    let (_, trace) = run("try (result i32) (call $calls (i32.const 5)) catch $e end");
    let told: Vec<_> = trace
        .events()
        .filter_map(|event| match event.unwrap() {
            Event::HostReturn { failed } => Some(format!("host {failed}")),
            Event::Caught { func, .. } => Some(format!("caught in {}", func.0)),
            Event::End(end) => Some(end.name().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(told.last().map(String::as_str), Some("returned"));
    assert_eq!(told[..2], ["left by an exception", "host true"]);
    assert!(told[2].starts_with("caught in "), "{told:?}");
}

/// By the sandbox, with a file: `invoke_ii` calls an element of the table, as Emscripten's does.
#[test]
fn a_recording_of_it_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sample, file) = (path("passing.wat"), path("passing.spoor"));
    let text = r#"(module
        (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (tag $e (param i32))
        (table (export "__indirect_function_table") 2 2 funcref)
        (elem (i32.const 1) $throws)
        (func $throws (param i32) (result i32) (throw $e (local.get 0)))
        (func (export "_start") (local $i i32) (local $n i32)
            (loop $again
                try (drop (call $invoke (i32.const 1) (local.get $i)))
                catch $e (i32.add (local.get $n)) (local.set $n) end
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))
            (call $exit (local.get $n))))"#;
    fs::write(&sample, text).unwrap();
    let (code, text) = told(&["record", &sample, "--effects", "-o", &file]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(fs::read(&file).unwrap()[12] & 2, 2, "the file says that it has what came later");
    for args in [&["rerun", &file][..], &["info", &file], &["dump", &file, "--values", "--limit", "100"]] {
        let (code, text) = told(args);
        assert_eq!(code, Some(0), "{args:?}: {text}");
    }
    let (_, text) = told(&["run", &sample, "--json"]);
    let plain: String = text.split_whitespace().collect();
    assert!(plain.contains(r#""exit_code":36"#), "{text}");
}

/// What is said of a program that steals a key, with imports and definitions of ours, behind some code.
fn stealing(imports: &str, first: &str, definitions: &str) -> Verdict {
    let text = include_str!("../../corpus/key-sender.wat");
    let begin = "(func (export \"_start\") (local $at i32)";
    assert!(text.contains(begin) && text.contains("(module"));
    let text = text.replacen(begin, &format!("{begin} {first}"), 1);
    let text = text.replacen("(module", &format!("(module {imports}"), 1);
    let end = text.rfind(')').unwrap();
    let text = format!("{} {definitions})", &text[..end]);
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    Analysis::with_values(&wasm, &RunOptions::default(), &rules::Set::builtin(), Look::Auto).verdict
}

/// A handler that only the host leads to hides no theft.
#[test]
fn what_passes_the_host_hides_no_theft() {
    let plain = stealing("", "", "").class;
    assert!(plain >= Class::Suspicious);
    let Verdict { class, reasons, .. } = stealing(
        r#"(import "env" "invoke_v" (func $invoke (param i32)))"#,
        "try (call $invoke (i32.const 0)) (return) catch $thrown end",
        "(tag $thrown) (table (export \"__indirect_function_table\") funcref (elem $throws))
         (func $throws (throw $thrown))",
    );
    assert_eq!(class, plain, "{reasons:?}");
}
