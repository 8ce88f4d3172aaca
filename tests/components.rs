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
    let names = ["component-locker", "benign-component", "s6-component"];
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
