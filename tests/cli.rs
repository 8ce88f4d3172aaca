//! The command line from outside: formats, exit codes, hostile names, same bytes for the same input.

#[path = "common/command.rs"]
mod command;
mod common;

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use command::{json, shown, spoor};
use serde_json::Value;

/// Names as a hostile sample chooses them: a faked verdict, markup, a turned line, quotes that end a label,
/// line feeds.
const HOSTILE: &str = r#"(module
  (import "en\1b[2J\1b[31mv" "<img src=x onerror=alert(1)>\e2\80\ae\0aCLEAN 0/100" (func $import (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "http://evil.example/\1b]0;x\07<script>alert(1)</script>")
  (func $"a\"];x[label=\"\1b[2J\0aCLEAN; 1" (export "=cmd|'/C calc'!A0\0d\0a\c2\9b2J") (result i32)
    (call $import (i32.const 8))
    (call $"b\\\e2\80\ae<svg onload=alert(1)>")
    (i32.const 7))
  (func $"b\\\e2\80\ae<svg onload=alert(1)>" (local i32)
    (local.set 0 (i32.const 9))
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn corpus(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name).to_str().unwrap().to_owned()
}

/// A folder of its own for a test, removed at its end.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.path().join(name);
    fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A name of 100 KB made 90 MB of a report.
#[test]
fn long_names_are_cut_and_counted() {
    let (folder, name) = (folder(), "n".repeat(50_000));
    let functions = "(func (call $f)) ".repeat(100);
    let calls: String = (1..=100).map(|index| format!("(call {index}) ")).collect();
    let text = format!(
        r#"(module (import "env" "{name}" (func $f)) {functions} (func (export "_start") {calls})
            (func (export "e{name}")))"#
    );
    let sample = file(&folder, "long.wat", text);
    let shortened = text_of(&["run", "--json", "--fail-on", "never", &sample]);
    let full = text_of(&["run", "--json", "--full", "--fail-on", "never", &sample]);
    assert!(shortened.len() < 1 << 20 && !shortened.contains(&name), "{}", shortened.len());
    assert!(full.contains(&name));
    let report: Value = serde_json::from_str(&shortened).unwrap();
    let cut = |list: &str| report["cut"][list].as_u64();
    for list in ["view.imports.name", "view.exports.name", "fabricated.name"] {
        assert_eq!(cut(list), Some(1), "{list}");
    }
    assert_eq!(cut("host_calls.name"), report["host_calls"].as_array().map(|calls| calls.len() as u64));
    let called = report["metrics"]["host_calls"].as_object().unwrap();
    assert_eq!(called.values().map(|calls| calls.as_u64().unwrap()).collect::<Vec<_>>(), [100]);
    assert!(called.keys().all(|name| name.starts_with("env.nnn") && name.len() < 1000));
}

fn text_of(words: &[&str]) -> String {
    text(&spoor(words))
}

/// Every way out, without the file.
const WAYS: &[&[&str]] = &[
    &["run"],
    &["run", "-v"],
    &["run", "-vv"],
    &["run", "-q"],
    &["run", "--json"],
    &["run", "--sarif"],
    &["run", "--csv"],
    &["run", "--format", "capa"],
    &["run", "--format", "ndjson"],
    &["run", "--format", "iocs"],
    &["run", "--format", "stix"],
    &["graph", "calls"],
    &["graph", "states"],
    &["graph", "dynamic"],
    &["graph", "static-calls"],
    &["graph", "cfg", "--function", "1"],
    &["export", "drcov"],
    &["export", "modoff"],
    &["export", "folded"],
    &["export", "flame"],
    &["export", "speedscope"],
    &["export", "chrome"],
    &["export", "lcov"],
    &["graph", "dynamic", "--heat", "--top", "1"],
    &["diff"],
    &["diff", "--json"],
];

fn all_ways(file: &str) -> Vec<(String, Output)> {
    let run = |way: &[&str]| {
        let mut words = way.to_vec();
        words.push(file);
        // The other side of a comparison.
        let other = corpus("miner.wat");
        if way[0] == "diff" {
            words.push(&other);
        }
        (way.join(" "), spoor(&words))
    };
    WAYS.iter().map(|way| run(way)).collect()
}

#[test]
fn hostile_names_come_out_raw_in_no_format() {
    let folder = folder();
    let name = if cfg!(unix) { "evil\u{1b}[2J<img>\u{202e}\n.wat" } else { "evil.wat" };
    let sample = file(&folder, name, HOSTILE);
    for (way, output) in all_ways(&sample) {
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{way}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!output.stdout.is_empty(), "{way} prints something");
        for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            // The table of drcov is binary, its head is not.
            let end = if way == "export drcov" {
                bytes.windows(8).position(|w| w == b"BB Table").unwrap_or(0)
            } else {
                bytes.len()
            };
            let text =
                std::str::from_utf8(&bytes[..end]).unwrap_or_else(|error| panic!("{way} {stream}: {error}"));
            let raw = text
                .chars()
                .find(|char| (char.is_control() && *char != '\n' && *char != '\t') || *char == '\u{202e}');
            assert_eq!(raw, None, "{way}, {stream}: {text:?}");
            let is_markup = way.contains("json")
                || way.contains("sarif")
                || way.contains("capa")
                || way.contains("graph")
                || way.contains("flame");
            for tag in ["<img", "<svg onload", "<script>alert"] {
                assert!(!is_markup || !text.contains(tag), "{way}, {stream}: {tag} in {text}");
            }
        }
    }
}

#[test]
fn a_line_feed_in_a_name_makes_no_line() {
    let folder = folder();
    let sample = file(&folder, "x.wat", HOSTILE);
    for (way, lines) in [(&["run", "-q"][..], 1), (&["run", "--csv"], 2)] {
        let words = [way, &[&*sample]].concat();
        assert_eq!(text(&spoor(&words)).lines().count(), lines, "{way:?}");
    }
    let all = text(&spoor(&["run", "-vv", &sample]));
    assert!(
        !all.lines().any(|line| line.trim_start().starts_with("CLEAN; 1")
            || line.trim_start().starts_with("CLEAN 0/100\u{1b}")),
        "{all}"
    );
    for line in text(&spoor(&["run", "--format", "ndjson", &sample])).lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        assert!(object["file.hash.sha256"].is_string(), "{line}");
    }
}

#[test]
fn same_input_same_bytes() {
    let sample = corpus("wasi-ransomware.wat");
    let (first, second) = (all_ways(&sample), all_ways(&sample));
    for ((way, first), (_, second)) in first.iter().zip(&second) {
        assert_eq!(first.stdout, second.stdout, "{way}");
        assert_eq!(first.status, second.status, "{way}");
    }
}

