//! The answer: verdict, score by reasons, family, hashes, what limits the result, how to run it again.

use maud::{Markup, html};

use super::{
    super::text::{class, quoted_file, touched, unseen},
    limits,
    page::Page,
    parts,
};
use crate::{
    report::{Why, libraries},
    sandbox::Status,
    text::{clip, grouped, percent, plural, share},
    verdict::{Class, Reason},
};

pub(super) fn of(page: &Page<'_, '_>) -> Markup {
    let report = page.report;
    html! {
        header class={ "verdict " (colour(report.verdict)) } {
            h1 {
                span.class { (class(report.verdict)) } " "
                span.score { (report.score) "/100" }
                @if let Some(family) = report.family { " " span.family { (family) } }
            }
            p.name { (clip(report.sample.name, limits::NAME)) }
            (bar(page))
            (glance(page))
            (facts(page))
            (limitations(page))
        }
    }
}

fn colour(class: Class) -> &'static str {
    match class {
        Class::Malicious => "bad",
        Class::Suspicious | Class::PotentiallyUnwanted => "doubtful",
        Class::Undecided => "open",
        Class::Clean => "good",
    }
}

/// The questions that a reader comes with, each answered in a line or two.
fn glance(page: &Page<'_, '_>) -> Markup {
    html! {
        dl.glance {
            dt { "What is it?" } dd { (what(page)) }
            dt { "Why?" } dd { (why(page)) }
            dt { "What did it touch?" } dd { (listed(&touched(page.report), "no file, no connection, no output")) }
            dt { "Where in the code?" } dd { (place(page)) }
            dt { "What was not seen?" } dd { (not_seen(page)) }
        }
    }
}

fn what(page: &Page<'_, '_>) -> Markup {
    let report = page.report;
    let words = match report.verdict {
        Class::Malicious => "Malicious",
        Class::Suspicious => "Suspicious",
        Class::PotentiallyUnwanted => "Potentially unwanted",
        Class::Undecided => {
            "Undecided: what was seen is no proof of harm, and not enough was seen to rule it out"
        }
        Class::Clean => "Nothing harmful was seen",
    };
    html! {
        (words) @if let Some(family) = report.family { ", of the family " strong { (family) } }
        ". Confidence " (report.confidence) " of 100."
    }
}

/// The weightiest reason, in a sentence.
fn why(page: &Page<'_, '_>) -> Markup {
    let reasons = page.report.reasons;
    let first = reasons.first().map(|reason| Why::of(page.report, reason).sentence);
    let more = reasons.len().saturating_sub(1) as u64;
    html! {
        @if let Some(sentence) = first { (clip(&sentence, limits::TEXT)) "." }
        @if more > 0 { " " a href="#why" { "And " (plural(more, "more reason")) } }
    }
}

fn listed(facts: &[(&str, String)], otherwise: &str) -> Markup {
    html! {
        @if facts.is_empty() { "Nothing that was seen: " (otherwise) "." }
        @for (name, text) in facts { div { span.dim { (name) } " " (clip(text, limits::TEXT)) } }
    }
}

/// Where the first reasons point, and where most of the run was spent.
fn place(page: &Page<'_, '_>) -> Markup {
    let reasons = page.report.reasons.iter().map(|reason| Why::of(page.report, reason));
    let mut places = Vec::new();
    for &place in reasons.flat_map(|why| why.places) {
        if places.len() < 3 && !places.contains(&place) {
            places.push(place);
        }
    }
    let hottest = page.heat.hottest(page.report).take(3).filter(|function| function.classes.total > 0);
    let hottest: Vec<_> = hottest.collect();
    html! {
        @if !places.is_empty() {
            div { span.dim { "the reasons point at" } @for place in places { " " (page.place(place)) } }
        }
        @if !hottest.is_empty() {
            div {
                span.dim { "it ran most in" }
                @for function in &hottest {
                    " " (page.func(function.index)) " " (percent(share(function.classes.total, page.total())))
                }
            }
        } @else { "No instruction of it ran." }
    }
}

fn not_seen(page: &Page<'_, '_>) -> Markup {
    let facts = unseen(page.report);
    html! {
        (ran(page)) ". "
        @if facts.is_empty() && page.total() > 0 { "Every function ran, and no answer was made up." }
        @for (name, text) in &facts { div { span.dim { (name) } " " (clip(text, limits::TEXT)) } }
        @if !page.report.limitations.is_empty() || !facts.is_empty() { a href="#unseen" { "More of that" } }
    }
}

