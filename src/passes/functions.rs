//! Functions that ran.

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{
        BlockIndex, Exit, FuncIndex, OPCODES, Opcode,
        view::{Classes, View},
    },
    sandbox::Run,
};

use super::{
    Cost, Detail, Pass, Replayed, constants,
    coverage::Ratio,
    detail, hot_blocks, is_zero,
    limits::{DETAILED, HOT_OF_FUNCTION, MAX_SHARED},
    opcodes,
    profile::{Call, Profile, Ran},
    windows::Windows,
};

/// A defined function that ran.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct FunctionMetrics {
    /// Its index.
    pub index: FuncIndex,
    /// Its name, if it has one.
    pub name: Option<Box<str>>,
    /// How often it was entered.
    pub calls: u64,
    /// Its own instructions, callees left out.
    pub classes: Arc<Classes>,
    /// Blocks that ran, and blocks that it has.
    pub blocks_run: u32,
    /// Blocks that it has.
    pub blocks: u32,
    /// Instructions of the code that were executed at least once.
    pub instructions_run: u32,
    /// MineThrottle's windows, executed.
    pub signatures: BTreeMap<String, u64>,
    /// Host calls that it made itself.
    pub host_calls: u64,
    /// What else was measured.
    #[serde(flatten)]
    pub exclusive: Arc<ExclusiveMetrics>,
}

/// Further measurements of a function, of its own instructions. What is 0 or empty is left out. Its branches
/// are in [`Dynamic::branches`](super::Dynamic::branches).
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ExclusiveMetrics {
    /// Conditional branches taken.
    #[serde(skip_serializing_if = "is_zero")]
    pub taken: u64,
    /// Conditional branches not taken.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_taken: u64,
    /// `br_table` executed.
    #[serde(skip_serializing_if = "is_zero")]
    pub tables: u64,
    /// Pages that its `memory.grow` added.
    #[serde(skip_serializing_if = "is_zero")]
    pub grown_pages: u64,
    /// Its `memory.grow` that were refused.
    #[serde(skip_serializing_if = "is_zero")]
    pub grow_refused: u64,
    /// Bytes and elements of its bulk operations.
    #[serde(skip_serializing_if = "is_zero")]
    pub bulk_len: u64,
    /// Host calls that it made itself: `module.name` → calls.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub host_calls_by_name: BTreeMap<String, u64>,
    /// What a run has too.
    #[serde(flatten)]
    pub detail: Detail,
}

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "functions";
    const HELP: &'static str = "functions that ran, each with what it executed itself";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = Vec<FunctionMetrics>;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> Vec<FunctionMetrics> {
        let mut shared =
            Shared { executed: vec![0; OPCODES], classes: HashMap::new(), exclusive: Arc::default() };
        let detailed = (0..).map(|position: usize| position < DETAILED);
        let mut functions = Vec::with_capacity(profile.ran_count());
        let measured = profile
            .functions()
            .zip(detailed)
            .map(|(ran, is_detailed)| function(profile, ran, is_detailed, &mut shared));
        functions.extend(measured);
        for constant in profile.get(&constants::OfRun).iter() {
            let of = functions.binary_search_by_key(&constant.place.function, |function| function.index);
            if let Some(function) = of.ok().and_then(|position| functions.get_mut(position)) {
                Arc::make_mut(&mut function.exclusive).detail.keep(constant);
            }
        }
        functions
    }
}

/// The name that the view knows, or else the module.
fn name_of(profile: &Profile<'_>, func: FuncIndex) -> Option<Box<str>> {
    let in_view = profile.view().function(func).and_then(|function| function.name.clone());
    in_view.or_else(|| profile.module().and_then(|module| module.name(func)).map(Box::from))
}

/// What functions share while they are measured.
struct Shared {
    /// Zeros between two functions.
    executed: Vec<u64>,
    /// One copy of figures that many functions have.
    classes: HashMap<Classes, Arc<Classes>>,
    /// Of the last function: small functions that follow each other are often alike.
    exclusive: Arc<ExclusiveMetrics>,
}

