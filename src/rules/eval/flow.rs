//! Data flows: what became of bytes that the sample was given.

use crate::{passes::flows::DataFlow, sandbox::Call};

use super::{
    super::rule::{FlowFeature, Name, Pattern},
    Evaluator, Found, Instance, shorten,
};

impl Evaluator<'_> {
    /// Flows of the run that are as wanted; none where they were not followed.
    pub(super) fn flow(&self, wanted: &FlowFeature, at: &Instance) -> Option<Found> {
        if !at.is_whole_run() {
            return None;
        }
        let flows = self.index.facts.flows.map_or(&[][..], |flows| &flows.flows);
        let mut found = Found::of_run();
        for flow in flows {
            if !self.budget.spend_search(searched(flow), wanted.weight()) {
                return None;
            }
            let calls = self.calls_of_flow(flow);
            if !wanted.fits(flow, calls.first().map(|(_, call)| *call)) {
                continue;
            }
            found.what.get_or_insert_with(|| shorten(&flow.text));
            let site = calls.first().and_then(|(position, _)| self.index.call_site(*position));
            found.at_call(site, self.grounds(calls.iter().map(|(_, call)| *call)));
        }
        Some(found)
    }

    /// The first and the last call that a flow went to, with their positions in the log.
    fn calls_of_flow(&self, flow: &DataFlow) -> Vec<(usize, &Call)> {
        let all = self.index.all_calls();
        let numbers = [flow.first_call, flow.last_call];
        let positions = numbers
            .into_iter()
            .flatten()
            .filter_map(|number| all.binary_search_by_key(&number, |call| call.number).ok());
        positions.filter_map(|position| Some((position, all.get(position)?))).collect()
    }
}

/// Bytes of a flow that expressions are searched for in.
fn searched(flow: &DataFlow) -> usize {
    flow.name.len() + flow.path.iter().map(String::len).sum::<usize>()
}

impl FlowFeature {
    fn weight(&self) -> usize {
        self.name.iter().chain(&self.through).map(Pattern::weight).max().unwrap_or(1)
    }

    /// Whether it is the flow `flow`. `call` is the call that the flow went to first, if the log has it.
    fn fits(&self, flow: &DataFlow, call: Option<&Call>) -> bool {
        let of_host = || flow.host.as_deref().and_then(|host| host.split_once('.')).unwrap_or_default();
        let (module, function) = call.map_or_else(of_host, |call| (&*call.module, &*call.name));
        let has = |pattern: &Pattern| flow.path.iter().any(|step| pattern.is_match(step.as_bytes()));
        self.from.is_none_or(|kind| kind == flow.source)
            && (!self.is_bait || flow.is_bait)
            && flow.bytes >= self.bytes
            && (self.to.is_empty() || self.to.iter().any(|name: &Name| name.is(module, function)))
            && self.name.as_ref().is_none_or(|name| name.is_match(flow.name.as_bytes()))
            && self.through.as_ref().is_none_or(has)
    }
}
