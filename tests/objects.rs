//! Typed references and objects of garbage collection: the official scripts, and programs of our own. Each
//! run is counted and valued again.

#[path = "objects/strings.rs"]
mod strings;
#[allow(dead_code, reason = "scripts of references are run here")]
#[path = "common/valued.rs"]
mod valued;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use valued::{checked, load};
use wasmspoor::{
    Limit, Outcome, Session, Value,
    analysis::Analysis,
    module::{CodeOffset, Module, Opcode},
    passes::flows::Look,
    rules,
    sandbox::{self, Drive, EntryEnd, RunOptions},
    trace::Trap,
    values::{Machine, Nothing},
    verdict::{Class, Verdict},
};
use wast::{
    Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet,
    core::{WastArgCore, WastRetCore},
    parser::{self, ParseBuffer},
};

/// What became of the assertions of a script.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    /// Those that hand over a reference or need another instance.
    left_out: usize,
}

fn argument(arg: &WastArg<'_>) -> Option<Value> {
    Some(match arg {
        WastArg::Core(WastArgCore::I32(value)) => Value::I32(*value),
        WastArg::Core(WastArgCore::I64(value)) => Value::I64(*value),
        WastArg::Core(WastArgCore::F32(value)) => Value::F32(f32::from_bits(value.bits)),
        WastArg::Core(WastArgCore::F64(value)) => Value::F64(f64::from_bits(value.bits)),
        // Of the host there is nothing but null.
        WastArg::Core(WastArgCore::RefNull(_) | WastArgCore::RefExtern(_)) => Value::Ref { null: true },
        _ => return None,
    })
}

fn agrees(value: &Value, ret: &WastRet<'_>) -> bool {
    match ret {
        WastRet::Core(ret) => agrees_with(value, ret),
        _ => false,
    }
}

fn agrees_with(value: &Value, ret: &WastRetCore<'_>) -> bool {
    use WastRetCore as R;
    use wast::core::NanPattern::Value as Exactly;
    match (value, ret) {
        (Value::I32(value), R::I32(expected)) => value == expected,
        (Value::I64(value), R::I64(expected)) => value == expected,
        (Value::F32(value), R::F32(Exactly(expected))) => value.to_bits() == expected.bits,
        (Value::F64(value), R::F64(Exactly(expected))) => value.to_bits() == expected.bits,
        (Value::Ref { null }, R::RefNull(_)) => *null,
        (Value::Ref { null }, ret) => !null && !matches!(ret, R::I32(_) | R::I64(_) | R::F32(_) | R::F64(_)),
        (_, R::Either(all)) => all.iter().any(|one| agrees_with(value, one)),
        _ => false,
    }
}

fn invoke(session: &mut Session, call: &WastInvoke<'_>) -> Option<Outcome> {
    let args: Option<Vec<_>> = call.args.iter().map(argument).collect();
    session.invoke(call.name, &args?).ok()
}

/// Whether a message is the one that a script expects: scripts name the element, or use an older one.
fn says(message: &str, expected: &str) -> bool {
    let is_older = expected == "undefined element" && message == "out of bounds table access";
    is_older || expected.starts_with(message)
}

fn finish(running: &mut Option<Session>, tally: &mut Tally) {
    let Some(session) = running.take() else { return };
    let done = catch_unwind(AssertUnwindSafe(|| checked(&session.finish())));
    if let Err(message) = done {
        let message = message.downcast_ref::<String>().cloned().unwrap_or_default();
        tally.failed.push(format!("values: {message}"));
    }
}

