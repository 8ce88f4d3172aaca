//! Exceptions, from where they are thrown to where they are caught.

use crate::{
    module::{Block, BlockIndex, Code, Exit, FuncIndex, Module, PadExit},
    trace::step::Unwinder,
};

use super::{InstructionCounter, Stop, memo::Place};

/// Exceptions: blocks are those of any function.
pub(super) struct Unwinding<'o, 'm> {
    pub(super) counter: &'o mut InstructionCounter,
    pub(super) module: &'m Module,
}

impl Unwinding<'_, '_> {
    fn code(&self, func: FuncIndex) -> Option<&Code> {
        self.module.code(func).ok()
    }
}

impl Unwinder for Unwinding<'_, '_> {
    type Block = Place;
    type Stop = Stop;

    fn pad(&self, (func, block): Place) -> Option<Place> {
        Some((func, self.code(func)?.landing_pad(block)?))
    }

    fn pass(&mut self, _: Place, (func, pad): Place, tag: u32) -> Result<PadExit<Place>, Stop> {
        let code = self.module.code(func).map_err(|_| Stop::Lost)?;
        let &Block { len, exit, .. } = code.blocks().get(pad.position()).ok_or(Stop::Lost)?;
        self.counter.total += u64::from(len);
        self.counter.passed += 1;
        let position = func.0.saturating_sub(self.module.imported_functions()) as usize;
        self.counter.seen.mark(position, pad.position(), code.blocks().len());
        let Exit::Catch(number) = exit else { return Err(Stop::Lost) };
        let way = code.way(self.module.tags(), number, tag);
        Ok(PadExit::of(&(func, pad), way.map(|(to, takes)| ((func, to), takes))))
    }

    fn leave(&mut self, _: Place) -> Result<Place, Stop> {
        let (func, next) = self.counter.pop_frame()?;
        Ok((func, BlockIndex(next.0.checked_sub(1).ok_or(Stop::Lost)?)))
    }
}
