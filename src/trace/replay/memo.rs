//! The memory of replay: from a place and the decisions that come next to all that they do.
//!
//! Two shelves. A *chunk* is what the next [`CHUNK_BITS`] decisions (or the rest of a word) do, found by
//! walking them ahead once. A *word* is what a whole word of decisions does, made of the chunks that it was
//! replayed by. An entry says what must hold for it (the frames that it pops, the target before it) and what
//! it changes. A visitor that counts gets each entry once, with how often it came ([`Visitor::stretches`]).
//! So a word of 63 decisions that came before costs one look, and counts are expanded at the end.
//!
//! Entries whose frames differ stand beside each other. The plain walk does whatever would read a record, end
//! an invocation, reach a limit or fail. So errors are those of the plain walk, at the same place.
//!
//! Memory is bounded by [`MAX_CHUNKS`] and the limits beside it. Time is bounded by a `Mood` of each shelf. A
//! search in vain is paid from what was saved, and from an allowance for each word. Where that is not enough,
//! nothing is sought for a while, each time for twice as long. A crafted trace can make it learn in vain, but
//! only as long as words that came before pay for that.
//!
//! Way not taken: chunks only. Eight of them for a word are about as fast as the plain walk of a loop.

use wasmspoor_hooks::recorder::stream;

use super::super::limits::{
    CHUNK_BITS, MAX_CHUNK_STEPS, MAX_CHUNKS, MAX_STRETCH_STACK, MAX_WORD_PARTS, MAX_WORDS, WIDE_CHUNK_BITS,
};
use super::super::map::CodeMap;
use super::super::visitor::stretch::{Kept, Parts, Stretch};
use super::super::{FuncKey, Visitor};
use super::Target;
use super::explore::{Dead, Explored};
use super::shelf::{
    ALLOWANCE, BRANCH_SAVES, Entry, Found, LOOK, MAKE, MAKE_PART, NO_TARGET, STEP_SAVES, Shelf, WORD_SAVES,
};

/// Frames that are compared at once.
const FRAMES_AT_ONCE: usize = 32;

/// The target that a stretch needs before it, and the one that it leaves.
#[derive(Debug, Clone, Copy)]
struct Targets {
    needed: Option<FuncKey>,
    left: Option<Target>,
}

/// How replay stands, as far as a stretch asks.
#[derive(Clone, Copy)]
pub(super) struct Standing<'s> {
    pub(super) frames: &'s [u32],
    pub(super) last: Target,
    /// What may still run: instructions, calls, silent steps, frames on top.
    pub(super) instructions: u64,
    pub(super) calls: u64,
    pub(super) silent: u64,
    pub(super) room: usize,
    /// Decisions left in the window.
    pub(super) left: u32,
    /// Whether decisions come after those.
    pub(super) has_more: bool,
}

impl Standing<'_> {
    /// The frame on top: a function that many call does something else after it for each of them.
    #[inline(always)]
    fn top(&self) -> u32 {
        self.frames.last().copied().unwrap_or(0)
    }

    /// Whether the plain walk would come through without a limit, an end or a pause.
    #[inline(always)]
    fn allows(&self, entry: &Entry) -> bool {
        u64::from(entry.instructions) < self.instructions
            && u64::from(entry.calls) <= self.calls
            && u64::from(entry.silent) < self.silent
            && entry.rise as usize <= self.room
            && (self.has_more || u32::from(entry.width) < self.left)
    }
}

/// Which shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Chunk,
    Word,
}

/// Both shelves.
#[derive(Debug)]
pub(super) struct Memo {
    chunks: Shelf,
    words: Shelf,
    kept: Kept,
    /// The chunks of words.
    ids: Vec<u32>,
    stacks: Vec<u32>,
    targets: Vec<Targets>,
    /// Chunk numbers in order, each a stretch of one part.
    alone: Vec<u32>,
    /// The word that came last.
    last_word: u32,
    /// The most that a chunk does.
    most: Most,
    pub(super) trail: Trail,
}

/// Bounds of what stretches do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Most {
    pub(super) instructions: u64,
    pub(super) silent: u64,
    pub(super) rise: u64,
}

impl Most {
    fn of(Entry { instructions, silent, rise, .. }: Entry) -> Self {
        let [instructions, silent, rise] = [instructions, silent, rise].map(u64::from);
        Self { instructions, silent, rise }
    }

