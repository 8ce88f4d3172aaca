//! Exceptions, thrown and caught: the official scripts, and programs of our own whose results another engine
//! gave. Each run is counted, valued again, and read back from its file.

#[path = "common/command.rs"]
mod command;
#[path = "exceptions/passing.rs"]
mod passing;
#[path = "common/valued.rs"]
mod valued;

use std::fs;

use command::told;
use valued::{checked, load, script};
use wasmspoor::{
    InvokeError, LoadError, Options, Outcome, Tracer, Type, Value,
    trace::{ControlEffect, Event, Trace, Trap},
    values::{Definition, Level, Slicer, Timeline, Ty},
};

fn run(text: &str) -> (Outcome, Trace) {
    let mut session = load(text.as_bytes());
    let outcome = session.invoke("main", &[]).unwrap();
    (outcome, session.finish())
}

/// How a program ends: with a number, with an exception that nothing caught, with a trap.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    With(i32),
    /// The name of the tag, and what it carries.
    Thrown(&'static str, &'static [Value]),
    Trap(Trap),
}

fn ends(outcome: &Outcome) -> Result<i32, String> {
    match outcome {
        Outcome::Returned(values) => match values[..] {
            [Value::I32(value)] => Ok(value),
            _ => Err(format!("{values:?}")),
        },
        other => Err(format!("{other:?}")),
    }
}

fn assert_ends(name: &str, outcome: &Outcome, expected: Ends) {
    match (outcome, expected) {
        (
            Outcome::Thrown { name: Some(tag), operands, site: Some(_), .. },
            Ends::Thrown(expected, values),
        ) => {
            assert_eq!((tag.as_str(), &operands[..]), (expected, values), "{name}");
        }
        (Outcome::Trapped { code, site: Some(_) }, Ends::Trap(expected)) => {
            assert_eq!(*code, expected, "{name}");
        }
        (outcome, Ends::With(value)) => assert_eq!(ends(outcome), Ok(value), "{name}"),
        (outcome, expected) => panic!("{name}: {outcome:?}, not {expected:?}"),
    }
}

/// Functions and tags that the programs below share.
const COMMON: &str = r#"
    (memory (export "memory") 1)
    (tag $e (export "e") (param i32)) (tag $f (export "f")) (tag $l (export "l") (param i64 i32))
    (tag $big (export "big") (param i32 i64 f32 f64))
    (table funcref (elem $throws $calls $fine))
    (type $taking (func (param i32) (result i32)))
    (func $throws (param i32) (result i32) (throw $e (local.get 0)))
    (func $calls (param i32) (result i32) (i32.add (call $throws (local.get 0)) (i32.const 1000)))
    (func $fine (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $odd (param i32) (result i32)
        (if (i32.and (local.get 0) (i32.const 1)) (then (throw $e (local.get 0)))) (local.get 0))
    (func $deep (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (throw $l (i64.const 1234567890123) (i32.const 77))))
        (call $deep (i32.sub (local.get 0) (i32.const 1))))
    (func $voids (param i32) (if (local.get 0) (then (throw $f))))"#;

