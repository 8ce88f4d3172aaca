//! Sends what is recorded to a replay beside the run.

use crate::trace::{
    Record,
    growing::{Ended, Part, Sender},
};

use super::limits::{BATCH_RECORDS, FED_WORDS};

/// What is sent in parts, and what waits for the next.
#[derive(Debug)]
pub(super) struct Feeder {
    /// None once nobody takes it any more.
    sender: Option<Sender>,
    part: Part,
}

impl Feeder {
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender: Some(sender), part: Part::default() }
    }

    /// Takes words, and the records before them since the last time.
    pub(super) fn take(&mut self, words: &[u64], records: &[Record]) {
        if self.sender.is_none() {
            return;
        }
        self.part.words.extend_from_slice(words);
        self.part.records.extend_from_slice(records);
        if self.part.words.len() >= FED_WORDS || self.part.records.len() >= BATCH_RECORDS {
            self.send();
        }
    }

    fn send(&mut self) {
        let part = std::mem::take(&mut self.part);
        if self.sender.as_ref().is_some_and(|sender| !sender.send(part)) {
            self.sender = None;
        }
    }

    /// The run is over, with these records since the last time.
    pub(super) fn end(mut self, records: &[Record], ended: Ended) {
        self.part.records.extend_from_slice(records);
        self.send();
        if let Some(sender) = self.sender {
            sender.end(ended);
        }
    }
}
