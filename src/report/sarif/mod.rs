//! SARIF 2.1.0: the findings for CI, code hosts and editors. A log holds one run for each sample.
//!
//! Every rule that has a result is declared in `driver.rules`, and every result names the file as the user
//! did. In a module the region is in bytes. In a module that was given as text it is the line of the
//! function's instruction. The binary made from the text is an artifact of its own. Fingerprints are made of
//! the rule and the function, so that they survive a rebuild of the program.
//!
//! Not here: metrics, graphs, the run itself; SARIF has no words for them.

mod log;

use std::{borrow::Cow, collections::BTreeMap, io};

use crate::{
    hex,
    limitation::Limitation,
    module::{Lines, Module, Place},
    rules::{Family, Match},
    sandbox::Status,
    text,
};

use super::limits::{MAX_LOCATIONS, MAX_MESSAGE};
use super::{Names, Report, json::TOOL, location, placed::Placed};
use log::{
    Address, Artifact, ArtifactLocation, AutomationDetails, Configuration, Driver, Help, Invocation,
    Location, LogicalLocation, Message, Notification, PhysicalLocation, Properties, Region, ResultItem, Rule,
    Run, RunProperties, Tool,
};

/// The JSON Schema that a log follows.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Where the meaning of a result is explained.
const HELP: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/");

/// What becomes a result: a rule that matched, a correlation, a finding.
struct Item<'a> {
    id: String,
    title: &'a str,
    description: &'a str,
    message: String,
    severity: u8,
    confidence: u8,
    tags: Vec<String>,
    places: &'a [Place],
    /// How often, beyond the places that are kept.
    count: u64,
}

/// Writes the log of one sample.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    begin(out)?;
    write_run(report, true, out)?;
    end(out)
}

/// Begins a log of several samples: runs follow, then [`end`].
///
/// # Errors
///
/// When `out` cannot be written.
pub fn begin(out: &mut impl io::Write) -> io::Result<()> {
    write!(out, "{{\n  \"$schema\": \"{SCHEMA}\",\n  \"version\": \"2.1.0\",\n  \"runs\": [")
}

/// Writes the run of a sample into a log.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_run(report: &Report<'_>, is_first: bool, out: &mut impl io::Write) -> io::Result<()> {
    add(&run(report), is_first, out)
}

/// Writes the run of a file of which nothing is known but why.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_failure(file: &str, error: &str, is_first: bool, out: &mut impl io::Write) -> io::Result<()> {
    let uri = uri(file);
    let run = Run {
        tool: tool(Vec::new()),
        automation_details: details(&uri),
        invocations: [Invocation {
            execution_successful: false,
            tool_execution_notifications: vec![Notification { level: "error", message: Message::of(error) }],
        }],
        artifacts: vec![Artifact {
            location: Some(ArtifactLocation { uri, index: None }),
            parent_index: None,
            description: None,
            length: None,
            mime_type: "application/octet-stream",
            roles: ["analysisTarget"],
            hashes: BTreeMap::new(),
        }],
        results: Vec::new(),
        column_kind: "utf16CodeUnits",
        properties: None,
    };
    add(&run, is_first, out)
}

fn add(run: &Run<'_>, is_first: bool, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(if is_first { b"\n" } else { b",\n" })?;
    text::write_json_line(out, run)
}

/// Ends a log.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn end(out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(b"]}\n")
}

fn run<'a>(report: &Report<'a>) -> Run<'a> {
    let target = Target::of(report);
    let (mut rules, mut results): (Vec<Rule>, Vec<ResultItem>) = (Vec::new(), Vec::new());
    let mut indices = BTreeMap::new();
    for item in items(report) {
        let next = rules.len();
        let index = *indices.entry(item.id.clone()).or_insert(next);
        if index == next {
            rules.push(rule(&item));
        }
        results.push(result(report, &item, index, &target));
    }
    let notification = |limitation: &Limitation| Notification {
        level: "warning",
        message: Message::of(&limitation.to_string()),
    };
    Run {
        tool: tool(rules),
        automation_details: details(&target.uri),
        invocations: [Invocation {
            execution_successful: !matches!(report.status, Status::Invalid | Status::Unsupported),
            tool_execution_notifications: report.limitations.iter().map(notification).collect(),
        }],
        artifacts: artifacts(report, &target.uri),
        results,
        column_kind: "utf16CodeUnits",
        properties: Some(RunProperties {
            verdict: report.verdict,
            score: report.score,
            confidence: report.confidence,
            family: report.family.map(Family::as_str),
            status: report.status,
            known: report.sample.known,
        }),
    }
}

fn tool(rules: Vec<Rule>) -> Tool {
    let driver = Driver {
        name: TOOL.name,
        version: TOOL.version,
        semantic_version: TOOL.version,
        information_uri: env!("CARGO_PKG_REPOSITORY"),
        rules,
    };
    Tool { driver }
}

