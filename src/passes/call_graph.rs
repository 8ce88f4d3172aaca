//! The call graph of a run: who called whom, where, how often.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{CodeOffset, FuncIndex, view::View},
    sandbox::Run,
};

use super::{CallEdgeKind, Cost, Pass, Replayed, profile::Profile};

/// The call graph of a run.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct CallGraph {
    /// Edges, by caller, callee and kind.
    pub edges: Vec<CallEdge>,
    /// Calls that are in no edge, because the run had more pairs of call site and callee than are kept (a
    /// million).
    pub cut: u64,
}

/// An edge of the call graph.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
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

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "call-graph";
    const HELP: &'static str = "who called whom, where and how often; host calls as leaves";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = CallGraph;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> CallGraph {
        call_graph(profile)
    }
}

fn call_graph(profile: &Profile<'_>) -> CallGraph {
    let mut edges: BTreeMap<_, (u64, Vec<_>)> = BTreeMap::new();
    for call in &profile.calls {
        // The host functions of other instances and of no import have no index.
        let Some(callee) = profile.index_of(call.callee) else { continue };
        let caller = call.caller.filter(|caller| !caller.is_host());
        let index = caller.and_then(|caller| profile.index_of(caller));
        if caller.is_some() && index.is_none() {
            continue;
        }
        let (count, sites) = edges.entry((index, callee, call.kind, call.tail)).or_default();
        *count += call.count;
        sites.extend(call.offset);
    }
    let edge = |((caller, callee, kind, tail), (count, mut sites)): (_, (u64, Vec<_>))| {
        sites.sort_unstable();
        sites.dedup();
        CallEdge { caller, callee, kind, tail, count, sites }
    };
    CallGraph { edges: edges.into_iter().map(edge).collect(), cut: profile.tally.sites.cut }
}
