//! Components of several shapes: which module is the program, and what its imports are.

use super::*;

/// A component in the text format, read.
fn read(text: &str) -> Result<Component, Problem> {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    Component::read(&wasm).expect("a component")
}

fn names(component: &Component) -> Vec<(&str, &str, Answerer)> {
    component.main.imports.iter().map(|import| (&*import.module, &*import.name, import.answerer)).collect()
}

/// A component as toolchains write it: trampolines in a table that a last module fills, since the canonical
/// ABI wants the memory of the program.
const USUAL: &str = r#"(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (core module $main
    (import "any" "name" (func $random (param i64 i32)))
    (import "other" "exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
    (func (export "go") (result i32)
      (call $random (i64.const 8) (i32.const 0)) (call $exit (i32.const 0)) (i32.const 0)))
  (core module $shim
    (table (export "$imports") 1 funcref)
    (func (export "0") (param i64 i32)
      (call_indirect (param i64 i32) (local.get 0) (local.get 1) (i32.const 0))))
  (core module $fixup
    (import "" "$imports" (table 1 funcref))
    (import "" "0" (func (param i64 i32)))
    (elem (i32.const 0) func 0))
  (core instance $shim (instantiate $shim))
  (core func $exit (canon lower (func $exit "exit")))
  (core instance $exits (export "exit" (func $exit)))
  (alias core export $shim "0" (core func $jump))
  (core instance $randoms (export "name" (func $jump)))
  (core instance $main (instantiate $main
    (with "any" (instance $randoms)) (with "other" (instance $exits))))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "realloc" (core func $realloc))
  (alias core export $shim "$imports" (core table $table))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory $memory) (realloc $realloc)))
  (core instance (instantiate $fixup
    (with "" (instance (export "$imports" (table $table)) (export "0" (func $random))))))
  (type $run (func (result (result))))
  (alias core export $main "go" (core func $go))
  (func $run (type $run) (canon lift (core func $go)))
  (component $runner
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $run (instantiate $runner (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $run)))"#;

#[test]
fn imports_are_what_they_are_and_not_what_they_are_called() {
    let component = read(USUAL).unwrap();
    assert_eq!(
        names(&component),
        [
            ("wasi:random/random@0.2.0", "get-random-bytes", Answerer::Host),
            ("wasi:cli/exit@0.2.0", "exit", Answerer::Host),
        ]
    );
    let main = &component.main;
    assert_eq!(main.program.as_ref().map(|program| &*program.export), Some("go"));
    assert_eq!(main.realloc.as_deref(), Some("realloc"));
    assert_eq!(main.exports, [("go".into(), "wasi:cli/run@0.2.0#run".into())]);
    let roles: Vec<_> = component.modules.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Program, Role::Link, Role::Link]);
    let imports = ["wasi:random/random@0.2.0", "wasi:cli/exit@0.2.0"].map(Box::from);
    assert_eq!((component.imports, component.exports), (imports.into(), vec!["wasi:cli/run@0.2.0".into()]));
}

#[test]
fn resources_are_dropped_by_their_names() {
    let component = read(
        r#"(component
          (import "wasi:io/streams@0.2.3" (instance $streams (export "output-stream" (type (sub resource)))))
          (alias export $streams "output-stream" (type $stream))
          (core func $drop (canon resource.drop $stream))
          (core module $main (import "a" "b" (func (param i32))) (func (export "f")))
          (core instance (instantiate $main (with "a" (instance (export "b" (func $drop)))))))"#,
    )
    .unwrap();
    assert_eq!(
        names(&component),
        [("wasi:io/streams@0.2.3", "[resource-drop]output-stream", Answerer::Host)]
    );
}

#[test]
fn a_module_that_does_part_of_the_work_runs() {
    let component = read(
        r#"(component
          (core module $other (func (export "f") nop) (func (export "fd_write") (param i32) nop))
          (core module $main
            (import "other" "f" (func))
            (import "wasi_snapshot_preview1" "fd_write" (func (param i32)))
            (func (export "a")) (func (export "b")) (func (export "c")))
          (core instance $other (instantiate $other))
          (core instance (instantiate $main
            (with "other" (instance $other)) (with "wasi_snapshot_preview1" (instance $other)))))"#,
    )
    .unwrap();
    // It is asked for more than preview1, so that runs there, too.
    assert_eq!(names(&component), []);
    let roles: Vec<_> = component.modules.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Linked, Role::Program]);
}

