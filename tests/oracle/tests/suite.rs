//! The official scripts on stock wasmi: as they are, with counters, and with a counter for each instruction.
//!
//! The three must agree directive by directive, and the two kinds of counters in every count of every
//! instance. Directives that stock wasmi fails are listed with the reason: nothing may fail beside them, and
//! nothing listed may start to pass unseen.

use std::collections::BTreeMap;
use std::time::Instant;
use wasmspoor_oracle::script::{
    Counting, InstanceId, Invocation, Observer, Script, Stock, SuiteReport, Value, run_script, run_suite,
    scripts,
};
use wasmspoor_oracle::{Counts, Options};

const NEWER: &str = "needs typed function references, garbage collection or exceptions";
const OLDER: &str = "calls something malformed or invalid that later versions of the standard allow";
const SEGMENTS: &str = "before bulk memory, no segment was written when one did not fit";

/// Scripts of which stock wasmi fails some directives, how many, and why.
const FAILING: [(&str, usize, &str); 40] = [
    ("bulk-memory/table-sub.wast", 1, NEWER),
    ("bulk-memory/table_init.wast", 2, NEWER),
    ("memory64/binary.wast", 8, OLDER),
    ("memory64/memory.wast", 2, OLDER),
    ("memory64/memory64.wast", 2, OLDER),
    ("multi-value/binary.wast", 8, OLDER),
    ("mutable-global/linking.wast", 10, SEGMENTS),
    ("reference-types/binary-leb128.wast", 2, OLDER),
    ("reference-types/binary.wast", 10, OLDER),
    ("reference-types/imports.wast", 3, OLDER),
    ("reference-types/unreached-invalid.wast", 1, OLDER),
    ("wasm-latest/return_call.wast", 35, NEWER),
    ("wasm-latest/return_call_indirect.wast", 51, NEWER),
    ("wasm-v1/binary-leb128.wast", 2, OLDER),
    ("wasm-v1/imports.wast", 3, OLDER),
    ("wasm-v1/memory.wast", 2, OLDER),
    ("wasm-v2/binary.wast", 8, OLDER),
    ("wasm-v2/imports.wast", 3, OLDER),
    ("wasm-v2/memory.wast", 2, OLDER),
    ("wasm-v3/br_on_non_null.wast", 11, NEWER),
    ("wasm-v3/br_on_null.wast", 9, NEWER),
    ("wasm-v3/br_table.wast", 162, NEWER),
    ("wasm-v3/call_ref.wast", 31, NEWER),
    ("wasm-v3/data.wast", 2, NEWER),
    ("wasm-v3/elem.wast", 18, NEWER),
    ("wasm-v3/global.wast", 8, NEWER),
    ("wasm-v3/imports.wast", 20, NEWER),
    ("wasm-v3/instance.wast", 23, NEWER),
    ("wasm-v3/linking.wast", 30, NEWER),
    ("wasm-v3/local_init.wast", 6, NEWER),
    ("wasm-v3/ref.wast", 1, NEWER),
    ("wasm-v3/ref_as_non_null.wast", 6, NEWER),
    ("wasm-v3/ref_is_null.wast", 20, NEWER),
    ("wasm-v3/ref_null.wast", 34, NEWER),
    ("wasm-v3/return_call_ref.wast", 40, NEWER),
    ("wasm-v3/table.wast", 12, NEWER),
    ("wasm-v3/type-canon.wast", 2, NEWER),
    ("wasm-v3/type-equivalence.wast", 29, NEWER),
    ("wasm-v3/type-rec.wast", 17, NEWER),
    ("wasm-v3/unreached-valid.wast", 11, NEWER),
];

/// Counts of the instances of each script.
type SuiteCounts = Vec<BTreeMap<InstanceId, Counts>>;

fn run_counted(scripts: &[Script], options: &Options) -> (SuiteReport, SuiteCounts) {
    let mut counts = Vec::new();
    let report = run_suite(scripts, |script| {
        let mut counting = Counting { options: options.clone(), ..Counting::default() };
        let report = run_script(&mut Stock::default(), script, &mut counting);
        counts.push(counting.counts);
        report
    });
    (report, counts)
}

#[test]
fn counters_change_no_outcome_and_agree() {
    let scripts = scripts();
    let begin = Instant::now();
    let plain = run_suite(&scripts, |script| run_script(&mut Stock::default(), script, &mut ()));
    println!("as they are: {plain}, {:.1?}", begin.elapsed());
    check_failures(&plain);

    let begin = Instant::now();
    let (counted, counts) = run_counted(&scripts, &Options::default());
    let executed: u64 = counts.iter().flat_map(BTreeMap::values).map(|counts| counts.total).sum();
    println!("with counters: {counted}, {:.1?}; {executed} instructions executed", begin.elapsed());
    assert_eq!(plain.differences(&counted), []);

    let (single, single_counts) = run_counted(&scripts, &Options { single: true, ..Options::default() });
    assert_eq!(plain.differences(&single), []);
    for ((script, counts), single) in scripts.iter().zip(&counts).zip(&single_counts) {
        assert_eq!(counts, single, "{}", script.name);
    }
}

fn check_failures(report: &SuiteReport) {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for (script, _) in report.failures() {
        *found.entry(script).or_default() += 1;
    }
    let expected: BTreeMap<_, _> = FAILING.iter().map(|(script, times, _)| (*script, *times)).collect();
    assert_eq!(found, expected);
}

/// The macro used from another crate, with data in the store.
pub mod elsewhere {
    wasmspoor_oracle::wast_runner!(wasmi);
}

/// Remembers what was called.
#[derive(Default)]
struct Calls(Vec<String>);

impl Observer<elsewhere::Adapter<u8>> for Calls {
    fn invoked(&mut self, engine: &mut elsewhere::Adapter<u8>, invocation: &Invocation<'_>) {
        *engine.store.data_mut() += 1;
        self.0.push(format!(
            "{}: {} {:?}",
            invocation.line,
            invocation.export,
            invocation.result.unwrap_or(&[])
        ));
    }
}

#[test]
fn the_macro_makes_an_engine_anywhere() {
    let text = "(module $m (func (export \"f\") (param i32) (result i32) local.get 0))
        (assert_return (invoke \"f\" (i32.const 3)) (i32.const 3))
        (assert_return (invoke $m \"f\" (i32.const 4)) (either (i32.const 5) (i32.const 4)))
        (assert_return (invoke \"f\" (i32.const 4)) (i32.const 5))
        (assert_trap (invoke \"f\" (i32.const 4)) \"unreachable\")
        (assert_malformed (module quote \"(nonsense)\") \"unknown\")
        (assert_invalid (module (func i32.add)) \"type mismatch\")
        (assert_unlinkable (module (import \"a\" \"b\" (func))) \"unknown import\")
        (assert_trap (module (func unreachable) (start 0)) \"unreachable\")";
    let script = Script { name: "some.wast".into(), text };
    let store = wasmi::Store::new(&wasmi::Engine::new(&elsewhere::config()), 0_u8);
    let mut engine = elsewhere::Adapter::new(store);
    let mut calls = Calls::default();
    let report = SuiteReport { scripts: vec![run_script(&mut engine, &script, &mut calls)] };
    let failures: Vec<_> = report.failures().map(|(_, directive)| directive.line).collect();
    assert_eq!(failures, [4, 5], "{report:?}");
    assert_eq!(report.passes(), 7);
    assert_eq!(*engine.store.data(), 4);
    assert_eq!(calls.0[0], format!("2: f {:?}", [Value::I32(3)]));
}
