//! What it did by virtual time: marks by category, and each step with its first call.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{limits, page::Page, parts};
use crate::{
    categories::RiskLevel,
    report::{HostCallReport, TimelineEntry, grown},
    sandbox::{Answer, Arg, Pointed},
    text::{clip, cut, grouped, import_name, line, plural},
};

const WIDTH: f64 = 1200.0;
/// Left of it stand the names of the lanes.
const LEFT: f64 = 130.0;
const LANE: f64 = 20.0;
/// Height of the lane of memory.
const MEMORY: f64 = 40.0;

/// A step with its first call.
struct Shown<'p> {
    step: &'p TimelineEntry,
    call: Option<&'p HostCallReport<'p>>,
    lane: String,
}

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let steps: Vec<_> =
        page.report.timeline.iter().take(limits::STEPS).map(|step| shown(page, step)).collect();
    if steps.is_empty() {
        return None;
    }
    let mut lanes: BTreeMap<&str, u64> = BTreeMap::new();
    for step in &steps {
        *lanes.entry(&step.lane).or_default() += step.step.calls;
    }
    let lanes: Vec<_> = lanes.into_iter().collect();
    let left_out = (page.report.timeline.len() - steps.len()) as u64 + page.report.timeline_cut;
    let table = table(page, &steps);
    Some(html! {
        p.dim {
            "Calls of the host by virtual time. Letters are levels of risk of WASI calls (A most telling, D harmless) "
            "with their group; other imports go by their module."
        }
        (controls(&lanes))
        (drawn(page, &steps, &lanes))
        (parts::filter("steps", "Search steps"))
        (parts::scrolled("Steps of the time line", &table))
        (parts::more(left_out, "step"))
    })
}

fn shown<'p>(page: &'p Page<'_, '_>, step: &'p TimelineEntry) -> Shown<'p> {
    let calls = &page.report.host_calls;
    let at = calls.binary_search_by_key(&step.number, |call| call.call.number);
    let call = at.ok().and_then(|at| calls.get(at));
    let lane = match call {
        Some(HostCallReport { category: Some(category), .. }) => category.clone(),
        Some(call) => clip(&call.call.module, 20),
        None => clip(step.call.split('.').next().unwrap_or_default(), 20),
    };
    Shown { step, call, lane }
}

/// What a lane is of, in words.
fn words(lane: &str) -> String {
    let level = RiskLevel::ALL.into_iter().find(|level| lane.starts_with(&format!("{level}-")));
    let group = lane.split_once('-').and_then(|(_, group)| group.parse().ok());
    match (level, group) {
        (Some(_), Some(group)) => format!("{lane} {}", crate::categories::group_name(group)),
        _ => lane.to_owned(),
    }
}

fn controls(lanes: &[(&str, u64)]) -> Markup {
    html! {
        fieldset.js-only.lanes {
            legend { "Shown" }
            @for (lane, calls) in lanes {
                label { input type="checkbox" checked data-lane=(lane); " " (words(lane)) " (" (grouped(*calls)) ")" } " "
            }
        }
        p.js-only {
            button type="button" data-zoom="in" { "Zoom in" } " "
            button type="button" data-zoom="out" { "Zoom out" } " "
            button type="button" data-zoom="left" { "Earlier" } " "
            button type="button" data-zoom="right" { "Later" }
        }
    }
}

