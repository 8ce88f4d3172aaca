//! SARIF 2.1.0: the findings for CI, code hosts and editors.
//!
//! Every rule that has a result is declared in `driver.rules`, and every result names the artifact with a
//! region in bytes. Fingerprints are made of the rule and the function, so that they survive a rebuild of the
//! program.
//!
//! Not here: metrics, graphs, the run itself; SARIF has no words for them.

use std::{collections::BTreeMap, io};

use serde::Serialize;

use crate::{hex, passes::Place, sandbox::Status, text};

use super::{Names, Report, json::TOOL, location};

/// Locations of one result at most.
const MAX_LOCATIONS: usize = 20;
/// Characters of a message at most.
const MAX_MESSAGE: usize = 1000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    invocations: [Invocation; 1],
    artifacts: [Artifact<'a>; 1],
    results: Vec<ResultItem>,
    column_kind: &'static str,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: String,
    short_description: Message,
    full_description: Message,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Properties {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    precision: &'static str,
    #[serde(rename = "security-severity")]
    security_severity: String,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact<'a> {
    location: ArtifactLocation,
    length: u64,
    mime_type: &'static str,
    roles: [&'static str; 1],
    hashes: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
    index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultItem {
    rule_id: String,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "is_zero")]
    occurrence_count: u64,
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    byte_offset: u64,
    byte_length: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

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

/// Writes a report as SARIF.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let uri = uri(report.sample.name);
    let names = Names::of(report.view);
    let (mut rules, mut results): (Vec<Rule>, Vec<ResultItem>) = (Vec::new(), Vec::new());
    let mut indices = BTreeMap::new();
    for item in items(report) {
        let next = rules.len();
        let index = *indices.entry(item.id.clone()).or_insert(next);
        if index == next {
            rules.push(rule(&item));
        }
        results.push(result(report, &item, index, &uri, &names));
    }
    let ran = !matches!(report.status, Status::Invalid | Status::Unsupported);
    let notifications = report
        .limitations
        .iter()
        .map(|text| Notification { level: "warning", message: message(text) })
        .collect();
    let log = Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: TOOL.name,
                    version: TOOL.version,
                    semantic_version: TOOL.version,
                    rules,
                },
            },
            invocations: [Invocation {
                execution_successful: ran,
                tool_execution_notifications: notifications,
            }],
            artifacts: [Artifact {
                location: ArtifactLocation { uri, index: 0 },
                length: report.sample.size,
                mime_type: "application/wasm",
                roles: ["analysisTarget"],
                hashes: BTreeMap::from([("sha-256", report.sample.sha256), ("md5", report.sample.md5)]),
            }],
            results,
            column_kind: "utf16CodeUnits",
        }],
    };
    text::write_json(out, &log)
}

fn items<'a>(report: &Report<'a>) -> Vec<Item<'a>> {
    let rules = report.rules.iter().map(|rule| Item {
        id: format!("rule/{}/{}", slug(&rule.namespace), slug(&rule.name)),
        title: &rule.name,
        description: &rule.description,
        message: format!("The program may {}. {}", rule.name, rule.description),
        severity: rule.severity,
        confidence: rule.confidence,
        tags: rule.attack.iter().chain(&rule.mbc).chain(&rule.family).cloned().collect(),
        places: &rule.places,
        count: rule.count,
    });
    let correlations = report.correlations.iter().map(|correlation| Item {
        id: format!("correlation/{}", slug(&correlation.name)),
        title: &correlation.name,
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
        id: format!("finding/{}", slug(&finding.name)),
        title: &finding.name,
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
    Rule {
        id: item.id.clone(),
        name: pascal_case(item.title),
        short_description: message(item.title),
        full_description: message(if item.description.is_empty() { item.title } else { item.description }),
        default_configuration: Configuration { level: level(item.severity) },
        properties: Properties {
            tags: item.tags.iter().map(|tag| text::clip(tag, MAX_MESSAGE)).collect(),
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

fn result(
    report: &Report<'_>,
    item: &Item<'_>,
    rule_index: usize,
    uri: &str,
    names: &Names<'_>,
) -> ResultItem {
    let physical = |byte_offset: u64, byte_length: u64| PhysicalLocation {
        artifact_location: ArtifactLocation { uri: uri.to_owned(), index: 0 },
        region: Region { byte_offset, byte_length },
    };
    let mut locations: Vec<_> =
        item.places.iter().take(MAX_LOCATIONS).map(|place| located(place, names, physical)).collect();
    if locations.is_empty() {
        locations.push(Location {
            physical_location: physical(0, report.sample.size),
            logical_locations: Vec::new(),
        });
    }
    let func = item.places.first().map(|place| place.func.0);
    ResultItem {
        rule_id: item.id.clone(),
        rule_index,
        kind: if item.severity == 0 { "informational" } else { "fail" },
        level: level(item.severity),
        message: message(&item.message),
        locations,
        occurrence_count: item.count,
        partial_fingerprints: BTreeMap::from([(
            "ruleAndFunction/v1",
            fingerprint(&item.id, func, report.sample.imphash),
        )]),
    }
}

fn located(place: &Place, names: &Names<'_>, physical: impl Fn(u64, u64) -> PhysicalLocation) -> Location {
    let name = names.name(place.func).unwrap_or_else(|| format!("wasm-function[{}]", place.func));
    let logical =
        LogicalLocation { name, fully_qualified_name: location(place.func, place.offset), kind: "function" };
    Location { physical_location: physical(u64::from(place.offset.0), 1), logical_locations: vec![logical] }
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

fn message(text: &str) -> Message {
    Message { text: text::clip(text, MAX_MESSAGE) }
}

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
}
