//! A function body being written, with the site of each operator.

use wasm_encoder::{Encode as _, Function, Instruction, ValType};

use super::sites::{FunctionSites, SitesWriter, Stop};

/// A body being written.
pub(super) struct Writer {
    function: Function,
    sites: SitesWriter,
    /// Operators of our own before which nothing stops, as the engine is told of them, and where the last is.
    made: Vec<u8>,
    last_made: u32,
    /// Offset in the sample's body of the operator that is read.
    offset: u32,
}

/// A body that was written.
pub(super) struct Written {
    pub(super) function: Function,
    /// Where its operators come from.
    pub(super) sites: FunctionSites,
    /// As the engine is told of them.
    pub(super) made: Box<[u8]>,
}

impl Writer {
    pub(super) fn new(locals: Vec<(u32, ValType)>) -> Self {
        let (sites, made) = (SitesWriter::default(), Vec::new());
        Self { function: Function::new(locals), sites, made, last_made: 0, offset: 0 }
    }

    /// The operator at this offset in the sample's body is read.
    pub(super) fn at(&mut self, offset: u32) {
        self.offset = offset;
    }

    /// Offset in the sample's body of the operator that is read.
    pub(super) fn offset(&self) -> u32 {
        self.offset
    }

    pub(super) fn finish(self) -> Written {
        Written { function: self.function, sites: self.sites.finish(), made: self.made.into() }
    }

    /// Bytes written so far.
    pub(super) fn len(&self) -> usize {
        self.function.byte_len()
    }

    fn position(&self) -> u32 {
        self.function.byte_len() as u32
    }

    /// The operator that is read, as it is.
    pub(super) fn own(&mut self, instruction: &Instruction<'_>) {
        self.sites.own(self.position(), self.offset);
        self.function.instruction(instruction);
    }

    /// One made from it.
    pub(super) fn made(&mut self, instruction: &Instruction<'_>, stop: Option<Stop>) {
        self.sites.made(self.position(), self.offset, stop);
        self.function.instruction(instruction);
    }

    /// One of our own that follows what the operator did: nothing stops before it.
    pub(super) fn after(&mut self, instruction: &Instruction<'_>) {
        self.note_made(false);
        self.made(instruction, None);
    }

    /// As [`Self::after`], of one that records nothing, and cannot trap.
    pub(super) fn silent(&mut self, instruction: &Instruction<'_>) {
        self.note_made(true);
        self.made(instruction, None);
    }

    /// As [`Self::silent`], of one that traps for a reason that the sample has another name for.
    pub(super) fn silent_or(&mut self, instruction: &Instruction<'_>, stop: Stop) {
        self.note_made(true);
        self.made(instruction, Some(stop));
    }

    fn note_made(&mut self, is_silent: bool) {
        let position = self.position();
        ((position - self.last_made) << 1 | u32::from(is_silent)).encode(&mut self.made);
        self.last_made = position;
    }

    /// Whoever gets here stops.
    pub(super) fn stop(&mut self, stop: Stop) {
        self.made(&Instruction::Unreachable, Some(stop));
    }
}
