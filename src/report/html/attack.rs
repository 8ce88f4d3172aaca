//! Techniques of ATT&CK and behaviours of MBC, by tactic and objective, with the rules behind each.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::{limits, page::Page};
use crate::{
    rules::{Match, TACTICS},
    text::{clip, plural},
};

/// Tactic → technique with its id → rules.
type Matrix<'r> = BTreeMap<(usize, String), BTreeMap<String, BTreeSet<&'r str>>>;

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let attack = matrix(page.report.rules, |rule| &rule.attack);
    let mbc = matrix(page.report.rules, |rule| &rule.mbc);
    (!attack.is_empty() || !mbc.is_empty()).then(|| {
        html! {
            @if !attack.is_empty() { h3 { "MITRE ATT&CK" } (drawn(page, &attack)) }
            @if !mbc.is_empty() { h3 { "Malware Behavior Catalog" } (drawn(page, &mbc)) }
        }
    })
}

fn matrix(rules: &[Match], of: impl Fn(&Match) -> &Vec<String>) -> Matrix<'_> {
    let mut found = Matrix::new();
    for rule in rules {
        for entry in of(rule) {
            let (tactic, technique) = entry.split_once("::").unwrap_or(("", entry));
            let order = TACTICS.iter().position(|known| *known == tactic).unwrap_or(TACTICS.len());
            let column = found.entry((order, tactic.to_owned())).or_default();
            column.entry(technique.to_owned()).or_default().insert(rule.name.as_str());
        }
    }
    found
}

fn drawn(page: &Page<'_, '_>, matrix: &Matrix<'_>) -> Markup {
    let is_of_run = |name: &str| page.report.rules.iter().any(|rule| rule.name == name && rule.dynamic);
    html! {
        div.matrix {
            @for ((_, tactic), techniques) in matrix {
                div.tactic {
                    h4 { (clip(tactic, limits::NAME)) }
                    @for (technique, rules) in techniques.iter().take(limits::ROWS) {
                        details class={ "technique " (if rules.iter().any(|rule| is_of_run(rule)) { "run" } else { "still" }) } {
                            summary { (clip(technique, limits::NAME)) " " span.dim { (plural(rules.len() as u64, "rule")) } }
                            ul { @for rule in rules { li { (clip(rule, limits::NAME)) } } }
                        }
                    }
                }
            }
        }
    }
}
