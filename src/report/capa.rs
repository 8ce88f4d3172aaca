//! A capa result document (the shape of capa 7 to 10), for capa's own command and its viewers.
//!
//! The flavor is `static`: capa has no notion of a function in a dynamic result, and our rules match at
//! functions. Addresses are byte offsets in the module. A match stands at the first byte of its function's
//! body, and its evidence at the instructions. capa knows no metrics. So a statement of ours that it lacks is
//! written as the feature `characteristic`, with the whole statement as its text.
//!
//! capa tells its documents by their first bytes, `{"meta":` without blanks, so this one is a single line. A
//! rule with a MAEC category is not shown among the capabilities, and so none has one. The verdict is an
//! entry of its own, which says the conclusion and the family.
//!
//! capa wants a time, and there is none in our reports: the virtual start of the run stands there.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    module::{FuncIndex, Place},
    rules::{Evidence, Family, FeatureKind, Match, StatementKind},
    text,
    verdict::Class,
};

use super::limits::{CAPA_DEPTH, CAPA_FOUND};
use super::{
    Report,
    ndjson::id,
    placed::{self, Placed},
    time::timestamp,
};

/// Oldest version of capa whose result documents have this shape. Its web viewer asks for `7.0.0` or later,
/// and compares as text: `10.0.0` would be too old for it.
const CAPA_VERSION: &str = "7.0.0";
/// Name of the entry that holds the verdict.
const VERDICT: &str = "verdict of wasmspoor";

#[derive(Serialize)]
struct Document<'a> {
    meta: Meta<'a>,
    rules: BTreeMap<&'a str, Rule<'a>>,
}

#[derive(Serialize)]
struct Meta<'a> {
    timestamp: String,
    version: &'static str,
    argv: [String; 1],
    sample: Sample<'a>,
    flavor: &'static str,
    analysis: Analysis,
}

#[derive(Serialize)]
struct Sample<'a> {
    md5: &'a str,
    sha1: &'a str,
    sha256: &'a str,
    path: String,
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

    /// The address of an instruction, if it stands in the file.
    fn of(placed: &Placed, place: &Place) -> Self {
        placed.at(*place).map_or(Self::NONE, Self::absolute)
    }

    /// The address of a function: the first byte of its body. None for an import, which has no body.
    fn of_function(report: &Report<'_>, func: FuncIndex) -> Option<Self> {
        placed::body(report.view, report.view.function(func)?).map(Self::absolute)
    }
}

#[derive(Serialize)]
struct Rule<'a> {
    meta: RuleMeta<'a>,
    source: String,
    matches: Vec<(Address, Node)>,
}

#[derive(Serialize)]
struct RuleMeta<'a> {
    name: &'a str,
    namespace: &'a str,
    authors: Vec<&'a str>,
    scopes: Scopes,
    attack: Vec<Value>,
    mbc: Vec<Value>,
    references: &'a [String],
    examples: [&'static str; 0],
    description: &'a str,
    lib: bool,
    is_subscope_rule: bool,
    maec: Maec<'a>,
}

#[derive(Serialize)]
struct Scopes {
    #[serde(rename = "static")]
    fixed: &'static str,
    dynamic: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Maec<'a> {
    analysis_conclusion: Option<&'static str>,
    malware_category: Option<&'a str>,
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
    // A terminal is where capa prints it.
    let path = text::line(report.sample.name);
    let placed = Placed::of(report);
    let mut rules: BTreeMap<_, _> =
        report.rules.iter().map(|rule| (&*rule.name, self::rule(report, &placed, rule))).collect();
    rules.insert(VERDICT, verdict(report));
    let document = Document {
        meta: Meta {
            timestamp: timestamp(report.options.epoch_ns),
            version: CAPA_VERSION,
            argv: [path.clone()],
            sample: Sample {
                md5: report.sample.md5,
                sha1: report.sample.sha1,
                sha256: report.sample.sha256,
                path,
            },
            flavor: "static",
            analysis: analysis(report),
        },
        rules,
    };
    text::write_json_line(out, &document)
}

