//! Every limit stops what it limits, says so, and loses nothing. The trace of a stopped run replays to the
//! instruction at which it stopped.

use std::time::Duration;

use wasmspoor::{
    AtTraceLimit, Limit, Limits, Options, Outcome, Session, Tracer,
    module::Place,
    trace,
    values::{Machine, Nothing},
};

fn limits() -> Limits {
    Limits::default()
}

/// Runs `main`; returns the session and how it ended.
fn run(text: &str, limits: Limits) -> (Session, Outcome) {
    let mut session = Tracer::new(Options::default().limits(limits)).load(text.as_bytes()).unwrap();
    let outcome = session.start().unwrap();
    if !matches!(outcome, Outcome::Returned(_)) || session.params("main").is_none() {
        return (session, outcome);
    }
    let outcome = session.invoke("main", &[]).unwrap();
    (session, outcome)
}

/// The last instruction that the trace executed.
fn last(session: Session) -> Option<Place> {
    let trace = session.finish();
    let mut last = None;
    for event in trace.events() {
        if let trace::Event::Op(instruction) = event.unwrap() {
            last = Some(Place { function: instruction.function, offset: instruction.offset });
        }
    }
    last
}

const ENDLESS: &[(&str, &str)] = &[
    ("loop br 0", r#"(module (func (export "main") (loop (br 0))))"#),
    ("loop br_if", r#"(module (func (export "main") (loop (br_if 0 (i32.const 1)))))"#),
    (
        "mutual tail calls",
        r#"(module (func $a (export "main") (return_call $b)) (func $b (return_call $a)))"#,
    ),
    (
        "indirect tail calls",
        r#"(module (table funcref (elem $a)) (func $a (export "main") (return_call_indirect (i32.const 0))))"#,
    ),
    ("br_table loop", r#"(module (func (export "main") (loop (block (br_table 0 1 1 (i32.const 7))))))"#),
    ("br_table of equal labels", r#"(module (func (export "main") (loop (br_table 0 0 (i32.const 0)))))"#),
    (
        "host call loop",
        r#"(module (import "env" "f" (func $f)) (func (export "main") (loop (call $f) (br 0))))"#,
    ),
    (
        "tail call of a host function in a loop",
        r#"(module (import "env" "f" (func $f)) (func $g (return_call $f)) (func (export "main") (loop (call $g) (br 0))))"#,
    ),
    (
        "bulk operations",
        r#"(module (memory 1000) (func (export "main") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536000)) (br 0))))"#,
    ),
    (
        "table operations",
        r#"(module (table 5000000 funcref) (func (export "main") (loop (table.fill (i32.const 0) (ref.null func) (i32.const 5000000)) (br 0))))"#,
    ),
    (
        "growth",
        r#"(module (memory 1) (func (export "main") (loop (drop (memory.grow (i32.const 1))) (br 0))))"#,
    ),
    ("start function", r#"(module (func $s (loop (br 0))) (start $s))"#),
    (
        "recursion that never gets deep",
        r#"(module (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "main") (call $f (i32.const 100))))"#,
    ),
];

#[test]
fn an_endless_loop_of_any_shape_stops_in_time_and_says_where() {
    let mut limits = limits();
    limits.wall_time = Some(Duration::from_millis(200));
    limits.host_calls = None;
    for (what, text) in ENDLESS {
        let (_, outcome) = run(text, limits.clone());
        // How late is shown by the example `stop_latency`; this finds what never stops.
        let Outcome::Stopped { limit: Limit::WallTime, .. } = outcome else { panic!("{what}: {outcome:?}") };
    }
}

#[test]
fn straight_code_and_silent_trees_of_calls_stop_too() {
    let mut tree = String::from("(func $f0)");
    for level in 1..60 {
        tree += &format!("(func $f{level} (call $f{0}) (call $f{0}))", level - 1);
    }
    let mut limits = limits();
    limits.wall_time = Some(Duration::from_millis(100));
    let (session, outcome) = run(&format!("(module {tree} (func (export \"main\") (call $f59)))"), limits);
    let Outcome::Stopped { limit: Limit::WallTime, site: Some(site) } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(site.function.0 < 60);
    assert!(session.finish().calls > 1000);
}

#[test]
fn the_decision_limit_stops_at_the_same_instruction_every_time() {
    for (what, text) in
        ENDLESS.iter().filter(|(what, _)| !matches!(*what, "bulk operations" | "table operations"))
    {
        let mut limits = limits();
        limits.decisions = Some(10_000);
        limits.wall_time = None;
        let (session, outcome) = run(text, limits.clone());
        let Outcome::Stopped { limit: Limit::Decisions, site } = outcome else {
            panic!("{what}: {outcome:?}")
        };
        let trace = session.finish();
        assert!((10_000..12_000).contains(&trace.decisions), "{what}: {}", trace.decisions);
        let counts = trace.counts().unwrap();

        let (session, outcome) = run(text, limits);
        assert!(
            matches!(outcome, Outcome::Stopped { limit: Limit::Decisions, site: again } if again == site),
            "{what}"
        );
        assert!(site.is_some() && last(session).is_some(), "{what}");
        assert!(counts.total >= 10_000, "{what}");
    }
}

#[test]
fn other_limits_say_their_name() {
    let text = ENDLESS.iter().find(|(what, _)| *what == "host call loop").unwrap().1;
    let mut few = limits();
    few.host_calls = Some(1000);
    let (session, outcome) = run(text, few);
    assert!(matches!(outcome, Outcome::Stopped { limit: Limit::HostCalls, site: Some(_) }), "{outcome:?}");
    let trace = session.finish();
    let calls =
        trace.records.iter().filter(|record| matches!(record, trace::Record::HostCall { .. })).count();
    assert_eq!(calls, 1000, "as many as the limit says, and the next is not begun");
    assert!(matches!(trace.records.last(), Some(trace::Record::End(trace::End::Stopped { .. }))));
    // The instruction of the call that was not begun had said whom it calls.
    assert_eq!(trace.counts().unwrap().of_mnemonic("call"), 1001);

    let mut small = limits();
    small.trace_bytes = 1 << 20;
    let (session, outcome) = run(ENDLESS[0].1, small.clone());
    assert!(matches!(outcome, Outcome::Stopped { limit: Limit::TraceBytes, .. }), "{outcome:?}");
    let trace = session.finish();
    assert!((1 << 20..(1 << 20) + (64 << 10)).contains(&(trace.words.len() * 8)), "{}", trace.words.len());

    small.at_trace_limit = AtTraceLimit::Spill;
    small.decisions = Some(20_000_000);
    let (session, outcome) = run(ENDLESS[1].1, small);
    assert!(matches!(outcome, Outcome::Stopped { limit: Limit::Decisions, .. }), "{outcome:?}");
    let trace = session.finish();
    assert!(trace.words.bytes_in_memory() <= 1 << 20 && trace.words.len() * 8 > 2 << 20);
    let counts = trace.counts().unwrap();
    assert_eq!(counts.of_mnemonic("br_if"), trace.decisions);
}

#[test]
fn growth_beyond_a_limit_is_refused_and_the_sample_goes_on() {
    let text = r#"(module (memory 1) (memory 1) (table 1 funcref)
        (func (export "main") (result i32 i32 i32)
          (memory.grow 0 (i32.const 10)) (memory.grow 1 (i32.const 10)) (table.grow (ref.null func) (i32.const 100))))"#;
    let mut limits = limits();
    limits.memory_pages = 15;
    limits.table_elements = 50;
    let (session, outcome) = run(text, limits);
    let expected = [1, -1, -1].map(wasmspoor::Value::I32).to_vec();
    assert_eq!(outcome, Outcome::Returned(expected));
    assert_eq!(session.refused_growth(), 2);
}

#[test]
fn a_module_that_begins_beyond_a_limit_is_not_run() {
    let mut limits = limits();
    limits.memory_pages = 10;
    limits.table_elements = 10;
    for text in ["(module (table 11 funcref))", "(module (memory 6) (memory 5))"] {
        let mut session =
            Tracer::new(Options::default().limits(limits.clone())).load(text.as_bytes()).unwrap();
        assert!(session.start().is_err(), "{text}");
    }
    let text = r#"(module (import "m" "t" (table 11 funcref)))"#;
    assert!(Tracer::new(Options::default().limits(limits)).load(text.as_bytes()).is_err());
}

#[test]
fn a_memory_that_begins_beyond_the_limit_is_there_up_to_it() {
    let mut limits = limits();
    limits.memory_pages = 10;
    for memory in ["(memory 60000)", r#"(import "m" "m" (memory 60000))"#, "(memory i64 0x1_0000_0000_0000)"]
    {
        let index = if memory.contains("i64") { "i64" } else { "i32" };
        let text = format!(
            r#"(module {memory} (data ({index}.const 655359) "x")
                 (func (export "size") (result {index}) (memory.size))
                 (func (export "grow") (result {index}) (memory.grow ({index}.const 1)))
                 (func (export "last") (result i32) (i32.load8_u ({index}.const 655359)))
                 (func (export "beyond") (i32.store8 ({index}.const 655360) (i32.const 1)))
                 (func (export "fill")
                   (memory.fill ({index}.const 655350) (i32.const 1) ({index}.const 11))))"#
        );
        let tracer = Tracer::new(Options::default().limits(limits.clone()).effects(true));
        let mut session = tracer.load(text.as_bytes()).unwrap();
        session.start().unwrap();
        let mut given = |export: &str| match session.invoke(export, &[]).unwrap() {
            Outcome::Returned(results) => results.iter().map(ToString::to_string).collect(),
            Outcome::Trapped { code, .. } => code.to_string(),
            other => format!("{other:?}"),
        };
        let size: String = given("size");
        assert!(size.contains("60000") || size.contains("281474976710656"), "{size}");
        assert!(given("grow").contains("-1"), "{memory}");
        assert!(given("last").contains("120"), "{memory}");
        for beyond in ["beyond", "fill"] {
            assert!(given(beyond).contains("out of bounds"), "{memory}: {}", given(beyond));
        }
        let trace = session.finish();
        // The same bytes are there when it is computed again.
        let mut machine = Machine::new(&trace).unwrap();
        assert_eq!(machine.run(&mut Nothing).unwrap().instructions, trace.counts().unwrap().total);
        assert_eq!(machine.memory(0).unwrap().len(), 10 << 16);
    }
}

/// A memory is there as a whole; what is touched beyond the limit is bounded, and computed again alike.
#[test]
fn what_is_touched_beyond_the_limit_is_bounded() {
    let mut limits = limits();
    (limits.memory_pages, limits.sparse_pages) = (2, 8);
    let text = r#"(module (memory 60000) (memory i64 50000) (data (memory 1) (i64.const 0x70000000) "data")
      (func (export "near") (result i64)
        (i32.store (i32.const 65532) (i32.const 1)) (i64.load32_u (i32.const 65532)))
      (func (export "far") (result i64) (local i32)
        (i32.store16 (i32.const 0x7fffffff) (i32.const 513))
        (v128.store (i32.const 65528) (v128.const i64x2 1 2))
        (v128.store8_lane 3 (i32.const 65542) (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16))
        (i64.add (i64.load (i32.const 65536))
          (i64.add (i64.load16_u (i32.add (local.get 0) (i32.const 0x7fffffff)))
            (i64.load32_u 1 (i64.const 0x70000000)))))
      (func (export "beyond") (result i64) (i64.load (i32.const -8)))
      (func (export "grow") (result i64) (i64.extend_i32_s (memory.grow (i32.const 10000))))
      (func (export "many") (result i64) (local i32)
        (loop (drop (i64.load (local.get 0))) (local.set 0 (i32.add (local.get 0) (i32.const 65536)))
          (br_if 0 (i32.lt_u (local.get 0) (i32.const 0xe0000000))))
        (local.set 0 (i32.const 0))
        (loop (i64.store8 offset=0x1000000 (local.get 0) (i64.const 1))
          (br_if 0 (local.tee 0 (i32.add (local.get 0) (i32.const 65536)))))
        (i64.const 0))
      (func (export "fill") (result i64)
        (memory.fill (i32.const 0x20000000) (i32.const 1) (i32.const 0x100000)) (i64.const 0))
      (func (export "copy") (result i64)
        (memory.copy (i32.const 0x20000000) (i32.const 0x40000000) (i32.const 0x100000)) (i64.const 0)))"#;
    let tracer = Tracer::new(Options::default().limits(limits).effects(true));
    let mut session = tracer.load(text.as_bytes()).unwrap();
    session.start().unwrap();
    let mut given = |export: &str| match session.invoke(export, &[]).unwrap() {
        Outcome::Returned(results) => Ok(results),
        Outcome::Trapped { code, .. } => Err(code),
        other => panic!("{export}: {other:?}"),
    };
    let of = |number: i64| Ok(vec![wasmspoor::Value::I64(number)]);
    let word = 2_i64 | 4 << 48;
    let far = word + 513 + i64::from(u32::from_le_bytes(*b"data"));
    assert_eq!(given("near"), of(1));
    assert_eq!(given("far"), of(far));
    assert_eq!(given("beyond"), Err(trace::Trap::OutOfBoundsMemoryAccess));
    assert_eq!(given("grow"), of(-1));
    for much in ["fill", "copy", "many", "many"] {
        assert_eq!(given(much), Err(trace::Trap::GrowthLimited), "{much}");
    }
    assert_eq!(given("far"), of(far));
    let trace = session.finish();
    let mut machine = Machine::new(&trace).unwrap();
    assert_eq!(machine.run(&mut Nothing).unwrap().instructions, trace.counts().unwrap().total);
    assert_eq!(machine.memory(0).unwrap().len(), 60000 << 16);
    assert_eq!(machine.memory(0).unwrap()[65536..65544], word.to_le_bytes());
}

/// The engine would evaluate it, and let go of it, operator within operator on the native stack.
#[test]
fn a_constant_expression_without_end_is_refused() {
    for (times, is_refused) in [(200, false), (200_000, true)] {
        // In the order of the binary format, which the text format's parser need not nest.
        let sum = format!("i32.const 0 {}", "i32.const 1 i32.add ".repeat(times));
        let text =
            format!("(module (global (mut i32) {sum}) (func (export \"f\") (result i32) global.get 0))");
        let loaded = Tracer::new(Options::default().limits(limits())).load(text.as_bytes());
        match loaded {
            Ok(mut session) => assert!(!is_refused && session.start().is_ok()),
            Err(error) => {
                let said =
                    "the module begins with 400002 operators in a constant expression; the limit is 500";
                assert!(is_refused && error.to_string() == said, "{error}");
            }
        }
    }
}

#[test]
fn depth_is_a_trap_at_the_call_that_is_too_much() {
    let mut limits = limits();
    limits.call_depth = 123;
    let (session, outcome) = run(r#"(module (func $f (export "main") (nop) (call $f)))"#, limits);
    assert!(
        matches!(outcome, Outcome::Trapped { code: trace::Trap::CallStackExhausted, site: Some(_) }),
        "{outcome:?}"
    );
    let counts = session.finish().counts().unwrap();
    assert_eq!((counts.of_mnemonic("call"), counts.of_mnemonic("nop")), (123, 123));
}

#[test]
fn a_host_function_that_swallows_a_stop_does_not_go_on() {
    let text = r#"(module (import "env" "back" (func $back)) (func (export "spin") (loop (br 0)))
        (func (export "main") (call $back) (nop)))"#;
    let mut limits = limits();
    limits.decisions = Some(5000);
    let mut tracer = Tracer::new(Options::default().limits(limits));
    tracer.define("env", "back", |call| {
        let error = call.invoke("spin", &[]).unwrap_err().to_string();
        assert!(error.contains("stopped"), "{error}");
        Ok(())
    });
    let mut session = tracer.load(text.as_bytes()).unwrap();
    session.start().unwrap();
    let outcome = session.invoke("main", &[]).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { limit: Limit::Decisions, .. }), "{outcome:?}");
    let counts = session.finish().counts().unwrap();
    assert!(counts.of_mnemonic("nop") == 0);
    assert_eq!(counts.of_mnemonic("call"), 1);
}

/// Calls through a table to functions of great and changing index push 34 decisions each. So few of them make
/// a word that a tick sees fewer decisions than usual. They are no calls in silence for that.
#[test]
fn wide_indirect_calls_cost_what_they_record() {
    let functions = 600;
    let mut text = format!("(module (type $t (func (param i32))) (table {functions} funcref)");
    for index in 0..functions {
        text += &format!("(func $f{index} (type $t)) ");
    }
    let names: String = (0..functions).map(|index| format!("$f{index} ")).collect();
    text += &format!("(elem (i32.const 0) func {names})");
    text += r#"(func (export "main") (local i32) (loop
        (call_indirect (type $t) (local.get 0) (i32.add (i32.const 300) (i32.and (local.get 0) (i32.const 255))))
        (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br 0))))"#;
    let mut limits = limits();
    (limits.wall_time, limits.decisions) = (None, Some(2_000_000));
    let mut session = Tracer::new(Options::default().limits(limits)).load(text.as_bytes()).unwrap();
    session.start().unwrap();
    let outcome = session.invoke("main", &[]).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { limit: Limit::Decisions, .. }), "{outcome:?}");
    let trace = session.finish();
    let calls = trace.counts().unwrap().of_mnemonic("call_indirect");
    assert!(calls * 35 >= 1_990_000, "{calls} calls in {} decisions", trace.decisions);
}

