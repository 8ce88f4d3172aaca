//! The turns of threads: an entry point of a sample that begins threads, from its first call until nobody can
//! go on.
//!
//! While the entry point runs, each turn goes to one of those that can go on, by the seed. When none can, the
//! first whose time is over next does, and the virtual clock goes there. When there is none, the entry point
//! waits for ever, and ends. When it has ended, the others go on as far as they can without it. Work that a
//! thread does beside a program that exits at once would be seen nowhere else. Then they end if it was an
//! exit, and else stay where they are for the entry point that comes next.

use std::mem;

use wasmspoor_hooks::{
    self as engine,
    recorder::threads::{Progress, Suspended, abandon, begin, resume},
};

use crate::trace::{MAIN, Trap, effects::Effect};

use super::{
    host::{self, CallError, HostError, arguments},
    limits::{DEADLOCKS_KEPT, WAKES_AFTER_MAIN},
    outcome::{InvokeError, Outcome},
    session::Session,
    threads::{Blocked, State, Thread, ThreadCall, Threads},
    value::Value,
};

/// What is next.
enum Next {
    Run(u32),
    /// Nobody can go on.
    Nobody,
}

/// How a thread came to its end, or that it did not.
enum Ran {
    Suspended,
    Ended(Outcome),
    /// It ended the whole program.
    EndedAll(Outcome),
}

impl Session {
    fn threads(&mut self) -> Option<&mut Threads> {
        self.store.data_mut().threads.as_mut()
    }

    /// Notes the globals of the instance, as each thread finds them when it begins.
    pub(super) fn prepare_threads(&mut self, instance: engine::Instance) {
        if self.store.data().threads.is_none() {
            return;
        }
        let globals = instance.parts(&self.store).globals.into_iter();
        let globals: Vec<_> = globals.filter(|global| global.ty(&self.store).mutability().is_mut()).collect();
        let initial = globals.iter().map(|global| global.get(&self.store)).collect();
        if let Some(threads) = self.threads() {
            (threads.globals, threads.initial) = (globals, initial);
        }
    }

    /// Calls a function of the instance in the main thread, beside the others.
    pub(super) fn call_beside(&mut self, func: engine::Func, args: &[Value]) -> Result<Outcome, InvokeError> {
        let args = match arguments(&self.store, func, args) {
            Ok(args) => args,
            Err(CallError::Arguments(message)) => return Err(InvokeError::Arguments(message)),
            Err(_) => Vec::new(),
        };
        let main = Thread::new([ThreadCall { func, args, takes_result: false }].into());
        if let Some(threads) = self.threads() {
            threads.live.insert(MAIN, main);
        }
        let (mut outcome, mut exits, mut wakes) = (None, false, 0);
        let mut next = Next::Run(MAIN);
        while !matches!(outcome, Some(Outcome::Stopped { .. })) {
            let ran = match next {
                Next::Nobody if outcome.is_some() => break,
                Next::Nobody => Ran::Ended(self.deadlock()),
                Next::Run(number) => self.run_thread(number),
            };
            let is_main = !matches!(next, Next::Run(number) if number != MAIN);
            match ran {
                Ran::EndedAll(ended) => {
                    outcome.get_or_insert(ended);
                    exits = true;
                    if !is_main {
                        break;
                    }
                }
                Ran::Ended(ended) if is_main || matches!(ended, Outcome::Stopped { .. }) => {
                    outcome.get_or_insert(ended);
                }
                Ran::Suspended | Ran::Ended(_) => {}
            }
            if self.has_stopped() {
                break;
            }
            next = self.next(outcome.is_some(), &mut wakes);
        }
        self.end_thread(MAIN);
        if exits {
            self.end_threads();
        }
        self.change_to(MAIN);
        Ok(outcome.unwrap_or(Outcome::Failed { message: "no thread could go on".into(), site: None }))
    }

    fn has_stopped(&mut self) -> bool {
        self.store.recorder_mut().is_stopping()
    }