    fn with(self, other: Self, by: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            instructions: by(self.instructions, other.instructions),
            silent: by(self.silent, other.silent),
            rise: by(self.rise, other.rise),
        }
    }
}

/// The word that is being replayed by chunks.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) start: u32,
    pub(super) window: u64,
    /// The frame on top.
    pub(super) top: u32,
    pub(super) chunks: Vec<u32>,
    /// Whether its chunks are all of it so far.
    pub(super) is_whole: bool,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self {
            chunks: Shelf::new(MAX_CHUNKS),
            words: Shelf::new(MAX_WORDS),
            kept: Kept::default(),
            ids: Vec::new(),
            stacks: Vec::new(),
            targets: Vec::new(),
            alone: Vec::new(),
            last_word: 0,
            most: Most::default(),
            trail: Trail::default(),
        }
    }

    /// A word begins; whether chunks are looked for.
    pub(super) fn is_awake(&mut self) -> bool {
        self.chunks.mood.nap == 0 || self.chunks.mood.is_awake()
    }

    /// Whether chunks are looked for, between two words.
    #[inline(always)]
    pub(super) fn stays_awake(&self) -> bool {
        self.chunks.mood.nap == 0
    }

    /// The whole word that is next.
    #[inline(always)]
    pub(super) fn word(&mut self, start: u32, window: u64, standing: Standing<'_>) -> Option<u32> {
        self.chunks.mood.credit += ALLOWANCE;
        if self.words.mood.nap != 0 && !self.words.mood.is_awake() {
            return None;
        }
        let fits = |entry: &Entry| self.fits(entry, standing);
        let is_within = |id: u32| standing.allows(&self.words.entries[id as usize]);
        // In a loop the same comes after the same.
        if let Some(last) = self.words.entries.get(self.last_word as usize)
            && let Some(entry) = self.words.entries.get(last.follower() as usize)
            && entry.bits == window
            && entry.start == start
            && fits(entry)
            && standing.allows(entry)
        {
            self.last_word = last.follower();
            return Some(self.last_word);
        }
        match self.words.find(start, window, standing.top(), fits) {
            Found::Entry(id) if is_within(id) => {
                if let Some(last) = self.words.entries.get_mut(self.last_word as usize) {
                    last.set_follower(id);
                }
                self.last_word = id;
                Some(id)
            }
            _ => {
                self.words.mood.pay(LOOK);
                None
            }
        }
    }

    /// Bounds of what the chunks of one word do together.
    #[inline(always)]
    pub(super) fn most_of_word(&self) -> Most {
        self.most.with(self.most, |most, _| most * u64::from(stream::WORD_BITS))
    }

    /// A chunk that is known, of the usual width.
    #[inline(always)]
    pub(super) fn known(
        &self,
        start: u32,
        (ahead, left): (u64, u32),
        frames: &[u32],
        last: Target,
    ) -> Option<(u32, &Entry)> {
        let (bits, _) = head(ahead, left, CHUNK_BITS);
        let top = frames.last().copied().unwrap_or(0);
        match self.chunks.find(start, bits, top, |entry| self.suits(entry, frames, last)) {
            Found::Entry(id) => Some((id, &self.chunks.entries[id as usize])),
            Found::Dead | Found::Nothing => None,
        }
    }

    /// A word begins that is not known as a whole.
    #[inline(always)]
    pub(super) fn begin_trail(&mut self, start: u32, window: u64, top: u32) {
        self.trail.is_whole = self.words.mood.nap == 0;
        if self.trail.is_whole {
            self.trail.chunks.clear();
            (self.trail.start, self.trail.window, self.trail.top) = (start, window, top);
        }
    }

    /// Chunks saved so much, or cost it.
    #[inline(always)]
    pub(super) fn settle_mood(&mut self, saved: i64) {
        self.chunks.mood.pay(-saved);
    }

    /// The chunk that is next, which `explore` makes of so many decisions if it is not known.
    #[inline(always)]
    pub(super) fn chunk(
        &mut self,
        start: u32,
        ahead: u64,
        standing: Standing<'_>,
        explore: impl Fn(u32) -> Result<Explored, Dead>,
    ) -> Option<u32> {
        for most in [CHUNK_BITS, WIDE_CHUNK_BITS] {
            let (bits, count) = head(ahead, standing.left, most);
            match self.chunks.find(start, bits, standing.top(), |entry| self.fits(entry, standing)) {
                Found::Entry(id) if standing.allows(&self.chunks.entries[id as usize]) => return Some(id),
                Found::Dead if count < standing.left => {}
                Found::Entry(_) | Found::Dead => break,
                Found::Nothing => return self.make_chunk(start, bits, standing, || explore(count)),
            }
        }
        self.chunks.mood.pay(LOOK);
        None
    }

    #[cold]
    #[inline(never)]
    fn make_chunk(
        &mut self,
        start: u32,
        bits: u64,
        standing: Standing<'_>,
        explore: impl FnOnce() -> Result<Explored, Dead>,
    ) -> Option<u32> {
        if self.is_full() {
            self.chunks.mood.pay(LOOK);
            return None;
        }
        let explored = explore();
        let steps = explored.as_ref().map_or_else(|dead| dead.steps, |explored| explored.steps.len());
        self.chunks.mood.pay(MAKE + MAKE_PART * steps as i64);
        let entry = match explored {
            Ok(explored) => self.entry_of(start, bits, standing, &explored)?,
            Err(Dead { is_final: true, .. }) => Entry { bits, start, ..Entry::nothing() },
            Err(Dead { is_final: false, .. }) => return None,
        };
        let id = self.chunks.put(entry, standing.top())?;
        self.alone.push(id);
        self.most = self.most.with(Most::of(entry), u64::max);
        (entry.width > 0 && standing.allows(&entry)).then_some(id)
    }

    fn entry_of(
        &mut self,
        start: u32,
        bits: u64,
        standing: Standing<'_>,
        explored: &Explored,
    ) -> Option<Entry> {
        let instructions = u32::try_from(explored.instructions).ok()?;
        let popped = standing.frames.len().checked_sub(explored.popped)?;
        let (pops, pushes) =
            (u16::try_from(explored.popped).ok()?, u16::try_from(explored.pushed.len()).ok()?);
        let stack = self.stacks.len() as u32;
        self.stacks.extend(&standing.frames[popped..]);
        self.stacks.extend(&explored.pushed);
        let needed = explored.needs_target.then_some(standing.last.key);
        let target = self.target(Targets { needed, left: explored.target });
        // Numbers of entries and of parts are the same: both grow here only.
        self.kept.parts.resize(self.chunks.entries.len(), (0..0, 0..0));
        let has_calls = self.kept.add(&explored.steps);
        let branches = explored.steps.iter().filter(|step| step.kind.is_branch()).count();
        Some(Entry {
            bits,
            times: 0,
            start,
            next: explored.next,
            instructions,
            calls: explored.calls,
            silent: explored.silent,
            rise: explored.rise,
            stack,
            pops,
            pushes,
            target,
            first: self.chunks.entries.len() as u32,
            parts: 1,
            width: explored.used as u8,
            has_calls,
            of_kind: explored.steps.len() as u32 * STEP_SAVES + branches as u32 * BRANCH_SAVES,
        })
    }

    fn target(&mut self, targets: Targets) -> u32 {
        if targets.left.is_none() {
            return NO_TARGET;
        }
        self.targets.push(targets);
        self.targets.len() as u32 - 1
    }

    /// Whether frames and target are those of the entry.
    #[inline(always)]
    fn fits(&self, entry: &Entry, standing: Standing<'_>) -> bool {
        self.suits(entry, standing.frames, standing.last)
    }

    #[inline(always)]
    fn suits(&self, entry: &Entry, frames: &[u32], last: Target) -> bool {
        (entry.pops == 0 || is_on_top(frames, self.popped(entry)))
            && (entry.target == NO_TARGET
                || self.targets[entry.target as usize].needed.is_none_or(|needed| needed == last.key))
    }

    fn popped(&self, entry: &Entry) -> &[u32] {
        let first = entry.stack as usize;
        &self.stacks[first..first + usize::from(entry.pops)]
    }

    fn pushed(&self, entry: &Entry) -> &[u32] {
        let first = entry.stack as usize + usize::from(entry.pops);
        &self.stacks[first..first + usize::from(entry.pushes)]
    }

    /// A stretch comes: counts it, changes the stack, gives what else it does and the target that it leaves.
    #[inline(always)]
    pub(super) fn take(&mut self, kind: Kind, id: u32, frames: &mut Vec<u32>) -> (Entry, Option<Target>) {
        let entry = match kind {
            Kind::Chunk => *self.chunks.count(id),
            Kind::Word => {
                self.words.mood.credit += WORD_SAVES;
                *self.words.count(id)
            }
        };
        if entry.pops | entry.pushes != 0 {
            frames.truncate(frames.len() - usize::from(entry.pops));
            frames.extend_from_slice(self.pushed(&entry));
        }
        let target = if entry.target == NO_TARGET { None } else { self.targets[entry.target as usize].left };
        (entry, target)
    }

    /// What a visitor sees of an entry.
    #[inline(always)]
    pub(super) fn stretch<'m>(&'m self, map: &'m CodeMap<'m>, kind: Kind, entry: &Entry) -> Stretch<'m> {
        let ids = if kind == Kind::Chunk { &self.alone } else { &self.ids };
        let first = entry.first as usize;
        let parts = Parts { ids: &ids[first..first + usize::from(entry.parts)], kept: &self.kept };
        let instructions = u64::from(entry.instructions);
        Stretch { map, parts, instructions, has_calls: entry.has_calls }
    }

    /// Remembers the word that was replayed by chunks.
    pub(super) fn keep_word(&mut self) {
        let trail = std::mem::take(&mut self.trail);
        self.make_word(&trail);
        self.trail.chunks = trail.chunks;
    }

    #[cold]
    #[inline(never)]
    fn make_word(&mut self, trail: &Trail) {
        let Trail { start, window, top, ref chunks, .. } = *trail;
        let frames = |chunk: &u32| {
            let Entry { pops, pushes, .. } = self.chunks.entries[*chunk as usize];
            i64::from(pops) + i64::from(pushes)
        };
        let frames: i64 = chunks.iter().map(frames).sum();
        self.words.mood.pay(MAKE + MAKE_PART * chunks.len() as i64 + frames / 4);
        let is_full = self.words.is_full()
            || self.ids.len() + chunks.len() > MAX_WORD_PARTS
            || self.stacks.len() >= MAX_STRETCH_STACK
            || self.targets.len() >= MAX_CHUNKS;
        if is_full {
            return;
        }
        if let Some(entry) = self.joined(start, window, chunks)
            && let Some(id) = self.words.put(entry, top)
        {
            self.ids.extend(chunks);
            if let Some(last) = self.words.entries.get_mut(self.last_word as usize) {
                last.set_follower(id);
            }
            self.last_word = id;
        }
    }

    /// One entry that does what some do one after another.
    fn joined(&mut self, start: u32, bits: u64, chunks: &[u32]) -> Option<Entry> {
        let mut entry = Entry { bits, start, ..Entry::nothing() };
        let (mut popped, mut pushed): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut targets = Targets { needed: None, left: None };
        for chunk in chunks {
            let chunk = self.chunks.entries[*chunk as usize];
            entry.instructions = entry.instructions.checked_add(chunk.instructions)?;
            entry.calls = entry.calls.checked_add(chunk.calls)?;
            entry.silent = entry.silent.checked_add(chunk.silent)?;
            entry.width += chunk.width;
            entry.has_calls |= chunk.has_calls;
            entry.next = chunk.next;
            let top = (pushed.len() + chunk.rise as usize).saturating_sub(popped.len());
            entry.rise = entry.rise.max(u32::try_from(top).ok()?);
            // The last of what it pops is on top.
            for &frame in self.popped(&chunk).iter().rev() {
                if pushed.pop().is_none() {
                    popped.push(frame);
                }
            }
            pushed.extend(self.pushed(&chunk));
            if let Some(chunk) = self.targets.get(chunk.target as usize) {
                targets.needed = targets.needed.or(chunk.needed.filter(|_| targets.left.is_none()));
                targets.left = chunk.left.or(targets.left);
            }
        }
        entry.stack = self.stacks.len() as u32;
        (entry.pops, entry.pushes) = (u16::try_from(popped.len()).ok()?, u16::try_from(pushed.len()).ok()?);
        self.stacks.extend(popped.iter().rev());
        self.stacks.extend(&pushed);
        entry.target = self.target(targets);
        (entry.first, entry.parts) = (self.ids.len() as u32, u16::try_from(chunks.len()).ok()?);
        Some(entry)
    }

    fn is_full(&self) -> bool {
        self.chunks.is_full()
            || self.kept.steps.len() >= MAX_CHUNK_STEPS
            || self.stacks.len() >= MAX_STRETCH_STACK
            || self.targets.len() >= MAX_CHUNKS
    }

    /// Tells how often each stretch came since the last time.
    pub(super) fn settle(&mut self, map: &CodeMap<'_>, visitor: &mut impl Visitor) {
        for word in std::mem::take(&mut self.words.pending) {
            let word = &mut self.words.entries[word as usize];
            let (times, first) = (std::mem::take(&mut word.times), word.first as usize);
            for &id in &self.ids[first..first + usize::from(word.parts)] {
                let chunk = &mut self.chunks.entries[id as usize];
                if chunk.times == 0 {
                    self.chunks.pending.push(id);
                }
                chunk.times += times;
            }
        }
        for id in std::mem::take(&mut self.chunks.pending) {
            let entry = self.chunks.entries[id as usize];
            self.chunks.entries[id as usize].times = 0;
            visitor.stretches(self.stretch(map, Kind::Chunk, &entry), entry.times);
        }
    }

    /// After a nap, forgets all if there is no room for more, and tells it before.
    #[inline(always)]
    pub(super) fn refresh(&mut self, map: &CodeMap<'_>, visitor: &mut impl Visitor) {
        if std::mem::take(&mut self.chunks.mood.has_napped) {
            self.forget_if_full(map, visitor);
        }
    }

    #[cold]
    fn forget_if_full(&mut self, map: &CodeMap<'_>, visitor: &mut impl Visitor) {
        if !self.is_full() {
            return;
        }
        self.settle(map, visitor);
        self.chunks.clear();
        self.words.clear();
        self.kept = Kept::default();
        (self.ids, self.stacks, self.targets, self.alone) = Default::default();
        self.most = Most::default();
    }
}

