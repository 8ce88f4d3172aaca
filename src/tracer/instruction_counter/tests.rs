use super::memo::{IS_OFF, LEAPS};
use crate::tracer::{Budget, HostError, Limits, Options, Outcome, Session, Tracer, Value};

/// Calls of every kind, a host call that calls back, a trap, growth, a table.
const SAMPLE: &str = r#"(module (import "env" "back" (func $back (param i32))) (memory 1 4)
    (table funcref (elem $leaf $spin))
    (type $t (func (param i32)))
    (func $leaf (type $t) (local.get 0) (if (then (nop) (nop))))
    (func $spin (type $t) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func $tail (type $t) (return_call_indirect (type $t) (local.get 0) (i32.const 1)))
    (func (export "nested") (param i32) (call $spin (local.get 0)))
    (func (export "fails") (param i32) (call $spin (local.get 0)) (unreachable))
    (func (export "main") (param $n i32) (local $i i32)
        (loop $again
            (block $b (block $a (br_table $a $b $a (i32.rem_u (local.get $i) (i32.const 3)))) (nop))
            (drop (memory.grow (i32.const 0))) (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))
            (call $leaf (local.get $i)) (call $tail (i32.const 5))
            (call_indirect (type $t) (i32.const 3) (i32.const 1))
            (call $back (local.get $i))
            (local.tee $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n))))))"#;

fn session() -> Session {
    let mut tracer = Tracer::new(Options::default());
    tracer.define("env", "back", |call| {
        let index = call.args()[0];
        call.invoke("nested", &[Value::I32(2)])?;
        match (index, call.invoke("fails", &[Value::I32(3)])) {
            (_, Ok(_)) => Err(HostError::new("it did not fail")),
            // A failure that the host swallows.
            (_, Err(_)) => Ok(()),
        }
    });
    tracer.load(SAMPLE.as_bytes()).unwrap()
}

#[test]
fn the_count_is_that_of_replay_up_to_the_end_of_a_chunk() {
    let mut session = session();
    let budget = Budget { instructions: Some(u64::MAX), ..Budget::default() };
    session.start_within(&budget).unwrap();
    for _ in 0..2 {
        session.invoke_within("main", &[Value::I32(20_000)], &budget).unwrap();
    }
    let counted = session.instructions();
    let replayed = session.finish().counts().unwrap().total;
    // A chunk of decisions is not walked yet, and the last blocks of each of the 80,002 invocations are
    // left out.
    assert!(counted <= replayed && counted > replayed * 8 / 10, "{counted} of {replayed}");
}

#[test]
fn instructions_stop_an_entry_and_then_the_session() {
    let limits = Limits { instructions: Some(20_000_000), ..Limits::default() };
    let sample = r#"(module (func (export "spin") (loop $l (nop) (nop) (nop) (nop) (nop) (nop) (br $l))))"#;
    let mut session = Tracer::new(Options::default().limits(limits)).load(sample.as_bytes()).unwrap();
    let budget = Budget { instructions: Some(5_000_000), ..Budget::default() };
    session.start_within(&budget).unwrap();
    let mut ends = Vec::new();
    for _ in 0..6 {
        let outcome = session.invoke_within("spin", &[], &budget).unwrap();
        assert!(matches!(outcome, Outcome::Stopped { limit: crate::Limit::Instructions, .. }), "{outcome:?}");
        ends.push(session.is_over());
    }
    assert!(!ends[1] && ends[4], "{ends:?}");
}

#[test]
fn chains_of_blocks_are_counted_as_replay_counts_them() {
    let blocks = "(loop) (block (br 0)) (loop nop)".repeat(20);
    let text = format!(
        r#"(module (func (export "main") (local i32)
            (loop (if (local.get 0) (then {blocks}) (else {blocks} (nop)))
                (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if 0 (i32.lt_u (i32.const 75000))))))"#
    );
    let limits = Limits { instructions: Some(u64::MAX), ..Limits::default() };
    let mut session = Tracer::new(Options::default().limits(limits)).load(text.as_bytes()).unwrap();
    session.start().unwrap();
    for _ in 0..2 {
        session.invoke("main", &[]).unwrap();
    }
    let counted = session.instructions();
    let replayed = session.finish().counts().unwrap().total;
    assert!(counted <= replayed && counted > replayed * 8 / 10, "{counted} of {replayed}");
}

