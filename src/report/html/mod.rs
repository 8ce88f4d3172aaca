//! The report as a page: one file that needs no network, no other file, and no script to be read.
//!
//! Made with maud, which escapes everything that it is not told to leave. Only the style and the script
//! beside this file are left as they are. The content security policy of the page allows these two by their
//! hashes and nothing else. So even a mistake here could neither run a script of the sample's nor ask another
//! machine for anything. Control and format characters are made plain first, as everywhere ([`crate::text`]).
//!
//! Drawings are SVG with classes: colours stand in the style alone, for light, dark and paper. No time stamp:
//! same analysis, same bytes.
//!
//! Not here: what the page says that other formats do not; it says nothing else.

mod around;
mod attack;
mod bytes;
mod cfg;
mod code;
mod course;
mod flame;
mod flows;
mod functions;
mod head;
mod heat;
mod limits;
mod listing;
mod page;
mod parts;
mod seen;
mod states;
mod timeline;
mod touched;
mod treemap;
mod unseen;
mod why;
mod work;

use std::io::{self, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::{Report, text::Asked};
use crate::{sandbox::Run, text::clip};

use page::Page;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page of a report. `run` is the run that the report is of, if there was one. Counts of blocks,
/// call stacks and its course are taken from its trace, in three more replays. What memory it touched is
/// taken from its values, if it is short.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(
    report: &Report<'_>,
    run: Option<&Run>,
    asked: Asked<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let page = Page::of(report, run, asked);
    out.write_all(document(&page).into_string().as_bytes())?;
    writeln!(out)
}

fn document(page: &Page<'_, '_>) -> Markup {
    let parts: Vec<_> = PARTS.iter().filter_map(|part| Some((part, (part.of)(page)?))).collect();
    let name = clip(page.report.sample.name, limits::NAME);
    let title = format!("{}: {name}", super::text::class(page.report.verdict));
    framed(
        &title,
        &html! {
            a.skip href="#why" { "Skip to the reasons" }
            (head::of(page))
            (contents(parts.iter().map(|(part, _)| *part)))
            main { @for (part, content) in &parts { (section(part, content)) } }
            footer { "wasmspoor " (page.report.tool.version) ". Nothing was executed with host authority." }
        },
    )
}

/// A page with our style and script, and a policy that allows nothing else.
pub(crate) fn framed(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// What the page may do: use this style and this script, and nothing else.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// A part of the page. It is left out where it has nothing to say.
struct Part {
    id: &'static str,
    title: &'static str,
    of: fn(&Page<'_, '_>) -> Option<Markup>,
}

/// The parts, in the order of a reader's questions: why, what did it touch, where in the code, what was not
/// seen.
const PARTS: &[Part] = &[
    Part { id: "why", title: "Why", of: why::of },
    Part { id: "attack", title: "Techniques", of: attack::of },
    Part { id: "timeline", title: "Time line", of: timeline::of },
    Part { id: "course", title: "Course of the run", of: course::of },
    Part { id: "files", title: "Files", of: touched::files },
    Part { id: "flows", title: "Bait and flows", of: flows::of },
    Part { id: "connections", title: "Connections", of: touched::connections },
    Part { id: "output", title: "Output", of: touched::output },
    Part { id: "indicators", title: "Indicators", of: seen::indicators },
    Part { id: "carved", title: "Made in memory", of: touched::carved },
    Part { id: "map", title: "Coverage", of: treemap::of },
    Part { id: "flame", title: "Call stacks", of: flame::of },
    Part { id: "functions", title: "Functions", of: functions::of },
    Part { id: "code", title: "Hottest code", of: code::of },
    Part { id: "states", title: "States", of: states::of },
    Part { id: "unseen", title: "Not seen", of: unseen::of },
    Part { id: "file", title: "The module", of: seen::module },
];

fn contents<'p>(parts: impl Iterator<Item = &'p Part>) -> Markup {
    html! {
        nav aria-label="Parts of the report" {
            ul {
                @for part in parts { li { a href={ "#" (part.id) } { (part.title) } } }
            }
            button.js-only #theme type="button" { "Light or dark" }
        }
    }
}

fn section(part: &Part, content: &Markup) -> Markup {
    html! {
        section id=(part.id) aria-labelledby={ (part.id) "-title" } {
            h2 id={ (part.id) "-title" } { (part.title) }
            (content)
        }
    }
}

#[cfg(test)]
mod tests;