/// A function with more operators times values than anyone validates, which another one calls or not.
fn heavy(code: &str, caller: &str) -> String {
    let values = "i32 ".repeat(1000);
    format!(
        r#"(module (type $t (func (param {values}) (result {values})))
            (import "env" "f" (func $f)) (func $wide (type $t) (unreachable))
            (func $heavy (export "heavy") unreachable {code} unreachable)
            (func (export "main") (call $f) {caller} (call $f)))"#
    )
}

#[test]
fn a_function_that_takes_too_much_stops_and_the_rest_runs() {
    let code = "call $wide ".repeat(5_000);
    let (session, outcome) = run(&heavy(&code, ""), limits());
    assert_eq!(outcome, Outcome::Returned(Vec::new()));
    assert_eq!(session.finish().counts().unwrap().of_mnemonic("call"), 2);

    let (session, outcome) = run(&heavy(&code, "(call $heavy)"), limits());
    let Outcome::Failed { message, site: Some(site) } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("function 2 "), "{message}");
    assert_eq!(site.function.0, 3);
    assert_eq!(last(session).map(|site| site.function.0), Some(3), "the trace replays up to the call");

    // Called from outside, it does not get to its first instruction.
    let mut session = Tracer::new(Options::default()).load(heavy(&code, "").as_bytes()).unwrap();
    session.start().unwrap();
    let outcome = session.invoke("heavy", &[]).unwrap();
    assert!(matches!(outcome, Outcome::Failed { site: None, .. }), "{outcome:?}");
    assert_eq!(session.invoke("main", &[]).unwrap(), Outcome::Returned(Vec::new()));
    assert_eq!(session.finish().counts().unwrap().of_mnemonic("call"), 2);
}

