use wasmparser::Validator;

use crate::module::{
    Module, Opcode, engine_features,
    limits::{LOWERED_MOST, LOWERED_PER_BYTE},
};

use super::*;

fn lowered(text: &str) -> (Vec<u8>, Lowered) {
    let wasm = wat::parse_str(text).unwrap();
    let lowered = lower(&Module::parse(&wasm[..]).unwrap(), &[]).unwrap_or_else(|_| panic!("{text}"));
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
        "(module (tag $e (param i32 i64)) (tag $b (param i64 i64 funcref externref exnref v128 f32 f64))
            (func $f (param i32 i64) (result i32 i64 exnref) (local exnref)
                (local.get 0) (local.get 1)
                try (param i32 i64) (result i32 i64) (throw $e) catch $e (call $g) catch_all rethrow 0 end
                (local.get 2))
            (func $g (param i32 i64) (result i32 i64) unreachable (throw $b)))",
        "(module (tag $e) (func (loop $l try try (throw $e) delegate 2 catch $e (br_if $l (i32.const 1)) (return)
            catch_all try (throw $e) catch_all rethrow 1 end end)))",
        "(module (tag $e (param f64)) (global (mut exnref) (ref.null exn))
            (func (param exnref) (result f64) (local.get 0) (global.set 0)
                (if (ref.is_null (global.get 0)) (then (throw $e (f64.const 1))))
                (loop $l (result f64) (block $h (result f64 exnref)
                    (try_table (catch_ref $e $h) (catch_all $l) (throw_ref (global.get 0))) (return (f64.const 2)))
                    (br_table 0 0 (i32.const 0)) (drop))))",
        // Behind what is left out.
        "(module (tag $e) (func (result i32) (throw $e) try (result i32) (throw $e) catch $e rethrow 0 end))",
    ] {
        lowered(text);
    }
}

/// Code stays linear in the sample's, however deep `try`s nest, and is bounded where it cannot.
#[test]
fn what_is_written_does_not_multiply() {
    let lower = |text: &str| {
        let wasm = wat::parse_str(text).unwrap();
        (wasm.len(), lower(&Module::parse(wasm).unwrap(), &[]))
    };
    let nested = format!(
        "(module (tag $e) (func {} (throw $e) {}))",
        "try ".repeat(400),
        "catch $e call 0 catch_all call 0 rethrow 0 end ".repeat(400)
    );
    let (len, lowered) = lower(&nested);
    let lowered = lowered.unwrap();
    assert!(lowered.wasm.len() < 16 * len, "{len} to {}", lowered.wasm.len());
    // The facts known of the code take no more room than it.
    let made = lowered.made.unwrap();
    let made: usize = made.operators.iter().map(|operators| operators.len()).sum();
    assert!(made + lowered.sites.size() < lowered.wasm.len(), "{made} and {}", lowered.sites.size());
    let many = format!(
        "(module (tag $e (param {})) (func {}))",
        "i64 ".repeat(1000),
        "(block unreachable (throw $e))".repeat(10_000)
    );
    // As it would be written if its function was not too heavy.
    let many = Module::parse(wat::parse_str(&many).unwrap()).unwrap();
    let refused = write(&many, many.core().bytes, &Heavy::default(), &[]).unwrap_err();
    assert_eq!(refused.to_string(), "code that is too large with its exceptions");
    let room = |len| sections::room(len, LOWERED_PER_BYTE);
    assert_eq!([room(1 << 20), room(1 << 30)], [20 << 20, LOWERED_MOST]);
}

/// Code that is full of operators that become long is written all the same.
#[test]
fn operators_on_objects_find_room() {
    let news = "(drop (array.new $a (i32.const 0) (i32.const 0)))".repeat(50_000);
    let text = format!("(module (type $a (array i32)) (func {news}))");
    let wasm = wat::parse_str(text).unwrap();
    let (len, module) = (wasm.len(), Module::parse(wasm).unwrap());
    let lowered = lower(&module, &[]).unwrap();
    assert!(lowered.wasm.len() < 64 * len, "{len} to {}", lowered.wasm.len());
}

/// Clauses that nothing gets to cost nothing: they may stand in landing pads that each turn of a loop passes.
#[test]
fn of_clauses_that_take_the_same_one_is_written() {
    let size = |clauses: &str| {
        let (_, lowered) =
            lowered(&format!("(module (tag) (func (block $b (try_table {clauses} (throw 0)))))"));
        lowered.wasm.len()
    };
    assert_eq!(size(&"(catch 0 $b)".repeat(1000)), size("(catch 0 $b)"));
}

#[test]
fn what_nothing_can_stand_for_is_refused() {
    for (text, expected) in [
        (
            "(module (type $f (func)) (func $g) (table 9000000 (ref $f) (ref.func $g)) (tag))",
            Some("nothing can stand for a table that begins with too many functions"),
        ),
        // Not valid to begin with.
        ("(module (memory 1 1 shared) (func (result i32)))", None),
    ] {
        let wasm = wat::parse_str(text).unwrap();
        let refused = lower(&Module::parse(wasm).unwrap(), &[]).unwrap_err();
        assert_eq!(reason(&refused).as_deref(), expected, "{text}");
    }
}

/// Each operator of the new code that is the sample's own leads to one with the same name, and each other one
/// to an operator at all.
#[test]
fn sites_lead_back() {
    let text = r#"(module (tag $e) (memory 1 1 shared) (type $t (func)) (type $c (cont $t))
        (func (param i32) (result i32) (local i64)
            (i32.store (i32.const 0) (i32.const 7))
            (drop (i32.atomic.rmw8.cmpxchg_u offset=3 (i32.const 0) (i32.const 1) (i32.const 2)))
            try nop (i32.store (i32.const 4) (i32.const 7)) catch $e (drop (i32.const 9)) catch_all end
            (if (local.get 0) (then (drop (cont.new $c (ref.null $t))) (drop (i32.const 5))))
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
            let is_made = led.opcode.mnemonic().contains("atomic") || led.opcode == Opcode::ContNew;
            let expected = if led.opcode == Opcode::Try { Opcode::Block } else { led.opcode };
            assert!(is_made || op.opcode == expected, "{:?} leads to {:?}", op.opcode, led.opcode);
            stops.extend(stop.map(|stop| (led.opcode, stop)));
        }
    }
    assert_eq!(stops, [(Opcode::ContNew, Stop::Unsupported)]);
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
