//! What others make of our output: a validator of JSON Schema, capa.

#[path = "common/command.rs"]
mod command;
mod common;

use std::{fs, path::Path, process::Command};

use command::spoor;
use serde_json::{Value, json};
use wasmspoor_needs::needs;

fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    common::files(&folder, "wat").iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

/// Results of every type, and what a number of JSON cannot hold.
const VALUES: &str = r#"(module
  (func (export "payload") (result f64) (f64.const nan:0x4000000000001))
  (func (export "signalling") (result f32) (f32.const -nan:0x200001))
  (func (export "infinite") (result f64 f32) (f64.const inf) (f32.const -inf))
  (func (export "zero") (result f32) (f32.const -0))
  (func (export "long") (result i64 i64) (i64.const -9223372036854775807) (i64.const 9007199254740991))
  (func (export "vector") (result v128 v128) (v128.const i64x2 -1 2) (v128.const i64x2 5 0))
  (func (export "reference") (param externref) (result externref funcref) (local.get 0) (ref.func 0))
  (func (export "bits") (param f32 f64) (result i32 i64)
    (i32.reinterpret_f32 (local.get 0)) (i64.reinterpret_f64 (local.get 1)))
  (func (export "half") (param f64) (result f64) (local.get 0)))"#;

/// Invalid, not to be run, hostile, empty, and one that uses what the corpus does not.
fn others(folder: &Path) -> Vec<String> {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    vec![
        write("values.wat", VALUES.as_bytes()),
        write("empty.wasm", b"\0asm\x01\0\0\0"),
        write("cut.wasm", b"\0asm\x01\0\0\0\x01\x05"),
        write("odd.wasm", b"\0asm\x01\0\0\0\0\x05\x04name\xff"),
        write("shared.wat", br#"(module (memory (export "m") 1 1 shared) (func (export "f") (drop (i32.atomic.load (i32.const 0)))))"#),
        write("tags.wat", br#"(module (tag $t (param i32)) (func (export "f") (throw $t (i32.const 1))))"#),
    ]
}

#[test]
fn every_report_follows_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let schema = command::json(&["schema"]);
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut wrong = Vec::new();
    for sample in corpus().iter().chain(&others(folder.path())) {
        let report = command::json(&["run", "--json", sample]);
        let errors = validator.iter_errors(&report).take(3);
        wrong.extend(errors.map(|error| {
            let shown: String = error.to_string().chars().take(300).collect();
            format!("{sample}: {}: {shown}", error.instance_path())
        }));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // It tells a report from what is none.
    assert!(!validator.is_valid(&json!({"schema": "spoor.report/1"})));
}

#[test]
fn values_are_exact_in_every_json() {
    let folder = tempfile::tempdir().unwrap();
    let sample = others(folder.path()).swap_remove(0);
    let report = command::json(&["run", "--json", "--drive", "exports", &sample]);
    let results = |name: &str| {
        let entries = report["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["name"] == name).map(|entry| entry["results"].clone())
    };
    for (name, expected) in [
        ("payload", json!([{"f64": "nan:0x4000000000001"}])),
        ("signalling", json!([{"f32": "-nan:0x200001"}])),
        ("infinite", json!([{"f64": "inf"}, {"f32": "-inf"}])),
        ("zero", json!([{"f32": -0.0}])),
        ("long", json!([{"i64": "-9223372036854775807"}, {"i64": 9_007_199_254_740_991_i64}])),
        ("vector", json!([{"v128": "0x0000000000000002ffffffffffffffff"}, {"v128": 5}])),
        ("reference", json!([{"ref": {"null": true}}, {"ref": {"null": false}}])),
    ] {
        assert_eq!(results(name), Some(expected), "{name}");
    }
}

#[test]
fn arguments_are_every_number_of_the_text_format() {
    let folder = tempfile::tempdir().unwrap();
    let sample = others(folder.path()).swap_remove(0);
    for (words, expected) in [
        (
            ["bits", "-inf", "nan:0x4000000000001"],
            json!([{"i32": -8_388_608}, {"i64": "9219994337134247937"}]),
        ),
        (["bits", "-nan:0x200001", "-.5"], json!([{"i32": -6_291_455}, {"i64": "-4620693217682128896"}])),
        (["bits", "-0x1.8p3", "0x1p-1074"], json!([{"i32": -1_052_770_304}, {"i64": 1}])),
    ] {
        for command in ["run", "trace"] {
            // Options may follow all the same.
            let line = [&[command, &sample, "--invoke"][..], &words[..], &["--json"]].concat();
            let report = command::json(&line);
            assert_eq!(report["entries"][0]["results"], expected, "{line:?}");
        }
    }
    let refused = spoor(&["trace", &sample, "--invoke", "half", "-nan:0x0"]);
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("`-nan:0x0` is not a value of type f64"), "{said}");
    // What looks like an option is one.
    assert_eq!(spoor(&["trace", &sample, "--invoke", "half", "-x"]).status.code(), Some(2));
}

/// The words of a capa document that its command and its viewers look for.
#[test]
fn a_capa_document_is_one_that_capa_knows() {
    for sample in corpus() {
        let output = spoor(&["run", "--format", "capa", &sample]);
        assert!(output.stdout.starts_with(b"{\"meta\":"), "{sample}: capa tells its documents by that");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["meta"]["sample"]["sha1"].as_str().map(str::len), Some(40), "{sample}");
        let counts = document["meta"]["analysis"]["feature_counts"]["functions"].as_array().unwrap();
        let functions: Vec<_> = counts.iter().map(|function| &function["address"]).collect();
        for (name, rule) in document["rules"].as_object().unwrap() {
            assert!(rule["meta"]["attack"].is_array(), "{sample}: {name}");
            let is_verdict = name == "verdict of wasmspoor";
            assert_eq!(rule["source"].as_str().unwrap().contains("rule:"), !is_verdict, "{sample}: {name}");
            let matches = rule["matches"].as_array().unwrap();
            let mut seen = Vec::new();
            for found in matches {
                assert!(!seen.contains(&&found[0]), "{sample}: {name} matches twice at {}", found[0]);
                seen.push(&found[0]);
                match rule["meta"]["scopes"]["static"].as_str() {
                    Some("function") => assert!(functions.contains(&&found[0]), "{sample}: {name}"),
                    scope => assert_eq!((scope, matches.len()), (Some("file"), 1), "{sample}: {name}"),
                }
            }
        }
    }
}

/// `SPOOR_CAPA` names the command if it is not on the path: `pip install flare-capa` in a virtual environment
/// has it.
#[needs("capa")]
#[test]
fn capa_reads_the_document() {
    let capa = std::env::var("SPOOR_CAPA").unwrap_or_else(|_| "capa".into());
    let folder = tempfile::tempdir().unwrap();
    // It wants a folder of rules, and needs none for a document.
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    // Half a second three times for each sample: of all of them minutes.
    for sample in corpus().into_iter().step_by(12).chain(others(folder.path())) {
        let document = folder.path().join("document.json");
        fs::write(&document, spoor(&["run", "--format", "capa", &sample]).stdout).unwrap();
        let report = command::json(&["run", "--json", &sample]);
        let matches = report["rules"].as_array().unwrap();
        for verbosity in [&[][..], &["-v"], &["-vv"]] {
            let mut command = Command::new(&capa);
            command.args(["-q", "-r"]).arg(&rules).args(verbosity).arg(&document).env("COLUMNS", "400");
            let output = command.output().expect("capa runs");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{sample}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(said.contains(report["sample"]["sha256"].as_str().unwrap()), "{sample}: {said}");
            // The short form shows techniques, and not each rule.
            let ids = matches.iter().flat_map(|rule| rule["attack"].as_array().unwrap());
            let ids = ids.filter_map(|text| text.as_str()?.rsplit_once('[')?.1.strip_suffix(']'));
            let names = matches.iter().filter_map(|rule| rule["name"].as_str());
            let expected: Vec<_> = if verbosity.is_empty() { ids.collect() } else { names.collect() };
            for word in expected {
                assert!(said.contains(word), "{sample}: {word} is not in\n{said}");
            }
        }
    }
}

/// Several files are several runs; one that cannot be read says why in its own.
#[test]
fn a_sarif_log_has_a_run_for_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let [text, binary] = ["a b.wat", "b.wasm"].map(|name| folder.path().join(name));
    let source =
        fs::read_to_string(corpus().iter().find(|path| path.ends_with("/miner.wat")).unwrap()).unwrap();
    fs::write(&text, &source).unwrap();
    fs::write(&binary, wat::parse_str(&source).unwrap()).unwrap();
    let (text, binary) = (text.to_str().unwrap(), binary.to_str().unwrap());
    let log = command::json(&["run", "--sarif", text, binary, "/no/such/file"]);
    let runs = log["runs"].as_array().unwrap();
    let ids: Vec<_> = runs.iter().map(|run| run["automationDetails"]["id"].as_str().unwrap()).collect();
    assert!(
        ids.len() == 3 && ids[0].ends_with("/a%20b.wat") && ids[2] == "wasmspoor/file:///no/such/file",
        "{ids:?}"
    );
    for run in &runs[..2] {
        assert_eq!(run["properties"]["verdict"], runs[0]["properties"]["verdict"]);
        let driver = &run["tool"]["driver"];
        assert!(driver["informationUri"].as_str().unwrap().starts_with("https://"), "{driver}");
        for rule in driver["rules"].as_array().unwrap() {
            assert!(!rule["help"]["text"].as_str().unwrap().is_empty(), "{rule}");
            let severity = rule["properties"]["security-severity"].as_str().unwrap();
            let is_tagged =
                rule["properties"]["tags"].as_array().is_some_and(|tags| tags.contains(&json!("security")));
            assert_eq!(severity != "0.0", is_tagged, "{rule}");
        }
    }
    // The same places: lines of the text, bytes of the module.
    let places = |run: &Value| -> Vec<Value> {
        let results = run["results"].as_array().unwrap();
        let locations = results.iter().flat_map(|result| result["locations"].as_array().unwrap());
        locations.map(|location| location["physicalLocation"].clone()).collect()
    };
    let (in_text, in_binary) = (places(&runs[0]), places(&runs[1]));
    assert_eq!(in_text.len(), in_binary.len());
    let mut lines = std::collections::BTreeSet::new();
    for (text, binary) in in_text.iter().zip(&in_binary) {
        assert_eq!(text["address"], binary["address"]);
        assert_eq!(binary["region"]["startLine"], 1);
        if let Some(address) = binary["address"].get("absoluteAddress") {
            assert_eq!(binary["region"]["byteOffset"], *address);
            lines.insert(text["region"]["startLine"].as_u64().unwrap());
        }
    }
    assert!(lines.len() > 2 && !lines.contains(&1), "{lines:?}");
    let failed = &runs[2]["invocations"][0];
    assert_eq!(failed["executionSuccessful"], false);
    assert!(failed["toolExecutionNotifications"][0]["message"]["text"].is_string());
}

