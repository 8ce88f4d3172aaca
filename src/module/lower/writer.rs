//! A function body being written, with the site of each operator.

use wasm_encoder::{Function, Instruction, ValType};

use super::sites::{FunctionSites, Stop};

/// A body being written.
pub(super) struct Writer {
    function: Function,
    sites: FunctionSites,
    /// Offset in the sample's body of the operator that is read.
    offset: u32,
}

impl Writer {
    pub(super) fn new(locals: Vec<(u32, ValType)>) -> Self {
        Self { function: Function::new(locals), sites: FunctionSites::default(), offset: 0 }
    }

    /// The operator at this offset in the sample's body is read.
    pub(super) fn at(&mut self, offset: u32) {
        self.offset = offset;
    }

    /// The body, and where its operators come from.
    pub(super) fn finish(self) -> (Function, FunctionSites) {
        (self.function, self.sites)
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

    /// Whoever gets here stops.
    pub(super) fn stop(&mut self, stop: Stop) {
        self.made(&Instruction::Unreachable, Some(stop));
    }
}
