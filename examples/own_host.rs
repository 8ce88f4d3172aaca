//! Answers imports with closures, lays an input into memory, and ends the run from another thread:
//! `cargo run --example own_host`.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use wasmspoor::{Cancel, HostError, Limit, Options, Outcome, Tracer, Value};

/// Hands each word of its input to the host, then waits for ever.
const SAMPLE: &str = r#"(module
  (import "env" "word" (func $word (param i32 i32))) (memory (export "memory") 1)
  (func (export "parse") (param $at i32) (param $end i32) (local $from i32)
    (local.set $from (local.get $at))
    (loop $next
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 32)) (then
        (call $word (local.get $from) (i32.sub (local.get $at) (local.get $from)))
        (local.set $from (i32.add (local.get $at) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end)))))
  (func (export "wait") (loop (br 0))))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = Arc::new(Mutex::new(Vec::new()));
    let cancel = Cancel::new();
    let mut tracer = Tracer::new(Options::default().cancel(cancel.clone()));
    let seen = Arc::clone(&words);
    tracer.define("env", "word", move |call| {
        let [Value::I32(at), Value::I32(len)] = *call.args() else {
            return Err(HostError::new("two numbers"));
        };
        let bytes = call.read_memory(at as u64, len as u64).ok_or_else(|| HostError::new("out of bounds"))?;
        seen.lock().map_err(|_| HostError::new("a panic before"))?.push(bytes.to_vec());
        Ok(())
    });

    let mut session = tracer.load(SAMPLE.as_bytes())?;
    session.start()?;
    let input = b"what it was given ";
    session.write_memory("memory", 100, input)?;
    session.invoke("parse", &[Value::I32(100), Value::I32(100 + input.len() as i32)])?;
    let words = words.lock().map_err(|_| "a panic")?;
    println!("{:?}", words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>());
    assert_eq!(words.len(), 4);

    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        session.invoke("wait", &[])
    })?;
    println!("{outcome:?}");
    assert!(matches!(outcome, Outcome::Stopped { limit: Limit::Cancelled, .. }));
    println!("{} instructions", session.finish().counts()?.total);
    #[cfg(feature = "analysis")]
    within_the_sandbox()?;
    Ok(())
}

/// The same within the sandbox: WASI, files, a virtual clock and the log of calls. One import is answered
/// here, with the sandbox's own clock and randomness, so that each run is the same.
#[cfg(feature = "analysis")]
fn within_the_sandbox() -> Result<(), Box<dyn std::error::Error>> {
    use wasmspoor::sandbox::{self, RunOptions};

    let sample = r#"(module
      (import "env" "key" (func $key (param i32) (result i64)))
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $key (i32.const 64)))))"#;
    let mut options = RunOptions::default();
    options.define("env", "key", |call| {
        let [Value::I32(at)] = *call.args() else { return Err(HostError::new("one number")) };
        let mut key = [0; 16];
        call.random(&mut key);
        call.write_memory(at as u64, &key).ok_or_else(|| HostError::new("out of bounds"))?;
        let now = call.now_ns() as i64;
        call.set_result(0, Value::I64(now))
    });
    let wasm = wat::parse_str(sample)?;
    let [one, two] = [sandbox::run(&wasm, &options)?, sandbox::run(&wasm, &options)?];
    println!("{:?}: {:?} at {} ns", one.status, one.calls[0].results, one.calls[0].time_ns);
    assert_eq!(one.calls[0].results, two.calls[0].results);
    Ok(())
}
