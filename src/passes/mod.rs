//! Offline passes: what one replay of a trace says about a run.
//!
//! [`Dynamic::of`] replays the trace once, block by block, and feeds every pass. Everything here is exact for
//! what was executed, and nothing is shortened silently: a list that is cut says by how much.
//!
//! Not here: what is suspicious about it (`rules`), how it is drawn (`report`).

mod call_graph;
mod constants;
mod coverage;
pub mod flow;
mod functions;
mod hidden;
mod limits;
mod loops;
mod metrics;
mod profile;
pub mod stacks;
mod states;
mod tally;
mod top;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{
        CodeOffset, FuncIndex, TableIndex,
        view::{Classes, View},
    },
    sandbox::Run,
};

use self::limits::HOT_OF_FUNCTION;
pub use self::limits::{HOT, HOT_BLOCKS, MAX_TARGETS};
pub use hidden::{HiddenCause, ResolvedCause};
pub use profile::Profile;

/// What a run did.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Dynamic {
    /// The whole run.
    pub metrics: Metrics,
    /// For each entry point, in the order of [`crate::sandbox::Run::entries`].
    pub entries: Vec<Metrics>,
    /// Defined functions that ran, by index.
    pub functions: Vec<FunctionMetrics>,
    /// Who called whom.
    pub call_graph: CallGraph,
    /// States and transitions of the call sequence.
    pub states: StateMachine,
    /// Against the static view.
    pub coverage: Coverage,
    /// Loops that ran, greatest share first.
    pub loops: Vec<ExecutedLoop>,
    /// Hottest blocks, at most [`HOT_BLOCKS`].
    pub hot_blocks: Vec<HotBlock>,
    /// Blocks that ran and are not in `hot_blocks`.
    pub hot_blocks_cut: u64,
    /// Branch instructions, by place.
    pub branches: Vec<Branch>,
    /// For each host call of [`crate::sandbox::Run::calls`], the instruction that called; `None` if the host
    /// did.
    pub call_sites: Vec<Option<Place>>,
    /// Opcodes: mnemonic → executions.
    pub opcodes: BTreeMap<String, u64>,
    /// Constants of cryptographic algorithms among executed `const` instructions.
    pub constants: Vec<Constant>,
    /// MineThrottle's windows, executed: signature → windows (each as often as its block ran).
    pub signatures: BTreeMap<String, u64>,
    /// Why replay ended early, if it did: then everything above holds up to there.
    pub error: Option<String>,
}

/// A place in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Place {
    /// Function.
    pub func: FuncIndex,
    /// Byte offset in the module.
    pub offset: CodeOffset,
}

/// Measurements of a run or an entry point.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Metrics {
    /// Executed instructions by class; `classes.total` is all of them.
    pub classes: Classes,
    /// Calls of defined functions, host calls left out.
    pub calls: u64,
    /// `memory.grow` that succeeded, and the pages they added.
    pub grown_pages: u64,
    /// `memory.grow` that was refused.
    pub grow_refused: u64,
    /// Conditional branches taken (`br_if`, `if` with its `then` arm).
    pub taken: u64,
    /// Conditional branches not taken.
    pub not_taken: u64,
    /// `br_table` executed.
    pub tables: u64,
    /// Bytes and elements of bulk operations.
    pub bulk_len: u64,
    /// Host calls: `module.name` → calls.
    pub host_calls: BTreeMap<String, u64>,
    /// Whether the start function ran.
    pub start_ran: bool,
    /// Functions that executed most, callees left out, at most [`HOT`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hot_functions: Vec<HotFunction>,
    /// Functions that executed something and are not in `hot_functions`.
    #[serde(skip_serializing_if = "is_zero")]
    pub hot_functions_cut: u64,
    /// Branch instructions decided most often, at most [`HOT`]; those of the run are all in
    /// [`Dynamic::branches`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hot_branches: Vec<HotBranch>,
    /// Branch instructions that were decided and are not in `hot_branches`.
    #[serde(skip_serializing_if = "is_zero")]
    pub hot_branches_cut: u64,
    /// What a function has too.
    #[serde(flatten)]
    pub detail: Detail,
}

/// What is measured of a run, an entry point and a function alike. Empty lists are left out.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Detail {
    /// Mnemonic → executions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub opcodes: BTreeMap<&'static str, u64>,
    /// What calls through tables called, most often first, at most [`MAX_TARGETS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indirect_targets: Vec<Target>,
    /// Calls through tables whose callee is not in `indirect_targets`.
    #[serde(skip_serializing_if = "is_zero")]
    pub indirect_targets_cut: u64,
    /// Blocks that executed most, at most [`HOT`]; of a function 4. Their share is that of the run, or of
    /// the entry point.
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
pub struct Target {
    /// The function.
    pub func: FuncIndex,
    /// How often.
    pub count: u64,
}