fn script(text: &str) -> Tally {
    let buffer = ParseBuffer::new(text).unwrap();
    let (mut running, mut tally): (Option<Session>, Tally) = (None, Tally::default());
    for directive in parser::parse::<Wast<'_>>(&buffer).unwrap().directives {
        match directive {
            WastDirective::Module(mut module) => {
                finish(&mut running, &mut tally);
                let wasm = module.encode().unwrap();
                match catch_unwind(|| load(&wasm)) {
                    Ok(session) => running = Some(session),
                    Err(message) => {
                        let message = message.downcast_ref::<String>().cloned().unwrap_or_default();
                        tally.failed.push(format!("load: {message}"));
                    }
                }
            }
            WastDirective::Invoke(call) => {
                running.as_mut().map(|session| invoke(session, &call));
            }
            WastDirective::AssertReturn { exec: WastExecute::Invoke(call), results, .. } => {
                let Some(session) = running.as_mut().filter(|_| call.module.is_none()) else {
                    tally.left_out += 1;
                    continue;
                };
                match invoke(session, &call) {
                    None => tally.left_out += 1,
                    Some(Outcome::Returned(values))
                        if values.len() == results.len()
                            && values.iter().zip(&results).all(|(value, ret)| agrees(value, ret)) =>
                    {
                        tally.passed += 1;
                    }
                    Some(other) => {
                        tally
                            .failed
                            .push(format!("{} {:?}: {other:?}, not {results:?}", call.name, call.args));
                    }
                }
            }
            WastDirective::AssertTrap { exec: WastExecute::Invoke(call), message, .. } => {
                let Some(session) = running.as_mut().filter(|_| call.module.is_none()) else {
                    tally.left_out += 1;
                    continue;
                };
                match invoke(session, &call) {
                    None => tally.left_out += 1,
                    Some(Outcome::Trapped { code, .. }) if says(code.message(), message) => tally.passed += 1,
                    Some(other) => {
                        tally.failed.push(format!("{} {:?}: {other:?}, not {message}", call.name, call.args))
                    }
                }
            }
            WastDirective::AssertInvalid { mut module, message, .. } => {
                let wasm = module.encode().unwrap();
                match wasmspoor::Tracer::new(wasmspoor::Options::default()).load(&wasm).is_err() {
                    true => tally.passed += 1,
                    false => tally.failed.push(format!("invalid: {message}")),
                }
            }
            _ => tally.left_out += 1,
        }
    }
    finish(&mut running, &mut tally);
    tally
}

fn scripts(all: Vec<(String, &'static str)>) -> Tally {
    let mut total = Tally::default();
    for (name, text) in all {
        let Tally { passed, failed, left_out } = script(text);
        println!("{name}: {passed} pass, {} fail, {left_out} left out", failed.len());
        total.passed += passed;
        total.left_out += left_out;
        total.failed.extend(failed.into_iter().map(|one| format!("{name}: {one}")));
    }
    total
}

/// Scripts with assertions that fail, how many, and why.
type Failing = &'static [(&'static str, usize, &'static str)];

/// What a host gives beyond zero and null, or the sandbox does not link.
const OF_THE_HOST: &str = "the script's host or another instance";

const FUNCTION_REFERENCES: Failing = &[
    ("br_table.wast", 3, OF_THE_HOST),
    ("data.wast", 6, OF_THE_HOST),
    ("elem.wast", 5, OF_THE_HOST),
    ("global.wast", 4, OF_THE_HOST),
    ("linking.wast", 2, OF_THE_HOST),
    ("local_init.wast", 4, OF_THE_HOST),
    ("ref_is_null.wast", 2, OF_THE_HOST),
    ("select.wast", 3, OF_THE_HOST),
    ("table.wast", 2, OF_THE_HOST),
];

const GARBAGE_COLLECTION: Failing = &[
    ("br_on_cast.wast", 2, OF_THE_HOST),
    ("br_on_cast_fail.wast", 2, OF_THE_HOST),
    ("extern.wast", 3, OF_THE_HOST),
    ("i31.wast", 4, OF_THE_HOST),
    ("ref_cast.wast", 2, OF_THE_HOST),
    ("ref_test.wast", 8, OF_THE_HOST),
];

fn assert_failing(total: &Tally, failing: Failing) {
    for one in &total.failed {
        println!("{one}");
    }
    for (name, count, why) in failing {
        let failed = total.failed.iter().filter(|one| one.split(':').next() == Some(name));
        assert_eq!(failed.count(), *count, "{name}: {why}");
    }
    let known: usize = failing.iter().map(|(_, count, _)| count).sum();
    assert_eq!(total.failed.len(), known);
    assert!(!total.failed.iter().any(|one| one.contains("values:")));
}

#[test]
fn typed_references_to_functions_are_those_of_the_specification() {
    let total = scripts(wasmspoor_oracle::script::function_references());
    assert_failing(&total, FUNCTION_REFERENCES);
    assert_eq!(total.passed, 1256 + 7);
}

#[test]
fn objects_are_those_of_the_specification() {
    let total = scripts(wasmspoor_oracle::script::garbage_collection());
    assert_failing(&total, GARBAGE_COLLECTION);
    assert_eq!(total.passed, 603 + 22);
}

/// Scripts of our own: what every assertion says is so, when it runs and when it is valued again.
fn agree(text: &str) {
    let tally = script(text);
    assert_eq!((&tally.failed, tally.left_out), (&Vec::new(), 0));
    assert!(tally.passed > 0);
}

#[test]
fn what_globals_tables_and_segments_begin_with_is_made() {
    agree(
        r#"(module
          (type $a (array (mut i32))) (type $b (array (mut i8))) (type $f (array (mut funcref)))
          (type $s (struct (field (mut i32)) (field f64) (field (ref $a))))
          (import "env" "n" (global $n i32)) (import "env" "d" (global $d f64))
          (import "env" "f" (global $none funcref))
          (global $large (ref $a) (array.new $a (i32.const 7) (i32.const 300000)))
          (global $bytes (ref $b) (array.new $b (i32.const 255) (i32.const 3000000)))
          (global $zeros (ref $a) (array.new_default $a (i32.const 1000000)))
          (global $functions (ref $f) (array.new $f (ref.func $one) (i32.const 1000)))
          (global $nones (ref $f) (array.new $f (global.get $none) (i32.const 3)))
          (global $made (ref $s)
            (struct.new $s (i32.add (global.get $n) (i32.const 5)) (global.get $d) (global.get $large)))
          (table $t 3 (ref $s) (struct.new $s (global.get $n) (f64.const 1.5) (array.new_default $a (i32.const 9))))
          (elem (table $t) (i32.const 1) (ref $s)
            (struct.new $s (i32.sub (global.get $n) (i32.const 1)) (f64.const 0) (global.get $large)))
          (elem declare func $one)
          (func $one (result i32) (i32.const 1))
          (func (export "large") (result i32 i32)
            (array.len (global.get $large)) (array.get $a (global.get $large) (i32.const 299999)))
          (func (export "bytes") (result i32) (array.get_u $b (global.get $bytes) (i32.const 2999999)))
          (func (export "zeros") (result i32) (array.get $a (global.get $zeros) (i32.const 999999)))
          (func (export "functions") (result i32 i32)
            (ref.is_null (array.get $f (global.get $functions) (i32.const 999)))
            (ref.is_null (array.get $f (global.get $nones) (i32.const 2))))
          (func (export "made") (result i32 f64 i32)
            (struct.get $s 0 (global.get $made)) (struct.get $s 1 (global.get $made))
            (array.get $a (struct.get $s 2 (global.get $made)) (i32.const 5)))
          (func (export "table") (param i32) (result i32 f64)
            (struct.get $s 0 (table.get $t (local.get 0))) (struct.get $s 1 (table.get $t (local.get 0)))))
        (assert_return (invoke "large") (i32.const 300000) (i32.const 7))
        (assert_return (invoke "bytes") (i32.const 255))
        (assert_return (invoke "zeros") (i32.const 0))
        (assert_return (invoke "functions") (i32.const 0) (i32.const 1))
        (assert_return (invoke "made") (i32.const 5) (f64.const 0) (i32.const 7))
        (assert_return (invoke "table" (i32.const 0)) (i32.const 0) (f64.const 1.5))
        (assert_return (invoke "table" (i32.const 1)) (i32.const -1) (f64.const 0))"#,
    );
}

