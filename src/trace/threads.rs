//! Threads of a run: which of them goes on, and what is kept of the others meanwhile.

use std::{collections::HashMap, mem};

use crate::module::Meeting;

use super::{FuncKey, Record, Trace};

/// The thread that the host calls in.
pub const MAIN: u32 = 0;

/// What is kept for each thread, but for the one that runs, whose own is elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Threads<T> {
    current: u32,
    parked: HashMap<u32, T>,
}

impl<T: Default> Threads<T> {
    /// While this thread runs, with nothing kept of others.
    pub fn at(current: u32) -> Self {
        Self { current, parked: HashMap::new() }
    }

    /// The thread that runs.
    pub fn current(&self) -> u32 {
        self.current
    }

    /// Whether the thread runs that the host calls in.
    pub fn is_main(&self) -> bool {
        self.current == MAIN
    }

    /// Another thread goes on: `here` is put away, and what was kept for that thread takes its place.
    pub fn switch(&mut self, to: u32, here: &mut T) {
        let next = self.parked.remove(&to).unwrap_or_default();
        self.parked.insert(self.current, mem::replace(here, next));
        self.current = to;
    }

    /// Number of the threads for which something is kept.
    pub fn len(&self) -> usize {
        self.parked.len()
    }

    /// Whether nothing is kept for any other thread.
    pub fn is_empty(&self) -> bool {
        self.parked.is_empty()
    }

    /// What is kept for the others.
    pub fn parked(&self) -> impl Iterator<Item = &T> {
        self.parked.values()
    }

    /// The same with the number of each, in no order.
    pub fn others(&self) -> impl Iterator<Item = (u32, &T)> {
        self.parked.iter().map(|(&number, kept)| (number, kept))
    }

    /// The same, to be changed.
    pub(crate) fn parked_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.parked.values_mut()
    }

    /// As [`Self::switch`]. Nothing is kept of a thread that has ended, by what there is of it.
    pub fn leave(&mut self, to: u32, here: &mut T, has_ended: impl Fn(&T) -> bool) {
        let from = self.current;
        self.switch(to, here);
        if from != MAIN && self.parked.get(&from).is_some_and(has_ended) {
            self.parked.remove(&from);
        }
    }
}

impl Trace {
    /// The host functions that the sample called, in the order of their calls.
    pub fn host_calls(&self) -> impl Iterator<Item = FuncKey> + '_ {
        self.record_stream().filter_map(|record| match *record {
            Record::HostCall { func } if !self.is_meeting(func) => Some(func),
            _ => None,
        })
    }

    /// Whether a host function is one of ours, which atomic operators and loops ask.
    pub fn is_meeting(&self, func: FuncKey) -> bool {
        self.meetings().is_some_and(|meetings| meetings.of(func).is_some())
    }

    /// The functions that atomic operators and loops ask, if they do.
    pub(crate) fn meetings(&self) -> Option<Meetings> {
        let [instance] = &self.instances[..] else { return None };
        let module = self.modules.get(instance.module)?;
        let first = FuncKey(module.imported_functions());
        let is_there = |count: &u32| {
            let last = first.0.checked_add(count - 1).filter(|&last| last < instance.first_key.0);
            last.is_some_and(|last| self.hosts.contains_key(&FuncKey(last)))
        };
        // In traces of before loops asked there is one fewer.
        let count = [Meeting::COUNT, Meeting::COUNT - 1].into_iter().find(is_there)?;
        module.is_threaded().then_some(Meetings { first, count })
    }
}

/// The functions of ours that a run asked: they stand behind those that the sample imports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meetings {
    first: FuncKey,
    count: u32,
}

impl Meetings {
    /// The key of the one that is asked so; `None` if nobody asks that.
    #[inline(always)]
    pub(crate) fn key(self, meeting: Meeting) -> Option<FuncKey> {
        let number = meeting as u32;
        (number < self.count).then_some(FuncKey(self.first.0 + number))
    }

    /// What is asked of this one.
    pub(crate) fn of(self, key: FuncKey) -> Option<Meeting> {
        let number = key.0.checked_sub(self.first.0).filter(|&number| number < self.count)?;
        Meeting::ALL.get(number as usize).copied()
    }
}