    /// Whose turn it is. `is_after`: the entry point has ended.
    fn next(&mut self, is_after: bool, wakes: &mut u32) -> Next {
        let Some(threads) = self.threads() else { return Next::Nobody };
        threads.wake_late();
        let of = |wanted: fn(&State) -> bool| {
            move |(&number, thread): (&u32, &Thread)| wanted(&thread.state).then_some(number)
        };
        let ready: Vec<u32> = threads.live.iter().filter_map(of(|state| *state == State::Ready)).collect();
        if !ready.is_empty() {
            let turn = threads.random() % ready.len() as u64;
            return Next::Run(ready[turn as usize]);
        }
        if is_after {
            *wakes += 1;
            if *wakes > WAKES_AFTER_MAIN {
                return Next::Nobody;
            }
        }
        if let Some(number) = threads.live.iter().find_map(of(|state| *state == State::Rests)) {
            threads.ready(number, None);
            return Next::Run(number);
        }
        let deadline = |(&number, thread): (&u32, &Thread)| match thread.state {
            State::Waits(wait) => Some((wait.deadline?, number)),
            _ => None,
        };
        match threads.live.iter().filter_map(deadline).min() {
            Some((deadline, number)) => {
                threads.clock.advance_to(deadline);
                threads.ready(number, Some(2));
                Next::Run(number)
            }
            None => Next::Nobody,
        }
    }

    /// Lets a thread go on until it is suspended or ends.
    fn run_thread(&mut self, number: u32) -> Ran {
        self.change_to(number);
        loop {
            let Some(thread) = self.threads().and_then(|threads| threads.live.get_mut(&number)) else {
                return Ran::Suspended;
            };
            let Some(step) = thread.steps.front() else { return Ran::Suspended };
            let (func, args) = (step.func, step.args.clone());
            let (call, given) = (thread.call.take(), mem::take(&mut thread.given));
            let mut results: Vec<_> =
                func.ty(&self.store).results().iter().map(|&ty| engine::Val::default_for_ty(ty)).collect();
            self.may_suspend(true);
            let progress = match call {
                Some(call) => {
                    host::note(&mut self.store, &given, Effect::Results, false);
                    resume(&mut self.store, call, &func, &given, &mut results)
                }
                None => {
                    host::note(&mut self.store, &args, Effect::Arguments, false);
                    begin(&mut self.store, &func, &args, &mut results)
                }
            };
            self.may_suspend(false);
            let ran = self.ran(number, progress, &results);
            match ran {
                Some(ran) => return ran,
                None => continue,
            }
        }
    }

    fn may_suspend(&mut self, may: bool) {
        if let Some(threads) = self.threads() {
            threads.can_suspend = may;
        }
    }

    /// What became of a thread; `None` if it calls what comes next.
    fn ran(&mut self, number: u32, progress: Progress, results: &[engine::Val]) -> Option<Ran> {
        let outcome = match progress {
            Progress::Suspended(call) => {
                if let Some(thread) = self.threads().and_then(|threads| threads.live.get_mut(&number)) {
                    thread.call = Some(call);
                }
                return Some(Ran::Suspended);
            }
            Progress::Ended(Ok(())) => match self.capture().take_thrown() {
                Some(thrown) => self.thrown(&thrown),
                None => {
                    host::note(&mut self.store, results, Effect::Results, true);
                    if self.goes_on(number, results) {
                        return None;
                    }
                    Outcome::Returned(results.iter().map(Value::from).collect())
                }
            },
            Progress::Ended(Err(error)) => {
                if error.downcast_ref::<Suspended>().is_some() {
                    let message = "a call in place of its caller cannot be suspended".into();
                    self.threads()?.end(number);
                    return Some(Ran::Ended(Outcome::HostError { message, site: None }));
                }
                let ends_all = error.downcast_ref::<HostError>().is_some_and(HostError::ends_program);
                let outcome = self.outcome(error);
                if ends_all {
                    self.threads()?.end(number);
                    return Some(Ran::EndedAll(outcome));
                }
                outcome
            }
        };
        if let Some(threads) = self.threads() {
            threads.end(number);
        }
        Some(Ran::Ended(outcome))
    }

