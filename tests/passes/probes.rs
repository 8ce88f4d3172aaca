//! Small programs whose figures are computed by hand; among them the shapes on which WASMShark's dynamic part
//! errs.

use std::collections::BTreeMap;

use wasmspoor::{
    Options, Outcome, Tracer,
    module::{
        CodeOffset, FuncIndex, Module,
        view::{self, View},
    },
    passes::{CallEdgeKind, Dynamic, ExecutedLoop},
    sandbox::{EntryEnd, Run},
};

use super::{entry, limits, oracle::Told, run, run_of};

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs start and all exports with zeros under the tracer, and checks against the events on the way.
fn dynamic_of(text: &str, tracer: &Tracer) -> (Run, Dynamic) {
    let wasm = wasm(text);
    let run = run(&wasm, tracer).expect("the probe runs");
    let dynamic = Dynamic::of(&run, &View::of(&wasm));
    Told::of(&run.trace).assert_same(&dynamic, text);
    (run, dynamic)
}

fn tracer() -> Tracer {
    Tracer::new(Options::default().limits(limits(10_000_000)))
}

fn dynamic(text: &str) -> Dynamic {
    dynamic_of(text, &tracer()).1
}

fn only(loops: &[ExecutedLoop]) -> &ExecutedLoop {
    assert_eq!(loops.len(), 1, "{loops:?}");
    &loops[0]
}

type Edge = (Option<u32>, u32, CallEdgeKind, bool, u64);

fn edges(dynamic: &Dynamic) -> Vec<Edge> {
    let edges = dynamic.call_graph.edges.iter();
    edges
        .map(|edge| (edge.caller.map(|func| func.0), edge.callee.0, edge.kind, edge.tail, edge.count))
        .collect()
}

fn indices(functions: &[FuncIndex]) -> Vec<u32> {
    functions.iter().map(|func| func.0).collect()
}

/// Probe `k_mem`: WASMShark reports 4 instructions and no xor, load or store.
#[test]
fn a_loop_that_xors_memory() {
    let dynamic = dynamic(
        r#"(module (memory 1) (func (export "main") (local $i i32)
            (drop (memory.grow (i32.const 1)))
            (loop $l
              (i32.store (local.get $i) (i32.xor (i32.load (local.get $i)) (i32.const 0x5a)))
              (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
            (drop (i32.rotl (local.get $i) (i32.const 3)))))"#,
    );
    let expected = view::Classes {
        total: 3 + 14 * 5000 + 4,
        xor: 5000,
        rotate: 1,
        arithmetic: 5000,
        compare: 5000,
        load: 5000,
        store: 5000,
        constant: 15_002,
        variable: 20_001,
        control: 10_000,
        memory_grow: 1,
        ..view::Classes::default()
    };
    let metrics = &dynamic.metrics;
    assert_eq!(metrics.classes, expected);
    assert_eq!((metrics.taken, metrics.not_taken), (4999, 1));
    assert_eq!(
        (metrics.grown_pages, metrics.grow_refused, metrics.calls, metrics.start_ran),
        (1, 0, 0, false)
    );
    let natural = only(&dynamic.loops);
    assert_eq!((natural.iterations, natural.entries, natural.depth), (5000, 1, 1));
    assert_eq!((natural.classes.total, natural.classes.xor, natural.classes.rotate), (70_000, 5000, 0));
    assert!(
        (natural.share - 70_000.0 / 70_007.0).abs() < 1e-12 && !natural.stopped_in && natural.host_calls == 0
    );
    assert_eq!(
        (dynamic.branches.len(), dynamic.branches[0].taken, dynamic.branches[0].not_taken),
        (1, 4999, 1)
    );
    let hottest = &dynamic.hot_blocks.blocks[0];
    assert_eq!((hottest.place.offset, hottest.count, hottest.len), (natural.place.offset, 5000, 14));
    assert_eq!(dynamic.opcodes["i32.xor"], 5000);
    let coverage = &dynamic.coverage;
    assert_eq!((coverage.instructions_run, coverage.instructions), (21, 21));
    // Growth does not end a basic block: before the loop, the loop, after it. The way in, round, and out.
    assert_eq!((coverage.blocks_run, coverage.blocks, coverage.edges_run, coverage.edges), (3, 3, 3, 3));
}

