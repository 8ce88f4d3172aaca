//! The call graph of a run: who called whom, where, how often.

use std::collections::{BTreeMap, BTreeSet};

use super::{CallEdge, CallGraph, Dynamic, profile::Profile};

pub(super) fn derive(profile: &Profile<'_>, dynamic: &mut Dynamic) {
    let mut edges: BTreeMap<_, (u64, BTreeSet<_>)> = BTreeMap::new();
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
    let edge = |((caller, callee, kind, tail), (count, sites)): (_, (u64, BTreeSet<_>))| CallEdge {
        caller,
        callee,
        kind,
        tail,
        count,
        sites: sites.into_iter().collect(),
    };
    dynamic.call_graph =
        CallGraph { edges: edges.into_iter().map(edge).collect(), cut: profile.tally.calls_cut };
}
