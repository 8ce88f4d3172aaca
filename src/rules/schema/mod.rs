//! The JSON Schema of a rule file, so that editors complete rules and see mistakes while they are made:
//! `spoor rules schema`.
//!
//! Made of the tables that the parser reads, of draft 7, which editors know best. It knows the form of a rule
//! and every name in it. A load checks the rest: whether a feature has a meaning in the scope of its rule,
//! whether the rule can ever match, and whether a `match` names something.

mod feature;
mod meta;

use serde_json::{Map, Value, json};

use super::scope::SCOPES;
use feature::features;

/// The schema.
pub fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A behaviour rule of wasmspoor",
        "type": "object",
        "required": ["rule"],
        "additionalProperties": false,
        "properties": {"rule": {
            "type": "object",
            "required": ["meta", "features"],
            "additionalProperties": false,
            "properties": {
                "meta": meta::meta(),
                "features": {
                    "description": "One statement.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": {"$ref": "#/definitions/statement"},
                },
            },
        }},
        "definitions": {
            "text": text(),
            "note": note(),
            "statement": statement(),
            "part": part(),
            "parts": {
                "type": "array",
                "items": {"$ref": "#/definitions/part"},
                "contains": {"$ref": "#/definitions/statement"},
            },
            "one": one(),
            "bounds": bounds(),
        },
    })
}

/// A text; YAML may take one for a number or a truth value.
fn text() -> Value {
    json!({"type": ["string", "number", "boolean"], "minLength": 1})
}

/// A `description` among the parts of a statement.
fn note() -> Value {
    json!({
        "type": "object",
        "required": ["description"],
        "maxProperties": 1,
        "properties": {"description": {"$ref": "#/definitions/text"}},
    })
}

/// A statement, or a `description` of what the list is in.
fn part() -> Value {
    json!({
        "if": {"required": ["description"], "maxProperties": 1},
        "then": {"$ref": "#/definitions/note"},
        "else": {"$ref": "#/definitions/statement"},
    })
}

/// One statement in a list, and maybe a `description`.
fn one() -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": 2,
        "items": {"$ref": "#/definitions/part"},
        "contains": {"$ref": "#/definitions/statement"},
        "if": {"minItems": 2},
        "then": {"contains": {"$ref": "#/definitions/note"}},
    })
}

/// How often something is found.
fn bounds() -> Value {
    let one = "[0-9]+( or (more|fewer|less))?";
    let range = r"\(\s*([0-9]+\s*,\s*[0-9]*|,\s*[0-9]+)\s*\)";
    json!({
        "description": "`3`, `3 or more`, `3 or fewer`, `(2, 8)`, `(2, )` or `(, 8)`",
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": format!("^({one}|{range})$")},
        ],
    })
}

/// A map of one key, and maybe `description` beside it.
fn statement() -> Value {
    let parts = |words: &str| json!({"description": words, "$ref": "#/definitions/parts"});
    let one = |words: &str| json!({"description": words, "$ref": "#/definitions/one"});
    let mut properties = Map::new();
    properties.insert("description".to_owned(), json!({"$ref": "#/definitions/text"}));
    for (name, words) in [
        ("and", "All parts hold."),
        ("or", "A part holds."),
        ("optional", "Always holds; what holds is evidence."),
    ] {
        properties.insert(name.to_owned(), parts(words));
    }
    properties.insert("not".to_owned(), one("It does not hold."));
    for (name, ..) in SCOPES.iter().filter(|(name, ..)| *name != "file") {
        properties.insert((*name).to_owned(), one("There is one inside on which it holds."));
    }
    properties.extend(features());
    json!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 2,
        "properties": properties,
        "patternProperties": {
            "^[0-9]+ or more$": parts("At least so many parts hold."),
            (feature::counted()): {"$ref": "#/definitions/bounds"},
        },
        "additionalProperties": false,
        "if": {"required": ["description"]},
        "then": {"minProperties": 2},
        "else": {"maxProperties": 1},
    })
}

#[cfg(test)]
mod tests;
