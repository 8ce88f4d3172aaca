//! A capa result document (its version 7 and later), so that capa's own viewers open our results.
//!
//! The flavor is `static`: capa has no notion of a function in a dynamic result, and our rules match at
//! functions. Addresses are byte offsets in the module. capa knows no metrics, so a statement of ours that it
//! lacks is written as the feature `characteristic` with the whole statement as its text.
//!
//! capa wants a time and a SHA-1; there is no time in our reports (the virtual start of the run stands
//! there), and no SHA-1 (the field is empty).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    passes::Place,
    rules::{Evidence, Match},
    text,
};

use super::{Report, ndjson::id};

/// Oldest version of capa whose result documents have this shape; viewers ask for 7.0.0 or later.
const CAPA_VERSION: &str = "7.0.0";
/// Nesting of evidence that is written; deeper parts are left out of the document and stand in the JSON
/// report.
const MAX_DEPTH: usize = 64;

#[derive(Serialize)]
struct Document<'a> {
    meta: Meta<'a>,
    rules: BTreeMap<&'a str, Rule<'a>>,
}

#[derive(Serialize)]
struct Meta<'a> {
    timestamp: String,
    version: &'static str,
    argv: [&'a str; 1],
    sample: Sample<'a>,
    flavor: &'static str,
    analysis: Analysis,
}

#[derive(Serialize)]
struct Sample<'a> {
    md5: &'a str,
    sha1: &'static str,
    sha256: &'a str,
    path: &'a str,
}

#[derive(Serialize)]
struct Analysis {
    format: &'static str,
    arch: &'static str,
    os: &'static str,
    extractor: &'static str,
    rules: [&'static str; 1],
    base_address: Address,
    layout: Layout,
    feature_counts: FeatureCounts,
    library_functions: [(); 0],
}

#[derive(Serialize)]
struct Layout {
    functions: Vec<FunctionLayout>,
}

#[derive(Serialize)]
struct FunctionLayout {
    address: Address,
    matched_basic_blocks: [(); 0],
}

#[derive(Serialize)]
struct FeatureCounts {
    file: u64,
    functions: Vec<FunctionCount>,
}

#[derive(Serialize)]
struct FunctionCount {
    address: Address,
    count: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Address {
    #[serde(rename = "type")]
    kind: &'static str,
    value: Option<u64>,
}

impl Address {
    const NONE: Self = Self { kind: "no address", value: None };

    fn absolute(offset: u64) -> Self {
        Self { kind: "absolute", value: Some(offset) }
    }

    fn of(place: &Place) -> Self {
        Self::absolute(u64::from(place.offset.0))
    }
}

#[derive(Serialize)]
struct Rule<'a> {
    meta: RuleMeta<'a>,
    source: &'static str,
    matches: Vec<(Address, Node)>,
}

#[derive(Serialize)]
struct RuleMeta<'a> {
    name: &'a str,
    namespace: &'a str,
    authors: [&'static str; 1],
    scopes: Scopes,
    #[serde(rename = "att&ck")]
    attack: Vec<Value>,
    mbc: Vec<Value>,
    references: [&'static str; 0],
    examples: [&'static str; 0],
    description: &'a str,
    lib: bool,
    #[serde(rename = "capa/subscope-rule")]
    is_subscope_rule: bool,
    maec: Maec<'a>,
}

#[derive(Serialize)]
struct Scopes {
    #[serde(rename = "static")]
    fixed: &'static str,
    dynamic: Option<&'static str>,
}

#[derive(Serialize)]
struct Maec<'a> {
    #[serde(rename = "malware-category")]
    category: Option<&'a str>,
}

#[derive(Serialize)]
struct Node {
    success: bool,
    node: Value,
    children: Vec<Node>,
    locations: Vec<Address>,
    captures: BTreeMap<String, Vec<Address>>,
}

/// Writes a report as a capa result document.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let document = Document {
        meta: Meta {
            timestamp: timestamp(report.options.epoch_ns),
            version: CAPA_VERSION,
            argv: [report.sample.name],
            sample: Sample {
                md5: report.sample.md5,
                sha1: "",
                sha256: report.sample.sha256,
                path: report.sample.name,
            },
            flavor: "static",
            analysis: analysis(report),
        },
        rules: report.rules.iter().map(|rule| (&*rule.name, self::rule(rule))).collect(),
    };
    text::write_json(out, &document)
}

fn analysis(report: &Report<'_>) -> Analysis {
    let body = |func: crate::module::FuncIndex| {
        report.view.function(func).map(|function| u64::from(function.offset.0))
    };
    let matched: BTreeSet<_> =
        report.rules.iter().flat_map(|rule| &rule.places).map(|place| place.func).collect();
    let functions = matched.into_iter().filter_map(body);
    let layout = functions
        .map(|offset| FunctionLayout { address: Address::absolute(offset), matched_basic_blocks: [] });
    let counts = report.view.functions.iter().map(|function| FunctionCount {
        address: Address::absolute(u64::from(function.offset.0)),
        count: function.classes.total,
    });
    let view = report.view;
    Analysis {
        format: "wasm",
        arch: "wasm32",
        os: "any",
        extractor: "wasmspoor",
        rules: ["wasmspoor"],
        base_address: Address::absolute(0),
        layout: Layout { functions: layout.collect() },
        feature_counts: FeatureCounts {
            file: (view.imports.len() + view.exports.len() + view.sections.len() + view.strings.len()) as u64,
            functions: counts.collect(),
        },
        library_functions: [],
    }
}