fn analysis(report: &Report<'_>) -> Analysis {
    let matched: BTreeSet<_> =
        report.rules.iter().flat_map(|rule| &rule.places).map(|place| place.function).collect();
    let layout = matched
        .into_iter()
        .filter_map(|func| Address::of_function(report, func))
        .map(|address| FunctionLayout { address, matched_basic_blocks: [] });
    let view = report.view;
    let counts = view.functions.iter().filter_map(|function| {
        let address = Address::absolute(placed::body(view, function)?);
        Some(FunctionCount { address, count: function.classes.total })
    });
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

fn rule<'a>(report: &Report<'_>, placed: &Placed, rule: &'a Match) -> Rule<'a> {
    // capa sorts the matches of a rule by address and cannot tell two at the same one apart.
    let functions: BTreeSet<_> = rule.places.iter().map(|place| place.function).collect();
    let mut addresses: Vec<_> =
        functions.into_iter().filter_map(|func| Address::of_function(report, func)).collect();
    // So are functions of a module that is made twice.
    addresses.sort_by_key(|address| address.value);
    addresses.dedup_by_key(|address| address.value);
    let scope = if addresses.is_empty() { "file" } else { "function" };
    if addresses.is_empty() {
        addresses.push(Address::NONE);
    }
    Rule {
        meta: RuleMeta {
            name: &rule.name,
            namespace: &rule.namespace,
            authors: rule.origin.authors.iter().map(String::as_str).collect(),
            scopes: Scopes { fixed: scope, dynamic: None },
            attack: rule
                .attack
                .iter()
                .map(|text| spec(text, ["tactic", "technique", "subtechnique"]))
                .collect(),
            mbc: rule.mbc.iter().map(|text| spec(text, ["objective", "behavior", "method"])).collect(),
            references: &rule.origin.references,
            examples: [],
            description: &rule.description,
            lib: false,
            is_subscope_rule: false,
            maec: Maec::default(),
        },
        source: rule.origin.text.clone(),
        // The evidence is of the rule as a whole; each function shows it.
        matches: addresses.into_iter().map(|address| (address, node(placed, &rule.evidence, 0))).collect(),
    }
}

/// The verdict as capa tells conclusions: a rule of its own, with the reasons as its evidence.
fn verdict<'a>(report: &Report<'a>) -> Rule<'a> {
    let reasons =
        report.reasons.iter().map(|reason| Node::of_feature(characteristic(&reason.text, None), true));
    let statement = json!({"type": "statement", "statement": {"type": "or", "description": null}});
    Rule {
        meta: RuleMeta {
            name: VERDICT,
            namespace: "wasmspoor",
            authors: vec!["wasmspoor"],
            scopes: Scopes { fixed: "file", dynamic: None },
            attack: Vec::new(),
            mbc: Vec::new(),
            references: &[],
            examples: [],
            description: "What the evidence adds up to.",
            lib: false,
            is_subscope_rule: false,
            maec: Maec {
                analysis_conclusion: Some(match report.verdict {
                    Class::Malicious => "malicious",
                    Class::Suspicious => "suspicious",
                    Class::PotentiallyUnwanted => "potentially unwanted",
                    Class::Undecided => "undecided",
                    Class::Clean => "clean",
                }),
                malware_category: report.family.map(Family::as_str),
            },
        },
        source: String::new(),
        matches: vec![(Address::NONE, Node { children: reasons.collect(), ..Node::of(statement, true) })],
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

impl Node {
    fn of(node: Value, success: bool) -> Self {
        Self { success, node, children: Vec::new(), locations: Vec::new(), captures: BTreeMap::new() }
    }

    fn of_feature(feature: Value, success: bool) -> Self {
        Self::of(json!({"type": "feature", "feature": feature}), success)
    }
}

fn node(placed: &Placed, evidence: &Evidence, depth: usize) -> Node {
    let found = evidence.found.as_deref().map(|found| inert(&text::clip(found, CAPA_FOUND)));
    let locations = evidence.places.iter().map(|place| Address::of(placed, place)).collect();
    // That it does not hold is what was found.
    if evidence.kind == StatementKind::Not {
        let absent = evidence.statement.strip_prefix("not: ").unwrap_or_default();
        let statement = json!({"type": "statement", "statement": {"type": "not", "description": null}});
        let child = Node::of_feature(feature(absent, None), false);
        return Node { children: vec![child], ..Node::of(statement, true) };
    }
    if let Some(statement) = range(evidence, found.as_deref()) {
        return Node { locations, ..Node::of(json!({"type": "statement", "statement": statement}), true) };
    }
    let Some(statement) = statement(evidence) else {
        return Node { locations, ..Node::of_feature(feature(&evidence.statement, found.as_deref()), true) };
    };
    let children = match depth < CAPA_DEPTH {
        true => evidence.parts.iter().map(|part| node(placed, part, depth + 1)).collect(),
        false => Vec::new(),
    };
    Node { children, ..Node::of(json!({"type": "statement", "statement": statement}), true) }
}

/// The statements that join others, with what a rule says beside them.
fn statement(evidence: &Evidence) -> Option<Value> {
    let description = evidence.description.as_deref().map(inert);
    let bare = evidence.bare();
    match evidence.kind {
        StatementKind::And | StatementKind::Or | StatementKind::Optional => {
            Some(json!({"type": bare, "description": description}))
        }
        StatementKind::AtLeast(count) => {
            Some(json!({"type": "some", "count": count, "description": description}))
        }
        // Scopes of ours: the one part that they have stands below.
        StatementKind::Within if bare.starts_with("wasm/") => {
            Some(json!({"type": "and", "description": description.unwrap_or_else(|| bare.to_owned())}))
        }
        StatementKind::Within => Some(json!({"type": "subscope", "scope": bare, "description": description})),
        _ => None,
    }
}

/// `count(api(fd_read)): 3 or more`: a feature and how often it may be found.
fn range(evidence: &Evidence, found: Option<&str>) -> Option<Value> {
    let StatementKind::Count(_) = evidence.kind else { return None };
    let (counted, bounds) = evidence.bare().strip_prefix("count(")?.rsplit_once("): ")?;
    let (key, value) = counted.strip_suffix(')')?.split_once('(')?;
    let (min, max) = match bounds.split_once(' ') {
        None => (bounds.parse::<u64>().ok()?, bounds.parse().ok()?),
        Some((min, "or more")) => (min.parse().ok()?, u64::MAX),
        Some((max, "or fewer")) => (0, max.parse().ok()?),
        Some((min, max)) => {
            (min.strip_prefix('(')?.strip_suffix(',')?.parse().ok()?, max.strip_suffix(')')?.parse().ok()?)
        }
    };
    let child = feature(&format!("{key}: {value}"), None);
    let description = found.map(|found| format!("found {found}"));
    Some(json!({"type": "range", "min": min, "max": max, "child": child, "description": description}))
}

/// What capa calls a feature whose text it takes as it is.
fn of_capa(kind: FeatureKind) -> Option<&'static str> {
    Some(match kind {
        FeatureKind::FunctionName => "function name",
        FeatureKind::Api
        | FeatureKind::String
        | FeatureKind::Import
        | FeatureKind::Export
        | FeatureKind::Section
        | FeatureKind::Match
        | FeatureKind::Mnemonic
        | FeatureKind::Characteristic
        | FeatureKind::Os
        | FeatureKind::Arch
        | FeatureKind::Format => kind.as_str(),
        _ => return None,
    })
}