fn drawn(page: &Page<'_, '_>, steps: &[Shown<'_>], lanes: &[(&str, u64)]) -> Markup {
    let end = steps.iter().map(|step| step.step.until_ns).max().unwrap_or(0).max(1) as f64;
    let x = |time: u64| (time as f64 / end) * (WIDTH - LEFT - 20.0);
    let sizes = page.run.map(|run| grown::sizes(page.report, run)).unwrap_or_default();
    let top = LANE * lanes.len() as f64;
    let memory = if sizes.is_empty() { 0.0 } else { MEMORY + 4.0 };
    let height = top + memory + 24.0;
    html! {
        svg.times viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label="Steps by virtual time and category; the table below has the same"
            data-width=(WIDTH - LEFT - 20.0) {
            @for (row, (lane, _)) in lanes.iter().enumerate() {
                @let y = LANE * row as f64;
                rect.ground x=(LEFT) y=(y) width=(WIDTH - LEFT) height=(LANE - 2.0) {}
                text x="0" y=(y + 13.0) { (words(lane)) }
            }
            @if !sizes.is_empty() { (grown_memory(&sizes, top, end)) }
            svg x=(LEFT) y="0" width=(WIDTH - LEFT) height=(height) {
                @for (number, step) in steps.iter().enumerate() {
                    @let row = lanes.iter().position(|(lane, _)| *lane == step.lane).unwrap_or(0);
                    @let at = x(step.step.time_ns);
                    @let long = (x(step.step.until_ns) - at).max(4.0);
                    rect class={ "tick " (kind(step)) } data-lane=(step.lane) data-x=(format!("{at:.2}")) data-w=(format!("{long:.2}"))
                        data-step=(number)
                        x=(format!("{at:.2}")) y=(LANE * row as f64 + 2.0) width=(format!("{long:.2}")) height=(LANE - 6.0) {
                        title { (seconds(step.step.time_ns)) " s: " (clip(&step.step.did, limits::NAME)) }
                    }
                }
            }
            text.axis x=(LEFT) y=(height - 6.0) { "0" }
            text.axis.end x=(WIDTH) y=(height - 6.0) { (seconds(end as u64)) " s" }
        }
    }
}

/// The size of memory as it grew. It does not move with the zoom.
fn grown_memory(sizes: &[(u64, u64)], top: f64, end: f64) -> Markup {
    let most = sizes.iter().map(|(_, pages)| *pages).max().unwrap_or(1).max(1);
    let bottom = top + MEMORY;
    let mut path = format!("M{LEFT:.1} {bottom:.1}");
    for (time, pages) in thinned(sizes) {
        let x = LEFT + (time as f64 / end).min(1.0) * (WIDTH - LEFT - 20.0);
        let y = bottom - pages as f64 / most as f64 * (MEMORY - 4.0);
        path.push_str(&format!("H{x:.1}V{y:.1}"));
    }
    path.push_str(&format!("H{:.1}", WIDTH - 20.0));
    html! {
        rect.ground x=(LEFT) y=(top) width=(WIDTH - LEFT) height=(MEMORY) {}
        text x="0" y=(top + 13.0) { "memory" }
        text.axis x="0" y=(top + 27.0) { "to " (plural(most, "page")) }
        path.memory d=(path) { title { "Memory grew to " (plural(most, "page")) } }
    }
}

/// At most so many sizes as there are columns, the last of each.
fn thinned(sizes: &[(u64, u64)]) -> impl Iterator<Item = (u64, u64)> {
    let step = sizes.len().div_ceil(limits::STEPS).max(1);
    sizes.chunks(step).filter_map(|chunk| chunk.last().copied())
}

/// Whether a step failed or its answer was made up: such are drawn otherwise.
fn kind(step: &Shown<'_>) -> &'static str {
    match step.call.map(|call| call.call) {
        Some(call) if call.errno.is_some() => "failed",
        Some(call) if call.fabricated => "made-up",
        _ => "done",
    }
}

fn seconds(ns: u64) -> String {
    format!("{:.6}", ns as f64 / 1e9)
}

fn table(page: &Page<'_, '_>, steps: &[Shown<'_>]) -> Markup {
    html! {
        table.steps #steps {
            caption.hidden { "What it did, in its order" }
            (parts::table_head(&[("Second", true), ("Entry point", false), ("Kind", false), ("What it did", false), ("Calls", true)]))
            tbody { @for (number, step) in steps.iter().enumerate() { (row(page, number, step)) } }
        }
    }
}

fn row(page: &Page<'_, '_>, number: usize, shown: &Shown<'_>) -> Markup {
    let Shown { step, call, lane } = shown;
    html! {
        tr id={ "step" (number) } data-lane=(lane) class=(kind(shown)) {
            td.num { (seconds(step.time_ns)) }
            td {
                (page.entry(step.entry))
                @if let Some(thread @ 1..) = step.thread { ", thread " (thread) }
            }
            td { (lane) }
            td {
                (clip(&step.did, limits::TEXT))
                @match kind(shown) {
                    "failed" => { " " (parts::chip("mark", "failed")) }
                    "made-up" => { " " (parts::chip("mark", "answer made up")) }
                    _ => {}
                }
                @if let Some(call) = call { (detail(page, call)) }
            }
            td.num { (grouped(step.calls)) }
        }
    }
}

/// The first call of a step, with its arguments.
fn detail(page: &Page<'_, '_>, found: &HostCallReport<'_>) -> Markup {
    let call = found.call;
    let results: Vec<_> = call.results.iter().map(ToString::to_string).collect();
    let by = match call.answer {
        Answer::Stub => "a stub",
        Answer::Wasi => "WASI",
        Answer::World => "a known world",
        _ => "zeros: nobody knows the function",
    };
    html! {
        details.call {
            summary { code { (clip(&import_name(&call.module, &call.name), limits::NAME)) } }
            @if !call.args.is_empty() {
                ul { @for arg in call.args.iter().take(limits::PLACES) { li { (argument(arg)) } } }
            }
            p {
                "Number " (grouped(call.number))
                @if !results.is_empty() { ", gave " code { (clip(&results.join(" "), limits::NAME)) } }
                @if let Some(errno) = &call.errno { " " (errno) }
                ", answered by " (by)
                @if let Some(site) = found.site { ", at " (page.place(site)) }
            }
        }
    }
}

fn argument(arg: &Arg) -> Markup {
    let name = arg.name.as_deref().unwrap_or("argument");
    html! {
        (clip(name, limits::NAME)) " = "
        @match &arg.points_at {
            Some(pointed) if let Some((text, mark)) = pointed.cut_text(limits::TEXT) => code { "\"" (line(&text)) "\"" (mark) },
            Some(Pointed::Bytes { hex, len, entropy }) => {
                code { (cut(hex, 64)) } " " span.dim { (plural(*len, "byte")) ", entropy " (format!("{entropy:.2}")) }
            }
            Some(Pointed::Resource { name }) => {
                code { (arg.value) } " of " code { "\"" (clip(&line(name), limits::TEXT)) "\"" }
            }
            Some(Pointed::Text { .. }) | None => code { (arg.value) },
        }
    }
}
