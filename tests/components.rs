//! Components: the module of the program runs at its place in the file, exactly, against what its imports
//! are. `docs/worlds.md` says what of a component runs.

mod common;

use std::{fs, path::Path, process::Command};

use common::{bodies, noise};
use serde_json::Value as Json;
use wasmspoor::{
    LoadError, Options, Outcome, Tracer, Value,
    analysis::Analysis,
    module::Module,
    rules,
    sandbox::RunOptions,
    trace::Trap,
    values::{Machine, Nothing},
    verdict::Class,
};

/// A component around a program that exports `f`.
fn component(program: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
          (core module $before (func (export "nothing") nop nop nop))
          (core module $program {program})
          (core instance $before (instantiate $before))
          (core instance $program (instantiate $program))
          (func $f (param "x" s32) (result s32) (canon lift (core func $program "f")))
          (export "f" (func $f)))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn the_program_runs_at_its_place_in_the_file() {
    let program = r#"(memory (export "memory") 1) (data (i32.const 8) "\07")
        (func (export "f") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then unreachable))
          (i32.mul (local.get 0) (i32.load8_u (i32.const 8))))"#;
    let wasm = component(program);
    let tracer = Tracer::new(Options::default().effects(true));
    let mut session = tracer.load(&wasm).unwrap();
    session.start().unwrap();
    let returned = session.invoke("f", &[Value::I32(6)]).unwrap();
    assert_eq!(returned, Outcome::Returned(vec![Value::I32(42)]));
    let trapped = session.invoke("f", &[Value::I32(0)]).unwrap();
    let Outcome::Trapped { code: Trap::Unreachable, site: Some(site) } = trapped else {
        panic!("{trapped:?}")
    };
    let body = session.module().body(site.function).unwrap();
    assert!(body.contains(&site.offset.0), "{site:?} {body:?}");
    assert_eq!(wasm[site.offset.position()], 0, "the operator `unreachable` of the file itself");
    assert_eq!(**session.module().bytes(), *wasm);
    let trace = session.finish();
    let counted = trace.counts().unwrap();
    assert_eq!((counted.total, counted.of_mnemonic("i32.mul")), ((3 + 4) + (3 + 1), 1));
    let mut machine = Machine::new(&trace).unwrap();
    assert_eq!(machine.run(&mut Nothing).unwrap().instructions, counted.total);
}

#[test]
fn an_invalid_wrapper_is_refused_as_any_host_refuses_it() {
    let mut wasm = component("(func (export \"f\") (param i32) (result i32) (local.get 0))");
    // One export: its name, and the function with an index that is not there.
    let export = [1, 0, 1, b'f', 1, 0, 0];
    let at = wasm.windows(export.len()).position(|window| window == export).unwrap();
    wasm[at + 5] = 9;
    let error = Tracer::new(Options::default()).load(&wasm).unwrap_err();
    assert!(matches!(error, LoadError::Invalid { .. } | LoadError::Unsupported { .. }), "{error}");
}

#[test]
fn a_component_is_said_to_be_one() {
    let wasm = component("(func (export \"f\") (param i32) (result i32) (local.get 0))");
    let analysis = Analysis::of(&wasm, &RunOptions::default(), &rules::Set::builtin());
    let view = &analysis.view;
    let component = view.component.as_ref().unwrap();
    assert_eq!(component.exports, ["f"]);
    let roles: Vec<_> = component.modules.iter().map(|part| part.role.as_str()).collect();
    assert_eq!(roles, ["not_run", "program"]);
    // A module beside the program did not run, and so nothing can be sworn to.
    let said: Vec<_> = analysis.limitations.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|words| words.contains("1 further module of the component")), "{said:?}");
    assert_ne!(analysis.verdict.class, Class::Clean, "{:?}", analysis.verdict);
    let program = component.modules.iter().find(|part| part.role.as_str() == "program").unwrap();
    let function = &view.functions[0];
    assert!((program.offset..program.offset + program.size).contains(&u64::from(function.offset.0)));
    assert_eq!(Module::parse(&*wasm).unwrap().body(function.index).unwrap().start, function.offset.0);
}