/// Probe `o_leaf`: 100,000 iterations and no call; WASMShark reports 2 instructions and no coverage.
#[test]
fn a_leaf_that_runs_long() {
    let dynamic = dynamic(
        r#"(module (func (export "main") (result i32) (local $n i32)
            (local.set $n (i32.const 100000))
            (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $n)))"#,
    );
    assert_eq!(dynamic.metrics.classes.total, 600_003);
    assert_eq!(only(&dynamic.loops).iterations, 100_000);
    assert_eq!((dynamic.coverage.functions_run, dynamic.coverage.functions), (1, 1));
    assert_eq!(edges(&dynamic), [(None, 0, CallEdgeKind::Host, false, 1)]);
    let states: Vec<_> =
        dynamic.states.states.iter().map(|state| (state.visits, state.initial, state.terminal)).collect();
    assert_eq!(states, [(1, true, true)]);
}

/// Probe D3: every `br_if` is "taken" in WASMShark.
#[test]
fn branches_know_which_way_they_went() {
    let dynamic = dynamic(
        r#"(module (func (export "main")
            (block (br_if 0 (i32.const 0)) (br_if 0 (i32.const 1)) nop)
            (if (i32.const 1) (then nop) (else nop nop))
            (if (i32.const 0) (then nop))
            (block br 0)))"#,
    );
    let ways: Vec<_> = dynamic.branches.iter().map(|branch| (branch.taken, branch.not_taken)).collect();
    assert_eq!(ways, [(0, 1), (1, 0), (1, 0), (0, 1)]);
    assert_eq!((dynamic.metrics.taken, dynamic.metrics.not_taken), (2, 2));
}

#[test]
fn tables_count_each_label() {
    let dynamic = dynamic(
        r#"(module (func (export "main") (local $i i32)
            (loop $again
              (block $c (block $b (block $a (br_table $a $b $a $c (local.get $i))) nop) nop nop)
              (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 7))))
            (block (br_table 0 0 (i32.const 5)))))"#,
    );
    assert_eq!(dynamic.branches[0].labels, [1, 1, 1, 4]);
    assert_eq!((dynamic.branches[0].taken, dynamic.metrics.tables), (7, 8));
    // Both labels are one, so which it was is not in the trace.
    assert_eq!((dynamic.branches[2].taken, dynamic.branches[2].labels.len()), (1, 0));
    // Before; the three after the table with their way back; after. A label named twice is one way.
    assert_eq!((dynamic.coverage.edges_run, dynamic.coverage.edges), (8, 8));
}

/// Probes D7, D8: indirect calls of the start function have no target in WASMShark, and entry points are not
/// kept apart.
#[test]
fn a_start_function_and_two_entry_points() {
    let text = r#"(module (type $t (func)) (table funcref (elem $a $b))
        (func $a) (func $b (nop))
        (func $s (call_indirect (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 1)))
        (start $s)
        (func (export "one") (nop))
        (func (export "two") (call $b)))"#;
    let dynamic = dynamic(text);
    let totals: Vec<_> =
        dynamic.entries.iter().map(|entry| (entry.classes.total, entry.calls, entry.start_ran)).collect();
    assert_eq!(totals, [(5, 2, true), (1, 0, false), (2, 1, false)]);
    assert!(
        dynamic.metrics.start_ran && dynamic.metrics.classes.indirect_call == 2 && dynamic.metrics.calls == 3
    );
    let host = |callee| (None, callee, CallEdgeKind::Host, false, 1);
    let (indirect, direct) = (CallEdgeKind::Indirect, CallEdgeKind::Direct);
    assert_eq!(
        edges(&dynamic),
        [
            host(2),
            host(3),
            host(4),
            (Some(2), 0, indirect, false, 1),
            (Some(2), 1, indirect, false, 1),
            (Some(4), 1, direct, false, 1)
        ]
    );
    assert!(dynamic.call_graph.edges.iter().all(|edge| (edge.sites.len() == 1) == edge.caller.is_some()));
    let of = |flag: fn(&wasmspoor::passes::State) -> bool| {
        let states = dynamic.states.states.iter().filter(|state| flag(state));
        states.map(|state| state.func.0).collect::<Vec<_>>()
    };
    assert_eq!((of(|state| state.initial), of(|state| state.terminal)), (vec![2, 3, 4], vec![0, 1, 3]));

    // The segment explains both calls, so the static graph has them.
    let resolved: Vec<_> = dynamic
        .coverage
        .resolved
        .iter()
        .map(|call| (call.caller.0, call.callee.0, call.slots[0].slot))
        .collect();
    assert!(dynamic.coverage.hidden.is_empty() && dynamic.coverage.table_writes.is_empty());
    assert_eq!(resolved, [(2, 0, Some(0)), (2, 1, Some(1))]);
}