#[test]
fn tables_of_objects_may_have_indices_of_64_bits() {
    agree(
        r#"(module
          (table $t i64 4 20000 i31ref) (table $u 4 i31ref)
          (elem (table $t) (i64.const 2) i31ref (ref.i31 (i32.const 9)))
          (elem $e i31ref (ref.i31 (i32.const 4)) (ref.i31 (i32.const 5)))
          (func (export "get") (param i64) (result i32) (i31.get_s (table.get $t (local.get 0))))
          (func (export "set") (param i64 i32) (table.set $t (local.get 0) (ref.i31 (local.get 1))))
          (func (export "fill") (param i64 i32 i64)
            (table.fill $t (local.get 0) (ref.i31 (local.get 1)) (local.get 2)))
          (func (export "grow") (param i32 i64) (result i64)
            (table.grow $t (ref.i31 (local.get 0)) (local.get 1)))
          (func (export "copy") (param i64 i64 i64)
            (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
          (func (export "there") (param i32 i64 i32)
            (table.copy $u $t (local.get 0) (local.get 1) (local.get 2)))
          (func (export "narrow") (param i32) (result i32) (i31.get_s (table.get $u (local.get 0))))
          (func (export "init") (param i64 i32 i32)
            (table.init $t $e (local.get 0) (local.get 1) (local.get 2))))
        (assert_return (invoke "get" (i64.const 2)) (i32.const 9))
        (assert_trap (invoke "get" (i64.const 1)) "null i31 reference")
        (assert_return (invoke "set" (i64.const 1) (i32.const -3)))
        (assert_return (invoke "get" (i64.const 1)) (i32.const -3))
        (assert_trap (invoke "set" (i64.const 0x100000001) (i32.const 5)) "out of bounds table access")
        (assert_trap (invoke "get" (i64.const 4)) "out of bounds table access")
        (assert_return (invoke "copy" (i64.const 0) (i64.const 1) (i64.const 2)))
        (assert_return (invoke "get" (i64.const 1)) (i32.const 9))
        (assert_trap (invoke "copy" (i64.const 0) (i64.const 0x100000000) (i64.const 1))
          "out of bounds table access")
        (assert_return (invoke "grow" (i32.const 8) (i64.const 17000)) (i64.const 4))
        (assert_return (invoke "get" (i64.const 17003)) (i32.const 8))
        (assert_return (invoke "grow" (i32.const 8) (i64.const 0x100000000)) (i64.const -1))
        (assert_return (invoke "fill" (i64.const 17001) (i32.const 6) (i64.const 3)))
        (assert_return (invoke "get" (i64.const 17003)) (i32.const 6))
        (assert_return (invoke "get" (i64.const 17000)) (i32.const 8))
        (assert_trap (invoke "fill" (i64.const 17001) (i32.const 6) (i64.const 4))
          "out of bounds table access")
        (assert_return (invoke "init" (i64.const 3) (i32.const 1) (i32.const 1)))
        (assert_return (invoke "get" (i64.const 3)) (i32.const 5))
        (assert_return (invoke "there" (i32.const 0) (i64.const 3) (i32.const 1)))
        (assert_return (invoke "narrow" (i32.const 0)) (i32.const 5))"#,
    );
}

#[test]
fn what_refers_to_the_host_is_converted_without_types_of_objects() {
    agree(
        r#"(module
          (global $kept (mut externref) (ref.null extern)) (table $t 2 externref)
          (func (export "keep") (param i32)
            (global.set $kept (extern.convert_any (ref.i31 (local.get 0))))
            (table.set $t (i32.const 1) (global.get $kept)))
          (func (export "kept") (result i32 i32)
            (i31.get_s (ref.cast i31ref (any.convert_extern (global.get $kept))))
            (i31.get_u (ref.cast (ref i31) (any.convert_extern (table.get $t (i32.const 1))))))
          (func (export "null") (result i32) (ref.is_null (global.get $kept))))
        (assert_return (invoke "null") (i32.const 1))
        (assert_return (invoke "keep" (i32.const -4)))
        (assert_return (invoke "null") (i32.const 0))
        (assert_return (invoke "kept") (i32.const -4) (i32.const 0x7ffffffc))"#,
    );
}

