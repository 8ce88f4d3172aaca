//! What cut a run short, as limitations.

use super::{Driver, is_of_budget, limits::LONE_WAITS};
use crate::{
    limitation::{Cut, Limitation},
    module::Place,
    sandbox::types::{Entry, EntryEnd},
    trace::{MAIN, Trap},
    tracer::{Blocked, Limit},
};

impl Driver<'_> {
    /// Says what cut the run short.
    pub(super) fn say_stops(&mut self) {
        if let Some((declared, there)) = self.session.memory_not_there() {
            self.limitations.push(Limitation::MemoryNotThere { declared, there });
        }
        if self.session.is_short_of_memory() {
            self.limitations.push(Limitation::MemoryShort);
        }
        if self.session.unwritten() > 0 {
            let count = self.session.unwritten();
            self.limitations.push(Limitation::Cut { what: Cut::HostWrites, count });
        }
        let has_spent = |entry: &&Entry| entry.end == EntryEnd::Trapped { trap: Trap::GrowthLimited };
        let count = self.entries.iter().filter(has_spent).count() as u64;
        let limits = self.session.limits();
        let (near, sparse) = (limits.memory_pages, limits.sparse_pages);
        if count > 0 {
            self.limitations.push(Limitation::MemorySpent { count, near, sparse });
        }
        let has_spent = |entry: &&Entry| entry.end == EntryEnd::Trapped { trap: Trap::ObjectsLimited };
        let count = self.entries.iter().filter(has_spent).count() as u64;
        if count > 0 {
            self.limitations.push(Limitation::ObjectsSpent { count });
        }
        if self.returning.left() > 0 {
            self.limitations.push(Limitation::Cut { what: Cut::Returns, count: self.returning.left() });
        }
        if let Some(limit) = self.session.stopped_by() {
            self.limitations.push(Limitation::RunStopped { limit });
        }
        if self.clock_struck > 0 || self.session.stopped_by() == Some(Limit::WallTime) {
            self.limitations.push(Limitation::WallTime);
        }
        self.say_lacking();
        let (mut deadlocks, refused) = self.session.take_deadlocks();
        self.add_lone_waits(&mut deadlocks);
        self.limitations.extend(deadlocks.into_iter().map(|threads| Limitation::Deadlock { threads }));
        if refused > 0 {
            self.limitations.push(Limitation::ThreadsRefused { count: refused });
        }
        let by_session = self.session.stopped_by();
        let is_own = |entry: &&Entry| match entry.end {
            EntryEnd::Stopped { limit } => is_of_budget(limit) && Some(limit) != by_session,
            _ => false,
        };
        let stopped = self.entries.iter().filter(is_own).count();
        if stopped > 0 {
            self.limitations.push(Limitation::EntriesStopped { count: stopped as u64 });
        }
    }

    /// Adds entry points that wait for ever with no other thread that could wait with them.
    fn add_lone_waits(&self, deadlocks: &mut Vec<Vec<Blocked>>) {
        let is_alone = |entry: &&Entry| entry.end == EntryEnd::Trapped { trap: Trap::Deadlock };
        let sites = self.entries.iter().filter(is_alone).filter_map(|entry| entry.site);
        for site in sites.take(LONE_WAITS) {
            let is_told = deadlocks.iter().flatten().any(|blocked| blocked.site == Some(site));
            if !is_told {
                let lone = Blocked { thread: MAIN, address: None, value: None, on: None, site: Some(site) };
                deadlocks.push(vec![lone]);
            }
        }
    }

    /// Says at which operator that the engine lacks entry points ended.
    fn say_lacking(&mut self) {
        let is_lacking = |entry: &&Entry| entry.end == EntryEnd::Trapped { trap: Trap::Unsupported };
        let lacking: Vec<_> = self.entries.iter().filter(is_lacking).collect();
        let operator = |place: Place| {
            let ops = self.session.module().code(place.function).ok()?.ops();
            let position = ops.binary_search_by_key(&place.offset, |op| op.offset).ok()?;
            Some((ops.get(position)?.opcode.mnemonic(), place))
        };
        if let Some((operator, place)) = lacking.iter().find_map(|entry| operator(entry.site?)) {
            let count = lacking.len() as u64;
            self.limitations.push(Limitation::OperatorLacking { operator, place, count });
        }
    }
}