/// A function that the program puts into a table while it runs is in no static graph; one that a segment
/// holds is, of whatever kind.
#[test]
fn only_calls_that_the_static_graph_lacks_are_hidden() {
    for (module, hidden, resolved, writes) in [
        (
            r#"(table 2 funcref) (elem declare func 0) (func)
               (func (export "m") (table.set (i32.const 0) (ref.func 0)) (call_indirect (i32.const 0)))"#,
            vec![(Some(1), 0, "table changed at run time")],
            vec![],
            vec!["table.set"],
        ),
        (
            r#"(table 2 funcref) (elem $e func 0) (func)
               (func (export "m") (table.init $e (i32.const 1) (i32.const 0) (i32.const 1)) (call_indirect (i32.const 1)))"#,
            vec![],
            vec![(1, 0, "passive segment", None)],
            vec!["table.init"],
        ),
        (
            // The segment is that of another table.
            r#"(table $a 1 funcref) (table $b 1 funcref) (elem (table $a) (i32.const 0) func 0) (func)
               (func (export "m") (table.copy $b $a (i32.const 0) (i32.const 0) (i32.const 1)) (call_indirect $b (i32.const 0)))"#,
            vec![(Some(1), 0, "table changed at run time")],
            vec![],
            vec!["table.copy"],
        ),
        (
            r#"(table 4 funcref) (elem (i32.const 3) func 0) (func)
               (func (export "m") (call 0) (call_indirect (i32.const 3)))
               (func (export "n") (call_indirect (i32.const 3)))"#,
            vec![],
            vec![(2, 0, "table", Some(3))],
            vec![],
        ),
    ] {
        let dynamic = dynamic(&format!("(module {module})"));
        let coverage = &dynamic.coverage;
        let found: Vec<_> = coverage
            .hidden
            .iter()
            .map(|call| (call.caller.map(|f| f.0), call.callee.0, call.explained_by.as_str()))
            .collect();
        assert_eq!(found, hidden, "{module}");
        let slot = |call: &wasmspoor::passes::ResolvedCall| call.slots.first().and_then(|slot| slot.slot);
        let found: Vec<_> = coverage
            .resolved
            .iter()
            .map(|call| (call.caller.0, call.callee.0, call.explained_by.as_str(), slot(call)))
            .collect();
        assert_eq!(found, resolved, "{module}");
        assert_eq!(
            coverage.table_writes.iter().map(|write| write.opcode).collect::<Vec<_>>(),
            writes,
            "{module}"
        );
    }
}

#[test]
fn recursion_leads_back() {
    let dynamic = dynamic(
        r#"(module
            (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "main") (call $f (i32.const 5))))"#,
    );
    let transitions = dynamic.states.transitions.iter();
    let transitions: Vec<_> =
        transitions.map(|edge| (edge.from.0, edge.to.0, edge.count, edge.back, edge.rare)).collect();
    assert_eq!(transitions, [(0, 0, 5, true, false), (1, 0, 1, false, false)]);
    assert!(dynamic.states.transitions.iter().all(|edge| edge.probability == 1.0));
    let paths: Vec<_> =
        dynamic.states.hot_paths.iter().map(|path| (indices(&path.funcs), path.count)).collect();
    assert_eq!(paths, [(vec![0, 0, 0], 4), (vec![1, 0, 0], 1)]);
    assert_eq!((dynamic.states.steps, dynamic.metrics.taken, dynamic.metrics.not_taken), (7, 5, 1));
}

