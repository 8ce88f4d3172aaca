//! Walks on by stretches that are remembered, as far as that goes.

use super::super::Visitor;
use super::super::limits::MAX_FRAMES;
use super::explore::explore;
use super::memo::{Kind, Memo, Standing};
use super::walk::Walk;

impl<V: Visitor> Walk<'_, '_, V> {
    /// Goes on from block `number` by what is remembered; gives the block that is next.
    #[inline(never)]
    pub(super) fn leap(&mut self, mut number: u32) -> u32 {
        let mut is_fresh = std::mem::take(&mut self.is_fresh);
        let memo = self.replay.memo.get_or_insert_with(|| Box::new(Memo::new()));
        memo.refresh(&self.replay.map, self.visitor);
        memo.trail.is_whole = false;
        while !self.cursor.window.is_spent() {
            if is_fresh {
                if let Some(next) = self.leap_word(number) {
                    number = next;
                    continue;
                }
                self.begin_trail(number);
            }
            let Some(next) = self.leap_chunk(number, &mut is_fresh) else { break };
            number = next;
        }
        self.is_awake = self.replay.memo.as_ref().is_some_and(|memo| memo.stays_awake());
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
        self.take(Kind::Word, id).map(|(next, _)| next)
    }

    fn begin_trail(&mut self, number: u32) {
        let window = self.cursor.window.ahead();
        if let Some(memo) = &mut self.replay.memo {
            memo.trail.chunks.clear();
            (memo.trail.start, memo.trail.window, memo.trail.is_whole) = (number, window, true);
            memo.trail.top = self.replay.frames.last().copied().unwrap_or(0);
        }
    }

    #[inline(always)]
    fn leap_chunk(&mut self, number: u32, is_fresh: &mut bool) -> Option<u32> {
        let window = self.cursor.window;
        let standing = self.standing(window.len());
        let standing = Standing { frames: &self.replay.frames, ..standing };
        let (map, frames, last) = (&self.replay.map, &self.replay.frames, self.cursor.last);
        let memo = self.replay.memo.as_mut()?;
        let explore = |count| explore(map, number, (window, count), frames, last);
        let id = memo.chunk(number, window.ahead(), standing, explore)?;
        let (next, ends) = self.take(Kind::Chunk, id)?;
        *is_fresh = ends;
        let memo = self.replay.memo.as_mut()?;
        if memo.trail.is_whole {
            memo.trail.chunks.push(id);
            if ends {
                memo.keep_word();
            }
        }
        Some(next)
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

    /// A stretch comes. Gives the block that is next, and whether a word begins with it.
    #[inline(always)]
    fn take(&mut self, kind: Kind, id: u32) -> Option<(u32, bool)> {
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
        Some((entry.next, left == 0))
    }
}
