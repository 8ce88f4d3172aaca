//! Exceptions in code that has none.
//!
//! A thrown exception is kept in globals behind the sample's own. `pending` is the number of the tag plus 1,
//! or 0 when nothing is thrown. `exception` is what a reference to it holds (`tags`). Operands that find no
//! room there are in *slots*, globals of each type. All tags share them, since one exception at most is under
//! way. Such an exception has a serial number beside that of its tag. It can be thrown again until the next
//! such is thrown, for so long its operands are in the slots.
//!
//! ```text
//! (func …                               (func …
//!                                         (block $out (block $body
//!   call $f                                 call $f  (br_if $pad pending)
//!   try (result i32)                        (block $try (result i32) (block $pad
//!     …                                       …  br $try)
//!   catch $e                                  (block $not (br_if $not (pending != $e))
//!     …                                         operands; pending := 0; …  br $try)
//!   end                                       br $out)
//!                                         ) return) zeros)
//! ```
//!
//! Each `try` has one landing pad, which goes on to that around it, so the code stays linear. The added code
//! decides nothing for the recorder, but for two things. A catch that leads to a loop records that it does,
//! so that nothing goes round in silence. What throws an exception again says which.
//!
//! Nothing stops between a `throw` and the first operator of its handler: there is no place to name.

use std::collections::HashSet;

use wasm_encoder::{BlockType, Instruction as I};
use wasmparser::{Catch, ValType};

use crate::module::tags::places;

use super::{
    body::{Kind, Reader},
    refusal::Refused,
    sites::Stop,
};

/// The block that those leave the function by who are caught nowhere in it.
const OUT: u32 = 1;

/// Where the serial number is in an exception that has one.
const SERIAL: u8 = 1;

/// Puts the operand at byte `place` of an exception, which lies below it, there.
fn put(ty: ValType, place: u8) -> I<'static> {
    match ty {
        ValType::F32 => I::F32x4ReplaceLane(place / 4),
        ValType::I64 => I::I64x2ReplaceLane(place / 8),
        ValType::F64 => I::F64x2ReplaceLane(place / 8),
        _ => I::I32x4ReplaceLane(place / 4),
    }
}

/// Takes it from there.
fn take(ty: ValType, place: u8) -> I<'static> {
    match ty {
        ValType::F32 => I::F32x4ExtractLane(place / 4),
        ValType::I64 => I::I64x2ExtractLane(place / 8),
        ValType::F64 => I::F64x2ExtractLane(place / 8),
        _ => I::I32x4ExtractLane(place / 4),
    }
}

impl Reader<'_, '_> {
    /// Begins the function.
    pub(super) fn begin(&mut self) -> Result<(), Refused> {
        if self.is_thrown {
            let ty = self.sections.body_type(self.position)?;
            self.body.silent(&I::Block(BlockType::Empty));
            self.body.silent(&I::Block(ty));
            self.open = 2;
        }
        self.push(Kind::Block);
        Ok(())
    }

    /// After a call: leaves if something was thrown in it.
    pub(super) fn look(&mut self) {
        if self.is_thrown {
            let pad = self.pad(self.scope());
            self.body.silent(&I::GlobalGet(self.sections.globals.pending));
            self.body.silent(&I::BrIf(pad));
        }
    }

    /// What names the landing pad of a scope, or the way out.
    fn pad(&self, scope: Option<usize>) -> u32 {
        let frame = scope.and_then(|scope| self.frames.get(scope));
        self.open - frame.map_or(OUT, |frame| frame.pad)
    }

    /// Opens the block whose end the landing pad of the `try` is that was entered.
    pub(super) fn open_pad(&mut self, ty: wasmparser::BlockType, clauses: Vec<Catch>) -> Result<(), Refused> {
        let block = self.sections.pad_type(ty);
        self.body.silent(&I::Block(block));
        self.open += 1;
        let (position, pad) = (self.frames.len().checked_sub(1), self.open);
        let number = self.survey.kept.get(&self.body.offset()).copied();
        let kept = self.first_kept.zip(number).map(|(first, number)| first + number);
        if let Some(frame) = self.frames.last_mut() {
            (frame.kind, frame.pad, frame.scope) = (Kind::Try, pad, position);
            (frame.clauses, frame.kept) = (clauses, kept);
        }
        Ok(())
    }

    /// Ends the body of a `try`, or a handler that takes one tag; what follows is its landing pad.
    fn end_arm(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let (label, is_open) = (self.open - frame.label, frame.kind == Kind::Try || frame.is_one);
        frame.is_one = false;
        if is_open {
            self.body.after(&I::Br(label));
            self.body.silent(&I::End);
            self.open -= 1;
        }
    }