const CASES: &[(&str, &str, Ends)] = &[
    (
        "many operands, thrown again by reference",
        "(block $out (result i32 i64 f32 f64) (try_table (catch $big $out) (block $ref (result exnref)
            (try_table (catch_all_ref $ref)
                (throw $big (i32.const 5) (i64.const 6) (f32.const 7) (f64.const 8))) unreachable)
            throw_ref) unreachable) drop drop drop",
        Ends::With(5),
    ),
    (
        "many operands, thrown again by a handler of all",
        "try (result i32) try
            (throw $big (i32.const 5) (i64.const 6) (f32.const 7) (f64.const 8))
            catch_all try (throw $f) catch $f end rethrow 0 end (i32.const 1)
        catch $big drop drop drop end",
        Ends::With(5),
    ),
    (
        "many operands, thrown again by a handler of theirs, twice",
        "try (result i32) try try
            (throw $big (i32.const 5) (i64.const 6) (f32.const 7) (f64.const 8))
            catch $big drop drop drop drop rethrow 0 end
            catch $big drop drop drop drop rethrow 0 end (i32.const 1)
        catch $big drop drop drop end",
        Ends::With(5),
    ),
    ("caught in place", "try (result i32) (throw $e (i32.const 5)) catch $e end", Ends::With(5)),
    (
        "the first catch that fits",
        "try (result i32) (throw $f) catch $e catch $f i32.const 2 catch_all i32.const 3 end",
        Ends::With(2),
    ),
    (
        "catch_all",
        "try (result i32) (call $throws (i32.const 5)) catch $f i32.const 2 catch_all i32.const 3 end",
        Ends::With(3),
    ),
    ("from a callee of a callee", "try (result i32) (call $calls (i32.const 6)) catch $e end", Ends::With(6)),
    (
        "nothing is thrown",
        "try (result i32) (call $fine (i32.const 6)) catch $e drop i32.const 0 end",
        Ends::With(7),
    ),
    (
        "through an indirect call",
        "try (result i32) (call_indirect (type $taking) (i32.const 9) (i32.const 1)) catch $e end",
        Ends::With(9),
    ),
    (
        "operands below stay",
        "i32.const 100 try (result i32) (i32.const 1) (throw $e (i32.const 5)) catch $e end i32.add",
        Ends::With(105),
    ),
    (
        "a thousand frames",
        "try (result i32) (call $deep (i32.const 1000)) catch $l (local.set $n) drop (local.get $n) end",
        Ends::With(77),
    ),
    (
        "in a loop",
        "(loop $again
            try (local.set $n (i32.add (local.get $n) (call $odd (local.get $i))))
            catch $e (i32.mul (i32.const 100)) (i32.add (local.get $n)) (local.set $n) end
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200))))
        (local.get $n)",
        Ends::With(100 * 10_000 + 9_900),
    ),
    (
        "catch inside catch",
        "try (result i32) (throw $e (i32.const 3))
        catch $e
            (local.set $n)
            try (result i32) (throw $l (i64.const 1) (i32.const 4))
            catch $l (i32.add (local.get $n)) (local.set $n) drop (local.get $n) end
        end",
        Ends::With(7),
    ),
    (
        "a handler throws outwards",
        "try (result i32)
            try (result i32) (throw $e (i32.const 3)) catch $e (throw $e (i32.const 4)) catch_all i32.const 9 end
        catch $e end",
        Ends::With(4),
    ),
    (
        "rethrown",
        "try (result i32)
            try (result i32) (throw $e (i32.const 3)) catch_all (local.set $n (i32.const 10)) rethrow 0 end
        catch $e (i32.add (local.get $n)) end",
        Ends::With(13),
    ),
    (
        "rethrown from within another handler",
        "try (result i32)
            try (result i32) (throw $e (i32.const 3))
            catch $e drop
                try (result i32) (throw $l (i64.const 1) (i32.const 4)) catch $l drop drop rethrow 1 end
            end
        catch $e end",
        Ends::With(3),
    ),
    (
        "rethrown after other exceptions",
        "try (result i32)
            try (result i32) (throw $l (i64.const 5) (i32.const 6))
            catch_all
                (loop $again
                    try (call $voids (i32.const 1)) catch_all end
                    (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))
                rethrow 0
            end
        catch $l (local.set $n) (i32.wrap_i64) (i32.mul (i32.const 10)) (i32.add (local.get $n)) end",
        Ends::With(56),
    ),
    (
        "delegated past a catch",
        "try $outer (result i32)
            try (result i32)
                try (result i32) (throw $e (i32.const 3)) delegate $outer
            catch_all i32.const 9 end
        catch $e end",
        Ends::With(3),
    ),
    (
        "delegated to the function",
        "try (result i32) try (result i32) (call $throws (i32.const 8)) delegate 1 catch_all i32.const 9 end",
        Ends::Thrown("e", &[Value::I32(8)]),
    ),
    (
        "delegated into a block",
        "try (result i32)
            (block $inner (result i32) try (result i32) (throw $e (i32.const 3)) delegate $inner)
        catch $e end",
        Ends::With(3),
    ),
    ("not caught", "(call $calls (i32.const 41))", Ends::Thrown("e", &[Value::I32(41)])),
    (
        "not caught, with two operands",
        "(call $deep (i32.const 3))",
        Ends::Thrown("l", &[Value::I64(1_234_567_890_123), Value::I32(77)]),
    ),
    (
        "many operands",
        "try (result i32)
            (throw $big (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4))
        catch $big
            (i32.trunc_f64_s) (local.set $n) (i32.trunc_f32_s) (local.set $i) (i32.wrap_i64)
            (i32.add (i32.mul (i32.const 10))) (i32.add (local.get $i)) (i32.add (local.get $n))
        end",
        Ends::With(1 + 20 + 3 + 4),
    ),
    ("a trap is no exception", "try (result i32) unreachable catch_all i32.const 1 end", Ends::Trap(Trap::Unreachable)),
    (
        "a branch out of a try",
        "(block $out (result i32)
            try (br $out (call $fine (i32.const 1))) catch_all end
            i32.const 9)",
        Ends::With(2),
    ),
    (
        "a branch out of a handler, to a loop",
        "(loop $again (result i32)
            try (result i32)
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (throw $e (local.get $n))
            catch $e
                (br_if $again (i32.lt_u (i32.const 20))) (local.get $n)
            end)",
        Ends::With(20),
    ),
    (
        "returned from a handler",
        "try (throw $f) catch $f (return (i32.const 4)) end i32.const 9",
        Ends::With(4),
    ),
    (
        "with parameters",
        "(i32.const 5) try (param i32) (result i32) (call $odd) catch $e (i32.add (i32.const 50)) end",
        Ends::With(55),
    ),
    (
        "try_table",
        "(block $h (result i32) (try_table (result i32) (catch $e $h) (call $calls (i32.const 5))) (return))
        (i32.add (i32.const 60))",
        Ends::With(65),
    ),
    (
        "try_table to a loop around",
        "(loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (try_table (catch_all $again) (call $voids (i32.lt_u (local.get $n) (i32.const 300)))))
        (local.get $n)",
        Ends::With(300),
    ),
    (
        "try_table out of the function",
        "(try_table (catch $e 0) (drop (call $throws (i32.const 5)))) i32.const 9",
        Ends::With(5),
    ),
    (
        "thrown again by reference",
        "(local $x exnref)
        (block $h (result exnref)
            (try_table (result i32) (catch_all_ref $h) (throw $l (i64.const 7) (i32.const 8))) (return))
        (local.set $x)
        (block $g (result i64 i32)
            (try_table (catch $l $g) (throw_ref (local.get $x))) unreachable)
        (local.set $n) (i32.wrap_i64) (i32.mul (i32.const 10)) (i32.add (local.get $n))",
        Ends::With(78),
    ),
    (
        "a null reference",
        "(throw_ref (ref.null exn))",
        Ends::Trap(Trap::NullException),
    ),
    (
        "whether it is null",
        "(local $x exnref)
        (i32.mul (ref.is_null (local.get $x)) (i32.const 2))
        (block $h (result exnref) (try_table (catch_all_ref $h) (throw $f)) unreachable)
        (ref.is_null) (i32.add)",
        Ends::With(2),
    ),
    (
        "not caught by reference",
        "(block $h (result i32 exnref) (try_table (catch_ref $e $h) (throw $e (i32.const 3))) unreachable)
        (throw_ref)",
        Ends::Thrown("e", &[Value::I32(3)]),
    ),
];

