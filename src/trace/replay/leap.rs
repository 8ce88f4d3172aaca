//! Walks on by stretches that are remembered, as far as that goes.

use super::super::Visitor;
use super::super::limits::MAX_FRAMES;
use super::explore::explore;
use super::memo::{Kind, Memo, Standing};
use super::shelf::TAKE;
use super::walk::Walk;

impl<V: Visitor> Walk<'_, '_, V> {
    /// Goes on from block `number` by what is remembered; gives the block that is next.
    #[inline(never)]
    pub(super) fn leap(&mut self, mut number: u32) -> u32 {
        let mut is_fresh = std::mem::take(&mut self.is_fresh);
        let memo = self.replay.memo.get_or_insert_with(|| Box::new(Memo::new()));
        memo.refresh(&self.replay.map, self.visitor);
        memo.trail.is_whole = false;
        // What the chunks of a word saved, and whether any chunk can come without a limit being near.
        let (mut saved, mut has_room) = (0, false);
        while !self.cursor.window.is_spent() {
            if is_fresh {
                if let Some(next) = self.leap_word(number) {
                    number = next;
                    continue;
                }
                self.begin_trail(number, std::mem::take(&mut saved));
                has_room = self.has_room();
            }
            let id = match self.chunk_at_hand(number, has_room) {
                Some(id) => id,
                None => {
                    let Some(id) = self.chunk(number) else { break };
                    has_room = self.has_room();
                    id
                }
            };
            let Some(next) = self.take_chunk(id, &mut saved) else { break };
            (number, is_fresh) = next;
        }
        if let Some(memo) = &mut self.replay.memo {
            memo.settle_mood(saved);
            self.is_awake = memo.stays_awake();
        }
        number
    }

    /// A whole word at once.
    #[inline(always)]
    fn leap_word(&mut self, number: u32) -> Option<u32> {
        let window = self.cursor.window;
        let standing = self.standing(window.len());
        let memo = self.replay.memo.as_mut()?;
        let standing = Standing { frames: &self.replay.frames, ..standing };
        let id = memo.word(number, window.ahead(), standing)?;
        self.take(Kind::Word, id).map(|(next, ..)| next)
    }

    #[inline(always)]
    fn begin_trail(&mut self, number: u32, saved: i64) {
        let window = self.cursor.window.ahead();
        if let Some(memo) = &mut self.replay.memo {
            memo.settle_mood(saved);
            memo.begin_trail(number, window, self.replay.frames.last().copied().unwrap_or(0));
        }
    }

    /// Whether all chunks of a word, whichever they are, reach no limit. Calls are looked at chunk by chunk:
    /// what a whole trace may still call is often little.
    #[inline(always)]
    fn has_room(&self) -> bool {
        let (replay, cursor) = (&self.replay, &self.cursor);
        replay.memo.as_ref().is_some_and(|memo| {
            let most = memo.most_of_word();
            most.instructions <= replay.limits.max_instructions.saturating_sub(cursor.instructions)
                && most.silent < cursor.silent_left
                && most.rise <= MAX_FRAMES.saturating_sub(replay.frames.len()) as u64
        })
    }

    /// The chunk that is next, in the usual case: it is known, and nothing ends near it.
    #[inline(always)]
    fn chunk_at_hand(&self, number: u32, has_room: bool) -> Option<u32> {
        let (window, replay) = (self.cursor.window, &self.replay);
        let memo = replay.memo.as_ref().filter(|_| has_room)?;
        let left = window.len();
        let (id, entry) = memo.known(number, (window.ahead(), left), &replay.frames, self.cursor.last)?;
        let goes_on = u32::from(entry.width) < left || replay.source.has_more();
        let is_within = u64::from(entry.calls) <= self.cursor.calls_left
            && u64::from(entry.instructions) < self.visitor.patience();
        (goes_on && is_within).then_some(id)
    }

    /// The chunk that is next, looked at from all sides, and made if it is new.
    #[inline(never)]
    fn chunk(&mut self, number: u32) -> Option<u32> {
        let window = self.cursor.window;
        let standing = self.standing(window.len());
        let standing = Standing { frames: &self.replay.frames, ..standing };
        let (map, frames, last) = (&self.replay.map, &self.replay.frames, self.cursor.last);
        let memo = self.replay.memo.as_mut()?;
        let explore = |count| explore(map, number, (window, count), frames, last);
        memo.chunk(number, window.ahead(), standing, explore)
    }

    /// A chunk comes. Gives the block that is next, and whether a word begins with it.
    #[inline(always)]
    fn take_chunk(&mut self, id: u32, saved: &mut i64) -> Option<(u32, bool)> {
        let (next, ends, saves) = self.take(Kind::Chunk, id)?;
        *saved += i64::from(saves) - TAKE;
        if let Some(memo) = &mut self.replay.memo
            && memo.trail.is_whole
        {
            memo.trail.chunks.push(id);
            if ends {
                memo.keep_word();
            }
        }
        Some((next, ends))
    }

    #[inline(always)]
    fn standing(&self, left: u32) -> Standing<'static> {
        let replay = &self.replay;
        let until_limit =
            replay.limits.max_instructions.saturating_sub(self.cursor.instructions).saturating_add(1);
        Standing {
            frames: &[],
            last: self.cursor.last,
            instructions: until_limit.min(self.visitor.patience()),
            calls: self.cursor.calls_left,
            silent: self.cursor.silent_left,
            room: MAX_FRAMES - replay.frames.len().min(MAX_FRAMES),
            left,
            has_more: replay.source.has_more(),
        }
    }

    /// A stretch comes. Gives the block that is next, whether a word begins with it, and what that saves.
    #[inline(always)]
    fn take(&mut self, kind: Kind, id: u32) -> Option<(u32, bool, u32)> {
        let memo = self.replay.memo.as_mut()?;
        let (entry, target) = memo.take(kind, id, &mut self.replay.frames);
        self.visitor.stretch(memo.stretch(&self.replay.map, kind, &entry));
        let cursor = &mut self.cursor;
        cursor.instructions += u64::from(entry.instructions);
        cursor.calls_left -= u64::from(entry.calls);
        cursor.silent_left -= u64::from(entry.silent);
        if let Some(target) = target {
            cursor.last = target;
        }
        let left = cursor.window.len() - u32::from(entry.width);
        cursor.window =
            if left == 0 { self.replay.source.next_full() } else { cursor.window.without(entry.width) };
        Some((entry.next, left == 0, entry.saves()))
    }
}
