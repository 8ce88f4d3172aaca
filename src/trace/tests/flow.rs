//! Control flow that comes to its end.

use super::*;

const WORKED_EXAMPLE: &str = r#"(module (func (export "main") (result i32) (local i32)
  (local.set 0 (i32.const 5))
  (loop $l (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $l (local.get 0)))
  (block $b (br $b) (nop))
  (if (i32.const 1) (then (nop)) (else (nop) (nop)))
  (if (i32.const 0) (then (nop)) (else (nop) (nop)))
  (i32.const 7)))"#;

#[test]
fn the_worked_example() {
    let module = module(WORKED_EXAMPLE);
    let trace = trace(&module, 0, Writer::new().bits(&[1, 1, 1, 1, 0, 0, 1]), &[invoke(0), RETURNED]);
    let round = |end: &str| format!("loop local.get i32.const i32.sub local.set local.get br_if:{end}");
    let rounds = [round("yes"), round("yes"), round("yes"), round("yes"), round("no")].join(" ");
    let rest = "block br:yes i32.const if:yes nop i32.const if:no nop nop i32.const [leave] [returned]";
    assert_eq!(tell(&trace), format!("[invoke 0] i32.const local.set {rounds} {rest}"));
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
    assert_eq!(counts(&trace), BTreeMap::from(expected));
    let mut nothing = Nothing;
    let summary = trace.replay(&mut nothing).unwrap();
    let expected = ReplaySummary { instructions: 47, decisions: 7, calls: 0, invocations: 1, host_calls: 0 };
    assert_eq!(summary, expected);
}

struct Nothing;
impl Visitor for Nothing {}

#[test]
fn events_name_function_and_offset() {
    let module = module("(module (import \"env\" \"f\" (func)) (func nop) (func nop nop (call 1)))");
    let mut trace = trace(&module, 7, &mut Writer::new(), &[invoke(8), RETURNED]);
    trace.calls = 1;
    let ops: Vec<_> = trace
        .events()
        .filter_map(|event| if let Ok(Event::Op(op)) = event { Some(op) } else { None })
        .collect();
    let start = |func| module.body(FuncIndex(func)).unwrap().start;
    let places: Vec<_> = ops.iter().map(|op| (op.instance.0, op.function.0, op.offset.0)).collect();
    assert_eq!(
        places,
        [(0, 2, start(2) + 1), (0, 2, start(2) + 2), (0, 2, start(2) + 3), (0, 1, start(1) + 1)]
    );
    assert_eq!(trace.resolve(FuncKey(8)), Some(Callee::Defined(InstanceIndex(0), FuncIndex(2))));
    assert_eq!(trace.resolve(FuncKey(9)), None);
}

/// Replays one invocation of the only function with these bits.
fn run(body: &str, bits: &[u8]) -> String {
    let module = module(&format!("(module (memory 1) (func (param i32 i32) {body}))"));
    let story = tell(&trace(&module, 0, Writer::new().bits(bits), &[invoke(0), RETURNED]));
    let story = story.strip_prefix("[invoke 0] ").unwrap_or(&story);
    story.strip_suffix(" [leave] [returned]").unwrap_or(story).to_owned()
}

