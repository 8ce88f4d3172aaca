//! Exact counts of small modules on stock wasmi: control flow, traps in the middle of a run, limits.

use wasmi::{Engine, Instance, Linker, Module, Store};
use wasmspoor_oracle::script::stock;
use wasmspoor_oracle::{
    COUNTERS, Counts, Error, FuncIndex, Instrumented, Offset, Options, START, instrument, instrument_with,
    instrument_with_limit,
};

/// Name, module, and how often each mnemonic is executed by its export `main`.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, u64)]);
/// Name, module, message of the trap, counts.
type TrapRow<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, u64)]);
type IsError = fn(&Error) -> bool;

/// An instance of an instrumented module.
struct Running {
    instrumented: Instrumented,
    store: Store<()>,
    instance: Instance,
}

impl Running {
    fn new(instrumented: Instrumented) -> Self {
        let mut store = Store::new(&Engine::new(&stock::config()), ());
        let module = Module::new(store.engine(), &instrumented.wasm).expect("a valid module");
        let mut linker = Linker::new(store.engine());
        linker.func_wrap("env", "host", || {}).expect("a free name");
        let instance = linker.instantiate_and_start(&mut store, &module).expect("an instance");
        Self { instrumented, store, instance }
    }

    /// Calls an export without parameters; gives the message of the trap, if any.
    fn call(&mut self, export: &str) -> Option<String> {
        let func = self.instance.get_func(&self.store, export).expect("an exported function");
        let mut results = vec![wasmi::Val::I32(0); func.ty(&self.store).results().len()];
        func.call(&mut self.store, &[], &mut results).err().map(|error| error.to_string())
    }

    fn bytes(&self) -> &[u8] {
        self.instance.get_memory(&self.store, COUNTERS).expect("the counters").data(&self.store)
    }

    fn counts(&self) -> Counts {
        self.instrumented.counts(self.bytes()).expect("enough bytes")
    }
}

fn parse(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"))
}

/// Calls `main`, with segments and with a counter for each instruction; both must agree.
fn run(wat: &str) -> (Counts, Option<String>) {
    let mut running = Running::new(instrument(&parse(wat)).expect("an instrumented module"));
    let trap = running.call("main");
    let counts = running.counts();
    assert_eq!(running.instrumented.total(running.bytes()).expect("enough bytes"), counts.total);

    let options = Options { single: true, ..Options::default() };
    let mut single = Running::new(instrument_with(&parse(wat), &options).expect("an instrumented module"));
    assert_eq!(single.call("main"), trap, "{wat}");
    assert_eq!(single.counts(), counts, "{wat}");
    (counts, trap)
}

fn check(name: &str, wat: &str, trap: Option<&str>, expected: &[(&str, u64)]) {
    let (counts, found) = run(wat);
    assert_eq!(found.as_deref(), trap, "{name}");
    let found: Vec<_> = counts.by_mnemonic.iter().map(|(mnemonic, times)| (*mnemonic, *times)).collect();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{name}");
    assert_eq!(counts.total, expected.iter().map(|(_, times)| times).sum::<u64>(), "{name}");
}

const WORKED: &str = "(module (func (export \"main\") (result i32) (local i32)
  (local.set 0 (i32.const 5))
  (loop $l (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $l (local.get 0)))
  (block $b (br $b) (nop))
  (if (i32.const 1) (then (nop)) (else (nop) (nop)))
  (if (i32.const 0) (then (nop)) (else (nop) (nop)))
  (i32.const 7)))";

#[test]
fn the_worked_example_executes_47_instructions() {
    let expected = [
        ("local.get", 10),
        ("i32.const", 9),
        ("local.set", 6),
        ("i32.sub", 5),
        ("br_if", 5),
        ("loop", 5),
        ("nop", 3),
        ("if", 2),
        ("block", 1),
        ("br", 1),
    ];
    check("worked example", WORKED, None, &expected);
    println!("worked example: {:?}", run(WORKED).0.by_mnemonic);
}

