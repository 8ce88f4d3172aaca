//! Modules that ask for more than the engine runs: what of them runs all the same, exactly, and where a run
//! stops. `docs/worlds.md` says what becomes of what.

#[path = "common/valued.rs"]
mod valued;

use std::{fs, process::Command};

use valued::{checked, load, script};
use wasmspoor::{
    Outcome, Value,
    trace::{Trace, Trap},
};

fn run(text: &str, export: &str, args: &[Value]) -> (Outcome, Trace) {
    let mut session = load(text.as_bytes());
    let outcome = session.invoke(export, args).unwrap();
    (outcome, session.finish())
}

#[test]
fn what_is_not_reached_does_not_matter() {
    for unused in [
        "(tag $e) (func (throw $e))",
        "(tag $e) (func try throw $e catch $e rethrow 0 end)",
        "(func (try_table (nop)))",
        "(memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0))))",
        "(type $s (struct (field i32))) (func (result i32) (struct.get $s 0 (struct.new $s (i32.const 1))))",
        "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))",
        "(type $f (func)) (type $c (cont $f)) (func (param (ref $c)) (resume $c (local.get 0)))",
    ] {
        let text = format!(r#"(module {unused} (func (export "main") (result i32) (i32.const 7)))"#);
        let (outcome, trace) = run(&text, "main", &[]);
        assert_eq!(outcome, Outcome::Returned(vec![Value::I32(7)]), "{unused}");
        assert_eq!(checked(&trace), 1, "{unused}");
    }
}

/// As `end` is none.
#[test]
fn a_delegate_that_nothing_is_thrown_to_is_no_instruction() {
    for (body, instructions) in [
        ("try (result i32) i32.const 7 delegate 0", 2),
        ("try (result i32) try (result i32) i32.const 7 delegate 0 catch_all i32.const 8 end", 3),
        ("try (result i32) call $g i32.const 7 delegate 0", 4),
    ] {
        let text = format!(r#"(module (func $g nop) (func (export "main") (result i32) {body}))"#);
        let (outcome, trace) = run(&text, "main", &[]);
        assert_eq!(outcome, Outcome::Returned(vec![Value::I32(7)]), "{body}");
        assert_eq!(checked(&trace), instructions, "{body}");
    }
}

#[test]
fn a_run_stops_at_an_operator_that_the_engine_lacks_and_what_came_before_is_kept() {
    let text = r#"(module (tag $e) (type $f (func)) (type $c (cont $f)) (memory (export "memory") 1)
        (func $fails (param i32) (i32.store (i32.const 8) (local.get 0))
            (if (local.get 0) (then (drop (cont.new $c (ref.null $f))))))
        (func (export "main") (param i32) (result i32)
            try (call $fails (i32.const 0)) (call $fails (local.get 0)) catch $e catch_all nop end
            (i32.load (i32.const 8))))"#;
    let (outcome, trace) = run(text, "main", &[Value::I32(0)]);
    assert_eq!(outcome, Outcome::Returned(vec![Value::I32(0)]));
    assert_eq!(checked(&trace), 1 + 2 * (2 + 5) + 2);
    let mut session = load(text.as_bytes());
    let outcome = session.invoke("main", &[Value::I32(5)]).unwrap();
    let Outcome::Trapped { code: Trap::Unsupported, site: Some(site) } = outcome else {
        panic!("{outcome:?}")
    };
    let module = session.module();
    let code = module.code(site.function).unwrap();
    let op = code.ops().iter().find(|op| op.offset == site.offset).unwrap();
    assert_eq!((site.function.0, op.opcode.mnemonic()), (0, "cont.new"));
    assert_eq!(session.read_memory("memory", 8, 1).unwrap(), [5]);
    // Up to the `cont.new`, which is counted as every operator that traps.
    let trace = session.finish();
    assert_eq!(checked(&trace), 1 + (2 + 5) + (2 + 5 + 2));
}

#[test]
fn waiting_ends_at_once_or_never() {
    let text = r#"(module (memory 1 1 shared)
        (func (export "wait") (param i32 i64) (result i32)
            (memory.atomic.wait32 (i32.const 0) (local.get 0) (local.get 1)))
        (func (export "notify") (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1)))
        (memory $own 1)
        (func (export "alone") (result i32) (memory.atomic.wait32 $own (i32.const 0) (i32.const 0) (i64.const 0))))"#;
    let code = |outcome: Outcome| match outcome {
        Outcome::Trapped { code, .. } => Err(code),
        Outcome::Returned(values) => Ok(values[0]),
        outcome => panic!("{outcome:?}"),
    };
    for (export, args, expected) in [
        ("wait", &[Value::I32(1), Value::I64(-1)][..], Ok(Value::I32(1))),
        ("wait", &[Value::I32(0), Value::I64(1_000)], Ok(Value::I32(2))),
        ("wait", &[Value::I32(0), Value::I64(-1)], Err(Trap::Deadlock)),
        ("notify", &[Value::I32(4)], Ok(Value::I32(0))),
        ("notify", &[Value::I32(2)], Err(Trap::UnalignedAtomic)),
        ("notify", &[Value::I32(1 << 16)], Err(Trap::OutOfBoundsMemoryAccess)),
        ("alone", &[], Err(Trap::NotShared)),
    ] {
        let (outcome, trace) = run(text, export, args);
        assert_eq!(code(outcome), expected, "{export} {args:?}");
        checked(&trace);
    }
}

