//! Seeking, with marks close to each other.

use std::fs::File;

use super::*;
use crate::{
    sandbox::Options,
    trace::{Event, ReplayError},
};

/// Recursion, a host call that calls back, and phases in which one function or the other runs.
const SAMPLE: &str = r#"(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))) (nop))))
  (func $early (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
  (func $late (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))
  (func (export "_start") (local $i i32)
    (loop $a
      (drop (call $early (local.get $i)))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 97))) (then (drop (call $yield)) (call $deep (i32.const 40))))
      (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (loop $b
      (drop (call $late (local.get $i)))
      (br_if $b (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (drop (i32.div_u (i32.const 1) (local.get $i)))))"#;

fn told(recorded: &Recorded, range: (u64, u64), functions: &[u32]) -> Vec<(u64, Event)> {
    let mut found = Vec::new();
    let trace = &recorded.run.as_ref().unwrap().trace;
    let tell = |number: u64, event: &Event| {
        found.push((number, event.clone()));
        Ok::<_, ReplayError>(true)
    };
    recorded.events(trace, range, functions, tell).unwrap();
    found
}

#[test]
fn seeking_gives_what_a_linear_replay_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let sample = Sample { name: "x", bytes: SAMPLE.as_bytes(), is_embedded: true };
    let written = record(File::create_new(&path).unwrap(), &path, &sample, &Options::default()).unwrap();
    let recorded = Recorded::open(&path, None).unwrap();
    let marks = recorded.reader().chunks().iter().filter(|(frame, _)| frame.kind == Kind::Checkpoint).count();
    assert!(marks > 8, "{marks} marks");
    let (mut linear, mut number) = (Vec::new(), 0);
    for event in recorded.run.as_ref().unwrap().trace.events() {
        let event = event.unwrap();
        let is_op = matches!(event, Event::Op(_));
        linear.push((number, event));
        number += u64::from(is_op);
    }
    assert_eq!(written.instructions, Some(number));
    let step = number / 37;
    for (from, to) in (0..40).map(|n| (n * step, n * step + 50)).chain([(0, u64::MAX), (4090, 4100), (number, u64::MAX)]) {
        let expected: Vec<_> = linear.iter().filter(|(number, _)| (from..to).contains(number)).cloned().collect();
        assert!(told(&recorded, (from, to), &[]) == expected, "{from} to {to}");
    }
    for function in [2, 3, 1] {
        let of = |event: &Event| matches!(event, Event::Op(op) if op.function.0 == function);
        let all: Vec<_> = told(&recorded, (100, number - 7), &[function]).into_iter().filter(|(_, event)| of(event)).collect();
        let expected = linear.iter().filter(|(number_, event)| (100..number - 7).contains(number_) && of(event));
        assert!(all.iter().eq(expected), "function {function}");
    }
    // The first phase is not replayed for a function that runs in the second only.
    let late = told(&recorded, (0, u64::MAX), &[3]);
    assert!(late.len() < linear.len() / 2, "{} of {}", late.len(), linear.len());
}

#[test]
fn an_index_of_many_chunks_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let mut sink = tape::Sink::begin(File::create_new(&path).unwrap()).unwrap();
    // As a run of hours leaves behind: an index of six chunks.
    let chunks = 6 * frame::MAX_CHUNK / (frame::FRAME + 8);
    for number in 0..chunks as u64 {
        let chunk = chunk::Chunk { kind: Kind::Log, is_last: false, first: number, count: 1, calls: 0, raw: vec![0; 3] };
        sink.write(&chunk).unwrap();
    }
    sink.end().unwrap();
    let reader = reader::Reader::open(&path).unwrap();
    assert_eq!(reader.chunks().len(), chunks);
    assert_eq!(reader.damage(), (Vec::new(), 0));
}
