//! A shelf of stretches by place and decisions, and whether it is worth looking into.

use super::super::limits::{LONGEST_NAP, MEMO_PROBES, SHORTEST_NAP};

/// What a shelf may spend before it has saved anything, in about nanoseconds.
pub(super) const START: i64 = 1 << 15;
/// What a look costs that finds nothing.
pub(super) const LOOK: i64 = 16;
/// What an entry costs, and each of its parts.
pub(super) const MAKE: i64 = 128;
pub(super) const MAKE_PART: i64 = 8;
/// The cost that may be spent for each word that is begun: a tenth of what such words take that do not come
/// again.
pub(super) const ALLOWANCE: i64 = 32;
/// What a word saves.
pub(super) const WORD_SAVES: i64 = 32;
/// What a chunk saves: so much for each of its steps, and more for each branch, which a processor seldom
/// foresees where words do not come again. Finding and taking a chunk costs something, too. So a chunk with a
/// branch or two is sooner walked than found.
pub(super) const STEP_SAVES: u32 = 2;
pub(super) const BRANCH_SAVES: u32 = 16;
pub(super) const TAKE: i64 = 48;

/// No target is read.
pub(super) const NO_TARGET: u32 = u32::MAX;

/// What a stretch asks for and does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The decisions, as the shelf knows them.
    pub(super) bits: u64,
    /// How often it came and was not told yet.
    pub(super) times: u64,
    pub(super) start: u32,
    pub(super) next: u32,
    pub(super) instructions: u32,
    pub(super) calls: u32,
    pub(super) silent: u32,
    pub(super) rise: u32,
    /// Where its frames stand: those that it pops, then those that it pushes.
    pub(super) stack: u32,
    pub(super) pops: u16,
    pub(super) pushes: u16,
    /// Its place among the targets.
    pub(super) target: u32,
    /// Where its parts begin.
    pub(super) first: u32,
    pub(super) parts: u16,
    /// Decisions that it takes, in bits.
    pub(super) width: u8,
    pub(super) has_calls: bool,
    /// The fields of each kind, in one place, so that an entry is one line of the cache. They are
    /// [`Self::follower`] of a word, and [`Self::saves`] of a chunk.
    pub(super) of_kind: u32,
}

/// Whether a shelf is worth looking into.
#[derive(Debug)]
pub(crate) struct Mood {
    pub(crate) credit: i64,
    /// Words until it is tried again.
    pub(crate) nap: u32,
    next_nap: u32,
    /// Whether it napped since that was asked.
    pub(crate) has_napped: bool,
}

impl Mood {
    pub(crate) fn new() -> Self {
        Self { credit: START, nap: 0, next_nap: SHORTEST_NAP, has_napped: false }
    }

    /// Something was sought in vain, or made.
    #[inline]
    pub(crate) fn pay(&mut self, cost: i64) {
        // One that saves what it may spend is tried again soon.
        if self.credit > 2 * START {
            (self.credit, self.next_nap) = (2 * START, SHORTEST_NAP);
        }
        self.credit -= cost;
        if self.credit < 0 {
            (self.credit, self.nap, self.has_napped) = (START, self.next_nap, true);
            self.next_nap = self.next_nap.saturating_mul(2).min(LONGEST_NAP);
        }
    }

    /// A word begins; whether it is awake.
    #[inline(always)]
    pub(crate) fn is_awake(&mut self) -> bool {
        self.nap = self.nap.saturating_sub(1);
        self.nap == 0
    }
}

/// Entries by place and decisions.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Number of an entry plus 1, or 0.
    pub(super) slots: Box<[u32]>,
    pub(super) entries: Vec<Entry>,
    pub(super) mood: Mood,
    /// Entries that came and were not told yet.
    pub(super) pending: Vec<u32>,
}

impl Shelf {
    /// Holds at most so many, a power of two.
    pub(super) fn new(most: usize) -> Self {
        Self { slots: vec![0; most * 2].into(), entries: Vec::new(), mood: Mood::new(), pending: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
        self.entries.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() * 2 >= self.slots.len()
    }

    #[inline(always)]
    fn slot(&self, start: u32, bits: u64, top: u32) -> usize {
        let mixed = (bits ^ (u64::from(top) << 32 | u64::from(start)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> 32) as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    pub(super) fn find(&self, start: u32, bits: u64, top: u32, fits: impl Fn(&Entry) -> bool) -> Found {
        let slot = self.slot(start, bits, top);
        for probe in 0..MEMO_PROBES {
            let Some(id) = self.slots[(slot + probe) & (self.slots.len() - 1)].checked_sub(1) else {
                return Found::Nothing;
            };
            let entry = &self.entries[id as usize];
            if entry.bits == bits && entry.start == start {
                // One that takes no decision says that there is none.
                if entry.width == 0 {
                    return Found::Dead;
                }
                if fits(entry) {
                    return Found::Entry(id);
                }
            }
        }
        Found::Nothing
    }

    /// Puts an entry that begins with the frame `top` onto the shelf, if there is room where it is sought.
    pub(super) fn put(&mut self, entry: Entry, top: u32) -> Option<u32> {
        let slot = self.slot(entry.start, entry.bits, top);
        let mask = self.slots.len() - 1;
        let free = (0..MEMO_PROBES).map(|probe| (slot + probe) & mask).find(|&slot| self.slots[slot] == 0);
        let (free, id) = (free.filter(|_| !self.is_full())?, self.entries.len() as u32);
        self.entries.push(entry);
        self.slots[free] = id + 1;
        Some(id)
    }

    /// An entry came once more.
    #[inline(always)]
    pub(super) fn count(&mut self, id: u32) -> &Entry {
        let entry = &mut self.entries[id as usize];
        if entry.times == 0 {
            self.pending.push(id);
        }
        entry.times += 1;
        entry
    }
}

/// What a look found.
pub(super) enum Found {
    Entry(u32),
    /// No stretch begins here with these decisions.
    Dead,
    Nothing,
}

impl Entry {
    /// Of a word: the entry that came after it last.
    #[inline(always)]
    pub(super) fn follower(&self) -> u32 {
        self.of_kind
    }

    /// Of a word: another came after it.
    pub(super) fn set_follower(&mut self, id: u32) {
        self.of_kind = id;
    }

    /// Of a chunk: what is saved each time that it comes.
    #[inline(always)]
    pub(super) fn saves(&self) -> u32 {
        self.of_kind
    }

    /// One that does nothing.
    pub(super) fn nothing() -> Self {
        Self {
            bits: 0,
            times: 0,
            start: 0,
            next: 0,
            instructions: 0,
            calls: 0,
            silent: 0,
            rise: 0,
            stack: 0,
            pops: 0,
            pushes: 0,
            target: NO_TARGET,
            first: 0,
            parts: 0,
            width: 0,
            has_calls: false,
            of_kind: 0,
        }
    }
}
