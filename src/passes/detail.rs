//! What is measured of a run, an entry point and a function alike.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::module::{BothKeys, FuncIndex, both_keys};

use super::{
    CallEdgeKind, Constant, HotBlock, MAX_TARGETS, is_zero,
    profile::{Call, Profile},
    tally::State,
    top::{Ranked, Top},
};

/// What is measured of a run, an entry point and a function alike. Empty lists are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Detail {
    /// Mnemonic → executions; of the first 100,000 functions that ran.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub opcodes: BTreeMap<&'static str, u64>,
    /// The callees of calls through tables, most often first, at most [`MAX_TARGETS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indirect_targets: Vec<Target>,
    /// Calls through tables whose callee is not in `indirect_targets`.
    #[serde(skip_serializing_if = "is_zero")]
    pub indirect_targets_cut: u64,
    /// Blocks that executed most, at most [`HOT`](crate::passes::HOT); of a function 4. Their share is that
    /// of the run, or of the entry point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hot_blocks: Vec<HotBlock>,
    /// Blocks that ran and are not in `hot_blocks`.
    #[serde(skip_serializing_if = "is_zero")]
    pub hot_blocks_cut: u64,
    /// Constants of cryptographic algorithms among executed `const` instructions, at most [`MAX_TARGETS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constants: Vec<Constant>,
    /// Constants that were executed and are not in `constants`.
    #[serde(skip_serializing_if = "is_zero")]
    pub constants_cut: u64,
}

/// What calls through tables called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Target {
    /// The function.
    #[serde(flatten, serialize_with = "both_keys")]
    #[schemars(with = "BothKeys<FuncIndex>")]
    pub func: FuncIndex,
    /// How often.
    pub count: u64,
}

impl Detail {
    /// Adds a constant if there is room.
    pub(super) fn keep(&mut self, constant: &Constant) {
        match self.constants.len() < MAX_TARGETS {
            true => self.constants.push(constant.clone()),
            false => self.constants_cut += 1,
        }
    }
}

/// What calls through tables called.
pub(super) fn targets(profile: &Profile<'_>, calls: &[Call]) -> Detail {
    let mut callees: BTreeMap<State, u64> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.kind == CallEdgeKind::Indirect) {
        *callees.entry(call.callee).or_default() += call.count;
    }
    let mut top = Top::new(MAX_TARGETS);
    callees.into_iter().for_each(|(callee, count)| top.push(count, callee));
    let (indirect_targets, indirect_targets_cut) = ranked_targets(profile, &top.finish());
    Detail { indirect_targets, indirect_targets_cut, ..Detail::default() }
}

pub(super) fn ranked_targets(profile: &Profile<'_>, ranked: &Ranked<State>) -> (Vec<Target>, u64) {
    let target = |&(count, callee): &(u64, State)| Some(Target { func: profile.index_of(callee)?, count });
    let targets: Vec<_> = ranked.items.iter().filter_map(target).collect();
    let all = ranked.items.iter().map(|(count, _)| count).sum::<u64>() + ranked.cut_weight;
    let listed = targets.iter().map(|target| target.count).sum::<u64>();
    (targets, all - listed)
}