#[test]
fn exit_codes_are_those_of_help() {
    let folder = folder();
    let plain = file(&folder, "plain.wat", r#"(module (func (export "f") nop))"#);
    let invalid = file(&folder, "invalid.wat", "(module (func (result i32)))");
    let broken = file(&folder, "broken.wasm", b"\0asm\x01\0\0\0\x01\x05");
    let unsupported = file(&folder, "component.wat", "(component)");
    for (words, expected) in [
        (&["run", &plain, "--fail-on", "never"][..], 0),
        (&["run", &plain, "--fail-on", "malicious"], 0),
        (&["run", &corpus("trap-mid-block.wat"), "--fail-on", "never"], 0),
        (&["run", "/no/such/file"], 2),
        (&["run"], 2),
        (&["run", &plain, &plain, "--json"], 2),
        (&["run", &plain, "--env", "novalue"], 2),
        (&["run", &plain, "--file", "x::relative"], 2),
        (&["run", &plain, "--rules", "/no/such/rules"], 2),
        (&["run", &invalid], 3),
        (&["run", &broken], 3),
        (&["run", &unsupported], 4),
        (&["run", &plain, "--invoke", "g"], 4),
        (&["run", &plain, "--invoke", "f", "1"], 4),
        (&["graph", "cfg", &plain], 2),
        (&["graph", "cfg", &plain, "--function", "7"], 4),
        (&["export", "drcov", &unsupported], 4),
        (&["run", &plain, &invalid, "--csv", "--fail-on", "never"], 3),
        (&["run", &plain, &invalid, "/no/such/file", "--csv"], 2),
    ] {
        let output = spoor(words);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("errors are UTF-8")
}

#[test]
fn what_cannot_run_is_said_with_its_exit_code() {
    let folder = folder();
    let plain = file(&folder, "plain.wat", r#"(module (func (export "f") nop))"#);
    let broken = file(&folder, "broken.wasm", b"\0asm\x01\0\0\0\x01\x05");
    let big = file(&folder, "big.wat", r#"(module (table 10000001 funcref) (func (export "_start") nop))"#);
    let (quiet, says) = ("", "spoor: ");
    for (words, expected, output_is_empty, stderr) in [
        (&["run", "-q", &big][..], 4, false, quiet),
        (&["graph", "static-calls", &big], 4, false, says),
        (&["graph", "cfg", &big, "--function", "0"], 4, false, says),
        (&["graph", "states", &big], 4, true, says),
        (&["graph", "calls", &broken], 3, true, says),
        (&["graph", "static-calls", &broken], 3, false, says),
        (&["export", "folded", &big], 4, true, says),
        (&["export", "folded", &broken], 3, true, says),
        (&["diff", &plain, &broken], 3, false, says),
        (&["diff", &big, &plain], 4, false, says),
        (&["diff", &big, &broken], 3, false, says),
        (&["graph", "states", &plain], 0, false, quiet),
        (&["diff", &plain, &plain], 0, false, quiet),
    ] {
        let output = spoor(words);
        assert_eq!(output.status.code(), Some(expected), "{words:?}: {}", error(&output));
        assert_eq!(output.stdout.is_empty(), output_is_empty, "{words:?}: {}", text(&output));
        assert!(
            error(&output).is_empty() == stderr.is_empty() && error(&output).starts_with(stderr),
            "{words:?}: {}",
            error(&output)
        );
    }
}

#[test]
fn a_folder_without_a_module_is_said_so() {
    let folder = folder();
    file(&folder, "notes.txt", "nothing");
    let path = folder.path().to_str().unwrap();
    let output = spoor(&["run", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("there is no module in this folder"), "{}", error(&output));
    let rows = text(&spoor(&["run", path, "--csv"]));
    assert!(rows.lines().nth(1).is_some_and(|row| row.contains("no module in this folder")), "{rows}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_no_wrong_usage() {
    let folder = folder();
    let plain = file(&folder, "plain.wat", r#"(module (func (export "f") nop))"#);
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for words in [
        &["run", &plain][..],
        &["run", &plain, "--json"],
        &["graph", "dynamic", &plain],
        &["export", "folded", &plain],
    ] {
        let to_stdout =
            Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).stdout(full()).output().unwrap();
        let to_file = spoor(&[words, &["-o", "/dev/full"]].concat());
        for output in [to_stdout, to_file] {
            assert_eq!(output.status.code(), Some(5), "{words:?}: {}", error(&output));
            assert!(error(&output).contains("No space left"), "{words:?}: {}", error(&output));
        }
        assert_eq!(
            spoor(&[words, &["-o", "/no/such/folder/x"]].concat()).status.code(),
            Some(2),
            "{words:?}"
        );
    }
}

#[test]
fn standard_input_is_read_once() {
    let plain = corpus("miner.wat");
    for words in [
        &["run", "-q", "-", "-"][..],
        &["diff", "-", "-"],
        &["run", "-", "--stdin", "-"],
        &["run", &plain, "-", "-"],
    ] {
        let output = spoor(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", error(&output));
        assert!(error(&output).contains("once only"), "{words:?}: {}", error(&output));
    }
}

#[test]
fn names_of_the_sample_make_no_lines_in_errors() {
    let folder = folder();
    let sample = file(&folder, "x.wat", HOSTILE);
    for words in [&["trace", &sample, "--invoke", "nosuch"][..], &["dump", &sample, "--invoke", "no\nsuch"]] {
        let output = spoor(words);
        assert_eq!(
            (output.status.code(), error(&output).lines().count()),
            (Some(4), 1),
            "{words:?}: {}",
            error(&output)
        );
        assert!(error(&output).contains("\\u{d}\\n\\u{9b}"), "{}", error(&output));
    }
    // The place in a text is shown below it.
    let broken = file(&folder, "broken.wat", "(module (func (bogus)))");
    let told = error(&spoor(&["trace", &broken]));
    assert!(told.lines().count() > 3 && told.contains("  ^"), "{told}");
}

#[test]
fn what_json_shows_of_a_trace_is_plain_text() {
    let folder = folder();
    let sample = file(
        &folder,
        "x.wat",
        r#"(module (import "e\7f\c2\9b" "\e2\80\ae" (func $f)) (func $"g\e2\80\ae" (export "_start") (call $f)))"#,
    );
    for words in [&["trace", &sample, "--json"][..], &["dump", &sample, "--json"]] {
        let shown = text(&spoor(words));
        assert!(!shown.contains(['\u{7f}', '\u{9b}', '\u{202e}']) && shown.contains("\\u202e"), "{shown}");
    }
}

#[test]
fn a_dump_of_nothing_says_so() {
    let folder = folder();
    let plain = file(&folder, "plain.wat", r#"(module (func (export "f") nop))"#);
    let output = spoor(&["dump", &plain, "--drive", "none"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(error(&output).contains("nothing ran: the module has no start function"), "{}", error(&output));
    assert!(text(&spoor(&["trace", &plain])).contains("nothing ran:"));
    // As `run` does, `dump` calls what seems worth it.
    assert!(text(&spoor(&["dump", &plain])).contains("nop"));
}

#[test]
fn a_trace_says_that_it_has_no_sandbox() {
    let folder = folder();
    let with = file(
        &folder,
        "with.wat",
        r#"(module (import "e" "f" (func $f)) (func (export "_start") (call $f)))"#,
    );
    let without = file(&folder, "without.wat", r#"(module (func (export "_start")))"#);
    let output = spoor(&["trace", &with]);
    assert_eq!(output.status.code(), Some(0));
    assert!(error(&output).contains("1 imported function answered with zeros, without the sandbox"));
    assert_eq!(error(&spoor(&["trace", &without])), "");
}

/// An exception that nothing catches, and an access out of bounds.
const THROWS: &str = r#"(module (tag $t (param i32)) (memory 1)
  (func (export "_start") (throw $t (i32.const 41)))
  (func (export "far") (drop (i32.load (i32.const -1)))))"#;

#[test]
fn why_a_run_ended_is_said() {
    let folder = folder();
    let sample = file(&folder, "x.wat", THROWS);
    let report = text(&spoor(&["run", &sample, "--drive", "none"]));
    assert!(report.contains("an exception was not caught: tag 0 (41) at wasm-function[0]:0x"), "{report}");
    let report = text(&spoor(&["run", &sample, "--invoke", "far"]));
    assert!(report.contains("not to the end: trapped: out of bounds memory access at"), "{report}");
    let report = text(&spoor(&["run", &sample, "--drive", "exports"]));
    assert!(report.contains("2 not to the end; _start: an exception was not caught"), "{report}");
    let traced = json(&["trace", &sample, "--json"]);
    let thrown = &traced["thrown"];
    assert_eq!(
        (&traced["status"], &thrown["tag"], &thrown["function"]),
        (&"thrown".into(), &0.into(), &0.into())
    );
    assert_eq!(thrown["operands"], serde_json::json!([{ "i32": 41 }]));
    assert!(thrown["offset"].is_u64() && thrown["name"].is_null(), "{thrown}");
    assert!(json(&["trace", &sample, "--json", "--invoke", "far"]).get("thrown").is_none());
}

/// All that the output of a sample is, with its line feed, and as many bytes as are counted.
#[test]
fn output_is_shown_as_long_as_it_is_said_to_be() {
    let folder = folder();
    let sample = file(
        &folder,
        "x.wat",
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1) (data (i32.const 8) "caught\n") (data (i32.const 0) "\08\00\00\00\07")
          (func (export "_start") (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"#,
    );
    let report = text(&spoor(&["run", &sample]));
    assert!(report.contains(r#"7 bytes on standard output: "caught\n""#), "{report}");
}

#[test]
fn output_options_that_contradict_each_other_are_refused() {
    let sample = corpus("miner.wat");
    for words in [
        &["--json", "-f", "csv"][..],
        &["--format", "text", "--html"],
        &["-q", "--json"],
        &["-q", "-f", "csv"],
        &["--json", "--csv"],
        &["-q", "-v"],
    ] {
        let output = spoor(&[&["run", &sample], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(error(&output).contains("cannot be used with"), "{words:?}: {}", error(&output));
    }
}

/// A run without instructions is exported in each format.
#[test]
fn nothing_is_exported_as_nothing() {
    let folder = folder();
    let sample = file(&folder, "x.wat", "(module (memory 1))");
    for kind in ["drcov", "modoff", "folded", "flame", "speedscope", "pprof", "chrome", "lcov"] {
        let output = spoor(&["export", kind, &sample]);
        assert_eq!(output.status.code(), Some(0), "{kind}: {}", error(&output));
        assert!(kind != "flame" || text(&output).contains("no instruction ran</text></svg>"), "{kind}");
    }
}

#[test]
fn categories_as_json_are_what_their_help_says() {
    let help = text(&spoor(&["categories", "--help"]));
    assert!(help.contains("list of objects"), "{help}");
    for table in ["wasi", "linux"] {
        let rows = json(&["categories", table, "--json"]);
        let rows = rows.as_array().unwrap();
        assert!(
            rows.len() > 40 && rows.iter().all(|row| row["call"].is_string() && row.get("group").is_some())
        );
    }
}

#[test]
fn mistakes_are_answered_in_plain_words() {
    let folder = folder();
    let sample = file(&folder, "x.wat", r#"(module (import "e" "f" (func)) (func) (func (export "f")))"#);
    let rule = "rule:\n  meta:\n    name: x\n    severty: 2\n    scopes: {static: file, dynamic: process}\n  features:\n    - wasm/metric: nops >= 5\n";
    let rule = file(&folder, "x.yml", rule);
    let nowhere = folder.path().join("none.yml").to_str().unwrap().to_owned();
    for (words, expected) in [
        (&["run", &sample, "--rules", &nowhere][..], &["No such file"][..]),
        (
            &["run", &sample, "--rules", &rule],
            &["did you mean `wasm/severity`?", "write {name: nops, op: \">=\", value: 5}"],
        ),
        (
            &["graph", "cfg", &sample, "--function", "999"],
            &["there is no function 999; functions 1 to 2 have code"],
        ),
        (&["graph", "cfg", &sample, "--function", "0"], &["function 0 is imported and has no code"]),
        (
            &["rules", "explain", "run the CryptoNight main loop"],
            &["did you mean `run the main loop of a CryptoNight miner`?"],
        ),
    ] {
        let output = spoor(words);
        for part in expected.iter().filter(|part| !cfg!(windows) || !part.starts_with("No such")) {
            assert!(error(&output).contains(part), "{words:?}: {}", error(&output));
        }
        assert!(output.stdout.is_empty() && output.status.code().is_some_and(|code| code > 1), "{words:?}");
    }
}

#[test]
fn without_examples_rules_are_not_called_failed() {
    let folder = folder();
    for words in [&["test"][..], &["lint", "--corpus", "corpus"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_spoor"))
            .arg("rules")
            .args(words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(
            (output.status.code(), error(&output).lines().count(), output.stdout.len()),
            (Some(2), 1, 0),
            "{}",
            error(&output)
        );
        assert!(error(&output).contains("no folder corpus here; give --corpus DIR"), "{}", error(&output));
    }
}

#[test]
fn rules_that_examples_name_exist() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut named = 0;
    for page in [text(&spoor(&["rules", "--help"])), text(&spoor(&["rules", "explain", "--help"])), readme] {
        for line in page.lines().filter_map(|line| line.trim().strip_prefix("spoor rules ")) {
            let Some((verb, name)) =
                line.split_once(" '").and_then(|(verb, rest)| Some((verb, rest.split_once('\'')?.0)))
            else {
                continue;
            };
            assert_eq!(
                spoor(&["rules", "explain", name]).status.code(),
                Some(0),
                "`spoor rules {verb} '{name}'`"
            );
            named += 1;
        }
    }
    assert!(named >= 2, "{named} examples name a rule");
}

#[test]
fn a_verdict_at_the_threshold_gives_one() {
    let sample = corpus("miner.wat");
    let verdict = json(&["run", "--json", &sample])["verdict"].as_str().unwrap().to_owned();
    let levels = ["CLEAN", "UNDECIDED", "POTENTIALLY_UNWANTED", "SUSPICIOUS", "MALICIOUS"];
    let rank = levels.iter().position(|level| *level == verdict).unwrap();
    for (fail_on, least) in
        [("undecided", 1), ("unwanted", 2), ("suspicious", 3), ("malicious", 4), ("never", 5)]
    {
        let output = spoor(&["run", "-q", &sample, "--fail-on", fail_on]);
        assert_eq!(
            output.status.code(),
            Some(i32::from(rank >= least)),
            "{verdict} with --fail-on {fail_on}"
        );
    }
    assert_eq!(
        spoor(&["run", "-q", &sample]).status.code(),
        Some(i32::from(rank >= 3)),
        "the default is suspicious"
    );
}

#[test]
fn an_invalid_module_is_reported_and_never_clean() {
    let folder = folder();
    for (name, contents) in [
        ("text.wat", &b"(module (func (result i32)))"[..]),
        ("cut.wasm", b"\0asm\x01\0\0\0\x01\x05"),
        ("none.wasm", b"MZ\x90\0"),
        ("empty.wasm", b""),
    ] {
        let sample = file(&folder, name, contents);
        let printed = text(&spoor(&["run", &sample]));
        assert!(!printed.contains("CLEAN"), "{name}: {printed}");
        let report = json(&["run", "--json", &sample]);
        assert_eq!(report["status"], "invalid", "{name}");
        assert_eq!(report["sample"]["validity"]["kind"], "invalid", "{name}");
        assert!(
            report["sample"]["validity"]["offset"].is_u64()
                && report["sample"]["validity"]["reason"].is_string(),
            "{name}"
        );
        assert_ne!(report["verdict"], "CLEAN", "{name}");
    }
}

#[test]
fn the_quiet_line_is_verdict_score_family_file() {
    let sample = corpus("miner.wat");
    let line = text(&spoor(&["run", "-q", &sample]));
    let report = json(&["run", "--json", &sample]);
    let family = report["family"].as_str().unwrap_or("-");
    assert_eq!(
        line,
        format!("{} {} {family} {sample}\n", report["verdict"].as_str().unwrap(), report["score"])
    );
}

#[test]
fn the_answer_stands_in_the_first_twenty_lines() {
    let sample = corpus("miner.wat");
    let report = json(&["run", "--json", &sample]);
    let printed = text(&spoor(&["run", &sample]));
    let head: Vec<_> = printed.lines().take(20).collect();
    let head = head.join("\n");
    let verdict = format!("{} {}/100", report["verdict"].as_str().unwrap(), report["score"]);
    for part in [
        &*verdict,
        report["sample"]["sha256"].as_str().unwrap(),
        "producers",
        "proposals",
        "coverage",
        "instructions",
        "host authority",
    ] {
        assert!(head.contains(part), "{part} is not in\n{head}");
    }
    for (number, reason) in (1..).zip(report["reasons"].as_array().unwrap().iter().take(3)) {
        let line = head.lines().find(|line| line.starts_with(&format!("  {number:>2}. "))).unwrap();
        let side = if reason["dynamic"] == true { "run" } else { "bytes" };
        let points = format!("{:+}  {side}", reason["weight"].as_i64().unwrap());
        assert!(line.ends_with(&points), "{points} is not behind\n{line}");
        let rules = report["rules"].as_array().unwrap().iter();
        // The sentence of a rule is its own, and its name stands in no line twice.
        if let Some(rule) = rules.clone().find(|rule| rule["name"] == reason["from"]) {
            let sentence = rule["description"].as_str().unwrap().trim_end_matches('.');
            assert!(line.contains(sentence), "{sentence} is not in\n{line}");
            assert!(!head.contains(rule["name"].as_str().unwrap()), "{rule} in\n{head}");
        }
    }
    let limitations = report["limitations"].as_array().unwrap();
    assert_eq!(head.starts_with("limitation:"), !limitations.is_empty(), "limitations stand first");
    assert!(printed.contains("next: spoor run"), "{printed}");
    // The same screen says what it did, what was not seen, and what is left out.
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines.len() <= 50, "{} lines", lines.len());
    for part in ["What it did", "What was not seen", "att&ck", "mbc", "called"] {
        assert!(lines.iter().any(|line| line.starts_with(part)), "{part} is not in\n{printed}");
    }
    let rules = report["rules"].as_array().unwrap();
    let implied = rules.iter().filter(|rule| rule["implied"] == true).count();
    let hidden = match implied {
        0 => format!("not listed here (-v): {} rules, ", rules.len()),
        _ => format!("not listed here (-v): {} rules ({implied} implied by another)", rules.len()),
    };
    assert!(printed.contains(&hidden), "{hidden} is not in\n{printed}");
    let more = text(&spoor(&["run", "-v", &sample]));
    for part in ["Capabilities: the program may", "Malware Behavior Catalog", "sha1", "tlsh"] {
        assert!(!printed.contains(part) && more.contains(part), "{part}: {more}");
    }
}

/// What scripts rely on.
const KEYS: &[&str] = &[
    "schema",
    "tool",
    "verdict",
    "score",
    "family",
    "confidence",
    "status",
    "exit_code",
    "stdout",
    "stderr",
    "instructions",
    "opcodes",
    "findings",
    "correlations",
    "rules",
    "limitations",
    "reasons",
    "attack",
    "sample",
    "view",
    "entries",
    "metrics",
    "functions",
    "call_graph",
    "states",
    "coverage",
    "loops",
    "branches",
    "host_calls",
    "host_calls_cut",
    "files",
    "iocs",
    "fabricated",
    "options",
];

#[test]
fn json_has_its_keys_and_follows_its_schema() {
    let schema: Value = serde_json::from_slice(&spoor(&["schema"]).stdout).unwrap();
    let known = schema["properties"].as_object().unwrap();
    let required: Vec<_> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for sample in ["miner.wat", "wasi-ransomware.wat", "trap-mid-block.wat"] {
        let report = json(&["run", "--json", &corpus(sample)]);
        for key in KEYS.iter().chain(&required) {
            assert!(report.get(key).is_some(), "{sample} lacks {key}");
        }
        for key in report.as_object().unwrap().keys() {
            assert!(known.contains_key(key), "the schema lacks {key}");
        }
        assert_eq!(report["schema"], "spoor.report/1");
    }
}

/// A line of the table of passes is enough for a key of the report and a place in the help.
#[test]
fn every_pass_is_in_the_report_and_in_the_help() {
    let report = json(&["run", "--json", &corpus("miner.wat")]);
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let [help, list] = [&["help", "passes"][..], &["passes"]].map(|call| words(text(&spoor(call))));
    for pass in wasmspoor::passes::PASSES {
        let key = pass.name.replace('-', "_");
        // The report has the sites at the host calls themselves.
        let name = pass.name;
        assert_eq!(
            report.get(&key).is_none(),
            key == "call_sites",
            "the key of pass `{name}` must be `{key}`"
        );
    }
    for pass in wasmspoor::passes::PASSES.iter().chain(wasmspoor::passes::ON_DEMAND) {
        let entry = format!(" {} {} cost: {}", pass.name, pass.help, pass.cost);
        assert!(help.contains(&entry) && list.contains(&entry), "{entry}\n{help}");
    }
}

/// `BLESS=1` rewrites the schema in the documentation.
#[test]
fn the_documented_schema_is_the_program_s() {
    let documented = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    let printed = text(&spoor(&["schema"]));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&documented, printed).unwrap();
    } else {
        assert!(
            fs::read_to_string(&documented).unwrap_or_default() == printed,
            "BLESS=1 rewrites docs/report.schema.json"
        );
    }
}

#[test]
fn counts_of_run_are_those_of_trace() {
    for (sample, export) in [("miner.wat", "mine"), ("worked-example.wat", "main")] {
        let sample = corpus(sample);
        let traced = json(&["trace", "--json", &sample, "--invoke", export]);
        let report = json(&["run", "--json", &sample, "--invoke", export]);
        assert_eq!(report["instructions"], traced["instructions"], "{sample}");
        assert_eq!(report["opcodes"], traced["opcodes"], "{sample}");
    }
}

#[test]
fn sarif_declares_what_it_uses() {
    for sample in ["miner.wat", "wasi-ransomware.wat"] {
        let log = json(&["run", "--sarif", &corpus(sample)]);
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let ids: std::collections::BTreeSet<_> =
            rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), rules.len(), "ids are unique");
        let lines = fs::read_to_string(corpus(sample)).unwrap().lines().count() as u64;
        assert!(run["artifacts"][0]["location"]["uri"].as_str().unwrap().ends_with(sample));
        assert_eq!(run["artifacts"][0]["mimeType"], "text/plain");
        assert_eq!(run["artifacts"][1]["parentIndex"], 0);
        let size = run["artifacts"][1]["length"].as_u64().unwrap();
        for result in run["results"].as_array().unwrap() {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
            assert_eq!(result["kind"] == "fail", result["level"] != "none", "{result}");
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            assert!(result["partialFingerprints"]["ruleAndFunction/v1"].is_string());
            for location in result["locations"].as_array().unwrap() {
                let region = &location["physicalLocation"]["region"];
                let line = region["startLine"].as_u64().unwrap();
                assert!((1..=lines).contains(&line), "{region} of {lines}");
                // The bytes of the module are none of the text.
                assert!(region.get("byteOffset").is_none(), "{region}");
                if let Some(address) = location["physicalLocation"]["address"]["absoluteAddress"].as_u64() {
                    assert!(address < size && line > 1, "{location}");
                }
                assert_eq!(location["physicalLocation"]["artifactLocation"]["index"], 0);
            }
        }
    }
}

#[test]
fn csv_has_a_row_for_each_file_readable_or_not() {
    let folder = folder();
    file(&folder, "b.wat", r#"(module (func (export "f") nop))"#);
    file(&folder, "a.wasm", b"\0asm\x01\0\0\0\x01\x05");
    file(&folder, "readme.txt", "not a sample");
    let hash = file(&folder, "0a1b2c", b"\0asm\x01\0\0\0");
    let output = spoor(&["run", "--csv", folder.path().to_str().unwrap(), "/no/such/file"]);
    assert_eq!(output.status.code(), Some(2));
    let printed = text(&output);
    let rows: Vec<_> = printed.lines().collect();
    assert!(rows[0].starts_with("file,error,verdict,score,family,confidence,status,"), "{}", rows[0]);
    let starts = [&*hash, "a.wasm", "b.wat", "/no/such/file"];
    assert_eq!(rows.len(), 1 + starts.len(), "{printed}");
    for (row, start) in rows[1..].iter().zip(starts) {
        assert!(row.contains(start), "{row} is not {start}");
    }
    assert!(rows[2].contains(",invalid,"), "{}", rows[2]);
    assert!(rows[4].starts_with("/no/such/file,") && rows[4].contains("file"), "{}", rows[4]);
}

#[test]
fn drcov_holds_the_blocks_that_ran() {
    let folder = folder();
    let sample = file(
        &folder,
        "x.wat",
        r#"(module (func (export "f") (param i32) (if (local.get 0) (then (nop)) (else (nop) (nop)))))"#,
    );
    let output = spoor(&["export", "drcov", &sample, "--invoke", "f", "1"]).stdout;
    let at = output.windows(9).position(|window| window == b"BB Table:").unwrap();
    let head = std::str::from_utf8(&output[..at]).unwrap();
    assert!(
        head.starts_with("DRCOV VERSION: 2\nDRCOV FLAVOR: wasmspoor\nModule Table: version 2, count 1\nColumns: id, base, end, "),
        "{head}"
    );
    assert!(head.contains(" 0, 0x80000000, 0x800000") && head.ends_with(", x.wat\n"), "{head}");
    let table = &output[at..];
    let line = table.iter().position(|byte| *byte == b'\n').unwrap();
    assert_eq!(&table[..line], b"BB Table: 2 bbs");
    let blocks = &table[line + 1..];
    assert_eq!(blocks.len(), 16);
    // Against the places that `dump` gives: `local.get`, `if`, and the `nop` of the `then` arm.
    let dumped = text(&spoor(&["dump", "--json", &sample, "--invoke", "f", "1"]));
    let offsets: Vec<u64> = dumped
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["offset"].as_u64())
        .collect();
    assert_eq!(offsets.len(), 3, "{dumped}");
    for (block, offset) in blocks.chunks(8).zip([offsets[0], offsets[2]]) {
        assert_eq!(u64::from(u32::from_le_bytes(block[..4].try_into().unwrap())), offset);
        assert!(u16::from_le_bytes(block[4..6].try_into().unwrap()) > 0);
        assert_eq!(block[6..], [0, 0]);
    }
    let modoff = text(&spoor(&["export", "modoff", &sample, "--invoke", "f", "1"]));
    let expected: String = offsets.iter().map(|offset| format!("x.wat+{offset:x}\n")).collect();
    assert_eq!(modoff, expected);
}

#[test]
fn folded_stacks_weigh_every_instruction() {
    let sample = corpus("miner.wat");
    let total: u64 =
        json(&["trace", "--json", &sample, "--invoke", "mine"])["instructions"].as_u64().unwrap();
    let folded = text(&spoor(&["export", "folded", &sample, "--invoke", "mine"]));
    let sum: u64 = folded.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, total, "{folded}");
    let flame = text(&spoor(&["export", "flame", &sample, "--invoke", "mine"]));
    assert!(flame.contains("<svg") && flame.contains("mine_[5]"), "{flame}");
}

#[test]
fn every_graph_is_dot() {
    let folder = folder();
    let hostile = file(&folder, "x.wat", HOSTILE);
    let has_graphviz = Command::new("dot").arg("-V").output().is_ok();
    if !has_graphviz {
        eprintln!("no Graphviz: only the quoting of the graphs is checked");
    }
    for sample in [hostile, corpus("wasi-ransomware.wat"), corpus("branch-tables.wat")] {
        for kind in
            [&["calls"][..], &["states"], &["dynamic"], &["static-calls"], &["cfg", "--function", "1"]]
        {
            let words = [&["graph"], kind, &[&*sample]].concat();
            let output = spoor(&words);
            if output.status.code() == Some(4) {
                continue;
            }
            let graph = text(&output);
            assert_balanced(&graph);
            assert!(graph.contains("cluster_legend"), "{words:?}");
            if has_graphviz {
                let svg = spoor(&[&words[..], &["-f", "svg"]].concat());
                assert!(
                    svg.status.success() && text(&svg).contains("</svg>"),
                    "{words:?}: {}",
                    String::from_utf8_lossy(&svg.stderr)
                );
            }
        }
    }
}

/// Quotes close on their line, and braces and brackets outside of them balance.
fn assert_balanced(graph: &str) {
    let mut depth = 0i32;
    for line in graph.lines() {
        let (mut in_quotes, mut escaped) = (false, false);
        for char in line.chars() {
            match char {
                _ if escaped => escaped = false,
                '\\' if in_quotes => escaped = true,
                '"' => in_quotes = !in_quotes,
                '{' | '[' if !in_quotes => depth += 1,
                '}' | ']' if !in_quotes => depth -= 1,
                _ => {}
            }
        }
        assert!(!in_quotes, "a quote stays open in {line}");
    }
    assert_eq!(depth, 0, "{graph}");
}

#[test]
fn without_graphviz_the_way_to_it_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["graph", "calls", "-f", "svg", &corpus("miner.wat")])
        .env("PATH", "/no/such/folder")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("Graphviz") && message.contains("apt install graphviz"), "{message}");
}

#[test]
fn a_configuration_file_gives_what_is_not_typed() {
    let folder = folder();
    let sample = corpus("benign-json.wat");
    let config = file(
        &folder,
        "spoor.toml",
        "[all]\npersona = \"workstation\"\n[run]\nformat = \"json\"\nquiet = true\nmax-log = 1\n",
    );
    let run = |words: &[&str]| text(&spoor(&[&["run", "--config", &config, &sample], words].concat()));
    let report: Value = serde_json::from_str(&run(&[])).unwrap();
    assert_eq!(report["host_calls"].as_array().unwrap().len(), 1);
    let plain = json(&["run", &sample, "--json", "--persona", "workstation"]);
    assert_eq!(report["options"], plain["options"]);
    // What is typed wins, and so does what cannot be together with it.
    let report: Value = serde_json::from_str(&run(&["--max-log", "2"])).unwrap();
    assert_eq!(report["host_calls"].as_array().unwrap().len(), 2);
    assert!(run(&["--csv"]).starts_with("file,"));
    let next = run(&["--format", "text", "-v"]);
    assert!(next.contains("next:") && next.contains("--persona workstation"), "{next}");
    let by_variable = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["run", &sample])
        .env("SPOOR_CONFIG", &config)
        .output()
        .unwrap();
    assert!(by_variable.stdout.starts_with(b"{"), "{}", text(&by_variable));
    let shown = text(&spoor(&["config", "--config", &config]));
    assert!(
        shown.contains("[run]\n") && shown.contains("max-log = 1\n") && shown.contains("[record]\n"),
        "{shown}"
    );
    let from = format!("# {config}, named by --config; what is typed wins\n");
    assert!(shown.starts_with(&from) && shown.contains("persona = \"workstation\"  # of [all]\n"), "{shown}");
    // The example of the help is one, and what a subcommand of a subcommand does not take is left out.
    let help = text(&spoor(&["config", "--help"]));
    let (_, example) = help.split_once("A file:\n").unwrap();
    fs::write(&config, example).unwrap();
    assert!(text(&spoor(&["config", "--config", &config])).contains("time-limit = 20"), "{example}");
    fs::write(&config, "[scan]\njobs = 2").unwrap();
    let [part, whole] = ["part", "whole"].map(|name| folder.path().join(name).display().to_string());
    assert!(spoor(&["scan", &sample, "--out", &part, "--config", &config]).status.success());
    let merged = spoor(&["scan", "merge", &part, "--out", &whole, "--config", &config]);
    assert!(merged.status.success(), "{}", error(&merged));
    for (wrong, said) in [
        ("[run]\nno = 1", "no option --no"),
        ("[run]\npersonna = \"x\"", "no option --personna; did you mean `persona`?"),
        ("[all]\nfail_on = \"x\"", "did you mean `fail-on`?"),
        ("[x]\n", "no subcommand `x`"),
        ("[scn]\n", "no subcommand `scn`; did you mean `scan`?"),
        ("run = 1", "no table"),
        ("[", "spoor.toml"),
        ("[run]\nfail-on = \"often\"", "`run`: invalid value 'often' for '--fail-on <LEVEL>'"),
        ("[all]\nmax-log = -1", "invalid value '-1' for '--max-log <N>'"),
        ("[run]\nformat = true", "a value is required for '--format <FORMAT>'"),
    ] {
        fs::write(&config, wrong).unwrap();
        let output = spoor(&["config", "--config", &config]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(error(&output).contains(said), "{wrong}: {}", error(&output));
        let output = spoor(&["run", &sample, "--config", &config]);
        assert!(error(&output).contains(&format!("{config}: ")), "{wrong}: {}", error(&output));
    }
    // A line may be of any length: it is named, not shown.
    fs::write(&config, format!("[run]\nx = {}", "y".repeat(5000))).unwrap();
    let said = error(&spoor(&["run", &sample, "--config", &config]));
    assert!(said.contains("line 2, column 5: ") && said.len() < 500, "{said}");
    // The mistake is seen only when the value is used: the message says where options come from.
    fs::write(&config, "[run]\npersona = \"nobody\"").unwrap();
    let output = spoor(&["run", &sample, "--config", &config]);
    assert!(error(&output).contains(&format!("options are from {config}, too")), "{}", error(&output));
    assert_eq!(spoor(&["run", "--config", "/no/such/file", &sample]).status.code(), Some(2));
}

#[test]
fn a_batch_has_a_page() {
    let folder = folder();
    let out = folder.path().join("results");
    let out = out.to_str().unwrap();
    let samples = [corpus("miner.wat"), corpus("benign-json.wat")];
    let scanned = spoor(&["scan", &samples[0], &samples[1], "--out", out, "--html"]);
    assert_eq!(scanned.status.code(), Some(0), "{}", error(&scanned));
    let page = fs::read_to_string(format!("{out}/overview.html")).unwrap();
    let (_, table) = page.split_once("id=\"samples-table\"").unwrap();
    for part in ["MALICIOUS", "miner.wat", "benign-json.wat", "default-src 'none'"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(table.find("miner.wat").unwrap() < table.find("benign-json.wat").unwrap(), "the worst first");
    // Who is accused and is a file of its own has a page, which is linked to.
    let rows = fs::read_to_string(format!("{out}/samples.jsonl")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in rows {
        let report = format!("reports/{}.html", row["sha256"].as_str().unwrap());
        let is_accused = row["verdict"] != "CLEAN";
        assert_eq!(page.contains(&format!("href=\"{report}\"")), is_accused, "{row}");
        match fs::read_to_string(format!("{out}/{report}")) {
            Ok(page) => assert!(is_accused && page.contains("MALICIOUS") && page.contains("miner.wat")),
            Err(_) => assert!(!is_accused, "{row}"),
        }
    }
    // A merge has the page, too, and a list names what is scanned.
    let list = file(&folder, "list", samples.join("\n"));
    let listed = folder.path().join("listed");
    let listed = listed.to_str().unwrap();
    let scanned = spoor(&["scan", "--files-from", &list, "--out", listed]);
    assert_eq!(scanned.status.code(), Some(0), "{}", error(&scanned));
    let merged = folder.path().join("merged");
    let merged = merged.to_str().unwrap();
    let said = spoor(&["scan", "merge", out, listed, "--out", merged, "--html"]);
    assert_eq!(said.status.code(), Some(0), "{}", error(&said));
    let page = fs::read_to_string(format!("{merged}/overview.html")).unwrap();
    assert!(page.contains("2 samples in a batch") && !page.contains("href=\"reports/"), "{page}");
    assert_eq!(spoor(&["scan", "--files-from", "nowhere"]).status.code(), Some(2));
}

/// The functions that are drawn are those asked for, the others are counted, and heat has its thresholds.
#[test]
fn a_graph_shows_what_is_asked_for_and_counts_the_rest() {
    let folder = folder();
    let calls = "(call $b) (call $c)";
    let text_of = format!(
        r#"(module (import "env" "log" (func $log))
        (func $a (export "_start") {calls}) (func $b (call $d) (call $log)) (func $c nop)
        (func $d (local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 99)))))
        (func $never (call $c)))"#
    );
    let sample = file(&folder, "x.wat", &text_of);
    let graph = |words: &[&str]| text(&spoor(&[&["graph", words[0], &sample], &words[1..]].concat()));
    let nodes = |graph: &str| -> Vec<String> {
        let drawn = graph.split("subgraph cluster_legend").next().unwrap().lines();
        let nodes = drawn.filter(|line| line.contains("[label=") && !line.contains("->"));
        nodes.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let all = ["host", "f0", "f1", "f2", "f3", "f4", "f5"];
    let whole = graph(&["dynamic"]);
    assert_eq!(nodes(&whole), all);
    assert_eq!(nodes(&graph(&["dynamic", "--top", "0"])), all);
    let top = graph(&["dynamic", "--top", "1"]);
    assert_eq!(nodes(&top), ["host", "f4", "others", "never", "imports"]);
    assert!(top.contains("3 other functions executed") && top.contains("1 function never executed"), "{top}");
    assert!(top.contains("drawn: 1 of 6 functions, the hottest"), "{top}");
    let around = graph(&["static-calls", "--around", "d", "--depth", "1"]);
    assert_eq!(nodes(&around)[..2], ["f2", "f4"], "{around}");
    let hot = graph(&["dynamic", "--heat"]);
    assert!(
        hot.contains("20 % of the run or more") && hot.contains("penwidth=") && hot.contains("#d7301f"),
        "{hot}"
    );
    assert!(!whole.contains("#d7301f"), "{whole}");
    assert!(graph(&["cfg", "--function", "d", "--heat"]).contains("#d7301f"));
    for words in [
        ["states", "--top", "3"].as_slice(),
        &["dynamic", "--depth", "3"],
        &["states", "--heat"],
        &["static-calls", "--heat"],
    ] {
        let refused = spoor(&[&["graph", words[0], &sample], &words[1..]].concat());
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(error(&refused).contains(words[1]), "{words:?}: {}", error(&refused));
    }
}

/// The fields of a message that have a length, each with its number.
fn protobuf(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let varint = |bytes: &mut &[u8]| {
        let len = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let (number, rest) = bytes.split_at(len);
        *bytes = rest;
        number.iter().rev().fold(0u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
    };
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = varint(&mut bytes);
        if tag & 7 == 2 {
            let (field, rest) = bytes.split_at(value as usize);
            fields.push((tag >> 3, field));
            bytes = rest;
        }
    }
    fields
}

#[test]
fn exports_for_profilers_hold_the_run() {
    let sample = corpus("miner.wat");
    let run = json(&["run", "--json", &sample]);
    let speedscope = json(&["export", "speedscope", &sample]);
    let weights = speedscope["profiles"][0]["weights"].as_array().unwrap();
    let sum: u64 = weights.iter().map(|weight| weight.as_u64().unwrap()).sum();
    assert_eq!(run["instructions"], sum);
    assert_eq!(speedscope["profiles"][0]["endValue"], sum);
    let frames = speedscope["shared"]["frames"].as_array().unwrap().len() as u64;
    for sample in speedscope["profiles"][0]["samples"].as_array().unwrap() {
        assert!(sample.as_array().unwrap().iter().all(|frame| frame.as_u64().unwrap() < frames));
    }
    let pprof = spoor(&["export", "pprof", &sample]).stdout;
    let values = protobuf(&pprof).into_iter().filter(|(field, _)| *field == 2).map(|(_, sample)| {
        let value = protobuf(sample).into_iter().find(|(field, _)| *field == 2).unwrap().1;
        value.iter().rev().fold(0u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
    });
    assert_eq!(run["instructions"], values.sum::<u64>());
    let chrome = json(&["export", "chrome", &corpus("d1-xor-loop.wat")]);
    let events = chrome["traceEvents"].as_array().unwrap();
    let of = |kind: &str| events.iter().filter(|event| event["ph"] == kind).count();
    assert!(of("C") > 0, "memory grows: {chrome}");
    let chrome = json(&["export", "chrome", &corpus("dropper.wat")]);
    let events = chrome["traceEvents"].as_array().unwrap();
    let host = events.iter().filter(|event| event["cat"] == "host").count();
    let run = json(&["run", "--json", &corpus("dropper.wat")]);
    assert_eq!(host, run["host_calls"].as_array().unwrap().len());
    assert!(events.iter().any(|event| event["cat"] == "entry"), "{chrome}");
}

/// Lines of a text, against what its instructions counted.
#[test]
fn lcov_has_the_lines_that_ran() {
    let folder = folder();
    let lines = [
        "(module",
        "(func $f (export \"_start\")",
        "nop",
        "(if (i32.const 0)",
        "(then",
        "nop)))",
        "(func $g",
        "nop))",
    ];
    let sample = file(&folder, "x.wat", lines.join("\n"));
    let lcov = text(&spoor(&["export", "lcov", &sample]));
    for part in [
        "SF:",
        "FN:3,f",
        "FNDA:1,f",
        "FNDA:0,g",
        "FNF:2\nFNH:1",
        "DA:3,1",
        "DA:6,0",
        "DA:8,0",
        "end_of_record",
    ] {
        assert!(lcov.contains(part), "{part} is not in\n{lcov}");
    }
    // Names are what functions go by there.
    let twins = lines.join("\n").replace("(func $g", "(func (@name \"f\")");
    let lcov = text(&spoor(&["export", "lcov", &file(&folder, "y.wat", twins)]));
    assert!(lcov.contains("FNDA:1,func 0 (f)\nFNDA:0,func 1 (f)\n"), "{lcov}");
    let binary = file(&folder, "x.wasm", wat::parse_str("(module (func (export \"_start\") nop))").unwrap());
    let output = spoor(&["export", "lcov", &binary]);
    assert_eq!(output.status.code(), Some(4));
    assert!(error(&output).contains("no debug information"), "{}", error(&output));
}

#[test]
fn a_loop_s_back_edge_carries_its_count() {
    let folder = folder();
    let sample = file(
        &folder,
        "x.wat",
        r#"(module (func (export "f") (param i32)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#,
    );
    let graph = text(&spoor(&["graph", "cfg", &sample, "--function", "0", "--invoke", "f", "10"]));
    assert!(graph.contains("label=\"taken 9 (back)\""), "{graph}");
    assert!(graph.contains("executed 10 times"), "{graph}");
}

#[test]
fn diff_tells_what_changed_and_nothing_else() {
    let folder = folder();
    let a = file(&folder, "a.wat", r#"(module (func (export "f") (result i32) (i32.const 1)))"#);
    let b = file(
        &folder,
        "b.wat",
        r#"(module (func (export "g") (result i32) (i32.xor (i32.const 1) (i32.const 2))))"#,
    );
    let same = text(&spoor(&["diff", &a, &a]));
    assert!(same.contains("no difference: the same module"), "{same}");
    let diff = json(&["diff", "--json", &a, &b]);
    assert_eq!(diff["schema"], "spoor.diff/1");
    assert_eq!(diff["same_bytes"], false);
    assert_eq!(diff["lists"]["exports"]["only_a"], serde_json::json!(["f function"]));
    assert_eq!(diff["lists"]["exports"]["only_b"], serde_json::json!(["g function"]));
    assert_eq!(diff["counts"]["static.xor"], serde_json::json!({"a": 0, "b": 1}));
    let printed = text(&spoor(&["diff", &a, &b]));
    assert!(printed.contains("  - f function") && printed.contains("  + g function"), "{printed}");
}

#[test]
fn a_file_gets_the_same_as_standard_output() {
    let folder = folder();
    let to = folder.path().join("report");
    let sample = corpus("miner.wat");
    for way in [&["run", "--json"][..], &["run", "-v"], &["graph", "calls"], &["export", "drcov"]] {
        let printed = spoor(&[way, &[&*sample]].concat()).stdout;
        let output = spoor(&[way, &[&*sample, "-o", to.to_str().unwrap()]].concat());
        assert!(output.stdout.is_empty(), "{way:?}");
        assert!(fs::read(&to).unwrap() == printed, "{way:?}");
    }
}

/// Names and lines come from another file; the verdict stays as it was.
#[test]
fn symbols_are_taken_from_another_file() {
    let folder = folder();
    let text = "(module (func $first nop) (func $run_it (export \"_start\") (call $first)))";
    let named = wat::parse_str(text).unwrap();
    let stripped =
        wat::parse_str(text.replace("$first", "").replace("$run_it ", "").replace("call ", "call 0"));
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (named, sample) = (path("named.wasm", &named), path("sample.wasm", &stripped.unwrap()));
    let plain = json(&["run", "--json", &sample]);
    let with = json(&["run", "--json", "--symbols", &named, &sample]);
    assert_eq!(with["functions"][0]["name"], "first", "{with}");
    assert_eq!(plain["functions"][0]["name"], serde_json::Value::Null);
    assert_eq!(plain["verdict"], with["verdict"]);
    assert_eq!(plain["sample"], with["sample"]);
    // The body of the first function is the first byte of the map's line that has a source: `lcov` has it.
    let offset = plain["view"]["functions"][0]["offset"].as_u64().unwrap();
    let map = path("sample.wasm.map", source_map(offset).as_bytes());
    let lines = spoor(&["export", "lcov", "--symbols", &map, &sample]);
    let lines = String::from_utf8(lines.stdout).unwrap();
    assert!(lines.contains("SF:src/first.ts\n"), "{lines}");
    for (bytes, words) in [
        (&b"neither"[..], "neither a module nor a source map"),
        (&wat::parse_str("(module (func))").unwrap(), "it has 1 functions, the sample has 2"),
        (&wat::parse_str("(module)").unwrap(), "neither a name section nor debug information"),
    ] {
        let refused = spoor(&["run", "--symbols", &path("bad", bytes), &sample]);
        assert_eq!(refused.status.code(), Some(2), "{words}");
        assert!(error(&refused).contains(words), "{}", error(&refused));
    }
    let many = spoor(&["run", "--symbols", &named, &sample, &sample]);
    assert_eq!(many.status.code(), Some(2));
    assert!(error(&many).contains("--symbols are of one sample"), "{}", error(&many));
}

#[test]
fn a_recorded_run_is_shown_with_names_and_lines_of_another_file() {
    let folder = folder();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = r#"(module (memory 1) (global $kept (mut i32) (i32.const 0))
        (func $fill (param i32) (i32.store (i32.const 16) (i32.add (local.get 0) (i32.const 2))))
        (func $run_it (export "_start") (call $fill (i32.const 40))))"#;
    let stripped = text.replace("$kept ", "").replace("$run_it ", "").replace("call $fill", "call 0");
    let stripped = wat::parse_str(stripped.replace("$fill ", "")).unwrap();
    let (sample, trace) = (path("sample.wasm", &stripped), path("sample.spoor", b""));
    let named = path("named.wasm", &wat::parse_str(text).unwrap());
    let offset = json(&["run", "--json", &sample])["view"]["functions"][0]["offset"].as_u64().unwrap();
    let map = path("sample.wasm.map", source_map(offset).as_bytes());
    assert_eq!(spoor(&["record", "--force", "-o", &trace, &sample]).status.code(), Some(0));
    // The store is the sixth instruction: const, call, const, local.get, const, add, store.
    for (command, more) in [
        ("state", &["--at", "6"][..]),
        ("slice", &["--at", "6"]),
        ("who-wrote", &["--at", "7", "16:4"]),
        ("find", &["--value", "42"]),
        ("dump", &["--opcode", "i32.store"]),
    ] {
        let lines = shown(&[&[command, &trace, "--symbols", &map], more].concat());
        assert!(
            lines.contains("  src/first.ts:7") || lines.contains(";; src/first.ts:7"),
            "{command}: {lines}"
        );
        let how = if command == "slice" { "--format=json" } else { "--json" };
        let json = shown(&[&[command, &trace, "--symbols", &map, how], more].concat());
        assert!(json.contains("src/first.ts"), "{command}: {json}");
        assert!(!shown(&[&[command, &trace], more].concat()).contains("first.ts"), "{command}");
    }
    let state = shown(&["state", &trace, "--symbols", &named, "--at", "6"]);
    assert!(state.contains("wasm-function[0]") && state.contains(" fill, at i32.store"), "{state}");
    let of_one = shown(&["dump", &trace, "--symbols", &named, "--function", "fill"]);
    assert_eq!(of_one.lines().count(), 5, "{of_one}");
    let talk = talk_to(&["debug", &trace, "--symbols", &named], "break function fill\ncontinue\nbacktrace\n");
    assert!(talk.contains("stopped at 1: function wasm-function[0] fill"), "{talk}");
    let talk = talk_to(&["debug", &trace, "--symbols", &map], "goto 6\nwhere\n");
    assert!(talk.contains(";; src/first.ts:7") && talk.contains("i32.store"), "{talk}");
}

/// What a command says that reads `input`.
fn talk_to(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// A source map: from `offset` on line 7 of a file.
fn source_map(offset: u64) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |number: u64| {
        let (mut rest, mut text) = (number << 1, String::new());
        loop {
            let more = rest >> 5 != 0;
            text.push(DIGITS[(rest & 31 | u64::from(more) << 5) as usize].into());
            rest >>= 5;
            if !more {
                return text;
            }
        }
    };
    let mappings = format!("{}AMA", digits(offset));
    format!(r#"{{"version":3,"sources":["src/first.ts"],"names":[],"mappings":"{mappings}"}}"#)
}

/// A file that is written over another takes its place when it is whole, and never that of the sample.
#[test]
fn output_takes_no_file_that_is_read_or_not_yet_replaced() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sample, kept, trace) = (path("sample.wat"), path("kept"), path("x.spoor"));
    std::fs::copy(corpus("loop-params.wat"), &sample).unwrap();
    let before = std::fs::read(&sample).unwrap();
    assert!(spoor(&["record", &sample, "-o", &trace]).status.success());
    for words in [
        &["run", "--html", &sample, "-o", &sample][..],
        &["run", "--json", &sample, "-o", &sample],
        &["graph", "calls", &sample, "-o", &sample],
        &["export", "drcov", &sample, "-o", &sample],
        &["report", &trace, "-o", &trace],
    ] {
        let refused = spoor(words);
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(error(&refused).contains("would take its place"), "{}", error(&refused));
    }
    assert_eq!(std::fs::read(&sample).unwrap(), before);
    std::fs::write(&kept, "kept").unwrap();
    for words in [
        &["run", "-f", "misp", &sample, &corpus("miner.wat"), "-o", &kept][..],
        &["run", "--json", &path("absent"), "-o", &kept],
        &["run", "--persona", "nosuch", &sample, "-o", &kept],
    ] {
        assert_eq!(spoor(words).status.code(), Some(2), "{words:?}");
        assert_eq!(std::fs::read(&kept).unwrap(), b"kept", "{words:?}");
    }
    assert!(spoor(&["run", "--json", &sample, "-o", &kept]).status.success());
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    assert_eq!(report["status"], "exited");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left");
}

/// A list may name a text or the module made from it; what is packed is for `spoor scan`.
#[test]
fn a_text_is_known_by_either_hash() {
    let folder = folder();
    let list = folder.path().join("list");
    let of_file = json(&["run", "--json", &corpus("loop-params.wat")])["sample"]["sha256"].clone();
    let of_text = sha256(&std::fs::read(corpus("loop-params.wat")).unwrap());
    for hash in [of_file.as_str().unwrap(), &of_text] {
        std::fs::write(&list, format!("{hash}  a release 1.0")).unwrap();
        let list = list.to_str().unwrap();
        let report = json(&["run", "--json", "--known", list, &corpus("loop-params.wat")]);
        assert_eq!(report["sample"]["known"], "a release 1.0");
    }
    let packed = folder.path().join("packed.gz");
    std::fs::write(&packed, b"\x1f\x8b\x08\0\0\0\0\0").unwrap();
    let said = spoor(&["run", packed.to_str().unwrap()]);
    assert!(error(&said).contains("`spoor scan` looks into archives"), "{}", error(&said));
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("everything: not one instruction of it ran"), "{text}");
    assert!(!text.contains("T1027"), "{text}");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn whoever_puts_the_file_behind_an_export_is_told_where_it_goes() {
    let file = corpus("call-depth.wat");
    for command in ["run", "trace", "dump"] {
        let refused = spoor(&[command, "--invoke", "_start", &file]);
        assert_eq!(refused.status.code(), Some(2), "{command}");
        assert!(error(&refused).contains("--invoke=EXPORT FILE"), "{command}: {}", error(&refused));
    }
    let told = spoor(&["trace", "--invoke=_start", &file]);
    assert_eq!(told.status.code(), Some(0), "{}", error(&told));
}

/// Names of files are words of the command line.
#[test]
fn what_is_wrong_with_the_command_line_is_said_in_plain_characters() {
    for word in ["-\u{9b}31mX", "--\u{202e}x"] {
        let refused = spoor(&["run", word]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(!error(&refused).contains(['\u{9b}', '\u{202e}']), "{:?}", error(&refused));
        assert!(error(&refused).contains("unexpected argument"), "{}", error(&refused));
    }
    let folder = folder();
    let persona = folder.path().join("p.toml");
    std::fs::write(&persona, "description = \"x\"\nargs = 1\n").unwrap();
    let refused = spoor(&["run", "--persona", persona.to_str().unwrap(), &corpus("loop-params.wat")]);
    assert!(error(&refused).contains("\n2 | args = 1\n"), "{}", error(&refused));
}

/// Readers that keep numbers as floats round a seed; its text says which run is repeated.
#[test]
fn a_seed_that_was_rounded_is_known_by_its_text() {
    let (folder, sample) = (folder(), corpus("loop-params.wat"));
    let seed = "9007199254740993";
    let mut options = json(&["run", "--json", "--seed", seed, &sample])["options"].clone();
    assert_eq!(options["seed_text"], seed);
    options["seed"] = 9_007_199_254_740_992_u64.into();
    let path = folder.path().join("options.json");
    std::fs::write(&path, options.to_string()).unwrap();
    let again = json(&["run", "--json", "--options", path.to_str().unwrap(), &sample]);
    assert_eq!(again["options"]["seed"], 9_007_199_254_740_993_u64);
}

#[test]
fn what_comes_next_is_one_word_of_a_shell() {
    let folder = folder();
    let sample = fs::read(corpus("miner.wat")).unwrap();
    let names = ["a b.wat", "x\ny.wat", "esc\u{1b}[31m.wat", "q'$(id).wat", "turned\u{202e}.wat"];
    let names = names.iter().map(OsStr::new).chain([OsStr::from_bytes(b"no\xfftext.wat"), OsStr::new("-d")]);
    for name in names {
        fs::write(folder.path().join(name), &sample).unwrap();
        let mut run = Command::new(env!("CARGO_BIN_EXE_spoor"));
        let report = text(&run.current_dir(&folder).arg("run").arg("--").arg(name).output().unwrap());
        let (_, next) = report.split_once("next: ").unwrap();
        assert!(
            next.chars().all(|letter| letter == '\n'
                || wasmspoor::text::line(&letter.to_string()).len() == letter.len_utf8()),
            "{next:?}"
        );
        // A shell finds the file under the word that is printed.
        let line = next
            .lines()
            .next()
            .unwrap()
            .replace("spoor run", "ls -d")
            .split(" -v ")
            .next()
            .unwrap()
            .to_owned();
        let found = Command::new("bash").current_dir(&folder).args(["-c", &line]).output().unwrap();
        assert!(found.status.success(), "{line}: {}", error(&found));
    }
}

#[test]
fn folders_are_counted_as_folders() {
    let folder = folder();
    let sample = file(
        &folder,
        "x.wat",
        r#"(module
          (import "wasi_snapshot_preview1" "path_create_directory" (func $mk (param i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "one")
          (data (i32.const 8) "two")
          (func (export "_start")
            (drop (call $mk (i32.const 3) (i32.const 0) (i32.const 3)))
            (drop (call $mk (i32.const 3) (i32.const 8) (i32.const 3)))))"#,
    );
    let report = text(&spoor(&["run", &sample]));
    assert!(report.contains("created     2 folders: "), "{report}");
}

#[test]
fn rules_are_linted_without_a_folder_of_examples() {
    let folder = folder();
    let rule = file(
        &folder,
        "a.yml",
        "rule:\n  meta:\n    name: Do a thing\n    scopes: {static: file, dynamic: process}\n  features:\n    - import: a\n",
    );
    let lint = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["rules", "lint", &rule])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = text(&lint);
    assert_eq!(lint.status.code(), Some(1), "{said}{}", error(&lint));
    assert!(said.contains("a.yml: Do a thing: the name completes"), "{said}");
    assert!(said.contains("1 rule, ") && said.contains("examples were not looked for"), "{said}");
}

#[test]
fn what_was_not_followed_is_said() {
    let sample = corpus("wasi-ransomware.wat");
    let said = "the data that it was given was not followed";
    let followed = text(&spoor(&["run", "--fail-on", "never", &sample]));
    assert!(!followed.contains(said), "{followed}");
    let text_of = text(&spoor(&["run", "--fail-on", "never", "--values", "off", &sample]));
    let unseen = text_of.split("What was not seen").nth(1).unwrap();
    assert!(unseen.contains(said) && !unseen.contains("nothing: every function ran"), "{unseen}");
    let page = text(&spoor(&["run", "--fail-on", "never", "--values", "off", "--html", &sample]));
    assert!(page.contains("The data that it was given was not followed"));
}

/// The files and streams of WASI 0.2 are numbers, and what is done with them is told by their names.
#[test]
fn deeds_of_a_component_name_its_files() {
    let sample = corpus("component-locker.wat");
    let report = json(&["run", "--json", "--fail-on", "never", &sample]);
    let did: Vec<_> =
        report["timeline"].as_array().unwrap().iter().map(|step| step["did"].as_str().unwrap()).collect();
    for what in
        ["reads from \"/home/user/", "writes to \"/home/user/", "lists \"/home/user", "closes \"/home/user/"]
    {
        assert!(did.iter().any(|did| did.starts_with(what)), "{what} in {did:#?}");
    }
}