fn program(body: &str) -> String {
    let (locals, body) = match body.strip_prefix("(local $x exnref)") {
        Some(rest) => ("(local $x exnref)", rest),
        None => ("", body),
    };
    format!(
        "(module {COMMON} (func (export \"main\") (result i32) (local $n i32) (local $i i32) {locals} {body}))"
    )
}

#[test]
fn programs_end_as_they_do_elsewhere() {
    for (name, body, expected) in CASES {
        let (outcome, trace) = run(&program(body));
        assert_ends(name, &outcome, *expected);
        checked(&trace);
    }
}

#[test]
fn a_recording_is_the_run_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    for (position, (name, body, _)) in CASES.iter().enumerate() {
        let path = |end: &str| folder.path().join(format!("{position}.{end}")).to_str().unwrap().to_owned();
        let (sample, file) = (path("wat"), path("spoor"));
        fs::write(&sample, program(body)).unwrap();
        let (code, text) = told(&["record", &sample, "-o", &file]);
        assert_eq!(code, Some(0), "{name}: {text}");
        let (code, text) = told(&["rerun", &file]);
        assert_eq!(code, Some(0), "{name}: {text}");
    }
}

#[test]
fn who_threw_and_who_caught_is_told() {
    let (_, trace) = run(&program("try (result i32) (call $calls (i32.const 6)) catch $e end"));
    let (mut told, mut depth) = (Vec::new(), 0);
    for event in trace.events() {
        match event.unwrap() {
            Event::Op(op) => match op.kind {
                ControlEffect::Call { .. } => depth += 1,
                ControlEffect::Throw { tag } => {
                    told.push(format!("{} throws {tag} at {depth}", op.function.0))
                }
                _ => {}
            },
            Event::Leave => depth -= 1,
            Event::Caught { func, offset: Some(_) } => told.push(format!("{} catches at {depth}", func.0)),
            _ => {}
        }
    }
    assert_eq!(told, ["0 throws 0 at 2", "6 catches at 0"]);
}