#[test]
fn traps_count_what_ran_up_to_them() {
    let out_of_bounds = "out of bounds memory access";
    let rows: &[TrapRow] = &[
        (
            "load",
            "(module (memory 1) (func (export \"main\") i32.const 0 i32.load drop nop i32.const -1 i32.load drop nop nop))",
            out_of_bounds,
            &[("i32.const", 2), ("i32.load", 2), ("drop", 1), ("nop", 1)],
        ),
        (
            "store after an exact store",
            "(module (memory 1) (func (export \"main\") i32.const 65532 i32.const 1 i32.store i32.const 65533 i32.const 1 i32.store nop))",
            out_of_bounds,
            &[("i32.const", 4), ("i32.store", 2)],
        ),
        (
            "division",
            "(module (func (export \"main\") i32.const 1 i32.const 0 i32.div_u drop nop))",
            "integer divide by zero",
            &[("i32.const", 2), ("i32.div_u", 1)],
        ),
        (
            "overflow",
            "(module (func (export \"main\") i64.const -9223372036854775808 i64.const -1 i64.div_s drop nop))",
            "integer overflow",
            &[("i64.const", 2), ("i64.div_s", 1)],
        ),
        (
            "truncation, after one that saturates",
            "(module (func (export \"main\") f32.const nan i32.trunc_sat_f32_s drop f32.const nan i32.trunc_f32_s drop))",
            "invalid conversion to integer",
            &[("f32.const", 2), ("i32.trunc_sat_f32_s", 1), ("drop", 1), ("i32.trunc_f32_s", 1)],
        ),
        (
            "unreachable",
            "(module (func (export \"main\") nop unreachable nop))",
            "wasm `unreachable` instruction executed",
            &[("nop", 1), ("unreachable", 1)],
        ),
        (
            "null element",
            "(module (table 1 funcref) (func (export \"main\") nop i32.const 0 call_indirect nop))",
            "uninitialized element 2",
            &[("nop", 1), ("i32.const", 1), ("call_indirect", 1)],
        ),
        (
            "wrong type",
            "(module (table 1 funcref) (elem (i32.const 0) $f) (func $f (param i32))
               (func (export \"main\") nop i32.const 0 call_indirect nop))",
            "indirect call type mismatch",
            &[("nop", 1), ("i32.const", 1), ("call_indirect", 1)],
        ),
        (
            "in a callee of a callee",
            "(module (func $a nop call $b nop) (func $b i32.const 3 drop unreachable) (func (export \"main\") nop call $a nop))",
            "wasm `unreachable` instruction executed",
            &[("nop", 2), ("call", 2), ("i32.const", 1), ("drop", 1), ("unreachable", 1)],
        ),
        (
            "bulk",
            "(module (memory 1) (func (export \"main\") i32.const 0 i32.const 0 i32.const 9 memory.fill
               i32.const 65530 i32.const 0 i32.const 9 memory.fill nop))",
            out_of_bounds,
            &[("i32.const", 6), ("memory.fill", 2)],
        ),
        (
            "table",
            "(module (table 1 externref) (func (export \"main\") i32.const 0 table.get drop i32.const 1 table.get drop))",
            "undefined element: out of bounds table access",
            &[("i32.const", 2), ("table.get", 2), ("drop", 1)],
        ),
    ];
    for (name, wat, trap, expected) in rows {
        check(name, wat, Some(trap), expected);
    }
}

