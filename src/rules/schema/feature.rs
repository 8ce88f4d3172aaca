//! The schema of features.

use regex::escape;
use serde_json::{Map, Value, json};

use crate::{
    module::{
        Opcode,
        view::{AnomalyKind, IocKind},
    },
    passes::flows::given,
    rules::{
        metric::METRICS,
        parse::{ALGORITHMS, ARCHITECTURES, CLASSES, FORMATS, MAX_BYTES, MAX_STEPS, SYSTEMS, countable},
        places::PLACES,
        rule::{CHARACTERISTICS, COMPARISONS},
    },
    sandbox::{ChangeKind, Contents},
};

/// All features with the schemas of their values.
pub(super) fn features() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |name: &str, schema: Value| drop(all.insert(name.to_owned(), schema));
    for (name, words) in [
        ("api", "A host function that is called: its name, or /regex/."),
        ("import", "The name of an import, with its module or without."),
        ("export", "The name of an export."),
        ("section", "The name of a section."),
        ("function-name", "A name from the name section or an export."),
        ("string", "A whole string, or /regex/ or /regex/i."),
        ("substring", "A part of a string."),
        ("match", "Another rule, a namespace and all below it, or yara/NAME."),
    ] {
        add(name, described(words, json!({"$ref": "#/definitions/text"})));
    }
    add("number", number());
    add("bytes", bytes());
    add("mnemonic", word("An instruction.", Opcode::ALL.iter().map(|opcode| opcode.mnemonic())));
    add("characteristic", characteristics());
    add("os", word("The system that it was made for.", SYSTEMS.iter().copied()));
    add("arch", word("The architecture.", ARCHITECTURES.iter().copied()));
    add("format", word("The format.", FORMATS.iter().copied()));
    all.extend(special());
    all
}

/// `count(FEATURE(VALUE))`, as an expression.
pub(super) fn counted() -> String {
    let names: Vec<String> = countable().map(escape).collect();
    format!(r"^count\((basic blocks|({})\(.+\))\)$", names.join("|"))
}

fn special() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |name: &str, words: &str, schema: Value| {
        all.insert(format!("wasm/{name}"), described(words, schema));
    };
    add("metric", "A measurement.", metric());
    add("sequence", "Host calls in this order.", sequence());
    add("crypto", "A constant of an algorithm.", crypto());
    let iocs = IocKind::ALL.iter().map(|kind| kind.as_str());
    add("ioc", "An indicator.", either(iocs, "kind", "value"));
    let anomalies: Vec<_> = AnomalyKind::ALL.iter().map(|kind| kind.as_str()).collect();
    add("anomaly", "Something odd about the format.", json!({"enum": anomalies}));
    let changes = ChangeKind::ALL.iter().map(|change| change.as_str());
    add("file", "What happened to a file.", file(changes));
    let contents = Contents::ALL.iter().map(|contents| contents.as_str());
    add("returned", "What an export returned.", either(contents, "contents", "string"));
    add("flow", "Bytes that the sample was given, followed to a host function.", flow());
    all
}

fn described(words: &str, schema: Value) -> Value {
    let mut schema = schema;
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), words.into());
    }
    schema
}

/// One of some words, and maybe ` = text` after it.
fn word<'a>(words: &str, known: impl Iterator<Item = &'a str>) -> Value {
    let known: Vec<&str> = known.collect();
    let names: Vec<String> = known.iter().map(|name| escape(name)).collect();
    let with_text = format!("^({}) +=( |$)", names.join("|"));
    json!({"description": words, "anyOf": [{"enum": known}, {"type": "string", "pattern": with_text}]})
}

fn characteristics() -> Value {
    let each = CHARACTERISTICS.iter().map(|(name, _, words)| json!({"const": name, "description": words}));
    let names: Vec<String> = CHARACTERISTICS.iter().map(|(name, ..)| escape(name)).collect();
    let with_text = json!({"type": "string", "pattern": format!("^({}) +=( |$)", names.join("|"))});
    json!({"description": "A property of code.", "anyOf": each.chain([with_text]).collect::<Vec<_>>()})
}

/// An integer, decimal or hexadecimal, and maybe ` = text` after it.
fn number() -> Value {
    json!({
        "description": "A constant in the code, or an argument of a host call.",
        "anyOf": [
            {"type": "integer"},
            {"type": "string", "pattern": "^-?(0[xX][0-9a-fA-F_]+|[0-9]+)( +=( .*)?)?$"},
        ],
    })
}

fn bytes() -> Value {
    let pair = r"[0-9a-fA-F]\s*[0-9a-fA-F]\s*";
    json!({
        "description": "Bytes in hexadecimal, such as 00 61 73 6D.",
        "type": ["string", "integer"],
        "pattern": format!(r"^\s*({pair}){{1,{MAX_BYTES}}}(= .*|=$)?$"),
    })
}