/// The tags of a script, with the functions that others import from it.
fn linked(script: &str) -> String {
    // One module runs at a time: what a module imports of another stands in itself.
    script
        .replace(r#"(func $imported-throw (import "test" "throw"))"#, "")
        .replace("(call $imported-throw (i32.const 1))", "(throw $imported-e0 (i32.const 1))")
        .replace("(call $imported-throw)", "(throw $imported-mismatch)")
        .replace(
            "(tag $e0)\n\n  (func (export \"imported-mismatch\")",
            "(tag $imported-mismatch) (tag $e0)\n\n  (func (export \"imported-mismatch\")",
        )
}

#[test]
fn exceptions_are_those_of_the_specification() {
    let scripts = wasmspoor_oracle::script::exceptions();
    let asserted: Vec<_> =
        scripts.iter().map(|(name, text)| (name.as_str(), script(&linked(text)))).collect();
    assert_eq!(
        asserted,
        [("tag.wast", 0), ("throw.wast", 12), ("throw_ref.wast", 14), ("try_table.wast", 60)]
    );
}

/// The instructions that the word at an address comes from at the end.
fn slice(body: &str, address: u64) -> Vec<String> {
    let text = format!(
        r#"(module (memory (export "memory") 1) (tag $e (param i32 i32)) (tag $t (param i32 i32 i32))
        (global $x (mut exnref) (ref.null exn))
        (func $throws (i32.add (i32.const 11) (i32.const 1)) (i32.mul (i32.const 22) (i32.const 3)) (throw $e))
        (func (export "main") (result i32) (local $a i32) (local $b i32) (local $c i32) {body}
            (i32.store (i32.const 64) (local.get $a)) (i32.store (i32.const 68) (local.get $b))
            (i32.const 0)))"#
    );
    let (outcome, trace) = run(&text);
    assert_eq!(outcome, Outcome::Returned(vec![Value::I32(0)]), "{body}");
    let mut timeline = Timeline::new(&trace).unwrap();
    let total = timeline.total().unwrap();
    let mut slicer = Slicer::new(total, false);
    timeline.walk(0, total, &mut slicer).unwrap();
    let slice = slicer.of_memory(0, address, 4);
    let name = |step: &Definition| match step {
        Definition::Instruction { opcode, value, .. } => format!("{} {value}", opcode.mnemonic()),
        other => format!("{other:?}"),
    };
    slice.steps.iter().map(name).collect()
}