#[test]
fn branches() {
    for (body, bits, expected) in [
        ("nop", &[][..], "nop"),
        ("block end", &[], "block"),
        ("block block br 1 end nop end nop", &[], "block block br:yes nop"),
        ("block br 1 end nop", &[], "block br:yes"),
        ("br 0", &[], "br:yes"),
        ("return nop", &[], "return"),
        ("local.get 0 br_if 0 nop", &[1], "local.get br_if:yes"),
        ("local.get 0 br_if 0 nop", &[0], "local.get br_if:no nop"),
        ("local.get 0 if end nop", &[0], "local.get if:yes nop"),
        ("local.get 0 if end nop", &[1], "local.get if:no nop"),
        ("local.get 0 if else end nop", &[0], "local.get if:yes nop"),
        ("local.get 0 if else end nop", &[1], "local.get if:no nop"),
        ("local.get 0 if nop else end", &[1], "local.get if:no"),
        ("local.get 0 if else nop end", &[0], "local.get if:yes"),
        ("local.get 0 if else nop end", &[1], "local.get if:no nop"),
        ("local.get 0 if return else nop end drop nop", &[1], "local.get if:no nop drop nop"),
        ("local.get 0 if return end nop", &[1], "local.get if:no nop"),
        ("local.get 0 if br 0 else nop end nop", &[0], "local.get if:yes br:yes nop"),
        ("local.get 0 if return else return end nop", &[0], "local.get if:yes return"),
        ("loop end", &[], "loop"),
        ("loop nop br 0 end", &[], "loop nop br:yes"),
        ("loop local.get 0 if br 1 end end", &[0, 1, 1], "loop local.get if:yes br:yes loop local.get if:no"),
        ("loop block br 1 end unreachable end", &[], "loop block br:yes"),
        (
            "block loop local.get 0 br_if 1 br 0 end end nop",
            &[0, 1, 1],
            "block loop local.get br_if:no br:yes loop local.get br_if:yes nop",
        ),
        (
            "loop loop local.get 0 br_if 1 end end",
            &[1, 0],
            "loop loop local.get br_if:yes loop loop local.get br_if:no",
        ),
        ("br 0 loop block if else end end br 0 end", &[], "br:yes"),
    ] {
        let ends_in_loop = body == "loop nop br 0 end" || body.starts_with("loop block br 1");
        if ends_in_loop {
            let module = module(&format!("(module (func (param i32) {body}))"));
            let stopped =
                Record::End(End::Stopped { at: TracePosition { bits: 1, calls: 0, depth: 1, site: None } });
            let story = tell(&trace(&module, 0, Writer::new().bits(&[1]), &[invoke(0), stopped]));
            assert_eq!(story, format!("[invoke 0] {expected} [stopped]"), "{body}");
        } else {
            assert_eq!(run(body, bits), expected, "{body} {bits:?}");
        }
    }
}

#[test]
fn tables() {
    let blocks = "block block block local.get 0 br_table";
    let tail = "end local.set 0 end drop end nop";
    // The labels hold nothing, so what stands after each `end` only tells them apart.
    let tail = tail.replace("local.set 0", "nop nop").replace("drop", "nop");
    for (table, bits, expected) in [
        ("0 1 2", &[0, 0][..], "0 nop nop nop nop"),
        ("0 1 2", &[0, 1], "1 nop nop"),
        ("0 1 2", &[1, 0], "2 nop"),
        ("2 1 0", &[1, 0], "2 nop nop nop nop"),
        ("0 1", &[1], "1 nop nop"),
        ("0 1", &[0], "0 nop nop nop nop"),
        ("0 3", &[1], "1"),
        ("0 0 0 1", &[1, 1], "3 nop nop"),
        ("0 1 1 1 1", &[1, 0, 0], "4 nop nop"),
        ("0", &[], "yes nop nop nop nop"),
        ("1", &[], "yes nop nop"),
        ("1 1 1 1 1", &[], "yes nop nop"),
        ("3 3 3", &[], "yes"),
    ] {
        let story = run(&format!("{blocks} {table} {tail}"), bits);
        assert_eq!(story, format!("block block block local.get br_table:{expected}"), "{table} {bits:?}");
    }
}

#[test]
fn tables_of_loops() {
    let once = "loop local.get br_table";
    for (table, bits, expected) in [
        ("0 1", &[0, 0, 1][..], format!("{once}:0 {once}:0 {once}:1")),
        ("1 0", &[1, 0], format!("{once}:1 {once}:0")),
        ("0 0 1", &[0, 1, 0, 0, 1, 0], format!("{once}:1 {once}:0 {once}:2")),
    ] {
        assert_eq!(run(&format!("loop local.get 0 br_table {table} end"), bits), expected, "{table}");
    }
    let module = module("(module (func (param i32) loop local.get 0 br_table 0 0 end))");
    let stopped = Record::End(End::Stopped { at: TracePosition { bits: 2, calls: 0, depth: 1, site: None } });
    let story = tell(&trace(&module, 0, Writer::new().bits(&[1, 1]), &[invoke(0), stopped]));
    assert_eq!(story, format!("[invoke 0] {once}:yes {once}:yes [stopped]"));
}

