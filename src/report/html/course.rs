//! The course of a run by instructions executed. It shows entry points, kinds of instructions, calls of the
//! host by what they are about, and the size of memory. It also shows where memory was read and written.
//!
//! Virtual time stands still while a program computes, so what it computed when is told by instructions.
//! Cells of one colour are one path: thousands of them take a few kilobytes.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{
    limits,
    page::Page,
    work::{self, Work},
};
use crate::{
    passes::course::KINDS,
    report::HostCallReport,
    text::{clip, grouped, import_name, percent, plural, share},
};

const WIDTH: f64 = 1200.0;
/// Left of it stand the names of the lanes.
const LEFT: f64 = 150.0;
const LANE: f64 = 20.0;
/// Width of a mark.
const MARK: f64 = 3.0;
/// Height of the lane of memory, and of a row of its map.
const MEMORY: f64 = 40.0;
const PAGE: f64 = 7.0;
/// Shades of a cell.
const SHADES: usize = 5;

/// Cells of one shade as a path.
#[derive(Default)]
struct Cells([String; SHADES]);

impl Cells {
    /// Adds a cell whose shade goes by `strength`, 0 to 1.
    fn add(&mut self, strength: f64, x: f64, y: f64, width: f64, height: f64) {
        let shade = ((strength * SHADES as f64).ceil() as usize).clamp(1, SHADES) - 1;
        let path = &mut self.0[shade];
        path.push_str(&format!("M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z"));
    }

    fn drawn(&self, class: &str) -> Markup {
        html! {
            @for (shade, path) in self.0.iter().enumerate() {
                @if !path.is_empty() { path class={ (class) " s" (shade + 1) } d=(path) {} }
            }
        }
    }
}

/// What one drawing needs to know.
struct Drawing<'p, 'r, 'a> {
    page: &'p Page<'r, 'a>,
    work: &'p Work,
    /// Where the next lane begins.
    top: f64,
    parts: Vec<Markup>,
}

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let Some(work) = &page.work else {
        let is_long = page.run.is_some() && page.total() > limits::COURSE;
        return is_long.then(|| html! { p.dim { "The run is too long for a page: " (plural(page.total(), "instruction")) "." } });
    };
    let mut drawing = Drawing { page, work, top: 0.0, parts: Vec::new() };
    drawing.entries();
    drawing.kinds();
    drawing.calls();
    drawing.grown();
    drawing.memory();
    let height = drawing.top + 18.0;
    Some(html! {
        p.dim {
            "From left to right " (plural(work.course.total, "instruction")) ". A kind of instructions is as dark as its share of "
            "what ran then. Hollow marks are calls that failed, pale ones calls whose answer was made up."
            @if !work.rows.is_empty() {
                " Memory, upwards by address: " span.swatch.run {} " written, " span.swatch.still {} " only read; "
                "pages that nothing touched are left out."
            } @else if page.total() > limits::MEMORY_MAP {
                " Where memory was touched in so long a run says " code { "spoor dump TRACE --heat-map" } "."
            }
        }
        svg.course viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            aria-label="What ran when: entry points, kinds of instructions, calls of the host, memory" {
            @for part in &drawing.parts { (part) }
            text.axis x=(LEFT) y=(height - 4.0) { "0" }
            text.axis.end x=(WIDTH) y=(height - 4.0) { (grouped(work.course.total)) " instructions" }
        }
    })
}

