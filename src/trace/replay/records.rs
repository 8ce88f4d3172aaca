//! The records as replay needs them: the next one in sight, and where invocations are cut short, which must
//! be known when they begin.

use std::borrow::Cow;

use super::super::limits::{MAX_CUTS, MAX_FRAMES, MAX_PARKED_FRAMES, MAX_THREADS};
use super::super::{Record, RecordStream, ReplayErrorKind, Threads, TracePosition};

/// The records, the next of them in sight.
#[derive(Debug)]
pub(crate) struct Pull<'t> {
    stream: RecordStream<'t>,
    next: Option<Cow<'t, Record>>,
    /// Number of the next record.
    pub(crate) position: u64,
}

impl<'t> Pull<'t> {
    /// `stream` begins with record number `position`.
    pub(crate) fn new(mut stream: RecordStream<'t>, position: u64) -> Self {
        let next = stream.next();
        Self { stream, next, position }
    }

    pub(crate) fn peek(&self) -> Option<&Record> {
        self.next.as_deref()
    }

    pub(crate) fn take(&mut self) -> Option<Cow<'t, Record>> {
        let next = self.stream.next();
        self.position += u64::from(self.next.is_some());
        std::mem::replace(&mut self.next, next)
    }
}

/// Where invocations are cut short other than by a host function, by their number.
#[derive(Debug, Default)]
pub(crate) struct Cuts(Vec<(u64, TracePosition)>);

impl Cuts {
    /// Looks through records. `open` invocations, the last of them before number `begun`, were begun before
    /// the first; their ends are not noted.
    pub(crate) fn of<'r>(
        records: impl Iterator<Item = Cow<'r, Record>>,
        open: usize,
        mut begun: u64,
    ) -> Result<Self, ReplayErrorKind> {
        let (mut cuts, mut stack, mut failed) = (Vec::new(), vec![None; open], false);
        let mut threads = Threads::default();
        for record in records {
            match &*record {
                Record::Invoke { .. } if stack.len() >= MAX_FRAMES => {
                    return Err(ReplayErrorKind::TooDeep { limit: MAX_FRAMES });
                }
                Record::Invoke { .. } => {
                    stack.push(Some(begun));
                    begun = begun.saturating_add(1);
                }
                Record::End(end) => {
                    if let (Some(Some(number)), Some(place), false) = (stack.pop(), end.place(), failed) {
                        cuts.push((number, *place));
                    }
                }
                Record::Switch { thread } => {
                    threads.leave(*thread, &mut stack, Vec::is_empty);
                    if threads.len() > MAX_THREADS {
                        return Err(ReplayErrorKind::TooManyThreads { limit: MAX_THREADS });
                    }
                    if threads.parked().map(Vec::len).sum::<usize>() > MAX_PARKED_FRAMES {
                        return Err(ReplayErrorKind::TooDeep { limit: MAX_PARKED_FRAMES });
                    }
                }
                _ => {}
            }
            if cuts.len() > MAX_CUTS {
                return Err(ReplayErrorKind::TooManyCuts { limit: MAX_CUTS });
            }
            failed = matches!(*record, Record::HostReturn { failed: true });
        }
        cuts.sort_unstable_by_key(|cut| cut.0);
        Ok(Self(cuts))
    }

    /// Where invocation `number` is cut short.
    pub(crate) fn of_invocation(&self, number: u64) -> Option<TracePosition> {
        let position = self.0.binary_search_by_key(&number, |cut| cut.0).ok()?;
        self.0.get(position).map(|cut| cut.1)
    }
}