/// Each operand comes from what made it, whatever way the exception took.
#[test]
fn a_slice_follows_what_an_exception_carries() {
    let take = "local.set $b local.set $a";
    for (name, body) in [
        ("caught", format!("try (call $throws) catch $e {take} end")),
        ("rethrown", format!("try try (call $throws) catch_all rethrow 0 end catch $e {take} end")),
        (
            "rethrown by one that took it",
            format!("try try (call $throws) catch $e drop drop rethrow 0 end catch $e {take} end"),
        ),
        (
            "by reference, through a global",
            format!(
                "(block $h (result exnref) (try_table (catch_all_ref $h) (call $throws)) unreachable)
                (global.set $x)
                (block $g (result i32 i32) (try_table (catch $e $g) (throw_ref (global.get $x))) unreachable)
                {take}"
            ),
        ),
    ] {
        let first = ["i32.const 11", "i32.const 1", "i32.add 12", "i32.store 12"];
        let second = ["i32.const 22", "i32.const 3", "i32.mul 66", "i32.store 66"];
        assert_eq!(slice(&body, 64), first, "{name}");
        assert_eq!(slice(&body, 68), second, "{name}");
    }
    // In a reference two operands share a slot: what comes out of it comes from both.
    let body = "try
            try (i32.const 1) (i32.const 2) (i32.const 3) (throw $t) catch_all rethrow 0 end
        catch $t local.set $c local.set $b local.set $a end";
    assert_eq!(slice(body, 64), ["i32.const 1", "i32.store 1"]);
    assert_eq!(slice(body, 68), ["i32.const 2", "i32.const 3", "throw 1", "i32.store 2"]);
}

/// What a handler keeps to throw it again is no operand of the sample.
#[test]
fn a_handler_has_the_operands_of_its_own() {
    let text = r#"(module (tag $e (param i32 i32)) (memory (export "memory") 1)
        (func $two (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
        (func (export "main") (result i32) (local $a i32)
            i32.const 1000
            try (result i32) (throw $e (i32.const 5) (i32.const 6))
            catch $e
                i32.const 8
                local.set $a
                call $two
                try (result i32) (throw $e (i32.const 1) (i32.const 2)) catch_all i32.const 77 end
                i32.add
            end
            i32.add))"#;
    let (outcome, trace) = run(text);
    assert_eq!(outcome, Outcome::Returned(vec![Value::I32(1000 - 1 + 77)]));
    let mut timeline = Timeline::new(&trace).unwrap();
    let total = timeline.total().unwrap();
    let (mut told, mut slots) = (Vec::new(), Vec::new());
    for event in 0..total {
        let state = timeline.state(event).unwrap();
        for (depth, level) in state.levels.iter().enumerate() {
            let Level::Wasm(frame) = level else { panic!("{level:?}") };
            assert!(frame.operands.iter().all(|operand| operand.ty == Ty::I32), "{frame:?}");
            let operands: Vec<_> = frame.operands.iter().map(|operand| operand.slots[0]).collect();
            told.push(format!("{depth} {} {operands:?}", frame.opcode.mnemonic()));
            slots.push(frame.operand_slots.clone());
        }
    }
    for expected in [
        "0 local.set [1000, 5, 6, 8]",
        "0 call [1000, 5, 6]",
        // Of a caller, what is below the arguments.
        "0 call [1000]",
        "1 i32.sub [5, 6]",
        "0 throw [1000, 4294967295, 1, 2]",
        "0 i32.add [1000, 4294967295, 77]",
        "0 i32.add [1000, 76]",
    ] {
        assert!(told.iter().any(|told| told == expected), "{expected}: {told:#?}");
    }
    // A local, the first operand, two slots of what is kept, then the others.
    let at = told.iter().position(|told| told == "0 local.set [1000, 5, 6, 8]").unwrap();
    assert_eq!(slots[at], [1, 4, 5, 6]);
}

/// The host has no exception but none at all: what it makes up is no reference.
#[test]
fn a_reference_to_an_exception_is_given_as_null() {
    let text = r#"(module (import "host" "keep" (func $keep (param exnref) (result exnref)))
        (tag $e (export "e") (param i32))
        (func (export "three") (param exnref) (result i32)
            (block $h (result i32) (try_table (catch $e $h) (throw_ref (local.get 0))) (i32.const 9)))
        (func (export "same") (param exnref) (result exnref) (call $keep (local.get 0)))
        (func (export "makes") (result exnref) (local exnref)
            (block $h (result i32 exnref) (try_table (catch_ref $e $h) (throw $e (i32.const 3))) unreachable)
            (call $keep) (local.set 0) (drop) (local.get 0)))"#;
    let mut tracer = Tracer::new(Options::default().effects(true));
    tracer.define("host", "keep", |call| {
        assert_eq!(call.result_types(), [Type::ExnRef]);
        assert!(matches!(call.args(), [Value::Ref { .. }]));
        assert!(call.set_result(0, Value::V128(1)).is_err());
        assert!(call.set_result(0, Value::Ref { null: false }).is_err());
        call.set_result(0, Value::Ref { null: true })
    });
    let mut session = tracer.load(text.as_bytes()).unwrap();
    session.start().unwrap();
    assert_eq!(session.params("three"), Some(vec![Type::ExnRef]));
    for value in [Value::V128(0), Value::V128(1), Value::V128(7), Value::Ref { null: false }] {
        let error = session.invoke("three", &[value]).unwrap_err();
        assert!(matches!(&error, InvokeError::Arguments(why) if why.contains("exnref")), "{error}");
    }
    let null = Value::Ref { null: true };
    let outcome = session.invoke("three", &[null]).unwrap();
    assert!(matches!(outcome, Outcome::Trapped { code: Trap::NullException, .. }), "{outcome:?}");
    assert_eq!(session.invoke("same", &[null]).unwrap(), Outcome::Returned(vec![null]));
    assert_eq!(session.invoke("makes", &[]).unwrap(), Outcome::Returned(vec![null]));
    checked(&session.finish());
}