impl Drawing<'_, '_, '_> {
    /// Where a number of instructions stands.
    fn x(&self, instructions: u64) -> f64 {
        LEFT + share(instructions, self.work.course.total).min(1.0) * (WIDTH - LEFT)
    }

    /// A lane with its name.
    fn lane(&mut self, name: &str, height: f64, content: &Markup) {
        let y = self.top;
        self.parts.push(html! {
            rect.ground x=(LEFT) y=(format!("{y:.0}")) width=(WIDTH - LEFT) height=(format!("{:.0}", height - 2.0)) {}
            text x="0" y=(format!("{:.0}", y + 13.0)) { (name) }
            (content)
        });
        self.top += height;
    }

    /// Entry points, one after the other.
    fn entries(&mut self) {
        let (mut from, mut shown) = (0, Vec::new());
        for (position, entry) in self.page.report.entries.iter().enumerate() {
            let instructions = entry.metrics.map_or(0, |metrics| metrics.classes.total);
            let (x, end) = (self.x(from), self.x(from.saturating_add(instructions)));
            from = from.saturating_add(instructions);
            if end - x >= 0.5 && shown.len() < limits::ROWS {
                shown.push((position, x, end - x, instructions));
            }
        }
        let y = self.top;
        let content = html! {
            @for (position, x, width, instructions) in &shown {
                @let name = self.page.entry(*position);
                rect.entry x=(format!("{x:.1}")) y=(format!("{:.0}", y + 1.0)) width=(format!("{width:.1}")) height=(LANE - 4.0) {
                    title { (name) ": " (plural(*instructions, "instruction")) }
                }
                @if *width > 60.0 {
                    text x=(format!("{:.1}", x + 4.0)) y=(format!("{:.0}", y + 13.0)) { (clip(&name, (*width / 6.6) as usize)) }
                }
            }
        };
        self.lane("entry points", LANE, &content);
    }

    /// A lane for each kind of instructions that ran.
    fn kinds(&mut self) {
        let course = &self.work.course;
        for (kind, (name, _)) in KINDS.iter().enumerate() {
            let (mut cells, y) = (Cells::default(), self.top);
            let mut sum = 0u64;
            for (column, (all, kinds)) in course.columns.iter().enumerate() {
                let x = self.x(column as u64 * course.per_column);
                let width = self.x((column as u64 + 1) * course.per_column) - x;
                let part = share(kinds[kind], *all);
                sum += kinds[kind];
                // Half of all instructions move values about: a kind with half of them has all that there is.
                if part > 0.005 {
                    cells.add((part * 2.0).min(1.0), x, y, width, LANE - 2.0);
                }
            }
            if sum > 0 {
                let name = format!("{name} {}", percent(share(sum, course.total)));
                self.lane(&name, LANE, &cells.drawn("kind"));
            }
        }
    }

    /// Calls of the host by what they are about, one lane each.
    fn calls(&mut self) {
        let mut lanes: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
        for call in self.page.report.host_calls.iter() {
            let Some(at) = self.work.course.at_call(call.call.record) else { continue };
            let (class, name) = (kind(call), import_name(&call.call.module, &call.call.name));
            lanes.entry(about(call)).or_default().push((self.x(at), class, name));
        }
        let beyond = lanes.len().saturating_sub(limits::LANES) as u64;
        for (name, marks) in lanes.into_iter().take(limits::LANES) {
            let (marks, y) = (apart(marks), self.top);
            let more = marks.len().saturating_sub(limits::STEPS) as u64;
            let content = html! {
                @for (x, class, call) in marks.iter().take(limits::STEPS) {
                    rect class={ "tick " (class) } x=(format!("{x:.1}")) y=(format!("{:.0}", y + 2.0)) width=(MARK) height=(LANE - 6.0) {
                        title { (clip(call, limits::NAME)) }
                    }
                }
                @if more > 0 {
                    text.axis.end x=(WIDTH - 4.0) y=(format!("{:.0}", y + 13.0)) { "and " (grouped(more)) " more" }
                }
            };
            self.lane(&name, LANE, &content);
        }
        if beyond > 0 {
            self.lane(&format!("and {}", plural(beyond, "more kind")), LANE, &html! {});
        }
    }

    /// The size of memory.
    fn grown(&mut self) {
        let report = self.page.report;
        // Growth of tables, and of other memories, is recorded alike.
        let is_one = report.view.memories.len() == 1 && !report.opcodes.contains_key("table.grow");
        if !is_one || self.work.course.grown.is_empty() {
            return;
        }
        let first = report.view.memories.first().map_or(0, |memory| memory.initial);
        let grown = &self.work.course.grown;
        let most = grown.iter().map(|(_, pages)| *pages).chain([first]).max().unwrap_or(1).max(1);
        let bottom = self.top + MEMORY - 2.0;
        let height = |pages: u64| bottom - pages as f64 / most as f64 * (MEMORY - 8.0);
        let mut path = format!("M{LEFT:.1} {:.1}", height(first));
        let step = grown.len().div_ceil(limits::STEPS).max(1);
        for &(at, pages) in grown.chunks(step).filter_map(<[_]>::last) {
            path.push_str(&format!("H{:.1}V{:.1}", self.x(at), height(pages)));
        }
        path.push_str(&format!("H{WIDTH:.1}"));
        let content = html! { path.memory d=(path) { title { "Memory grew to " (plural(most, "page")) } } };
        self.lane(&format!("memory, to {}", plural(most, "page")), MEMORY, &content);
    }

    /// Which pages were touched when.
    fn memory(&mut self) {
        let work = self.work;
        if work.rows.is_empty() {
            return;
        }
        let most =
            work.cells.values().map(|(read, written)| read.saturating_add(*written)).max().unwrap_or(1);
        let strength = |bytes: u64| (bytes.max(1) as f64).ln() / (most.max(2) as f64).ln();
        let (mut read, mut written) = (Cells::default(), Cells::default());
        let (top, rows) = (self.top, work.rows.len());
        for (&(row, column), &(was_read, was_written)) in &work.cells {
            let x = self.x(column.saturating_mul(work.per_column));
            let width = self.x((column + 1).saturating_mul(work.per_column)) - x;
            let y = top + (rows - 1 - row) as f64 * PAGE;
            let of = if was_written > 0 { &mut written } else { &mut read };
            of.add(strength(was_read.saturating_add(was_written)), x, y, width, PAGE - 1.0);
        }
        let label = |row: &work::Row| {
            let &work::Row { memory, address, .. } = row;
            if memory == 0 { format!("{address:#x}") } else { format!("memory {memory} {address:#x}") }
        };
        let size = |row: &work::Row| {
            let bytes = plural(row.bytes, "byte");
            if row.pages == 1 {
                bytes
            } else {
                format!("to {:#x}, {} touched, {bytes} each", row.last, plural(row.pages, "page"))
            }
        };
        // A label for every third row, and none over the name.
        let is_labelled = |row: usize| row.is_multiple_of(3) && row + 2 < rows;
        let content = html! {
            (read.drawn("read")) (written.drawn("written"))
            @for (at, row) in work.rows.iter().enumerate() {
                @let bottom = top + (rows - at) as f64 * PAGE;
                @if is_labelled(at) {
                    text.axis.end x=(LEFT - 6.0) y=(format!("{bottom:.0}")) { (label(row)) }
                }
                rect.row x=(LEFT) y=(format!("{:.0}", bottom - PAGE)) width=(WIDTH - LEFT) height=(PAGE) {
                    title { (label(row)) ": " (size(row)) }
                }
            }
        };
        self.lane("memory touched", rows as f64 * PAGE + 2.0, &content);
    }
}

