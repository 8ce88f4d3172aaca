//! Correlations of data: strings of the file, or strings that the file hides, given to the host.
//!
//! The distinct texts of host calls are compared up to [`MAX_TEXT_BYTES`], strings up to [`MAX_NEEDLES`]; a
//! description says when there were more.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::limits::{MAX_HIDDEN, MAX_NEEDLES, MAX_TEXT_BYTES};
use super::{Correlation, CorrelationName, Sides, correlation};
use crate::{
    categories::known_as,
    module::{Place, view::IocKind},
    rules::Facts,
    sandbox::{Call, Pointed, Run},
    verdict::{
        text,
        weights::{Weighed, listed},
    },
};

/// Shorter strings are found anywhere.
const MIN_LEN: usize = 6;
/// Length from which a word says something of where it came from.
const WORD_LEN: usize = 5;

/// A text that was given to the host first by call `call`.
struct Given<'a> {
    text: Cow<'a, str>,
    call: usize,
}

pub(super) fn find(facts: &Weighed<'_>) -> Vec<Correlation> {
    let Some(run) = facts.run else { return Vec::new() };
    let (given, cut) = given(facts, run);
    let found = [ioc(facts, run, &given, cut), decoded(facts, run, &given, cut)];
    found.into_iter().flatten().collect()
}

/// Whether a call hands data to the program: what its arguments point at is then not the program's own.
pub(in crate::verdict) fn gives_data(facts: &Weighed<'_>, call: &Call) -> bool {
    let calls = &facts.weights.calls;
    let name = known_as(call);
    listed(&calls.read_file, name) || listed(&calls.read_other, name)
}

/// The distinct texts that the program gave to the host, and whether there were more.
fn given<'r>(facts: &Weighed<'_>, run: &'r Run) -> (Vec<Given<'r>>, bool) {
    let mut seen = BTreeSet::new();
    let mut given = Vec::new();
    let mut bytes = 0;
    for (position, call) in run.calls.iter().enumerate().filter(|(_, call)| !gives_data(facts, call)) {
        for text in call.args.iter().filter_map(|arg| text_of(arg.points_at.as_ref()?)) {
            if text.len() < MIN_LEN || !seen.insert(text.clone()) {
                continue;
            }
            bytes += text.len();
            if bytes > MAX_TEXT_BYTES {
                return (given, true);
            }
            given.push(Given { text, call: position });
        }
    }
    (given, false)
}

pub(in crate::verdict) fn text_of(pointed: &Pointed) -> Option<Cow<'_, str>> {
    pointed.kept_text()
}

/// Which call, in words.
pub(super) fn called(run: &Run, call: usize) -> String {
    run.calls
        .get(call)
        .map_or_else(String::new, |made| format!("host call {call}, {}.{}", made.module, made.name))
}

pub(super) fn place(facts: &Facts<'_>, call: usize) -> Option<Place> {
    facts.dynamic.call_sites.get(call).copied().flatten()
}

fn cut_note(cut: bool) -> &'static str {
    if cut { " (only part of the texts was compared)" } else { "" }
}

/// An indicator of the file, given to the host.
fn ioc(facts: &Weighed<'_>, run: &Run, given: &[Given<'_>], cut: bool) -> Option<Correlation> {
    let mut iocs: BTreeMap<&str, &crate::module::view::Ioc> = BTreeMap::new();
    for ioc in facts.view.iocs.iter().filter(|ioc| ioc.value.len() >= MIN_LEN) {
        iocs.entry(&ioc.value).or_insert(ioc);
    }
    let cut = cut || iocs.len() > MAX_NEEDLES;
    let holder = |value: &str| given.iter().find(|given| told(&given.text).contains(value));
    let mut found: Vec<_> =
        iocs.values().take(MAX_NEEDLES).filter_map(|ioc| Some((*ioc, holder(&ioc.value)?))).collect();
    found.sort_by_key(|(ioc, given)| (std::cmp::Reverse(severity(facts, ioc.kind)), given.call));
    let (first, text) = found.first()?;
    let sides = Sides {
        bytes: format!(
            "{}: {}",
            text::plural(found.len() as u64, "indicator"),
            text::some(
                found.iter().map(|(ioc, _)| format!(
                    "{} {} at {:#x}",
                    ioc.kind,
                    text::quoted(&ioc.value),
                    ioc.offset
                )),
                5
            )
        ),
        run: format!("{} got {}", called(run, text.call), text::quoted(&text.text)),
    };
    let description = format!("an indicator of the file reaches the host{}", cut_note(cut));
    let places = found.iter().filter_map(|(_, given)| place(facts, given.call));
    Some(correlation(
        CorrelationName::IocPassedToHost,
        severity(facts, first.kind).max(1),
        &description,
        sides,
        places,
    ))
}

/// A text without the line that names what runs it: any script begins so, and a rule speaks of scripts.
fn told(text: &str) -> &str {
    match text.strip_prefix("#!") {
        Some(script) => script.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    }
}

fn severity(facts: &Weighed<'_>, kind: IocKind) -> u8 {
    facts.weights.ioc.get(&kind).copied().unwrap_or(0)
}

/// A string that the file holds only encoded, or not at all, given to the host.
fn decoded(facts: &Weighed<'_>, run: &Run, given: &[Given<'_>], cut: bool) -> Option<Correlation> {
    let encoded: Vec<_> =
        facts.view.strings.iter().filter(|s| !s.encoding.is_plain() && s.text.len() >= MIN_LEN).collect();
    let cut = cut || encoded.len() > MAX_NEEDLES;
    let by_view = encoded.iter().take(MAX_NEEDLES).find_map(|string| {
        let given = given.iter().find(|given| given.text.contains(&string.text))?;
        Some((
            format!(
                "the data hold {} only as {}, at {:#x}",
                text::quoted(&string.text),
                string.encoding,
                string.offset
            ),
            given,
        ))
    });
    let (bytes, given) = by_view.or_else(|| built(facts, run, given))?;
    let sides =
        Sides { bytes, run: format!("{} got {}", called(run, given.call), text::quoted(&given.text)) };
    let description = format!("a string that the file hides is decoded and used{}", cut_note(cut));
    Some(correlation(
        CorrelationName::DecodedStringPassedToHost,
        2,
        &description,
        sides,
        place(facts, given.call),
    ))
}

/// An address none of whose words stands in the file and that the host did not supply.
fn built<'g>(facts: &Weighed<'_>, run: &Run, given: &'g [Given<'g>]) -> Option<(String, &'g Given<'g>)> {
    let beginnings = &facts.weights.names.hidden;
    let telling =
        |given: &&Given<'_>| beginnings.iter().any(|beginning| given.text.contains(beginning.as_str()));
    let supplied: Vec<_> = run
        .calls
        .iter()
        .filter(|call| gives_data(facts, call))
        .flat_map(|call| &call.args)
        .filter_map(|arg| text_of(arg.points_at.as_ref()?))
        .collect();
    let hidden = given.iter().filter(telling).take(MAX_HIDDEN).find(|given| {
        let words: Vec<_> = given
            .text
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| word.len() >= WORD_LEN)
            .take(8)
            .collect();
        let is_known = |word: &&str| {
            text::in_bytes(facts.wasm, word.as_bytes()) || supplied.iter().any(|text| text.contains(*word))
        };
        !words.is_empty() && !words.iter().any(is_known)
    })?;
    Some((
        format!("no word of it stands in the {} bytes of the file", text::grouped(facts.wasm.len() as u64)),
        hidden,
    ))
}