/// A feature as rules write it: `api: fd_read`.
fn feature(text: &str, found: Option<&str>) -> Value {
    let (name, value) = text.split_once(": ").unwrap_or_default();
    let kind = FeatureKind::named(name);
    match (kind.and_then(of_capa), number(value)) {
        (Some(name), _) => json!({"type": name, name: value, "description": found}),
        (None, Some(number)) if kind == Some(FeatureKind::Number) => {
            json!({"type": "number", "number": number, "description": found})
        }
        _ => characteristic(text, found),
    }
}

fn characteristic(text: &str, found: Option<&str>) -> Value {
    json!({"type": "characteristic", "characteristic": text, "description": found})
}

/// A number as evidence shows it, `7` or `0x1f`, both also negative.
fn number(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    i64::try_from(sign * magnitude).ok()
}

/// capa's command takes brackets in a description for its own markup, and ends at one that it does not know.
fn inert(text: &str) -> String {
    text.replace('[', "(").replace(']', ")")
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
        let of = |kind, text: &str| statement(&Evidence::of(kind, text.to_owned()));
        let some = json!({"type": "some", "count": 2, "description": null});
        assert_eq!(of(StatementKind::AtLeast(2), "2 or more"), Some(some));
        let both = Evidence::of(StatementKind::And, "and".into()).described(Some("both"));
        assert_eq!(statement(&both), Some(json!({"type": "and", "description": "both"})));
        assert_eq!(of(StatementKind::Within, "function").unwrap()["scope"], "function");
        assert_eq!(of(StatementKind::Within, "wasm/loop").unwrap()["type"], "and");
        assert_eq!(statement(&Evidence::leaf("api: x or more")), None);
        assert_eq!(
            feature("api: fd_read", None),
            json!({"type": "api", "api": "fd_read", "description": null})
        );
        assert_eq!(feature("wasm/metric: xor_share >= 0.05", Some("0.2"))["type"], "characteristic");
        assert_eq!(feature("number: -0x1f", None)["number"], -31);
        assert_eq!(feature("number: 0xffffffffffffffff", None)["type"], "characteristic");
        assert_eq!(feature("function-name: main", None)["function name"], "main");
    }

    #[test]
    fn a_count_is_a_range() {
        let range = |text: &str, found| {
            let kind = StatementKind::Count(FeatureKind::Api);
            range(&Evidence::of(kind, text.to_owned()).described(Some("as (often) = needed")), found)
        };
        for (text, min, max) in [
            ("count(api(fd_read)): 3", 3, 3),
            ("count(api(fd_read)): 3 or more", 3, u64::MAX),
            ("count(mnemonic(i32.xor)): 4 or fewer", 0, 4),
            ("count(api(/^a(b|c)$/)): (2, 5)", 2, 5),
        ] {
            let found = range(text, Some("9")).unwrap();
            assert_eq!((found["min"].as_u64(), found["max"].as_u64()), (Some(min), Some(max)), "{text}");
            assert_eq!(found["description"], "found 9");
        }
        assert_eq!(range("count(basic blocks): 3 or more", None), None);
        assert_eq!(range("count(api(fd_read)): many", None), None);
    }
}