#[test]
fn control_flow_counts_what_ran() {
    let rows: &[Row] = &[
        (
            "blocks with parameters and many results",
            "(module (func (export \"main\") (result i32 i32)
               i32.const 1 i32.const 2 (block (param i32 i32) (result i32 i32) i32.add i32.const 5)
               (loop (param i32 i32) (result i32 i32) nop)
               i32.const 1 (if (param i32 i32) (result i32 i32) (then drop i32.const 9) (else nop))))",
            &[("i32.const", 5), ("block", 1), ("i32.add", 1), ("loop", 1), ("nop", 1), ("if", 1), ("drop", 1)],
        ),
        (
            "a loop with a parameter that is entered again",
            "(module (func (export \"main\") (local i32)
               i32.const 3 (loop $l (param i32) i32.const 1 i32.sub local.tee 0 local.get 0 br_if $l drop)))",
            &[("i32.const", 4), ("loop", 3), ("i32.sub", 3), ("local.tee", 3), ("local.get", 3), ("br_if", 3), ("drop", 1)],
        ),
        (
            "br_table",
            "(module (func $f (param i32)
                 (block $c (block $b (block $a local.get 0 br_table $a $b $c) nop return) i32.const 1 drop) nop nop)
               (func (export \"main\") (call $f (i32.const 0)) (call $f (i32.const 1)) (call $f (i32.const 7))))",
            &[
                ("i32.const", 4),
                ("call", 3),
                ("block", 9),
                ("local.get", 3),
                ("br_table", 3),
                ("nop", 5),
                ("return", 1),
                ("drop", 1),
            ],
        ),
        (
            "tail calls",
            "(module (type $t (func (param i32))) (table 1 funcref) (elem (i32.const 0) $f)
               (func $f (param i32) local.get 0 i32.eqz (if (then return)) local.get 0 i32.const 1 i32.sub return_call $g nop)
               (func $g (param i32) local.get 0 i32.const 0 return_call_indirect (type $t) nop)
               (func (export \"main\") i32.const 3 return_call $f))",
            &[
                ("local.get", 10),
                ("i32.eqz", 4),
                ("if", 4),
                ("return", 1),
                ("i32.const", 7),
                ("i32.sub", 3),
                ("return_call", 4),
                ("return_call_indirect", 3),
            ],
        ),
        (
            "a host call",
            "(module (import \"env\" \"host\" (func $host)) (func (export \"main\") nop call $host nop))",
            &[("nop", 2), ("call", 1)],
        ),
        (
            "code that cannot be reached",
            "(module (func (export \"main\") (result i32) (block (result i32) i32.const 1 br 0 i32.add (loop nop br 0)) return i64.eqz drop))",
            &[("block", 1), ("i32.const", 1), ("br", 1), ("return", 1)],
        ),
        ("nothing", "(module (func (export \"main\")))", &[]),
    ];
    for (name, wat, expected) in rows {
        check(name, wat, None, expected);
    }
}

#[test]
fn other_features_count_too() {
    let rows: &[Row] = &[
        (
            "memory64",
            "(module (memory i64 1) (func (export \"main\") i64.const 8 i32.const 1 i32.store i64.const 1 memory.grow drop memory.size drop))",
            &[("i64.const", 2), ("i32.const", 1), ("i32.store", 1), ("memory.grow", 1), ("memory.size", 1), ("drop", 2)],
        ),
        (
            "two memories, one with small pages",
            "(module (memory $a 1) (memory $b 3 (pagesize 1)) (func (export \"main\")
               i32.const 0 i32.load $a drop i32.const 2 i32.load8_u $b drop i32.const 0 i32.const 0 i32.const 3 memory.copy $a $b))",
            &[("i32.const", 5), ("i32.load", 1), ("i32.load8_u", 1), ("drop", 2), ("memory.copy", 1)],
        ),
        (
            "vectors",
            "(module (memory 1) (func (export \"main\") i32.const 0 v128.load8_splat i32.const 0 v128.load i8x16.relaxed_swizzle
               i32.const 0 i32x4.splat v128.const i32x4 1 2 3 4 i32x4.add i16x8.add v128.any_true drop))",
            &[
                ("i32.const", 3),
                ("v128.load8_splat", 1),
                ("v128.load", 1),
                ("i8x16.relaxed_swizzle", 1),
                ("i32x4.splat", 1),
                ("v128.const", 1),
                ("i32x4.add", 1),
                ("i16x8.add", 1),
                ("v128.any_true", 1),
                ("drop", 1),
            ],
        ),
        (
            "wide arithmetic and references",
            "(module (func $f) (elem declare func $f) (func (export \"main\") i64.const 1 i64.const 2 i64.mul_wide_u drop drop
               ref.func $f ref.is_null drop ref.null extern ref.null extern i32.const 1 select (result externref) drop
               i32.const 1 i32.const 2 i32.const 0 select drop))",
            &[
                ("i64.const", 2),
                ("i64.mul_wide_u", 1),
                ("drop", 5),
                ("ref.func", 1),
                ("ref.is_null", 1),
                ("ref.null", 2),
                ("i32.const", 4),
                ("select", 2),
            ],
        ),
    ];
    for (name, wat, expected) in rows {
        check(name, wat, None, expected);
    }
}

#[test]
fn functions_and_offsets_are_those_of_the_original() {
    let wasm = parse(
        "(module (import \"env\" \"host\" (func)) (func nop) (func (export \"main\") call 1 call 1 nop))",
    );
    let mut running = Running::new(instrument(&wasm).expect("an instrumented module"));
    assert_eq!(running.call("main"), None);
    let counts = running.counts();
    assert_eq!(counts.by_function[&(FuncIndex(1), "nop")], 2);
    assert_eq!(counts.by_function[&(FuncIndex(2), "call")], 2);
    assert_eq!(counts.of("nop"), 3);
    assert_eq!(counts.of("i32.add"), 0);
    let opcodes: Vec<u8> =
        counts.by_offset.keys().map(|(_, Offset(offset))| wasm[*offset as usize]).collect();
    assert_eq!(opcodes, [0x01, 0x10, 0x10, 0x01], "nop; call, call, nop");
}

