//! Coverage as a map: a cell for each function, as large as its code, as warm as its share of the run.
//!
//! Squarified: rows of cells are filled along the shorter side of what is left, as long as cells get more
//! nearly square. Linear in the cells, which are bounded.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{heat, limits, page::Page};
use crate::{
    module::FuncIndex,
    text::{cut, grouped, percent, plural, share},
};

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 360.0;

/// A function, or what is too small for a cell of its own.
struct Item {
    func: Option<FuncIndex>,
    bytes: u64,
    executed: u64,
    /// Functions in it.
    functions: u64,
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let items = items(page);
    let coverage = &page.report.dynamic.coverage;
    (!items.is_empty()).then(|| {
        let whole = Area { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
        let sizes: Vec<_> = items.iter().map(|item| item.bytes as f64).collect();
        html! {
            p {
                "Ran: " (part(u64::from(coverage.functions_run), u64::from(coverage.functions), "function")) ", "
                (part(coverage.blocks_run, coverage.blocks, "block")) ", "
                (part(coverage.instructions_run, coverage.instructions, "instruction")) "."
            }
            p.dim { "A cell is a function: its area goes by the bytes of its code, its colour by its share of the run."
                @if !page.report.libraries.is_empty() { " Functions of known libraries are faint." }
            }
            (scale())
            svg.map viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="group"
                aria-label="Functions by size, coloured by how much of the run was spent in them" {
                @for (item, area) in items.iter().zip(squarify(&sizes, whole)) { (cell(page, item, area)) }
            }
        }
    })
}

fn part(ran: u64, all: u64, what: &str) -> Markup {
    html! { strong { (grouped(ran)) } " of " (plural(all, what)) " (" (percent(share(ran, all))) ")" }
}

/// What the colours mean.
pub(super) fn scale() -> Markup {
    let steps = ["h0", "h1", "h3", "h5", "h7", "h9"];
    let words = ["never", "≤ 0.03 %", "0.1 %", "1 %", "10 %", "all"];
    html! {
        ul.scale aria-label="Scale of colours: share of the run" {
            @for (class, word) in steps.iter().zip(words) {
                li { span class={ "swatch " (class) } {} " " (word) }
            }
        }
    }
}

/// The largest functions, and the rest as two: what ran and what did not.
fn items(page: &Page<'_, '_>) -> Vec<Item> {
    let ran: BTreeMap<_, _> = page
        .report
        .dynamic
        .functions
        .iter()
        .map(|function| (function.index, function.classes.total))
        .collect();
    let mut all: Vec<_> = page
        .report
        .view
        .functions
        .iter()
        .map(|function| Item {
            func: Some(function.index),
            bytes: u64::from(function.size).max(1),
            executed: ran.get(&function.index).copied().unwrap_or(0),
            functions: 1,
        })
        .collect();
    // Half of the cells for the hottest, the others for the largest.
    all.sort_by_key(|item| (std::cmp::Reverse(item.executed), item.func));
    let colder = all.split_off(all.len().min(limits::CELLS / 2));
    let mut shown = all;
    let mut colder = colder;
    colder.sort_by_key(|item| (std::cmp::Reverse(item.bytes), item.func));
    let rest = colder.split_off(colder.len().min(limits::CELLS / 2));
    shown.extend(colder);
    let (warm, cold): (Vec<_>, Vec<_>) = rest.into_iter().partition(|item| item.executed > 0);
    shown.extend([warm, cold].into_iter().filter_map(|rest| {
        (!rest.is_empty()).then(|| Item {
            func: None,
            bytes: rest.iter().map(|item| item.bytes).sum(),
            executed: rest.iter().map(|item| item.executed).sum(),
            functions: rest.len() as u64,
        })
    }));
    shown.sort_by_key(|item| (std::cmp::Reverse(item.bytes), item.func));
    shown
}

/// The aspect of the worst cell if `row` is laid along a side: 1 is a square.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let (least, most) = row.iter().fold((f64::INFINITY, 0.0f64), |(a, b), &size| (a.min(size), b.max(size)));
    let square = side * side;
    (square * most / (sum * sum)).max(sum * sum / (square * least))
}

