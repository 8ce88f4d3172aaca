//! Why the verdict: a card for each reason, with what held of its rule and where.

use maud::{Markup, html};

use super::{limits, page::Page, parts::chip};
use crate::{
    module::Place,
    report::{Why, rule_marks, severity},
    rules::{Evidence, Match},
    text::{clip, grouped, percent, plural, share},
    verdict::{ABOUT_RUN, Class},
};

pub(super) fn of(page: &Page<'_, '_>) -> Option<Markup> {
    let report = page.report;
    let reasons = report.reasons.iter().map(|reason| Why::of(report, reason));
    let told: Vec<_> = report.reasons.iter().map(|reason| reason.from.as_str()).collect();
    let others: Vec<_> = report.rules.iter().filter(|rule| !told.contains(&rule.name.as_str())).collect();
    Some(html! {
        ol.cards { @for why in reasons { li.card { (card(page, &why)) } } }
        @if report.reasons.iter().all(|reason| reason.weight <= 0) { (nothing(page)) }
        @if !others.is_empty() {
            details {
                summary { (plural(others.len() as u64, "further rule")) " matched" }
                ul.cards { @for rule in others.iter().take(limits::ROWS) { li.card { (other(page, rule)) } } }
            }
        }
    })
}

/// Why nothing is held against the sample: what was looked at, and what was found there.
fn nothing(page: &Page<'_, '_>) -> Markup {
    let report = page.report;
    let coverage = &report.dynamic.coverage;
    let calls: u64 = report.dynamic.metrics.host_calls.values().sum();
    let weigh = report.rules.iter().filter(|rule| rule.severity > 0).count() as u64;
    html! {
        p { "Nothing that was looked at weighs against it:" }
        ul {
            li {
                "Its bytes: " (plural(report.sample.size, "byte")) ", " (plural(report.view.functions.len() as u64, "function")) ", "
                (plural(report.view.imports.len() as u64, "import")) ", " (plural(report.view.strings.len() as u64, "string")) "; "
                @if report.rules.is_empty() { "no rule matched." }
                @else { (plural(report.rules.len() as u64, "rule")) " matched, of which " (grouped(weigh)) " may weigh." }
            }
            li {
                "Its run: " (grouped(coverage.functions_run.into())) " of " (plural(coverage.functions.into(), "function")) " ran, "
                (percent(share(coverage.instructions_run, coverage.instructions))) " of its code, from "
                (plural(report.entries.len() as u64, "entry point")) "."
            }
            li { "What it asked for: " (plural(calls, "host call")) ", " (plural(report.files.len() as u64, "change")) " of files, "
                (plural(report.connections.len() as u64, "connection")) "." }
            @if report.verdict == Class::Clean {
                li { "What did not run: none of it reaches what could do harm, as far as the code tells." }
            }
        }
    }
}

fn card(page: &Page<'_, '_>, why: &Why<'_>) -> Markup {
    let title = why.reason.from.as_str();
    html! {
        @if why.reason.weight != 0 { p.points { (format!("{:+}", why.reason.weight)) span.hidden { " points" } } }
        h3 { (clip(&why.sentence, limits::TEXT)) }
        p.chips {
            @if let Some(level) = why.severity { (level_chip(level)) " " }
            @if title == ABOUT_RUN { (chip("mark", "about the run")) } @else { (side(why.reason.dynamic)) }
            @if let Some(rule) = why.rule { (marks(rule)) }
            @if title != ABOUT_RUN { " " span.dim { (clip(title, limits::NAME)) } }
        }
        @if let Some(evidence) = &why.evidence { p.evidence { (clip(evidence, limits::TEXT)) } }
        (places(page, why.places, why.rule.map_or(why.places.len() as u64, |rule| rule.count)))
        @if let Some(tree) = why.tree() { (evidence(page, tree)) }
    }
}

fn level_chip(level: u8) -> Markup {
    chip(&format!("severity{}", level.min(3)), severity(level))
}

fn side(is_of_run: bool) -> Markup {
    match is_of_run {
        true => chip("run", "seen in the run"),
        false => chip("still", "only in the bytes"),
    }
}

/// What a rule's match rests on.
fn marks(rule: &Match) -> Markup {
    html! {
        @for mark in rule_marks(rule) { " " (chip("mark", mark)) }
    }
}

fn other(page: &Page<'_, '_>, rule: &Match) -> Markup {
    html! {
        h3 { "May " (clip(&rule.name, limits::NAME)) }
        p.chips { (level_chip(rule.severity)) " " (side(rule.dynamic)) (marks(rule)) " " span.dim { (clip(&rule.namespace, limits::NAME)) } }
        @if !rule.description.is_empty() { p.evidence { (clip(&rule.description, limits::TEXT)) } }
        (places(page, &rule.places, rule.count))
        (evidence(page, &rule.evidence))
    }
}

fn places(page: &Page<'_, '_>, places: &[Place], count: u64) -> Markup {
    let shown = places.len().min(limits::PLACES);
    let more = count.saturating_sub(shown as u64);
    html! {
        @if shown > 0 {
            details.places open[shown <= 3] {
                summary { (plural(count.max(shown as u64), "place")) }
                ul { @for &place in places.iter().take(shown) { li { (page.place(place)) } } }
                @if more > 0 { p.dim { "and " (plural(more, "more place")) } }
            }
        }
    }
}

fn evidence(page: &Page<'_, '_>, tree: &Evidence) -> Markup {
    let mut room = limits::EVIDENCE;
    html! {
        details.tree {
            summary { "What held" }
            ul { (statement(page, tree, 0, &mut room)) }
            @if room == 0 { p.dim { "Further statements are in the JSON." } }
        }
    }
}

fn statement(page: &Page<'_, '_>, part: &Evidence, depth: usize, room: &mut usize) -> Markup {
    *room = room.saturating_sub(1);
    html! {
        li {
            code { (clip(&part.statement, limits::TEXT)) }
            @if let Some(found) = &part.found { " = " strong { (clip(found, limits::TEXT)) } }
            @for &place in part.places.iter().take(3) { " " span.at { (page.place(place)) } }
            @if part.places.len() > 3 { " " span.dim { "and " (part.places.len() - 3) " more" } }
            @if !part.parts.is_empty() && depth < limits::EVIDENCE_DEPTH && *room > 0 {
                ul { @for part in &part.parts { @if *room > 0 { (statement(page, part, depth + 1, room)) } } }
            }
        }
    }
}