/// A mark: where it stands, what came of the call, and its name.
type Mark = (f64, &'static str, String);

/// Marks in their order. Those at one place are one, and a failed one among them is seen. None stands beyond
/// the picture.
fn apart(mut marks: Vec<Mark>) -> Vec<Mark> {
    let order = |a: f64, b: f64| a.total_cmp(&b);
    marks.sort_by(|a, b| a.1.cmp(b.1).then(order(a.0, b.0)));
    marks.dedup_by(|next, kept| next.1 == kept.1 && next.0 - kept.0 < 2.0);
    marks.iter_mut().for_each(|mark| mark.0 = mark.0.clamp(LEFT, WIDTH - MARK));
    marks.sort_by(|a, b| order(a.0, b.0));
    marks
}

/// What a call is about, in a word or two.
fn about(call: &HostCallReport<'_>) -> String {
    let group = call.category.as_deref().and_then(|category| category.split_once('-')?.1.parse().ok());
    let name = group.map(crate::categories::group_name).filter(|name| !name.is_empty());
    name.map_or_else(|| clip(&call.call.module, 18), str::to_owned)
}

/// Whether a call failed or its answer was made up.
fn kind(call: &HostCallReport<'_>) -> &'static str {
    match (&call.call.errno, call.call.fabricated) {
        (Some(_), _) => "failed",
        (None, true) => "made-up",
        (None, false) => "done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_in_order_and_within_the_picture() {
        let mark = |at, class| (at, class, "f".to_owned());
        let marks =
            vec![mark(WIDTH, "done"), mark(300.0, "failed"), mark(301.0, "done"), mark(300.5, "failed")];
        let shown: Vec<_> = apart(marks).into_iter().map(|(at, class, _)| (at, class)).collect();
        assert_eq!(shown, [(300.0, "failed"), (301.0, "done"), (WIDTH - MARK, "done")]);
    }
}