fn report(sample: &Path) -> Json {
    let spoor = env!("CARGO_BIN_EXE_spoor");
    let words = ["run", "--json", "--fail-on", "never"];
    let output = Command::new(spoor).args(words).arg(sample).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The core module of a component's program beside the component: what runs is the same.
#[test]
fn the_wrapper_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for name in ["component-locker", "benign-component"] {
        let whole = corpus.join(name).with_extension("wat");
        let wasm = wat::parse_file(&whole).unwrap();
        let component = report(&whole);
        let part = component["view"]["component"]["modules"].as_array().unwrap();
        let part = part.iter().find(|part| part["role"] == "program").unwrap();
        let start = part["offset"].as_u64().unwrap() as usize;
        let end = start + part["size"].as_u64().unwrap() as usize;
        let alone = folder.path().join(name);
        fs::write(&alone, &wasm[start..end]).unwrap();
        let alone = report(&alone);
        assert_eq!(component["sample"]["size"], wasm.len());
        if name == "benign-component" {
            // It has the names of what it imports itself, so the module can be asked alone.
            for field in ["verdict", "status", "stdout", "instructions"] {
                assert_eq!(component[field], alone[field], "{name}: {field}");
            }
        } else {
            // Its names say nothing: what they are stands in the component only.
            assert_eq!(component["verdict"], "MALICIOUS");
            assert_ne!(alone["verdict"], "MALICIOUS");
        }
    }
}

/// The body of the fuzz target `component`, on pseudo-random inputs, and changed components.
#[test]
fn hostile_components_end() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let names = ["component-locker", "benign-component", "s6-component", "linked-locker", "linked-benign"];
    let seeds = names.map(|name| wat::parse_file(corpus.join(name).with_extension("wat")).unwrap());
    for seed in 0..60 {
        bodies::component(&noise(seed, 200));
        for wasm in &seeds {
            let mut wasm = wasm.clone();
            let len = wasm.len() - 8;
            for change in noise(seed + 1000, 9).chunks(3) {
                let at = 8 + usize::from(u16::from_le_bytes([change[0], change[1]])) % len;
                wasm[at] = change[2];
            }
            bodies::module(&wasm);
        }
    }
}

/// A program that takes a call only when the host has given back the results of the one before, as those of
/// JavaScript do.
#[test]
fn results_are_given_back_before_the_next_call() {
    let text = r#"(component
      (core module $program
        (memory (export "memory") 1)
        (global $lent (mut i32) (i32.const 0)) (global $calls (mut i32) (i32.const 0))
        (data (i32.const 16) "\20\00\00\00\02\00\00\00") (data (i32.const 32) "hi")
        (func (export "greet") (param i32) (result i32)
          (if (global.get $lent) (then unreachable))
          (global.set $lent (i32.const 1))
          (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
          (i32.const 16))
        (func (export "cabi_post_greet") (param i32)
          (if (i32.ne (local.get 0) (i32.const 16)) (then unreachable))
          (global.set $lent (i32.const 0)))
        (func (export "calls") (param i32) (result i32) (global.get $calls)))
      (core instance $program (instantiate $program))
      (func $greet (param "x" s32) (result string)
        (canon lift (core func $program "greet") (memory (core memory $program "memory"))
          (post-return (core func $program "cabi_post_greet"))))
      (func $calls (param "x" s32) (result s32) (canon lift (core func $program "calls")))
      (export "greet" (func $greet))
      (export "calls" (func $calls)))"#;
    let wasm = wat::parse_str(text).unwrap();
    let run = wasmspoor::sandbox::run(&wasm, &RunOptions::default()).unwrap();
    let ends = |name: &str| run.entries.iter().filter(|entry| entry.name == name).count();
    assert!(ends("greet") > 0 && ends("greet") == ends("cabi_post_greet"), "{:?}", run.entries);
    let has_returned =
        |entry: &wasmspoor::sandbox::Entry| entry.end == wasmspoor::sandbox::EntryEnd::Returned;
    assert!(run.entries.iter().all(has_returned), "{:?}", run.entries);
}

/// Runs `f` of a component, whose result is exact: live, by its trace, and with its values.
fn result(text: &str, argument: i32) -> i32 {
    let wasm = wat::parse_str(text).unwrap();
    let mut session = Tracer::new(Options::default().effects(true)).load(&wasm).unwrap();
    session.start().unwrap();
    let returned = session.invoke("f", &[Value::I32(argument)]).unwrap();
    let Outcome::Returned(values) = returned else { panic!("{returned:?}") };
    let [Value::I32(result)] = values[..] else { panic!("{values:?}") };
    assert_eq!(**session.module().bytes(), *wasm, "the sample is the component");
    let trace = session.finish();
    let mut machine = Machine::new(&trace).unwrap();
    assert_eq!(machine.run(&mut Nothing).unwrap().instructions, trace.counts().unwrap().total);
    result
}