#[test]
fn behind_an_adapter_stands_the_program() {
    let component = read(
        r#"(component
          (core module $main (memory (export "memory") 1) (func (export "_start")))
          (core module $adapter
            (import "__main_module__" "_start" (func $start))
            (func (export "run") (result i32) (call $start) (i32.const 0)))
          (core instance $main (instantiate $main))
          (core instance $adapter (instantiate $adapter (with "__main_module__" (instance $main))))
          (alias core export $adapter "run" (core func $run))
          (func $run (result (result)) (canon lift (core func $run)))
          (instance $run (export "run" (func $run)))
          (export "wasi:cli/run@0.2.0" (instance $run)))"#,
    )
    .unwrap();
    let roles: Vec<_> = component.modules.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Program, Role::Unrun]);
    // The adapter is what runs the program: it has no such export itself.
    assert_eq!(component.main.program, None);
}

#[test]
fn components_in_components_are_carried_out() {
    let component = read(
        r#"(component
          (component $outer
            (import "f" (func $f))
            (core module $m (import "x" "y" (func)) (func (export "g")))
            (component $inner
              (alias outer $outer $m (core module $m2))
              (import "h" (func $h))
              (core func $low (canon lower (func $h)))
              (core instance (instantiate $m2 (with "x" (instance (export "y" (func $low)))))))
            (instance (instantiate $inner (with "h" (func $f)))))
          (import "host-function" (func $host))
          (instance (instantiate $outer (with "f" (func $host)))))"#,
    )
    .unwrap();
    assert_eq!(names(&component), [("$root", "host-function", Answerer::Host)]);
}

#[test]
fn a_component_without_a_program_says_so() {
    for text in ["(component)", "(component (core module))", "(component (component))"] {
        assert!(matches!(read(text), Err(Problem::NoModule)), "{text}");
    }
    assert!(Component::read(b"\0asm\x01\0\0\0").is_none());
}

#[test]
fn what_doubles_at_each_step_is_bounded() {
    let mut text =
        String::from("(component (component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..40 {
        let below = level - 1;
        let one = "(instance (instantiate $b))".to_owned();
        text += &format!("(component $c{level} (alias outer 1 $c{below} (component $b)){}) ", one.repeat(9));
    }
    text += "(instance (instantiate $c39)))";
    assert!(matches!(read(&text), Err(Problem::TooDeep)));
    let wide = "(instance (instantiate $d))".repeat(1500);
    let text = format!(
        "(component (component $c (component $d) {wide}) {})",
        "(instance (instantiate $c))".repeat(1500)
    );
    assert!(matches!(read(&text), Err(Problem::TooMany)));
}

#[test]
fn chains_do_not_exhaust_the_stack() {
    // Each lifts what the one before it lowered.
    let mut text = String::from("(component (import \"f\" (func $f0))");
    for level in 0..20_000 {
        let next = level + 1;
        text += &format!(
            "(core func $c{level} (canon lower (func $f{level})))\
             (func $f{next} (canon lift (core func $c{level})))"
        );
    }
    assert!(matches!(read(&(text + ")")), Err(Problem::NoModule)));
    // Each may name all before it.
    let text = format!("(component {})", "(component)".repeat(1400));
    assert!(matches!(read(&text), Err(Problem::NoModule)));
    let mut text = String::from("(component (instance $i0)");
    for level in 0..20_000 {
        text += &format!("(instance $i{} (export \"i\" (instance $i{level})))", level + 1);
    }
    assert!(matches!(read(&(text + ")")), Err(Problem::TooDeep)));
}

#[test]
fn a_jump_without_an_end_is_left() {
    // A trampoline whose table holds itself.
    let text = r#"(component
      (core module $shim
        (table (export "t") 1 funcref)
        (func (export "0") (call_indirect (i32.const 0))))
      (core module $fixup
        (import "" "t" (table 1 funcref)) (import "" "0" (func)) (elem (i32.const 0) func 0))
      (core module $main (import "a" "0" (func)) (func (export "f")))
      (core instance $shim (instantiate $shim))
      (alias core export $shim "t" (core table $t))
      (alias core export $shim "0" (core func $f))
      (core instance (instantiate $fixup
        (with "" (instance (export "t" (table $t)) (export "0" (func $f))))))
      (core instance $main (instantiate $main (with "a" (instance $shim))))
      (alias core export $main "f" (core func $run))
      (func $run (canon lift (core func $run)))
      (export "run" (func $run)))"#;
    assert!(matches!(read(text), Err(Problem::TooFar)));
}

