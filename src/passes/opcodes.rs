//! Executed opcodes by mnemonic.

use std::collections::BTreeMap;

use crate::{
    module::{OPCODES, Opcode, view::View},
    sandbox::Run,
};

use super::{Cost, Pass, Replayed};

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "opcodes";
    const HELP: &'static str = "how often each opcode was executed, exactly";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = BTreeMap<String, u64>;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> BTreeMap<String, u64> {
        let counts = (0u16..).zip(profile.totals().opcodes.iter().copied());
        named(counts).into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

/// Executions by mnemonic; two encodings may have one.
pub(super) fn named(counts: impl IntoIterator<Item = (u16, u64)>) -> BTreeMap<&'static str, u64> {
    let mut opcodes = BTreeMap::new();
    let named = |(opcode, count): (u16, u64)| {
        Some((Opcode::ALL.get(..OPCODES)?.get(usize::from(opcode))?.mnemonic(), count))
    };
    for (name, count) in counts.into_iter().filter(|(_, count)| *count != 0).filter_map(named) {
        *opcodes.entry(name).or_default() += count;
    }
    opcodes
}
