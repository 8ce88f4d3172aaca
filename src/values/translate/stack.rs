//! The operand stack while translating: where each operand is, and what copies it to its own slot.

use super::super::code::{Code, Place, Ty};
use super::{Entry, Result, Translator, Where, copy};

impl Translator<'_> {
    pub(super) fn next_slot(&self) -> u32 {
        self.stack.last().map_or(self.body.locals, |entry| entry.home + entry.ty.slots())
    }

    pub(super) fn push(&mut self, at: Where, ty: Ty) {
        let home = self.next_slot();
        self.stack.push(Entry { at, ty, home });
        self.body.slots = self.body.slots.max(home + ty.slots());
        if let Where::Local(index) = at {
            self.locals[index as usize].uses += 1;
        }
    }

    pub(super) fn pop(&mut self) -> Result<Entry> {
        let entry = self.stack.pop().ok_or_else(|| self.invalid())?;
        self.clean = self.clean.min(self.stack.len());
        if let Where::Local(index) = entry.at {
            self.locals[index as usize].uses -= 1;
        }
        Ok(entry)
    }

    pub(super) fn truncate(&mut self, len: usize) -> Result<()> {
        while self.stack.len() > len {
            self.pop()?;
        }
        Ok(())
    }

    /// The slot in which an operand is; a constant is put there.
    pub(super) fn slot(&mut self, entry: Entry) -> Result<u32> {
        Ok(match entry.at {
            Where::Home => entry.home,
            Where::Local(index) => self.locals[index as usize].slot,
            Where::Const(value) => {
                self.constant(entry.home, value)?;
                entry.home
            }
        })
    }

    pub(super) fn place(&self, entry: Entry) -> Place {
        match entry.at {
            Where::Home => Place::Slot(entry.home),
            Where::Local(index) => Place::Slot(self.locals[index as usize].slot),
            Where::Const(value) => Place::Const(value),
        }
    }

    pub(super) fn constant(&mut self, to: u32, value: u64) -> Result<usize> {
        self.emit(Code::Const, to, value as u32, (value >> 32) as u32, false)
    }

    /// Puts the entry at `index` into its own slot.
    pub(super) fn spill(&mut self, index: usize) -> Result<bool> {
        let entry = self.stack[index];
        match entry.at {
            Where::Home => return Ok(false),
            Where::Const(value) => _ = self.constant(entry.home, value)?,
            Where::Local(local) => {
                let local = &mut self.locals[local as usize];
                local.uses -= 1;
                let (code, slot) = (copy(local.ty), local.slot);
                self.emit(code, entry.home, slot, 0, false)?;
            }
        }
        self.stack[index].at = Where::Home;
        Ok(true)
    }

    pub(super) fn spill_from(&mut self, first: usize) -> Result<()> {
        for index in first.max(self.clean)..self.stack.len() {
            self.spill(index)?;
        }
        if first <= self.clean {
            self.clean = self.stack.len();
        }
        Ok(())
    }

    pub(super) fn spill_all(&mut self) -> Result<()> {
        self.spill_from(0)
    }

    /// Whether something would have to be spilled.
    pub(super) fn is_dirty(&self) -> bool {
        self.stack[self.clean..].iter().any(|entry| entry.at != Where::Home)
    }

    /// Spills what is a local that is about to change; whether there was any.
    pub(super) fn spill_local(&mut self, local: u32) -> Result<bool> {
        let mut spilled = false;
        let mut index = self.stack.len();
        while self.locals[local as usize].uses > 0 && index > 0 {
            index -= 1;
            if self.stack[index].at == Where::Local(local) {
                spilled |= self.spill(index)?;
            }
        }
        Ok(spilled)
    }
}
