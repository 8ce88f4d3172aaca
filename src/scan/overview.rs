//! A batch as a page: verdicts, families, groups, failures, what took longest, and a table of all samples.
//!
//! The page is framed as that of one sample is: no network, no script needed, everything that a sample or a
//! name chose escaped.
//!
//! The table of samples may have millions of rows. Only the worst are kept in memory, and the places of those
//! that groups show.

use std::{
    cmp::Reverse,
    collections::HashMap,
    io::{self, BufRead, Write},
};

use maud::{Markup, html};

use super::{
    cluster::{ClusterKind, Clusters},
    limits::{OVERVIEW_LIST, OVERVIEW_OPEN, OVERVIEW_REPORTS, OVERVIEW_ROWS, OVERVIEW_TEXT},
    rows::SampleRow,
    summary::Summary,
};
use crate::{
    report::html::framed,
    text::{clip, grouped, percent, plural, share},
};

/// The folder of the pages of samples, in the folder of the scan.
pub const REPORTS: &str = "reports";

/// The page of a sample, in the folder of the scan.
pub fn report(sha256: &str) -> String {
    format!("{REPORTS}/{sha256}.html")
}

/// The worst samples that are files of their own and not CLEAN, of a table of samples: as many as have pages
/// of their own.
///
/// # Errors
///
/// When the table cannot be read or is not one.
pub fn worst_files(samples: impl BufRead) -> io::Result<Vec<SampleRow>> {
    let mut worst = Worst::default();
    for line in samples.lines() {
        let row: SampleRow = serde_json::from_str(&line?)?;
        let is_file = row.origin.inside.is_empty() && row.origin.path_base64.is_none();
        let verdict = row.verdict.as_deref().unwrap_or("CLEAN");
        if is_file && verdict != "CLEAN" && row.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            worst.add(row);
        }
    }
    let mut rows = worst.finish().rows;
    rows.truncate(OVERVIEW_REPORTS);
    Ok(rows)
}

/// Writes the page of a batch. `samples` is its table of samples, a row on each line; a sample that
/// `has_report` says yes to is linked to its page.
///
/// # Errors
///
/// When the table cannot be read or is not one, or `out` cannot be written.
pub fn write(
    samples: impl BufRead,
    summary: &Summary,
    clusters: &Clusters,
    has_report: &dyn Fn(&str) -> bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let groups = ClusterKind::ALL.map(|kind| Groups::of(clusters, kind));
    let shown = groups.iter().flat_map(Groups::shown);
    let mut places: Places = shown.map(|sample| (clusters.name(sample), None)).collect();
    let mut worst = Worst::default();
    for line in samples.lines() {
        let row: SampleRow = serde_json::from_str(&line?)?;
        if let Some(place) = places.get_mut(row.sha256.as_str()) {
            *place = Some(clip(&row.origin.to_string(), OVERVIEW_TEXT));
        }
        worst.add(row);
    }
    let title = format!("{} in a batch", plural(summary.samples, "sample"));
    let groups = html! { @for groups in &groups { (groups.shown_with(&places)) } };
    let body = body(&title, &Samples { worst: worst.finish(), has_report }, summary, &groups);
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

fn rank(row: &SampleRow) -> (usize, Reverse<u8>) {
    let verdict = row.verdict.as_deref().unwrap_or_default();
    let at = VERDICTS.iter().position(|(name, _)| *name == verdict).unwrap_or(VERDICTS.len());
    (at, Reverse(row.score))
}

/// The worst first; rows are written as samples end, and the page must not depend on that.
fn order(row: &SampleRow) -> ((usize, Reverse<u8>), String, String) {
    (rank(row), row.origin.to_string(), row.sha256.clone())
}

/// The worst samples of a batch.
#[derive(Default)]
struct Worst {
    /// In no order, and up to twice as many as are shown.
    rows: Vec<SampleRow>,
    /// Those that are not shown.
    left_out: u64,
}

impl Worst {
    fn add(&mut self, row: SampleRow) {
        self.rows.push(row);
        if self.rows.len() >= 2 * OVERVIEW_ROWS {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        self.rows.sort_by_cached_key(order);
        self.left_out += self.rows.len().saturating_sub(OVERVIEW_ROWS) as u64;
        self.rows.truncate(OVERVIEW_ROWS);
    }

    /// In their order.
    fn finish(mut self) -> Self {
        self.shorten();
        self
    }
}

/// What the table of samples shows.
struct Samples<'a> {
    worst: Worst,
    has_report: &'a dyn Fn(&str) -> bool,
}

fn body(title: &str, shown: &Samples<'_>, summary: &Summary, groups: &Markup) -> Markup {
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
                (samples(shown))
            }
            section #groups aria-labelledby="groups-title" {
                h2 #groups-title { "Groups" }
                @if groups.0.is_empty() { p { "No two samples are alike." } }
                (groups)
            }
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
    counts.sort_by_key(|(_, count)| Reverse(*count));
    html! {
        @if !counts.is_empty() {
            h3 { (title) }
            ul.columns { @for (name, count) in counts { li { (clip(name, OVERVIEW_TEXT)) " " span.dim { (grouped(count)) } } } }
        }
    }
}