#[test]
fn a_table_index_out_of_range_is_refused() {
    let module = module("(module (func (param i32) block block local.get 0 br_table 0 1 0 end end))");
    let trace = trace(&module, 0, Writer::new().bits(&[1, 1]), &[invoke(0), RETURNED]);
    let message = failure(&trace);
    assert!(
        message.starts_with(
            "index 3 of a table of 3 labels (decision 2, record 1, instance 0, function 0, byte 0x"
        ),
        "{message}"
    );
}

#[test]
fn a_large_table() {
    let labels = (0..1000).map(|n| if n % 2 == 0 { "0 " } else { "1 " }).collect::<String>();
    let module = module(&format!(
        "(module (func (param i32) block block local.get 0 br_table {labels} 0 end nop end))"
    ));
    for (index, nops) in [(0, 1), (999, 0), (1000, 1)] {
        let trace = trace(&module, 0, Writer::new().field(index, 10), &[invoke(0), RETURNED]);
        assert_eq!(counts(&trace).get("nop").copied().unwrap_or(0), nops, "{index}");
    }
}

#[test]
fn direct_calls() {
    let module = module("(module (func $a nop) (func $b call $a call $a nop) (func call $b))");
    let mut trace = trace(&module, 0, &mut Writer::new(), &[invoke(2), RETURNED]);
    trace.calls = 3;
    let expected = "[invoke 2] call:direct>1 call:direct>0 nop [leave] call:direct>0 nop [leave] nop [leave] [leave] [returned]";
    assert_eq!(tell(&trace), expected);
    trace.calls = 2;
    assert!(failure(&trace).starts_with("more than the 2 calls of the trace"), "{}", failure(&trace));
    trace.calls = 4;
    assert!(failure(&trace).starts_with("the trace says 4 calls, there were 3"), "{}", failure(&trace));
}

#[test]
fn recursion() {
    let module = module("(module (func $f (param i32) local.get 0 if (call $f (i32.const 0)) nop end))");
    let mut trace = trace(&module, 0, Writer::new().bits(&[0, 0, 1]), &[invoke(0), RETURNED]);
    trace.calls = 2;
    let expected = "[invoke 0] local.get if:yes i32.const call:direct>0 local.get if:yes i32.const call:direct>0 \
                    local.get if:no [leave] nop [leave] nop [leave] [returned]";
    assert_eq!(tell(&trace), expected);
}

const INDIRECT: &str = r#"(module
  (import "env" "h" (func $h))
  (table 4 funcref)
  (func $a nop)
  (func $b (return_call $a))
  (func $c (call_indirect (i32.const 0)) (call_indirect (i32.const 1)) (call_indirect (i32.const 1)))
  (func $d (return_call_indirect (i32.const 0)))
  (func $e (return_call $h))
  (func $f call $e nop))"#;

#[test]
fn indirect_and_tail_calls() {
    let module = module(INDIRECT);
    let key = |func: u32| 300 + func - 1;
    let mut writer = Writer::new();
    writer.target(key(1)).target(key(2)).bit(true).target(key(2)).bit(true);
    let plain = trace(&module, 300, &mut writer, &[invoke(key(3)), RETURNED]);
    let expected = "[invoke 302] i32.const call_indirect:indirect>300 nop [leave] \
                    i32.const call_indirect:indirect>301 return_call:tail-direct>300 nop [leave] \
                    i32.const call_indirect:indirect>301 return_call:tail-direct>300 nop [leave] [leave] [returned]";
    assert_eq!(tell(&plain), expected);
    let tail = trace(&module, 300, Writer::new().target(key(1)), &[invoke(key(4)), RETURNED]);
    assert_eq!(
        tell(&tail),
        "[invoke 303] i32.const return_call_indirect:tail-indirect>300 nop [leave] [returned]"
    );
    let wrong = trace(&module, 300, Writer::new().bit(false), &[invoke(key(2)), RETURNED]);
    assert!(failure(&wrong).starts_with("a back edge or tail call recorded 0"), "{}", failure(&wrong));
}

