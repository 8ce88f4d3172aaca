//! A trace that is replayed while it is recorded.
//!
//! The run sends what it records in parts, in order. Replay waits where it has used up all decisions that it
//! knows. So it never goes ahead of the run. Whenever it goes on, it knows all records before the next
//! decision, and where the invocation ends if that is before it.
//!
//! Not here: who records and sends (`tracer`, `file`).

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use super::{
    Record, TracePosition,
    cuts::{CutsNoted, Excess},
    limits::PARTS_ON_THE_WAY,
};

/// What was recorded since the last part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) words: Vec<u64>,
    pub(crate) records: Vec<Record>,
}

/// How much was recorded in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) decisions: u64,
    pub(crate) calls: u64,
}

#[derive(Debug)]
enum Sent {
    Part(Part),
    Ended(Ended),
}

/// Where a run sends what it records. A run that is faster than the replay waits, so memory stays bounded.
#[derive(Debug)]
pub(crate) struct Sender(SyncSender<Sent>);

impl Sender {
    /// Whether somebody takes it.
    pub(crate) fn send(&self, part: Part) -> bool {
        self.0.send(Sent::Part(part)).is_ok()
    }

    /// The run is over. Without this a replay fails.
    pub(crate) fn end(self, ended: Ended) {
        // Nobody may take it any more.
        let _ = self.0.send(Sent::Ended(ended));
    }
}

/// What is known so far of a trace that is still recorded.
#[derive(Debug, Clone)]
pub(crate) struct Growing(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    sent: Receiver<Sent>,
    records: VecDeque<Record>,
    noted: CutsNoted,
    cuts: HashMap<u64, TracePosition>,
    ended: Option<Ended>,
    excess: Option<Excess>,
    is_over: bool,
}

/// What came while replay waited.
pub(super) enum Grown {
    /// Words, and where the invocation ends if that is known.
    Words(Vec<u64>, Option<u64>),
    /// The invocation ends where replay is.
    Cut,
    Over,
}

impl Growing {
    /// A trace of which nothing is known yet, and where what is recorded goes.
    pub(crate) fn new() -> (Self, Sender) {
        let (sender, sent) = sync_channel(PARTS_ON_THE_WAY);
        let known = Known {
            sent,
            records: VecDeque::new(),
            noted: CutsNoted::default(),
            cuts: HashMap::new(),
            ended: None,
            excess: None,
            is_over: false,
        };
        (Self(Arc::new(Mutex::new(known))), Sender(sender))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for words after decision number `position`, in the invocation of this number.
    pub(super) fn wait(&self, invocation: Option<u64>, position: u64) -> Grown {
        let mut known = self.lock();
        loop {
            let cut = |known: &Known| known.cuts.get(&invocation?).map(|place| place.bits);
            if cut(&known) == Some(position) {
                return Grown::Cut;
            }
            match known.receive() {
                None => return Grown::Over,
                Some(words) if words.is_empty() => {}
                Some(words) => return Grown::Words(words, cut(&known)),
            }
        }
    }

    /// The next record, if it is known.
    pub(super) fn record(&self) -> Option<Record> {
        self.lock().records.pop_front()
    }

    /// Where invocation `number` is cut short, if that is known.
    pub(crate) fn cut(&self, number: u64) -> Option<TracePosition> {
        self.lock().cuts.get(&number).copied()
    }

    /// How much was recorded, once the run is over.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.lock().ended
    }

    /// Why nothing more is taken, if the run is not over.
    pub(super) fn excess(&self) -> Option<Excess> {
        self.lock().excess
    }
}

impl Known {
    /// The words of the next part, whose records are noted; `None` if no more come.
    fn receive(&mut self) -> Option<Vec<u64>> {
        if self.is_over {
            return None;
        }
        match self.sent.recv() {
            Ok(Sent::Part(Part { words, records })) => {
                self.note(records);
                (!self.is_over).then_some(words)
            }
            Ok(Sent::Ended(ended)) => {
                (self.ended, self.is_over) = (Some(ended), true);
                None
            }
            Err(_) => {
                self.is_over = true;
                None
            }
        }
    }

    fn note(&mut self, records: Vec<Record>) {
        for record in &records {
            match self.noted.note(record, self.cuts.len()) {
                Ok(None) => {}
                Ok(Some((number, place))) => {
                    self.cuts.insert(number, place);
                }
                Err(excess) => (self.excess, self.is_over) = (Some(excess), true),
            }
        }
        self.records.extend(records);
    }
}