/// A component whose program `$main` exports `f`, behind other modules and instances.
fn linked(before: &str, main: &str, with: &str) -> String {
    format!(
        r#"(component {before}
          (core module $main {main})
          (core instance $main (instantiate $main {with}))
          (func $f (param "x" s32) (result s32) (canon lift (core func $main "f")))
          (export "f" (func $f)))"#
    )
}

/// Memory, table and globals of one module, used by two others, each with a start function.
const SHARED: &str = r#"
  (core module $store
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (global (export "base") i32 (i32.const 64))
    (global (export "order") (mut i32) (i32.const 0)))
  (core module $first
    (import "store" "memory" (memory 1))
    (import "store" "table" (table 4 funcref))
    (import "store" "base" (global $base i32))
    (import "store" "order" (global $order (mut i32)))
    (global (export "next") i32 (i32.add (global.get $base) (i32.const 16)))
    (data (global.get $base) "\05")
    (elem (i32.const 1) func $twice)
    (func $twice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func $begin
      (global.set $order (i32.add (i32.mul (global.get $order) (i32.const 10)) (i32.const 1)))
      ;; What the second one puts there comes later.
      (i32.store8 (i32.const 65) (i32.load8_u (i32.const 80))))
    (start $begin))
  (core module $second
    (import "store" "memory" (memory 1))
    (import "store" "table" (table 4 funcref))
    (import "first" "next" (global $next i32))
    (import "store" "order" (global $order (mut i32)))
    (data (global.get $next) "\07")
    (elem (i32.const 2) func $thrice)
    (func $thrice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func $begin
      (global.set $order (i32.add (i32.mul (global.get $order) (i32.const 10)) (i32.const 2))))
    (start $begin))
  (core instance $store (instantiate $store))
  (core instance $first (instantiate $first (with "store" (instance $store))))
  (core instance $second (instantiate $second (with "store" (instance $store))
    (with "first" (instance $first))))"#;

