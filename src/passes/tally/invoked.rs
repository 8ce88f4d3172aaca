//! Invocations by the host, and which of them come to their first instruction.

use hashbrown::HashSet;

use crate::trace::{FuncKey, Record, Threads, Trace};

/// Follows invocations.
#[derive(Debug)]
pub(super) struct Invoked {
    /// Those that end before their first instruction, by number.
    stillborn: HashSet<u64>,
    /// Invocations so far.
    begun: u64,
    /// A function that was invoked and is loaded next.
    pending: Option<FuncKey>,
}

impl Invoked {
    pub(super) fn of(trace: &Trace) -> Self {
        Self { stillborn: stillborn(trace), begun: 0, pending: None }
    }

    /// The host invokes a function; whether it comes to its first instruction.
    pub(super) fn begin(&mut self, func: FuncKey) -> bool {
        self.begun += 1;
        self.pending = Some(func);
        !self.stillborn.contains(&(self.begun - 1))
    }

    /// Whether this function was invoked and not entered yet.
    pub(super) fn is_pending(&self, func: FuncKey) -> bool {
        self.pending == Some(func)
    }

    /// What was invoked is entered, or ended before.
    pub(super) fn settle(&mut self) {
        self.pending = None;
    }
}

/// Invocations that end before their first instruction, by number.
fn stillborn(trace: &Trace) -> HashSet<u64> {
    let (mut open, mut begun, mut found) = (Vec::new(), 0, HashSet::new());
    let mut threads = Threads::default();
    for record in trace.record_stream() {
        match &*record {
            Record::Invoke { .. } => {
                open.push(begun);
                begun += 1;
            }
            Record::End(end) => {
                let invocation = open.pop();
                let is_stillborn = end.place().is_some_and(|place| place.depth == 0);
                found.extend(invocation.filter(|_| is_stillborn));
            }
            Record::Switch { thread } => threads.leave(*thread, &mut open, Vec::is_empty),
            _ => {}
        }
    }
    found
}
