//! Windows of instructions that mining kernels are made of, executed.

use std::collections::BTreeMap;

use crate::{module::view::View, sandbox::Run};

use super::{Cost, Pass, Replayed, functions};

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "signatures";
    const HELP: &'static str = "MineThrottle's windows, executed: each as often as its block ran";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = BTreeMap<String, u64>;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> BTreeMap<String, u64> {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for function in profile.get(&functions::OfRun).iter() {
            for (name, &count) in &function.signatures {
                let sum = all.entry(name.clone()).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        all
    }
}