fn comparison() -> Value {
    let names: Vec<_> = COMPARISONS.iter().map(|(name, _)| *name).collect();
    json!({"enum": names})
}

fn metric() -> Value {
    let names = METRICS.iter().map(|metric| {
        let words = format!("{}: {}", metric.unit, metric.description);
        json!({"const": metric.name, "description": words})
    });
    json!({
        "type": "object",
        "required": ["name", "op", "value"],
        "additionalProperties": false,
        "properties": {
            "name": {"anyOf": names.collect::<Vec<_>>()},
            "op": comparison(),
            "value": {"type": "number"},
        },
    })
}

/// A list of steps, or a map with them.
fn sequence() -> Value {
    let steps = json!({"type": "array", "minItems": 1, "maxItems": MAX_STEPS, "items": step()});
    json!({
        "anyOf": [steps, {
            "type": "object",
            "required": ["steps"],
            "additionalProperties": false,
            "properties": {
                "steps": steps,
                "times": positive("How often, without overlap."),
                "within": positive("Within so many host calls."),
            },
        }],
    })
}

/// YAML takes a hexadecimal number with a sign for a text.
fn integer() -> Value {
    json!({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-0[xX][0-9a-fA-F_]+$"}]})
}

fn positive(words: &str) -> Value {
    json!({"description": words, "type": "integer", "minimum": 1, "maximum": 1_000_000})
}

/// A name, or several.
fn names() -> Value {
    let one = json!({"$ref": "#/definitions/text"});
    json!({"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]})
}

fn step() -> Value {
    let text = json!({"$ref": "#/definitions/text"});
    let integer = integer();
    json!({
        "type": "object",
        "required": ["api"],
        "additionalProperties": false,
        "properties": {
            "api": names(),
            "string": text,
            "substring": text,
            "number": {"anyOf": [integer, {
                "type": "object",
                "additionalProperties": false,
                "anyOf": [{"required": ["mask"]}, {"required": ["value"]}],
                "properties": {"arg": text, "mask": integer, "op": comparison(), "value": integer},
            }]},
            "succeeds": {"type": "boolean"},
            "entropy": {"type": "number"},
            "chosen": {"type": "boolean"},
        },
        "not": {"required": ["string", "substring"]},
        "if": {"required": ["chosen"], "properties": {"chosen": {"const": true}}},
        "then": {"anyOf": [{"required": ["string"]}, {"required": ["substring"]}]},
    })
}

fn crypto() -> Value {
    let (algorithms, classes) = (json!({"enum": *ALGORITHMS}), json!({"enum": *CLASSES}));
    json!({
        "anyOf": [algorithms, {
            "type": "object",
            "additionalProperties": false,
            "anyOf": [{"required": ["algorithm"]}, {"required": ["class"]}],
            "properties": {"algorithm": algorithms, "class": classes, "executed": {"type": "boolean"}},
        }],
    })
}

/// One of some words, or a map with that and a text. An indicator must have a word, the others one of both.
fn either<'a>(known: impl Iterator<Item = &'a str>, key: &str, text: &str) -> Value {
    let words = json!({"enum": known.collect::<Vec<_>>()});
    let needed = match key {
        "kind" => json!([{"required": [key]}]),
        _ => json!([{"required": [key]}, {"required": [text]}]),
    };
    json!({
        "anyOf": [words, {
            "type": "object",
            "additionalProperties": false,
            "anyOf": needed,
            "properties": {key: words, text: {"$ref": "#/definitions/text"}},
        }],
    })
}

fn file<'a>(changes: impl Iterator<Item = &'a str>) -> Value {
    let (changes, text) =
        (json!({"enum": changes.collect::<Vec<_>>()}), json!({"$ref": "#/definitions/text"}));
    let places: Vec<_> = PLACES.iter().map(|place| &place.name).collect();
    let contents: Vec<_> = Contents::ALL.iter().map(|contents| contents.as_str()).collect();
    json!({
        "anyOf": [changes, {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": {
                "change": changes,
                "path": text,
                "place": {"description": "A kind of places that start programs.", "enum": places},
                "contents": {"description": "What it holds at the end.", "enum": contents},
                "string": text,
                "asked": {"description": "Whether an argument names it.", "type": "boolean"},
            },
        }],
    })
}

fn flow() -> Value {
    let sources: Vec<_> = given().map(|kind| kind.as_str()).collect();
    let (source, text) = (json!({"enum": sources}), json!({"$ref": "#/definitions/text"}));
    json!({
        "anyOf": [source, {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": {
                "from": source,
                "bait": {"description": "A file with a honeytoken.", "type": "boolean"},
                "name": text,
                "through": text,
                "to": names(),
                "bytes": positive("The least number of different bytes."),
            },
        }],
    })
}
