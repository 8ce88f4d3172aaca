//! Atomic operators, as they are on one thread: nobody comes between. In a module that begins threads,
//! operators that wait or tell ask the host, and after the others another thread may go on. Else nobody
//! waits.

use crate::{
    module::{
        Meeting,
        atomic::{Action, Atomic},
    },
    trace::{FuncKey, Trap},
};

use super::super::{
    code::{AtomicSite, Instr},
    error::ValuesErrorKind,
    machine::{Machine, Result, too_deep},
    store::NONE,
    visitor::Visitor,
};

/// What an access does to the bytes that are there.
struct Done {
    /// What is stored, if anything is.
    stored: Option<u64>,
    /// What it gives, if anything.
    result: Option<u64>,
}

impl Machine<'_> {
    /// Does an atomic operator; whether Wasm is left.
    pub(super) fn atomic(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let frame = *self.frames.last().ok_or_else(too_deep)?;
        let body = self.store.funcs[frame.func as usize].body.as_ref();
        let site = body.and_then(|body| body.atomics.get(instr.c as usize)).copied();
        let AtomicSite { atomic, memory } = site.ok_or(ValuesErrorKind::Effects("unknown code"))?;
        self.take_memory(NONE);
        let data = self.data();
        let operands = [self.here(instr.b), self.here(data.a), self.here(data.b)];
        let told = &operands[..atomic.action.operands()];
        let meets = self.meets(atomic.action);
        let bytes = &mut self.store.memory(memory)?.bytes;
        let (len, at) = (u64::from(atomic.width), operands[0].wrapping_add(atomic.memarg.offset));
        if at % len != 0 {
            return self.fails(visitor, instr, told, Trap::UnalignedAtomic);
        }
        let range = operands[0].checked_add(atomic.memarg.offset).and_then(|at| {
            let at = usize::try_from(at).ok()?;
            bytes.get_mut(at..at.checked_add(usize::from(atomic.width))?)
        });
        let Some(target) = range else {
            return self.fails(visitor, instr, told, Trap::OutOfBoundsMemoryAccess);
        };
        let mut old = [0; 8];
        old[..target.len()].copy_from_slice(target);
        if let Some((key, meeting)) = meets {
            if atomic.action == Action::Wait {
                self.access(visitor, memory, at, len, false);
            }
            self.told(visitor, instr, told, &[], 2);
            return self.meet(key, meeting, frame.fp + instr.a as usize, visitor);
        }
        let Some(Done { stored, result }) = act(atomic, u64::from_le_bytes(old), operands) else {
            return self.fails(visitor, instr, told, Trap::Deadlock);
        };
        if let Some(value) = stored {
            let len = target.len();
            target.copy_from_slice(&value.to_le_bytes()[..len]);
        }
        if !matches!(atomic.action, Action::Store | Action::Notify) {
            self.access(visitor, memory, at, len, false);
        }
        if stored.is_some() {
            self.access(visitor, memory, at, len, true);
            self.written(visitor, memory, at, len);
        }
        if let Some(result) = result {
            self.set(instr.a, result);
        }
        self.told(visitor, instr, told, result.as_slice(), 2);
        self.pass(Meeting::Pass, visitor)
    }

    /// Does a `loop` in which a thread may spin; whether Wasm is left.
    pub(super) fn round(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        self.take_memory(NONE);
        self.told(visitor, instr, &[], &[], 1);
        self.pass(Meeting::Round, visitor)
    }

    /// Another thread may go on here.
    fn pass(&mut self, meeting: Meeting, visitor: &mut impl Visitor) -> Result<bool> {
        let at = self.frames.last().map_or(0, |frame| frame.fp);
        match self.meetings.and_then(|meetings| meetings.key(meeting)) {
            Some(key) => self.meet(key, meeting, at, visitor),
            None => Ok(false),
        }
    }

    /// What the operator asks of the host of threads, if it does.
    fn meets(&self, action: Action) -> Option<(FuncKey, Meeting)> {
        let meeting = match action {
            Action::Wait => Meeting::Wait,
            Action::Notify => Meeting::Notify,
            _ => return None,
        };
        Some((self.meetings?.key(meeting)?, meeting))
    }
}

/// What `atomic` does where `old` is; `None` if it waits for ever.
fn act(atomic: Atomic, old: u64, [_, first, second]: [u64; 3]) -> Option<Done> {
    let (stored, result) = match atomic.action {
        Action::Load => (None, Some(old)),
        Action::Store => (Some(first), None),
        Action::Modify(modify) => (Some(modify.apply(old, first)), Some(old)),
        Action::CompareExchange => ((old == first).then_some(second), Some(old)),
        Action::Notify => (None, Some(0)),
        Action::Wait if old != first => (None, Some(1)),
        Action::Wait if (second as i64) < 0 => return None,
        Action::Wait => (None, Some(2)),
    };
    Some(Done { stored, result })
}