#[test]
fn dispatch_by_tail_calls_is_a_cycle() {
    let dynamic = dynamic(
        r#"(module (global $n (mut i32) (i32.const 9))
            (func $a (global.set $n (i32.sub (global.get $n) (i32.const 1))) (if (global.get $n) (then (return_call $b))))
            (func $b (return_call $c))
            (func $c (return_call $a))
            (func (export "main") (call $a)))"#,
    );
    assert_eq!(dynamic.metrics.classes.tail_call, 24);
    let direct = |caller, callee, tail, count| (Some(caller), callee, CallEdgeKind::Direct, tail, count);
    assert_eq!(
        edges(&dynamic)[1..],
        [direct(0, 1, true, 8), direct(1, 2, true, 8), direct(2, 0, true, 8), direct(3, 0, false, 1)]
    );
    let back: Vec<_> = dynamic.states.transitions.iter().map(|edge| (edge.from.0, edge.back)).collect();
    assert_eq!(back, [(0, true), (1, true), (2, true), (3, false)]);
    // 26 functions were entered one after another, three kinds of steps round and the way in.
    assert_eq!((dynamic.states.steps, dynamic.states.paths), (26, 4));
}

#[test]
fn a_transition_taken_once_among_many_is_rare() {
    let dynamic = dynamic(
        r#"(module (func $often) (func $once)
            (func (export "main") (local $i i32)
              (loop $l (call $often) (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60))))
              (call $once)))"#,
    );
    let rare: Vec<_> =
        dynamic.states.transitions.iter().map(|edge| (edge.to.0, edge.count, edge.rare)).collect();
    assert_eq!(rare, [(0, 60, false), (1, 1, true)]);
    assert!((dynamic.states.transitions[1].probability - 1.0 / 61.0).abs() < 1e-12);
}

#[test]
fn a_trap_in_the_middle_of_a_block() {
    let dynamic = dynamic(
        r#"(module (memory 1) (func (export "main") (local $i i32)
            (loop $l
              (drop (i32.load (i32.mul (local.get $i) (i32.const 30000))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br $l))
            (nop)))"#,
    );
    // Addresses 0, 30,000 and 60,000 are in bounds: three rounds of 11 instructions, counting `loop`, and
    // five of the fourth.
    assert_eq!((dynamic.metrics.classes.total, dynamic.metrics.classes.load), (38, 4));
    let natural = only(&dynamic.loops);
    assert_eq!((natural.iterations, natural.entries, natural.classes.total), (4, 1, 38));
    assert_eq!((dynamic.coverage.instructions_run, dynamic.coverage.instructions), (11, 12));
    assert!(!natural.stopped_in);
}

/// Blocks that end without a decision do not go on when the run ends at their last instruction.
#[test]
fn a_trap_at_the_end_of_a_block_takes_no_edge() {
    let dynamic = dynamic(
        r#"(module (func (export "main")
            (block (br_if 0 (i32.const 0)) (drop (i32.div_u (i32.const 1) (i32.const 0))))
            nop))"#,
    );
    // `drop` is not reached.
    assert_eq!(
        (dynamic.coverage.instructions_run, dynamic.coverage.blocks_run, dynamic.coverage.edges_run),
        (6, 2, 1)
    );
    let dynamic = self::dynamic(
        r#"(module (func (export "main")
            (if (i32.const 1) (then (unreachable)) (else (nop)))))"#,
    );
    assert_eq!((dynamic.coverage.blocks_run, dynamic.coverage.edges_run), (2, 1));
    let dynamic = self::dynamic(
        r#"(module (memory 1) (func (export "main")
            (if (i32.const 1) (then (memory.fill (i32.const 65536) (i32.const 1) (i32.const 1))) (else (nop)))
            (nop)))"#,
    );
    assert_eq!((dynamic.coverage.blocks_run, dynamic.coverage.edges_run), (2, 1));
}

