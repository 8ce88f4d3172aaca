//! The answer: verdict, score by reasons, family, hashes, what limits the result, how to run it again.

use maud::{Markup, html};

use super::{
    super::text::{class, quoted},
    limits,
    page::Page,
    parts,
};
use crate::{
    report::Why,
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
            p.first { (answer(page)) }
            (bar(page))
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

/// The weightiest reason, in a sentence.
fn answer(page: &Page<'_, '_>) -> Markup {
    let first = page.report.reasons.first().map(|reason| Why::of(page.report, reason).sentence);
    html! { @if let Some(sentence) = first { (clip(&sentence, limits::TEXT)) "." } }
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
            dt { "SHA-1" } dd { (parts::copied(sample.sha1)) }
            dt { "MD5" } dd { (parts::copied(sample.md5)) }
            dt { "Imphash" } dd { (parts::copied(sample.imphash)) }
            @if let Some(tlsh) = sample.tlsh { dt { "TLSH" } dd { (parts::copied(tlsh)) } }
            dt { "Size" } dd { (plural(sample.size, "byte")) ", entropy " (format!("{:.2}", sample.entropy)) }
            dt { "Confidence" } dd { (report.confidence) " of 100" }
            dt { "Ran" } dd { (ran(page)) }
            dt { "Run again" } dd { (parts::copied(&command(page))) }
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
    let file = quoted(page.asked.file);
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
