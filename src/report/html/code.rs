//! The hottest functions, one at a time: control flow with heat, and the code with how often it ran.

use maud::{Markup, html};

use super::{
    around, cfg, heat,
    listing::{Listing, Row, text},
    page::Page,
    parts,
};
use crate::{
    module::Line,
    text::{grouped, percent, plural, share},
};

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let listings = &page.heat.listings;
    (!listings.is_empty()).then(|| {
        html! {
            p.dim {
                "The " (plural(listings.len() as u64, "function")) " that executed most. Colours go by "
                "powers of ten of the share of the run; counts stand where a block begins."
            }
            @for (position, listing) in listings.iter().enumerate() {
                (function(page, listing, position == 0))
            }
        }
    })
}

fn function(page: &Page<'_, '_>, listing: &Listing, is_open: bool) -> Markup {
    let own = page.report.dynamic.functions.iter().find(|function| function.index == listing.func);
    let executed = own.map_or(0, |function| function.classes.total);
    html! {
        details.function id={ "code" (listing.func) } open[is_open] {
            summary {
                span class={ "swatch " (heat::class(executed, page.total())) } {} " "
                code { (page.func_name(listing.func)) } " "
                span.dim {
                    (percent(share(executed, page.total()))) " of the run, "
                    (plural(executed, "instruction")) ", function " (listing.func)
                    @if let Some(module) = page.names.module(listing.func) { " of module " (module) }
                }
            }
            (around::of(page, listing.func))
            (cfg::of(page, listing))
            (lines(page, listing))
            p.dim {
                "More: " code { "spoor graph cfg " (super::super::text::quoted_file(page.asked.file)) " --function " (listing.func) }
            }
        }
    }
}

fn lines(page: &Page<'_, '_>, listing: &Listing) -> Markup {
    let branches = heat::branches(page.report, listing.func);
    let sources = sources(page, listing);
    let table = html! {
        table.listing {
            caption.hidden { "Code of function " (listing.func) }
            thead {
                tr { th scope="col" { "Offset" } th.num scope="col" { "Executed" } th scope="col" { "Instruction" } }
            }
            tbody {
                @for (row, source) in listing.rows.iter().zip(&sources) {
                    @match row {
                        Row::Line { line, count, is_first } => {
                            tr id={ "i" (format!("{:x}", line.offset.0)) } {
                                td { code { (format!("{:#x}", line.offset.0)) } }
                                td class={ "num " (heat_of(page, count.unwrap_or(0))) } {
                                    @if *is_first { (grouped(count.unwrap_or(0))) }
                                }
                                td {
                                    (instruction(page, line))
                                    @if let Some(way) = branches.get(&line.offset.0) { (ways(way)) }
                                    @if let Some(source) = source { " " span.dim { (source) } }
                                }
                            }
                        }
                        Row::Folded { instructions, count } => {
                            tr.folded {
                                td {} td.num { @if *count > 0 { "≤ " (grouped(*count)) } @else { "never" } }
                                td { (plural(*instructions, "instruction")) @if *count > 0 { " of colder blocks" } }
                            }
                        }
                    }
                }
            }
        }
    };
    parts::scrolled(&format!("Code of function {}", listing.func), &table)
}

/// The lines of source, of each row that begins one.
fn sources(page: &Page<'_, '_>, listing: &Listing) -> Vec<Option<String>> {
    let mut before = None;
    let of = |row: &Row| match row {
        Row::Line { line, .. } => page.names.source(line.offset),
        Row::Folded { .. } => None,
    };
    let rows = listing.rows.iter().map(|row| {
        let source = of(row);
        let is_new = source.is_some() && source != before;
        before.clone_from(&source);
        source.filter(|_| is_new)
    });
    rows.collect()
}

/// The heat of an instruction: a block that runs for a thousandth of the run's instructions is warm.
fn heat_of(page: &Page<'_, '_>, count: u64) -> &'static str {
    heat::class(count.saturating_mul(10), page.total())
}

fn instruction(page: &Page<'_, '_>, line: &Line) -> Markup {
    html! {
        code { (" ".repeat(2 * line.depth.min(24) as usize)) (text(line)) }
        @if let Some(callee) = line.callee { " " (page.func(callee)) }
    }
}

/// Which way a branch went.
fn ways(&(taken, not_taken, labels): &(u64, u64, &[u64])) -> Markup {
    html! {
        " "
        span.dim {
            @if labels.is_empty() { "taken " (percent(share(taken, taken + not_taken))) }
            @else { "labels " (labels.iter().take(8).map(|count| grouped(*count)).collect::<Vec<_>>().join(" ")) }
        }
    }
}
