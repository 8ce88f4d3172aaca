//! Strings of JavaScript: `wasm:js-string`, and constants that are imported. Node 20 knows neither, so what
//! is expected is what the specification of builtins says.

use std::fs::File;

use super::valued::checked;
use wasmspoor::{
    file::{self, Recorded, Sample},
    sandbox::{self, EntryEnd, Pointed, Run, RunOptions},
    values::{Machine, Nothing},
};

/// The builtins with references that may be null, which an engine without objects has as well.
const BUILTINS: &str = r#"
    (import "wasm:js-string" "cast" (func $cast (param externref) (result externref)))
    (import "wasm:js-string" "test" (func $test (param externref) (result i32)))
    (import "wasm:js-string" "fromCharCode" (func $unit (param i32) (result externref)))
    (import "wasm:js-string" "fromCodePoint" (func $point (param i32) (result externref)))
    (import "wasm:js-string" "charCodeAt" (func $at (param externref i32) (result i32)))
    (import "wasm:js-string" "codePointAt" (func $point_at (param externref i32) (result i32)))
    (import "wasm:js-string" "length" (func $length (param externref) (result i32)))
    (import "wasm:js-string" "concat" (func $concat (param externref externref) (result externref)))
    (import "wasm:js-string" "substring" (func $part (param externref i32 i32) (result externref)))
    (import "wasm:js-string" "equals" (func $equals (param externref externref) (result i32)))
    (import "wasm:js-string" "compare" (func $compare (param externref externref) (result i32)))
    (import "'" "h😀é" (global $h externref))
    (import "'" "hello" (global $hello externref))
    (import "'" "hel" (global $hel externref))
    (import "page" "show" (func $show (param externref)))
    (import "page" "answer" (global $answer (mut externref)))
    "#;

/// Those that take an array, and references that are not null.
const OF_OBJECTS: &str = r#"
    (type $units (array (mut i16)))
    (type $pair (struct (field i32)))
    (import "wasm:js-string" "fromCharCodeArray"
      (func $from (param (ref null $units) i32 i32) (result (ref extern))))
    (import "wasm:js-string" "intoCharCodeArray"
      (func $into (param externref (ref null $units) i32) (result i32)))
    "#;

/// A name, what it does, and what it gives; `None` is a trap.
type Case = (&'static str, &'static str, Option<i32>);

const PLAIN: &[Case] = &[
    ("length", "(call $length (global.get $h))", Some(4)),
    ("length of null", "(call $length (ref.null extern))", None),
    ("unit 0", "(call $at (global.get $h) (i32.const 0))", Some(104)),
    ("unit 1", "(call $at (global.get $h) (i32.const 1))", Some(0xd83d)),
    ("unit 4", "(call $at (global.get $h) (i32.const 4))", None),
    ("unit -1", "(call $at (global.get $h) (i32.const -1))", None),
    ("unit of null", "(call $at (ref.null extern) (i32.const 0))", None),
    ("point 1", "(call $point_at (global.get $h) (i32.const 1))", Some(0x1f600)),
    ("point 2", "(call $point_at (global.get $h) (i32.const 2))", Some(0xde00)),
    ("point 3", "(call $point_at (global.get $h) (i32.const 3))", Some(0xe9)),
    ("point 4", "(call $point_at (global.get $h) (i32.const 4))", None),
    ("test", "(call $test (global.get $h))", Some(1)),
    ("test null", "(call $test (ref.null extern))", Some(0)),
    ("test answer", "(call $test (global.get $answer))", Some(0)),
    ("cast", "(call $length (call $cast (global.get $h)))", Some(4)),
    ("cast null", "(call $length (call $cast (ref.null extern)))", None),
    ("of unit", "(call $at (call $unit (i32.const 0x10041)) (i32.const 0))", Some(0x41)),
    ("of point", "(call $length (call $point (i32.const 0x1f600)))", Some(2)),
    ("of half", "(call $at (call $point (i32.const 0xd800)) (i32.const 0))", Some(0xd800)),
    ("of last", "(call $point_at (call $point (i32.const 0x10ffff)) (i32.const 0))", Some(0x10_ffff)),
    ("of none", "(call $length (call $point (i32.const 0x110000)))", None),
    ("of -1", "(call $length (call $point (i32.const -1)))", None),
    ("concat", "(call $length (call $concat (global.get $h) (global.get $hello)))", Some(9)),
    ("concat order", "(call $at (call $concat (global.get $hel) (global.get $h)) (i32.const 6))", Some(0xe9)),
    ("concat null", "(call $length (call $concat (global.get $h) (ref.null extern)))", None),
    (
        "part",
        "(call $point_at (call $part (global.get $h) (i32.const 1) (i32.const 3)) (i32.const 0))",
        Some(0x1f600),
    ),
    ("part back", "(call $length (call $part (global.get $h) (i32.const 3) (i32.const 1)))", Some(0)),
    ("part far", "(call $length (call $part (global.get $h) (i32.const 1) (i32.const -1)))", Some(3)),
    ("part beyond", "(call $length (call $part (global.get $h) (i32.const 5) (i32.const 9)))", Some(0)),
    ("part of null", "(call $length (call $part (ref.null extern) (i32.const 0) (i32.const 0)))", None),
    (
        "equal",
        "(call $equals (global.get $hel) (call $part (global.get $hello) (i32.const 0) (i32.const 3)))",
        Some(1),
    ),
    ("unequal", "(call $equals (global.get $hel) (global.get $hello))", Some(0)),
    ("equal nulls", "(call $equals (ref.null extern) (ref.null extern))", Some(1)),
    ("null and text", "(call $equals (ref.null extern) (global.get $h))", Some(0)),
    ("same", "(call $compare (global.get $h) (global.get $h))", Some(0)),
    ("before", "(call $compare (global.get $hel) (global.get $hello))", Some(-1)),
    ("after", "(call $compare (global.get $h) (global.get $hello))", Some(1)),
    ("compare null", "(call $compare (global.get $h) (ref.null extern))", None),
];

