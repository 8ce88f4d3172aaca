//! Imports that closures answer.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use wasmspoor::{
    HostError, Value,
    report::options_used,
    sandbox::{Answer, EntryEnd, RunOptions, Status},
};

use super::{results, run_with};

/// Asks the embedder twice, WASI once; the embedder calls `twice`, which asks again.
const SAMPLE: &str = r#"(module
  (import "env" "ask" (func $ask (param i32 i32) (result i64)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1) (data (i32.const 8) "spoor")
  (func (export "twice") (param i32) (result i32)
    (drop (call $yield))
    (drop (call $ask (i32.const 0) (i32.const 0)))
    (i32.mul (local.get 0) (i32.const 2)))
  (func (export "_start")
    (if (i64.ne (call $ask (i32.const 8) (i32.const 5)) (i64.const 10)) (then unreachable))
    (if (i32.load8_u (i32.const 100)) (then) (else unreachable))))"#;

#[test]
fn a_closure_sees_the_call_and_the_sandbox_and_may_call_the_sample() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut options = RunOptions::default();
    let seen = Arc::clone(&told);
    options.define("env", "ask", move |call| {
        let [Value::I32(at), Value::I32(len)] = *call.args() else {
            return Err(HostError::new("two numbers"));
        };
        let text = call.read_memory(at as u64, len as u64).map(<[u8]>::to_vec).unwrap_or_default();
        let mut random = [0; 4];
        call.random(&mut random);
        let before = call.now_ns();
        call.sleep(1_000);
        assert!(call.now_ns() == before + 1_000 && call.epoch_ns() > call.now_ns());
        seen.lock().unwrap().push((text.clone(), random, before));
        if text.is_empty() {
            return Ok(());
        }
        call.write_memory(100, &[1]).ok_or_else(|| HostError::new("no memory"))?;
        let [Value::I32(double)] = call.invoke("twice", &[Value::I32(len)])?[..] else {
            return Err(HostError::new("one number"));
        };
        call.set_result(0, Value::I64(double.into()))
    });

    let run = run_with(SAMPLE, &options);
    assert_eq!(run.status, Status::Exited, "{:?}", run.entries);
    let number = |value| Some(Value::I64(value));
    assert_eq!(
        results(&run),
        [("ask", number(10)), ("sched_yield", Some(Value::I32(0))), ("ask", number(0))],
        "in the order in which calls begin"
    );
    assert_eq!(run.calls[0].answer, Answer::Stub);
    assert_eq!((run.sleeps, run.slept_ns), (2, 2_000));
    let first = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(first.iter().map(|(text, ..)| &text[..]).collect::<Vec<_>>(), [b"spoor".as_slice(), b""]);
    run_with(SAMPLE, &options);
    assert_eq!(first, *told.lock().unwrap(), "the same clock and the same randomness in each run");
}

#[test]
fn closures_go_before_stubs_and_wasi() {
    let text = r#"(module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (func (export "_start") (drop (call $yield))))"#;
    let mut options = RunOptions::default();
    options.stubs.push(("s.toml".into(), "[[stub]]\nname = '*'\nreturns = 3".into()));
    assert_eq!(results(&run_with(text, &options)), [("sched_yield", Some(Value::I32(3)))]);
    options.define("wasi_snapshot_preview1", "sched_yield", |call| call.set_result(0, Value::I32(4)));
    assert_eq!(results(&run_with(text, &options)), [("sched_yield", Some(Value::I32(4)))]);
    assert_eq!(options.functions.names().collect::<Vec<_>>(), [("wasi_snapshot_preview1", "sched_yield")]);
}

#[test]
fn a_closure_ends_the_program_or_the_entry_and_limits_hold() {
    let text = r#"(module (import "env" "f" (func $f)) (func (export "_start") (loop (call $f) (br 0))))"#;
    let ends = |options: &RunOptions| run_with(text, options).entries[0].end.clone();
    let mut options = RunOptions::default();
    options.define("env", "f", |call| Err(call.exit(9)));
    assert_eq!(ends(&options), EntryEnd::Exited { code: 9 });
    options.define("env", "f", |_| Err(HostError::new("enough")));
    assert_eq!(ends(&options), EntryEnd::Aborted { message: "enough".into() });

    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    options.define("env", "f", move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    options.limits.host_calls = Some(1_000);
    assert!(matches!(ends(&options), EntryEnd::Stopped { .. }));
    assert_eq!(calls.load(Ordering::Relaxed), 1_000);
}

#[test]
fn what_is_written_of_options_names_closures_and_says_that_it_has_none() {
    let mut options = RunOptions::default();
    let read = options_used(&options).into_run_options().unwrap();
    assert!(read.functions.is_empty());
    options.define("env", "f", |_| Ok(()));
    assert!(!options.functions.is_empty());
    let told = options_used(&options);
    assert_eq!(told.functions, [("env".into(), "f".into())]);
    let error = told.into_run_options().unwrap_err().to_string();
    assert!(error.starts_with("the import `env.f` was answered by a function of the program"), "{error}");
}