/// Exceptions that pass many handlers take their time, and few instructions.
#[test]
fn landing_pads_that_are_passed_count_too() {
    let (opens, ends) = ("(try_table (catch 1 $b) ".repeat(20), ")".repeat(20));
    let text = format!(
        r#"(module (tag) (tag) (func (export "main")
            (loop $l (block $b (try_table (catch_all $l) {opens} (throw 0) {ends})))))"#
    );
    let budget = Budget { instructions: Some(20_000_000), ..Budget::default() };
    // A busy machine takes its time.
    let limits = Limits { wall_time: None, ..Limits::default() };
    let mut session = Tracer::new(Options::default().limits(limits)).load(text.as_bytes()).unwrap();
    session.start_within(&budget).unwrap();
    let outcome = session.invoke_within("main", &[], &budget).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { limit: crate::Limit::Instructions, .. }), "{outcome:?}");
    let instructions = session.finish().counts().unwrap().total;
    // A turn has 24 instructions and passes 21 landing pads; a chunk of decisions is a quarter of a million.
    assert!(instructions < 20_000_000 * 24 / 45 + 250_000 * 24, "{instructions}");
}

/// Recursion, calls through a table that change, a table of many labels, and growth. These are words that
/// come again with other frames and other targets before them.
const TURNS: &str = r#"(module (memory 1 4) (table funcref (elem $a $b $c)) (type $t (func (param i32)))
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (i32.const 1))
            (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func $a (type $t) (local.get 0) (if (then (nop))))
    (func $b (type $t) (block (block (block (br_table 0 1 2 (i32.and (local.get 0) (i32.const 3))))) (nop)))
    (func $c (type $t) (if (i32.and (local.get 0) (i32.const 64)) (then (return_call $b (local.get 0)))))
    (func (export "fib") (param i32) (drop (call $fib (local.get 0))))
    (func (export "mixed") (param i32) (local $x i32) (local.set $x (i32.const 12345))
        (loop $l
            (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1103515245)) (i32.const 12345)))
            (call_indirect (type $t)
                (local.get $x) (i32.rem_u (i32.shr_u (local.get $x) (i32.const 16)) (i32.const 3)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "same") (param i32)
        (loop $l
            (call_indirect (type $t) (local.get 0) (i32.rem_u (local.get 0) (i32.const 3)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (drop (memory.grow (i32.const 0)))))"#;

/// What the counter says after each of some calls.
fn said(text: &str, calls: &[(&str, &[i32])], is_off: bool, budget: &Budget) -> Vec<(String, u64, u64)> {
    IS_OFF.set(is_off);
    let mut session = Tracer::new(Options::default()).load(text.as_bytes()).unwrap();
    session.start_within(budget).unwrap();
    let said = calls.iter().map(|&(name, args)| {
        let args: Vec<_> = args.iter().copied().map(Value::I32).collect();
        let outcome = session.invoke_within(name, &args, budget).unwrap();
        (format!("{outcome:?}"), session.instructions(), session.blocks_seen())
    });
    let said = said.collect();
    IS_OFF.set(false);
    said
}

#[test]
fn what_is_remembered_changes_no_count() {
    let calls = [
        ("fib", &[24][..]),
        ("same", &[300_000][..]),
        ("mixed", &[200_000][..]),
        ("fib", &[25][..]),
        ("same", &[200_000][..]),
        ("mixed", &[100_000][..]),
    ];
    for instructions in [u64::MAX, 1_500_000] {
        let budget = Budget { instructions: Some(instructions), ..Budget::default() };
        let plain = said(TURNS, &calls, true, &budget);
        LEAPS.set(0);
        assert_eq!(said(TURNS, &calls, false, &budget), plain, "{instructions}");
        assert!(LEAPS.get() > 500, "{} leaps", LEAPS.get());
    }
    let budget = Budget { instructions: Some(u64::MAX), ..Budget::default() };
    let text =
        SAMPLE.replace(r#"(import "env" "back" (func $back (param i32)))"#, "(func $back (param i32))");
    let calls = [
        ("main", &[20_000][..]),
        ("nested", &[90_000][..]),
        ("fails", &[90_000][..]),
        ("nested", &[90_000][..]),
    ];
    assert_eq!(said(&text, &calls, false, &budget), said(&text, &calls, true, &budget));
}

/// Programs that people write: where data is random, words do not come again and parts of them do.
#[test]
fn what_is_remembered_changes_no_count_of_a_kernel() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/kernels");
    let budget = Budget { instructions: Some(4_000_000), ..Budget::default() };
    let mut kernels = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if !text.contains(r#"(export "main") (result i"#) {
            continue;
        }
        LEAPS.set(0);
        let remembered = said(&text, &[("main", &[])], false, &budget);
        let leaps = LEAPS.get();
        assert_eq!(remembered, said(&text, &[("main", &[])], true, &budget), "{}", path.display());
        assert!(leaps > 500, "{}: {leaps} leaps", path.display());
        kernels += 1;
    }
    assert!(kernels > 5, "{kernels} kernels");
}
