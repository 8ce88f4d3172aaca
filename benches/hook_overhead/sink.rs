//! Where `flow` puts what it records: in memory, as the tracer does.
//!
//! The work for each word, event and poll is that of `tracer`'s own sink, so that the bench counts it too. It
//! is to copy, to push, and to look at the clock and at the size. Nothing reads the words again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use wasmspoor_hooks::recorder::{Event, Sink};

/// Far more than any workload records.
const CAP_BYTES: u64 = 256 << 20;
/// Far later than any workload ends.
const TIME: Duration = Duration::from_secs(3600);

/// Size of a recorded trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) decisions: u64,
    pub(crate) words: u64,
    pub(crate) events: u64,
}

/// A sink that keeps everything.
pub(crate) struct Memory {
    chunks: Vec<Box<[u64]>>,
    events: Vec<Event>,
    len_bytes: u64,
    deadline: Instant,
    kept: Arc<Kept>,
}

/// How much a sink has kept; readable while the recorder owns the sink.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    words: AtomicU64,
    events: AtomicU64,
}

impl Kept {
    /// Returns the sizes, with what only the recorder knows.
    pub(crate) fn recorded(&self, decisions: u64) -> Recorded {
        Recorded { decisions, words: self.words.load(Relaxed), events: self.events.load(Relaxed) }
    }
}

impl Memory {
    /// Makes an empty sink.
    pub(crate) fn new() -> (Self, Arc<Kept>) {
        let kept = Arc::<Kept>::default();
        let deadline = Instant::now() + TIME;
        (
            Self { chunks: Vec::new(), events: Vec::new(), len_bytes: 0, deadline, kept: Arc::clone(&kept) },
            kept,
        )
    }
}

impl Sink for Memory {
    fn words(&mut self, words: &[u64], _: u64) {
        self.len_bytes += size_of_val(words) as u64;
        self.kept.words.fetch_add(words.len() as u64, Relaxed);
        self.chunks.push(words.into());
    }

    fn event(&mut self, event: Event) {
        self.len_bytes += size_of::<Event>() as u64;
        self.kept.events.fetch_add(1, Relaxed);
        self.events.push(event);
    }

    fn poll(&mut self, _decisions: u64, _words: u64) -> bool {
        Instant::now() >= self.deadline || self.len_bytes > CAP_BYTES
    }
}
