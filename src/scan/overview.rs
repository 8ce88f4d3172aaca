//! A batch as a page: verdicts, families, groups, failures, what took longest, and a table of all samples.
//!
//! The page is framed as that of one sample is: no network, no script needed, everything that a sample or a
//! name chose escaped.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufRead, Write},
};

use maud::{Markup, html};

use super::{
    cluster::{ClusterKind, ClusterRow},
    limits::{OVERVIEW_LIST, OVERVIEW_ROWS, OVERVIEW_TEXT},
    rows::SampleRow,
    summary::Summary,
};
use crate::{
    report::html::framed,
    text::{clip, grouped, percent, plural, share},
};

/// Writes the page of a batch. `samples` is its table of samples, a row on each line.
///
/// # Errors
///
/// When the table cannot be read or is not one, or `out` cannot be written.
pub fn write(
    samples: impl BufRead,
    summary: &Summary,
    clusters: &[ClusterRow],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut rows = Vec::new();
    for line in samples.lines() {
        rows.push(serde_json::from_str::<SampleRow>(&line?)?);
    }
    let place = |row: &SampleRow| (row.origin.to_string(), row.sha256.clone());
    rows.sort_by_cached_key(|row| (rank(row), place(row)));
    let title = format!("{} in a batch", plural(summary.samples, "sample"));
    let body = body(&title, &rows, summary, clusters);
    out.write_all(framed(&title, &body).into_string().as_bytes())?;
    writeln!(out)
}

/// Verdicts, the worst first, with their colours.
const VERDICTS: [(&str, &str); 5] = [
    ("MALICIOUS", "bad"),
    ("SUSPICIOUS", "doubtful"),
    ("POTENTIALLY_UNWANTED", "doubtful"),
    ("UNDECIDED", "open"),
    ("CLEAN", "good"),
];

fn rank(row: &SampleRow) -> (usize, std::cmp::Reverse<u8>) {
    let verdict = row.verdict.as_deref().unwrap_or_default();
    let at = VERDICTS.iter().position(|(name, _)| *name == verdict).unwrap_or(VERDICTS.len());
    (at, std::cmp::Reverse(row.score))
}

fn body(title: &str, rows: &[SampleRow], summary: &Summary, clusters: &[ClusterRow]) -> Markup {
    let parts =
        [("verdicts", "Verdicts"), ("samples", "Samples"), ("groups", "Groups"), ("slowest", "Slowest")];
    html! {
        a.skip href="#samples" { "Skip to the samples" }
        header.verdict {
            h1 { (title) }
            p.first {
                (plural(summary.places, "place")) ", " (plural(summary.without_module, "file")) " without a module, "
                (plural(summary.failures.values().sum(), "failure")) "."
                @if summary.interrupted { " The scan was interrupted." }
            }
        }
        nav aria-label="Parts of the page" {
            ul { @for (id, name) in parts { li { a href={ "#" (id) } { (name) } } } }
            button.js-only #theme type="button" { "Light or dark" }
        }
        main {
            section #verdicts aria-labelledby="verdicts-title" {
                h2 #verdicts-title { "Verdicts" }
                (verdicts(summary))
                (counted("Families", summary.families.iter().map(|(name, count)| (name.as_str(), *count))))
                (counted("Failures", summary.failures.iter().map(|(name, count)| (*name, *count))))
            }
            section #samples aria-labelledby="samples-title" {
                h2 #samples-title { "Samples" }
                (samples(rows))
            }
            section #groups aria-labelledby="groups-title" { h2 #groups-title { "Groups" } (groups(rows, clusters)) }
            section #slowest aria-labelledby="slowest-title" {
                h2 #slowest-title { "Slowest" }
                ol {
                    @for slow in summary.slowest.iter().take(OVERVIEW_LIST) {
                        li { (grouped(slow.time_ms)) " ms " code { (clip(&slow.place, OVERVIEW_TEXT)) } }
                    }
                }
            }
        }
    }
}

fn verdicts(summary: &Summary) -> Markup {
    html! {
        table {
            caption.hidden { "Samples by verdict" }
            thead { tr { th scope="col" { "Verdict" } th.num scope="col" { "Samples" } th.num scope="col" { "Share" } } }
            tbody {
                @for (name, colour) in VERDICTS {
                    @let count = summary.verdicts.get(name).copied().unwrap_or(0);
                    tr class=(colour) {
                        th.class scope="row" { (name) }
                        td.num { (grouped(count)) }
                        td.num { (percent(share(count, summary.samples))) }
                    }
                }
            }
        }
    }
}

fn counted<'a>(title: &str, counts: impl Iterator<Item = (&'a str, u64)>) -> Markup {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    html! {
        @if !counts.is_empty() {
            h3 { (title) }
            ul.columns { @for (name, count) in counts { li { (clip(name, OVERVIEW_TEXT)) " " span.dim { (grouped(count)) } } } }
        }
    }
}