#[test]
fn sections_that_do_not_count_are_copied() {
    let wasm = parse(
        "(module $named (@custom \"notes\" (before first) \"abc\") (import \"env\" \"host\" (func $host))
           (table $t 2 funcref) (global $g (mut i32) (i32.const 1)) (export \"g\" (global $g)) (start $s) (elem (i32.const 0) $s $host)
           (func $s (global.set $g (i32.load (i32.const 0)))) (memory $m 1) (data (i32.const 0) \"\\2a\"))",
    );
    let instrumented = instrument(&wasm).expect("an instrumented module");
    for (id, contents) in raw_sections(&wasm).into_iter().filter(|(id, _)| ![5, 7, 10].contains(id)) {
        assert!(raw_sections(&instrumented.wasm).contains(&(id, contents)), "section {id}");
    }
    let running = Running::new(instrumented);
    let global = running.instance.get_global(&running.store, "g").expect("the global").get(&running.store);
    assert_eq!(global.i32(), Some(42), "the start function ran");
    assert_eq!(running.counts().total, 3);
}

/// Ids and contents of the sections.
fn raw_sections(wasm: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let payloads = wasmparser::Parser::new(0).parse_all(wasm).map(|payload| payload.expect("a valid module"));
    payloads
        .filter_map(|payload| payload.as_section())
        .map(|(id, range)| (id, wasm[range.start as usize..range.end as usize].to_vec()))
        .collect()
}

#[test]
fn an_exported_start_function_can_trap_and_be_read() {
    let wasm = parse("(module (start $s) (func $s nop nop unreachable))");
    let options = Options { export_start: true, ..Options::default() };
    let mut running = Running::new(instrument_with(&wasm, &options).expect("an instrumented module"));
    assert!(running.call(START).is_some());
    assert_eq!(running.counts().total, 3);
}

#[test]
fn a_limit_stops_before_the_segment_after_it() {
    let wasm = parse(WORKED);
    let all = run(WORKED).0.total;
    for limit in 0..=all + 1 {
        let mut running = Running::new(instrument_with_limit(&wasm, limit).expect("an instrumented module"));
        let stopped = running.call("main").is_some();
        let counts = running.counts();
        let word = u64::from_le_bytes(*running.bytes().first_chunk().expect("the total"));
        assert_eq!(word, counts.total, "limit {limit}");
        assert_eq!(stopped, limit < all, "limit {limit}: {}", counts.total);
        // No segment of the example has more than 6 instructions.
        assert!(
            counts.total >= limit.min(all) && counts.total < limit + 7,
            "limit {limit}: {}",
            counts.total
        );
    }
    // The first iteration ends with the branch: 2 before the loop, 7 in it.
    let mut running = Running::new(instrument_with_limit(&wasm, 8).expect("an instrumented module"));
    assert!(running.call("main").is_some());
    assert_eq!(running.counts().total, 8 + 1, "stopped right after the branch");
}

#[test]
fn what_cannot_be_instrumented_is_an_error() {
    let memories = "(memory 0) ".repeat(100);
    let rows: Vec<(Vec<u8>, IsError)> = vec![
        (b"not wasm".to_vec(), |error| matches!(error, Error::Module(_))),
        (parse("(module (func i32.add))"), |error| matches!(error, Error::Module(_))),
        (parse("(module (func (drop (i32.load (i32.const 0)))))"), |error| matches!(error, Error::Module(_))),
        (parse(&format!("(module {memories})")), |error| {
            matches!(error, Error::Memories { given: 100, limit: 100 })
        }),
        (parse("(module (memory (export \"\\01wasmspoor-counters\") 1))"), |error| {
            matches!(error, Error::ExportTaken(_))
        }),
    ];
    for (index, (wasm, expected)) in rows.iter().enumerate() {
        let error = instrument(wasm).expect_err("an error");
        assert!(expected(&error), "row {index}: {error}");
    }
    let instrumented = instrument(&parse(WORKED)).expect("an instrumented module");
    assert!(matches!(instrumented.counts(&[0; 9]), Err(Error::CounterBytes { given: 9, .. })));
}
