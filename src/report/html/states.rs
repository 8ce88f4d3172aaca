//! The state machine behind the call sequence: which function followed which, as a matrix of the states that
//! were entered most, and the most frequent ways.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{heat, limits, page::Page, parts};
use crate::{
    module::FuncIndex,
    text::{grouped, percent, plural},
};

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let machine = &page.report.dynamic.states;
    if machine.transitions.is_empty() {
        return None;
    }
    let mut states: Vec<_> = machine.states.iter().collect();
    states.sort_by_key(|state| (std::cmp::Reverse(state.visits), state.func));
    states.truncate(limits::STATES);
    let shown: Vec<_> = states.iter().map(|state| state.func).collect();
    let all = machine.states.len();
    Some(html! {
        p.dim {
            (plural(all as u64, "state")) ", " (plural(machine.transitions.len() as u64, "transition")) ", "
            (plural(machine.steps, "step")) ". A state is a function, a transition a call. Of a row, how often the function of the "
            "column was called; colours by powers of ten."
            @if all > shown.len() { " The " (shown.len()) " states that were entered most." }
        }
        (parts::scrolled("Transitions between states", &matrix(page, &shown)))
        (paths(page))
    })
}

fn matrix(page: &Page<'_, '_>, shown: &[FuncIndex]) -> Markup {
    let machine = &page.report.dynamic.states;
    let mut counts: BTreeMap<(FuncIndex, FuncIndex), (u64, bool)> = BTreeMap::new();
    for step in &machine.transitions {
        let (count, back) = counts.entry((step.from, step.to)).or_default();
        *count = count.saturating_add(step.count);
        *back |= step.back;
    }
    let most = counts.values().map(|(count, _)| *count).max().unwrap_or(1);
    html! {
        table.states {
            caption.hidden { "Transitions between states: from the function of the row to that of the column" }
            thead {
                tr {
                    th scope="col" { "From" }
                    @for &to in shown { th.num scope="col" title=(page.func_name(to)) { (to) } }
                }
            }
            tbody {
                @for &from in shown {
                    tr {
                        th scope="row" { (page.func(from)) " " span.dim { (from) } }
                        @for &to in shown {
                            @match counts.get(&(from, to)) {
                                Some((count, is_back)) => td class={ "num " (heat::class(*count, most)) } {
                                    (grouped(*count)) @if *is_back { " ↺" }
                                },
                                None => td {},
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The most frequent sequences of three functions.
fn paths(page: &Page<'_, '_>) -> Markup {
    let machine = &page.report.dynamic.states;
    html! {
        @if !machine.hot_paths.is_empty() {
            h3 { "Most frequent ways" }
            ol {
                @for path in &machine.hot_paths {
                    li {
                        @for (position, &func) in path.funcs.iter().enumerate() {
                            @if position > 0 { " → " }
                            (page.func(func))
                        }
                        " " span.dim { (plural(path.count, "time")) ", " (percent(crate::text::share(path.count, machine.steps))) }
                    }
                }
            }
        }
    }
}
