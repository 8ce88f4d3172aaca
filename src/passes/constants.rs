//! Constants of cryptographic algorithms among the `const` instructions that were executed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{CodeOffset, view::View},
    sandbox::Run,
};

use super::{Cost, Pass, Place, Replayed, profile::Ran};

/// A constant of a cryptographic algorithm that was executed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Constant {
    /// What it is.
    pub name: String,
    /// The algorithm.
    pub algorithm: String,
    /// The first place.
    pub place: Place,
    /// How often.
    pub count: u64,
}

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "constants";
    const HELP: &'static str = "constants of cryptographic algorithms that were executed";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = Vec<Constant>;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> Vec<Constant> {
        let mut found = Vec::new();
        for constant in &profile.view().crypto {
            let Some(ran) = constant.func.and_then(|func| profile.function(func)) else { continue };
            let (mut count, mut first) = (0u64, None);
            for &offset in &constant.sites {
                let executed = executed(ran, offset);
                count = count.saturating_add(executed);
                if executed != 0 {
                    first = Some(first.map_or(offset, |first: CodeOffset| first.min(offset)));
                }
            }
            if let Some(offset) = first {
                found.push(Constant {
                    name: constant.name.clone(),
                    algorithm: constant.algorithm.clone(),
                    place: Place { function: ran.func(), offset },
                    count,
                });
            }
        }
        found
    }
}

/// How often the instruction at `offset` was executed.
fn executed(ran: Ran<'_>, offset: CodeOffset) -> u64 {
    let Ok(position) = ran.code.ops().binary_search_by_key(&offset, |op| op.offset) else { return 0 };
    ran.executed(position)
}