/// An `i32` or `i64`; the script has no others.
/// The official test of atomics; then all of it again by replay, with values.
#[test]
fn atomics_are_those_of_the_specification() {
    assert_eq!(script(wasmspoor_oracle::script::atomics()), 142 + 45 + 48);
}

/// The verdict, score and status of a run by the command line.
fn judged(text: &str) -> (String, u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("sample.wat");
    fs::write(&sample, text).unwrap();
    let spoor = env!("CARGO_BIN_EXE_spoor");
    let output =
        Command::new(spoor).args(["run", "--json", "--fail-on", "never"]).arg(&sample).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |pointer: &str| report.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    (word("/verdict"), report["score"].as_u64().unwrap(), word("/status"))
}

#[test]
fn nothing_that_is_not_used_hides_ransomware() {
    let text = fs::read_to_string("corpus/ransomware-chacha.wat").unwrap();
    let control = judged(&text);
    assert_eq!(control.0, "MALICIOUS");
    let end = text.trim_end().strip_suffix(')').unwrap();
    for unused in [
        "(func (try_table (nop)))",
        "(tag $unused) (func try throw $unused catch_all rethrow 0 end)",
        "(type (struct (field i32)))",
        "(func $begins) (table 1 funcref (ref.func $begins))",
        "(table 1 exnref)",
        "(elem exnref (ref.null exn))",
        "(type $typed (func)) (func (param (ref $typed)) (call_ref $typed (local.get 0)))",
    ] {
        assert_eq!(judged(&format!("{end}\n{unused})")), control, "{unused}");
    }
    let memory = r#"(memory (export "memory") 2)"#;
    assert!(text.contains(memory));
    assert_eq!(judged(&text.replace(memory, r#"(memory (export "memory") 2 2 shared)"#)), control, "shared");
}

/// A table begins with its value, and segments of the sample stand where they stood.
#[test]
fn a_table_begins_with_functions() {
    let text = r#"(module (type $t (func (result i32)))
        (func $a (type $t) (i32.const 1)) (func $b (type $t) (i32.const 2)) (func $c (type $t) (i32.const 3))
        (table $x 4 6 funcref (ref.func $a)) (table $e 2 exnref) (table $n 2 funcref (ref.null func))
        (elem (table $x) (i32.const 1) func $b) (elem $more func $c) (elem exnref (ref.null exn))
        (func (export "call") (param i32) (result i32) (call_indirect $x (type $t) (local.get 0)))
        (func (export "init") (param i32) (result i32)
            (table.init $x $more (local.get 0) (i32.const 0) (i32.const 1)) (table.size $e))
        (func (export "exception") (param i32) (result i32)
            (drop (table.get $e (local.get 0))) (i32.const 0)))"#;
    for (args, expected) in [(0, 1), (1, 2), (2, 1), (3, 1)] {
        let (outcome, trace) = run(text, "call", &[Value::I32(args)]);
        assert_eq!(outcome, Outcome::Returned(vec![Value::I32(expected)]));
        assert_eq!(checked(&trace), 2 + 1);
    }
    let mut session = load(text.as_bytes());
    let mut given = |export, arg| match session.invoke(export, &[Value::I32(arg)]).unwrap() {
        Outcome::Returned(results) => Ok(results),
        Outcome::Trapped { code, .. } => Err(code),
        other => panic!("{other:?}"),
    };
    assert_eq!(given("init", 2), Ok(vec![Value::I32(2)]));
    assert_eq!(given("call", 2), Ok(vec![Value::I32(3)]));
    assert_eq!(given("call", 3), Ok(vec![Value::I32(1)]));
    assert_eq!(given("exception", 0), Err(Trap::Unsupported));
    checked(&session.finish());
    // Without a section of segments, and without code.
    let text = r#"(module (type $t (func (result i32))) (func $a (type $t) (i32.const 1))
        (table 2 funcref (ref.func $a)) (memory 1) (data "x")
        (func (export "call") (result i32) (call_indirect (type $t) (i32.const 1))))"#;
    let (outcome, trace) = run(text, "call", &[]);
    assert_eq!(outcome, Outcome::Returned(vec![Value::I32(1)]));
    checked(&trace);
}

/// What compilers for languages with garbage collection write: types, constants and functions of each kind.
/// Each operator runs, or traps as the specification says.
#[test]
fn each_operator_of_garbage_collection_runs() {
    let types = r#"(type $f (func (result i32)))
        (rec (type $base (sub (struct (field $x (mut i32)))))
             (type $more (sub $base (struct (field $x (mut i32)) (field (ref null $base))))))
        (type $bytes (array (mut i8)))
        (global $none (mut (ref null $base)) (ref.null $base))
        (global $one (ref $base) (struct.new $base (i32.const 1)))
        (global $small (ref i31) (ref.i31 (i32.const 5)))
        (func $seven (type $f) (i32.const 7))
        (elem declare func $seven)
        (memory (export "memory") 1)"#;
    for (mnemonic, code, trap) in [
        ("struct.new", "(drop (struct.new $base (i32.const 1)))", None),
        ("struct.new_default", "(drop (struct.new_default $more))", None),
        ("struct.get", "(drop (struct.get $base $x (global.get $none)))", Some(Trap::NullStructure)),
        ("struct.get", "(i32.store (i32.const 8) (struct.get $base $x (global.get $one)))", None),
        ("struct.set", "(struct.set $base $x (global.get $none) (i32.const 2))", Some(Trap::NullStructure)),
        ("array.new", "(drop (array.new $bytes (i32.const 0) (i32.const 8)))", None),
        ("array.new", "(drop (array.new $bytes (i32.const 0) (i32.const -1)))", Some(Trap::ObjectsLimited)),
        ("array.new_fixed", "(drop (array.new_fixed $bytes 1 (i32.const 0)))", None),
        ("array.len", "(drop (array.len (ref.null array)))", Some(Trap::NullArray)),
        ("ref.i31", "(drop (ref.i31 (i32.const 3)))", None),
        ("i31.get_s", "(drop (i31.get_s (global.get $small)))", None),
        ("ref.eq", "(drop (ref.eq (global.get $none) (global.get $one)))", None),
        ("ref.test", "(drop (ref.test (ref $more) (global.get $none)))", None),
        ("ref.cast", "(drop (ref.cast (ref null $more) (global.get $none)))", None),
        ("ref.cast", "(drop (ref.cast (ref $more) (global.get $one)))", Some(Trap::CastFailure)),
        ("ref.as_non_null", "(drop (ref.as_non_null (global.get $none)))", Some(Trap::NullReference)),
        ("br_on_null", "(block (drop (br_on_null 0 (global.get $none))))", None),
        (
            "br_on_cast",
            "(drop (block (result anyref) (br_on_cast 0 anyref (ref $more) (global.get $none))))",
            None,
        ),
        ("call_ref", "(drop (call_ref $f (ref.func $seven)))", None),
        ("call_ref", "(drop (call_ref $f (ref.null $f)))", Some(Trap::NullFunction)),
        ("return_call_ref", "(drop (call $tail))", None),
        ("any.convert_extern", "(drop (any.convert_extern (ref.null extern)))", None),
    ] {
        let text = format!(
            r#"(module {types}
            (func $tail (type $f) (return_call_ref $f (ref.func $seven)))
            (func $uses {code})
            (func (export "main") (param i32) (result i32)
                (i32.store (i32.const 8) (i32.const 9))
                (if (local.get 0) (then (call $uses)))
                (i32.const 7)))"#
        );
        let (outcome, trace) = run(&text, "main", &[Value::I32(0)]);
        assert_eq!(outcome, Outcome::Returned(vec![Value::I32(7)]), "{mnemonic}");
        assert_eq!(checked(&trace), 3 + 2 + 1, "{mnemonic}");
        let mut session = load(text.as_bytes());
        match (session.invoke("main", &[Value::I32(1)]).unwrap(), trap) {
            (Outcome::Returned(values), None) => assert_eq!(values, [Value::I32(7)], "{code}"),
            (Outcome::Trapped { code: trap, site: Some(site) }, Some(expected)) => {
                let ops = session.module().code(site.function).unwrap().ops();
                let op = ops.iter().find(|op| op.offset == site.offset).unwrap();
                assert_eq!((op.opcode.mnemonic(), trap), (mnemonic, expected), "{code}");
            }
            (outcome, _) => panic!("{code}: {outcome:?}"),
        }
        checked(&session.finish());
    }
}