#[test]
fn a_log_pipeline_can_index_every_line() {
    for sample in corpus().iter().map(String::as_str).chain(["/no/such/file"]) {
        let output = spoor(&["run", "--format", "ndjson", sample]);
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert!(line["@timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
            assert!(line["ecs.version"].is_string(), "{line}");
            let is_alert = line["event.kind"] == "alert";
            let severity = line.get("event.severity").and_then(Value::as_u64);
            assert_eq!(is_alert, severity.is_some_and(|severity| severity > 0), "{sample}: {line}");
        }
    }
}

/// `1 entry point`, never `1 entry points`, whatever is counted.
#[test]
fn one_of_a_thing_is_singular() {
    let mut wrong = Vec::new();
    for sample in corpus() {
        for words in [
            &["run", "-vv", &sample][..],
            &["trace", &sample],
            &["run", "-v", "--persona", "server", &sample],
        ] {
            let printed = String::from_utf8(spoor(words).stdout).unwrap();
            for line in printed.lines() {
                let words: Vec<_> = line.split([' ', '(', ')', ',', ';', ':']).collect();
                let is_wrong = words.windows(3).any(|pair| {
                    let is_plural = |word: &str| PLURALS.contains(&word);
                    pair[0].is_empty() && pair[1] == "1" && is_plural(pair[2])
                        || pair[0].chars().all(char::is_alphabetic) && pair[1] == "1" && is_plural(pair[2])
                });
                wrong.extend(is_wrong.then(|| format!("{sample}: {line}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is counted in reports.
const PLURALS: &[&str] = &[
    "bytes",
    "calls",
    "decisions",
    "exports",
    "files",
    "functions",
    "imports",
    "indicators",
    "instructions",
    "limitations",
    "loops",
    "matches",
    "pages",
    "places",
    "points",
    "reasons",
    "requests",
    "seconds",
    "steps",
    "strings",
    "times",
    "transitions",
    "words",
];

#[test]
fn what_is_not_there_is_an_error_that_says_what_is() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("x.wat");
    fs::write(
        &sample,
        r#"(module (func $inner nop) (func (export "mine") (call $inner)) (func (export "pay")))"#,
    )
    .unwrap();
    let sample = sample.to_str().unwrap();
    for (words, code, said) in [
        (
            &["run", sample, "--invoke", "mien"][..],
            4,
            "no exported function `mien`; it exports `mine`, `pay`",
        ),
        (&["trace", sample, "--invoke", "mien"], 4, "no exported function `mien`; it exports `mine`, `pay`"),
        (
            &["dump", sample, "--invoke", "mine", "--function", "9"],
            4,
            "no function 9; functions 0 to 2 have code",
        ),
        (&["dump", sample, "--invoke", "mine", "--function", "x"], 4, "no function `x`; there are `inner`"),
        (&["graph", "cfg", sample, "--function", "x"], 4, "no function `x`; there are `inner`"),
        (&["run", sample, "--persona", "nobody"], 2, "one of `default`, `server`"),
    ] {
        let output = spoor(words);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {complaint}");
        assert!(complaint.contains(said) && !complaint.contains("\\n"), "{words:?}: {complaint}");
    }
    // By name as by index.
    let by = |function: &str| spoor(&["graph", "cfg", sample, "--function", function]).stdout;
    assert_eq!(by("inner"), by("0"));
    assert!(!by("inner").is_empty() && by("inner") != by("mine"));
    let lines = spoor(&["dump", sample, "--invoke", "mine", "--function", "inner"]).stdout;
    assert_eq!(String::from_utf8(lines).unwrap().lines().count(), 1);
    // Where nothing runs it is said how something can.
    for words in [&["trace", sample][..], &["dump", sample, "--drive", "none"]] {
        let output = spoor(words);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("it exports `mine`, `pay`: name one with --invoke"), "{said}");
    }
}

#[test]
fn the_commands_that_come_next_keep_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("x y.wat");
    fs::write(&sample, VALUES).unwrap();
    let sample = sample.to_str().unwrap();
    let options = ["--persona", "server", "--invoke", "half", "-0x1p3", "--env", "A=b c"];
    let printed = String::from_utf8(spoor(&[&["run", sample][..], &options].concat()).stdout).unwrap();
    let expected =
        format!("next: spoor run '{sample}' --invoke half -0x1p3 --persona server --env 'A=b c' -v ");
    assert!(printed.contains(&expected), "{printed}");
    let trace = folder.path().join("x.spoor");
    let trace = trace.to_str().unwrap();
    spoor(&["record", sample, "-o", trace]);
    let printed = String::from_utf8(spoor(&["report", trace]).stdout).unwrap();
    assert!(printed.contains(&format!("next: spoor report {trace} -v ")), "{printed}");
}

#[test]
fn what_happened_is_told_in_its_order() {
    let sample = corpus().into_iter().find(|path| path.ends_with("/start-up-files.wat")).unwrap();
    let report = command::json(&["run", "--json", &sample]);
    let steps = report["timeline"].as_array().unwrap();
    let did: Vec<_> = steps.iter().map(|step| step["did"].as_str().unwrap()).collect();
    assert_eq!(did[0], "opens \"home/user/.bashrc\"", "{did:?}");
    assert!(did[1].starts_with("writes to descriptor ") && did[1].ends_with("34 bytes"), "{did:?}");
    assert!(did.contains(&"makes the directory \"etc/cron.d\""), "{did:?}");
    let times: Vec<_> = steps.iter().map(|step| step["time_ns"].as_u64().unwrap()).collect();
    assert!(times.is_sorted());
    let calls: u64 = steps.iter().map(|step| step["calls"].as_u64().unwrap()).sum();
    assert_eq!(calls, report["host_calls"].as_array().unwrap().len() as u64);
    // Every step is some calls, in every sample; what says nothing is folded.
    let flood = corpus().into_iter().find(|path| path.ends_with("/call-flood.wat")).unwrap();
    let report = command::json(&["run", "--json", &flood]);
    let (steps, calls) = (&report["timeline"], &report["host_calls"]);
    assert!(steps.as_array().unwrap().len() < calls.as_array().unwrap().len() / 2, "{steps}");
    let printed = String::from_utf8(spoor(&["run", "-vv", &sample]).stdout).unwrap();
    assert!(printed.contains("Time line (virtual seconds)\n  in _start\n"), "{printed}");
}

/// Each file of its own with path and hash, once; directories and files of the user are none.
#[test]
fn what_a_sample_leaves_is_an_indicator() {
    let sample = corpus().into_iter().find(|path| path.ends_with("/start-up-files-anywhere.wat")).unwrap();
    let report = command::json(&["run", "--json", &sample]);
    let indicators: Vec<_> = report["iocs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|ioc| ioc["seen"] == "run")
        .map(|ioc| (ioc["kind"].as_str().unwrap(), ioc["value"].as_str().unwrap()))
        .collect();
    let files = report["files"].as_array().unwrap();
    let made = |kind: &str| -> Vec<&Value> { files.iter().filter(|file| file["kind"] == kind).collect() };
    assert!(made("file").len() >= 11 && made("directory").len() > 10, "{files:#?}");
    for file in made("file") {
        assert!(indicators.contains(&("path", file["path"].as_str().unwrap())), "{file}: {indicators:?}");
        assert!(indicators.contains(&("sha256", file["sha256"].as_str().unwrap())), "{file}: {indicators:?}");
    }
    for directory in made("directory") {
        let path = directory["path"].as_str().unwrap();
        assert!(!indicators.contains(&("path", path)), "{path}");
    }
    let [link] = made("symlink")[..] else { panic!("{files:#?}") };
    assert_eq!(link["to"], "../../../../home/user/.config/systemd/user/updater.service");
    let distinct: std::collections::BTreeSet<_> = indicators.iter().collect();
    assert_eq!(distinct.len(), indicators.len(), "{indicators:?}");
    let printed = String::from_utf8(spoor(&["run", "-vv", &sample]).stdout).unwrap();
    assert!(printed.contains("created, a link to"), "{printed}");
    // Files of the user that are encrypted in place are none: they have that name and hash here only.
    let sample = corpus().into_iter().find(|path| path.ends_with("/wasi-ransomware.wat")).unwrap();
    let report = command::json(&["run", "--json", &sample]);
    let changed = report["files"].as_array().unwrap().iter().filter(|file| file["change"] == "changed");
    for file in changed.filter(|file| file["path"].as_str().unwrap().contains("/Documents/")) {
        let is_one = |ioc: &Value| ioc["value"] == file["sha256"];
        assert!(!report["iocs"].as_array().unwrap().iter().any(is_one), "{file}");
    }
}
