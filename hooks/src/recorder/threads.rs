//! Threads of the sample: invocations that a host function suspends and that go on later, each on a stack of
//! its own.
//!
//! A host function suspends the invocation that called it by failing with [`Suspended`]. It has no
//! `HostReturn` then; that comes when it is resumed, with the results that it is given. The records of what
//! runs in between stand between the two, behind a [`Event::Switch`].

use std::fmt;

use crate::{Error, Func, ResumableCall, ResumableCallHostTrap, Store, Val};

use super::{
    End, Event, Place, Recorder,
    engine::{end_with, place, thrown},
};

/// The error with which a host function suspends the invocation that called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspended;

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("suspended")
    }
}

impl wasmi_core::HostError for Suspended {}

/// How far an invocation came.
#[derive(Debug)]
pub enum Progress {
    /// It ended.
    Ended(Result<(), Error>),
    /// A host function suspended it.
    Suspended(ResumableCallHostTrap),
}

/// Begins an invocation of a function that an instance defines, which may be suspended.
pub fn begin<T>(store: &mut Store<T>, func: &Func, params: &[Val], results: &mut [Val]) -> Progress {
    let recorder = store.inner.recorder_mut();
    recorder.event(Event::Invoke { func: func.key() });
    recorder.set_fault(None);
    let outcome = func.call_resumable(&mut *store, params, results);
    progress(store, func, outcome)
}

/// Resumes one with the results of the host function that suspended it.
pub fn resume<T>(
    store: &mut Store<T>,
    call: ResumableCallHostTrap,
    func: &Func,
    given: &[Val],
    results: &mut [Val],
) -> Progress {
    let recorder = store.inner.recorder_mut();
    recorder.event(Event::HostReturn { failed: false });
    recorder.set_fault(None);
    let outcome = call.resume(&mut *store, given, results);
    progress(store, func, outcome)
}

/// Ends one that is suspended and that nobody resumes.
pub fn abandon(recorder: &mut Recorder) {
    let (decisions, calls) = (recorder.decisions(), recorder.calls());
    let place = Place { decisions, calls, depth: 0, site: None, after_decision: false };
    recorder.event(Event::HostReturn { failed: true });
    _ = recorder.take_host_failed();
    recorder.event(Event::End { end: End::HostError, place });
}

fn progress<T>(store: &mut Store<T>, func: &Func, outcome: Result<ResumableCall, Error>) -> Progress {
    if store.inner.recorder_mut().take_suspended() {
        if let Ok(ResumableCall::HostTrap(call)) = outcome {
            return Progress::Suspended(call);
        }
        // A call in place of the first frame is not resumed by the engine: it fails.
        store.inner.recorder_mut().event(Event::HostReturn { failed: true });
    }
    let host_failed = store.inner.recorder_mut().take_host_failed();
    let stopped_at_host = store.inner.recorder_mut().take_stopped_at_host();
    let is_done = matches!(outcome, Ok(ResumableCall::Finished));
    let thrown = if is_done { thrown(store, func) } else { None };
    let outcome = match outcome {
        Ok(ResumableCall::Finished) => Ok(()),
        Ok(ResumableCall::HostTrap(call)) => Err((call.into_host_error(), true)),
        Ok(ResumableCall::OutOfFuel(_)) => Err((Error::from(crate::TrapCode::OutOfFuel), false)),
        Err(error) => Err((error, false)),
    };
    let end = match &outcome {
        Ok(()) => thrown.map_or(End::Returned, End::Thrown),
        Err(_) if stopped_at_host => End::Stopped,
        Err(_) if host_failed => End::HostError,
        Err((_, true)) => End::HostError,
        Err((error, false)) => end_with(error),
    };
    let place = place(store);
    let recorder = store.inner.recorder_mut();
    recorder.event(Event::End { end, place });
    recorder.set_fault(None);
    Progress::Ended(outcome.map_err(|(error, _)| error))
}
