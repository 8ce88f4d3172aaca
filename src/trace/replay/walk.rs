//! The inner loop of replay: from block to block, while only decisions are needed.
//!
//! What a step is says `trace/step.rs`; here is where replay gets decisions, and whom it tells.
//!
//! PERF: [`Walk`] holds the cursor by value and everything that borrows it is inlined. So it stays in
//! registers; cold functions borrow the [`Replay`] only. Measured by the ignored test `speed` on one shared
//! core, blocks of three instructions: 2.2 instructions a nanosecond, 1.1 when every branch is random.

use super::super::decisions::Window;
use super::super::limits::MAX_FRAMES;
use super::super::map::{Destination, FlatBlock};
use super::super::step::{Call, Misfit, Walker, step};
use super::super::{CallKind, ExecutedBlock, ExecutedFunction, FuncKey, ReplayErrorKind, Visitor};
use super::{BOTTOM, Cursor, Replay, Target};
use crate::module::Meeting;

/// Why the walk from block to block stopped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Halt {
    Paused(u32),
    /// The first frame returned.
    Returned,
    /// The invocation ended in this block after `len` instructions, which the visitor has not seen.
    Cut {
        number: u32,
        len: u32,
    },
    /// The invocation ended right after this block, which the visitor has seen.
    CutAfter,
    Host {
        number: u32,
        key: FuncKey,
        kind: CallKind,
        is_tail: bool,
    },
    /// `memory.grow` and the like.
    Record(u32),
    /// An exception is thrown at the end of this block.
    Thrown(u32),
}

/// Why a step leads nowhere.
type Stop = Result<Halt, ReplayErrorKind>;

/// The walk of replay: decisions from the trace, everything told to a visitor.
pub(super) struct Walk<'w, 't, V> {
    pub(super) replay: &'w mut Replay<'t>,
    pub(super) visitor: &'w mut V,
    pub(super) cursor: Cursor,
    /// Whether what is remembered is looked for. A word that begins may change it.
    pub(super) is_awake: bool,
    /// Whether a word began just now.
    pub(super) is_fresh: bool,
    /// Decisions that may be left of this word for what is remembered to be looked for again. It is not
    /// looked for before one was taken since that was in vain, or each of many returns would look.
    again: u32,
}

impl<'t> Replay<'t> {
    /// Goes from block to block while only decisions are needed. Gives the last block, for errors.
    pub(super) fn walk<V: Visitor>(
        &mut self,
        visitor: &mut V,
        start: u32,
    ) -> (u32, Result<Halt, ReplayErrorKind>) {
        let cursor = self.cursor;
        let is_awake = self.memo.as_ref().is_none_or(|memo| memo.stays_awake());
        let mut walk = Walk { replay: self, visitor, cursor, is_awake, is_fresh: false, again: u32::MAX };
        let mut number = start;
        let stop = loop {
            if walk.is_awake && walk.may_leap() {
                number = walk.leap(number);
                walk.again = walk.cursor.window.len().saturating_sub(1);
            }
            match walk.block(number) {
                Ok(next) => number = next,
                Err(stop) => break stop,
            }
            if walk.visitor.wants_pause() {
                break Ok(Halt::Paused(number));
            }
        };
        let cursor = walk.cursor;
        self.cursor = cursor;
        (number, stop)
    }

    #[cold]
    #[inline(never)]
    fn load_slot(&mut self, visitor: &mut impl Visitor, slot: u32) -> Result<u32, ReplayErrorKind> {
        let entry = self.map.load(slot)?;
        visitor.load(ExecutedFunction::new(&self.map, entry));
        Ok(entry)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn refill(&mut self, low: Window, instructions: u64) -> Result<Window, ReplayErrorKind> {
        if instructions > self.limits.max_instructions {
            return Err(self.too_long(instructions));
        }
        Ok(self.source.refill(low)?)
    }

    /// A word begins; whether what is remembered is looked for.
    #[cold]
    #[inline(never)]
    fn is_awake(&mut self) -> bool {
        self.memo.as_mut().is_none_or(|memo| memo.is_awake())
    }

    #[cold]
    fn too_long(&self, instructions: u64) -> ReplayErrorKind {
        match self.limits.max_instructions {
            limit if instructions > limit => ReplayErrorKind::TooLong { limit },
            _ => ReplayErrorKind::TooManyCalls { calls: self.trace.calls },
        }
    }
}

impl<V: Visitor> Walk<'_, '_, V> {
    /// Block `number` runs; gives the block that is next.
    #[inline(always)]
    fn block(&mut self, number: u32) -> Result<u32, Stop> {
        let FlatBlock { len, exit } = self.replay.map.blocks[number as usize];
        if self.cursor.window.is_spent()
            && let Some(len) = self.replay.cut_in(number, self.cursor.calls_left)
        {
            return Err(Ok(Halt::Cut { number, len }));
        }
        self.visitor.block(ExecutedBlock { map: &self.replay.map, number, len });
        self.cursor.instructions += u64::from(len);
        step(self, number, exit)
    }

    /// Whether it is worth to look for what is remembered.
    #[inline(always)]
    fn may_leap(&self) -> bool {
        (self.is_fresh || self.cursor.window.len() <= self.again) && self.visitor.patience() > 0
    }

    /// Fetches the next window if nothing is left of this one.
    #[inline(always)]
    fn refill(&mut self) -> Result<(), Stop> {
        if self.cursor.window.is_low() {
            self.cursor.window =
                self.replay.refill(self.cursor.window, self.cursor.instructions).map_err(Err)?;
            (self.is_awake, self.is_fresh) = (self.replay.is_awake(), true);
        }
        Ok(())
    }

