//! What the run touched and left: files, bait, connections, output, modules made in memory.

use maud::{Markup, html};

use super::{bytes, limits, page::Page, parts};
use crate::{
    sandbox::{ChangeKind, FileChange, TokenUse},
    text::{clip, grouped, percent, plural},
};

pub(super) fn files(page: &Page<'_, '_>) -> Option<Markup> {
    let files = page.report.files;
    if files.is_empty() {
        return None;
    }
    let destroyed =
        page.run.map_or(0, |run| run.damage.iter().filter(|damage| damage.is_destroyed()).count());
    let columns = [
        ("Path", false),
        ("What", false),
        ("Bytes", false),
        ("Entropy", false),
        ("Survives", true),
        ("Contents", false),
    ];
    let table = html! {
        table {
            caption.hidden { "Files that it changed" }
            (parts::table_head(&columns))
            tbody { @for change in files.iter().take(limits::ROWS) { (file(page, change)) } }
        }
    };
    Some(html! {
        p {
            (plural(files.len() as u64, "change")) " in the files of the sandbox"
            @if destroyed > 0 { "; " strong { (plural(destroyed as u64, "file")) " destroyed" } } "."
        }
        (parts::scrolled("Files that it changed", &table))
        (parts::more(files.len().saturating_sub(limits::ROWS) as u64, "file"))
    })
}

fn file(page: &Page<'_, '_>, change: &FileChange) -> Markup {
    let damage = page.run.and_then(|run| run.damage.iter().find(|damage| damage.path == change.path));
    let size = |size: Option<u64>| size.map_or_else(|| "–".to_owned(), grouped);
    let entropy =
        |entropy: Option<f64>| entropy.map_or_else(|| "–".to_owned(), |entropy| format!("{entropy:.2}"));
    html! {
        tr {
            th scope="row" {
                code { (clip(&change.path, limits::NAME)) }
                @if let Some(to) = &change.to { " → " code { (clip(to, limits::NAME)) } }
            }
            td { (what(change)) }
            td { (size(change.size_before)) " → " (size(change.size_after)) }
            td { (entropy(change.entropy_before)) " → " (entropy(change.entropy_after)) }
            td.num {
                @if let Some(damage) = damage {
                    @if damage.is_measured { (percent(damage.survives)) } @else { "not measured" }
                    @if damage.is_destroyed() { " " (parts::chip("severity3", "destroyed")) }
                }
            }
            td {
                @if !change.contents.is_empty() {
                    (bytes::preview("after", &change.contents, change.size_after.unwrap_or(change.contents.len() as u64)))
                }
            }
        }
    }
}

/// What became of a file, in words.
fn what(change: &FileChange) -> String {
    let FileChange { sha256_before, sha256, .. } = change;
    let is_other = sha256_before.is_some() && sha256.is_some() && sha256_before != sha256;
    match (change.change, is_other) {
        (ChangeKind::Renamed, true) => {
            format!("{} renamed, and its contents replaced", change.kind().as_str())
        }
        (done, _) => format!("{} {}", change.kind().as_str(), done.as_str()),
    }
}

pub(super) fn bait(page: &Page<'_, '_>) -> Option<Markup> {
    let tokens = page.report.honeytokens;
    (!tokens.is_empty()).then(|| {
        html! {
            h3 { "Bait" }
            p.dim { "Bait of the persona that it touched, and where bytes of it were found afterwards." }
            @for token in tokens.iter().take(limits::ROWS) { (flow(token)) }
            p.dim {
                "Byte by byte: " code { "spoor taint " (super::super::text::quoted_file(page.asked.file)) " --from bait" }
            }
        }
    })
}

/// A source, what was done, and the sinks.
fn flow(token: &TokenUse) -> Markup {
    html! {
        div.flow {
            div.source {
                strong { (clip(&token.name, limits::NAME)) }
                @for place in token.touched_in.iter().take(3) { br; code { (clip(place, limits::NAME)) } }
                br; span.dim { "opened " (grouped(token.opened)) ", read " (plural(token.read, "time")) }
            }
            @if token.leaks.is_empty() { div.sink.none { "not seen anywhere else" } }
            @for leak in token.leaks.iter().take(limits::PLACES) {
                div.step { "→ " (leak.encoding.as_str()) " →" }
                div.sink {
                    strong { (clip(&leak.to.to_string(), limits::NAME)) }
                    @if !leak.by.is_empty() { br; code { (clip(&leak.by, limits::NAME)) } ", " (plural(leak.calls, "call")) }
                }
            }
        }
    }
}

pub(super) fn connections(page: &Page<'_, '_>) -> Option<Markup> {
    let connections = &page.report.connections;
    let run = page.run?;
    (!connections.is_empty()).then(|| {
        html! {
            table {
                caption.hidden { "Connections" }
                (parts::table_head(&[("Socket", false), ("Sent", true), ("Received", true), ("What was sent", false)]))
                tbody {
                    @for (connection, raw) in connections.iter().zip(&run.connections).take(limits::ROWS) {
                        tr {
                            th scope="row" { code { (clip(connection.name, limits::NAME)) } }
                            (parts::number(connection.sent_bytes))
                            (parts::number(connection.received_bytes))
                            td { @if !raw.sent.is_empty() { (bytes::preview("bytes", &raw.sent, connection.sent_bytes)) } }
                        }
                    }
                }
            }
        }
    })
}

pub(super) fn output(page: &Page<'_, '_>) -> Option<Markup> {
    let run = page.run?;
    let streams = [("Standard output", &run.stdout), ("Standard error", &run.stderr)];
    streams.iter().any(|(_, bytes)| !bytes.is_empty()).then(|| {
        html! {
            @for (title, bytes) in streams {
                @if !bytes.is_empty() {
                    (bytes::preview(&format!("{title}, {}", plural(bytes.len() as u64, "byte")), bytes, bytes.len() as u64))
                }
            }
        }
    })
}

pub(super) fn carved(page: &Page<'_, '_>) -> Option<Markup> {
    let (carved, returned) = (&page.report.carved, &page.report.returned);
    (!carved.is_empty() || !returned.is_empty()).then(|| {
        html! {
            ul {
                @for module in carved.iter().take(limits::ROWS) {
                    li { "a module of " (plural(module.size, "byte")) ", SHA-256 " (parts::copied(&module.sha256)) }
                }
                @for returned in returned.iter().take(limits::ROWS) {
                    li {
                        "returned: " (returned.contents.to_string()) " of " (plural(returned.size, "byte"))
                        @if let Some(head) = &returned.head { ": " code { (clip(head, limits::TEXT)) } }
                    }
                }
            }
            p.dim { code { "--extract DIR" } " writes them to files." }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_file_is_said_in_words() {
        let hash = |text: &str| Some(text.to_owned());
        let change = |change, after| FileChange {
            path: "/a".into(),
            change,
            sha256_before: hash("1"),
            sha256: hash(after),
            ..FileChange::default()
        };
        for (kind, after, expected) in [
            (ChangeKind::Renamed, "1", "file renamed"),
            (ChangeKind::Renamed, "2", "file renamed, and its contents replaced"),
            (ChangeKind::Changed, "2", "file changed"),
        ] {
            assert_eq!(what(&change(kind, after)), expected);
        }
    }
}