    /// `catch`, or without a tag `catch_all`.
    pub(super) fn catch(&mut self, tag: Option<u32>) {
        if !self.is_thrown {
            return self.skip_handlers();
        }
        self.end_arm();
        let around = self.frames.len().checked_sub(2).and_then(|at| self.frames.get(at));
        let scope = around.and_then(|frame| frame.scope);
        let Some(frame) = self.frames.last_mut() else { return };
        (frame.kind, frame.scope) = (Kind::Handlers, scope);
        (frame.is_one, frame.takes_all) = (tag.is_some(), tag.is_none());
        let kept = frame.kept;
        if let Some(tag) = tag {
            self.unless(tag);
        }
        if let Some(kept) = kept {
            self.body.silent(&I::GlobalGet(self.sections.globals.exception));
            self.body.silent(&I::LocalSet(kept));
        }
        self.take(tag);
    }

    /// Opens a block that an exception with another tag leaves.
    fn unless(&mut self, tag: u32) {
        self.body.silent(&I::Block(BlockType::Empty));
        self.open += 1;
        self.body.silent(&I::GlobalGet(self.sections.globals.pending));
        self.body.silent(&I::I32Const(self.sections.number(tag) as i32 + 1));
        self.body.silent(&I::I32Ne);
        self.body.silent(&I::BrIf(0));
    }

    /// Takes what is thrown, with the operands of the tag.
    fn take(&mut self, tag: Option<u32>) {
        if let Some(tag) = tag {
            let params = self.sections.tag_params(tag);
            match places(params) {
                Some(places) => {
                    for (&ty, place) in params.iter().zip(places) {
                        self.body.silent(&I::GlobalGet(self.sections.globals.exception));
                        self.body.silent(&take(ty, place));
                    }
                }
                None => {
                    for slot in self.sections.slots(params) {
                        self.body.silent(&I::GlobalGet(slot));
                    }
                }
            }
        }
        self.body.silent(&I::I32Const(0));
        self.body.silent(&I::GlobalSet(self.sections.globals.pending));
    }

    /// A clause of a `try_table`; whether it takes everything.
    fn clause(&mut self, clause: Catch) -> bool {
        let (tag, label, is_ref) = match clause {
            Catch::One { tag, label } => (Some(tag), label, false),
            Catch::OneRef { tag, label } => (Some(tag), label, true),
            Catch::All { label } => (None, label, false),
            Catch::AllRef { label } => (None, label, true),
        };
        if let Some(tag) = tag {
            self.unless(tag);
        }
        self.take(tag);
        if is_ref {
            self.body.silent(&I::GlobalGet(self.sections.globals.exception));
        }
        // The frame of the `try_table` is gone: labels count from around it.
        let label = self.label(label);
        self.body.after(&I::Br(label));
        if tag.is_some() {
            self.body.silent(&I::End);
            self.open -= 1;
        }
        tag.is_none()
    }

    /// `delegate`: what is thrown goes to what is around a label, which counts from around the `try`.
    pub(super) fn delegate(&mut self, depth: u32) {
        if self.is_thrown {
            self.end_arm();
            self.frames.pop();
            let named = self.frames.len().checked_sub(1 + depth as usize).and_then(|at| self.frames.get(at));
            let pad = self.pad(named.and_then(|frame| frame.scope));
            self.body.after(&I::Br(pad));
        } else {
            self.frames.pop();
        }
        self.body.own(&I::End);
        self.open -= 1;
    }

    /// `end`.
    pub(super) fn end(&mut self) -> Result<(), Refused> {
        let kind = self.frames.last().map_or(Kind::Block, |frame| frame.kind);
        if matches!(kind, Kind::Try | Kind::Handlers) {
            self.end_arm();
        }
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let mut takes_all = frame.takes_all || !matches!(kind, Kind::Try | Kind::Handlers);
        // Of clauses that take the same, the first does.
        let mut taken = HashSet::new();
        for clause in frame.clauses {
            if let Catch::One { tag, .. } | Catch::OneRef { tag, .. } = clause
                && !taken.insert(self.sections.number(tag))
            {
                continue;
            }
            takes_all = takes_all || self.clause(clause);
        }
        if !takes_all {
            let pad = self.pad(self.scope());
            self.body.after(&I::Br(pad));
        }
        if self.frames.is_empty() && self.is_thrown {
            self.end_function()?
        }
        self.body.own(&I::End);
        self.open = self.open.saturating_sub(1);
        Ok(())
    }

