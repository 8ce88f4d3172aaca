//! Small parts that several views share.

use maud::{Markup, html};

use crate::text::{grouped, percent, plural, share};

/// A word in a frame, with a class that says what it stands for.
pub(super) fn chip(class: &str, text: &str) -> Markup {
    html! { span class={ "chip " (class) } { (text) } }
}

/// A number for the right-hand side of a column.
pub(super) fn number(number: u64) -> Markup {
    html! { td.num data-value=(number) { (grouped(number)) } }
}

/// A share of the run with a bar behind it.
pub(super) fn share_cell(part: u64, whole: u64) -> Markup {
    let of = share(part, whole);
    let width = format!("{:.1}", of * 100.0);
    html! {
        td.num.share data-value=(part) {
            svg.bar viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
                rect width=(width) height="4" {}
            }
            (percent(of))
        }
    }
}

/// That rows were left out, and where they are.
pub(super) fn more(left_out: u64, what: &str) -> Markup {
    html! {
        @if left_out > 0 {
            p.dim { "and " (plural(left_out, what)) " more: " code { "--json" } " has all" }
        }
    }
}

/// The head of a table that can be sorted: a column that holds numbers is marked so.
pub(super) fn table_head(columns: &[(&str, bool)]) -> Markup {
    html! {
        thead {
            tr {
                @for (name, is_number) in columns {
                    th scope="col" class=[is_number.then_some("num")] { (name) }
                }
            }
        }
    }
}

/// A box that filters the rows of a table, for those whose browser runs the script.
pub(super) fn filter(table: &str, label: &str) -> Markup {
    html! {
        p.js-only.filter {
            label { (label) " " input type="search" data-filter=(table) autocomplete="off" spellcheck="false"; }
            " " output data-count=(table) {}
        }
    }
}

/// A value that is copied as often as read.
pub(super) fn copied(text: &str) -> Markup {
    html! {
        code.copied { (text) }
        " " button.js-only.copy type="button" data-copy=(text) { "copy" }
    }
}

/// A table that scrolls by itself where the window is too narrow; the keyboard reaches it.
pub(super) fn scrolled(label: &str, table: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}
