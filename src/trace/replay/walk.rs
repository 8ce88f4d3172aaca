//! The inner loop of replay: from block to block, while only decisions are needed.
//!
//! PERF: the cursor is taken apart into locals, which stay in registers because no cold function borrows
//! them. Measured by the ignored test `speed` on one shared core, blocks of three instructions: 2.2
//! instructions a nanosecond, 1.1 when every branch is random.

use super::super::decisions::{Window, target_of};
use super::super::limits::MAX_FRAMES;
use super::super::map::{Destination, FlatBlock, FlatExit};
use super::super::{CallKind, FuncKey, RanFunction, ReplayErrorKind, Run, Visitor};
use super::{BOTTOM, Cursor, Replay, Target};

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
}

impl Replay<'_> {
    /// Goes from block to block while only decisions are needed. Gives the last block, for errors.
    pub(super) fn walk<V: Visitor>(
        &mut self,
        visitor: &mut V,
        start: u32,
    ) -> (u32, Result<Halt, ReplayErrorKind>) {
        let mut number = start;
        let Cursor { mut window, mut instructions, mut calls_left, mut silent_left, mut last } = self.cursor;
        macro_rules! stop {
            ($outcome:expr) => {{
                self.cursor = Cursor { window, instructions, calls_left, silent_left, last };
                return (number, $outcome);
            }};
        }
        macro_rules! or_stop {
            ($result:expr) => {
                match $result {
                    Ok(value) => value,
                    Err(error) => stop!(Err(error.into())),
                }
            };
        }
        macro_rules! refill {
            () => {
                if window.is_low() {
                    window = or_stop!(self.refill(window, instructions));
                }
            };
        }
        macro_rules! bit {
            () => {{
                let bit = window.take_bit();
                refill!();
                bit
            }};
        }
        macro_rules! silent {
            () => {
                silent_left -= 1;
                if silent_left == 0 {
                    stop!(Err(ReplayErrorKind::TooSilent { limit: self.limits.max_silent }));
                }
            };
        }
        macro_rules! always_taken {
            () => {
                if !bit!() {
                    stop!(Err(ReplayErrorKind::NotTaken));
                }
            };
        }
        macro_rules! enter {
            ($slot:expr) => {
                match self.map.entry($slot) {
                    Some(entry) => entry,
                    None => {
                        let entry = or_stop!(self.map.load($slot));
                        visitor.load(RanFunction::new(&self.map, entry));
                        entry
                    }
                }
            };
        }
        loop {
            let FlatBlock { len, exit } = self.map.blocks[number as usize];
            if window.is_spent()
                && let Some(len) = self.cut_in(number, calls_left)
            {
                stop!(Ok(Halt::Cut { number, len }));
            }
            visitor.block(Run { map: &self.map, number, len });
            instructions += u64::from(len);
            macro_rules! run {
                () => {
                    Run { map: &self.map, number, len }
                };
            }
            number = match exit {
                FlatExit::Next => {
                    silent!();
                    number + 1
                }
                FlatExit::Skip(to) => {
                    silent!();
                    to
                }
                FlatExit::Br(to) => {
                    silent!();
                    visitor.branch(run!(), true);
                    to
                }
                FlatExit::BrLoop(to) => {
                    always_taken!();
                    visitor.branch(run!(), true);
                    to
                }
                FlatExit::BrIf(to) => {
                    let bit = bit!();
                    visitor.branch(run!(), bit);
                    if bit { to } else { number + 1 }
                }
                FlatExit::If(to) => {
                    let bit = bit!();
                    visitor.branch(run!(), !bit);
                    if bit { to } else { number + 1 }
                }
                FlatExit::BrTable(table) => {
                    let table = self.map.tables[table as usize];
                    let Some(index) = window.take_field(table.width) else {
                        stop!(Err(self.source.too_short(window, table.width).into()));
                    };
                    refill!();
                    if index >= u64::from(table.len) {
                        stop!(Err(ReplayErrorKind::TableIndex { index, labels: table.len }));
                    }
                    visitor.branch_table(run!(), index as u32);
                    self.map.labels[table.first as usize + index as usize]
                }
                FlatExit::Call(slot) => {
                    if calls_left == 0 || instructions > self.limits.max_instructions {
                        stop!(Err(self.too_long(instructions)));
                    }
                    calls_left -= 1;
                    silent!();
                    or_stop!(push(&mut self.frames, number + 1));
                    let entry = enter!(slot);
                    visitor.call(run!(), CallKind::Direct, RanFunction::new(&self.map, entry));
                    entry
                }
                FlatExit::Return => {
                    visitor.leave(run!());
                    match self.frames.pop() {
                        Some(BOTTOM) | None => stop!(Ok(Halt::Returned)),
                        Some(back) => back,
                    }
                }
                FlatExit::ReturnCall(slot) => {
                    always_taken!();
                    if window.is_spent() && self.is_cut_after_decision() {
                        stop!(Ok(Halt::CutAfter));
                    }
                    let entry = enter!(slot);
                    visitor.tail_call(run!(), CallKind::Direct, RanFunction::new(&self.map, entry));
                    entry
                }
                FlatExit::CallImport
                | FlatExit::CallIndirect
                | FlatExit::ReturnCallImport
                | FlatExit::ReturnCallIndirect => {
                    let width = window.target_width();
                    let Some(field) = window.take_field(width) else {
                        stop!(Err(self.source.too_short(window, width).into()));
                    };
                    refill!();
                    let key = FuncKey(target_of(field, last.key.0));
                    let is_tail = matches!(exit, FlatExit::ReturnCallImport | FlatExit::ReturnCallIndirect);
                    let is_import = matches!(exit, FlatExit::CallImport | FlatExit::ReturnCallImport);
                    let kind = if is_import { CallKind::Import } else { CallKind::Indirect };
                    let known = last.destination.filter(|_| key == last.key);
                    let destination = match known {
                        Some(destination) => destination,
                        None => or_stop!(self.map.destination(key)),
                    };
                    last = Target { key, destination: Some(destination) };
                    if window.is_spent() && self.is_cut_after_decision() {
                        stop!(Ok(Halt::CutAfter));
                    }
                    let Destination::Slot(slot) = destination else {
                        stop!(Ok(Halt::Host { number, key, kind, is_tail }));
                    };
                    if !is_tail {
                        or_stop!(push(&mut self.frames, number + 1));
                    }
                    let entry = enter!(slot);
                    let callee = RanFunction::new(&self.map, entry);
                    match is_tail {
                        true => visitor.tail_call(run!(), kind, callee),
                        false => visitor.call(run!(), kind, callee),
                    }
                    entry
                }
                FlatExit::Grow | FlatExit::Bulk => stop!(Ok(Halt::Record(number))),
                FlatExit::Unreachable => stop!(Err(ReplayErrorKind::PassedUnreachable)),
            };
            if visitor.wants_pause() {
                stop!(Ok(Halt::Paused(number)));
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, low: Window, instructions: u64) -> Result<Window, ReplayErrorKind> {
        if instructions > self.limits.max_instructions {
            return Err(self.too_long(instructions));
        }
        Ok(self.source.refill(low)?)
    }

    #[cold]
    fn too_long(&self, instructions: u64) -> ReplayErrorKind {
        match self.limits.max_instructions {
            limit if instructions > limit => ReplayErrorKind::TooLong { limit },
            _ => ReplayErrorKind::TooManyCalls { calls: self.trace.calls },
        }
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
