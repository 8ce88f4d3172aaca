//! The schema of the head of a rule.

use serde_json::{Value, json};

use crate::rules::{families::Family, parse::TACTICS, scope::SCOPES};

pub(super) fn meta() -> Value {
    let texts =
        |words: &str| json!({"description": words, "type": "array", "items": {"$ref": "#/definitions/text"}});
    let text = |words: &str| json!({"description": words, "$ref": "#/definitions/text"});
    let families: Vec<_> = Family::ALL.iter().map(|family| family.as_str()).collect();
    let attack = r"T[0-9]{4}(\.[0-9]{3})?";
    let mbc = r"[BCEF][0-9]{4}(\.([0-9]{3}|m[0-9]{2}))?";
    json!({
        "type": "object",
        "required": ["name", "scopes"],
        "additionalProperties": false,
        "properties": {
            "name": text("Completes `the program may`; no other rule has it."),
            "namespace": {
                "description": "The folder below rules/behavior.",
                "type": "string",
                "pattern": "^[a-z0-9-]+(/[a-z0-9-]+)*$",
            },
            "authors": texts("Who wrote it."),
            "description": text("What a match means, in a sentence."),
            "scopes": scopes(),
            "att&ck": techniques("Tactic::Technique [T1234] or [T1234.001]", attack),
            "mbc": techniques("Objective::Behavior [B0001] or [E1234.m01]", mbc),
            "examples": examples("Files on which it must match."),
            "wasm/counter-examples": examples("Files on which it must not match."),
            "references": texts("Where to read more."),
            "lib": {"description": "It serves other rules only.", "type": "boolean"},
            "wasm/severity": {
                "description": "0 information, 1 low, 2 medium, 3 high.",
                "enum": [0, 1, 2, 3],
            },
            "wasm/confidence": {
                "description": "50 if absent.", "type": "integer", "minimum": 0, "maximum": 100,
            },
            "wasm/risk": {
                "description": "Categories of the WASI study: A to D and 1 to 10.",
                "type": "array",
                "items": {"type": "string", "pattern": "^[A-D]([1-9]|10)$"},
            },
            "wasm/family": {"description": "The family that a match speaks for.", "enum": families},
            "maec/malware-category": text("Read and not used."),
            "maec/malware-family": text("Read and not used."),
            "maec/analysis-conclusion": text("Read and not used."),
        },
    })
}

/// Where a rule is evaluated; in one of the two columns at least.
fn scopes() -> Value {
    let column = |on_run: bool, words: &str| {
        let names = SCOPES.iter().filter(|(_, _, only)| only.is_none_or(|only| only == on_run));
        let names: Vec<_> = names.map(|(name, ..)| *name).chain(["unsupported"]).collect();
        json!({"description": words, "enum": names})
    };
    let nowhere = json!({"const": "unsupported"});
    json!({
        "type": "object",
        "required": ["static", "dynamic"],
        "additionalProperties": false,
        "properties": {
            "static": column(false, "On what of the bytes."),
            "dynamic": column(true, "On what of the run."),
        },
        "not": {"properties": {"static": nowhere.clone(), "dynamic": nowhere}},
    })
}

fn techniques(words: &str, id: &str) -> Value {
    let tactics = TACTICS.join("|");
    json!({
        "description": words,
        "type": "array",
        "items": {
            "type": "string",
            "pattern": format!(r"^({tactics})(::[^:\[\]]*[^:\[\]\s][^:\[\]]*){{1,2}} \[{id}\]$"),
        },
    })
}

fn examples(words: &str) -> Value {
    json!({
        "description": format!("{words} FILE, or FILE:0xOFFSET for a place."),
        "type": "array",
        "items": {"type": "string", "pattern": r"^[^/\\:]+(:(0x[0-9a-fA-F]+|[0-9]+))?$"},
    })
}