#[test]
fn modules_that_share_memory_table_and_globals_run_in_their_order() {
    let main = r#"(import "store" "memory" (memory 1))
        (import "store" "table" (table 4 funcref))
        (import "store" "order" (global $order (mut i32)))
        (func (export "f") (param $which i32) (result i32)
          ;; Order, what the first saw of the second's data, both data, and a function of one of them.
          (i32.add
            (i32.add
              (i32.mul (global.get $order) (i32.const 1000000))
              (i32.mul (i32.load8_u (i32.const 65)) (i32.const 100000)))
            (i32.add
              (i32.add (i32.mul (i32.load8_u (i32.const 64)) (i32.const 10000))
                (i32.mul (i32.load8_u (i32.const 80)) (i32.const 1000)))
              (call_indirect (param i32) (result i32) (i32.const 11) (local.get $which)))))"#;
    let text = linked(SHARED, main, r#"(with "store" (instance $store))"#);
    assert_eq!((result(&text, 1), result(&text, 2)), (12_057_022, 12_057_033));
    let view =
        Analysis::of(&wat::parse_str(&text).unwrap(), &RunOptions::default(), &rules::Set::builtin()).view;
    let component = view.component.as_ref().unwrap();
    let roles: Vec<_> = component.modules.iter().map(|part| part.role.as_str()).collect();
    assert_eq!(roles, ["linked", "linked", "linked", "program"]);
    let wasm = wat::parse_str(&text).unwrap();
    assert_eq!(component.linked_from, Some(wasm.len() as u64));
    // Each function names its module, and where its body is in the file.
    let origins: Vec<_> = view.functions.iter().map(|function| function.origin.map(|of| of.module)).collect();
    assert_eq!(origins, [Some(1), Some(1), Some(2), Some(2), Some(3), None]);
    for origin in view.functions.iter().filter_map(|function| function.origin) {
        let part = &component.modules[origin.module as usize];
        assert!((part.offset..part.offset + part.size).contains(&origin.offset));
    }
    assert!(view.functions.iter().all(|function| u64::from(function.offset.0) > wasm.len() as u64));
}

#[test]
fn a_module_that_is_made_twice_is_there_twice() {
    let counter = r#"
      (core module $counter (global $count (mut i32) (i32.const 0))
        (func (export "count") (result i32)
          (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count)))
      (core instance $a (instantiate $counter))
      (core instance $b (instantiate $counter))"#;
    let main = r#"(import "a" "count" (func $a (result i32))) (import "b" "count" (func $b (result i32)))
        (func (export "f") (param i32) (result i32) (drop (call $a)) (drop (call $a))
          (i32.add (i32.mul (call $a) (i32.const 10)) (call $b)))"#;
    let text = linked(counter, main, r#"(with "a" (instance $a)) (with "b" (instance $b))"#);
    assert_eq!(result(&text, 0), 31);
}

#[test]
fn a_thousand_instances_run() {
    let many = r#"
      (core module $store (memory (export "memory") 1) (func (export "get") (result i32)
        (i32.load (i32.const 0))))
      (core module $one (import "store" "memory" (memory 1))
        (func $begin (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))))
        (start $begin))
      (core instance $store (instantiate $store))"#
        .to_owned()
        + &r#"(core instance (instantiate $one (with "store" (instance $store))))"#.repeat(1000);
    let main = r#"(import "store" "get" (func $get (result i32)))
        (func (export "f") (param i32) (result i32) (call $get))"#;
    assert_eq!(result(&linked(&many, main, r#"(with "store" (instance $store))"#), 0), 1000);
}

/// A program that cannot be linked runs alone, and its report says why.
#[test]
fn what_cannot_be_linked_is_said() {
    let many = r#"(core module $store (memory (export "m") 1)) (core module $one (import "s" "m" (memory 1))
          (memory 1) (data (i32.const 0) "x"))
        (core instance $store (instantiate $store))"#
        .to_owned()
        + &r#"(core instance (instantiate $one (with "s" (instance $store))))"#.repeat(120);
    let main = r#"(import "s" "m" (memory 1)) (func (export "f") (param i32) (result i32) (local.get 0))"#;
    let text = linked(&many, main, r#"(with "s" (instance $store))"#);
    let analysis =
        Analysis::of(&wat::parse_str(text).unwrap(), &RunOptions::default(), &rules::Set::builtin());
    let said: Vec<_> = analysis.limitations.iter().map(ToString::to_string).collect();
    let is_said = |words: &String| words.contains("cannot be linked: too many memories");
    assert!(said.iter().any(is_said), "{said:?}");
    assert!(analysis.view.component.as_ref().unwrap().linked_from.is_none());
    assert_ne!(analysis.verdict.class, Class::Clean);
}

/// What is recorded of a linked program is told again from the file, and run again to the same.
#[test]
fn a_linked_program_is_told_from_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("it.spoor");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/linked-locker.wat");
    let spoor = |words: &[&str], file: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).arg(file).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let json = |words: &[&str], file: &Path| -> Json { serde_json::from_slice(&spoor(words, file)).unwrap() };
    spoor(&["record", "-o", trace.to_str().unwrap()], &sample);
    let live = json(&["run", "--json", "--fail-on", "never"], &sample);
    let told = json(&["report", "--json", "--fail-on", "never"], &trace);
    for field in ["verdict", "instructions", "coverage", "host_calls", "files", "view"] {
        assert_eq!(live[field], told[field], "{field}");
    }
    assert_eq!(live["verdict"], "MALICIOUS");
    spoor(&["rerun"], &trace);
}

/// What other programs get has places in the file, of the code that stands there, and names modules.
#[test]
fn places_of_a_linked_program_are_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("linked.wasm");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/linked-locker.wat");
    let wasm = wat::parse_file(text).unwrap();
    fs::write(&sample, &wasm).unwrap();
    let spoor = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).arg(&sample).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 2), "{words:?}");
        output.stdout
    };
    let report: Json = serde_json::from_slice(&spoor(&["run", "--json"])).unwrap();
    let module = Module::parse(&wasm[..]).unwrap();
    let from = report["view"]["component"]["linked_from"].as_u64().unwrap();
    assert_eq!(from, wasm.len() as u64);
    // Each instruction is the same operator at its place in the file.
    let (mut linked, mut modules) = (0, std::collections::BTreeSet::new());
    for func in module.defined() {
        let Some(there) = module.in_file(func) else { continue };
        modules.insert(there.module);
        for op in module.code(func).unwrap().ops() {
            let place = there.at(op.offset).unwrap();
            assert!(u64::from(op.offset.0) > from && place.position() < wasm.len());
            let reader = wasmparser::BinaryReader::new(&wasm[place.position()..], 0);
            let operator = format!("{:?}", wasmparser::OperatorsReader::new(reader).read().unwrap());
            assert_eq!(operator.split(' ').next().unwrap(), format!("{:?}", op.opcode), "{func} {op:?}");
            linked += 1;
        }
    }
    assert!(linked > 200 && modules.len() == 2, "{linked} {modules:?}");
    // Lines `file+offset` of what ran, and blocks of the modules of the component.
    let lines = String::from_utf8(spoor(&["export", "modoff"])).unwrap();
    let offsets = lines.lines().map(|line| line.strip_prefix("linked.wasm+").unwrap());
    let offsets: Vec<u64> = offsets.map(|offset| u64::from_str_radix(offset, 16).unwrap()).collect();
    assert!(offsets.len() > 100 && offsets.iter().all(|offset| *offset < from));
    let bytes = spoor(&["export", "drcov"]);
    let text = String::from_utf8_lossy(&bytes);
    for part in &modules {
        let at = report["view"]["component"]["modules"][*part as usize]["offset"].as_u64().unwrap();
        let row = format!(" {part}, {:#010x}, ", 0x8000_0000 + at);
        assert!(text.contains(&row) && text.contains(&format!("linked.wasm (module {part})\n")), "{text}");
    }
    let blocks = bytes.len() - text.find(" bbs\n").unwrap() - 5;
    assert_eq!(blocks % 8, 0);
    // SARIF and capa.
    let within = |value: &Json| value.as_u64().is_none_or(|offset| offset < from);
    let sarif: Json = serde_json::from_slice(&spoor(&["run", "--sarif"])).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let locations = results.iter().flat_map(|result| result["locations"].as_array().unwrap());
    let mut found = 0;
    for location in locations.map(|location| &location["physicalLocation"]) {
        assert!(within(&location["address"]["absoluteAddress"]), "{location}");
        assert!(within(&location["region"]["byteOffset"]), "{location}");
        found += usize::from(location["address"].is_object());
    }
    assert!(found > 5, "{found}");
    let capa: Json = serde_json::from_slice(&spoor(&["run", "--format", "capa"])).unwrap();
    let functions = capa["meta"]["analysis"]["feature_counts"]["functions"].as_array().unwrap();
    assert!(functions.len() > 5 && functions.iter().all(|one| within(&one["address"]["value"])), "{capa}");
    // Text and pages say in which module a function is.
    for words in [&["run", "-v"][..], &["run", "--html"]] {
        let shown = String::from_utf8(spoor(words)).unwrap();
        assert!(shown.contains("of module 1") && shown.contains("of module 2"), "{words:?}");
    }
}