#[test]
fn host_calls_belong_to_the_loops_they_are_made_in() {
    let dynamic = dynamic(
        r#"(module (import "env" "tick" (func $tick))
            (func $f (call $tick) (call $tick))
            (func (export "main") (local $i i32) (local $j i32)
              (loop $outer
                (local.set $j (i32.const 0))
                (loop $inner (call $f) (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 3))))
                (call $tick)
                (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
              (call $tick)))"#,
    );
    assert_eq!(dynamic.metrics.host_calls, BTreeMap::from([("env.tick".to_owned(), 29)]));
    let mut loops: Vec<_> = dynamic
        .loops
        .iter()
        .map(|natural| (natural.depth, natural.iterations, natural.entries, natural.host_calls))
        .collect();
    loops.sort_unstable();
    assert_eq!(loops, [(1, 4, 1, 28), (2, 12, 4, 24)]);
    let own: Vec<_> = dynamic
        .functions
        .iter()
        .map(|function| (function.index.0, function.calls, function.host_calls))
        .collect();
    assert_eq!(own, [(1, 12, 24), (2, 1, 5)]);
    // A call of an import is neither hidden nor unexpected (WASMShark: HIGH, "injected code").
    assert!(dynamic.coverage.hidden.is_empty() && dynamic.coverage.unexpected.is_empty());
    assert_eq!((dynamic.coverage.functions_run, dynamic.coverage.functions), (2, 2));
    assert_eq!(dynamic.call_sites.len(), 29);
}

#[test]
fn a_recursive_loop_counts_a_host_call_once() {
    let dynamic = dynamic(
        r#"(module (import "env" "tick" (func $tick))
            (func $f (param i32)
              (loop $l
                (call $tick)
                (if (local.get 0) (then (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (call $f (local.get 0)) (br $l)))))
            (func (export "main") (call $f (i32.const 3))))"#,
    );
    let calls = dynamic.metrics.host_calls["env.tick"];
    assert_eq!(calls, 15);
    assert_eq!(only(&dynamic.loops).host_calls, 15);
}

#[test]
fn what_the_host_calls_back_belongs_to_the_entry_point_and_to_the_loop() {
    let text = r#"(module (import "env" "ask" (func $ask)) (import "env" "leaf" (func $leaf))
        (func (export "back") (call $leaf))
        (func $secret (export "main") (local $i i32)
          (loop $l (call $ask) (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))))"#;
    let mut tracer = tracer();
    tracer.define("env", "ask", |call| call.invoke("back", &[]).map(drop));
    let (_, dynamic) = dynamic_of(text, &tracer);
    assert_eq!(dynamic.entries.len(), 2);
    let totals: Vec<_> =
        dynamic.entries.iter().map(|entry| (entry.classes.total, entry.classes.control)).collect();
    assert_eq!(totals, [(1, 1), (3 * 8 + 3 + 3, 9 + 3)]);
    assert_eq!(only(&dynamic.loops).host_calls, 6);
    let back =
        dynamic.states.transitions.iter().find(|edge| edge.from.0 == 0).expect("the import calls back");
    assert_eq!((back.to.0, back.count), (2, 3));
    assert_eq!(edges(&dynamic)[0], (None, 2, CallEdgeKind::Host, false, 4));
    assert!(dynamic.coverage.hidden.is_empty(), "{:?}", dynamic.coverage.hidden);
}

#[test]
fn a_limit_stops_in_a_loop() {
    let text = r#"(module
        (func $spin (param i32) (loop $l (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br $l)))
        (func (export "main") (local $i i32)
          (loop $done (br_if $done (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))
          (loop $calls (call $spin (i32.const 0)) (br $calls))))"#;
    let (_, dynamic) = dynamic_of(text, &Tracer::new(Options::default().limits(limits(5000))));
    let mut stopped: Vec<_> = dynamic
        .loops
        .iter()
        .map(|natural| (natural.place.function.0, natural.iterations < 100, natural.stopped_in))
        .collect();
    stopped.sort_unstable();
    assert_eq!(stopped, [(0, false, true), (1, true, false), (1, true, true)]);

    let text = r#"(module (import "env" "tick" (func $tick))
        (func (export "main") (loop $l (call $tick) (br $l))))"#;
    let mut few = limits(1_000_000);
    few.host_calls = Some(1000);
    let (run, dynamic) = dynamic_of(text, &Tracer::new(Options::default().limits(few)));
    assert!(matches!(run.entries[0].end, EntryEnd::Stopped { .. }));
    let natural = only(&dynamic.loops);
    assert_eq!((natural.stopped_in, natural.host_calls, natural.iterations), (true, 1000, 1001));
}

