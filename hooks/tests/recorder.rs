//! The bits that the execution loop pushes, on small modules: the table of `docs/trace-stream.md` from the
//! engine's side.
//!
//! Both dispatch back ends run this: the loop in debug builds, tail calls in optimised ones. Miri runs it
//! too.

use std::sync::{Arc, Mutex};

use wasmspoor_hooks::{
    Caller, Config, Engine, Linker, Module, Store, TrapCode, Val,
    recorder::{End, Event, Place, Sink, Stop, WORDS_PER_CHUNK},
};

#[derive(Default)]
struct Seen {
    words: Vec<u64>,
    events: Vec<Event>,
    polls: u64,
    /// Stop at the first poll with at least so many decisions.
    budget: Option<u64>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Seen>>);

impl Sink for Shared {
    fn words(&mut self, words: &[u64], _: u64) {
        self.0.lock().unwrap().words.extend(words);
    }

    fn event(&mut self, event: Event) {
        self.0.lock().unwrap().events.push(event);
    }

    fn poll(&mut self, decisions: u64, _: u64) -> bool {
        let mut seen = self.0.lock().unwrap();
        seen.polls += 1;
        seen.budget.is_some_and(|budget| decisions >= budget)
    }
}

struct Run {
    bits: String,
    events: Vec<Event>,
    polls: u64,
    result: Result<Vec<Val>, wasmspoor_hooks::Error>,
}

impl Run {
    /// The end of the outermost invocation.
    fn end(&self) -> (End, Place) {
        match self.events.last() {
            Some(&Event::End { end, place }) => (end, place),
            other => panic!("not an end: {other:?}"),
        }
    }
}

/// Runs the export `main` without arguments; `env.again` calls it back once, `env.fail` fails.
fn run(text: &str, budget: Option<u64>) -> Run {
    let mut config = Config::default();
    config.record(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    let mut store = Store::new(&engine, false);
    let shared = Shared::default();
    shared.0.lock().unwrap().budget = budget;
    store.recorder_mut().set_sink(Box::new(shared.clone()));
    let mut linker = <Linker<bool>>::new(&engine);
    linker
        .func_wrap("env", "again", |mut caller: Caller<'_, bool>| -> Result<(), wasmspoor_hooks::Error> {
            if !std::mem::replace(caller.data_mut(), true) {
                let main = caller.get_export("main").unwrap().into_func().unwrap();
                main.call(&mut caller, &[], &mut [])?;
            }
            Ok(())
        })
        .unwrap();
    linker
        .func_wrap("env", "fail", || -> Result<(), wasmspoor_hooks::Error> {
            Err(wasmspoor_hooks::Error::new("no"))
        })
        .unwrap();
    let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
    let main = instance.get_func(&store, "main").unwrap();
    let mut results: Vec<_> = main.ty(&store).results().iter().map(|&ty| Val::default_for_ty(ty)).collect();
    let result = main.call(&mut store, &[], &mut results).map(|()| results);
    store.recorder_mut().drain();
    let mut seen = shared.0.lock().unwrap();
    let bits = seen.words.iter().map(|&word| format!("{word:b}")[1..].to_owned()).collect();
    Run { bits, events: std::mem::take(&mut seen.events), polls: seen.polls, result }
}

