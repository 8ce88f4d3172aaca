//! Files that each released version wrote, in `tests/released/VERSION/`, are read by this one, and say what
//! they said: `docs/formats.md`. A folder of a version that was released never changes. That of the version
//! that is in the making is written anew with `BLESS=1`.
#![cfg(unix)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// What the files were made of.
const SAMPLE: &str = "corpus/c2-beacon.wat";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn spoor(words: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(words)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // One that does not read it may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn json(words: &[&str]) -> Value {
    let output = spoor(words, b"");
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {error}"))
}

/// A folder for each version.
fn versions() -> Vec<PathBuf> {
    bless();
    let folders = fs::read_dir(root().join("tests/released")).unwrap();
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

/// Writes the files of the version in the making, once.
fn bless() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    let version = env!("CARGO_PKG_VERSION");
    let changes = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let is_open = changes.contains(&format!("## {version} (unreleased)"));
    if std::env::var_os("BLESS").is_none() || !is_open {
        return;
    }
    ONCE.call_once(|| {
        let folder = root().join("tests/released").join(version);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        spoor(&["run", SAMPLE, "--json", "-o", &at("report.json"), "--max-log", "20"], b"");
        spoor(&["record", SAMPLE, "--effects", "-o", &at("run.spoor")], b"");
        spoor(&["scan", SAMPLE, "--out", &at("scan")], b"");
        let input = protocol_input();
        fs::write(at("serve.in"), &input).unwrap();
        fs::write(at("serve.out"), spoor(&["serve", "--stdio", "--jobs", "1"], &input).stdout).unwrap();
    });
}

/// What a driver of the protocol sends: a module, what is none, and what holds one.
fn protocol_input() -> Vec<u8> {
    let module = wat::parse_bytes(&fs::read(root().join(SAMPLE)).unwrap()).unwrap().into_owned();
    let carrier = [b"carrier ", &module[..]].concat();
    let mut input = Vec::new();
    for (id, bytes) in [("module", module.as_slice()), ("text", b"nothing"), ("carrier", &carrier)] {
        writeln!(input, r#"{{"type":"sample","id":"{id}","bytes":{}}}"#, bytes.len()).unwrap();
        input.extend(bytes);
    }
    input
}

/// The messages of `spoor serve`, without the bytes after them.
fn messages(mut said: &[u8]) -> Vec<Value> {
    let mut messages = Vec::new();
    while let Some(end) = said.iter().position(|&byte| byte == b'\n') {
        let message: Value = serde_json::from_slice(&said[..end]).unwrap();
        let bytes = message["bytes"].as_u64().unwrap_or(0) as usize;
        said = &said[end + 1 + bytes..];
        messages.push(message);
    }
    messages
}

/// The keys of the messages of each type.
fn keys(messages: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in messages {
        let kind = message["type"].as_str().unwrap().to_owned();
        keys.entry(kind).or_default().extend(message.as_object().unwrap().keys().cloned());
    }
    keys
}

/// The schema of today, in which nothing is needed, and nothing may stand that it does not name.
fn closed(schema: &mut Value, is_part: bool) {
    let Value::Object(object) = schema else { return };
    object.remove("required");
    if let Some(one_of) = object.remove("oneOf") {
        object.insert("anyOf".to_owned(), one_of);
    }
    let has_names = object.contains_key("properties") && !object.contains_key("additionalProperties");
    if has_names && !is_part {
        object.insert("unevaluatedProperties".to_owned(), false.into());
    }
    for (key, inner) in object.iter_mut() {
        match (key.as_str(), inner) {
            ("properties" | "$defs" | "definitions", Value::Object(inner)) => {
                inner.values_mut().for_each(|inner| closed(inner, false));
            }
            ("anyOf" | "allOf", Value::Array(inner)) => {
                inner.iter_mut().for_each(|inner| closed(inner, true));
            }
            ("items" | "additionalProperties", inner) => closed(inner, false),
            ("prefixItems", Value::Array(inner)) => inner.iter_mut().for_each(|inner| closed(inner, false)),
            _ => {}
        }
    }
}

#[test]
fn every_field_of_a_report_is_one_of_todays_schema() {
    let mut schema = json(&["schema"]);
    closed(&mut schema, false);
    let validator = jsonschema::validator_for(&schema).unwrap();
    for version in versions() {
        let text = fs::read_to_string(version.join("report.json")).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", version.display());
        // The test can fail.
        let mut other = report.clone();
        other["rules"][0]["no such field"] = 1.into();
        assert!(!validator.is_valid(&other), "a field that the schema does not name is found");
        other = report;
        other["score"] = "much".into();
        assert!(!validator.is_valid(&other));
    }
}

#[test]
fn the_options_of_a_report_give_the_same_run() {
    for version in versions() {
        let report = version.join("report.json");
        let before: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        let now = json(&["run", SAMPLE, "--json", "--fail-on=never", "--options", report.to_str().unwrap()]);
        assert_eq!(now["instructions"], before["instructions"], "{}", version.display());
        // New ones may have come.
        for (name, value) in before["options"].as_object().unwrap() {
            assert_eq!(&now["options"][name], value, "{}: {name}", version.display());
        }
    }
}

#[test]
fn a_recording_is_read_and_says_what_the_report_said() {
    for version in versions() {
        let report: Value = serde_json::from_slice(&fs::read(version.join("report.json")).unwrap()).unwrap();
        let recording = version.join("run.spoor");
        let recording = recording.to_str().unwrap();
        let now = json(&["report", recording, "--json", "--fail-on=never"]);
        for field in ["instructions", "opcodes", "status", "exit_code"] {
            assert_eq!(now[field], report[field], "{recording}: {field}");
        }
        let same = spoor(&["rerun", recording], b"");
        assert!(same.status.success(), "{recording}: {}", String::from_utf8_lossy(&same.stdout));
    }
}

#[test]
fn the_tables_of_a_batch_are_read() {
    for version in versions() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let tables = version.join("scan");
        let words = ["scan", "merge", tables.to_str().unwrap(), "--json", "--out", out.to_str().unwrap()];
        let total = json(&words);
        assert_eq!((&total["samples"], &total["places"]), (&1.into(), &1.into()), "{total}");
        for table in ["samples", "paths", "functions", "host_calls", "findings"] {
            let rows = |folder: &Path| fs::read_to_string(folder.join(format!("{table}.jsonl"))).unwrap();
            assert_eq!(rows(&tables), rows(&out), "{}: {table}", version.display());
        }
    }
}

#[test]
fn a_driver_of_the_protocol_is_answered_as_before() {
    for version in versions() {
        let before = messages(&fs::read(version.join("serve.out")).unwrap());
        let input = fs::read(version.join("serve.in")).unwrap();
        let now = messages(&spoor(&["serve", "--stdio", "--jobs", "1"], &input).stdout);
        assert_eq!(before[0]["protocol"], now[0]["protocol"]);
        let (known, given) = (keys(&before), keys(&now));
        for (kind, keys) in &known {
            let missing: Vec<_> = keys.iter().filter(|key| !given[kind].contains(*key)).collect();
            assert!(missing.is_empty(), "{}: {kind} lacks {missing:?}", version.display());
        }
        let ends = |messages: &[Value]| -> Vec<(Value, Value)> {
            let done = messages.iter().filter(|message| message["type"] == "done");
            done.map(|done| (done["id"].clone(), done["result"].clone())).collect()
        };
        assert_eq!(ends(&before), ends(&now));
        assert_eq!(ends(&now).len(), 3);
    }
}
