//! Components whose instances become one module: what it has, that it is valid, and what is refused.

use wasmparser::{Validator, WasmFeatures};

use crate::module::component::{Answerer, Component, Role};

/// A component in the text format, read.
fn read(text: &str) -> Component {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    Component::read(&wasm).expect("a component").unwrap_or_else(|problem| panic!("{problem}"))
}

/// A component whose instances become one module, and the operators of that.
fn merged(text: &str) -> (Component, String) {
    let component = read(text);
    let linkage = component.linkage.as_ref().unwrap_or_else(|| panic!("{:?}", component.unlinked));
    let wasm = linkage.image[component.main.bytes.clone()].to_vec();
    Validator::new_with_features(WasmFeatures::all()).validate_all(&wasm).unwrap();
    (component, operators(&wasm))
}

/// Its operators, one after the other.
fn operators(wasm: &[u8]) -> String {
    let mut text = String::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload.unwrap() {
            for operator in body.get_operators_reader().unwrap() {
                text += &format!("{:?}; ", operator.unwrap());
            }
        }
    }
    text
}

/// A component of these modules, each instantiated with all those before it.
fn chain(modules: &[&str]) -> String {
    let mut text = String::from("(component ");
    for (number, module) in modules.iter().enumerate() {
        let with: String = (0..number).map(|at| format!(r#"(with "{at}" (instance $i{at}))"#)).collect();
        text += &format!(
            "(core module $m{number} {module}) (core instance $i{number} (instantiate $m{number} {with}))"
        );
    }
    let last = modules.len() - 1;
    text + &format!(r#"(func $f (canon lift (core func $i{last} "f"))) (export "f" (func $f)))"#)
}

#[test]
fn each_kind_of_item_is_shared() {
    let (component, text) = merged(&chain(&[
        r#"(type $s (struct (field i32))) (rec (type $a (struct (field (ref null $b)))) (type $b (struct)))
           (tag (export "t") (param i32)) (memory (export "m") i64 1) (table (export "x") 3 funcref)
           (global (export "g") i64 (i64.const 8))
           (func (export "h") (param (ref null $a)) (result i32) (i32.const 1))"#,
        r#"(rec (type $a (struct (field (ref null $b)))) (type $b (struct)))
           (import "0" "h" (func $h (param (ref null $a)) (result i32)))
           (import "0" "m" (memory i64 1)) (import "0" "x" (table 3 funcref))
           (import "0" "g" (global $g i64)) (import "0" "t" (tag $t (param i32)))
           (global $sum i64 (i64.mul (global.get $g) (i64.add (global.get $g) (i64.const 1))))
           (data (offset (global.get $g)) "ab") (data $late "cd")
           (elem (i32.const 0) func $k) (elem $e funcref (ref.func $k) (ref.null func))
           (func $k) (func $begin (memory.init $late (i64.const 0) (i32.const 0) (i32.const 2))
             (table.init $e (i32.const 1) (i32.const 0) (i32.const 2)) (data.drop $late) (elem.drop $e))
           (func (export "throws") (throw $t (call $h (ref.null $a))))
           (func (export "late") (result funcref) (ref.func $only))
           (func $only (export "only"))
           (start $begin)"#,
        r#"(import "0" "m" (memory i64 1)) (import "0" "x" (table 3 funcref)) (import "0" "g" (global $g i64))
           (import "1" "throws" (func $throws)) (import "1" "late" (func (result funcref)))
           (data (offset (global.get $g)) "ef") (elem (i32.const 2) func $throws)
           (func (export "f") (call $throws))"#,
    ]));
    let roles: Vec<_> = component.modules.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Linked, Role::Linked, Role::Program]);
    // The last one's segments are put where they go when the start function of the one before has run.
    let begins = text.rsplit("End; ").nth(1).unwrap();
    let order =
        ["Call { function_index: 2 }", "TableInit", "ElemDrop", "I64Const { value: 8 }", "MemoryInit"];
    let places: Vec<_> = order.iter().map(|word| begins.find(word)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{begins}");
    assert_eq!(component.linkage.as_ref().unwrap().origins.last().unwrap().module, None);
}

#[test]
fn one_start_function_stays_what_it_is() {
    let (component, text) = merged(&chain(&[
        r#"(global $g (mut i32) (i32.const 0)) (func $s (global.set $g (i32.const 1))) (start $s)
           (func (export "f") (result i32) (global.get $g))"#,
        r#"(import "0" "f" (func $g (result i32))) (func (export "f") (drop (call $g)))"#,
    ]));
    assert!(component.linkage.unwrap().origins.iter().all(|origin| origin.module.is_some()), "{text}");
}

#[test]
fn exports_of_one_name_have_two() {
    let (component, _) = merged(
        r#"(component
          (core module $a (memory (export "memory") 1)
            (func (export "f") (result i32) (i32.const 8)) (func (export "cabi_post_f") (param i32)))
          (core module $b (import "a" "f" (func $f (result i32))) (import "a" "memory" (memory 1))
            (func (export "f") (result i32) (call $f)) (func (export "cabi_post_f") (param i32))
            (func (export "left") (result i32) (i32.const 1)))
          (core instance $a (instantiate $a))
          (core instance $b (instantiate $b (with "a" (instance $a))))
          (alias core export $a "memory" (core memory $m))
          (func $one (result string) (canon lift (core func $a "f") (memory $m)
            (post-return (core func $a "cabi_post_f"))))
          (func $two (result string) (canon lift (core func $b "f") (memory $m)
            (post-return (core func $b "cabi_post_f"))))
          (export "one" (func $one)) (export "two" (func $two)))"#,
    );
    let exports: Vec<_> = component.main.exports.iter().map(|(own, name)| (&**own, &**name)).collect();
    assert_eq!(exports, [("f", "one"), ("f#1", "two")]);
}

#[test]
fn what_does_no_work_is_not_linked() {
    // Neither an instance that only jumps, nor one that does nothing with what others have.
    let component =
        read(&chain(&[r#"(memory (export "m") 1) (func (export "g") nop nop)"#, r#"(func (export "f"))"#]));
    assert!(component.linkage.is_none() && component.unlinked.is_none());
    assert_eq!(component.unrun().count(), 1);
}

#[test]
fn an_adapter_does_not_run_with_the_others() {
    let (component, _) = merged(
        r#"(component
          (core module $store (memory (export "memory") 1))
          (core module $adapter (import "s" "memory" (memory 1))
            (func (export "fd_write") (param i32 i32 i32 i32) (result i32)
              (i32.store (i32.const 0) (i32.const 1))
              (i32.const 0))
            (data (i32.const 0) "x"))
          (core module $main (import "s" "memory" (memory 1))
            (import "wasi_snapshot_preview1" "fd_write"
              (func $write (param i32 i32 i32 i32) (result i32)))
            (func (export "f") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
          (core instance $store (instantiate $store))
          (core instance $adapter (instantiate $adapter (with "s" (instance $store))))
          (core instance $main (instantiate $main (with "s" (instance $store))
            (with "wasi_snapshot_preview1" (instance $adapter))))
          (func $f (canon lift (core func $main "f"))) (export "f" (func $f)))"#,
    );
    let roles: Vec<_> = component.modules.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Linked, Role::Unrun, Role::Program]);
    let imports: Vec<_> =
        component.main.imports.iter().map(|import| (&*import.name, import.answerer)).collect();
    assert_eq!(imports, [("fd_write", Answerer::Adapter)]);
}

#[test]
fn what_is_not_there_or_of_another_kind_is_not_linked() {
    let store = r#"(memory (export "m") 1) (func (export "g")) (global (export "i") i32 (i32.const 1))
        (global (export "mutable") (mut i32) (i32.const 1))"#;
    let cases = [
        // No such export, and some of another kind.
        r#"(import "0" "m" (memory 1)) (import "0" "none" (memory 1)) (func (export "f"))"#,
        r#"(import "0" "g" (memory 1)) (func (export "f"))"#,
        r#"(import "0" "m" (func $g)) (func (export "f") (call $g))"#,
        r#"(import "0" "i" (table 1 funcref)) (func (export "f"))"#,
        r#"(import "0" "m" (memory 1)) (import "none" "none" (memory 1)) (func (export "f"))"#,
        // A value that is not known before it runs.
        r#"(import "0" "mutable" (global $g (mut i32))) (global i32 (global.get $g)) (func (export "f"))"#,
    ];
    for case in cases {
        let component = read(&chain(&[store, case]));
        assert!(component.linkage.is_none() && component.unlinked.is_some(), "{case}");
        // What may have mattered is not said to be a mere link.
        assert!(component.modules.iter().all(|part| part.role != Role::Link), "{case}");
    }
}

#[test]
fn what_would_be_too_much_is_not_linked() {
    let store = r#"(core module $s (memory (export "m") 1)) (core instance $s (instantiate $s))
        (core module $d (import "s" "m" (memory 1)) (data (i32.const 0) "x"))"#;
    let main = r#"(core module $main (import "s" "m" (memory 1)) (func (export "f")))
        (core instance $main (instantiate $main (with "s" (instance $s))))
        (func $f (canon lift (core func $main "f"))) (export "f" (func $f))"#;
    let many = r#"(core instance (instantiate $d (with "s" (instance $s))))"#.repeat(5000);
    let component = read(&format!("(component {store} {many} {main})"));
    assert!(component.unlinked.unwrap().contains("more than 4096 instances"));
    let pages = "x".repeat(4 << 20);
    let large = format!(r#"(core module $l (import "s" "m" (memory 1)) (data (i32.const 0) "{pages}"))"#)
        + &r#"(core instance (instantiate $l (with "s" (instance $s))))"#.repeat(70);
    let component = read(&format!("(component {store} {large} {main})"));
    assert!(component.unlinked.unwrap().contains("268435456 bytes"));
}

#[test]
fn no_bytes_panic() {
    let wasm = wat::parse_str(chain(&[
        r#"(memory (export "m") 1) (table (export "x") 2 funcref) (global (export "g") i32 (i32.const 8))
           (func $s nop) (start $s)"#,
        r#"(import "0" "m" (memory 1)) (import "0" "x" (table 2 funcref)) (import "0" "g" (global $g i32))
           (data (global.get $g) "ab") (elem (global.get $g) func $f)
           (func $f (export "f") (drop (ref.func $f)) (call $f))"#,
    ]))
    .unwrap();
    for at in 8..wasm.len() {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff, wasm[at] ^ 1] {
            let mut broken = wasm.clone();
            broken[at] = value;
            _ = Component::read(&broken);
        }
        _ = Component::read(&wasm[..at]);
    }
}