/// A function and how much it executed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HotFunction {
    /// The function.
    pub func: FuncIndex,
    /// Its own instructions, callees left out.
    pub instructions: u64,
    /// Share of the run's or the entry point's instructions, 0 to 1.
    pub share: f64,
}

/// A branch instruction and which way it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HotBranch {
    /// Its function.
    pub func: FuncIndex,
    /// Where it stands.
    pub offset: CodeOffset,
    /// How often it was taken; for a `br_table` all executions.
    pub taken: u64,
    /// How often not.
    pub not_taken: u64,
}

/// A defined function that ran.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FunctionMetrics {
    /// Its index.
    pub index: FuncIndex,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// How often it was entered.
    pub calls: u64,
    /// Its own instructions, callees left out.
    pub classes: Classes,
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
    pub exclusive: ExclusiveMetrics,
}

/// Further measurements of a function, of its own instructions. What is 0 or empty is left out. Its branches
/// are in [`Dynamic::branches`].
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
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

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallEdgeKind {
    /// By index.
    Direct,
    /// Through a table.
    Indirect,
    /// By the host, nested in a host call or as an entry point.
    Host,
}

/// The call graph of a run.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct CallGraph {
    /// Edges, by caller, callee and kind.
    pub edges: Vec<CallEdge>,
    /// Calls that are in no edge, because the run had more pairs of call site and callee than are kept (a
    /// million).
    pub cut: u64,
}

/// An edge of the call graph.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CallEdge {
    /// Caller; `None` is the host.
    pub caller: Option<FuncIndex>,
    /// Callee; an imported function is a leaf.
    pub callee: FuncIndex,
    /// How.
    pub kind: CallEdgeKind,
    /// Whether the callee replaced the caller's frame.
    pub tail: bool,
    /// How often.
    pub count: u64,
    /// The call instructions, ascending.
    pub sites: Vec<CodeOffset>,
}

/// States and transitions of the call sequence: a state is a function, a transition is a call from one to
/// another.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct StateMachine {
    /// Functions, in the order they were first entered; imported ones too.
    pub states: Vec<State>,
    /// Transitions, by their states.
    pub transitions: Vec<Transition>,
    /// The most frequent sequences of three functions entered one after another, at most 20.
    pub hot_paths: Vec<HotPath>,
    /// Functions entered in all.
    pub steps: u64,
    /// Different sequences of three functions that were counted, at most 100,000.
    pub paths: u64,
    /// Sequences beyond that, each as often as it came.
    pub paths_cut: u64,
}

/// A state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct State {
    /// The function.
    pub func: FuncIndex,
    /// How often it was entered.
    pub visits: u64,
    /// Whether an entry point enters it.
    pub initial: bool,
    /// Whether it calls nothing.
    pub terminal: bool,
}

/// A transition.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Transition {
    /// Caller.
    pub from: FuncIndex,
    /// Callee.
    pub to: FuncIndex,
    /// How often.
    pub count: u64,
    /// Share of the calls that `from` makes.
    pub probability: f64,
    /// Whether it leads back to a state that is on the way to it: a cycle of calls.
    pub back: bool,
    /// Whether it was taken once in a run of more than 50 calls.
    pub rare: bool,
}

/// A frequent sequence of functions entered one after another.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HotPath {
    /// The functions.
    pub funcs: Vec<FuncIndex>,
    /// How often.
    pub count: u64,
}

/// What ran, against what there is.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Coverage {
    /// Defined functions that ran.
    pub functions_run: u32,
    /// Defined functions.
    pub functions: u32,
    /// Blocks that ran.
    pub blocks_run: u64,
    /// Reachable blocks of all functions.
    pub blocks: u64,
    /// Edges between blocks that were taken.
    pub edges_run: u64,
    /// Edges between blocks.
    pub edges: u64,
    /// Instructions that were executed at least once.
    pub instructions_run: u64,
    /// Instructions.
    pub instructions: u64,
    /// Functions that never ran and that nothing can call: dead code confirmed.
    pub dead_confirmed: Vec<FuncIndex>,
    /// Functions that never ran.
    pub never_ran: Vec<FuncIndex>,
    /// Functions that ran although the static view calls them dead.
    pub unexpected: Vec<FuncIndex>,
    /// Calls that the static call graph lacks, with what explains them.
    pub hidden: Vec<HiddenCall>,
    /// Calls through a table that the static call graph has only because segments and types resolve them.
    pub resolved: Vec<ResolvedCall>,
    /// Instructions that wrote tables, by place: who set what a hidden call went through. At most 256.
    pub table_writes: Vec<TableWrite>,
    /// Instructions beyond those.
    pub table_writes_cut: u64,
}

