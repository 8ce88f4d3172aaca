//! The way of the sample's inputs: from each source, over the operations on its bytes, to where they went.

use maud::{Markup, html};

use super::{limits, page::Page, parts, touched};
use crate::{
    passes::flows::{DataFlow, DataFlows},
    text::{clip, grouped, plural},
    values::taint::How,
};

/// Bait that was touched, and flows that were followed.
pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let flows = page.report.data_flows.filter(|flows| !flows.flows.is_empty());
    let bait = touched::bait(page);
    (bait.is_some() || flows.is_some()).then(|| {
        html! {
            @if let Some(bait) = bait { (bait) }
            @if let Some(flows) = flows { (drawn(flows)) }
        }
    })
}

fn drawn(flows: &DataFlows) -> Markup {
    let shown = &flows.flows[..flows.flows.len().min(limits::FLOWS)];
    let more = (flows.flows.len() - shown.len()) as u64 + flows.cut;
    html! {
        h3 { "Data flows" }
        p.dim {
            "Followed byte by byte"
            @if flows.instructions < flows.of {
                " through " (grouped(flows.instructions)) " of " (plural(flows.of, "instruction"))
                "; " code { "--values full" } " follows all"
            }
            "."
        }
        @for flow in shown { (one(flow)) }
        (parts::more(more, "flow"))
    }
}

/// A source, what was done, and the sink.
fn one(flow: &DataFlow) -> Markup {
    let host = flow.host.as_deref().unwrap_or(flow.sink.as_str());
    html! {
        div.flow role="img" aria-label=(clip(&flow.text, limits::TEXT)) {
            div.source {
                strong { (flow.source) } @if flow.is_bait { " " (parts::chip("severity2", "bait")) }
                br; code { (clip(&flow.name, limits::NAME)) }
                br; span.dim { (plural(flow.bytes, "byte")) }
            }
            @for step in flow.path.iter().take(limits::PLACES) {
                div.step { "→" }
                div.did { (clip(step, limits::NAME)) }
            }
            @if flow.path.len() > limits::PLACES { div.step { "…" } }
            div.step { "→" @if flow.how == How::Address { br; span.dim { "as address" } } }
            div.sink {
                strong { (clip(host, limits::NAME)) }
                br; span.dim {
                    (flow.sink) ", " (plural(flow.times, "call"))
                    @if let Some(first) = flow.first_call { ", first number " (grouped(first)) }
                }
            }
        }
    }
}