/// A host function that is lowered with a memory works on that one, and asks its module for room.
#[test]
fn host_functions_work_on_the_memory_of_their_module() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/benign-component.wat");
    let text = fs::read_to_string(corpus).unwrap();
    let (head, rest) = text.split_once("  (core module $program").unwrap();
    let (_, tail) = rest.split_once("  (core module $jumps").unwrap();
    let (before_run, _) = tail.split_once("  (func $run").unwrap();
    let room = |at: u32| {
        format!(r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const {at}))"#)
    };
    let theirs = format!(
        r#"(core module $program
          (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
          (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
          (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
          (memory (export "memory") 1) (data (i32.const 64) "theirs\n") {}
          (func (export "work") (result i32)
            (call $write (call $stdout) (i32.const 64) (i32.const 7) (i32.const 16))
            (call $arguments (i32.const 8)) (i32.load (i32.const 8))))"#,
        room(4096)
    );
    let main = format!(
        r#"(core module $main
          (import "theirs" "work" (func $work (result i32)))
          (memory (export "memory") 1) (data (i32.const 64) "wrong!\n") {}
          (func (export "run") (result i32) (i32.ne (call $work) (i32.const 4096))))
        (core instance $main (instantiate $main (with "theirs" (instance $program))))
        (func $run (result (result)) (canon lift (core func $main "run")))
        (instance $exports (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $exports)))"#,
        room(8192)
    );
    let wasm = wat::parse_str(format!("{head}{theirs}(core module $jumps{before_run}{main}")).unwrap();
    let run = wasmspoor::sandbox::run(&wasm, &RunOptions::default()).unwrap();
    assert_eq!(run.stdout, b"theirs\n");
    assert_eq!(run.exit_code, Some(0), "{:?}", run.entries);
}