/// An exception asks each `catch` on its way, and nothing stops it: 90,000 frames of 20,000 `try`s each took
/// 41 s under a limit of 10.
#[test]
fn an_exception_with_a_long_way_stops_before_it_is_thrown() {
    let text = |tries: usize| {
        let open = "(try_table (catch $u $b) ".repeat(tries);
        format!(
            r#"(module (tag $e) (tag $u)
                (func $deep (param i32) (block $b {open}
                    (if (local.get 0)
                        (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
                        (else (throw $e))) {}))
                (func (export "main")
                    (block $x (try_table (catch_all $x) (call $deep (i32.const 100))))))"#,
            ")".repeat(tries)
        )
    };
    let (session, outcome) = run(&text(500), limits());
    assert_eq!(outcome, Outcome::Returned(Vec::new()));
    assert_eq!(session.finish().counts().unwrap().of_mnemonic("throw"), 1);
    let (session, outcome) = run(&text(600), limits());
    let Outcome::Failed { message, site: Some(site) } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("too much"), "{message}");
    assert_eq!(site.function.0, 1);
    assert_eq!(last(session).map(|site| site.function.0), Some(1));
}

/// Each `br_if` copies as many values as its label has: code of the engine, a thousand times the sample's. No
/// function is heavy by itself, all together are.
#[test]
fn what_the_engine_makes_of_a_module_has_an_end() {
    let values = "i32 ".repeat(100);
    let consts = "(i32.const 0) ".repeat(100);
    let branches = "(br_if 0 (i32.const 0)) ".repeat(20_000);
    let function = format!("(func (type $e) (block (type $t) {consts} {branches}) {})", "drop ".repeat(100));
    let calls: String = (0..40).map(|index| format!("(call {index}) ")).collect();
    let text = format!(
        r#"(module (type $e (func)) (type $t (func (result {values}))) {}
            (func (export "main") {calls}))"#,
        function.repeat(40)
    );
    let (session, outcome) = run(&text, limits());
    let Outcome::Failed { message, site: Some(_) } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("too much"), "{message}");
    assert!(session.finish().counts().unwrap().of_mnemonic("call") >= 1);
}
