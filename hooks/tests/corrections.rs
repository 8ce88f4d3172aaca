//! Faults of wasmi 2.0.0 that this crate does not have. The tests show that stock wasmi still has them, so
//! that a correction is not kept for nothing.

macro_rules! run {
    ($engine:ident, $text:expr, $record:expr) => {{
        let mut config = $engine::Config::default();
        $record(&mut config);
        let engine = $engine::Engine::new(&config);
        let module = $engine::Module::new(&engine, wat::parse_str($text).unwrap()).unwrap();
        let mut store = $engine::Store::new(&engine, ());
        let instance =
            <$engine::Linker<()>>::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
        instance.get_typed_func::<i32, i32>(&store, "main").unwrap().call(&mut store, 511).unwrap()
    }};
}

#[test]
fn a_select_on_eqz_of_a_local() {
    for (condition, expected) in
        [("(i32.eqz (local.get 0))", 511), ("(i32.ne (local.get 0) (i32.const 0))", 1)]
    {
        // The register holds 0 before the condition, which asks for the local.
        let text = format!(
            r#"(module (func (export "main") (param i32) (result i32)
                (drop (i32.sub (local.get 0) (local.get 0)))
                (select (i32.const 1) (local.get 0) {condition})))"#
        );
        for record in [false, true] {
            let ours = run!(wasmspoor_hooks, &text, |config: &mut wasmspoor_hooks::Config| {
                config.record(record);
            });
            assert_eq!(ours, expected, "{condition}");
        }
        let theirs = run!(wasmi, &text, |_: &mut wasmi::Config| {});
        assert_ne!(
            theirs, expected,
            "stock wasmi is right about `select` on {condition} now: drop the correction"
        );
    }
}

/// All targets of the table stand at one height, the values two operands higher: they were not copied there.
#[test]
fn values_of_a_branch_table() {
    for (kind, constant, to_i32) in [
        ("i32", "i32.const NUMBER", "nop"),
        ("i64", "i64.const NUMBER", "i32.wrap_i64"),
        ("v128", "v128.const i32x4 NUMBER 0 0 0", "i32x4.extract_lane 0"),
    ] {
        // The last value travels in a register, the others in slots.
        let text = |number: i32| {
            let value = constant.replace("NUMBER", &number.to_string());
            format!(
                r#"(module
                    (func $picks (param i32) (result {kind} {kind} {kind})
                        (block (result {kind} {kind} {kind})
                            (i32.const 77) (i32.const 78)
                            (block ({value}) ({value}) ({value}) (br_table 1 2 2 (local.get 0)))
                            drop drop ({value}) ({value}) ({value})))
                    (func (export "main") (param i32) (result i32)
                        (call $picks (i32.and (local.get 0) (i32.const 1)))
                        drop drop {to_i32}))"#
            )
        };
        for record in [false, true] {
            let ours = run!(wasmspoor_hooks, &text(1_234_567), |config: &mut wasmspoor_hooks::Config| {
                config.record(record);
            });
            assert_eq!(ours, 1_234_567, "{kind}");
        }
        // A number of its own: stock wasmi reads what memory held, which may be what the runs above left.
        let theirs = run!(wasmi, &text(7_654_321), |_: &mut wasmi::Config| {});
        assert_ne!(
            theirs, 7_654_321,
            "stock wasmi copies the values of a `br_table` now: drop the correction"
        );
    }
}

/// Rounds; few under Miri, which takes milliseconds for each.
const ROUNDS: i32 = if cfg!(miri) { 1000 } else { 1_000_000 };

/// Each growth took native stack where the handler could not end in a tail call.
#[test]
fn growing_again_and_again_takes_no_native_stack() {
    for grow in [
        "(memory.grow (i32.sub (local.get 0) (local.get 0)))",
        "(table.grow (ref.null func) (i32.sub (local.get 0) (local.get 0)))",
    ] {
        let text = format!(
            r#"(module (memory 1) (table 1 funcref) (func (export "main") (param i32) (result i32) (local i32)
                (loop (drop {grow}) (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const {ROUNDS}))))
                (local.get 1)))"#
        );
        for record in [false, true] {
            let rounds = run!(wasmspoor_hooks, &text, |config: &mut wasmspoor_hooks::Config| {
                config.record(record);
            });
            assert_eq!(rounds, ROUNDS, "{grow}");
        }
    }
}