    /// Ends the blocks around the function's own code; its own `end` is to follow.
    fn end_function(&mut self) -> Result<(), Refused> {
        self.body.silent(&I::End);
        self.body.after(&I::Return);
        self.body.silent(&I::End);
        for zero in self.sections.zeros(self.position)? {
            self.body.silent(&zero);
        }
        self.open = 0;
        Ok(())
    }

    /// `throw`. Nothing of the sample is to follow.
    pub(super) fn throw(&mut self, tag: u32) {
        let params = self.sections.tag_params(tag);
        let slots = self.sections.slots(params);
        for slot in slots.iter().rev() {
            self.body.made(&I::GlobalSet(*slot), None);
        }
        let number = self.sections.number(tag) as i32 + 1;
        self.body.made(&I::V128Const(i128::from(number)), None);
        match places(params) {
            Some(places) => {
                for ((&ty, place), slot) in params.iter().zip(places).zip(slots) {
                    self.body.made(&I::GlobalGet(slot), None);
                    self.body.made(&put(ty, place), None);
                }
            }
            None => {
                let serial = self.sections.globals.serial;
                let next = [I::GlobalGet(serial), I::I32Const(1), I::I32Add, I::GlobalSet(serial)];
                next.iter().for_each(|instruction| self.body.made(instruction, None));
                self.body.made(&I::GlobalGet(serial), None);
                self.body.made(&I::I32x4ReplaceLane(SERIAL), None);
            }
        }
        self.body.made(&I::GlobalSet(self.sections.globals.exception), None);
        self.body.made(&I::I32Const(number), None);
        self.go();
    }

    /// With the number of the tag on the stack: off to the landing pad.
    fn go(&mut self) {
        let place = self.sections.place(self.position, self.body.offset());
        let pad = self.pad(self.scope());
        let globals = self.sections.globals;
        self.body.after(&I::GlobalSet(globals.pending));
        self.body.silent(&I::I32Const(place as i32));
        self.body.silent(&I::GlobalSet(globals.place));
        self.body.after(&I::Br(pad));
    }

    /// `throw_ref`.
    pub(super) fn throw_ref(&mut self) {
        self.body.made(&I::GlobalSet(self.sections.globals.exception), None);
        self.require(&[I::I32Const(0), I::I32Ne], Stop::NullException);
        self.again();
    }

    /// `rethrow` of the exception that the `try` of a label took.
    pub(super) fn rethrow(&mut self, depth: u32) {
        let named = self.frames.len().checked_sub(1 + depth as usize).and_then(|at| self.frames.get(at));
        let Some(kept) = named.and_then(|frame| frame.kept) else {
            return self.body.stop(Stop::Unsupported);
        };
        self.body.made(&I::LocalGet(kept), None);
        self.body.made(&I::GlobalSet(self.sections.globals.exception), None);
        self.again();
    }

    /// Puts the number of the exception's tag, and 1, onto the stack.
    fn number(&mut self) {
        self.body.silent(&I::GlobalGet(self.sections.globals.exception));
        self.body.silent(&I::I32x4ExtractLane(0));
    }

    /// Stops unless what is asked of that number holds.
    fn require(&mut self, condition: &[I<'_>], stop: Stop) {
        self.body.silent(&I::Block(BlockType::Empty));
        self.number();
        for instruction in condition {
            self.body.silent(instruction);
        }
        self.body.silent(&I::BrIf(0));
        self.body.stop(stop);
        self.body.silent(&I::End);
    }

    /// Throws again what `exception` holds, and records its tag.
    fn again(&mut self) {
        let (small, all, bits) = self.sections.tags();
        // Of others the operands must still be there, and the host may have made up the number.
        self.require(&[I::I32Const(all as i32), I::I32LeU], Stop::Unsupported);
        if small < all {
            let globals = self.sections.globals;
            let is_last = [
                I::I32Const(small as i32),
                I::I32LeU,
                I::GlobalGet(globals.exception),
                I::I32x4ExtractLane(SERIAL),
                I::GlobalGet(globals.serial),
                I::I32Eq,
                I::I32Or,
            ];
            self.require(&is_last, Stop::Unsupported);
        }
        for bit in (0..bits).rev() {
            self.body.silent(&I::Block(BlockType::Empty));
            self.number();
            self.body.silent(&I::I32Const(1));
            self.body.silent(&I::I32Sub);
            self.body.silent(&I::I32Const(1 << bit));
            self.body.silent(&I::I32And);
            self.body.after(&I::BrIf(0));
            self.body.silent(&I::End);
        }
        self.number();
        self.go();
    }
}
