//! The parts that were not seen: code that did not run, answers that were made up, limits of the result.

use maud::{Markup, html};

use super::{limits, page::Page, parts};
use crate::{
    report::text::unseen_data,
    sandbox::EntryEnd,
    text::{clip, grouped, import_name, plural},
};

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let report = page.report;
    let coverage = &report.dynamic.coverage;
    let never = u64::from(coverage.functions.saturating_sub(coverage.functions_run));
    let made_up: Vec<_> = report.fabricated.iter().filter(|answer| answer.fabricated > 0).collect();
    Some(html! {
        ul {
            @if never > 0 {
                li {
                    (plural(never, "function")) " never ran, of which "
                    (grouped(coverage.dead_confirmed.len() as u64)) " nothing can call."
                }
            }
            @if !coverage.hidden.is_empty() {
                li { (plural(coverage.hidden.len() as u64, "call")) " went where the static call graph does not lead." }
            }
            @if let Some(data) = unseen_data(report) { li { (clip(&sentence(&data), limits::TEXT)) } }
            @for limitation in report.limitations.iter().take(limits::ROWS) {
                li { (clip(&limitation.to_string(), limits::TEXT)) }
            }
        }
        (parts::more(report.limitations.len().saturating_sub(limits::ROWS) as u64, "limitation"))
        @if report.limitations.is_empty() { p { "Nothing limits this result but what did not run." } }
        (entries(page))
        @if !made_up.is_empty() {
            h3 { "Answers that were made up" }
            p.dim { "No such thing exists in the sandbox: what the sample did next may depend on it." }
            ul.columns {
                @for answer in made_up.iter().take(limits::ROWS) {
                    li {
                        code { (clip(&import_name(answer.module, answer.name), limits::NAME)) } " "
                        span.dim { (grouped(answer.fabricated)) " of " (plural(answer.calls, "call")) }
                    }
                }
            }
        }
    })
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn entries(page: &Page<'_, '_>) -> Markup {
    let entries = &page.report.entries;
    html! {
        @if !entries.is_empty() {
            h3 { "Entry points" }
            table {
                caption.hidden { "Entry points and how they ended" }
                (parts::table_head(&[("Name", false), ("Arguments", false), ("How it ended", false), ("Instructions", true)]))
                tbody {
                    @for entry in entries.iter().take(limits::ROWS) {
                        tr {
                            th scope="row" { code { (clip(&entry.entry.name, limits::NAME)) } }
                            td {
                                (clip(&entry.entry.args.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), limits::NAME))
                                @if entry.entry.made_up { " " (parts::chip("mark", "made up")) }
                            }
                            td { (end(&entry.entry.end)) @if let Some(site) = entry.entry.site { " at " (page.place(site)) } }
                            (parts::number(entry.metrics.map_or(0, |metrics| metrics.classes.total)))
                        }
                    }
                }
            }
            (parts::more(entries.len().saturating_sub(limits::ROWS) as u64, "entry point"))
        }
    }
}

fn end(end: &EntryEnd) -> String {
    clip(&end.to_string(), limits::TEXT)
}
