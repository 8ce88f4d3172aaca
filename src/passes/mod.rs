//! Offline passes: what one replay of a trace says about a run.
//!
//! A [`Pass`] says one thing of a run; each stands in a file of its own, with the types of what it gives. The
//! table below lists them: [`Dynamic`], `spoor help passes`, the JSON and its schema are made of its lines.
//! [`Dynamic::of`] replays the trace once, block by block, and feeds every pass in it. Everything here is
//! exact for what was executed, and nothing is shortened silently: a list that is cut says by how much.
//!
//! Not here: what is suspicious about it (`rules`), how it is drawn (`report`).

mod branches;
mod call_depth;
mod call_graph;
mod call_sites;
mod constants;
pub(crate) mod course;
mod coverage;
mod detail;
pub mod flow;
pub mod flows;
mod functions;
mod hidden;
mod hot_blocks;
mod limits;
mod loops;
mod metrics;
mod opcodes;
mod pass;
mod profile;
mod signatures;
pub mod stacks;
mod states;
mod stirring;
mod table;
mod tally;
mod top;
mod windows;

use std::{collections::BTreeMap, rc::Rc};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{FuncIndex, Place, view::View},
    sandbox::Run,
    trace::Visitor,
};

pub use branches::Branch;
pub use call_depth::CallDepth;
pub use call_graph::{CallEdge, CallGraph};
pub use constants::Constant;
pub use coverage::Coverage;
pub use detail::{Detail, Target};
pub use functions::{ExclusiveMetrics, FunctionMetrics};
pub use hidden::{HiddenCall, HiddenCause, ResolvedCall, ResolvedCause, TableSlot, TableWrite};
pub use hot_blocks::{HotBlock, HotBlocks};
pub use limits::{HOT, HOT_BLOCKS, MAX_TARGETS};
pub use loops::ExecutedLoop;
pub use metrics::{HotBranch, HotFunction, Metrics};
pub use pass::{Cost, Pass, Replayed};
pub use profile::Profile;
pub use states::{HotPath, State, StateMachine, Transition};
pub use table::Info;

// A line: key in JSON and field of `Dynamic`, what it holds, the pass. Keys stand in this order; what is
// `#[serde(skip)]` is in the report in another form.
table::passes! {
    /// The whole run.
    metrics: Metrics = metrics::OfRun,
    /// For each entry point, in the order of [`crate::sandbox::Run::entries`].
    #[serde(skip)]
    entries: Vec<Metrics> = metrics::OfEntries,
    /// What ran, against what there is.
    coverage: Coverage = coverage::OfRun,
    /// Loops that ran, greatest share first.
    loops: Vec<ExecutedLoop> = loops::OfRun,
    /// Defined functions that ran, by index.
    functions: Vec<FunctionMetrics> = functions::OfRun,
    /// Blocks that ran most.
    #[serde(flatten)]
    hot_blocks: HotBlocks = hot_blocks::OfRun,
    /// Branch instructions that ran, by place.
    branches: Vec<Branch> = branches::OfRun,
    /// Who called whom.
    call_graph: CallGraph = call_graph::OfRun,
    /// States and transitions of the call sequence.
    states: StateMachine = states::OfRun,
    /// Constants of cryptographic algorithms among executed instructions.
    constants: Vec<Constant> = constants::OfRun,
    /// Windows of mining instructions, executed: signature → windows.
    signatures: BTreeMap<String, u64> = signatures::OfRun,
    /// How deep calls were nested, for each of the entry points.
    call_depth: Vec<CallDepth> = call_depth::OfEntries,
    /// Opcodes: mnemonic → executions.
    #[serde(skip)]
    opcodes: BTreeMap<String, u64> = opcodes::OfRun,
    /// For each host call of [`crate::sandbox::Run::calls`], the instruction that called; `None` if the host
    /// did.
    #[serde(skip)]
    call_sites: Vec<Option<Place>> = call_sites::OfRun,
}

/// Passes for which a trace is replayed only when somebody asks.
pub const ON_DEMAND: &[Info] =
    &[table::info!(stacks::OfRun), table::info!(flow::OfRun), table::info!(flow::OfFunction(FuncIndex(0)))];

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallEdgeKind {
    /// By index.
    Direct,
    /// Through a table.
    Indirect,
    /// By the host, nested in a host call or as an entry point.
    Host,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;
