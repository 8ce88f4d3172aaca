//! Exceptions: landing pads, handlers, and what throws.
//!
//! A handler of a `try` finds the exception in two slots below its operands, for `rethrow`. Values that leave
//! it are carried to where the results of the `try` are.

use wasmparser::{BlockType, Catch};

use crate::module::Takes;

use super::super::code::{Caught, Code, Pad, Ty};
use super::{Kind, Patch, Result, Translator, Where};

impl Translator<'_> {
    /// The landing pad of what is thrown here.
    pub(super) fn scope(&self) -> Option<u32> {
        self.controls.last().and_then(|control| control.scope)
    }

    /// The instruction at `pc` can throw.
    pub(super) fn lands(&mut self, pc: usize) {
        if let Some(pad) = self.scope() {
            self.body.landings.push((pc as u32, pad));
        }
    }

    pub(super) fn begin_try(&mut self, ty: BlockType, catches: &[Catch]) -> Result<()> {
        self.spill_all()?;
        self.note(None, super::Place::None);
        let pad = self.body.pads.len() as u32;
        self.body.pads.push(Pad { around: self.scope(), ..Pad::default() });
        for catch in catches {
            let (takes, label, gives) = match *catch {
                Catch::One { tag, label } => (Takes::Tag(tag), label, false),
                Catch::OneRef { tag, label } => (Takes::Tag(tag), label, true),
                Catch::All { label } => (Takes::All, label, false),
                Catch::AllRef { label } => (Takes::All, label, true),
            };
            let index = self.control(label)?;
            let control = &self.controls[index];
            let (pc, to, is_loop) = (control.start, control.base_slot, control.kind == Kind::Loop);
            let ways = &mut self.body.pads[pad as usize].ways;
            ways.push(Caught { takes, pc, to, is_loop, keeps: false, gives });
            let way = ways.len() - 1;
            self.target(index, Patch::Caught(pad, way));
        }
        self.enter(Kind::Block, ty)?;
        if let Some(control) = self.controls.last_mut() {
            (control.scope, control.pad) = (Some(pad), Some(pad));
        }
        Ok(())
    }

    fn control(&self, depth: u32) -> Result<usize> {
        self.controls.len().checked_sub(1 + depth as usize).ok_or_else(|| self.invalid())
    }

    /// Leaves a body or a handler: on behind the last handler.
    pub(super) fn end_handler(&mut self) -> Result<()> {
        self.spill_all()?;
        let (control, _, way) = self.way(0)?;
        if way.len == 0 || way.from == way.to {
            let pc = self.emit(Code::Br, 0, 0, 0, false)?;
            self.target(control, Patch::Instr(pc));
        } else {
            let way = self.add_way(control, way);
            self.emit(Code::BrMove, 0, 0, way, false)?;
        }
        Ok(())
    }

    /// `catch` or `catch_all`.
    pub(super) fn begin_catch(&mut self, takes: Takes) -> Result<()> {
        if self.dead == 0 {
            self.end_handler()?;
        }
        self.dead = 0;
        let here = self.label()?;
        let around = self.controls.len().checked_sub(2).and_then(|at| self.controls[at].scope);
        let control =
            self.controls.last_mut().ok_or(super::Untranslatable::Invalid { offset: self.offset })?;
        let (base, to, pad) = (control.base, control.base_slot, control.pad);
        (control.scope, control.kept) = (around, Some(to));
        self.truncate(base)?;
        self.push(Where::Home, Ty::V128);
        if let Takes::Tag(tag) = takes {
            let number = self.layout.tags.number(tag).ok_or_else(|| self.invalid())?;
            let params: Vec<Ty> =
                self.layout.tag_params(number).iter().map(|&one| self.layout.ty(one)).collect();
            params.into_iter().for_each(|ty| self.push(Where::Home, ty));
        }
        self.clean = self.clean.min(base);
        if let Some(pad) = pad.and_then(|pad| self.body.pads.get_mut(pad as usize)) {
            pad.ways.push(Caught { takes, pc: here, to, is_loop: false, keeps: true, gives: false });
        }
        self.note(None, super::Place::None);
        Ok(())
    }

    /// `delegate`, which is executed by exceptions only.
    pub(super) fn delegate(&mut self, depth: u32) -> Result<()> {
        if self.dead == 0 {
            self.end_handler()?;
        }
        self.dead = 0;
        self.label()?;
        let named = self.control(depth.saturating_add(1))?;
        let around = self.controls[named].scope;
        let pc = self.own(Code::Cover, 0, 0, 0, None)?;
        let pad = self.controls.last().and_then(|control| control.pad);
        if let Some(pad) = pad.and_then(|pad| self.body.pads.get_mut(pad as usize)) {
            (pad.around, pad.delegate) = (around, Some(pc as u32));
        }
        self.die()?;
        self.end()
    }

    pub(super) fn throw(&mut self, tag: u32) -> Result<()> {
        let number = self.layout.tags.number(tag).ok_or_else(|| self.invalid())?;
        let count = self.layout.tag_params(number).len();
        let first = self.stack.len().checked_sub(count).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let from = self.stack.get(first).map_or_else(|| self.next_slot(), |entry| entry.home);
        let len = self.next_slot() - from;
        let pc = self.own(Code::Throw, from, number, len, None)?;
        self.lands(pc);
        self.die()
    }

    pub(super) fn throw_ref(&mut self) -> Result<()> {
        let entry = self.pop()?;
        let slot = self.slot(entry)?;
        let pc = self.own(Code::ThrowRef, slot, 0, 0, None)?;
        self.lands(pc);
        self.die()
    }

    pub(super) fn rethrow(&mut self, depth: u32) -> Result<()> {
        let named = self.control(depth)?;
        let kept = self.controls[named].kept.ok_or_else(|| self.invalid())?;
        let pc = self.own(Code::ThrowRef, kept, 1, 0, None)?;
        self.lands(pc);
        self.die()
    }
}