/// Divides an area by sizes, which are positive and descend.
fn squarify(sizes: &[f64], whole: Area) -> Vec<Area> {
    let scale = whole.width * whole.height / sizes.iter().sum::<f64>().max(1.0);
    let sizes: Vec<_> = sizes.iter().map(|size| size * scale).collect();
    let (mut left, mut areas, mut first) = (whole, Vec::new(), 0);
    while first < sizes.len() {
        let side = left.width.min(left.height).max(1e-6);
        let mut end = first + 1;
        while end < sizes.len() && worst(&sizes[first..=end], side) <= worst(&sizes[first..end], side) {
            end += 1;
        }
        left = lay(&sizes[first..end], left, &mut areas);
        first = end;
    }
    areas
}

/// Lays a row along the shorter side; returns what is left.
fn lay(row: &[f64], left: Area, areas: &mut Vec<Area>) -> Area {
    let sum: f64 = row.iter().sum();
    let is_column = left.width >= left.height;
    let thick = sum / if is_column { left.height } else { left.width }.max(1e-6);
    let mut at = 0.0;
    for size in row {
        let long = size / thick.max(1e-9);
        areas.push(match is_column {
            true => Area { x: left.x, y: left.y + at, width: thick, height: long },
            false => Area { x: left.x + at, y: left.y, width: long, height: thick },
        });
        at += long;
    }
    match is_column {
        true => Area { x: left.x + thick, width: (left.width - thick).max(0.0), ..left },
        false => Area { y: left.y + thick, height: (left.height - thick).max(0.0), ..left },
    }
}

fn cell(page: &Page<'_, '_>, item: &Item, area: Area) -> Markup {
    let name = match item.func {
        Some(func) => page.func_name(func),
        None => format!("{} smaller functions", grouped(item.functions)),
    };
    let tip = format!(
        "{name}: {}, {} of the run",
        plural(item.bytes, "byte"),
        percent(share(item.executed, page.total()))
    );
    let of_library = item.func.and_then(|func| page.names.function(func)?.library);
    let is_library = of_library.is_some();
    let tip = of_library.map_or(tip.clone(), |library| format!("{tip}; {}", library.of));
    let drawn = html! {
        rect class={ (heat::class(item.executed, page.total())) @if is_library { " library" } }
            x=(format!("{:.1}", area.x)) y=(format!("{:.1}", area.y))
            width=(format!("{:.1}", area.width)) height=(format!("{:.1}", area.height)) {
            title { (tip) }
        }
        @if area.width > 40.0 && area.height > 14.0 {
            text x=(format!("{:.1}", area.x + 3.0)) y=(format!("{:.1}", area.y + 12.0)) {
                (cut(&name, ((area.width - 6.0) / 6.4) as usize))
            }
        }
    };
    match item.func.and_then(|func| page.anchor(func)) {
        Some(anchor) => html! { a href=(anchor) tabindex="-1" { (drawn) } },
        None => drawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_fill_the_area_and_nothing_else() {
        let whole = Area { x: 0.0, y: 0.0, width: 600.0, height: 400.0 };
        for sizes in [vec![6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], vec![1.0], vec![1e9, 1.0, 1.0], vec![1.0; 300]]
        {
            let areas = squarify(&sizes, whole);
            assert_eq!(areas.len(), sizes.len());
            let filled: f64 = areas.iter().map(|area| area.width * area.height).sum();
            assert!((filled - 240_000.0).abs() < 1.0, "{filled} of {sizes:?}");
            for area in &areas {
                assert!(area.x >= 0.0 && area.x + area.width < 600.01, "{area:?}");
                assert!(area.y >= 0.0 && area.y + area.height < 400.01, "{area:?}");
            }
        }
    }
}
