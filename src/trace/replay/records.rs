//! The records as replay needs them: the next one in sight, and the places where invocations are cut short.
//! These must be known when the invocations begin.

use std::borrow::Cow;

use super::super::{Record, RecordStream, ReplayErrorKind, TracePosition, cuts::CutsNoted, growing::Growing};

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

    /// Looks again for a next record, of a trace that grows.
    pub(super) fn refresh(&mut self) {
        if self.next.is_none() {
            self.next = self.stream.next();
        }
    }

    pub(crate) fn take(&mut self) -> Option<Cow<'t, Record>> {
        let next = self.stream.next();
        self.position += u64::from(self.next.is_some());
        std::mem::replace(&mut self.next, next)
    }
}

/// The places where invocations are cut short other than by a host function, by their number.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    known: Vec<(u64, TracePosition)>,
    /// Those that are not known yet.
    growing: Option<Growing>,
}

impl Cuts {
    /// Looks through records. `open` invocations, the last of them before number `begun`, were begun before
    /// the first; their ends are not noted.
    pub(crate) fn of<'r>(
        records: impl Iterator<Item = Cow<'r, Record>>,
        open: usize,
        begun: u64,
    ) -> Result<Self, ReplayErrorKind> {
        let (mut known, mut noted) = (Vec::new(), CutsNoted::at(open, begun));
        for record in records {
            known.extend(noted.note(&record, known.len())?);
        }
        known.sort_unstable_by_key(|cut| cut.0);
        Ok(Self { known, growing: None })
    }

    /// Of a trace that is still recorded.
    pub(super) fn growing(growing: Growing) -> Self {
        Self { known: Vec::new(), growing: Some(growing) }
    }

    /// Where invocation `number` is cut short.
    pub(crate) fn of_invocation(&self, number: u64) -> Option<TracePosition> {
        if let Some(growing) = &self.growing {
            return growing.cut(number);
        }
        let position = self.known.binary_search_by_key(&number, |cut| cut.0).ok()?;
        self.known.get(position).map(|cut| cut.1)
    }
}
