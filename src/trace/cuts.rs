//! Where invocations are cut short, as records say: that must be known before replay comes there.

use super::{
    Record, Threads, TracePosition,
    limits::{MAX_CUTS, MAX_FRAMES, MAX_PARKED_FRAMES, MAX_THREADS},
};

/// What must be kept of records to say where invocations are cut short.
#[derive(Debug, Default)]
pub(crate) struct CutsNoted {
    /// The number of each invocation that is open; none if it was begun before the first record.
    stack: Vec<Option<u64>>,
    threads: Threads<Vec<Option<u64>>>,
    begun: u64,
    has_failed: bool,
}

/// More than a trace may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Frames: more than so many.
    Frames(usize),
    Threads,
    Cuts,
}

impl CutsNoted {
    /// After `open` invocations were begun, the last of them before number `begun`; their ends are not noted.
    pub(crate) fn at(open: usize, begun: u64) -> Self {
        Self { stack: vec![None; open], begun, ..Self::default() }
    }

    /// The next record; `cuts` were found so far. Gives the number of the invocation that it cuts short.
    pub(crate) fn note(
        &mut self,
        record: &Record,
        cuts: usize,
    ) -> Result<Option<(u64, TracePosition)>, Excess> {
        let mut cut = None;
        match record {
            Record::Invoke { .. } if self.stack.len() >= MAX_FRAMES => {
                return Err(Excess::Frames(MAX_FRAMES));
            }
            Record::Invoke { .. } => {
                self.stack.push(Some(self.begun));
                self.begun = self.begun.saturating_add(1);
            }
            Record::End(end) => {
                if let (Some(Some(number)), Some(place), false) =
                    (self.stack.pop(), end.place(), self.has_failed)
                {
                    cut = Some((number, *place));
                }
            }
            Record::Switch { thread } => self.switch(*thread)?,
            _ => {}
        }
        self.has_failed = matches!(*record, Record::HostReturn { failed: true });
        match cut {
            Some(_) if cuts >= MAX_CUTS => Err(Excess::Cuts),
            cut => Ok(cut),
        }
    }

    fn switch(&mut self, thread: u32) -> Result<(), Excess> {
        self.threads.leave(thread, &mut self.stack, Vec::is_empty);
        if self.threads.len() > MAX_THREADS {
            return Err(Excess::Threads);
        }
        if self.threads.parked().map(Vec::len).sum::<usize>() > MAX_PARKED_FRAMES {
            return Err(Excess::Frames(MAX_PARKED_FRAMES));
        }
        Ok(())
    }
}
