//! Where an invocation is cut short: by a limit, or by a trap that does not follow from values.
//!
//! An instruction is marked (`Code::Break`) once no decision is left before the place. The loop stops there
//! and asks whether this is the moment.

use std::sync::Arc;

use crate::trace::{End, Record, Trap};

use super::super::{code::Code, error::ValuesErrorKind};
use super::{Machine, Planted, Result, is_bulk};

impl Machine<'_> {
    /// Sets how far decisions may be read, and gets ready for an end that is near.
    pub(super) fn arm(&mut self) -> Result<()> {
        self.unplant();
        let place = self.invocations.last().and_then(|invocation| invocation.place);
        self.check.decisions.set_barrier(place.map_or(u64::MAX, |place| place.bits))?;
        if self.check.decisions.is_at_end() {
            self.plant()?;
        }
        Ok(())
    }

    pub(super) fn unplant(&mut self) {
        if let Some(planted) = self.planted.take()
            && let Some(body) = &mut self.store.funcs[planted.func as usize].body
        {
            Arc::make_mut(body).code[planted.pc] = planted.saved;
        }
    }

    /// Marks the instruction at which the invocation is cut short, if no decision is left before that.
    pub(in crate::values) fn plant(&mut self) -> Result<()> {
        let place = self.invocations.last().and_then(|invocation| invocation.place);
        let Some(place) = place.filter(|place| place.bits == self.check.decisions.position()) else {
            return Ok(());
        };
        let Some((key, offset)) = place.site else { return Ok(()) };
        let func = *self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
        self.load(func)?;
        let Some(body) = &mut self.store.funcs[func as usize].body else { return Ok(()) };
        let offset = body.start.saturating_add(offset);
        let Some((pc, position)) = body.find(offset) else {
            return Err(ValuesErrorKind::Effects("the run is cut short at no instruction"));
        };
        self.unplant();
        let Some(body) = &mut self.store.funcs[func as usize].body else { return Ok(()) };
        let saved = body.code[pc];
        Arc::make_mut(body).code[pc].code = Code::Break;
        self.planted = Some(Planted { func, pc, saved, position });
        Ok(())
    }

    /// Whether the last invocation is cut short right after the decision that was read.
    pub(in crate::values) fn is_cut_after_decision(&self) -> bool {
        let place = self.invocations.last().and_then(|invocation| invocation.place);
        place.is_some_and(|place| place.site.is_none() && place.bits == self.check.decisions.position())
    }

    /// Whether the run is cut short at the planted instruction, which is next.
    pub(in crate::values) fn is_cut_here(&self, planted: &Planted) -> bool {
        let Some((base, place)) = self.invocations.last().and_then(|last| Some((last.base, last.place?)))
        else {
            return false;
        };
        let is_end = match self.check.records.peek() {
            Some(Record::End(End::Trapped { code, .. })) => !is_computed(*code),
            Some(Record::End(End::Stopped { .. } | End::Failed { .. })) => true,
            Some(Record::Bulk { .. }) => is_bulk(planted.saved.code),
            _ => false,
        };
        let is_call = matches!(planted.saved.code, Code::Call) && self.is_own(planted);
        is_end
            && self.frames.len() - base == place.depth as usize
            && self.check.calls() + u64::from(is_call) == place.calls
            && self.check.decisions.position() == place.bits
    }

    pub(in crate::values) fn is_own(&self, planted: &Planted) -> bool {
        let body = self.store.funcs[planted.func as usize].body.as_ref();
        let cover = body.map(|body| body.covers[planted.pc]).unwrap_or_default();
        cover.has_own && u32::from(cover.before) == planted.position
    }
}

/// Whether a trap follows from values. The others are limits of the engine.
pub(super) fn is_computed(code: Trap) -> bool {
    !matches!(
        code,
        Trap::CallStackExhausted | Trap::OutOfFuel | Trap::GrowthLimited | Trap::OutOfSystemMemory
    )
}