/// A call at run time that the static call graph ([`View::calls`]) lacks.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HiddenCall {
    /// Caller; `None` is the host.
    pub caller: Option<FuncIndex>,
    /// Callee.
    pub callee: FuncIndex,
    /// How often.
    pub count: u64,
    /// What explains it: `table changed at run time` ([`Coverage::table_writes`] names the instructions),
    /// `host` (it called what no export offers).
    pub explained_by: HiddenCause,
    /// Slots that active segments put the callee into, if any: of another table, or of one that calls with
    /// another type go through. At most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<TableSlot>,
    /// Slots beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    pub slots_cut: u64,
}

/// A call at run time that only the resolution of tables explains.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ResolvedCall {
    /// Caller.
    pub caller: FuncIndex,
    /// Callee.
    pub callee: FuncIndex,
    /// How often.
    pub count: u64,
    /// What explains it: `table` (an active segment holds the callee), `passive segment` (or the initial
    /// value of a table).
    pub explained_by: ResolvedCause,
    /// Slots that active segments put the callee into, at most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<TableSlot>,
    /// Slots beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    pub slots_cut: u64,
}

/// An element of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableSlot {
    /// The table.
    pub table: TableIndex,
    /// Its index in the table; `None` if the segment begins at a place that is not constant.
    pub slot: Option<u64>,
}

/// An instruction that wrote a table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableWrite {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Its mnemonic.
    pub opcode: &'static str,
    /// How often it was executed.
    pub count: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A loop that ran.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExecutedLoop {
    /// Its function.
    pub func: FuncIndex,
    /// Offset of its header.
    pub offset: CodeOffset,
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

/// A block and how often it ran.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HotBlock {
    /// Its function.
    pub func: FuncIndex,
    /// Offset of its first instruction.
    pub offset: CodeOffset,
    /// Instructions in it.
    pub len: u32,
    /// How often it ran.
    pub count: u64,
    /// Share of the run's instructions, 0 to 1.
    pub share: f64,
}

/// A conditional branch.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Branch {
    /// Its function.
    pub func: FuncIndex,
    /// Where it stands.
    pub offset: CodeOffset,
    /// How often it was taken; for a `br_table` all executions.
    pub taken: u64,
    /// How often not.
    pub not_taken: u64,
    /// For a `br_table`: how often each label, the default last.
    pub labels: Vec<u64>,
}

/// A constant of a cryptographic algorithm that was executed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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

/// A pass: what it is called, what it gives, and how.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// Its name.
    pub name: &'static str,
    /// What it gives, in a line.
    pub help: &'static str,
    derive: fn(&Profile<'_>, &View, &mut Dynamic),
}

/// All passes. Each derives its part of [`Dynamic`] from the same replay.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "metrics",
        help: "instructions by class and opcode, calls, branches, growth and host calls, of the run and of each entry point",
        derive: metrics::derive,
    },
    Pass {
        name: "functions",
        help: "functions that ran, the hottest blocks, every branch with how often it went which way",
        derive: functions::derive,
    },
    Pass {
        name: "call-graph",
        help: "who called whom, where and how often; host calls as leaves",
        derive: |profile, _, dynamic| call_graph::derive(profile, dynamic),
    },
    Pass {
        name: "states",
        help: "the call sequence as a state machine: transitions with probabilities, cycles, hot paths",
        derive: |profile, _, dynamic| states::derive(profile, dynamic),
    },
    Pass {
        name: "coverage",
        help: "functions, blocks, edges and instructions that ran; dead code confirmed, hidden calls",
        derive: coverage::derive,
    },
    Pass {
        name: "loops",
        help: "loops that ran, with their iterations, instructions, signatures and host calls",
        derive: |profile, _, dynamic| loops::derive(profile, dynamic),
    },
    Pass {
        name: "constants",
        help: "constants of cryptographic algorithms that were executed",
        derive: constants::derive,
    },
];

impl Pass {
    /// Adds its part to `dynamic`, which must not have it yet.
    pub fn derive(&self, profile: &Profile<'_>, view: &View, dynamic: &mut Dynamic) {
        (self.derive)(profile, view, dynamic);
    }
}

impl Dynamic {
    /// Replays the trace of a run, once.
    pub fn of(run: &Run, view: &View) -> Self {
        let profile = Profile::of(run, view);
        let mut dynamic = Self::default();
        for pass in PASSES {
            pass.derive(&profile, view, &mut dynamic);
        }
        dynamic.error = profile.error;
        dynamic
    }
}

#[cfg(test)]
mod tests;
