//! A counter that walks late: words wait until somebody must know how many instructions there were.
//!
//! A limit need not be looked at before it can be reached. How many instructions so many decisions and calls
//! can stand for at most is known without a walk. So a run that comes nowhere near its limit is not walked at
//! all. A walk gives the same count whether it comes early or late. Where exceptions are thrown or threads
//! take turns there is no such bound, and each check walks at once.

use std::sync::Arc;

use crate::{
    module::{FuncIndex, Module},
    trace::{FuncKey, Record},
};

use super::{
    super::limits::{MAX_LATE_RECORDS, MAX_LATE_WORDS, SMALL_CODE},
    InstructionCounter,
};

/// Decisions that a word holds at most.
const BITS: u64 = 63;

/// The counter, and what it has not walked yet.
#[derive(Debug)]
pub(in crate::tracer) struct LateCounter {
    counter: InstructionCounter,
    words: Vec<u64>,
    /// Direct calls when it last walked, and now.
    calls_walked: u64,
    calls: u64,
    /// Records since it last walked.
    records: usize,
    /// The most instructions between two steps, known once somebody asked. If nothing bounds it, the greatest
    /// number.
    longest: Option<u64>,
    /// Walks at once.
    #[cfg(test)]
    oracle: InstructionCounter,
}

impl LateCounter {
    pub(in crate::tracer) fn new(module: Arc<Module>, first_key: FuncKey) -> Self {
        Self {
            #[cfg(test)]
            oracle: InstructionCounter::new(Arc::clone(&module), first_key),
            counter: InstructionCounter::new(module, first_key),
            words: Vec::new(),
            calls_walked: 0,
            calls: 0,
            records: 0,
            longest: None,
        }
    }

    /// As [`InstructionCounter::note`].
    pub(in crate::tracer) fn note(&mut self, record: &Record, decisions: u64) -> bool {
        self.records += 1;
        #[cfg(test)]
        self.oracle.note(record, decisions);
        self.counter.note(record, decisions)
    }

    /// Takes words to walk through, after so many direct calls.
    pub(in crate::tracer) fn advance(&mut self, words: &[u64], calls: u64) {
        self.calls = calls;
        self.words.extend_from_slice(words);
        #[cfg(test)]
        self.check(words);
        if self.words.len() >= MAX_LATE_WORDS || self.records >= MAX_LATE_RECORDS {
            self.known();
        }
    }

    /// The counter, when it has walked through all words.
    pub(in crate::tracer) fn known(&mut self) -> &InstructionCounter {
        if !self.words.is_empty() {
            self.counter.advance(&self.words);
            self.words.clear();
        }
        (self.calls_walked, self.records) = (self.calls, 0);
        #[cfg(test)]
        assert_eq!(self.counter.standing(), self.oracle.standing());
        &self.counter
    }

    /// What so much can stand for at most is at least what it stands for.
    #[cfg(test)]
    fn check(&mut self, words: &[u64]) {
        self.oracle.advance(words);
        let entries = self.oracle.entries;
        assert!(self.most() >= self.oracle.total());
        assert!(self.most_of_entry(entries) >= self.oracle.of_entry(entries));
    }

    /// Whether so many instructions were counted.
    pub(in crate::tracer) fn reaches(&mut self, limit: u64) -> bool {
        self.most() >= limit && self.known().total() >= limit
    }

    /// Most instructions that the `entries`-th invocation from the top can have.
    pub(in crate::tracer) fn most_of_entry(&mut self, entries: u64) -> u64 {
        // One that it did not come to yet begins later.
        let counter = &self.counter;
        let began = if counter.entries == entries { counter.entry_began } else { counter.total() };
        self.most() - began
    }

    /// Most instructions that it can come to by walking on. Each step reads a decision, enters or leaves a
    /// function or takes a record; what is entered is left once.
    fn most(&mut self) -> u64 {
        let walked = self.counter.total();
        if self.words.is_empty() {
            return walked;
        }
        // Those of a word that is walked in part are one word more.
        let decisions = BITS * (self.words.len() as u64 + 1);
        let entered = decisions + self.calls.saturating_sub(self.calls_walked);
        let others = self.records + self.counter.records.len() + self.counter.frames.len() + 1;
        let steps = entered.saturating_mul(2).saturating_add(others as u64);
        walked.saturating_add(steps.saturating_mul(self.longest()))
    }

    fn longest(&mut self) -> u64 {
        *self.longest.get_or_insert_with(|| longest(&self.counter.module))
    }
}

/// Most instructions from one step to the next in any function; no bound if exceptions pass landing pads or
/// threads take turns.
fn longest(module: &Module) -> u64 {
    if module.tags().number(0).is_some() || module.is_threaded() {
        return u64::MAX;
    }
    let imported = module.imported_functions();
    let functions = || (imported..imported + module.defined_functions()).map(FuncIndex);
    let bytes = |func: FuncIndex| module.body(func).map_or(0, |body| u64::from(body.end - body.start));
    if functions().map(bytes).sum::<u64>() > SMALL_CODE {
        // An instruction has a byte at least, and a stretch without a step comes to each one once.
        return functions().map(bytes).max().unwrap_or(0).max(1);
    }
    let of = |func| {
        let code = module.code(func).ok()?;
        let ends = code.chains().iter().map(|chain| {
            chain.len + code.blocks().get(chain.end.position()).map_or(0, |block| u64::from(block.len))
        });
        ends.max()
    };
    functions().filter_map(of).max().unwrap_or(0).max(1)
}