#[test]
fn the_first_target_may_be_key_0() {
    let module = module("(module (table 1 funcref) (func nop) (func (call_indirect (i32.const 0))))");
    let trace = trace(&module, 0, Writer::new().target(0), &[invoke(1), RETURNED]);
    assert_eq!(trace.decisions, 1);
    assert_eq!(tell(&trace), "[invoke 1] i32.const call_indirect:indirect>0 nop [leave] [leave] [returned]");
}

#[test]
fn host_calls() {
    let module = module(INDIRECT);
    let host_back = [host_call(5), HOST_RETURN];
    let records = |middle: &[Record]| [&[invoke(305)], middle, &[RETURNED]].concat();
    let mut tail = trace(&module, 300, Writer::new().target(5), &records(&host_back));
    (tail.calls, tail.hosts) = (1, BTreeMap::new());
    host(&mut tail, 5, "h");
    let expected =
        "[invoke 305] call:direct>304 return_call [tail host 5] [host back] nop [leave] [returned]";
    assert_eq!(tell(&tail), expected);
    let mut last =
        trace(&module, 300, Writer::new().target(5), &[&[invoke(304)], &host_back[..], &[RETURNED]].concat());
    host(&mut last, 5, "h");
    assert_eq!(tell(&last), "[invoke 304] return_call [tail host 5] [host back] [returned]");
}

#[test]
fn re_entrance() {
    let module = module(
        "(module (import \"env\" \"h\" (func $h)) (func $a call $h nop) (func $b (param i32) local.get 0 br_if 0 call $h))",
    );
    let mut writer = Writer::new();
    writer.target(0).bit(true).bit(false).target(0);
    let records = [
        invoke(1),
        host_call(0),
        invoke(2),
        RETURNED,
        invoke(2),
        host_call(0),
        invoke(0),
        host_call(0),
        HOST_RETURN,
        RETURNED,
        HOST_RETURN,
        RETURNED,
        HOST_RETURN,
        RETURNED,
    ];
    let mut trace = trace(&module, 1, &mut writer, &records);
    host(&mut trace, 0, "h");
    let expected = "[invoke 1] call [host 0] [invoke 2] local.get br_if:yes [leave] [returned] \
                    [invoke 2] local.get br_if:no call [host 0] [invoke 0] [host 0] [host back] [returned] \
                    [host back] [leave] [returned] [host back] nop [leave] [returned]";
    assert_eq!(tell(&trace), expected);
    let summary = trace.replay(&mut Nothing).unwrap();
    assert_eq!((summary.invocations, summary.host_calls), (4, 3));
}

