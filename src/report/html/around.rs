//! The calls around a function as a drawing: who called it on the left, what it called on the right, lines as
//! wide as they were often taken.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{heat, limits, page::Page};
use crate::{
    module::FuncIndex,
    text::{cut, grouped, plural},
};

const WIDTH: f64 = 900.0;
const BOX: f64 = 250.0;
const ROW: f64 = 26.0;

/// A function beside another, and how often there were calls between them.
type Beside = (Option<FuncIndex>, u64);

pub(super) fn of(page: &Page<'_, '_>, func: FuncIndex) -> Markup {
    let edges = &page.report.dynamic.call_graph.edges;
    let callers = sums(edges.iter().filter(|edge| edge.callee == func).map(|edge| (edge.caller, edge.count)));
    let callees = sums(
        edges.iter().filter(|edge| edge.caller == Some(func)).map(|edge| (Some(edge.callee), edge.count)),
    );
    if callers.is_empty() && callees.is_empty() {
        return html! {};
    }
    let rows = callers.len().min(limits::AROUND).max(callees.len().min(limits::AROUND));
    let left_out =
        callers.len().saturating_sub(limits::AROUND) + callees.len().saturating_sub(limits::AROUND);
    let height = ROW * rows as f64 + 4.0;
    let label = format!(
        "{} and {} of function {func} in the run",
        plural(callers.len() as u64, "caller"),
        plural(callees.len() as u64, "callee")
    );
    html! {
        svg.around viewBox={ "0 0 " (WIDTH) " " (height) } role="group" aria-label=(label) {
            (side(page, &callers, 0.0, height))
            (side(page, &callees, WIDTH - BOX, height))
            (boxed(page, Some(func), (WIDTH - BOX) / 2.0, (height - ROW) / 2.0))
        }
        @if left_out > 0 { p.dim { "and " (plural(left_out as u64, "further caller or callee")) } }
    }
}

/// The functions beside one, most calls first.
fn sums(edges: impl Iterator<Item = Beside>) -> Vec<Beside> {
    let mut sums: BTreeMap<Option<FuncIndex>, u64> = BTreeMap::new();
    for (func, count) in edges {
        let sum = sums.entry(func).or_default();
        *sum = sum.saturating_add(count);
    }
    let mut found: Vec<_> = sums.into_iter().collect();
    found.sort_by_key(|(func, count)| (std::cmp::Reverse(*count), *func));
    found
}

fn side(page: &Page<'_, '_>, beside: &[Beside], x: f64, height: f64) -> Markup {
    let shown = &beside[..beside.len().min(limits::AROUND)];
    let most = shown.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let top = (height - ROW * shown.len() as f64) / 2.0;
    let is_left = x < WIDTH / 2.0;
    // A line runs from the inner edge of the box to the one in the middle.
    let (from, to) = match is_left {
        true => (BOX, (WIDTH - BOX) / 2.0),
        false => ((WIDTH + BOX) / 2.0, WIDTH - BOX),
    };
    html! {
        @for (row, (func, count)) in shown.iter().enumerate() {
            @let y = top + ROW * row as f64;
            @let (left, right) = if is_left { (y + ROW / 2.0, height / 2.0) } else { (height / 2.0, y + ROW / 2.0) };
            @let width = 1.0 + 5.0 * (*count as f64).max(1.0).ln() / (most as f64 + 1.0).ln();
            line.edge x1=(from) y1=(left) x2=(to) y2=(right) stroke-width=(format!("{width:.1}")) {
                title { (plural(*count, "call")) }
            }
            (boxed(page, *func, x, y))
            text.count x=(if is_left { BOX + 4.0 } else { WIDTH - BOX - 4.0 }) y=(y + ROW / 2.0 - 4.0)
                text-anchor=(if is_left { "start" } else { "end" }) { (grouped(*count)) }
        }
    }
}

fn boxed(page: &Page<'_, '_>, func: Option<FuncIndex>, x: f64, y: f64) -> Markup {
    let own = func.and_then(|func| page.report.dynamic.functions.iter().find(|ran| ran.index == func));
    let class = heat::class(own.map_or(0, |ran| ran.classes.total), page.total());
    let name = func.map_or_else(|| "the host".to_owned(), |func| page.func_name(func));
    let drawn = html! {
        rect class=(class) x=(x) y=(y + 2.0) width=(BOX) height=(ROW - 4.0) rx="3" { title { (name) } }
        text x=(x + 6.0) y=(y + 17.0) { (cut(&name, 38)) }
    };
    match func.and_then(|func| page.anchor(func)) {
        Some(anchor) => html! { a href=(anchor) { (drawn) } },
        None => drawn,
    }
}