const OBJECTS: &[Case] = &[
    ("test object", "(call $test (extern.convert_any (struct.new $pair (i32.const 1))))", Some(0)),
    ("test small", "(call $test (extern.convert_any (ref.i31 (i32.const 1))))", Some(0)),
    ("cast object", "(call $length (extern.convert_any (struct.new $pair (i32.const 1))))", None),
    (
        "equal object",
        "(call $equals (global.get $h) (extern.convert_any (struct.new $pair (i32.const 1))))",
        None,
    ),
    ("any", "(ref.test (ref any) (any.convert_extern (global.get $h)))", Some(1)),
    ("eq", "(ref.test (ref eq) (any.convert_extern (global.get $h)))", Some(0)),
    ("null eq", "(ref.test eqref (any.convert_extern (ref.null extern)))", Some(1)),
    ("object eq", "(ref.test (ref eq) (struct.new $pair (i32.const 1)))", Some(1)),
    ("i31", "(ref.test (ref i31) (any.convert_extern (global.get $h)))", Some(0)),
    ("struct", "(ref.test (ref struct) (any.convert_extern (global.get $h)))", Some(0)),
    ("array", "(ref.test (ref array) (any.convert_extern (global.get $h)))", Some(0)),
    (
        "into",
        "(local $a (ref $units)) (local.set $a (array.new_default $units (i32.const 6)))
         (i32.add (i32.mul (call $into (global.get $h) (local.get $a) (i32.const 2)) (i32.const 100000))
            (array.get_u $units (local.get $a) (i32.const 3)))",
        Some(400_000 + 0xd83d),
    ),
    ("into far", "(call $into (global.get $h) (array.new_default $units (i32.const 6)) (i32.const 3))", None),
    ("into null", "(call $into (global.get $h) (ref.null $units) (i32.const 0))", None),
    (
        "into of null",
        "(call $into (ref.null extern) (array.new_default $units (i32.const 6)) (i32.const 0))",
        None,
    ),
    ("of array", "(call $length (call $from (global.get $hi) (i32.const 0) (i32.const 2)))", Some(2)),
    (
        "of all",
        "(call $at (call $from (global.get $hi) (i32.const 1) (i32.const 3)) (i32.const 1))",
        Some(33),
    ),
    ("of nothing", "(call $length (call $from (global.get $hi) (i32.const 3) (i32.const 3)))", Some(0)),
    ("of back", "(call $length (call $from (global.get $hi) (i32.const 2) (i32.const 1)))", None),
    ("of more", "(call $length (call $from (global.get $hi) (i32.const 0) (i32.const 4)))", None),
    ("of null array", "(call $length (call $from (ref.null $units) (i32.const 0) (i32.const 0)))", None),
];

/// What is put together and shown.
const SHOWN: &str = r#"(func (export "shown") (result i32)
    (call $show (call $concat (global.get $hello) (call $unit (i32.const 33)))) (i32.const 7))"#;

/// A string goes through a local, a table and a global that is the sample's.
const KEPT: &str = r#"(table $t 4 externref) (global $own (mut externref) (ref.null extern))
    (func (export "kept") (result i32) (local $l externref)
      (local.set $l (call $concat (global.get $hello) (global.get $hel)))
      (table.set $t (i32.const 2) (local.get $l))
      (global.set $own (table.get $t (i32.const 2)))
      (call $length (global.get $own)))"#;

fn module(begin: &str, rest: &str, cases: &[&Case]) -> Vec<u8> {
    let functions: String = cases
        .iter()
        .map(|(name, body, _)| format!("(func (export \"{name}\") (result i32) {body})\n"))
        .collect();
    wat::parse_str(format!("(module {begin} {BUILTINS} {rest} {KEPT} {SHOWN} {functions})")).unwrap()
}

