//! What the counter remembers: where decisions lead from a place, and over how many instructions. A *word* is
//! all decisions of a word, a *chunk* the next few of one: where data is random no word comes again, and few
//! decisions do.
//!
//! Only what was walked from its first decision to its last without a record, the host or the end of an
//! invocation. The blocks in it are marked as seen then, so nothing but a sum is left to do when it comes
//! again.
//!
//! Memory is bounded by [`MAX_STRETCHES`] and [`MAX_STRETCH_FRAMES`]. For time it has a [`Mood`], as the memo
//! of replay has: what is sought in vain is paid by what was saved. Popped frames are compared from the top
//! down, as the walk would pop them. So a look costs no more than the walk that it may save.

use crate::{
    module::{BlockIndex, FuncIndex},
    trace::recorded::Mood,
};

use super::super::limits::{
    COUNTED_FRAMES, MAX_STRETCH_FRAMES, MAX_STRETCHES, STRETCH_FRAMES, STRETCH_PROBES,
};

/// The cost of a look that finds nothing, and the cost to remember something, in about nanoseconds.
const LOOK: i64 = 12;
const MAKE: i64 = 48;

/// What it is worth to remember, in about nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// What is saved when it comes again.
    saves: i64,
    /// The nanoseconds that may be spent each time that one begins: a twentieth of what those take that do
    /// not come again.
    allowance: i64,
}

impl Worth {
    pub(super) const WORD: Self = Self { saves: 48, allowance: 8 };
    pub(super) const CHUNK: Self = Self { saves: 16, allowance: 1 };
}

/// A function and a block of it.
pub(super) type Place = (FuncIndex, BlockIndex);

/// What some decisions do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// The decisions: a whole window, or those of a chunk below a one.
    word: u64,
    /// How many of them it takes.
    pub(super) width: u8,
    start: Place,
    pub(super) next: Place,
    pub(super) instructions: u64,
    /// The target before it, if it matters, and the one that it leaves.
    needed_target: Option<u32>,
    pub(super) left_target: Option<u32>,
    /// Where its frames stand: those that it pops, the first one first, then those that it pushes.
    first: u32,
    pops: u16,
    pushes: u16,
    /// Most frames above where it began.
    rise: u16,
    /// The one that came after it last.
    after: u32,
}

/// How the counter stands before a stretch.
#[derive(Clone, Copy)]
pub(super) struct Standing<'s> {
    pub(super) start: Place,
    pub(super) word: u64,
    pub(super) frames: &'s [Place],
    /// Frames that are not those of this invocation.
    pub(super) base: usize,
    pub(super) last_target: u32,
    pub(super) total: u64,
}

/// The stretch that is being walked.
#[derive(Debug)]
pub(super) struct Trail {
    is_whole: bool,
    word: u64,
    start: Place,
    total: u64,
    target: u32,
    pub(super) has_target: bool,
    /// Frames when it began, at least since, at most since.
    began: usize,
    lowest: usize,
    highest: usize,
    popped: Vec<Place>,
}

impl Trail {
    /// Of nothing.
    fn new() -> Self {
        let start = (FuncIndex(0), BlockIndex(0));
        let (word, total, target, has_target) = (0, 0, 0, false);
        let (began, lowest, highest, popped) = (0, 0, 0, Vec::new());
        Self { is_whole: false, word, start, total, target, has_target, began, lowest, highest, popped }
    }