#[test]
fn growth_and_bulk_operations() {
    let module = module(
        r#"(module (memory 1) (table 1 funcref) (data "abc") (elem funcref)
          (func
            (drop (memory.grow (i32.const 1)))
            (memory.fill (i32.const 1) (i32.const 2) (i32.const 3))
            (memory.copy (i32.const 4) (i32.const 5) (i32.const 6))
            (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 3))
            (drop (table.grow (ref.null func) (i32.const 1)))
            (table.fill (i32.const 0) (ref.null func) (i32.const 1))
            (table.copy (i32.const 0) (i32.const 0) (i32.const 1))
            (table.init 0 (i32.const 0) (i32.const 0) (i32.const 0))
            (data.drop 0)))"#,
    );
    let bulk = |dst, src, len| Record::Bulk { dst, src, len };
    let grow = |delta, result| Record::Grow { delta, result };
    let records = [
        invoke(0),
        grow(1, 1),
        bulk(1, 2, 3),
        bulk(4, 5, 6),
        bulk(0, 0, 3),
        grow(1, u64::from(u32::MAX)),
        bulk(0, 0, 1),
        bulk(0, 0, 1),
        bulk(0, 0, 0),
        RETURNED,
    ];
    let trace_of = |records: &[Record]| trace(&module, 0, &mut Writer::new(), records);
    let c3 = "i32.const i32.const i32.const";
    let expected = format!(
        "[invoke 0] i32.const memory.grow:1->1 drop {c3} memory.fill:1,2,3 {c3} memory.copy:4,5,6 {c3} memory.init:0,0,3 \
         ref.null i32.const table.grow:1->4294967295 drop i32.const ref.null i32.const table.fill:0,0,1 {c3} table.copy:0,0,1 \
         {c3} table.init:0,0,0 data.drop [leave] [returned]"
    );
    assert_eq!(tell(&trace_of(&records)), expected);
    for (records, expected) in [
        (&[invoke(0), RETURNED][..], "expected is a growth, recorded is the end of a call by the host"),
        (&[invoke(0), bulk(0, 0, 0)], "expected is a growth, recorded is a bulk operation"),
        (&[invoke(0), grow(0, 0), grow(0, 0)], "expected is a bulk operation, recorded is a growth"),
        (&[invoke(0)], "expected is a growth, recorded is the end of the records"),
    ] {
        let message = failure(&trace_of(records));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn calls_between_instances() {
    let exporter = module("(module (func nop) (func (export \"f\") nop nop))");
    let importer = module("(module (import \"m\" \"f\" (func $f)) (func $g call $f call $f))");
    let mut writer = Writer::new();
    writer.target(11).target(21);
    let mut trace = trace(&exporter, 10, &mut writer, &[invoke(30), RETURNED]);
    trace.modules.push(importer);
    trace.instances.push(Instance { module: 1, first_key: FuncKey(30) });
    trace.instances.push(Instance { module: 0, first_key: FuncKey(20) });
    assert_eq!(
        tell(&trace),
        "[invoke 30] call:import>11 nop nop [leave] call:import>21 nop nop [leave] [leave] [returned]"
    );
    let counts = Counts::of(&trace).unwrap();
    let per_function: Vec<_> =
        counts.per_function.iter().map(|f| (f.instance.0, f.func.0, f.total)).collect();
    assert_eq!(per_function, [(0, 1, 2), (1, 1, 2), (2, 1, 2)]);
}

#[test]
fn decisions_may_stand_in_short_words() {
    let module = module(WORKED_EXAMPLE);
    let mut writer = Writer::new();
    for bit in [1, 1, 1, 1, 0, 0, 1] {
        writer.flush().bits(&[bit]).flush().flush();
    }
    let trace = trace(&module, 0, &mut writer, &[invoke(0), RETURNED]);
    assert_eq!(Counts::of(&trace).unwrap().total, 47);
}

#[test]
fn a_pause_after_every_block_changes_nothing() {
    struct Impatient(Counter);
    impl Visitor for Impatient {
        fn load(&mut self, function: ExecutedFunction<'_>) {
            self.0.load(function);
        }
        fn block(&mut self, run: ExecutedBlock<'_>) {
            self.0.block(run);
        }
        fn wants_pause(&self) -> bool {
            true
        }
    }
    let module = module(WORKED_EXAMPLE);
    let trace = trace(&module, 0, Writer::new().bits(&[1, 1, 1, 1, 0, 0, 1]), &[invoke(0), RETURNED]);
    let mut impatient = Impatient(Counter::default());
    let mut replay = Replay::new(&trace, ReplayLimits::default()).unwrap();
    let mut pauses = 0;
    while replay.run(&mut impatient).unwrap() == ReplayProgress::Paused {
        pauses += 1;
    }
    assert!(pauses > 10, "{pauses}");
    assert_eq!(impatient.0.finish().unwrap(), Counts::of(&trace).unwrap());
}
