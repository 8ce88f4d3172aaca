use wasmparser::Validator;

use crate::module::{Module, Opcode, engine_features};

use super::*;

fn lowered(text: &str) -> (Vec<u8>, Lowered) {
    let wasm = wat::parse_str(text).unwrap();
    let lowered = lower(&wasm, &Heavy::default()).unwrap_or_else(|| panic!("{text}"));
    let valid = Validator::new_with_features(engine_features()).validate_all(&lowered.wasm);
    valid.unwrap_or_else(|error| panic!("{text}: {error}"));
    (wasm, lowered)
}

#[test]
fn what_is_written_is_what_the_engine_runs() {
    for text in [
        "(module (tag $e (param i32)) (export \"e\" (tag $e)) (import \"a\" \"b\" (tag)) (func (throw $e (i32.const 1))))",
        "(module (memory 1 2 shared) (func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))",
        "(module (import \"env\" \"memory\" (memory 1 2 shared)) (func (atomic.fence)))",
        "(module (memory i64 1) (func (i64.atomic.store (i64.const 8) (i64.const 1))))",
        "(module (memory 1 1 shared) (func (drop (memory.atomic.wait64 (i32.const 0) (i64.const 0) (i64.const -1)))))",
        "(module (memory 1) (func (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))",
        "(module (rec (type $s (struct (field (ref null $a)))) (type $a (array i8)))
            (global (ref null $s) (struct.new $s (ref.null $a))) (func (param (ref $s)) (result (ref null $a))
            (struct.get $s 0 (local.get 0))))",
        "(module (type $f (func (param i32) (result i32))) (func (param (ref $f)) (result i32)
            (call_ref $f (i32.const 1) (local.get 0))) (elem declare func 0))",
        "(module (type $f (func)) (table (ref null $f) (elem (ref.func $g))) (func $g) (global (ref $f) (ref.func $g)))",
        "(module (global $a i32 (i32.const 5)) (global i32 (i32.add (global.get $a) (i32.const 1)))
            (memory 1 1 shared))",
        "(module (tag) (func (result exnref) (block (result exnref)
            (try_table (result exnref) (catch_all_ref 0) (ref.null exn)))))",
        "(module (tag) (func (param i32) (result i32) (if (result i32) (local.get 0)
            (then (throw 0) (block (loop (br 1))) (i32.const 2)) (else (i32.const 3)))))",
    ] {
        lowered(text);
    }
}

#[test]
fn what_nothing_can_stand_for_is_refused() {
    for text in [
        "(module (type $f (func)) (func $g) (table 1 (ref $f) (ref.func $g)) (tag))",
        // Not valid to begin with.
        "(module (memory 1 1 shared) (func (result i32)))",
    ] {
        let wasm = wat::parse_str(text).unwrap();
        assert!(lower(&wasm, &Heavy::default()).is_none(), "{text}");
    }
}

/// Each operator of the new code that is the sample's own leads to one with the same name, and each other one
/// to an operator at all.
#[test]
fn sites_lead_back() {
    let text = r#"(module (tag $e) (memory 1 1 shared)
        (func (param i32) (result i32) (local i64)
            (i32.store (i32.const 0) (i32.const 7))
            (drop (i32.atomic.rmw8.cmpxchg_u offset=3 (i32.const 0) (i32.const 1) (i32.const 2)))
            try nop (i32.store (i32.const 4) (i32.const 7)) catch $e (drop (i32.const 9)) catch_all end
            (if (local.get 0) (then (throw $e) (drop (i32.const 5))))
            (i32.add (i32.const 1) (i32.const 2)))
        (func (nop) (atomic.fence) (drop (f32.const 1))))"#;
    let (wasm, lowered) = lowered(text);
    let (old, new) = (Module::parse(wasm).unwrap(), Module::parse(lowered.wasm).unwrap());
    let mut stops = Vec::new();
    for (position, func) in old.defined().enumerate() {
        let (old, new) = (old.code(func).unwrap(), new.code(func).unwrap());
        for op in new.ops() {
            let (offset, stop) = lowered.sites.of(position, op.offset.0 - new.start().0).unwrap();
            let led = old.ops().iter().find(|old_op| old_op.offset.0 - old.start().0 == offset);
            let led = led.unwrap_or_else(|| panic!("{} leads to {offset:#x}", op.opcode.mnemonic()));
            let is_made = led.opcode.mnemonic().contains("atomic") || led.opcode == Opcode::Throw;
            let expected = if led.opcode == Opcode::Try { Opcode::Block } else { led.opcode };
            assert!(is_made || op.opcode == expected, "{:?} leads to {:?}", op.opcode, led.opcode);
            stops.extend(stop.map(|stop| (led.opcode, stop)));
        }
    }
    assert_eq!(stops, [(Opcode::Throw, Stop::Unsupported)]);
}

#[test]
fn an_access_of_more_than_a_byte_is_checked() {
    let text = "(module (memory 1) (func (drop (i64.atomic.load32_u offset=2 (i32.const 2)))))";
    let (wasm, lowered) = lowered(text);
    let new = Module::parse(lowered.wasm).unwrap();
    let code = new.code(crate::module::FuncIndex(0)).unwrap();
    let at = |opcode: Opcode| {
        let op = code.ops().iter().find(|op| op.opcode == opcode).unwrap();
        lowered.sites.of(0, op.offset.0 - code.start().0).unwrap()
    };
    let old = Module::parse(wasm).unwrap();
    let body = old.code(crate::module::FuncIndex(0)).unwrap();
    let offset = body.ops()[1].offset.0 - body.start().0;
    assert_eq!(at(Opcode::I32DivU), (offset, Some(Stop::Unaligned)));
    assert_eq!(at(Opcode::I64Load32U), (offset, None));
}