fn rule(rule: &Match) -> Rule<'_> {
    let addresses: Vec<_> = match rule.places.is_empty() {
        true => vec![Address::NONE],
        false => rule.places.iter().map(Address::of).collect(),
    };
    Rule {
        meta: RuleMeta {
            name: &rule.name,
            namespace: &rule.namespace,
            authors: ["wasmspoor"],
            scopes: Scopes { fixed: if rule.places.is_empty() { "file" } else { "function" }, dynamic: None },
            attack: rule
                .attack
                .iter()
                .map(|text| spec(text, ["tactic", "technique", "subtechnique"]))
                .collect(),
            mbc: rule.mbc.iter().map(|text| spec(text, ["objective", "behavior", "method"])).collect(),
            references: [],
            examples: [],
            description: &rule.description,
            lib: false,
            is_subscope_rule: false,
            maec: Maec { category: rule.family.as_deref() },
        },
        source: "",
        // The evidence is of the rule as a whole; each place shows it.
        matches: addresses.into_iter().map(|address| (address, node(&rule.evidence, 0))).collect(),
    }
}

/// `Tactic::Technique::Subtechnique [Id]`, in parts.
fn spec(text: &str, names: [&str; 3]) -> Value {
    let id = id(text).unwrap_or_default();
    let path = text.rsplit_once('[').map_or(text, |(path, _)| path).trim_end();
    let parts: Vec<_> = path.split("::").collect();
    let part = |position: usize| parts.get(position).copied().unwrap_or_default();
    json!({"parts": parts, names[0]: part(0), names[1]: part(1), names[2]: part(2), "id": id})
}

fn node(evidence: &Evidence, depth: usize) -> Node {
    let children: Vec<_> = match depth < MAX_DEPTH {
        true => evidence.parts.iter().map(|part| node(part, depth + 1)).collect(),
        false => Vec::new(),
    };
    let statement =
        statement(&evidence.statement).map(|statement| json!({"type": "statement", "statement": statement}));
    let is_feature = statement.is_none();
    let feature =
        || json!({"type": "feature", "feature": feature(&evidence.statement, evidence.found.as_deref())});
    Node {
        success: true,
        node: statement.unwrap_or_else(feature),
        children,
        locations: if is_feature { evidence.places.iter().map(Address::of).collect() } else { Vec::new() },
        captures: BTreeMap::new(),
    }
}

/// The statements that join others.
fn statement(text: &str) -> Option<Value> {
    match text {
        "and" | "or" | "not" | "optional" => Some(json!({"type": text})),
        _ => {
            let count: u64 = text.strip_suffix(" or more")?.trim().parse().ok()?;
            Some(json!({"type": "some", "count": count}))
        }
    }
}

/// Features whose text capa takes as it is.
const FEATURES: &[&str] = &[
    "api",
    "string",
    "substring",
    "regex",
    "import",
    "export",
    "section",
    "match",
    "mnemonic",
    "os",
    "arch",
    "format",
];

fn feature(text: &str, found: Option<&str>) -> Value {
    let known = text.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
    match known.filter(|(name, _)| FEATURES.contains(name)) {
        Some((name, value)) => json!({"type": name, name: value, "description": found}),
        None => json!({"type": "characteristic", "characteristic": text, "description": found}),
    }
}

/// Nanoseconds since 1970 as `2026-01-01T08:00:00Z`.
fn timestamp(epoch_ns: u64) -> String {
    let seconds = epoch_ns / 1_000_000_000;
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let length = |year: u64| {
        if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) {
            366
        } else {
            365
        }
    };
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = if length(year) == 366 { 29 } else { 28 };
    let mut month = 1;
    for len in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < len {
            break;
        }
        days -= len;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_technique_is_split_into_its_parts() {
        let value =
            spec("Impact::Resource Hijacking::Compute [T1496.001]", ["tactic", "technique", "subtechnique"]);
        let expected = json!({
            "parts": ["Impact", "Resource Hijacking", "Compute"], "tactic": "Impact", "technique": "Resource Hijacking",
            "subtechnique": "Compute", "id": "T1496.001",
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn statements_and_features_are_told_apart() {
        assert_eq!(statement("2 or more"), Some(json!({"type": "some", "count": 2})));
        assert_eq!(statement("and"), Some(json!({"type": "and"})));
        assert_eq!(statement("api: x or more"), None);
        assert_eq!(
            feature("api: fd_read", None),
            json!({"type": "api", "api": "fd_read", "description": null})
        );
        assert_eq!(feature("wasm/metric: xor_share >= 0.05", Some("0.2"))["type"], "characteristic");
    }

    #[test]
    fn the_virtual_start_is_a_date() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_254_400, "2026-01-01T08:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(seconds * 1_000_000_000), expected);
        }
    }
}
