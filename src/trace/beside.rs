//! Counting beside a run, on another core.

use std::thread::{self, JoinHandle};

use super::{Counter, Counts, Replay, ReplayError, ReplayLimits, ReplayProgress, Trace, growing::Growing};

/// The counts of a run that are made while it is recorded. On one processor they are made afterwards.
#[derive(Debug)]
#[must_use = "nothing is counted if nobody asks for the counts"]
pub struct Counting {
    thread: Option<JoinHandle<Option<Counts>>>,
}

impl Counting {
    /// Counts afterwards.
    pub(crate) fn later() -> Self {
        Self { thread: None }
    }

    /// Counts what comes through `growing`; `trace` is of the run before it began.
    pub(crate) fn begin(trace: Trace, growing: Growing) -> Self {
        let thread = thread::Builder::new().name("spoor-counts".into());
        Self { thread: thread.spawn(move || count(&trace, growing)).ok() }
    }

    /// The counts; `trace` is what [`Session::finish`](crate::Session::finish) gave.
    ///
    /// # Errors
    ///
    /// As for [`Counts::of`].
    pub fn finish(self, trace: &Trace) -> Result<Counts, ReplayError> {
        // What went wrong is said by a replay of the whole.
        let counted = self.thread.and_then(|thread| thread.join().ok()).flatten();
        counted.map_or_else(|| trace.counts(), Ok)
    }
}

fn count(trace: &Trace, growing: Growing) -> Option<Counts> {
    let mut counter = Counter::default();
    let mut replay = Replay::growing(trace, growing, ReplayLimits::default()).ok()?;
    while let ReplayProgress::Paused = replay.run(&mut counter).ok()? {}
    counter.finish().ok()
}

#[cfg(test)]
mod tests {
    use crate::{Options, Tracer, Value};

    /// Calls back, fails, grows, and runs long enough for many parts.
    const SAMPLE: &str = r#"(module (import "env" "back" (func $back (param i32))) (memory 1 4)
        (func (export "nested") (param i32)
            (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (unreachable))
        (func (export "main") (param $n i32) (local $i i32)
            (loop $again
                (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 997)))
                    (then (drop (memory.grow (i32.const 0))) (call $back (local.get $i))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))"#;

    #[test]
    fn what_is_counted_beside_a_run_is_what_its_trace_says() {
        let mut tracer = Tracer::new(Options::default());
        tracer.define("env", "back", |call| {
            let count = call.invoke("nested", &[Value::I32(50)]);
            assert!(count.is_err(), "it traps");
            Ok(())
        });
        let mut session = tracer.load(SAMPLE.as_bytes()).unwrap();
        let mut counting = session.count_beside();
        session.start().unwrap();
        for _ in 0..2 {
            session.invoke("main", &[Value::I32(300_000)]).unwrap();
        }
        let trace = session.finish();
        let Some(thread) = counting.thread.take() else {
            assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
            return;
        };
        let counted = thread.join().unwrap().expect("it came to its end");
        assert_eq!(counted, trace.counts().unwrap());
    }

    #[test]
    fn a_session_that_is_dropped_leaves_nobody_waiting() {
        let mut session = Tracer::new(Options::default()).load(SAMPLE.as_bytes()).unwrap();
        let mut counting = session.count_beside();
        drop(session);
        let counted = counting.thread.take().map(|thread| thread.join().unwrap());
        assert!(counted.is_none_or(|counted| counted.is_none()));
    }

    #[test]
    fn a_run_that_began_is_counted_afterwards() {
        let mut session = Tracer::new(Options::default()).load(SAMPLE.as_bytes()).unwrap();
        session.start().unwrap();
        session.invoke("main", &[Value::I32(9)]).unwrap();
        let counting = session.count_beside();
        assert!(counting.thread.is_none());
        let trace = session.finish();
        assert_eq!(counting.finish(&trace).unwrap(), trace.counts().unwrap());
    }
}