#[test]
fn coverage_tells_dead_code_from_code_that_did_not_run() {
    let text = r#"(module
        (func $dead (nop)) (func $callee (nop)) (func $unlucky (nop))
        (func (export "main") (param i32) (result i32)
          (if (result i32) (local.get 0) (then (call $unlucky) (i32.const 1)) (else (call $callee) (i32.const 2)))))"#;
    let (run, plain) = dynamic_of(text, &tracer());
    // The entry, the arms, the join; the functions called are one block each. A call does not end a basic
    // block.
    assert_eq!((plain.coverage.blocks_run, plain.coverage.blocks), (3 + 1, 4 + 3));
    assert_eq!((plain.coverage.edges_run, plain.coverage.edges), (2, 4));
    assert_eq!((plain.coverage.instructions_run, plain.coverage.instructions), (5, 9));
    let mut view = View::of(&wasm(text));
    view.calls.dead = vec![FuncIndex(0), FuncIndex(1)];
    let coverage = Dynamic::of(&run, &view).coverage;
    assert_eq!(indices(&coverage.never_ran), [0, 2]);
    assert_eq!((indices(&coverage.dead_confirmed), indices(&coverage.unexpected)), (vec![0], vec![1]));
}

#[test]
fn the_host_may_call_what_no_export_offers() {
    let text =
        r#"(module (table (export "t") funcref (elem $f)) (func $f (nop)) (func (export "main") (nop)))"#;
    let mut session = tracer().load(&wasm(text)).unwrap();
    session.start().unwrap();
    let outcome = session.invoke("main", &[]).unwrap();
    let mut trace = session.finish();
    // As a sandbox that drives functions of a table would record it.
    for record in &mut trace.records {
        if let wasmspoor::trace::Record::Invoke { func } = record {
            func.0 -= 1;
        }
    }
    let dynamic = Dynamic::of(&run_of(trace, vec![entry("f", &outcome)]), &View::of(&wasm(text)));
    let hidden: Vec<_> = dynamic
        .coverage
        .hidden
        .iter()
        .map(|call| (call.caller, call.callee.0, call.explained_by.as_str()))
        .collect();
    assert_eq!(hidden, [(None, 0, "host")]);
}

#[test]
fn signatures_and_constants_are_weighted_by_what_ran() {
    let text = r#"(module (memory 1) (func (export "main") (local $i i32) (local $x i32)
        (loop $l
          (local.set $x (i32.shr_u (i32.xor (i32.load (i32.add (i32.shl (i32.and (local.get $x) (i32.const 255)) (i32.const 2)) (i32.const 1024)))
            (local.get $x)) (i32.const 8)))
          (drop (i32.const 0x6a09e667))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
        (br_if 0 (i32.const 1))
        (drop (i32.const 0xbb67ae85)))
        (func (drop (i32.const 0x3c6ef372))))"#;
    let (run, dynamic) = dynamic_of(text, &tracer());
    let expected = BTreeMap::from([("coinhive".to_owned(), 100)]);
    assert_eq!(dynamic.signatures, expected);
    assert_eq!(only(&dynamic.loops).signatures, expected);
    assert_eq!(dynamic.functions[0].signatures, expected);

    let module = Module::parse(wasm(text)).unwrap();
    let drops = |func: u32| {
        let ops = module.code(FuncIndex(func)).unwrap().ops();
        let before = ops
            .windows(2)
            .filter(|pair| pair[1].opcode.mnemonic() == "drop" && pair[0].opcode.mnemonic() == "i32.const");
        before.map(|pair| pair[0].offset).collect::<Vec<_>>()
    };
    let constant = |func, sites: Vec<CodeOffset>| view::CryptoConstant {
        name: format!("constant {func}"),
        algorithm: "SHA-256".into(),
        class: view::CryptoClass::Hash,
        found: 2,
        of: 8,
        place: "code".into(),
        func: Some(FuncIndex(func)),
        offset: sites[0].0.into(),
        address: None,
        sites,
    };
    let mut view = View::of(&wasm(text));
    assert_eq!((drops(0).len(), drops(1).len()), (2, 1));
    view.crypto = vec![constant(0, drops(0)), constant(0, drops(0)[1..].to_vec()), constant(1, drops(1))];
    let constants = Dynamic::of(&run, &view).constants;
    // The second word was jumped over and the other function never ran.
    assert_eq!(constants.len(), 1);
    assert_eq!((constants[0].count, constants[0].place.offset), (100, drops(0)[0]));
}

