//! The functions that ran, hottest first: a table that can be searched and sorted.

use maud::{Markup, html};

use super::{heat, limits, page::Page, parts};
use crate::{passes::FunctionMetrics, text::plural};

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let all = page.report.dynamic.functions.len();
    if all == 0 {
        return None;
    }
    let hottest: Vec<_> = page.heat.hottest(page.report).take(limits::FUNCTIONS).collect();
    let columns = [
        ("Function", false),
        ("Index", true),
        ("Own share", true),
        ("Own instructions", true),
        ("With callees", true),
        ("Calls", true),
        ("Blocks", false),
        ("Host calls", true),
        ("Score", true),
    ];
    let table = html! {
        table.sortable #functions-table {
            caption.hidden { "Functions that ran" }
            (parts::table_head(&columns))
            tbody { @for function in &hottest { (row(page, function)) } }
        }
    };
    Some(html! {
        p.dim {
            (plural(all as u64, "function")) " ran. Score is that of the static view: above 20 is suspicious."
            @if !page.report.libraries.is_empty() {
                " A library stands behind a function whose code is equal to one of it; anybody can copy code."
            }
        }
        (parts::filter("functions-table", "Search functions"))
        (parts::scrolled("Functions that ran", &table))
        (parts::more((all - hottest.len()) as u64, "function"))
    })
}

fn row(page: &Page<'_, '_>, function: &FunctionMetrics) -> Markup {
    let func = function.index;
    let is_listed = page.heat.listings.iter().any(|listing| listing.func == func);
    let name = page.func_name(func);
    let library = page.names.function(func).and_then(|function| function.library);
    let score = page.names.function(func).map_or(0, |function| u64::from(function.score));
    let own = function.classes.total;
    html! {
        tr id={ "f" (func) } {
            th scope="row" {
                span class={ "swatch " (heat::class(own, page.total())) } {} " "
                @if is_listed { a href={ "#code" (func) } { code { (name) } } } @else { code { (name) } }
                @if let Some(module) = page.names.module(func) { " " span.dim { "of module " (module) } }
                @if let Some(library) = library { " " (parts::chip("library", library.of)) }
            }
            (parts::number(u64::from(func.0)))
            (parts::share_cell(own, page.total()))
            (parts::number(own))
            (parts::number(page.heat.inclusive(func)))
            (parts::number(function.calls))
            td { (function.blocks_run) " of " (function.blocks) }
            (parts::number(function.host_calls))
            (parts::number(score))
        }
    }
}
