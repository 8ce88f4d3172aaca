use jsonschema::Validator;
use saphyr_parser::{Event, Parser, ScalarStyle};

use super::*;
use crate::rules::{Set, load};

fn validator() -> Validator {
    jsonschema::draft7::options().build(&schema()).unwrap()
}

/// A file as an editor has it: what a plain scalar is, the core schema of YAML 1.2 says.
fn editors_view(text: &str) -> Value {
    let mut open: Vec<(bool, Vec<Value>)> = vec![(false, Vec::new())];
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let value = match event.unwrap().0 {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Event::Scalar(text, ..) => text.into(),
            Event::SequenceStart(..) => {
                open.push((false, Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((true, Vec::new()));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop().unwrap() {
                (false, items) => items.into(),
                (true, items) => {
                    let key = |key: &Value| key.as_str().map_or(key.to_string(), str::to_owned);
                    let pairs = items.chunks(2).map(|pair| (key(&pair[0]), pair[1].clone()));
                    pairs.collect::<Map<_, _>>().into()
                }
            },
            _ => continue,
        };
        open.last_mut().unwrap().1.push(value);
    }
    open[0].1.remove(0)
}

fn plain(text: &str) -> Value {
    let hexadecimal = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => match (hexadecimal, text.parse::<i64>(), text.parse::<f64>()) {
            (Some(number), ..) => number.into(),
            (_, Ok(number), _) => number.into(),
            (_, _, Ok(number)) if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => number.into(),
            _ => text.into(),
        },
    }
}

#[test]
fn the_schema_is_one_and_all_rules_that_ship_follow_it() {
    assert!(jsonschema::draft7::meta::is_valid(&schema()));
    let validator = validator();
    let shipped = load::shipped().behavior;
    assert!(shipped.len() > 100);
    for source in shipped {
        let rule = editors_view(&source.text);
        let errors: Vec<String> = validator.iter_errors(&rule).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", source.name);
    }
}

/// A rule with something of everything.
const RULE: &str = r#"rule:
  meta:
    name: test
    namespace: impact/test
    scopes: {static: file, dynamic: file}
    att&ck: ["Impact::Data Destruction [T1485]"]
    mbc: ["Impact::Data Destruction [E1485]"]
    examples: [a.wat, b.wat:0x1a]
    wasm/severity: 3
    wasm/confidence: 90
    wasm/risk: [A1, B10]
    wasm/family: wiper
    lib: false
  features:
    - and:
      - description: all of it
      - wasm/metric: {name: xor_share, op: ">=", value: 0.05}
      - wasm/sequence:
          times: 3
          within: 40
          steps: [{api: [a, b], number: {arg: c, mask: 0x1}}, {api: d, string: /e/, chosen: true}]
      - 2 or more:
        - api: path_rename = renames
        - wasm/crypto: {algorithm: AES, executed: false}
        - wasm/ioc: {kind: url, value: /x/}
        - wasm/anomaly: trailing_bytes
        - wasm/file: {change: renamed, path: /x/}
        - wasm/returned: page
        - wasm/flow: {from: file, bait: true, to: [send], bytes: 4}
      - count(api(path_unlink_file)): (2, )
      - function:
        - mnemonic: i32.xor = xor
      - function:
        - description: some
        - characteristic: nzxor
      - not:
        - bytes: 00 61 73 6D = magic
      - optional:
        - string: /x/i
          description: beside
        - call:
          - number: -0x10
      - os: wasi
      - arch: wasm32
"#;

/// What makes that rule wrong: a text of it, and another in its place.
const MISTAKES: &[(&str, &str)] = &[
    ("rule:", "rules:"),
    ("  meta:", "  mete:"),
    ("  features:", "  feature:"),
    ("    name: test\n", ""),
    ("    name: test", "    name: [test]"),
    ("impact/test", "Impact/Test"),
    ("{static: file, dynamic: file}", "{static: file}"),
    ("{static: file, dynamic: file}", "{static: fiel, dynamic: file}"),
    ("{static: file, dynamic: file}", "{static: process, dynamic: file}"),
    ("{static: file, dynamic: file}", "{static: file, dynamic: function}"),
    ("{static: file, dynamic: file}", "{static: unsupported, dynamic: unsupported}"),
    ("Impact::Data Destruction [T1485]", "Impakt::Data Destruction [T1485]"),
    ("Impact::Data Destruction [T1485]", "Impact [T1485]"),
    ("Impact::Data Destruction [T1485]", "Impact::Data Destruction [T485]"),
    ("Impact::Data Destruction [E1485]", "Impact::Data Destruction [T1485]"),
    ("a.wat", "a/b.wat"),
    ("severity: 3", "severity: 4"),
    ("confidence: 90", "confidence: 101"),
    ("confidence: 90", "confidence: high"),
    ("A1", "E1"),
    ("family: wiper", "family: wipers"),
    ("lib: false", "lib: no"),
    ("- and:", "- und:"),
    ("- and:", "- wasm/metrics:"),
    ("name: xor_share", "name: xor_shar"),
    ("\">=\"", "\"=>\""),
    ("value: 0.05", "value: much"),
    (", value: 0.05", ""),
    ("{name: xor_share, op: \">=\", value: 0.05}", "xor_share >= 0.05"),
    ("times: 3", "times: 0"),
    ("within: 40", "inside: 40"),
    ("mask: 0x1", "mask: one"),
    ("{arg: c, mask: 0x1}", "{arg: c}"),
    ("string: /e/, chosen", "chosen"),
    ("string: /e/, chosen", "string: /e/, substring: e, chosen"),
    ("{api: d,", "{"),
    ("2 or more", "some or more"),
    ("algorithm: AES", "algorithm: AESS"),
    ("{algorithm: AES, executed: false}", "{executed: false}"),
    ("kind: url", "kind: urls"),
    ("{kind: url, ", "{"),
    ("trailing_bytes", "trailing"),
    ("change: renamed", "change: moved"),
    ("{change: renamed, path: /x/}", "{}"),
    ("returned: page", "returned: pages"),
    ("from: file", "from: files"),
    ("bytes: 4", "bytes: 0"),
    ("count(api(", "count(wasm/file("),
    ("count(api(path_unlink_file))", "count(path_unlink_file)"),
    ("(2, )", "some"),
    ("(2, )", "(, )"),
    ("i32.xor", "i32.xors"),
    ("characteristic: nzxor", "characteristic: xor"),
    ("- description: some", "- api: some"),
    ("00 61 73 6D", "00 61 73 6"),
    ("00 61 73 6D", "no bytes"),
    ("        - bytes: 00 61 73 6D = magic\n", "          []\n"),
    ("description: beside", "api: beside"),
    ("-0x10", "ten"),
    ("os: wasi", "os: windows"),
    ("arch: wasm32", "arch: x86"),
];

#[test]
fn broken_rules_do_not_follow_it() {
    let validator = validator();
    let whole = editors_view(RULE);
    let errors: Vec<String> = validator.iter_errors(&whole).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(Set::parse(&[("a.yml", RULE)]).is_ok(), "{}", Set::parse(&[("a.yml", RULE)]).unwrap_err());
    for (right, wrong) in MISTAKES {
        let text = RULE.replacen(right, wrong, 1);
        assert!(text != RULE && Set::parse(&[("a.yml", &text)]).is_err(), "{right}: {wrong} is loaded");
        assert!(!validator.is_valid(&editors_view(&text)), "{right}: {wrong} follows the schema");
    }
}

/// Every way to give a key of `value` another name.
fn renamed(value: &Value, out: &mut Vec<Value>) {
    let below = |inner: &Value, put: &dyn Fn(Value) -> Value, out: &mut Vec<Value>| {
        let mut changed = Vec::new();
        renamed(inner, &mut changed);
        out.extend(changed.into_iter().map(put));
    };
    if let Value::Array(items) = value {
        for (at, item) in items.iter().enumerate() {
            let put = |new| {
                Value::from_iter(
                    items.iter().enumerate().map(
                        |(n, old): (_, &Value)| {
                            if n == at { Value::clone(&new) } else { old.clone() }
                        },
                    ),
                )
            };
            below(item, &put, out);
        }
    }
    let Value::Object(pairs) = value else { return };
    for (key, inner) in pairs {
        let put = |new: Value| {
            let mut pairs = pairs.clone();
            pairs.insert(key.clone(), new);
            pairs.into()
        };
        below(inner, &put, out);
        let mut pairs = pairs.clone();
        pairs.remove(key);
        pairs.insert(format!("{key}x"), inner.clone());
        out.push(pairs.into());
    }
}

#[test]
fn no_key_of_a_rule_that_ships_may_be_mistyped() {
    let validator = validator();
    let mut tried = 0;
    for source in load::shipped().behavior.iter().step_by(4) {
        let mut all = Vec::new();
        renamed(&editors_view(&source.text), &mut all);
        for rule in &all {
            assert!(!validator.is_valid(rule), "{}: {rule}", source.name);
        }
        tried += all.len();
    }
    assert!(tried > 500, "{tried}");
}