fn details(uri: &str) -> AutomationDetails {
    AutomationDetails { id: format!("{}/{uri}", TOOL.name) }
}

/// The file as it was given, and if that is text, the module made from it.
fn artifacts<'a>(report: &Report<'a>, uri: &str) -> Vec<Artifact<'a>> {
    let sample = &report.sample;
    let hash = |hash: &'a str| Cow::Borrowed(hash);
    let module = Artifact {
        location: None,
        parent_index: None,
        description: None,
        length: Some(sample.size),
        mime_type: "application/wasm",
        roles: ["analysisTarget"],
        hashes: BTreeMap::from([
            ("sha-256", hash(sample.sha256)),
            ("sha-1", hash(sample.sha1)),
            ("md5", hash(sample.md5)),
        ]),
    };
    let location = Some(ArtifactLocation { uri: uri.to_owned(), index: Some(0) });
    if !sample.from_text {
        return vec![Artifact { location, ..module }];
    }
    let text = Artifact {
        location,
        parent_index: None,
        description: None,
        length: report.text.map(|text| text.len() as u64),
        mime_type: "text/plain",
        roles: ["analysisTarget"],
        hashes: report
            .text
            .map(|text| ("sha-256", Cow::Owned(hex::sha256(text.as_bytes()))))
            .into_iter()
            .collect(),
    };
    let description = Some(Message::of("the binary module that the text makes"));
    vec![text, Artifact { parent_index: Some(0), description, ..module }]
}

fn tags(rule: &Match) -> Vec<String> {
    let family = rule.family.map(|family| family.to_string());
    rule.attack.iter().chain(&rule.mbc).cloned().chain(family).collect()
}

fn items<'a>(report: &Report<'a>) -> Vec<Item<'a>> {
    let rules = report.rules.iter().map(|rule| Item {
        id: format!("rule/{}/{}", slug(&rule.namespace), slug(&rule.name)),
        title: &rule.name,
        description: &rule.description,
        message: format!("The program may {}. {}", rule.name, rule.description),
        severity: rule.severity,
        confidence: rule.confidence,
        tags: tags(rule),
        places: &rule.places,
        count: rule.count,
    });
    let correlations = report.correlations.iter().map(|correlation| Item {
        id: format!("correlation/{}", slug(correlation.name.as_str())),
        title: correlation.name.as_str(),
        description: &correlation.description,
        message: format!(
            "{} Bytes: {}. Run: {}.",
            correlation.description, correlation.static_side, correlation.dynamic_side
        ),
        severity: correlation.severity,
        confidence: 90,
        tags: vec!["correlation".to_owned()],
        places: &correlation.places,
        count: 0,
    });
    let findings = report.findings.iter().map(|finding| Item {
        id: format!("finding/{}", slug(finding.name.as_str())),
        title: finding.name.as_str(),
        description: &finding.description,
        message: finding.description.clone(),
        severity: finding.severity,
        confidence: finding.confidence,
        tags: finding.categories.clone(),
        places: &finding.places,
        count: 0,
    });
    rules.chain(correlations).chain(findings).collect()
}

fn rule(item: &Item<'_>) -> Rule {
    let description = if item.description.is_empty() { item.title } else { item.description };
    let page = match item.id.split('/').next() {
        Some("rule") => "rules.md",
        _ => "verdict.md",
    };
    let help = text::clip(description, MAX_MESSAGE);
    let security = (item.severity > 0).then(|| "security".to_owned());
    Rule {
        id: item.id.clone(),
        name: pascal_case(item.title),
        short_description: Message::of(item.title),
        full_description: Message::of(description),
        help: Help { markdown: markdown(&help, &item.tags), text: help },
        help_uri: format!("{HELP}{page}"),
        default_configuration: Configuration { level: level(item.severity) },
        properties: Properties {
            tags: security
                .into_iter()
                .chain(item.tags.iter().map(|tag| text::clip(tag, MAX_MESSAGE)))
                .collect(),
            precision: match item.confidence {
                90.. => "very-high",
                70.. => "high",
                40.. => "medium",
                _ => "low",
            },
            security_severity: format!("{:.1}", [0.0, 3.0, 6.0, 9.0][usize::from(item.severity.min(3))]),
        },
    }
}

/// The help with its tags as a list; nothing in it is taken for markup.
fn markdown(help: &str, tags: &[String]) -> String {
    let plain = |text: &str| {
        let escaped = |letter: char| match letter.is_ascii_punctuation() {
            true => vec!['\\', letter],
            false => vec![letter],
        };
        text.chars().flat_map(escaped).collect::<String>()
    };
    let list: Vec<_> =
        tags.iter().map(|tag| format!("\n* {}", plain(&text::clip(tag, MAX_MESSAGE)))).collect();
    let break_before = if list.is_empty() { "" } else { "\n" };
    format!("{}{break_before}{}", plain(help), list.concat())
}

