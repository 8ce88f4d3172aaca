//! Exceptions, from where they are thrown to where they are caught, or out of the invocation.

use crate::module::PadExit;

use super::super::step::{Unwinder, land, thrown};
use super::super::{ReplayErrorKind, Visitor};
use super::{AfterHost, BOTTOM, How, Replay, State};

/// Why an exception comes no further.
enum Stop {
    /// It left the first frame.
    Uncaught,
    /// The invocation ended after a decision.
    Cut,
    Failed(ReplayErrorKind),
}

struct Unwinding<'u, 't, V> {
    replay: &'u mut Replay<'t>,
    visitor: &'u mut V,
}

impl<'t> Replay<'t> {
    /// An exception is thrown at the end of block `number`; gives where it goes on.
    pub(super) fn throw(
        &mut self,
        visitor: &mut impl Visitor,
        number: u32,
    ) -> Result<State, ReplayErrorKind> {
        let followed = self.read_tag(number).and_then(|tag| {
            let index = self.map.thrown(number).0.tag(tag).map_or(tag, |(index, _)| index);
            visitor.throw(self.map.run(number), index);
            self.follow(visitor, number, tag)
        });
        self.go_on(visitor, followed)
    }

    /// Leaves a host function by an exception.
    pub(super) fn host_threw(
        &mut self,
        visitor: &mut impl Visitor,
        after: AfterHost,
        tag: u32,
    ) -> Result<State, ReplayErrorKind> {
        if matches!(after, AfterHost::Next(number) if self.is_meeting(number)) {
            return Err(self.unexpected("HostReturn or Invoke"));
        }
        self.records.take();
        visitor.host_threw();
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = None;
        }
        let from = match after {
            AfterHost::Next(number) => number,
            AfterHost::Return => match self.frames.pop() {
                Some(BOTTOM) | None => return self.end(visitor, How::Thrown),
                // It would have gone on behind the block that called.
                Some(back) => {
                    visitor.unwind(self.map.run(back - 1));
                    back - 1
                }
            },
        };
        self.pass_on(visitor, from, tag)
    }

    /// An exception with the tag of this number comes out of a host function that block `number` called;
    /// gives where it goes on.
    fn pass_on(
        &mut self,
        visitor: &mut impl Visitor,
        number: u32,
        tag: u32,
    ) -> Result<State, ReplayErrorKind> {
        let followed = self.follow(visitor, number, tag);
        self.go_on(visitor, followed)
    }

    fn go_on(
        &mut self,
        visitor: &mut impl Visitor,
        followed: Result<u32, Stop>,
    ) -> Result<State, ReplayErrorKind> {
        match followed {
            Ok(next) => Ok(State::At(next)),
            Err(Stop::Uncaught) => self.end(visitor, How::Thrown),
            Err(Stop::Cut) => self.end(visitor, How::Cut),
            Err(Stop::Failed(kind)) => Err(kind),
        }
    }

    /// The number of the tag that block `number` throws.
    fn read_tag(&mut self, number: u32) -> Result<u32, Stop> {
        let (tags, index) = self.map.thrown(number);
        match thrown(tags, index) {
            Ok(tag) => Ok(tag),
            Err(bits) => (0..bits).try_fold(0, |tag, _| Ok(tag << 1 | u32::from(self.bit()?))),
        }
    }

    fn follow(&mut self, visitor: &mut impl Visitor, number: u32, tag: u32) -> Result<u32, Stop> {
        let landed = land(&mut Unwinding { replay: self, visitor }, number, tag)?;
        if landed.is_loop && !self.bit()? {
            return Err(Stop::Failed(ReplayErrorKind::NotTaken));
        }
        visitor.catch(self.map.run(landed.pad), self.map.run(landed.to));
        Ok(landed.to)
    }

    /// Reads one bit; the invocation may end after it.
    fn bit(&mut self) -> Result<bool, Stop> {
        let bit = self.cursor.window.take_bit();
        if self.cursor.window.is_low() {
            self.cursor.window =
                self.refill(self.cursor.window, self.cursor.instructions).map_err(Stop::Failed)?;
        }
        match self.cursor.window.is_spent() && self.is_cut_after_decision() {
            true => Err(Stop::Cut),
            false => Ok(bit),
        }
    }
}

impl<V: Visitor> Unwinder for Unwinding<'_, '_, V> {
    type Block = u32;
    type Stop = Stop;

    fn pad(&self, at: u32) -> Option<u32> {
        self.replay.map.landing_pad(at)
    }

    fn pass(&mut self, from: u32, pad: u32, tag: u32) -> Result<PadExit<u32>, Stop> {
        let map = &self.replay.map;
        self.visitor.land(map.run(from), map.run(pad));
        let cursor = &mut self.replay.cursor;
        cursor.instructions += u64::from(map.blocks[pad as usize].len);
        // It leaves nothing in the streams.
        cursor.silent_left = cursor.silent_left.saturating_sub(1);
        match cursor.silent_left {
            0 => Err(Stop::Failed(ReplayErrorKind::TooSilent { limit: self.replay.limits.max_silent })),
            _ => Ok(map.way(pad, tag)),
        }
    }

    fn leave(&mut self, at: u32) -> Result<u32, Stop> {
        self.visitor.unwind(self.replay.map.run(at));
        match self.replay.frames.pop() {
            Some(BOTTOM) | None => Err(Stop::Uncaught),
            // It would have gone on behind the block that called.
            Some(back) => Ok(back - 1),
        }
    }
}
