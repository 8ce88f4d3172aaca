//! Threads ask their host to begin, to wait, to tell and to give way; this is what it answers.

use std::{collections::VecDeque, ops::Range};

use crate::{module::Meeting, trace::MAIN};

use super::{
    host::{Caller, HostError, HostFn, capture, func_of},
    limits::{LEAST_ROUNDS, LONGEST_TURN, MOST_ROUNDS, ROUNDS_ALONE, SHORTEST_TURN, TURN_ALONE},
    threads::{Start, State, ThreadCall, Threads, Wait},
    value::{Value, to_engine},
};

impl Caller<'_> {
    fn threads(&mut self) -> Option<&mut Threads> {
        self.caller.data_mut().threads.as_mut()
    }

    /// Whether the sample's threads take turns.
    pub(crate) fn has_threads(&self) -> bool {
        self.caller.data().threads.is_some()
    }

    /// The number of the thread that calls.
    pub(crate) fn thread(&self) -> u32 {
        self.caller.data().threads.as_ref().map_or(MAIN, |threads| threads.current)
    }

    /// The number that the next thread gets.
    pub(crate) fn next_thread(&self) -> u32 {
        self.caller.data().threads.as_ref().map_or(1, |threads| threads.begun + 1)
    }

    /// Begins a thread that calls these functions one after the other. One without arguments of its own gets
    /// the result of the one before. Gives its number. `None` if one of them is not there or does not take
    /// its arguments, or if there are too many threads.
    pub(crate) fn spawn(&mut self, starts: &[(Start, Option<Vec<Value>>)]) -> Option<u32> {
        let mut steps = VecDeque::new();
        for (start, args) in starts {
            let func = match start {
                Start::Export(name) => self.caller.get_export(name)?.into_func()?,
                Start::Element(index) => {
                    let table = self.caller.data().table?;
                    func_of(table.get(&self.caller, *index)?)?
                }
            };
            // A thread begins in the sample.
            if !self.caller.data().defines(func) {
                return None;
            }
            let ty = func.ty(&self.caller);
            let takes_result = args.is_none();
            let args = args.as_deref().unwrap_or_default();
            let given: Option<Vec<_>> =
                ty.params().iter().zip(args).map(|(&ty, &value)| to_engine(value, ty.into())).collect();
            let given = given.filter(|given| takes_result || given.len() == ty.params().len())?;
            steps.push_back(ThreadCall { func, args: given, takes_result });
        }
        self.threads()?.begin(steps)
    }

    /// The thread that calls goes on when another has ended.
    pub(crate) fn join(&mut self, thread: u32) {
        if let Some(threads) = self.threads()
            && threads.live.contains_key(&thread)
            && thread != threads.current
        {
            threads.asked = Some(State::Joins(thread));
        }
    }

    /// The thread that calls waits until it is told at an address of the caller's memory, for so long at
    /// most. `None` if it cannot, for it would be for ever.
    pub(crate) fn wait_at(&mut self, address: u64, time_ns: Option<u64>) -> Option<()> {
        let memory = self.caller.data().memory_number;
        let threads = self.threads()?;
        let deadline = time_ns.map(|time| threads.clock.now().saturating_add(time));
        threads.waits += 1;
        let wait = Wait { memory, address, deadline, since: threads.waits, place: None };
        let is_alone = threads.current == MAIN && threads.live.len() == 1;
        if !threads.can_suspend || is_alone {
            return None;
        }
        threads.asked = Some(State::Waits(wait));
        Some(())
    }

    /// Tells those that wait at an address of the caller's memory; gives how many.
    pub(crate) fn wake_at(&mut self, address: u64, count: u32) -> u32 {
        let memory = self.caller.data().memory_number;
        self.threads().map_or(0, |threads| threads.wake(memory, address, count))
    }

    /// The thread that calls slept: others go on first.
    pub(crate) fn rest(&mut self) {
        if let Some(threads) = self.threads()
            && threads.live.len() > 1
        {
            threads.asked = Some(State::Rests);
        }
    }

    fn word(&self, at: usize) -> u64 {
        match self.args().get(at) {
            Some(&Value::I32(value)) => u64::from(value as u32),
            Some(&Value::I64(value)) => value as u64,
            _ => 0,
        }
    }
}

/// The functions that atomic operators and loops ask.
impl HostFn for Meeting {
    fn call(&self, call: &mut Caller<'_>) -> Result<(), HostError> {
        match self {
            Self::Wait => wait(call),
            Self::Notify => {
                let (address, count, memory) = (call.word(0), call.word(1) as u32, call.word(2) as u32);
                let woken = call.threads().map_or(0, |threads| threads.wake(memory, address, count));
                call.set_result(0, Value::I32(woken as i32))
            }
            Self::Pass => give_way(call, SHORTEST_TURN..LONGEST_TURN, TURN_ALONE),
            Self::Round => give_way(call, LEAST_ROUNDS..MOST_ROUNDS, ROUNDS_ALONE),
        }
    }
}

/// Lets another thread go on, if there is one; gives after how many operators the next may.
fn give_way(call: &mut Caller<'_>, turns: Range<u64>, alone: u64) -> Result<(), HostError> {
    let Some(threads) = call.threads() else { return Ok(()) };
    let mut turn = alone;
    if threads.live.len() > 1 {
        turn = turns.start + threads.random() % (turns.end - turns.start);
        threads.asked = Some(State::Ready);
    }
    call.set_result(0, Value::I32(turn as i32))
}

fn wait(call: &mut Caller<'_>) -> Result<(), HostError> {
    let (address, time, is_equal) = (call.word(0), call.word(1) as i64, call.word(2) != 0);
    let (memory, place) = (call.word(3) as u32, (call.word(4) as u32, call.word(5) as u32));
    if !is_equal {
        return call.set_result(0, Value::I32(1));
    }
    let Some(threads) = call.threads() else { return Ok(()) };
    let deadline = u64::try_from(time).ok().map(|time| threads.clock.now().saturating_add(time));
    threads.waits += 1;
    let wait = Wait { memory, address, deadline, since: threads.waits, place: Some(place) };
    let is_alone = threads.current == MAIN && threads.live.len() == 1;
    if threads.can_suspend && !is_alone {
        threads.asked = Some(State::Waits(wait));
        return Ok(());
    }
    match deadline {
        Some(deadline) => {
            threads.clock.advance_to(deadline);
            call.set_result(0, Value::I32(2))
        }
        None => {
            if let Some(capture) = capture(&mut call.caller) {
                capture.note_deadlock(place);
            }
            Err(HostError::new("deadlock"))
        }
    }
}
