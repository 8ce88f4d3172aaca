//! Every branch instruction that was decided, and which way it went.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{BlockIndex, Exit, Op, Opcode, Place, view::View},
    sandbox::Run,
};

use super::{Cost, Pass, Replayed, profile::Ran};

/// A conditional branch.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Branch {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// How often it was taken; for a `br_table` all executions.
    pub taken: u64,
    /// How often not.
    pub not_taken: u64,
    /// For a `br_table`: how often each label, the default last.
    pub labels: Vec<u64>,
}

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "branches";
    const HELP: &'static str = "every branch instruction with how often it went which way";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = Vec<Branch>;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> Vec<Branch> {
        let mut found = Vec::new();
        profile.functions().for_each(|ran| branches(ran, &mut found));
        found
    }
}

/// Conditional branches and tables that were decided at least once.
fn branches(ran: Ran<'_>, branches: &mut Vec<Branch>) {
    for (position, block) in ran.code.blocks().iter().enumerate() {
        let index = BlockIndex(position as u32);
        let (_, [not_taken, taken]) = ran.counts(index);
        let Some(last) = ran.code.ops().get(block.range()).and_then(<[Op]>::last) else { continue };
        let is_branch = match block.exit {
            Exit::BrIf(_) | Exit::If(_) | Exit::BrOn(_) | Exit::BrTable(_) => true,
            // All its labels are equal, so which of them was taken is not known.
            Exit::Br(_) | Exit::BrLoop(_) => last.opcode == Opcode::BrTable,
            _ => false,
        };
        if is_branch && taken + not_taken != 0 {
            let labels = ran.labels(index).to_vec();
            let place = Place { function: ran.func(), offset: last.offset };
            branches.push(Branch { place, taken, not_taken, labels });
        }
    }
}
