//! Threads of a sample: green ones, on one thread of the host.
//!
//! Each has a stack of its own in the engine and values of its own for all globals. Memories, tables and
//! functions are those of the one instance. A thread goes on until a host function suspends it. It waits
//! then, joins or sleeps, or it is another's turn, which the seed decides.
//!
//! Not here: the turns of threads (`schedule`), their questions to the host (`meetings`), and the imports
//! that begin them (`sandbox`).

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use wasmspoor_hooks as engine;

use crate::{
    module::{CodeOffset, FuncIndex, Place},
    trace::MAIN,
};

use super::limits::{THREAD_GLOBALS, THREADS_AT_ONCE, THREADS_IN_ALL};

/// The virtual time that threads wait by.
pub(crate) trait Clock: Send + Sync {
    /// Nanoseconds so far.
    fn now(&self) -> u64;

    /// Lets time pass up to then.
    fn advance_to(&self, ns: u64);
}

/// A clock that nothing else looks at.
#[derive(Debug, Default)]
pub(crate) struct OwnClock(Mutex<u64>);

impl Clock for OwnClock {
    fn now(&self) -> u64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance_to(&self, ns: u64) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = ns.max(*now);
    }
}

/// By what threads take turns.
pub(crate) struct Turns {
    pub(crate) seed: u64,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A function that a thread calls.
#[derive(Debug)]
pub(super) struct ThreadCall {
    pub(super) func: engine::Func,
    pub(super) args: Vec<engine::Val>,
    /// Its only argument is the result of the step before.
    pub(super) takes_result: bool,
}

/// How a step of a thread is named by who begins it.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// An export.
    Export(Box<str>),
    /// The function at an index of the table.
    Element(u64),
}

/// Why a thread does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It does when it is its turn.
    Ready,
    Waits(Wait),
    /// Until another has ended.
    Joins(u32),
    /// Until nobody else can go on.
    Rests,
}

/// A wait that is told of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) memory: u32,
    pub(super) address: u64,
    pub(super) deadline: Option<u64>,
    /// Waits before it.
    pub(super) since: u64,
    /// Position of the function, and offset in its body; `None` if a host function waits for the sample.
    pub(super) place: Option<(u32, u32)>,
}

/// A thread that has not ended.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) state: State,
    /// What it still calls; the first is the one that runs.
    pub(super) steps: VecDeque<ThreadCall>,
    /// Where it is suspended; `None` if it has not begun.
    pub(super) call: Option<engine::ResumableCallHostTrap>,
    /// The results that it is resumed with.
    pub(super) given: Vec<engine::Val>,
}

/// A thread that waits for something that does not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Its number; 0 is the one that the entry point runs in.
    pub thread: u32,
    /// The address that it wants to be told of; `None` if it waits for a thread to end.
    pub address: Option<u64>,
    /// What stands there: of many locks the thread that holds them.
    pub value: Option<u32>,
    /// The thread whose end it waits for, or whose number stands at the address, if there is one.
    pub on: Option<u32>,
    /// Where it waits.
    pub site: Option<Place>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {} waits", self.thread)?;
        match (self.address, self.value) {
            (Some(address), Some(value)) => write!(f, " at {address:#x}, where {value} stands")?,
            (Some(address), None) => write!(f, " at {address:#x}")?,
            _ => {}
        }
        if let Some(on) = self.on {
            write!(f, ", for thread {on}")?;
        }
        if let Some(Place { function, offset }) = self.site {
            write!(f, " (wasm-function[{function}]:{:#x})", offset.0)?;
        }
        Ok(())
    }
}

/// Threads of a session.
pub(super) struct Threads {
    random: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) live: BTreeMap<u32, Thread>,
    pub(super) current: u32,
    pub(super) begun: u32,
    pub(super) waits: u64,
    pub(super) asked: Option<State>,
    /// The invocation that runs can be suspended.
    pub(super) can_suspend: bool,
    /// Globals that can change, with their first values, and with those of the threads that do not run.
    pub(super) globals: Vec<engine::Global>,
    pub(super) initial: Vec<engine::Val>,
    pub(super) parked: BTreeMap<u32, Vec<engine::Val>>,
    /// Who waited for whom when nobody could go on.
    pub(super) deadlocks: Vec<Vec<Blocked>>,
    /// Threads that could not begin because there were too many.
    pub(super) refused: u64,
}