#[test]
fn entry_points_that_did_not_begin_are_empty() {
    let text = r#"(module (func (export "a") (nop)) (func (export "b") (nop) (nop)))"#;
    let mut session = tracer().load(&wasm(text)).unwrap();
    session.start().unwrap();
    let mut entries = Vec::new();
    for name in ["a", "b"] {
        entries.push(entry(name, &session.invoke(name, &[]).unwrap()));
        entries.push(entry(name, &Outcome::Failed { message: "no".into(), site: None }));
    }
    let totals = |entries| {
        let dynamic = Dynamic::of(&run_of(session.finish(), entries), &View::of(&wasm(text)));
        dynamic.entries.iter().map(|entry| entry.classes.total).collect::<Vec<_>>()
    };
    assert_eq!(totals(entries), [1, 0, 2, 0]);
}

#[test]
fn a_trace_that_breaks_off_keeps_what_was_seen() {
    let text = r#"(module (func (export "a") (nop)) (func (export "b") (nop) (nop)))"#;
    let mut run = run(&wasm(text), &tracer()).unwrap();
    run.trace.records.pop();
    let dynamic = Dynamic::of(&run, &View::of(&wasm(text)));
    assert!(dynamic.error.is_some_and(|error| error.contains("the end of the records")));
    assert_eq!((dynamic.metrics.classes.total, dynamic.entries[1].classes.total), (3, 2));
}

/// Two entry points and what each did: nothing of one shows in the other.
#[test]
fn every_level_has_its_own_figures() {
    let dynamic = dynamic(
        r#"(module (memory 1 4) (table 2 funcref) (elem (i32.const 0) $a $b)
          (func $a (memory.fill (i32.const 0) (i32.const 0) (i32.const 9)))
          (func $b (drop (memory.grow (i32.const 2))) (drop (memory.grow (i32.const 50))))
          (func (export "e1") (local $i i32)
            (loop $l (call_indirect (i32.const 0))
              (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5)))))
          (func (export "e2") (call_indirect (i32.const 1)) (call_indirect (i32.const 0))
            (block $x (block $y (br_table $x $y (i32.const 1))))))"#,
    );
    let [first, second] = &dynamic.entries[..] else { panic!("{:?}", dynamic.entries) };
    let targets = |detail: &wasmspoor::passes::Detail| {
        detail.indirect_targets.iter().map(|t| (t.func.0, t.count)).collect::<Vec<_>>()
    };
    assert_eq!((targets(&first.detail), targets(&second.detail)), (vec![(0, 5)], vec![(0, 1), (1, 1)]));
    assert_eq!(targets(&dynamic.metrics.detail), [(0, 6), (1, 1)]);
    assert_eq!((first.grown_pages, second.grown_pages, second.grow_refused, first.bulk_len), (0, 2, 1, 45));
    assert_eq!((first.detail.opcodes.get("br_if"), second.detail.opcodes.get("br_if")), (Some(&5), None));
    let branch = first.hot_branches[0];
    assert_eq!(
        (first.hot_branches.len(), branch.place.function.0, branch.taken, branch.not_taken),
        (1, 2, 4, 1)
    );
    assert_eq!(
        (first.hot_functions[0].func.0, first.detail.hot_blocks[0].count, second.hot_functions.len()),
        (2, 5, 3)
    );
    let own = |func: usize| &dynamic.functions[func].exclusive;
    assert_eq!((own(0).bulk_len, own(1).grown_pages, own(1).grow_refused), (54, 2, 1));
    assert_eq!((own(2).taken, own(2).not_taken, own(3).tables, own(2).tables), (4, 1, 1, 0));
    assert_eq!((targets(&own(2).detail), targets(&own(3).detail)), (vec![(0, 5)], vec![(0, 1), (1, 1)]));
    assert_eq!(own(1).detail.opcodes["memory.grow"], 2);
}
