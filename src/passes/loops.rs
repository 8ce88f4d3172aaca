//! Natural loops that ran: how often, how long, and what they did.
//!
//! A loop has the counts of all its blocks, those of inner loops included, and not of functions that it
//! calls. Its host calls are also those of its callees. In a recursion through two different loops that lie
//! in a third, that third counts a host call for each of the two.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{
        BlockIndex, Op, Place,
        view::{Classes, View},
    },
    sandbox::Run,
    text::share,
};

use super::{
    Cost, Pass, Replayed,
    profile::{Profile, Ran},
    windows::Windows,
};

/// A loop that ran.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExecutedLoop {
    /// Its header.
    #[serde(flatten)]
    pub place: Place,
    /// Nesting in its function: 1 is outermost.
    pub depth: u32,
    /// How often its header ran.
    pub iterations: u64,
    /// How often it was entered from outside.
    pub entries: u64,
    /// Instructions executed in its blocks, callees left out.
    pub classes: Classes,
    /// Share of the run's instructions, 0 to 1.
    pub share: f64,
    /// MineThrottle's windows, executed.
    pub signatures: BTreeMap<String, u64>,
    /// Host calls made while it was running, in its callees too.
    pub host_calls: u64,
    /// Whether the run was stopped in it.
    pub stopped_in: bool,
}

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "loops";
    const HELP: &'static str =
        "loops that ran, with their iterations, instructions, signatures and host calls";
    const COST: Cost = Cost::Calls;
    type Counter = ();
    type Output = Vec<ExecutedLoop>;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> Vec<ExecutedLoop> {
        let mut found = Vec::new();
        profile.functions().for_each(|ran| loops(profile, ran, &mut found));
        found.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.place.cmp(&b.place)));
        found
    }
}

/// What blocks of a loop did together.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    classes: Classes,
    windows: Windows,
    host_calls: u64,
    is_stopped: bool,
}

impl Sum {
    fn merge(&mut self, inner: &Self) {
        self.classes += inner.classes;
        self.windows.merge(inner.windows);
        self.host_calls = self.host_calls.saturating_add(inner.host_calls);
        self.is_stopped |= inner.is_stopped;
    }
}

fn loops(profile: &Profile<'_>, ran: Ran<'_>, found: &mut Vec<ExecutedLoop>) {
    let cfg = &ran.function.cfg;
    if cfg.loops.is_empty() {
        return;
    }
    let (sums, begun) = (sums(profile, ran), ran.begun());
    for (natural, (sum, entries)) in cfg.loops.iter().zip(sums.into_iter().zip(entries(ran))) {
        let iterations = begun.get(natural.header.position()).copied().unwrap_or(0);
        if iterations == 0 {
            continue;
        }
        let offset = first(ran, natural.header).map_or(ran.code.start(), |op| op.offset);
        found.push(ExecutedLoop {
            place: Place { function: ran.func(), offset },
            depth: natural.depth,
            iterations,
            entries: entries.min(iterations),
            classes: sum.classes,
            share: share(sum.classes.total, profile.instructions()),
            signatures: sum.windows.named(),
            host_calls: sum.host_calls,
            stopped_in: sum.is_stopped,
        });
    }
}

/// The sums of all loops of a function. An outer loop stands before those in it, so one pass from behind adds
/// each to the one around it.
fn sums(profile: &Profile<'_>, ran: Ran<'_>) -> Vec<Sum> {
    let cfg = &ran.function.cfg;
    let mut sums = vec![Sum::default(); cfg.loops.len()];
    for (block, ops, count) in ran.slices() {
        if let Some(sum) = cfg.loops_around(block).next().and_then(|innermost| sums.get_mut(innermost)) {
            add_ops(&mut sum.classes, ops, count);
            sum.windows.add(ops, count);
        }
    }
    for (position, sum) in sums.iter_mut().enumerate() {
        (sum.host_calls, sum.is_stopped) = profile.tally.in_loop(ran.function.first_loop + position);
    }
    for position in (0..sums.len()).rev() {
        let inner = sums[position];
        if let Some(outer) = cfg.loops[position].parent.and_then(|parent| sums.get_mut(parent)) {
            outer.merge(&inner);
        }
    }
    sums
}

/// How often each loop was entered from outside. The run may have ended on the way in, or on the way round,
/// before the header began.
fn entries(ran: Ran<'_>) -> Vec<u64> {
    let cfg = &ran.function.cfg;
    let mut entered = vec![0u64; ran.code.blocks().len()];
    entered[0] = ran.function.entered;
    for (edge, count) in cfg.edges.iter().zip(ran.edges()).filter(|(edge, _)| !edge.is_back()) {
        entered[edge.to.position()] += count;
    }
    cfg.loops.iter().map(|natural| entered[natural.header.position()]).collect()
}

fn first(ran: Ran<'_>, block: BlockIndex) -> Option<&Op> {
    ran.code.ops().get(ran.code.blocks().get(block.position())?.range())?.first()
}

/// Adds instructions that ran in a row.
fn add_ops(classes: &mut Classes, ops: &[Op], count: u64) {
    for op in ops {
        classes.add_opcode(op.opcode, count);
    }
}
