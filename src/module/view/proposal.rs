//! Which proposals beyond the first version a module uses, and where first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::module::{OPCODES, Opcode};

/// A proposal that the module uses.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Proposal {
    /// Its name, such as `bulk memory`.
    pub name: String,
    /// First place where it is used.
    pub offset: u64,
}

macro_rules! define_proposals {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The proposal of each opcode, by number, as wasmparser has it.
        const PROPOSALS: [&str; OPCODES] = [$(stringify!($proposal),)*];
    };
}
wasmparser::for_each_operator!(define_proposals);

/// First uses, collected while a module is read.
pub(super) struct Uses {
    opcodes: Box<[Option<u64>]>,
    named: BTreeMap<&'static str, u64>,
}

impl Default for Uses {
    fn default() -> Self {
        Self { opcodes: vec![None; OPCODES].into(), named: BTreeMap::new() }
    }
}

impl Uses {
    /// An operator occurs at `offset`.
    pub(super) fn opcode(&mut self, opcode: Opcode, offset: u64) {
        if let Some(first) = self.opcodes.get_mut(opcode as usize) {
            first.get_or_insert(offset);
        }
    }

    /// Something that is no operator needs a proposal.
    pub(super) fn named(&mut self, proposal: &'static str, offset: u64) {
        let first = self.named.entry(proposal).or_insert(offset);
        *first = offset.min(*first);
    }

    /// All proposals by name.
    pub(super) fn finish(mut self) -> Vec<Proposal> {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        let opcodes = PROPOSALS.into_iter().zip(std::mem::take(&mut self.opcodes));
        let opcodes = opcodes.filter_map(|(proposal, offset)| Some((proposal, offset?)));
        for (proposal, offset) in opcodes.filter(|(proposal, _)| *proposal != "mvp").chain(self.named) {
            // Words may be joined by either.
            let first = all.entry(proposal.replace('_', " ")).or_insert(offset);
            *first = offset.min(*first);
        }
        all.into_iter().map(|(name, offset)| Proposal { name, offset }).collect()
    }
}