fn samples(rows: &[SampleRow]) -> Markup {
    let more = rows.len().saturating_sub(OVERVIEW_ROWS) as u64;
    html! {
        p.dim { "The worst first. " code { "spoor run FILE --html -o report.html" } " makes the page of one." }
        p.js-only.filter {
            label { "Search samples " input type="search" data-filter="samples-table" autocomplete="off" spellcheck="false"; }
            " " output data-count="samples-table" {}
        }
        div.scroll tabindex="0" role="region" aria-label="Samples" {
            table.sortable #samples-table {
                caption.hidden { "Samples" }
                thead {
                    tr {
                        th scope="col" { "Verdict" } th.num scope="col" { "Score" } th scope="col" { "Family" }
                        th scope="col" { "Place" } th scope="col" { "Why" } th.num scope="col" { "Milliseconds" }
                    }
                }
                tbody { @for row in rows.iter().take(OVERVIEW_ROWS) { (sample(row)) } }
            }
        }
        @if more > 0 { p.dim { "and " (plural(more, "more sample")) " in samples.jsonl" } }
    }
}

fn sample(row: &SampleRow) -> Markup {
    let verdict = row.verdict.as_deref().unwrap_or("none");
    let colour = VERDICTS.iter().find(|(name, _)| *name == verdict).map_or("open", |(_, colour)| colour);
    let why = match &row.failure {
        Some(failure) => format!("{}: {}", failure.kind.name(), failure.text),
        None => row.reasons.first().cloned().unwrap_or_default(),
    };
    html! {
        tr class=(colour) {
            td.class { (clip(verdict, OVERVIEW_TEXT)) }
            td.num data-value=(row.score) { (row.score) }
            td { (row.family.as_deref().unwrap_or("–")) }
            th scope="row" { code title=(row.sha256) { (clip(&row.origin.to_string(), OVERVIEW_TEXT)) } }
            td { (clip(&why, OVERVIEW_TEXT)) }
            td.num data-value=(row.time_ms) { (grouped(row.time_ms)) }
        }
    }
}

/// The largest groups of each kind, with where their samples are.
fn groups(rows: &[SampleRow], clusters: &[ClusterRow]) -> Markup {
    let places: HashMap<&str, String> =
        rows.iter().map(|row| (row.sha256.as_str(), row.origin.to_string())).collect();
    html! {
        @if clusters.is_empty() { p { "No two samples are alike." } }
        @for kind in ClusterKind::ALL {
            @let groups = largest(clusters, kind);
            @if !groups.is_empty() {
                h3 { (words(kind)) ": " (plural(groups.len() as u64, "group")) }
                @for group in groups.iter().take(OVERVIEW_LIST) {
                    details {
                        summary { (plural(group.len() as u64, "sample")) ", " code { (place(&places, group)) } }
                        ul { @for sample in group.iter().take(OVERVIEW_LIST) { li { code { (place(&places, &[sample])) } } } }
                        @if group.len() > OVERVIEW_LIST { p.dim { "and " (group.len() - OVERVIEW_LIST) " more" } }
                    }
                }
                @if groups.len() > OVERVIEW_LIST { p.dim { "and " (groups.len() - OVERVIEW_LIST) " more groups in clusters.jsonl" } }
            }
        }
    }
}

fn words(kind: ClusterKind) -> &'static str {
    match kind {
        ClusterKind::Imports => "The same imports",
        ClusterKind::Code => "Similar code",
        ClusterKind::Behaviour => "Similar behaviour",
    }
}

fn place(places: &HashMap<&str, String>, group: &[&str]) -> String {
    let first = group.first().copied().unwrap_or_default();
    clip(places.get(first).map_or(first, String::as_str), OVERVIEW_TEXT)
}

fn largest(clusters: &[ClusterRow], kind: ClusterKind) -> Vec<Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in clusters.iter().filter(|row| row.kind == kind) {
        groups.entry(&row.cluster).or_default().push(&row.sha256);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::rows::Origin;

    #[test]
    fn a_page_of_a_batch_holds_every_sample_and_no_markup_of_theirs() {
        let row = |number: usize, verdict: &str, path: &str| SampleRow {
            sha256: format!("{number:064x}"),
            origin: Origin { path: path.into(), ..Origin::default() },
            verdict: Some(verdict.into()),
            reasons: vec!["<img src=x onerror=alert(1)>".into()],
            ..SampleRow::default()
        };
        let mut rows: Vec<_> =
            (0..10_000).map(|number| row(number, "CLEAN", &format!("a/{number}.wasm"))).collect();
        rows.push(row(10_000, "MALICIOUS", "<script>alert(2)</script>"));
        let mut summary = Summary::default();
        rows.iter().for_each(|row| summary.add_sample(row));
        let lines: Vec<_> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        let mut page = Vec::new();
        write(lines.join("\n").as_bytes(), &summary, &[], &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.len() < 6_000_000, "{} bytes", page.len());
        assert_eq!(page.matches("<tr class=\"good\"><td").count() + 2, OVERVIEW_ROWS + 1);
        // The worst comes first.
        let (_, table) = page.split_once("samples-table\">").unwrap();
        assert!(table.find("MALICIOUS").unwrap() < table.find("CLEAN").unwrap());
        assert!(page.contains("&lt;script&gt;alert(2)") && page.matches("<script").count() == 1);
        assert!(!page.contains("<img") && page.contains("1 more sample"));
    }
}