fn samples(shown: &Samples<'_>) -> Markup {
    let Samples { worst, has_report } = shown;
    let more = worst.left_out;
    // A folded row is neither styled nor laid out until it is asked for.
    let (first, rest) = worst.rows.split_at(worst.rows.len().min(OVERVIEW_OPEN));
    html! {
        p.dim { "The worst first; the worst of those that are files of their own are linked to their reports. " code { "spoor run FILE --html -o report.html" } " makes that of another." }
        p.js-only.filter {
            label { "Search samples " input type="search" data-filter="samples-table" autocomplete="off" spellcheck="false"; }
            " " output data-count="samples-table" {}
        }
        div.scroll tabindex="0" role="region" aria-label="Samples" {
            table.sortable #samples-table { (rows("Samples", first, has_report)) }
        }
        @if !rest.is_empty() {
            details data-more="samples-table" {
                summary { (plural(rest.len() as u64, "further sample")) " in this order" }
                div.scroll tabindex="0" role="region" aria-label="Further samples" {
                    table { (rows("Further samples", rest, has_report)) }
                }
            }
        }
        @if more > 0 { p.dim { "and " (plural(more, "more sample")) " in samples.jsonl" } }
    }
}

fn rows(caption: &str, rows: &[SampleRow], has_report: &dyn Fn(&str) -> bool) -> Markup {
    html! {
        caption.hidden { (caption) }
        thead {
            tr {
                th scope="col" { "Verdict" } th.num scope="col" { "Score" } th scope="col" { "Family" }
                th scope="col" { "Place" } th scope="col" { "Why" } th.num scope="col" { "Milliseconds" }
            }
        }
        tbody { @for row in rows { (sample(row, has_report(&row.sha256))) } }
    }
}

fn sample(row: &SampleRow, has_report: bool) -> Markup {
    let verdict = row.verdict.as_deref().unwrap_or("none");
    let colour = VERDICTS.iter().find(|(name, _)| *name == verdict).map_or("open", |(_, colour)| colour);
    let why = match &row.failure {
        Some(failure) => format!("{}: {}", failure.kind.name(), failure.text),
        None => row.reasons.first().cloned().unwrap_or_default(),
    };
    let place = html! { code title=(row.sha256) { (clip(&row.origin.to_string(), OVERVIEW_TEXT)) } };
    html! {
        tr class=(colour) {
            td.class { (clip(verdict, OVERVIEW_TEXT)) }
            td.num data-value=(row.score) { (row.score) }
            td { (row.family.as_deref().unwrap_or("–")) }
            th.place scope="row" {
                @if has_report { a href=(report(&row.sha256)) { (place) } } @else { (place) }
            }
            td.why { (clip(&why, OVERVIEW_TEXT)) }
            td.num data-value=(row.time_ms) { (grouped(row.time_ms)) }
        }
    }
}