#[test]
fn long_names_of_many_are_bounded() {
    let long = "n".repeat(50_000);
    // The long name is that of many imports, of many elements of a table, and of the place where an instance
    // is exported.
    let imports = r#"(import "a" "f" (func))"#.repeat(1000);
    let host = format!(
        r#"(component (import "{long}" (instance $i (export "f" (func))))
          (core module $main {imports} (func (export "g")))
          (core func $f (canon lower (func $i "f")))
          (core instance (instantiate $main (with "a" (instance (export "f" (func $f)))))))"#
    );
    let elements = "0 ".repeat(1000);
    let table = format!(
        r#"(component (import "h" (func $h))
          (core module $shim (table (export "t") 1000 funcref))
          (core module $fixup (import "" "t" (table 1 funcref)) (import "" "{long}" (func))
            (elem (i32.const 0) func {elements}))
          (core module $main (func (export "f")))
          (core func $low (canon lower (func $h)))
          (core instance $shim (instantiate $shim))
          (alias core export $shim "t" (core table $t))
          {}
          (core instance (instantiate $main)))"#,
        r#"(core instance (instantiate $fixup (with "" (instance (export "t" (table $t))))))"#.repeat(1100)
    );
    let functions: String = (0..1000).map(|at| format!(r#"(export "f{at}" (func $f))"#)).collect();
    let names: String = (0..1000).map(|at| format!(r#"(export "i{at}" (instance $i))"#)).collect();
    let exports = format!(
        r#"(component (core module $main (func (export "f"))) (core instance $main (instantiate $main))
          (alias core export $main "f" (core func $f)) (func $f (canon lift (core func $f)))
          (instance $i {functions}) {names})"#
    );
    // So may it be of a program that is linked, which then is not.
    let linked = format!(
        r#"(component (import "{long}" (instance $i (export "f" (func))))
          (core module $store (memory (export "m") 1) (func (export "g")))
          (core module $user (import "s" "m" (memory 1)) {imports} (data (i32.const 0) "x"))
          (core module $main (import "s" "m" (memory 1)) (func (export "f")))
          (core func $f (canon lower (func $i "f")))
          (core instance $store (instantiate $store))
          (core instance (instantiate $user (with "s" (instance $store))
            (with "a" (instance (export "f" (func $f))))))
          (core instance $main (instantiate $main (with "s" (instance $store))))
          (alias core export $main "f" (core func $run)) (func $run (canon lift (core func $run)))
          (export "run" (func $run)))"#
    );
    assert!(read(&linked).unwrap().unlinked.is_some_and(|why| why.contains("names of more than")));
    for text in [host, table, exports] {
        assert!(matches!(read(&text), Err(Problem::TooManyNames)), "{:.200}", text);
    }
}

#[test]
fn who_fills_an_element_last_is_what_it_holds() {
    let evil = r#"(core module $evil (import "" "$imports" (table 1 funcref)) (elem (i32.const 0) func 0)
          (func (param i64 i32)))
        (core instance (instantiate $evil (with "" (instance (export "$imports" (table $table))))))"#;
    let component = read(&USUAL.replacen("(type $run", &format!("{evil} (type $run"), 1)).unwrap();
    let roles: Vec<_> = component.modules.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Program, Role::Linked, Role::Linked, Role::Linked]);
    assert!(component.main.imports.iter().all(|import| import.answerer == Answerer::Host));
}

#[test]
fn a_function_in_place_of_a_memory_is_nobodys() {
    let text = r#"(component
      (core module $m (func (export "f")))
      (core instance $m (instantiate $m))
      (alias core export $m "f" (core func $f))
      (core instance $a (export "f" (func $f)))
      (alias core export $a "f" (core memory $x))
      (core instance $b (export "g" (memory $x)))
      (alias core export $b "g" (core func $g))
      (func $run (canon lift (core func $g)))
      (instance $run (export "run" (func $run)))
      (export "wasi:cli/run@0.2.0" (instance $run)))"#;
    assert!(matches!(read(text), Err(Problem::NoModule)));
}

#[test]
fn no_bytes_panic() {
    let wasm = wat::parse_str(USUAL).unwrap();
    for at in 8..wasm.len() {
        for value in [0, 1, 0x7f, 0xff, wasm[at] ^ 1] {
            let mut broken = wasm.clone();
            broken[at] = value;
            _ = Component::read(&broken);
        }
        _ = Component::read(&wasm[..at]);
    }
}