fn assert_cases(run: &Run, cases: &[&Case]) {
    for (name, body, expected) in cases {
        let entry = run.entries.iter().find(|entry| entry.name == *name).expect("each export is called");
        let is_trap = matches!(&entry.end, EntryEnd::Aborted { message }
            if message.starts_with("wasm:js-string."));
        match expected {
            Some(value) => {
                assert_eq!(entry.results, [wasmspoor::Value::I32(*value)], "{name}: {body}: {entry:?}")
            }
            None => assert!(is_trap, "{name}: {body}: {entry:?}"),
        }
    }
}

/// Runs a module, values it again, and runs it again as it was recorded.
fn run(wasm: &[u8]) -> Run {
    let options = RunOptions::default();
    let run = sandbox::run_with_effects(wasm, &options).unwrap();
    checked(&run.trace);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strings.spoor");
    let sample = Sample { name: "strings", bytes: wasm, is_embedded: true };
    file::record(File::create_new(&path).unwrap(), &path, &sample, &options).unwrap();
    let mut recorded = Recorded::open(&path, None).unwrap();
    let rerun = recorded.rerun();
    assert!(rerun.is_equal && rerun.is_complete, "{rerun:?}");
    recorded.get_effects().unwrap();
    let trace = &recorded.run.as_ref().unwrap().trace;
    Machine::new(trace).and_then(|mut machine| machine.run(&mut Nothing)).unwrap();
    run
}

fn assert_told(run: &Run) {
    let shown = run.calls.iter().find(|call| &*call.name == "show").expect("it is called");
    let text = Pointed::Text { text: "hello!".into() };
    assert_eq!(shown.args[0].points_at, Some(text));
    let kept = run.entries.iter().find(|entry| entry.name == "kept").unwrap();
    assert_eq!(kept.results, [wasmspoor::Value::I32(8)]);
}

#[test]
fn strings_of_a_module_without_objects_are_those_of_javascript() {
    let cases: Vec<_> = PLAIN.iter().collect();
    let run = run(&module("", "", &cases));
    assert_cases(&run, &cases);
    assert_told(&run);
}

#[test]
fn strings_of_a_module_with_objects_are_those_of_javascript() {
    let cases: Vec<_> = PLAIN.iter().chain(OBJECTS).collect();
    let hi = "(global $hi (ref $units) (array.new_fixed $units 3
        (i32.const 72) (i32.const 105) (i32.const 33)))";
    let run = run(&module(OF_OBJECTS, hi, &cases));
    assert_cases(&run, &cases);
    assert_told(&run);
    let of_array = run.calls.iter().find(|call| &*call.name == "fromCharCodeArray").unwrap();
    assert_eq!(of_array.args[0].points_at, Some(Pointed::Text { text: "Hi".into() }));
}

#[test]
fn strings_of_kotlin_come_from_memory_and_go_there() {
    let text = r#"(module
        (import "js_code" "kotlin.wasm.internal.importStringFromWasm"
          (func $import (param i32 i32 externref) (result externref)))
        (import "js_code" "kotlin.wasm.internal.jsExportStringToWasm_-1695027573"
          (func $export (param externref i32 i32 i32)))
        (import "js_code" "kotlin.wasm.internal.stringLength" (func $len (param externref) (result i32)))
        (import "js_code" "kotlin.wasm.internal.externrefEquals"
          (func $equals (param externref externref) (result i32)))
        (import "js_code" "kotlin.wasm.internal.isNullish" (func $nullish (param externref) (result i32)))
        (import "js_code" "kotlin.wasm.internal.getJsEmptyString" (func $empty (result externref)))
        (import "js_code" "kotlin.io.printlnImpl" (func $println (param externref)))
        (memory (export "memory") 1) (data (i32.const 16) "H\00i\00")
        (func (export "main") (result i32) (local $one externref) (local $two externref)
          (local.set $one (call $import (i32.const 16) (i32.const 2) (ref.null extern)))
          (local.set $two (call $import (i32.const 16) (i32.const 2) (local.get $one)))
          (call $println (local.get $two))
          (call $export (local.get $two) (i32.const 1) (i32.const 2) (i32.const 64))
          (i32.add (i32.mul (call $nullish (ref.null extern)) (i32.const 100000))
            (i32.add (i32.load16_u (i32.const 64)) (i32.add (i32.mul (call $len (local.get $two)) (i32.const 1000))
              (i32.mul (i32.const 10000)
                (call $equals (local.get $one) (call $import (i32.const 16) (i32.const 2) (call $empty)))))))))"#;
    let run = run(&wat::parse_str(text).unwrap());
    assert_eq!(run.entries[0].results, [wasmspoor::Value::I32(114_000 + i32::from(b'i'))]);
    assert_eq!(run.stdout, b"HiHi\n");
}