/// Where samples are that groups show, by their SHA-256; `None` until the row of the sample is read.
type Places = HashMap<String, Option<String>>;

/// The groups of a kind, the largest first.
struct Groups<'c> {
    kind: ClusterKind,
    clusters: &'c Clusters,
}

impl<'c> Groups<'c> {
    fn of(clusters: &'c Clusters, kind: ClusterKind) -> Self {
        Self { kind, clusters }
    }

    /// The samples that are shown.
    fn shown(&self) -> impl Iterator<Item = u32> + use<'c> {
        let groups = self.clusters.of(self.kind).take(OVERVIEW_LIST);
        groups.flat_map(|group| group.iter().take(OVERVIEW_LIST).copied())
    }

    /// Where a sample is.
    fn place(&self, places: &Places, sample: u32) -> String {
        let name = self.clusters.name(sample);
        places.get(&name).cloned().flatten().unwrap_or(name)
    }

    /// The largest groups, with where their samples are.
    fn shown_with(&self, places: &Places) -> Markup {
        let (groups, count) = (self.clusters.of(self.kind), self.clusters.of(self.kind).len());
        let place = |sample: &u32| self.place(places, *sample);
        html! {
            @if count > 0 {
                h3 { (words(self.kind)) ": " (plural(count as u64, "group")) }
                @for group in groups.take(OVERVIEW_LIST) {
                    details {
                        summary {
                            (plural(group.len() as u64, "sample")) ", "
                            code { (group.first().map(place).unwrap_or_default()) }
                        }
                        ul { @for sample in group.iter().take(OVERVIEW_LIST) { li { code { (place(sample)) } } } }
                        @if group.len() > OVERVIEW_LIST { p.dim { "and " (group.len() - OVERVIEW_LIST) " more" } }
                    }
                }
                @if count > OVERVIEW_LIST { p.dim { "and " (count - OVERVIEW_LIST) " more groups in clusters.jsonl" } }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{cluster::Index, rows::Origin};

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
            (0..25_000).map(|number| row(number, "CLEAN", &format!("a/{number}.wasm"))).collect();
        rows.push(row(25_000, "MALICIOUS", "<script>alert(2)</script>"));
        let mut summary = Summary::default();
        rows.iter().for_each(|row| summary.add_sample(row));
        let mut index = Index::default();
        for number in [24_998, 24_999] {
            let code_sketch = Some("0".repeat(512));
            index.add(&SampleRow { code_sketch, ..row(number, "CLEAN", "") }).unwrap();
        }
        let clusters = index.groups().unwrap();
        let page = |rows: &[SampleRow]| {
            let lines: Vec<_> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
            let mut page = Vec::new();
            write(lines.join("\n").as_bytes(), &summary, &clusters, &|_| false, &mut page).unwrap();
            String::from_utf8(page).unwrap()
        };
        let in_order = page(&rows);
        rows.reverse();
        assert!(in_order == page(&rows), "the page does not depend on the order of the table");
        let page = in_order;
        assert!(page.len() < 6_000_000, "{} bytes", page.len());
        assert_eq!(page.matches("<tr class=\"good\"><td").count() + 2, OVERVIEW_ROWS + 1);
        assert!(page.contains("9,000 further samples"));
        // The places of groups are known, though no row of the page has them.
        assert_eq!(page.matches("a/24998.wasm").count(), 2);
        assert_eq!(page.matches("a/24999.wasm").count(), 1);
        // The worst comes first.
        let (_, table) = page.split_once("samples-table\">").unwrap();
        assert!(table.find("MALICIOUS").unwrap() < table.find("CLEAN").unwrap());
        assert!(page.contains("&lt;script&gt;alert(2)") && page.matches("<script").count() == 1);
        assert!(!page.contains("<img") && page.contains("15,001 more samples"));
    }
}