#[test]
fn each_instruction_pushes_what_the_table_says() {
    for (what, text, bits) in [
        (
            "br_if: 1 when taken",
            "(func (export \"main\") (local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 4)))))",
            "1110",
        ),
        (
            "br_if on a constant",
            "(func (export \"main\") (block (br_if 0 (i32.const 0)) (br_if 0 (i32.const 9)) (unreachable)))",
            "01",
        ),
        ("br_if out of the function", "(func (export \"main\") (br_if 0 (i32.const 1)) (unreachable))", "1"),
        (
            "if: 0 for the then arm",
            "(func (export \"main\") (if (i32.const 1) (then)) (if (i32.const 0) (then) (else)))",
            "01",
        ),
        (
            "if on a comparison",
            "(func (export \"main\") (local i32) (if (i32.eqz (local.get 0)) (then) (else)) (if (i32.lt_s (i32.const 1) (local.get 0)) (then)))",
            "01",
        ),
        ("br forward: nothing", "(func (export \"main\") (block (br 0)) (block (br 1)))", ""),
        (
            "br to a loop",
            "(func (export \"main\") (local i32) (block (loop (br_if 1 (i32.ge_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3))) (br 0))))",
            "01011",
        ),
        (
            "br_if with copies",
            "(func (export \"main\") (local i32) (drop (block (result i32) (drop (br_if 0 (local.get 0) (i32.add (local.get 0) (i32.const 0)))) (drop (br_if 0 (i32.const 5) (i32.const 1))) (i32.const 7))))",
            "01",
        ),
        (
            "br_table of 5 labels",
            "(func (export \"main\") (block (block (block (block (br_table 0 1 2 3 3 (i32.const 2)))))))",
            "010",
        ),
        (
            "br_table of 3 labels",
            "(func (export \"main\") (local i32) (block (block (br_table 0 1 0 (i32.const 1)))) (block (block (br_table 0 1 0 (i32.const 77)))))",
            "0110",
        ),
        ("br_table with equal labels", "(func (export \"main\") (block (br_table 0 0 0 (i32.const 1))))", ""),
        ("return_call", "(func $f) (func (export \"main\") (return_call $f))", "1"),
        ("call", "(func $f) (func (export \"main\") (call $f) (call $f))", ""),
    ] {
        let run = run(&format!("(module {text})"), None);
        assert!(run.result.is_ok(), "{what}: {:?}", run.result);
        assert_eq!(run.bits, bits, "{what}");
    }
}

#[test]
fn a_callee_that_the_code_does_not_name_is_a_target() {
    // Keys: env.again 0, $f 1, main 2.
    let run = run(
        r#"(module (import "env" "again" (func $again)) (table funcref (elem $f)) (func $f)
            (func (export "main") (call_indirect (i32.const 0)) (call_indirect (i32.const 0)) (call $again)))"#,
        None,
    );
    let first = "1000000001";
    let again = "1000000000";
    // The nested main runs inside the first `again`.
    assert_eq!(run.bits, format!("{first}0{again}{first}0{again}"));
    let expected = matches!(
        run.events[..],
        [
            Event::Invoke { func: 2 },
            Event::HostCall { func: 0 },
            Event::Invoke { func: 2 },
            Event::HostCall { func: 0 },
            Event::HostReturn { failed: false },
            Event::End { end: End::Returned, .. },
            Event::HostReturn { failed: false },
            Event::End { end: End::Returned, .. },
        ]
    );
    assert!(expected, "{:?}", run.events);
}

#[test]
fn a_trap_says_where() {
    for (text, code, site_of) in [
        ("(func (export \"main\") (nop) (unreachable))", TrapCode::UnreachableCodeReached, 2),
        (
            "(memory 1) (func (export \"main\") (drop (i32.load (i32.const 4))) (drop (i32.load offset=65536 (i32.const 1))))",
            TrapCode::MemoryOutOfBounds,
            9,
        ),
        (
            "(memory 1) (func (export \"main\") (local i32) (local.set 0 (i32.load (i32.sub (local.get 0) (i32.const 1)))) (nop))",
            TrapCode::MemoryOutOfBounds,
            8,
        ),
        (
            "(func (export \"main\") (local i32) (drop (i32.div_u (i32.const 1) (local.get 0))))",
            TrapCode::IntegerDivisionByZero,
            7,
        ),
        (
            "(func (export \"main\") (drop (i32.div_u (i32.const 1) (i32.const 0))))",
            TrapCode::IntegerDivisionByZero,
            5,
        ),
        (
            "(table 1 funcref) (func (export \"main\") (call_indirect (i32.const 0)))",
            TrapCode::IndirectCallToNull,
            3,
        ),
        (
            "(memory 1) (func (export \"main\") (memory.fill (i32.const 65536) (i32.const 0) (i32.const 1)))",
            TrapCode::MemoryOutOfBounds,
            9,
        ),
    ] {
        let run = run(&format!("(module {text})"), None);
        let (end, place) = run.end();
        assert_eq!(end, End::Trapped(code), "{text}");
        assert_eq!((place.depth, place.site), (1, Some((0, site_of))), "{text}");
    }
}

#[test]
fn a_trap_in_a_callee_knows_its_depth_and_calls() {
    let run = run(
        r#"(module (func $f (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
            (func (export "main") (drop (call $f (i32.const 1))) (drop (call $f (i32.const 0)))))"#,
        None,
    );
    let (end, place) = run.end();
    assert_eq!(end, End::Trapped(TrapCode::IntegerDivisionByZero));
    assert_eq!((place.decisions, place.calls, place.depth, place.site), (0, 2, 2, Some((0, 5))));
}

