//! States that the host kept to put them back: what a driven call that failed left behind is undone so.
//!
//! Bounded: a trace may come from a stranger, and each state is a look at all memories.

use std::collections::VecDeque;

use crate::trace::effects::MAX_RESTORED_ELEMENTS;

use super::super::{
    error::ValuesErrorKind,
    limits::{MAX_KEPT, MAX_KEPT_BYTES, MAX_KEPT_LOOKS},
    pages::Pages,
    store::{LastThrown, Store},
};
use super::Result;

/// A state: memories, tables, globals.
#[derive(Debug, Clone)]
struct Moment {
    number: u32,
    memories: Vec<Pages>,
    tables: Vec<Vec<u64>>,
    globals: Vec<[u64; 2]>,
    last_thrown: LastThrown,
    /// Bytes that it takes alone.
    taken: u64,
}

/// The states that were kept last.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    moments: VecDeque<Moment>,
    /// Bytes looked at so far.
    looked_at: u64,
}

impl Kept {
    /// Keeps the state of now.
    pub(super) fn keep(&mut self, number: u32, store: &Store) -> Result<()> {
        self.look(store)?;
        let before = self.moments.back();
        let (mut memories, mut taken) = (Vec::new(), 0);
        for (index, memory) in store.memories.iter().enumerate() {
            let before = before.and_then(|before| before.memories.get(index));
            let (pages, more) = Pages::of(&memory.bytes, before);
            memories.push(pages);
            taken += more;
        }
        let tables: Vec<_> = store.tables.iter().map(|table| table.elements.clone()).collect();
        taken += tables.iter().map(|table| size_of_val(&table[..]) as u64).sum::<u64>();
        let globals = store.globals.clone();
        taken += size_of_val(&globals[..]) as u64;
        let last_thrown = store.last_thrown.clone();
        taken += size_of_val(&last_thrown.operands[..]) as u64;
        self.moments.push_back(Moment { number, memories, tables, globals, last_thrown, taken });
        let total = |moments: &VecDeque<Moment>| moments.iter().map(|moment| moment.taken).sum::<u64>();
        while self.moments.len() > MAX_KEPT
            || (self.moments.len() > 1 && total(&self.moments) > MAX_KEPT_BYTES)
        {
            self.moments.pop_front();
        }
        let (given, limit) = (total(&self.moments), MAX_KEPT_BYTES);
        match given > limit {
            true => Err(ValuesErrorKind::TooBig { what: "state kept in bytes", given, limit }),
            false => Ok(()),
        }
    }

    /// Puts a state back.
    pub(super) fn restore(&mut self, number: u32, store: &mut Store) -> Result<()> {
        self.look(store)?;
        let kept = self.moments.iter().rfind(|moment| moment.number == number);
        let kept = kept.ok_or(ValuesErrorKind::Effects("a state that was not kept is put back"))?;
        for (index, memory) in store.memories.iter_mut().enumerate() {
            match kept.memories.get(index) {
                Some(pages) => pages.restore(&mut memory.bytes),
                None => return Err(ValuesErrorKind::Effects("a state is put back that has fewer memories")),
            }
        }
        for (table, kept) in store.tables.iter_mut().zip(&kept.tables) {
            let most = usize::try_from(MAX_RESTORED_ELEMENTS).unwrap_or(usize::MAX);
            for (index, element) in table.elements.iter_mut().take(most).enumerate() {
                *element = kept.get(index).copied().unwrap_or(0);
            }
        }
        for (global, kept) in store.globals.iter_mut().zip(&kept.globals) {
            *global = *kept;
        }
        store.last_thrown.clone_from(&kept.last_thrown);
        Ok(())
    }

    /// Counts a look at all memories and tables.
    fn look(&mut self, store: &Store) -> Result<()> {
        let memories: usize = store.memories.iter().map(|memory| memory.bytes.len()).sum();
        let tables: usize = store.tables.iter().map(|table| size_of_val(&table.elements[..])).sum();
        self.looked_at = self.looked_at.saturating_add((memories + tables) as u64);
        let (given, limit) = (self.looked_at, MAX_KEPT_LOOKS);
        match given > limit {
            true => Err(ValuesErrorKind::TooBig { what: "bytes looked at to keep states", given, limit }),
            false => Ok(()),
        }
    }
}