    /// Whether a thread whose step gave these results has another.
    fn goes_on(&mut self, number: u32, results: &[engine::Val]) -> bool {
        let Some(thread) = self.threads().and_then(|threads| threads.live.get_mut(&number)) else {
            return false;
        };
        thread.steps.pop_front();
        let Some(step) = thread.steps.front_mut() else { return false };
        if step.takes_result {
            step.args = results.iter().take(1).cloned().collect();
        }
        true
    }

    /// Another thread goes on: with its own globals, recorded as its own.
    fn change_to(&mut self, number: u32) {
        let Some(threads) = self.threads() else { return };
        if threads.current == number {
            return;
        }
        let (from, globals) = (mem::replace(&mut threads.current, number), threads.globals.clone());
        let next = threads.parked.remove(&number).unwrap_or_else(|| threads.initial.clone());
        let keeps = from == MAIN || threads.live.contains_key(&from);
        let now: Vec<_> = globals.iter().map(|global| global.get(&self.store)).collect();
        if let Some(threads) = self.threads().filter(|_| keeps) {
            threads.parked.insert(from, now);
        }
        for (global, value) in globals.iter().zip(next) {
            // It is mutable and the value is its own.
            _ = global.set(&mut self.store, value);
        }
        self.store.recorder_mut().switch(number);
    }

    /// Ends a thread where it is.
    fn end_thread(&mut self, number: u32) {
        let Some(thread) = self.threads().and_then(|threads| threads.live.remove(&number)) else { return };
        if thread.call.is_some() {
            self.change_to(number);
            abandon(self.store.recorder_mut());
        }
        if let Some(threads) = self.threads() {
            threads.end(number);
            threads.parked.remove(&number);
        }
    }

    /// Ends all threads but the main one.
    pub(super) fn end_threads(&mut self) {
        let others = |threads: &mut Threads| -> Vec<u32> {
            threads.live.keys().copied().filter(|&number| number != MAIN).collect()
        };
        let others = self.threads().map_or_else(Vec::new, others);
        others.into_iter().for_each(|number| self.end_thread(number));
        self.change_to(MAIN);
    }

    /// The main thread waits for ever.
    fn deadlock(&mut self) -> Outcome {
        let blocked = self.blocked();
        let site = blocked.first().and_then(|first| first.site);
        if let Some(threads) = self.threads()
            && threads.deadlocks.len() < DEADLOCKS_KEPT
        {
            threads.deadlocks.push(blocked);
        }
        self.change_to(MAIN);
        self.capture().deadlock();
        self.end_thread(MAIN);
        Outcome::Trapped { code: Trap::Deadlock, site }
    }

    /// Who waits for whom, the main thread first.
    fn blocked(&self) -> Vec<Blocked> {
        let (Some(threads), Some(instance)) = (&self.store.data().threads, self.instance) else {
            return Vec::new();
        };
        let memories = instance.parts(&self.store).memories;
        let of = |(&thread, kept): (&u32, &Thread)| {
            let blocked = Blocked { thread, address: None, value: None, on: None, site: None };
            match kept.state {
                State::Waits(wait) => {
                    let bytes = memories.get(wait.memory as usize).map(|memory| memory.data(&self.store));
                    let start = usize::try_from(wait.address).ok();
                    let word = bytes.zip(start).and_then(|(bytes, start)| bytes.get(start..)?.first_chunk());
                    let value = word.map(|word| u32::from_le_bytes(*word));
                    let is_other = |on: &u32| *on != thread && *on != MAIN && threads.live.contains_key(on);
                    let site = wait.site(self.module());
                    Some(Blocked {
                        address: Some(wait.address),
                        value,
                        on: value.filter(is_other),
                        site,
                        ..blocked
                    })
                }
                State::Joins(on) => Some(Blocked { on: Some(on), ..blocked }),
                State::Ready | State::Rests => None,
            }
        };
        threads.live.iter().filter_map(of).collect()
    }

    /// The threads that waited for one another, each time that nobody could go on; and threads that could not
    /// begin.
    pub(crate) fn take_deadlocks(&mut self) -> (Vec<Vec<Blocked>>, u64) {
        self.threads().map_or_else(Default::default, |threads| {
            (mem::take(&mut threads.deadlocks), mem::take(&mut threads.refused))
        })
    }
}