/// What is said of a program that steals a key, behind some code of its own and with more definitions.
fn stealing(first: &str, definitions: &str) -> Verdict {
    let text = include_str!("../corpus/key-sender.wat");
    let begin = "(func (export \"_start\") (local $at i32)";
    assert!(text.contains(begin));
    let text = text.replacen(begin, &format!("{begin} {first}"), 1);
    let end = text.rfind(')').unwrap();
    let text = format!("{} {definitions})", &text[..end]);
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    Analysis::with_values(&wasm, &RunOptions::default(), &rules::Set::builtin(), Look::Auto).verdict
}

/// One object before the first effect hides nothing.
#[test]
fn objects_hide_no_theft() {
    let plain = stealing("", "").class;
    assert!(plain >= Class::Suspicious);
    for (first, definitions) in [
        (
            "(drop (array.len (global.get $g)))",
            "(type $a (array i32)) (global $g (ref $a) (array.new $a (i32.const 7) (i32.const 300000)))",
        ),
        (
            "(drop (struct.get $s 0 (global.get $g)))",
            "(type $s (struct (field i32))) (global $n i32 (i32.const 1))
             (global $g (ref $s) (struct.new $s (global.get $n)))",
        ),
        ("(drop (extern.convert_any (ref.i31 (i32.const 3))))", ""),
        (
            "(drop (ref.test (ref $sub) (ref.func $one)))",
            "(type $sub (sub (func))) (func $one (type $sub)) (elem declare func $one)",
        ),
        (
            "(drop (ref.cast (ref $sub) (ref.func $one)))",
            "(type $sub (sub (func))) (func $one (type $sub)) (elem declare func $one)",
        ),
        ("(table.set $t (i64.const 1) (ref.i31 (i32.const 3)))", "(table $t i64 4 i31ref)"),
    ] {
        let Verdict { class, reasons, .. } = stealing(first, definitions);
        assert_eq!(class, plain, "{first}: {reasons:?}");
    }
    // There is no room for it: the program runs until it needs it.
    let definitions =
        "(type $a (array i32)) (global $g (ref $a) (array.new $a (i32.const 7) (i32.const 20000000)))";
    for (first, is_needed) in [
        ("(drop (global.get $g))", false),
        ("(drop (ref.is_null (global.get $g)))", false),
        ("(drop (array.len (global.get $g)))", true),
        ("(drop (ref.test (ref array) (global.get $g)))", true),
    ] {
        let Verdict { class, reasons, .. } = stealing(first, definitions);
        match is_needed {
            true => assert_ne!(class, Class::Clean, "{first}"),
            false => assert_eq!(class, plain, "{first}: {reasons:?}"),
        }
    }
}

