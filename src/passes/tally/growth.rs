//! What was done to sizes: growth of memory, bulk operations.

use crate::{
    module::Opcode,
    trace::{ExecutedBlock, ExecutedFunction, Visitor},
};

/// What a function or an entry point did to sizes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::passes) struct Grown {
    /// Pages that `memory.grow` added.
    pub(in crate::passes) pages: u64,
    /// `memory.grow` that were refused.
    pub(in crate::passes) refused: u64,
    /// Bytes and elements of bulk operations.
    pub(in crate::passes) bulk_len: u64,
}

impl Grown {
    /// Refused if the result is -1 in either index type.
    fn grow(&mut self, delta: u64, result: u64) {
        if result == u64::MAX || result == u64::from(u32::MAX) {
            self.refused += 1;
        } else {
            self.pages = self.pages.saturating_add(delta);
        }
    }

    fn bulk(&mut self, len: u64) {
        self.bulk_len = self.bulk_len.saturating_add(len);
    }
}

/// Counts it.
#[derive(Debug)]
pub(in crate::passes) struct Growth {
    memory_grow: Option<Opcode>,
    /// By the ordinal of the function.
    functions: Vec<Grown>,
    /// Of the current entry point.
    now: Grown,
}

impl Growth {
    pub(super) fn new() -> Self {
        Self {
            memory_grow: Opcode::from_mnemonic("memory.grow"),
            functions: Vec::new(),
            now: Grown::default(),
        }
    }

    /// What a function did.
    pub(in crate::passes) fn of(&self, ordinal: usize) -> Grown {
        self.functions.get(ordinal).copied().unwrap_or_default()
    }

    /// What the current entry point did; the next begins.
    pub(super) fn take(&mut self) -> Grown {
        std::mem::take(&mut self.now)
    }
}

impl Visitor for Growth {
    fn load(&mut self, _: ExecutedFunction<'_>) {
        self.functions.push(Grown::default());
    }

    fn grow(&mut self, run: ExecutedBlock<'_>, delta: u64, result: u64) {
        if run.last().map(|op| op.opcode) == self.memory_grow
            && let Some(function) = self.functions.get_mut(run.function().ordinal())
        {
            self.now.grow(delta, result);
            function.grow(delta, result);
        }
    }

    fn bulk(&mut self, run: ExecutedBlock<'_>, _: u64, _: u64, len: u64) {
        self.now.bulk(len);
        if let Some(function) = self.functions.get_mut(run.function().ordinal()) {
            function.bulk(len);
        }
    }
}