    /// The first block of the function in `slot`.
    #[inline(always)]
    fn enter(&mut self, slot: u32) -> Result<u32, Stop> {
        match self.replay.map.entry(slot) {
            Some(entry) => Ok(entry),
            None => self.replay.load_slot(self.visitor, slot).map_err(Err),
        }
    }

    /// Counts a call by `call`, of which a trace says how many there are.
    #[inline(always)]
    fn count_call(&mut self) -> Result<(), Stop> {
        let Cursor { calls_left, instructions, .. } = self.cursor;
        if calls_left == 0 || instructions > self.replay.limits.max_instructions {
            return Err(Err(self.replay.too_long(instructions)));
        }
        self.cursor.calls_left -= 1;
        self.silent()
    }
}

impl<V: Visitor> Walker for Walk<'_, '_, V> {
    type Block = u32;
    /// Its slot.
    type Func = u32;
    type Stop = Stop;

    #[inline(always)]
    fn next(block: u32) -> u32 {
        block + 1
    }

    #[inline(always)]
    fn bit(&mut self) -> Result<bool, Stop> {
        let bit = self.cursor.window.take_bit();
        self.refill()?;
        Ok(bit)
    }

    #[inline(always)]
    fn field(&mut self, width: u32) -> Result<u64, Stop> {
        let Some(field) = self.cursor.window.take_field(width) else {
            return Err(Err(self.replay.source.too_short(self.cursor.window, width).into()));
        };
        self.refill()?;
        Ok(field)
    }

    #[inline(always)]
    fn ahead(&self) -> u64 {
        self.cursor.window.ahead()
    }

    #[inline(always)]
    fn last_target(&self) -> u32 {
        self.cursor.last.key.0
    }

    #[inline(always)]
    fn resolve(&mut self, key: u32) -> Result<Option<u32>, Stop> {
        let key = FuncKey(key);
        let known = self.cursor.last.destination.filter(|_| key == self.cursor.last.key);
        let destination = match known {
            Some(destination) => destination,
            None => self.replay.map.destination(key).map_err(Err)?,
        };
        self.cursor.last = Target { key, destination: Some(destination) };
        Ok(match destination {
            Destination::Slot(slot) => Some(slot),
            Destination::Host => None,
        })
    }

    #[inline(always)]
    fn labels(&self, table: u32) -> Result<u32, Stop> {
        Ok(self.replay.map.tables[table as usize].len)
    }

    #[inline(always)]
    fn label(&mut self, from: u32, table: u32, index: u32) -> Result<u32, Stop> {
        self.visitor.branch_table(self.replay.map.run(from), index);
        let first = self.replay.map.tables[table as usize].first;
        Ok(self.replay.map.labels[(first + index) as usize])
    }

    #[inline(always)]
    fn branch(&mut self, from: u32, taken: bool) {
        self.visitor.branch(self.replay.map.run(from), taken);
    }

    #[inline(always)]
    fn silent(&mut self) -> Result<(), Stop> {
        self.cursor.silent_left -= 1;
        match self.cursor.silent_left {
            0 => Err(Err(ReplayErrorKind::TooSilent { limit: self.replay.limits.max_silent })),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    fn decided(&mut self) -> Result<(), Stop> {
        match self.cursor.window.is_spent() && self.replay.is_cut_after_decision() {
            true => Err(Ok(Halt::CutAfter)),
            false => Ok(()),
        }
    }

    #[inline(always)]
    fn meeting(&self, meeting: Meeting) -> Option<u32> {
        self.replay.map.meeting(meeting)
    }

    #[inline(always)]
    fn call(&mut self, from: u32, call: Call<u32>) -> Result<u32, Stop> {
        let Call { callee, kind, is_tail } = call;
        if kind == CallKind::Direct && !is_tail {
            self.count_call()?;
        }
        if !is_tail {
            push(&mut self.replay.frames, from + 1).map_err(Err)?;
        }
        let entry = self.enter(callee)?;
        let (run, callee) = (self.replay.map.run(from), ExecutedFunction::new(&self.replay.map, entry));
        match is_tail {
            true => self.visitor.tail_call(run, kind, callee),
            false => self.visitor.call(run, kind, callee),
        }
        Ok(entry)
    }

    #[inline(always)]
    fn host(&mut self, number: u32, call: Call<u32>) -> Result<u32, Stop> {
        let Call { callee, kind, is_tail } = call;
        Err(Ok(Halt::Host { number, key: FuncKey(callee), kind, is_tail }))
    }

    #[inline(always)]
    fn leave(&mut self, from: u32) -> Result<u32, Stop> {
        self.visitor.leave(self.replay.map.run(from));
        match self.replay.frames.pop() {
            Some(BOTTOM) | None => Err(Ok(Halt::Returned)),
            Some(back) => Ok(back),
        }
    }

    #[inline(always)]
    fn throw(&mut self, number: u32) -> Result<u32, Stop> {
        Err(Ok(Halt::Thrown(number)))
    }

    #[inline(always)]
    fn record(&mut self, number: u32) -> Result<u32, Stop> {
        Err(Ok(Halt::Record(number)))
    }

    #[cold]
    fn misfit(misfit: Misfit) -> Stop {
        Err(match misfit {
            Misfit::NotTaken => ReplayErrorKind::NotTaken,
            Misfit::TableIndex { index, labels } => ReplayErrorKind::TableIndex { index, labels },
            Misfit::PassedUnreachable => ReplayErrorKind::PassedUnreachable,
        })
    }
}

#[inline(always)]
pub(super) fn push(frames: &mut Vec<u32>, block: u32) -> Result<(), ReplayErrorKind> {
    if frames.len() >= MAX_FRAMES {
        return Err(ReplayErrorKind::TooDeep { limit: MAX_FRAMES });
    }
    frames.push(block);
    Ok(())
}