/// An object that has no room is missed where it is used, and nowhere else.
#[test]
fn objects_that_have_no_room_are_missed_where_they_are_used() {
    agree(
        r#"(module
          (type $a (array (mut i32))) (type $s (struct (field (ref null $a))))
          (global $g (ref $a) (array.new $a (i32.const 7) (i32.const 20000000)))
          (global $h (ref $s) (struct.new $s (global.get $g)))
          (global $small (ref $a) (array.new $a (i32.const 7) (i32.const 2)))
          (table $t 2 (ref null $a) (array.new $a (i32.const 7) (i32.const 20000000)))
          (func (export "null") (result i32) (ref.is_null (global.get $g)))
          (func (export "small") (result i32) (array.get $a (global.get $small) (i32.const 1)))
          (func (export "len") (result i32) (array.len (global.get $g)))
          (func (export "get") (result i32) (array.get $a (global.get $g) (i32.const 5)))
          (func (export "set") (array.set $a (global.get $g) (i32.const 5) (i32.const 5)))
          (func (export "field") (result i32) (ref.is_null (struct.get $s 0 (global.get $h))))
          (func (export "test") (result i32) (ref.test (ref $a) (ref.cast anyref (global.get $h))))
          (func (export "branch") (result i32)
            (block $b (result (ref $a)) (drop (br_on_cast $b anyref (ref $a) (global.get $h))) (return (i32.const 1)))
            (drop) (i32.const 2))
          (func (export "table") (result i32) (ref.is_null (table.get $t (i32.const 1))))
          (func (export "element") (result i32) (array.len (table.get $t (i32.const 1)))))
        (assert_return (invoke "null") (i32.const 0))
        (assert_return (invoke "small") (i32.const 7))
        (assert_trap (invoke "len") "too many objects")
        (assert_trap (invoke "get") "too many objects")
        (assert_trap (invoke "set") "too many objects")
        (assert_trap (invoke "field") "too many objects")
        (assert_trap (invoke "test") "too many objects")
        (assert_trap (invoke "branch") "too many objects")
        (assert_return (invoke "table") (i32.const 0))
        (assert_trap (invoke "element") "too many objects")
        (assert_return (invoke "small") (i32.const 7))"#,
    );
}

/// The sandbox gives some imported globals a number, and objects are made of that.
#[test]
fn objects_are_made_of_what_the_sandbox_gives() {
    let wasm = wat::parse_str(
        r#"(module (type $s (struct (field i32) (field f64)))
          (import "env" "memoryBase" (global $n i32)) (import "global" "Infinity" (global $d f64))
          (global $g (ref $s) (struct.new $s (global.get $n) (global.get $d)))
          (func (export "_start")
            (if (i32.eqz (global.get $n)) (then unreachable))
            (if (i32.ne (global.get $n) (struct.get $s 0 (global.get $g))) (then unreachable))
            (if (f64.ne (f64.const inf) (struct.get $s 1 (global.get $g))) (then unreachable))))"#,
    );
    let run = sandbox::run_with_effects(&wasm.unwrap(), &RunOptions::default()).unwrap();
    assert!(run.entries.iter().all(|entry| matches!(entry.end, EntryEnd::Returned)), "{:?}", run.entries);
    assert!(checked(&run.trace) > 10);
}

