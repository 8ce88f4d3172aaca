//! Call stacks as a flame graph. A stack is a box as wide as its share of the run, callers above callees.
//!
//! The widest frames have boxes; what is narrower is counted. A stack is drawn without recursion: hostile
//! code calls deep.

use std::collections::HashMap;

use maud::{Markup, html};

use super::{heat, limits, page::Page};
use crate::{
    module::FuncIndex,
    text::{cut, grouped, percent, plural, share},
};

const WIDTH: f64 = 1200.0;
const ROW: f64 = 18.0;

/// A frame with its callers.
#[derive(Debug)]
struct Frame {
    func: FuncIndex,
    parent: Option<usize>,
    depth: usize,
    /// Instructions on it and on what it called.
    total: u64,
    x: f64,
    /// How far its callees have filled it.
    filled: f64,
}

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let mut frames = frames(page);
    let total: u64 = frames.iter().filter(|frame| frame.parent.is_none()).map(|frame| frame.total).sum();
    if total == 0 {
        return page
            .heat
            .error
            .as_ref()
            .map(|error| html! { p { "The trace could not be replayed: " (error) } });
    }
    let all = frames.len();
    let shown = place(&mut frames, total);
    let depth = shown.iter().map(|&frame| frames[frame].depth + 1).max().unwrap_or(0);
    let height = depth as f64 * ROW + 2.0;
    Some(html! {
        p.dim {
            "Each box is a function as it was called from the one above; its width is what ran in it and in what it called. "
            span.js-only { "A click widens a box; Escape goes back. " }
            @if all > shown.len() { (plural((all - shown.len()) as u64, "narrower box")) " left out. " }
            @if page.heat.stacks.merged > 0 {
                (plural(page.heat.stacks.merged, "instruction")) " of deeper or further stacks count for a caller."
            }
        }
        svg.flame viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            aria-label="Call stacks by executed instructions; the table of functions has the same figures" {
            @for &frame in &shown { (drawn(page, &frames[frame], total)) }
        }
    })
}

/// The tree of stacks, with the sums. Deeper frames count for the last that is drawn.
fn frames(page: &Page<'_, '_>) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut known: HashMap<(Option<usize>, FuncIndex), usize> = HashMap::new();
    for stack in &page.heat.stacks.stacks {
        let mut parent = None;
        for (depth, &func) in stack.funcs.iter().take(limits::FLAME_DEPTH).enumerate() {
            let at = *known.entry((parent, func)).or_insert_with(|| {
                frames.push(Frame { func, parent, depth, total: 0, x: 0.0, filled: 0.0 });
                frames.len() - 1
            });
            frames[at].total += stack.instructions;
            parent = Some(at);
        }
    }
    frames
}

/// Gives the widest frames their places; returns them in the order in which they are drawn.
fn place(frames: &mut [Frame], total: u64) -> Vec<usize> {
    let mut order: Vec<_> = (0..frames.len()).collect();
    order.sort_by_key(|&frame| (std::cmp::Reverse(frames[frame].total), frame));
    // A caller is at least as wide as its callees and was made before them.
    order.truncate(limits::FRAMES);
    order.retain(|&frame| frames[frame].total as f64 * WIDTH / total as f64 >= 0.4);
    order.sort_by_key(|&frame| (frames[frame].depth, std::cmp::Reverse(frames[frame].total), frame));
    let mut roots = 0.0;
    for &frame in &order {
        let width = frames[frame].total as f64 * WIDTH / total as f64;
        frames[frame].x = match frames[frame].parent {
            Some(parent) => frames[parent].x + frames[parent].filled,
            None => roots,
        };
        frames[frame].filled = 0.0;
        match frames[frame].parent {
            Some(parent) => frames[parent].filled += width,
            None => roots += width,
        }
    }
    order
}

fn drawn(page: &Page<'_, '_>, frame: &Frame, total: u64) -> Markup {
    let width = frame.total as f64 * WIDTH / total as f64;
    let name = page.func_name(frame.func);
    let tip = format!(
        "{name}: {} instructions, {} of the run",
        grouped(frame.total),
        percent(share(frame.total, total))
    );
    let own = page.report.dynamic.functions.binary_search_by_key(&frame.func, |function| function.index);
    let own = own.ok().map_or(0, |at| page.report.dynamic.functions[at].classes.total);
    let y = frame.depth as f64 * ROW;
    html! {
        g.frame data-x=(format!("{:.2}", frame.x)) data-w=(format!("{width:.2}")) data-name=(name) {
            rect class=(heat::class(own, page.total())) x=(format!("{:.2}", frame.x)) y=(y)
                width=(format!("{width:.2}")) height=(ROW - 1.0) {
                title { (tip) }
            }
            @if width > 24.0 {
                text x=(format!("{:.2}", frame.x + 3.0)) y=(y + 13.0) { (cut(&name, ((width - 6.0) / 6.4) as usize)) }
            }
        }
    }
}