/// What locations are made with.
struct Target<'a> {
    uri: String,
    names: Names<'a>,
    /// The lines of its text, if it was given as text.
    lines: Option<Lines>,
    from_text: bool,
    size: u64,
    placed: Placed,
}

impl<'a> Target<'a> {
    fn of(report: &Report<'a>) -> Self {
        let lines = report.text.and_then(|text| {
            let module = Module::parse(std::sync::Arc::clone(report.wasm)).ok()?;
            Lines::of(text, &module)
        });
        Self {
            uri: uri(report.sample.name),
            names: Names::of(report.view),
            lines,
            from_text: report.sample.from_text,
            size: report.sample.size,
            placed: Placed::of(report),
        }
    }

    fn located(&self, place: &Place) -> Location {
        let name =
            self.names.name(place.function).unwrap_or_else(|| format!("wasm-function[{}]", place.function));
        let logical = LogicalLocation {
            name,
            fully_qualified_name: location(place.function, place.offset),
            kind: "function",
        };
        let line = self.lines.as_ref().and_then(|lines| lines.line(place.function, place.offset));
        let offset = self.placed.at(*place);
        let region = match (self.from_text, offset) {
            (true, _) => Region { start_line: line.unwrap_or(1), byte_offset: None, byte_length: None },
            (false, Some(_)) => Region { start_line: 1, byte_offset: offset, byte_length: Some(1) },
            (false, None) => self.whole_region(),
        };
        let address = offset.map(|offset| Address { absolute_address: offset, kind: "instruction" });
        Location { physical_location: self.physical(region, address), logical_locations: vec![logical] }
    }

    /// The file as a whole.
    fn whole(&self) -> Location {
        let region = self.whole_region();
        Location { physical_location: self.physical(region, None), logical_locations: Vec::new() }
    }

    fn whole_region(&self) -> Region {
        match self.from_text {
            true => Region { start_line: 1, byte_offset: None, byte_length: None },
            false => Region { start_line: 1, byte_offset: Some(0), byte_length: Some(self.size) },
        }
    }

    fn physical(&self, region: Region, address: Option<Address>) -> PhysicalLocation {
        let artifact_location = ArtifactLocation { uri: self.uri.clone(), index: Some(0) };
        PhysicalLocation { artifact_location, region, address }
    }
}

fn result(report: &Report<'_>, item: &Item<'_>, rule_index: usize, target: &Target<'_>) -> ResultItem {
    let mut locations: Vec<_> =
        item.places.iter().take(MAX_LOCATIONS).map(|place| target.located(place)).collect();
    if locations.is_empty() {
        locations.push(target.whole());
    }
    let func = item.places.first().map(|place| place.function.0);
    ResultItem {
        rule_id: item.id.clone(),
        rule_index,
        kind: if item.severity == 0 { "informational" } else { "fail" },
        level: level(item.severity),
        message: Message::of(&item.message),
        locations,
        occurrence_count: item.count,
        partial_fingerprints: BTreeMap::from([(
            "ruleAndFunction/v1",
            fingerprint(&item.id, func, report.sample.imphash.unwrap_or(NO_IMPORTS)),
        )]),
    }
}

/// SARIF's levels; a result of kind `informational` has the level `none`.
fn level(severity: u8) -> &'static str {
    match severity {
        0 => "none",
        1 => "note",
        2 => "warning",
        _ => "error",
    }
}

/// The hash of no imports. Fingerprints had it before `imphash` could be null, and a result that was seen is
/// not to come as a new one.
const NO_IMPORTS: &str = "d41d8cd98f00b204e9800998ecf8427e";

fn fingerprint(id: &str, func: Option<u32>, imphash: &str) -> String {
    let mut text = hex::sha256(format!("{id}\n{func:?}\n{imphash}").as_bytes());
    text.truncate(32);
    text
}

/// Letters, digits, `-`, `_`, `.` and `/`; everything else is `-`.
fn slug(text: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || "-_./".contains(char) { char } else { '-' };
    text.chars().map(plain).collect()
}

fn pascal_case(text: &str) -> String {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// A path as a relative or absolute URI reference.
pub(super) fn uri(path: &str) -> String {
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        for (path, expected) in [
            ("a b.wasm", "a%20b.wasm"),
            ("/tmp/x.wasm", "file:///tmp/x.wasm"),
            ("a:\u{202e}\n<", "a%3A%E2%80%AE%0A%3C"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }

    #[test]
    fn rule_ids_and_names_are_plain() {
        assert_eq!(slug("impact/mine \u{1b}[1m"), "impact/mine---1m");
        assert_eq!(pascal_case("mine Monero in a loop"), "MineMoneroInALoop");
    }

    #[test]
    fn fingerprints_are_those_of_earlier_versions() {
        use md5::{Digest as _, Md5};
        assert_eq!(NO_IMPORTS, crate::hex::hex(&Md5::digest(b"")));
        assert_eq!(fingerprint("rule/x", Some(3), NO_IMPORTS), "0f94b8802d0c0af3f36866e9b5bd4597");
    }
}