/// Whether a stack ends with some frames. Looked at from the top: what the plain walk would not come to costs
/// nothing.
#[inline(always)]
fn is_on_top(frames: &[u32], top: &[u32]) -> bool {
    if top.len() <= FRAMES_AT_ONCE {
        return frames.ends_with(top);
    }
    let parts = top.rchunks(FRAMES_AT_ONCE).zip(frames.rchunks(FRAMES_AT_ONCE));
    frames.len() >= top.len() && parts.into_iter().all(|(top, frames)| frames.ends_with(top))
}

/// The part of a window that a chunk is known by: its next decisions below a one, and how many they are.
#[inline(always)]
fn head(ahead: u64, len: u32, most: u32) -> (u64, u32) {
    let count = len.min(most);
    (ahead >> (64 - count) | 1 << count, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_compared_from_the_top() {
        let frames: Vec<u32> = (0..100).collect();
        for from in [0, 1, 35, 36, 37, 67, 68, 99, 100] {
            assert!(is_on_top(&frames, &frames[from..]), "{from}");
        }
        assert!(!is_on_top(&frames[1..], &frames) && !is_on_top(&[], &[1]) && is_on_top(&[], &[]));
        for wrong in 0..100 {
            let mut top = frames.clone();
            top[wrong] = 7_777;
            assert!(!is_on_top(&frames, &top), "{wrong}");
        }
    }

    #[test]
    fn words_keep_to_the_bound_of_targets_and_pay_for_frames() {
        let mut memo = Memo::new();
        let target = Targets { needed: None, left: Some(Target { key: FuncKey(1), destination: None }) };
        memo.targets.push(target);
        let chunk = Entry { width: 1, target: 0, parts: 1, pops: 0, pushes: 9, ..Entry::nothing() };
        memo.stacks.resize(9, 0);
        memo.chunks.entries.push(chunk);
        // Words for which there is no place on the shelf, since all begin alike: their targets are not kept.
        for window in 0..3 * MAX_CHUNKS as u64 {
            memo.words.mood.credit = 1_000;
            let trail = Trail { start: 1, window: window % 2, chunks: vec![0; 63], ..Trail::default() };
            memo.make_word(&trail);
            assert_eq!(memo.words.mood.credit, 1_000 - MAKE - 63 * MAKE_PART - 63 * 9 / 4);
        }
        assert!(memo.targets.len() <= MAX_CHUNKS && memo.stacks.len() <= MAX_STRETCH_STACK + 63 * 9);
    }
}
