//! Counting beside a run, on another core.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    Counter, Counts, Replay, ReplayError, ReplayLimits, ReplayProgress, Stretch, Trace, Visitor,
    growing::Growing,
};

/// The counts of a run that are made while it is recorded. On one processor they are made afterwards.
#[derive(Debug)]
#[must_use = "nothing is counted if nobody asks for the counts"]
pub struct Counting {
    thread: Option<JoinHandle<Option<Counts>>>,
    enough: Enough,
}

/// Whether nobody waits for more.
#[derive(Debug, Clone, Default)]
struct Enough(Arc<AtomicBool>);

impl Enough {
    fn is_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Visitor for Enough {
    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    #[inline(always)]
    fn stretch(&mut self, _: Stretch<'_>) {}

    #[inline(always)]
    fn wants_pause(&self) -> bool {
        self.is_said()
    }
}

impl Counting {
    /// Counts afterwards.
    pub(crate) fn later() -> Self {
        Self { thread: None, enough: Enough::default() }
    }

    /// Counts what comes through `growing`; `trace` is of the run before it began.
    pub(crate) fn begin(trace: Trace, growing: Growing) -> Self {
        let (thread, enough) = (thread::Builder::new().name("spoor-counts".into()), Enough::default());
        let counted = enough.clone();
        Self { thread: thread.spawn(move || count(&trace, growing, counted)).ok(), enough }
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

    /// As [`Self::finish`], for so long at most. Also gives whether all was counted: else the counts are
    /// those of the beginning. A call takes longer to count than to make, and a run can be calls alone.
    ///
    /// # Errors
    ///
    /// As for [`Counts::of`].
    pub fn finish_within(self, trace: &Trace, limit: Duration) -> Result<(Counts, bool), ReplayError> {
        let enough = self.enough.clone();
        let counts = thread::scope(|scope| {
            let (done, wait) = sync_channel::<()>(1);
            let clock = enough.clone();
            // Without it nothing is limited.
            _ = thread::Builder::new().spawn_scoped(scope, move || {
                if wait.recv_timeout(limit).is_err_and(|error| error == RecvTimeoutError::Timeout) {
                    clock.0.store(true, Ordering::Relaxed);
                }
            });
            let counted = self.thread.and_then(|thread| thread.join().ok()).flatten();
            let counts = counted.map_or_else(|| Counts::until(trace, enough.clone()), Ok);
            drop(done);
            counts
        })?;
        Ok((counts, !enough.is_said()))
    }
}

fn count(trace: &Trace, growing: Growing, enough: Enough) -> Option<Counts> {
    let mut both = (Counter::default(), enough);
    let mut replay = Replay::growing(trace, growing, ReplayLimits::default()).ok()?;
    while let ReplayProgress::Paused = replay.run(&mut both).ok()? {
        if both.1.is_said() {
            break;
        }
    }
    both.0.finish().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{Limits, Options, Tracer, Value};

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

    /// A tree of calls, which leaves nothing in the streams: it is counted when the run is over.
    #[test]
    fn counting_ends_at_its_limit() {
        let functions: String =
            (0..40).map(|index| format!("(func (call {0}) (call {0}))", index + 1)).collect();
        let text = format!(r#"(module {functions} (func) (func (export "main") (call 0)))"#);
        let limits = Limits { wall_time: Some(Duration::from_millis(200)), ..Limits::default() };
        let run = |limit: Duration| {
            let options = Options::default().limits(limits.clone());
            let mut session = Tracer::new(options).load(text.as_bytes()).unwrap();
            let counting = session.count_beside();
            session.start().unwrap();
            session.invoke("main", &[]).unwrap();
            let trace = session.finish();
            (counting.finish_within(&trace, limit).unwrap(), trace)
        };
        let ((counts, is_whole), trace) = run(Duration::ZERO);
        assert!(!is_whole && counts.total < trace.calls, "{}", counts.total);
        let ((counts, is_whole), trace) = run(Duration::from_secs(3600));
        assert!(is_whole && counts.total >= trace.calls, "{}", counts.total);
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