#[test]
fn an_export_that_takes_an_exception_is_called_with_null() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wat");
    fs::write(
        &path,
        r#"(module (tag $e) (func (export "three") (param exnref) (result exnref) (local.get 0))
            (func (export "four") (result exnref)
                (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e)) unreachable)))"#,
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let (code, text) = told(&["run", path, "--invoke", "three", "0"]);
    assert!(code == Some(4) && text.contains("exnref") && text.contains("`null`"), "{code:?} {text}");
    for (words, null) in [(&["three", "null"][..], true), (&["four"], false)] {
        let args = [&["run", path, "--format", "json", "--invoke"], words].concat();
        let (_, text) = told(&args);
        let results = format!(r#""results":[{{"ref":{{"null":{null}}}}}]"#);
        let plain: String = text.split_whitespace().collect();
        assert!(plain.contains(&results), "{text}");
    }
}

/// The error names what stands in the way of a module, and not only the proposal that it needs.
#[test]
fn what_is_not_written_anew_is_refused_by_name() {
    let text =
        r#"(module (tag $e) (table 4000000000 funcref (ref.func 0)) (func (export "main") (throw $e)))"#;
    let error = Tracer::new(Options::default()).load(text.as_bytes()).unwrap_err();
    let LoadError::Unsupported { reason, .. } = &error else { panic!("{error}") };
    assert!(
        reason.ends_with("nothing can stand for a table that begins with too many functions"),
        "{reason}"
    );
}

/// A file with an end that the first version of the format did not have says so in its head.
#[test]
fn a_file_that_ends_with_an_exception_has_a_feature_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (name, body, expected) in [
        ("caught", "try (result i32) (call $throws (i32.const 5)) catch $e end", 0),
        ("thrown", "(call $throws (i32.const 5))", 2),
        ("null", "(throw_ref (ref.null exn))", 2),
        ("trap", "unreachable", 0),
    ] {
        let path = |end: &str| folder.path().join(format!("{name}.{end}")).to_str().unwrap().to_owned();
        let (sample, file) = (path("wat"), path("spoor"));
        fs::write(&sample, program(body)).unwrap();
        let (code, text) = told(&["record", &sample, "-o", &file]);
        assert_eq!(code, Some(0), "{name}: {text}");
        let bytes = fs::read(&file).unwrap();
        assert_eq!(bytes[8..16], [1, 0, 0, 0, expected, 0, 0, 0], "{name}");
        let (code, text) = told(&["info", &file]);
        assert_eq!(code, Some(0), "{name}: {text}");
        assert!(!text.contains("damage"), "{name}: {text}");
    }
}