/// The operators of the first function, as people read them.
fn code(module: &Module) -> Vec<String> {
    let bodies =
        wasmparser::Parser::new(0).parse_all(module.bytes()).find_map(|payload| match payload.unwrap() {
            wasmparser::Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
    let operators = bodies.unwrap().get_operators_reader().unwrap().into_iter_with_offsets();
    let line = |(operator, offset): (wasmparser::Operator<'_>, u64)| {
        let mnemonic = Opcode::of(&operator).unwrap().mnemonic();
        format!("{mnemonic} {}", module.immediates(CodeOffset(offset as u32)))
    };
    operators.map(|operator| line(operator.unwrap())).collect()
}

/// Of every kind of immediate, none as Rust has it.
#[test]
fn types_are_written_as_in_the_text_format() {
    let text = r#"(module (tag $e (param i32)) (type $s (struct)) (type $a (array i8)) (type $f (func))
        (func (param anyref) (param $f (ref null $f))
            (drop (ref.cast (ref null $s) (local.get 0)))
            (drop (ref.cast (ref $a) (local.get 0)))
            (drop (ref.cast eqref (local.get 0)))
            (drop (ref.test (ref eq) (local.get 0)))
            (drop (ref.null $s)) (drop (ref.null none)) (drop (ref.null func))
            (drop (select (result anyref) (local.get 0) (local.get 0) (i32.const 1)))
            (drop (block $b (result (ref $s)) (drop (br_on_cast $b anyref (ref $s) (local.get 0))) unreachable))
            (drop (block $b (result exnref)
                (try_table (catch $e 0) (catch_all_ref $b) unreachable) unreachable))
            (drop (block $b (result i32 exnref) (try_table (result i32 exnref) (catch_ref $e $b)
                (catch_all 1) unreachable)) (drop))
            (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
                (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
            (drop (array.new_fixed $a 2 (i32.const 1) (i32.const 2)))
            (drop (struct.new $s)) (call_ref $f (local.get $f))))"#;
    let module = Module::parse(wat::parse_str(text).unwrap()).unwrap();
    let shown = code(&module);
    for expected in [
        "ref.cast (ref null 0)",
        "ref.cast (ref 1)",
        "ref.cast eqref",
        "ref.test (ref eq)",
        "ref.null 0",
        "ref.null none",
        "ref.null func",
        "select (result anyref)",
        "block (result (ref 0))",
        "br_on_cast 0 anyref (ref 0)",
        "try_table (catch 0 0) (catch_all_ref 0)",
        "block (result exnref)",
        "array.new_fixed 1 2",
        "struct.new 0",
        "call_ref 2",
        "i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    ] {
        assert!(shown.iter().any(|line| line == expected), "{expected} of {shown:#?}");
    }
    let of_rust = |line: &&String| line.contains(['{', '[', ':']) || line.contains("Concrete");
    assert_eq!(shown.iter().find(of_rust), None);
}

/// To what references refer is said beside them.
#[test]
fn references_say_to_what_they_refer() {
    let text = r#"(module (type $s (struct (field i32)))
      (func (export "_start")
        (drop (ref.i31 (i32.const -7)))
        (drop (struct.new $s (i32.const 1)))
        (drop (ref.func 0))
        (drop (ref.null $s))))"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("references.wat");
    std::fs::write(&file, text).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["dump", "--values"])
        .arg(&file)
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    for expected in ["→ ref i31 -7", "→ ref object 0x8", "→ ref func", "→ ref null", "drop  (ref object 0x8)"]
    {
        assert!(shown.contains(expected), "{expected} of {shown}");
    }
    assert!(!shown.contains("ref ref"), "{shown}");
}

/// Bytes without order.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A module that nobody wrote, with objects and references of all kinds.
fn generated(seed: u64) -> Vec<u8> {
    let config = wasm_smith::Config {
        gc_enabled: true,
        reference_types_enabled: true,
        tail_call_enabled: true,
        exceptions_enabled: seed.is_multiple_of(3),
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        custom_descriptors_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        canonicalize_nans: true,
        export_everything: true,
        min_types: 12,
        min_funcs: 6,
        max_funcs: 12,
        max_memories: (seed % 2) as usize,
        max_memory32_bytes: 1 << 16,
        memory_max_size_required: true,
        max_table_elements: 1000,
        max_imports: 6,
        ..wasm_smith::Config::default()
    };
    let noise = noise(seed, 6000);
    let mut input = arbitrary::Unstructured::new(&noise);
    wasm_smith::Module::new(config, &mut input).expect("enough bytes").to_bytes()
}

/// As `spoor run` runs them: exports called with made-up arguments, the instance put back after each call
/// that failed.
#[test]
fn modules_from_wasm_smith_are_recomputed() {
    let seeds: u64 = std::env::var("SPOOR_SMITH_SEEDS").map_or(60, |text| text.parse().unwrap());
    let (mut modules, mut instructions, mut objects) = (0, 0, 0u64);
    for seed in 0..seeds {
        let wasm = generated(seed);
        let mut options = RunOptions::default();
        options.entry_decisions = Some(2_000);
        let Ok(run) = sandbox::run_with_effects(&wasm, &options) else { continue };
        let counts = run.trace.counts().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let told = Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut Nothing));
        match told {
            Ok(totals) => assert_eq!(totals.instructions, counts.total, "seed {seed}"),
            Err(error) => panic!("seed {seed}: {error}\n{}", wasmprinter::print_bytes(&wasm).unwrap()),
        }
        let is_of_objects = |opcode: &wasmspoor::module::Opcode| {
            let name = opcode.mnemonic();
            ["struct.", "array.", "i31.", "ref.cast", "ref.test", "br_on", "call_ref"]
                .iter()
                .any(|start| name.starts_with(start))
        };
        let by_opcode = wasmspoor::module::Opcode::ALL.iter().zip(&counts.per_opcode);
        let of_objects = by_opcode.filter(|(opcode, _)| is_of_objects(opcode));
        objects += of_objects.map(|(_, count)| count).sum::<u64>();
        (modules, instructions) = (modules + 1, instructions + counts.total);
    }
    println!("{modules} modules, {instructions} instructions, {objects} on objects");
    assert!(modules > seeds / 2 && objects > seeds, "{modules} modules, {objects} operators on objects");
}