impl Threads {
    pub(super) fn new(turns: Turns) -> Self {
        Self {
            random: turns.seed,
            clock: turns.clock,
            live: BTreeMap::new(),
            current: MAIN,
            begun: 0,
            waits: 0,
            asked: None,
            can_suspend: false,
            globals: Vec::new(),
            initial: Vec::new(),
            parked: BTreeMap::new(),
            deadlocks: Vec::new(),
            refused: 0,
        }
    }

    /// The next random number, of splitmix64.
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// Adds a thread; `None` if there are too many.
    pub(super) fn begin(&mut self, steps: VecDeque<ThreadCall>) -> Option<u32> {
        let most = THREADS_AT_ONCE.min(THREAD_GLOBALS / self.globals.len().max(1));
        if self.live.len() >= most || self.begun >= THREADS_IN_ALL {
            self.refused += 1;
            return None;
        }
        self.begun += 1;
        self.live.insert(self.begun, Thread::new(steps));
        Some(self.begun)
    }

    /// Whether another thread could go on now.
    fn has_other(&self) -> bool {
        self.live.iter().any(|(&number, thread)| number != self.current && thread.state == State::Ready)
    }

    /// Whether the host function that gives these results suspends its caller. It asked for that, or it is
    /// another's turn.
    pub(super) fn suspends(&mut self, asked: Option<State>, results: &[engine::Val]) -> bool {
        if !self.can_suspend {
            return false;
        }
        // One call of four gives way: a program that only calls the host shows its orders so.
        let gives_way = |threads: &mut Self| threads.has_other() && threads.random().is_multiple_of(4);
        let state = match asked {
            Some(state) => state,
            None if gives_way(self) => State::Ready,
            None => return false,
        };
        let Some(thread) = self.live.get_mut(&self.current) else { return false };
        (thread.state, thread.given) = (state, results.to_vec());
        true
    }

    /// Wakes those that wait at an address, the longest first; gives how many.
    pub(super) fn wake(&mut self, memory: u32, address: u64, count: u32) -> u32 {
        let mut waiting: Vec<(u64, u32)> = Vec::new();
        for (&number, thread) in &self.live {
            if let State::Waits(wait) = thread.state
                && (wait.memory, wait.address) == (memory, address)
            {
                waiting.push((wait.since, number));
            }
        }
        waiting.sort_unstable();
        waiting.truncate(count as usize);
        for (_, number) in &waiting {
            self.ready(*number, Some(0));
        }
        waiting.len() as u32
    }

    /// A thread can go on, with this result if it has one.
    pub(super) fn ready(&mut self, number: u32, result: Option<i32>) {
        if let Some(thread) = self.live.get_mut(&number) {
            // A host function that waits has its own results.
            let is_operator = matches!(thread.state, State::Waits(wait) if wait.place.is_some());
            thread.state = State::Ready;
            if let Some(result) = result.filter(|_| is_operator) {
                thread.given = vec![engine::Val::I32(result)];
            }
        }
    }

    /// Wakes those whose time is over.
    pub(super) fn wake_late(&mut self) {
        let now = self.clock.now();
        let is_late = |wait: &Wait| wait.deadline.is_some_and(|deadline| deadline <= now);
        let late = |(&number, thread): (&u32, &Thread)| match thread.state {
            State::Waits(wait) if is_late(&wait) => Some(number),
            _ => None,
        };
        let late: Vec<u32> = self.live.iter().filter_map(late).collect();
        late.into_iter().for_each(|number| self.ready(number, Some(2)));
    }

    /// A thread has ended: those that join it can go on.
    pub(super) fn end(&mut self, number: u32) {
        self.live.remove(&number);
        for thread in self.live.values_mut().filter(|thread| thread.state == State::Joins(number)) {
            thread.state = State::Ready;
        }
    }
}

impl Thread {
    pub(super) fn new(steps: VecDeque<ThreadCall>) -> Self {
        Self { state: State::Ready, steps, call: None, given: Vec::new() }
    }
}

impl Wait {
    /// Where it is in the sample.
    pub(super) fn site(&self, module: &crate::module::Module) -> Option<Place> {
        let (position, offset) = self.place?;
        let function = FuncIndex(module.imported_functions().checked_add(position)?);
        Some(Place { function, offset: CodeOffset(module.body(function)?.start.checked_add(offset)?) })
    }
}