/// The score as a bar: a piece for each reason, as wide as its points.
fn bar(page: &Page<'_, '_>) -> Markup {
    let reasons: Vec<_> = page.report.reasons.iter().filter(|reason| reason.weight > 0).collect();
    let sum: i32 = reasons.iter().map(|reason| reason.weight).sum();
    let whole = f64::from(sum.max(100));
    let mut x = 0.0;
    let pieces = reasons.iter().map(|reason| {
        let width = f64::from(reason.weight) * 1000.0 / whole;
        x += width;
        (*reason, x - width, width)
    });
    let pieces: Vec<_> = pieces.collect();
    html! {
        @if !pieces.is_empty() {
            svg.scorebar viewBox="0 0 1000 26" preserveAspectRatio="none" role="img"
                aria-label={ "The score by reasons: " (plural(pieces.len() as u64, "reason")) ", listed below" } {
                rect.ground width="1000" height="26" {}
                @for (reason, x, width) in &pieces { (piece(reason, *x, *width)) }
            }
            p.dim.legend {
                span.swatch.run {} " seen in the run " span.swatch.still {} " only in the bytes. Points of reasons "
                "that say the same count for less together, so the score is less than their sum."
            }
        }
    }
}

fn piece(reason: &Reason, x: f64, width: f64) -> Markup {
    let side = if reason.dynamic { "run" } else { "still" };
    html! {
        rect class=(side) x=(format!("{x:.1}")) width=(format!("{:.1}", (width - 3.0).max(1.0))) height="26" {
            title { (reason.weight) " points: " (clip(&reason.from, limits::NAME)) }
        }
    }
}

fn facts(page: &Page<'_, '_>) -> Markup {
    let report = page.report;
    let sample = &report.sample;
    html! {
        dl.facts {
            dt { "SHA-256" } dd { (parts::copied(sample.sha256)) }
            @if let Some(known) = sample.known {
                dt { "Known" } dd { (clip(known, limits::NAME)) ", byte for byte; no part of the verdict" }
            }
            dt { "Size" } dd { (plural(sample.size, "byte")) ", entropy " (format!("{:.2}", sample.entropy)) }
            @if let Some(libraries) = libraries::words(&report.libraries, report.instructions) {
                dt { "Libraries" } dd { (libraries) }
            }
            dt { "Run again" } dd { (parts::copied(&command(page))) }
        }
        details.hashes {
            summary { "Other hashes" }
            dl.facts {
                dt { "SHA-1" } dd { (parts::copied(sample.sha1)) }
                dt { "MD5" } dd { (parts::copied(sample.md5)) }
                @if let Some(imphash) = sample.imphash { dt { "Imphash" } dd { (parts::copied(imphash)) } }
                @if let Some(tlsh) = sample.tlsh { dt { "TLSH" } dd { (parts::copied(tlsh)) } }
            }
        }
    }
}

/// How the run went, in a line.
fn ran(page: &Page<'_, '_>) -> Markup {
    let report = page.report;
    let coverage = &report.dynamic.coverage;
    let calls: u64 = report.dynamic.metrics.host_calls.values().sum();
    let end = match (report.status, report.exit_code) {
        (Status::Exited, Some(code)) => format!("ended with code {code}"),
        (Status::Exited, None) => "returned".to_owned(),
        (Status::Trapped, _) => "trapped".to_owned(),
        (Status::Stopped, _) if report.is_cut_off() => {
            "was cut off: the recording ends before it did".to_owned()
        }
        (Status::Stopped, _) => "was stopped by a limit".to_owned(),
        (Status::Invalid, _) => "did not run: it is no valid module".to_owned(),
        (Status::Unsupported, _) => "did not run: it cannot be executed".to_owned(),
        _ => "did not run".to_owned(),
    };
    html! {
        "It " (end) "; " (plural(report.instructions, "instruction")) ", " (plural(calls, "host call")) "; "
        (percent(share(coverage.instructions_run, coverage.instructions))) " of its code ran in "
        (grouped(report.entries.len() as u64)) " of its entry points"
    }
}

/// The command that makes this page.
fn command(page: &Page<'_, '_>) -> String {
    let file = quoted_file(page.asked.file);
    let words = ["spoor", page.asked.command, &*file, page.asked.options, "--html"];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn limitations(page: &Page<'_, '_>) -> Markup {
    let all = page.report.limitations;
    html! {
        @if !all.is_empty() {
            aside.limitations aria-label="Limitations" {
                p { strong { (plural(all.len() as u64, "limitation")) } " of this result:" }
                ul { @for limitation in all.iter().take(3) { li { (clip(&limitation.to_string(), limits::TEXT)) } } }
                @if all.len() > 3 { p { a href="#unseen" { "All limitations" } } }
            }
        }
    }
}