/// Runs each export of a module of ours as `spoor run` does, without the clock; gives the ends of the
/// entries.
fn ends(text: &str, decisions: u64) -> Vec<EntryEnd> {
    let wasm = wat::parse_str(text).unwrap();
    let mut options = RunOptions::default();
    (options.entry_decisions, options.entry_time) = (Some(decisions), Duration::from_secs(3600));
    (options.limits.wall_time, options.drive) = (None, Drive::Exports);
    let run = sandbox::run_with_effects(&wasm, &options).unwrap();
    let counts = run.trace.counts().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let totals = Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut Nothing)).unwrap();
    assert_eq!(totals.instructions, counts.total);
    run.entries.into_iter().map(|entry| entry.end).collect()
}

/// Function types that differ in types of objects only are one type to the engine. A call through a table
/// tells them apart, so that no object can be taken for another.
#[test]
fn nothing_is_taken_for_an_array_by_a_call_through_a_table() {
    let module = |element: &str, act: &str| {
        format!(
            r#"(module
            (type $a (array (mut {element})))
            (type $take (func (param (ref null $a)) (result (ref null $a))))
            (type $give (func (param i31ref) (result (ref null $a))))
            (table funcref (elem $id))
            (func $id (type $take) (local.get 0))
            (func $fake (result (ref null $a))
              (call_indirect (type $give) (ref.i31 (i32.const 8)) (i32.const 0)))
            (func (export "run") (result i32) (local $real (ref $a))
              (local.set $real (array.new $a (i32.const 255) (i32.const 64)))
              {act}
              (array.len (array.new $a (i32.const 3) (i32.const 5)))))"#
        )
    };
    let acts = [
        "(array.fill $a (call $fake) (i32.const -21) (i32.const 0x40) (i32.const 1))",
        "(array.fill $a (call $fake) (i32.const 1) (i32.const 7) (i32.const -4))",
        "(array.set $a (call $fake) (i32.const -20) (i32.const 0x40))",
        "(drop (array.get_u $a (call $fake) (i32.const -20)))",
        "(array.copy $a $a (local.get $real) (i32.const 1) (call $fake) (i32.const -21) (i32.const 4))",
        "(array.copy $a $a (call $fake) (i32.const -30) (local.get $real) (i32.const 3) (i32.const 9))",
    ];
    for element in ["i8", "i16"] {
        for act in acts {
            let trap = Trap::IndirectCallTypeMismatch;
            assert_eq!(ends(&module(element, act), 100_000), [EntryEnd::Trapped { trap }], "{element} {act}");
        }
    }
}

/// What is moved within an operator on an array is no event, and is charged like one.
#[test]
fn what_operators_on_arrays_move_uses_up_the_budget() {
    for act in [
        "(array.fill $a (local.get $x) (i32.const 0) (i32.const 7) (i32.const 8000000))",
        "(array.copy $a $a (local.get $x) (i32.const 0) (local.get $x) (i32.const 9) (i32.const 7000000))",
    ] {
        let text = format!(
            r#"(module (type $a (array (mut i8)))
            (func (export "run") (local $x (ref $a))
              (local.set $x (array.new_default $a (i32.const 8000000)))
              (loop {} (br 0))))"#,
            act.repeat(50)
        );
        assert_eq!(ends(&text, 2_000_000), [EntryEnd::Stopped { limit: Limit::Decisions }], "{act}");
    }
}

