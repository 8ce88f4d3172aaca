//! What the bytes say: indicators, imports and exports, strings, sections.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{Markup, html};

use super::{limits, page::Page, parts};
use crate::{
    module::view::Component,
    report::{indicators as files, stix},
    text::{clip, plural, some},
    trace::host_name,
};

pub(super) fn indicators(page: &Page<'_, '_>) -> Option<Markup> {
    let iocs = page.report.iocs;
    if iocs.is_empty() {
        return None;
    }
    let table = html! {
        table.sortable #iocs {
            caption.hidden { "Indicators" }
            (parts::table_head(&[("Kind", false), ("Value", false), ("Seen in", false), ("Offset", true)]))
            tbody {
                @for ioc in iocs.iter().take(limits::ROWS) {
                    tr {
                        td { (ioc.kind.as_str()) }
                        td { code { (clip(&ioc.value, limits::TEXT)) } }
                        td { (ioc.seen.as_str()) }
                        td.num data-value=(ioc.offset) { @if ioc.offset > 0 { code { (format!("{:#x}", ioc.offset)) } } }
                    }
                }
            }
        }
    };
    Some(html! {
        p.dim { "An indicator is a fact, not a verdict: a link of a toolchain is one like any other." }
        p {
            "Save as " (saved("indicators.csv", "text/csv", "CSV", |out| files::write_csv(page.report, out)))
            " or " (saved("indicators.json", "application/json", "STIX 2.1", |out| stix::write(page.report, out)))
        }
        (parts::filter("iocs", "Search indicators"))
        (parts::scrolled("Indicators", &table))
        (parts::more(iocs.len().saturating_sub(limits::ROWS) as u64, "indicator"))
    })
}

/// A link to a file that is in the page.
fn saved(
    name: &str,
    kind: &str,
    label: &str,
    write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>,
) -> Markup {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = write(&mut bytes);
    html! { a download=(name) href={ "data:" (kind) ";base64," (BASE64_STANDARD.encode(&bytes)) } { (label) } }
}

pub(super) fn module(page: &Page<'_, '_>) -> Option<Markup> {
    let view = page.report.view;
    let validity = crate::report::diff::validity(page.report.sample.validity);
    Some(html! {
        dl.facts {
            dt { "Validity" } dd { (clip(&validity, limits::TEXT)) }
            @if let Some(component) = &view.component {
                dt { "Component" } dd { (clip(&names(component), limits::TEXT)) }
            }
            dt { "Made with" } dd { (producers(page)) }
            dt { "Proposals" } dd { (proposals(page)) }
        }
        (imports(page))
        (exports(page))
        (sections(page))
        (strings(page))
        p.dim { (plural(view.functions.len() as u64, "function")) " in all; " code { "--json" } " has each." }
    })
}

/// What a component imports and exports.
fn names(component: &Component) -> String {
    let list = |names: &[String]| match names.is_empty() {
        true => "nothing".to_owned(),
        false => some(names, limits::PLACES),
    };
    let names = format!("imports {}; exports {}", list(&component.imports), list(&component.exports));
    match component.linked_from {
        Some(from) => format!("offsets from {from:#x} on are in what several modules of it became; {names}"),
        None => names,
    }
}

fn producers(page: &Page<'_, '_>) -> String {
    let all = page.report.sample.producers.iter().take(limits::PLACES);
    let all: Vec<_> = all.map(|(field, value)| clip(&format!("{field} {value}"), limits::NAME)).collect();
    if all.is_empty() { "nothing stated".to_owned() } else { all.join(", ") }
}

fn proposals(page: &Page<'_, '_>) -> String {
    let all = page.report.sample.proposals.iter();
    let all: Vec<_> = all.map(|proposal| clip(&proposal.name, limits::NAME)).collect();
    if all.is_empty() { "none beyond the first version".to_owned() } else { all.join(", ") }
}

fn imports(page: &Page<'_, '_>) -> Markup {
    let called = &page.report.dynamic.metrics.host_calls;
    listed(&page.report.view.imports, "import", |import| {
        let name = host_name(&import.module, &import.name);
        html! {
            code { (clip(&name, limits::NAME)) }
            @if let Some(calls) = called.get(&name) { " " span.dim { (plural(*calls, "call")) } }
        }
    })
}

fn exports(page: &Page<'_, '_>) -> Markup {
    listed(
        &page.report.view.exports,
        "export",
        |export| html! { code { (clip(&export.name, limits::NAME)) } },
    )
}

fn sections(page: &Page<'_, '_>) -> Markup {
    listed(&page.report.view.sections, "section", |section| {
        html! { code { (clip(&section.name, limits::NAME)) } " " span.dim { (plural(section.size, "byte")) } }
    })
}

/// A list that is folded, with its number in front; `what` is one of it.
fn listed<T>(all: &[T], what: &str, item: impl Fn(&T) -> Markup) -> Markup {
    html! {
        details {
            summary { (plural(all.len() as u64, what)) }
            ul.columns { @for one in all.iter().take(limits::ROWS) { li { (item(one)) } } }
            (parts::more(all.len().saturating_sub(limits::ROWS) as u64, what))
        }
    }
}

fn strings(page: &Page<'_, '_>) -> Markup {
    let all = &page.report.view.strings;
    let table = html! {
        table #strings {
            caption.hidden { "Strings" }
            (parts::table_head(&[("Offset", true), ("String", false)]))
            tbody {
                @for found in all.iter().take(limits::ROWS) {
                    tr {
                        td.num { code { (format!("{:#x}", found.offset)) } }
                        td { code { (clip(&found.text, limits::TEXT)) } }
                    }
                }
            }
        }
    };
    html! {
        details {
            summary { (plural(all.len() as u64, "string")) }
            (parts::filter("strings", "Search strings"))
            (parts::scrolled("Strings", &table))
            (parts::more(all.len().saturating_sub(limits::ROWS) as u64, "string"))
        }
    }
}