    /// A frame was popped; so many are left.
    #[inline(always)]
    pub(super) fn pop(&mut self, frame: Place, left: usize) {
        if left < self.lowest {
            self.lowest = left;
            self.note(frame);
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, frame: Place) {
        self.popped.push(frame);
        if self.popped.len() > STRETCH_FRAMES {
            self.stop();
        }
    }

    /// A frame was pushed; so many are there.
    #[inline(always)]
    pub(super) fn push(&mut self, frames: usize) {
        self.highest = self.highest.max(frames);
    }

    fn stop(&mut self) {
        (self.is_whole, self.lowest) = (false, 0);
        self.popped.clear();
    }
}

#[cfg(test)]
thread_local! {
    /// Whether nothing is remembered.
    pub(super) static IS_OFF: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// Words that were gone over at once.
    pub(super) static LEAPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[derive(Debug)]
pub(super) struct Memo {
    /// Number of a stretch plus 1, or 0. None before the first word.
    slots: Box<[u32]>,
    stretches: Vec<Stretch>,
    frames: Vec<Place>,
    /// The stretch that came last.
    last: u32,
    mood: Mood,
    worth: Worth,
    pub(super) trail: Trail,
}

impl Memo {
    pub(super) fn new(worth: Worth) -> Self {
        Self {
            slots: Box::default(),
            stretches: Vec::new(),
            frames: Vec::new(),
            last: 0,
            mood: Mood::new(),
            worth,
            trail: Trail::new(),
        }
    }

    /// What is being walked is not remembered.
    pub(super) fn drop_trail(&mut self) {
        self.trail.stop();
    }

    /// What the next decisions do, if they came before. Else a trail of them begins.
    #[inline(always)]
    pub(super) fn find(&mut self, standing: Standing<'_>) -> Option<Stretch> {
        #[cfg(test)]
        if IS_OFF.get() {
            return None;
        }
        self.mood.credit += self.worth.allowance;
        if self.mood.nap != 0 && !self.mood.is_awake() {
            return None;
        }
        // In a loop the same comes after the same.
        let next = self.stretches.get(self.last as usize).map_or(0, |last| last.after);
        let id = match self.stretches.get(next as usize) {
            Some(stretch) if self.fits(stretch, standing) => next,
            _ => {
                let found = self.seek(standing);
                if let (Some(id), Some(last)) = (found, self.stretches.get_mut(self.last as usize)) {
                    last.after = id;
                }
                match found {
                    Some(id) => id,
                    None => {
                        self.begin(standing);
                        return None;
                    }
                }
            }
        };
        #[cfg(test)]
        LEAPS.set(LEAPS.get() + 1);
        self.last = id;
        self.mood.credit += self.worth.saves;
        self.stretches.get(id as usize).copied()
    }

    fn seek(&self, standing: Standing<'_>) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let slot = slot(standing.start, standing.word, standing.frames.last());
        for probe in 0..STRETCH_PROBES {
            let id = self.slots[(slot + probe) & mask].checked_sub(1)?;
            if self.stretches.get(id as usize).is_some_and(|stretch| self.fits(stretch, standing)) {
                return Some(id);
            }
        }
        None
    }

    #[inline(always)]
    fn fits(&self, stretch: &Stretch, standing: Standing<'_>) -> bool {
        let Standing { start, word, frames, base, last_target, .. } = standing;
        stretch.word == word
            && stretch.start == start
            && stretch.needed_target.is_none_or(|target| target == last_target)
            && usize::from(stretch.pops) <= frames.len() - base.min(frames.len())
            && frames.len() + usize::from(stretch.rise) <= COUNTED_FRAMES
            && frames.iter().rev().zip(self.popped(stretch)).all(|(frame, popped)| frame == popped)
    }

    fn popped(&self, stretch: &Stretch) -> &[Place] {
        let first = stretch.first as usize;
        &self.frames[first..first + usize::from(stretch.pops)]
    }

    /// The trail of what a stretch is part of.
    #[inline(always)]
    pub(super) fn follow(&self, stretch: &Stretch, trail: &mut Trail, frames: usize) {
        if stretch.pops | stretch.rise != 0 {
            let popped = self.popped(stretch).iter().zip(1..);
            popped.for_each(|(&frame, count)| trail.pop(frame, frames - count));
            trail.push(frames + usize::from(stretch.rise));
        }
        trail.has_target |= stretch.left_target.is_some();
    }

    /// The frames change as the stretch changes them.
    #[inline(always)]
    pub(super) fn replace(&self, stretch: &Stretch, frames: &mut Vec<Place>) {
        if stretch.pops | stretch.pushes != 0 {
            let first = stretch.first as usize + usize::from(stretch.pops);
            frames.truncate(frames.len() - usize::from(stretch.pops));
            frames.extend_from_slice(&self.frames[first..first + usize::from(stretch.pushes)]);
        }
    }

    /// What is not known is walked.
    #[cold]
    #[inline(never)]
    fn begin(&mut self, standing: Standing<'_>) {
        if std::mem::take(&mut self.mood.has_napped) && self.is_full() {
            self.forget();
        }
        self.mood.pay(LOOK);
        let Standing { start, word, frames, last_target, total, .. } = standing;
        let began = frames.len();
        self.trail.popped.clear();
        let popped = std::mem::take(&mut self.trail.popped);
        self.trail = Trail {
            is_whole: !self.is_full(),
            word,
            start,
            total,
            target: last_target,
            has_target: false,
            began,
            lowest: began,
            highest: began,
            popped,
        };
    }

    /// So many decisions were walked, and that is the end of it.
    #[inline(always)]
    pub(super) fn keep(&mut self, next: Place, width: u64, (frames, total, target): (&[Place], u64, u32)) {
        if self.trail.is_whole {
            self.make(next, width as u8, (frames, total, target));
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&mut self, next: Place, width: u8, (frames, total, target): (&[Place], u64, u32)) {
        let trail = &mut self.trail;
        let pushed = frames.get(trail.lowest..).unwrap_or_default();
        let moved = trail.popped.len() + pushed.len();
        self.mood.pay(MAKE + moved as i64);
        let rise = u16::try_from(trail.highest - trail.began).ok();
        if let Some(rise) = rise.filter(|_| pushed.len() <= STRETCH_FRAMES) {
            let stretch = Stretch {
                word: trail.word,
                width,
                start: trail.start,
                next,
                instructions: total - trail.total,
                needed_target: trail.has_target.then_some(trail.target),
                left_target: trail.has_target.then_some(target),
                first: self.frames.len() as u32,
                pops: trail.popped.len() as u16,
                pushes: pushed.len() as u16,
                rise,
                after: 0,
            };
            let top = trail.popped.first().or(frames.get(trail.began.wrapping_sub(1))).copied();
            self.frames.extend(&trail.popped);
            self.frames.extend_from_slice(pushed);
            self.put(stretch, top.as_ref());
        }
        self.trail.stop();
    }

    /// Puts a stretch where it is sought, if there is room.
    fn put(&mut self, stretch: Stretch, top: Option<&Place>) {
        if self.slots.is_empty() {
            self.slots = vec![0; 2 * MAX_STRETCHES].into();
        }
        let (slot, mask) = (slot(stretch.start, stretch.word, top), self.slots.len() - 1);
        let mut places = (0..STRETCH_PROBES).map(|probe| (slot + probe) & mask);
        let Some(free) = places.find(|&place| self.slots[place] == 0) else {
            self.frames.truncate(stretch.first as usize);
            return;
        };
        let id = self.stretches.len() as u32;
        self.stretches.push(stretch);
        self.slots[free] = id + 1;
        if let Some(last) = self.stretches.get_mut(self.last as usize) {
            last.after = id;
        }
        self.last = id;
    }

    fn is_full(&self) -> bool {
        self.stretches.len() >= MAX_STRETCHES || self.frames.len() >= MAX_STRETCH_FRAMES
    }

    fn forget(&mut self) {
        self.slots.fill(0);
        self.stretches.clear();
        self.frames.clear();
        self.last = 0;
    }
}

#[inline(always)]
fn slot((func, block): Place, word: u64, top: Option<&Place>) -> usize {
    let top = top.map_or(0, |(func, block)| u64::from(func.0) << 32 | u64::from(block.0));
    let start = u64::from(func.0) << 32 | u64::from(block.0);
    let mixed = (word ^ (start ^ top.rotate_left(16)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> 32) as usize
}