/// What a reference to a function is asked and cast to, of types that are below one another or the same.
#[test]
fn references_to_functions_are_cast() {
    agree(
        r#"(module
          (type $top (sub (func (param i32) (result i32))))
          (type $mid (sub $top (func (param i32) (result i32))))
          (type $low (sub final $mid (func (param i32) (result i32))))
          (type $same (func (param i32) (result i32))) (type $other (func))
          (rec (type $r1 (func)) (type $r2 (func)))
          (table $t 8 funcref)
          (elem (table $t) (i32.const 0) func $f_top $f_mid $f_low $f_same $f_other $f_r1 $f_r2)
          (func $f_top (type $top) (i32.add (local.get 0) (i32.const 1)))
          (func $f_mid (type $mid) (i32.add (local.get 0) (i32.const 2)))
          (func $f_low (type $low) (i32.add (local.get 0) (i32.const 3)))
          (func $f_same (type $same) (i32.add (local.get 0) (i32.const 4)))
          (func $f_other (type $other)) (func $f_r1 (type $r1)) (func $f_r2 (type $r2))
          (func (export "kinds") (param i32) (result i32) (local $r funcref)
            (local.set $r (table.get $t (local.get 0)))
            (i32.add (ref.test (ref $top) (local.get $r))
            (i32.add (i32.mul (i32.const 10) (ref.test (ref $mid) (local.get $r)))
            (i32.add (i32.mul (i32.const 100) (ref.test (ref null $low) (local.get $r)))
            (i32.add (i32.mul (i32.const 1000) (ref.test (ref $same) (local.get $r)))
            (i32.add (i32.mul (i32.const 10000) (ref.test (ref $other) (local.get $r)))
            (i32.mul (i32.const 100000) (ref.test (ref $r2) (local.get $r)))))))))
          (func (export "calls") (param i32 i32) (result i32)
            (call_ref $mid (local.get 1) (ref.cast (ref $mid) (table.get $t (local.get 0)))))
          (func (export "null") (param i32) (result i32)
            (ref.is_null (ref.cast (ref null $low) (table.get $t (local.get 0)))))
          (func (export "branches") (param i32) (result i32)
            (block $fail (result funcref)
              (return (call_ref $top (i32.const 100)
                (block $ok (result (ref $top))
                  (br_on_cast_fail $fail funcref (ref $low)
                    (br_on_cast $ok funcref (ref $mid) (table.get $t (local.get 0))))
                  (drop) (return (i32.const 3))))))
            (drop) (i32.const -1)))
        (assert_return (invoke "kinds" (i32.const 0)) (i32.const 1))
        (assert_return (invoke "kinds" (i32.const 1)) (i32.const 11))
        (assert_return (invoke "kinds" (i32.const 2)) (i32.const 111))
        (assert_return (invoke "kinds" (i32.const 3)) (i32.const 1000))
        (assert_return (invoke "kinds" (i32.const 4)) (i32.const 10000))
        (assert_return (invoke "kinds" (i32.const 5)) (i32.const 0))
        (assert_return (invoke "kinds" (i32.const 6)) (i32.const 100000))
        (assert_return (invoke "kinds" (i32.const 7)) (i32.const 100))
        (assert_return (invoke "calls" (i32.const 1) (i32.const 40)) (i32.const 42))
        (assert_return (invoke "calls" (i32.const 2) (i32.const 40)) (i32.const 43))
        (assert_trap (invoke "calls" (i32.const 0) (i32.const 40)) "cast failure")
        (assert_trap (invoke "calls" (i32.const 4) (i32.const 40)) "cast failure")
        (assert_trap (invoke "calls" (i32.const 7) (i32.const 40)) "cast failure")
        (assert_return (invoke "null" (i32.const 7)) (i32.const 1))
        (assert_return (invoke "null" (i32.const 2)) (i32.const 0))
        (assert_trap (invoke "null" (i32.const 1)) "cast failure")
        (assert_return (invoke "branches" (i32.const 1)) (i32.const 102))
        (assert_return (invoke "branches" (i32.const 0)) (i32.const -1))
        (assert_return (invoke "branches" (i32.const 7)) (i32.const -1))"#,
    );
}

/// The same with objects, imports, threads and exceptions in the module, and a start function.
#[test]
fn casts_of_functions_stand_beside_everything_else() {
    agree(
        r#"(module
          (type $f (sub (func (result i32)))) (type $g (sub $f (func (result i32))))
          (type $s (struct (field funcref)))
          (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
          (import "env" "memory" (memory 1 1 shared))
          (import "env" "g" (func $imported (type $g)))
          (tag $e) (global $started (mut i32) (i32.const 0))
          (elem declare func $one $imported)
          (func $one (type $f) (i32.const 1))
          (func $start (global.set $started (ref.test (ref $f) (ref.func $one))))
          (start $start)
          (func (export "started") (result i32) (global.get $started))
          (func (export "asks") (result i32 i32 i32) (local $o (ref null $s))
            (local.set $o (struct.new $s (ref.func $one)))
            (ref.test (ref $g) (struct.get $s 0 (local.get $o)))
            (ref.test (ref $g) (ref.func $imported))
            try (result i32) (throw $e) catch $e (ref.test (ref $f) (ref.func $imported)) end))
        (assert_return (invoke "started") (i32.const 1))
        (assert_return (invoke "asks") (i32.const 0) (i32.const 1) (i32.const 1))"#,
    );
}