impl Shared {
    /// Adds what a function executed, and gives its windows.
    fn count(&mut self, ran: Ran<'_>) -> Windows {
        let mut windows = Windows::default();
        for (_, ops, count) in ran.slices() {
            for op in ops {
                if let Some(sum) = self.executed.get_mut(op.opcode as usize) {
                    *sum = sum.saturating_add(count);
                }
            }
            windows.add(ops, count);
        }
        windows
    }

    fn classes(&mut self) -> Arc<Classes> {
        let classes = Classes::of_histogram(&self.executed);
        if let Some(shared) = self.classes.get(&classes) {
            return Arc::clone(shared);
        }
        let shared = Arc::new(classes);
        if self.classes.len() < MAX_SHARED {
            self.classes.insert(classes, Arc::clone(&shared));
        }
        shared
    }

    fn exclusive(&mut self, exclusive: ExclusiveMetrics) -> Arc<ExclusiveMetrics> {
        if *self.exclusive != exclusive {
            self.exclusive = Arc::new(exclusive);
        }
        Arc::clone(&self.exclusive)
    }
}

/// `is_detailed`: with opcodes and blocks.
fn function(profile: &Profile<'_>, ran: Ran<'_>, is_detailed: bool, shared: &mut Shared) -> FunctionMetrics {
    let windows = shared.count(ran);
    let classes = shared.classes();
    let exclusive = exclusive(profile, ran, is_detailed, &shared.executed);
    let Ratio { blocks_run, instructions_run, blocks, .. } = Ratio::of(ran);
    let function = FunctionMetrics {
        index: ran.func(),
        name: name_of(profile, ran.func()),
        calls: ran.function.entered,
        classes,
        blocks_run: blocks_run as u32,
        blocks: blocks as u32,
        instructions_run: instructions_run as u32,
        signatures: windows.named(),
        host_calls: exclusive.host_calls_by_name.values().sum(),
        exclusive: shared.exclusive(exclusive),
    };
    shared.executed.fill(0);
    function
}

/// What a function did that its opcodes alone do not say.
fn exclusive(profile: &Profile<'_>, ran: Ran<'_>, is_detailed: bool, executed: &[u64]) -> ExclusiveMetrics {
    let [not_taken, taken] = conditional(ran);
    let calls = profile.calls_of(ran.ordinal);
    let grown = ran.grown();
    let most = if is_detailed { HOT_OF_FUNCTION } else { 0 };
    let (hot_blocks, hot_blocks_cut) = hot_blocks::of_function(ran, most, profile.instructions());
    let listed = executed.iter().copied().filter(|_| is_detailed);
    let opcodes = opcodes::named((0u16..).zip(listed));
    ExclusiveMetrics {
        taken,
        not_taken,
        tables: executed.get(Opcode::BrTable as usize).copied().unwrap_or(0),
        grown_pages: grown.pages,
        grow_refused: grown.refused,
        bulk_len: grown.bulk_len,
        host_calls_by_name: host_calls(profile, calls),
        detail: Detail { opcodes, hot_blocks, hot_blocks_cut, ..detail::targets(profile, calls) },
    }
}

fn host_calls(profile: &Profile<'_>, calls: &[Call]) -> BTreeMap<String, u64> {
    let mut by_host: BTreeMap<usize, u64> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.callee.is_host()) {
        *by_host.entry(call.callee.position()).or_default() += call.count;
    }
    let mut by_name = BTreeMap::new();
    for (host, count) in by_host {
        *by_name.entry(profile.host_name(host).to_owned()).or_default() += count;
    }
    by_name
}

/// How often the conditional branches of a function were not taken and taken.
fn conditional(ran: Ran<'_>) -> [u64; 2] {
    let blocks = (0u32..).map(BlockIndex).zip(ran.code.blocks());
    let is_conditional = |exit| matches!(exit, Exit::BrIf(_) | Exit::If(_) | Exit::BrOn(_));
    let conditional = blocks.filter(|(_, block)| is_conditional(block.exit));
    conditional.fold([0; 2], |[not_taken, taken], (index, _)| {
        let (_, [not, yes]) = ran.counts(index);
        [not_taken + not, taken + yes]
    })
}