/// What runs before the first effect hides nothing.
#[test]
fn nothing_that_runs_first_hides_ransomware() {
    let text = fs::read_to_string("corpus/ransomware-chacha.wat").unwrap();
    let control = judged(&text);
    let end = text.trim_end().strip_suffix(')').unwrap();
    let start = r#"(func (export "_start")"#;
    assert!(end.contains(start) && end.contains("(call $schedule)"));
    let types = r#"(type $made (sub (struct (field (mut i32))))) (type $less (sub $made (struct (field (mut i32)))))
        (type $called (func)) (type $bytes (array (mut i8))) (func $nothing (type $called)) (elem declare func $nothing)"#;
    for code in [
        "(drop (struct.new $made (i32.const 1)))",
        "(call_ref $called (ref.func $nothing))",
        "(drop (block (result anyref) (br_on_cast 0 anyref (ref $less) (struct.new $made (i32.const 1)))))",
        "(block (drop (br_on_null 0 (ref.func $nothing))))",
        "(drop (ref.cast (ref $bytes) (array.new $bytes (i32.const 1) (i32.const 100))))",
        "(drop (i31.get_u (ref.i31 (i32.const 1))))",
        "(drop (extern.convert_any (ref.null any)))",
    ] {
        let made = format!("{types}\n(func $first {code})\n{start}");
        let hidden =
            end.replace(start, &made).replacen("(call $schedule)", "(call $first) (call $schedule)", 1);
        let hidden = format!("{hidden})");
        assert_eq!(judged(&hidden), control, "{code}");
    }
}