#[test]
fn exhaustion_is_a_trap_at_the_call() {
    let run = run("(module (func $f (export \"main\") (nop) (call $f)))", None);
    let (end, place) = run.end();
    assert_eq!(end, End::Trapped(TrapCode::StackOverflow));
    assert_eq!((place.calls, u64::from(place.depth), place.site), (1000, 1000, Some((0, 2))));
}

#[test]
fn a_host_function_that_fails_ends_the_invocation() {
    let run = run(r#"(module (import "env" "fail" (func $fail)) (func (export "main") (call $fail)))"#, None);
    assert_eq!(run.end().0, End::HostError);
}

#[test]
fn every_shape_of_endless_loop_reaches_a_tick() {
    let budget = if cfg!(miri) { 1 } else { 3 * 63 * WORDS_PER_CHUNK as u64 };
    for text in [
        "(func (export \"main\") (loop (br 0)))",
        "(func (export \"main\") (loop (br_if 0 (i32.const 1))))",
        "(func (export \"main\") (loop (br_table 0 0 (i32.const 0))))",
        "(func (export \"main\") (loop (block (br_table 0 1 (i32.const 1)))))",
        "(func $a (export \"main\") (return_call $b)) (func $b (return_call $a))",
        "(table funcref (elem $a)) (func $a (export \"main\") (return_call_indirect (i32.const 0)))",
        "(func (export \"main\") (loop (if (i32.const 1) (then (br 1)))))",
    ] {
        let run = run(&format!("(module {text})"), Some(budget));
        let (end, place) = run.end();
        assert_eq!(end, End::Stopped, "{text}");
        // A field that finds no room stops before it is pushed.
        let is_field = text.contains("br_table") || text.contains("indirect");
        assert!((place.after_decision || is_field) && place.site.is_some(), "{text}: {place:?}");
        assert_eq!(place.decisions, run.bits.len() as u64, "{text}");
        assert!(place.decisions >= budget && place.decisions < budget + 2000, "{text}: {place:?}");
        let error = run.result.unwrap_err();
        assert!(error.downcast_ref::<Stop>().is_some(), "{text}: {error}");
    }
}

#[test]
fn code_without_decisions_reaches_a_tick() {
    // A tree of calls, 2^20 leaves, and not one branch. Under Miri, which is slow, just enough for a poll.
    let (depth, repeated) = if cfg!(miri) { (10, 4200) } else { (20, 50_000) };
    let mut tree = String::from("(func $f0)");
    for level in 1..=depth {
        tree += &format!("(func $f{level} (call $f{0}) (call $f{0}))", level - 1);
    }
    let straight = "(local.set 0 (i32.add (local.get 0) (i32.const 3)))".repeat(repeated);
    for text in [
        format!("(module {tree} (func (export \"main\") (call $f{depth})))"),
        format!("(module (func (export \"main\") (local i32) {straight}))"),
        "(module (memory 1) (func (export \"main\") (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))))".to_owned(),
    ] {
        let whole = run(&text, None);
        assert!(whole.result.is_ok() && whole.bits.is_empty() && whole.polls > 0, "{} polls", whole.polls);
        let cut = run(&text, Some(0));
        let (end, place) = cut.end();
        assert_eq!((end, cut.polls), (End::Stopped, 1));
        assert!(place.site.is_some() && !place.after_decision && place.depth > 0, "{place:?}");
    }
}

#[test]
fn an_engine_that_does_not_record_records_nothing() {
    let engine = Engine::new(&Config::default());
    let wasm = wat::parse_str("(module (func (export \"main\") (local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 400))))))").unwrap();
    let module = Module::new(&engine, wasm).unwrap();
    let mut store = Store::new(&engine, ());
    let shared = Shared::default();
    store.recorder_mut().set_sink(Box::new(shared.clone()));
    let instance = <Linker<()>>::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
    instance.get_func(&store, "main").unwrap().call(&mut store, &[], &mut []).unwrap();
    assert_eq!(store.recorder_mut().decisions(), 0);
    assert!(shared.0.lock().unwrap().events.is_empty());
}
