//! Options that no other test of the command line has: each changes what it says that it changes.
//! `src/cli/tests.rs` finds an option that stands in no test.

#[path = "common/command.rs"]
mod command;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use command::{json, shown, spoor, told};
use serde_json::Value;

/// `one` asks for the time and calls out once, `two` calls out fifty times.
const CALLER: &str = r#"(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
  (import "env" "ask" (func $ask (param i32) (result i32))) (memory (export "memory") 1)
  (func (export "one") (result i64)
    (drop (call $now (i32.const 0) (i64.const 1) (i32.const 8))) (drop (call $ask (i32.const 3)))
    (i64.load (i32.const 8)))
  (func (export "two") (local $i i32)
    (loop $l (drop (call $ask (local.get $i)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))))"#;

/// A folder with the file `caller.wat`, and the path of that.
fn caller() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("caller.wat");
    fs::write(&path, CALLER).unwrap();
    (folder, path)
}

/// The report of a run with further options.
fn run(path: &Path, options: &[&str]) -> Value {
    json(&[&["run", path.to_str().unwrap(), "--json", "--fail-on", "never"], options].concat())
}

fn names(report: &Value) -> Vec<&str> {
    report["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[test]
fn drive_says_which_exports_are_called() {
    let (_folder, path) = caller();
    assert_eq!(names(&run(&path, &["--drive", "exports"])), ["two", "one"]);
    assert_eq!(names(&run(&path, &["--drive", "two"])), ["two"]);
    assert!(names(&run(&path, &["--drive", "none"])).is_empty());
}

#[test]
fn epoch_is_the_time_that_the_sample_sees() {
    let (_folder, path) = caller();
    let report = run(&path, &["--invoke", "one", "--epoch", "1000000000"]);
    // Beyond 2^53 a number would be rounded: it is text.
    let nanos: i64 = report["entries"][0]["results"][0]["i64"].as_str().unwrap().parse().unwrap();
    assert_eq!(nanos / 1_000_000_000, 1_000_000_000, "{nanos}");
    let refused = spoor(&["run", path.to_str().unwrap(), "--epoch", "18446744074"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn calls_of_the_host_are_limited_and_so_is_their_log() {
    let (_folder, path) = caller();
    let report = run(&path, &["--invoke", "two", "--max-host-calls", "7"]);
    assert_eq!(report["entries"][0]["end"]["limit"], "host_calls", "{}", report["entries"][0]["end"]);
    let report = run(&path, &["--invoke", "two", "--max-log", "10"]);
    assert_eq!((report["host_calls"].as_array().unwrap().len(), &report["host_calls_cut"]), (10, &40.into()));
}

#[test]
fn a_stub_answers_the_host_calls_that_it_names() {
    let (folder, path) = caller();
    let stub = folder.path().join("stub.toml");
    fs::write(&stub, "[[stub]]\nname = \"ask\"\nreturns = 4711\n").unwrap();
    let report = run(&path, &["--invoke", "two", "--stub", stub.to_str().unwrap()]);
    let calls = report["host_calls"].as_array().unwrap();
    assert!(calls.len() == 50 && calls.iter().all(|call| call["results"][0]["i32"] == 4711), "{}", calls[0]);
}

#[test]
fn a_trace_that_is_full_stops_or_is_spilled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wat");
    // Decisions that do not compress.
    let text = r#"(module (func (export "main") (local $i i32) (local $x i32) (local.set $x (i32.const 1))
      (loop $l
        (local.set $x (i32.mul (i32.add (local.get $x) (local.get $i)) (i32.const 1103515245)))
        (if (i32.and (i32.shr_u (local.get $x) (i32.const 16)) (i32.const 1)) (then nop))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8000000))))))"#;
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let trace = |action: &str| {
        let words =
            ["trace", path, "--invoke", "main", "--max-trace", "1", "--at-max-trace", action, "--json"];
        json(&words)["entries"].as_array().unwrap().last().unwrap()["status"].clone()
    };
    assert_eq!((trace("stop"), trace("spill")), ("stopped".into(), "returned".into()));
}

#[test]
fn a_detached_recording_needs_its_sample() {
    let (folder, path) = caller();
    let (path, trace) = (path.to_str().unwrap(), folder.path().join("x.spoor"));
    let trace = trace.to_str().unwrap();
    shown(&["record", path, "--output", trace, "--detached"]);
    assert_eq!(spoor(&["report", trace]).status.code(), Some(2));
    assert!(shown(&["report", trace, "--sample", path]).contains("caller.wat"));
}

#[test]
fn a_listing_has_the_opcodes_asked_for_up_to_a_limit() {
    let (_folder, path) = caller();
    let words = ["dump", path.to_str().unwrap(), "--invoke", "two", "--opcode", "br_if", "--limit", "9"];
    let lines = shown(&words);
    assert_eq!(lines.lines().filter(|line| line.contains("br_if")).count(), 9, "{lines}");
    assert!(!lines.contains("i32.add"), "{lines}");
}

#[test]
fn a_report_is_as_long_as_it_is_asked_to_be() {
    let (_folder, path) = caller();
    let words = ["run", path.to_str().unwrap(), "--fail-on", "never"];
    let lines = |option: &[&str]| shown(&[&words, option].concat()).lines().count();
    assert_eq!(lines(&["--quiet"]), 1);
    assert!(lines(&["--verbose"]) > lines(&[]));
}

#[test]
fn rules_of_ones_own_can_be_the_only_ones() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.yar"), "rule mine { condition: filesize < 1MB }").unwrap();
    let own = ["rules", "list", "--rules", folder.path().to_str().unwrap()];
    let only = shown(&[&own[..], &["--only"]].concat());
    assert!(only.contains("mine") && only.lines().count() < 5, "{only}");
    assert!(shown(&own).lines().count() > 80);
}

#[test]
fn rule_files_are_laid_out_and_nothing_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rule = "rule:\n    meta: {name:   x, scopes: {static: file, dynamic: file}} # why\n    features:\n    \
                - import: a\n";
    let laid_out = "rule:\n  meta: {name: x, scopes: {static: file, dynamic: file}} # why\n  features:\n    \
                    - import: a\n";
    fs::create_dir(path("inner")).unwrap();
    for name in ["a.yml", "inner/b.yaml", "c.yar", "d.txt"] {
        fs::write(path(name), rule).unwrap();
    }
    let all = folder.path().to_str().unwrap();
    let check = spoor(&["rules", "fmt", "--check", all]);
    assert_eq!(check.status.code(), Some(1));
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(
        said.contains("a.yml") && said.contains("b.yaml") && said.ends_with("2 of 2 files to lay out\n"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(path("a.yml")).unwrap(), rule, "--check changes nothing");
    assert!(shown(&["rules", "fmt", all]).ends_with("2 of 2 files laid out\n"));
    for (name, expected) in
        [("a.yml", laid_out), ("inner/b.yaml", laid_out), ("c.yar", rule), ("d.txt", rule)]
    {
        assert_eq!(fs::read_to_string(path(name)).unwrap(), expected, "{name}");
    }
    assert!(spoor(&["rules", "fmt", "--check", all]).status.success());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left behind");
    // A broken file is named and left alone, and the others are done.
    fs::write(path("broken.yml"), "rule: [\n").unwrap();
    fs::write(path("a.yml"), rule).unwrap();
    let output = spoor(&["rules", "fmt", all]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && error.contains("broken.yml:"), "{error}");
    assert_eq!(fs::read_to_string(path("broken.yml")).unwrap(), "rule: [\n");
    assert_eq!(fs::read_to_string(path("a.yml")).unwrap(), laid_out);
    assert_eq!(spoor(&["rules", "fmt", path("d.txt").to_str().unwrap()]).status.code(), Some(2));
}

#[test]
fn editors_lay_out_standard_input_and_ask_for_the_schema() {
    let through = |words: &[&str], text: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spoor"))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(through(&["rules", "fmt", "-"], "a:   b"), (Some(0), "a: b\n".to_owned()));
    assert_eq!(through(&["rules", "fmt", "--check", "-"], "a:   b"), (Some(1), String::new()));
    assert_eq!(through(&["rules", "fmt", "-"], "a: [").0, Some(2));
    let schema = json(&["rules", "schema"]);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let rule = |name: &str| {
        serde_json::json!({"rule": {
            "meta": {"name": name, "scopes": {"static": "file", "dynamic": "unsupported"}},
            "features": [{"import": "a"}],
        }})
    };
    assert!(validator.is_valid(&rule("x")) && !validator.is_valid(&rule("")));
}

#[test]
fn categories_of_the_paper_leave_five_calls_out() {
    let unknown = |words: &[&str]| {
        let rows = shown(words);
        rows.lines().filter(|line| line.split_whitespace().nth(1) == Some("U")).count()
    };
    assert_eq!(unknown(&["categories", "wasi", "--paper"]), unknown(&["categories", "wasi"]) + 5);
}

#[test]
fn a_model_is_trained_on_runs_and_has_its_note() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, call) in [("good", "clock_time_get"), ("bad", "random_get")] {
        fs::create_dir(folder.path().join(kind)).unwrap();
        for index in 0..4 {
            let params = if call == "random_get" { "i32 i32" } else { "i32 i64 i32" };
            let args = if call == "random_get" {
                "(i32.const 8) (i32.const 8)"
            } else {
                "(i32.const 0) (i64.const 0) (i32.const 8)"
            };
            let text = format!(
                r#"(module (import "wasi_snapshot_preview1" "{call}" (func $f (param {params}) (result i32)))
                (memory (export "memory") 1) (func (export "_start") {}))"#,
                format!("(drop (call $f {args}))").repeat(index + 1)
            );
            fs::write(folder.path().join(kind).join(format!("{index}.wat")), text).unwrap();
        }
    }
    let runs = |kind: &str, label: &str| format!("{}={label}", folder.path().join(kind).display());
    let (bad, good) = (runs("bad", "malicious"), runs("good", "benign"));
    let words = ["classify", "train", "--runs", &bad, "--runs", &good, "--note", "Eight runs, made up."];
    assert!(shown(&words).contains("Eight runs, made up."));
}

#[test]
fn a_file_is_scanned_once_it_has_settled() {
    let (folder, _path) = caller();
    let words = ["watch", folder.path().to_str().unwrap(), "--settle", "0.05"];
    let out = folder.path().join("rows");
    let rows = fs::File::create(&out).unwrap();
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).stdout(Stdio::from(rows)).spawn().unwrap();
    while !fs::read_to_string(&out).unwrap().contains("caller.wat") {
        assert_eq!(child.try_wait().unwrap(), None, "it watches until it is interrupted");
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(spoor(&["watch", ".", "--once", "--settle", "-1"]).status.code(), Some(2));
}

#[test]
fn a_worker_unpacks_what_it_is_given() {
    let (_folder, path) = caller();
    let len = fs::metadata(&path).unwrap().len().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["worker", "--unpack", &len])
        .stdin(fs::File::open(&path).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
}

/// Gives the file types of the three streams: 2 is a terminal, 0 a pipe or a file.
const STREAMS: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $type (param $fd i32) (result i32)
    (drop (call $stat (local.get $fd) (i32.const 64)))
    (i32.load8_u (i32.const 64)))
  (func (export "types") (result i32 i32 i32)
    (call $type (i32.const 0)) (call $type (i32.const 1)) (call $type (i32.const 2))))"#;

#[test]
fn a_stream_is_a_terminal_unless_something_else_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("streams.wat");
    fs::write(&path, STREAMS).unwrap();
    let input = folder.path().join("input");
    fs::write(&input, "5").unwrap();
    let input = input.to_str().unwrap();
    for (options, expected) in [
        (&[][..], [2, 2, 2]),
        (&["--stdin", input], [0, 2, 2]),
        (&["--pipe", "stdout"], [2, 0, 2]),
        (&["--pipe", "stderr", "--pipe", "stdin"], [0, 2, 0]),
    ] {
        let report = run(&path, &[options, &["--invoke", "types"]].concat());
        let found = &report["entries"][0]["results"];
        let expected = expected.map(|kind| serde_json::json!({"i32": kind}));
        assert_eq!(*found, serde_json::json!(expected), "{options:?}");
    }
}

#[test]
fn full_writes_the_lists_that_are_cut_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.wat");
    let functions = "(func (drop (i32.const 7)))".repeat(1_500);
    fs::write(&path, format!("(module {functions} (func (export \"main\")))")).unwrap();
    let (cut, full) = (run(&path, &[]), run(&path, &["--full"]));
    let listed = |report: &Value| report["view"]["functions"].as_array().unwrap().len();
    assert_eq!((listed(&cut), listed(&full)), (1_000, 1_501));
    assert_eq!(cut["cut"]["view.functions"], 501, "{}", cut["cut"]);
    assert!(full["cut"].as_object().is_none_or(|cut| cut.is_empty()));
}

/// Calls that showed nothing new are listed, and what they did is what others did.
#[test]
fn entry_points_that_repeat_others_have_no_metrics_unless_all_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("repeats.wat");
    let branch = "(if (i32.eq (local.get 0) (i32.const 7)) (then (local.set 0 (i32.const 8))))".repeat(200);
    let much = format!("(func (export \"much\") (param i32 i32) {branch})");
    fs::write(&path, format!("(module (memory (export \"memory\") 1) {much})")).unwrap();
    let (cut, full) = (run(&path, &[]), run(&path, &["--full"]));
    let bare = |report: &Value| {
        let entries = report["entries"].as_array().unwrap();
        (entries.len(), entries.iter().filter(|entry| entry.get("metrics") == Some(&Value::Null)).count())
    };
    let ((listed, without), (all, none)) = (bare(&cut), bare(&full));
    assert!(listed == all && without > 0 && none == 0, "{:?} {:?}", bare(&cut), bare(&full));
    assert_eq!(cut["cut"]["entries.metrics"], without, "{}", cut["cut"]);
    let shown = |report: &Value| report["entries"][0]["metrics"]["new_blocks"].as_u64();
    assert!(shown(&cut) > Some(0) && shown(&cut) == shown(&full));
}

#[test]
fn effects_are_kept_in_the_file_on_request() {
    let (folder, path) = caller();
    let recorded = folder.path().join("caller.spoor");
    let (path, recorded) = (path.to_str().unwrap(), recorded.to_str().unwrap());
    shown(&["record", path, "-o", recorded, "--effects"]);
    let info = json(&["info", recorded, "--json"]);
    assert_eq!(info["streams"]["effects"]["chunks"], 1, "{}", info["streams"]);
    shown(&["record", path, "-o", recorded, "--force"]);
    assert!(
        json(&["info", recorded, "--json"])["streams"].get("effects").is_none_or(|kind| kind["chunks"] == 0)
    );
}

/// Standard output of a run in JSON, and of one with the options of this report.
#[test]
fn a_run_is_repeated_with_the_options_of_its_report() {
    let (folder, path) = caller();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    fs::create_dir_all(folder.path().join("d/empty")).unwrap();
    let stub = write("s.toml", b"[[stub]]\nname = \"ask\"\nreturns = 7\n");
    let persona = write("p.toml", b"description = \"nobody\"\nargs = [\"p\"]\n");
    let (stdin, dir) = (write("in", &[255, 0, 7]), folder.path().join("d").to_str().unwrap().to_owned());
    let (file, dir) = (format!("{stdin}::/in"), format!("{dir}::/d"));
    let path = path.to_str().unwrap();
    let common = ["run", path, "--json", "--fail-on", "never"];
    let cases: [&[&str]; 5] = [
        &[],
        &[
            "--persona",
            "server",
            "--seed",
            "5",
            "--epoch",
            "7",
            "--pipe",
            "stdout",
            "--arg=-x",
            "--env",
            "A=B",
        ],
        &["--persona", &persona, "--stdin", &stdin, "--file", &file, "--dir", &dir, "--stub", &stub],
        &["--invoke", "one"],
        &[
            "--drive",
            "two",
            "--max-host-calls",
            "9",
            "--entry-instructions",
            "1000",
            "--max-instructions",
            "2000",
        ],
    ];
    for (number, case) in cases.into_iter().enumerate() {
        let first = shown(&[&common, case].concat());
        let report = write(&format!("{number}.json"), first.as_bytes());
        assert_eq!(shown(&[&common[..], &["--options", &report]].concat()), first, "{case:?}");
        let object: Value = serde_json::from_str(&first).unwrap();
        let alone = write("alone.json", object["options"].to_string().as_bytes());
        assert_eq!(shown(&[&common[..], &["--options", &alone]].concat()), first, "{case:?}");
    }
    let report = folder.path().join("0.json");
    let report = report.to_str().unwrap();
    let wrong = write("wrong.json", b"{\"schema\":\"spoor.report/1\",\"options\":{}}");
    for (words, expected) in [
        (&["--options", report, "--seed", "1"][..], "cannot be used with"),
        (&["--options", report, "--max-depth", "1"], "cannot be used with"),
        (&["--options", path], "these are not the options of a report: expected value at line 1"),
        (&["--options", &wrong], "missing field `drive`"),
        (&["--options", &stdin], "it is not UTF-8"),
        (&["--options", "/nowhere"], "/nowhere"),
    ] {
        let output = spoor(&[&common[..], words].concat());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {message}");
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    // A batch has no export of one sample.
    let report = folder.path().join("3.json");
    let output = spoor(&["scan", path, "--options", report.to_str().unwrap()]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("--options says to call an export"), "{message}");
}

#[test]
fn samples_can_be_named_in_a_file() {
    let (folder, path) = caller();
    let list = folder.path().join("list");
    fs::write(&list, format!("{}\n\n{}\n", path.display(), path.display())).unwrap();
    let words = ["run", "--files-from", list.to_str().unwrap(), "--fail-on", "never"];
    let lines = shown(&words);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.lines().all(|line| line.ends_with("caller.wat")), "{lines}");
    assert_eq!(spoor(&["run", "--files-from", "nowhere"]).status.code(), Some(2));
    assert_eq!(spoor(&["run"]).status.code(), Some(2));
}

/// Names of files are bytes, in a list and on standard input.
#[test]
#[cfg(unix)]
fn lists_of_samples_hold_any_name() {
    use std::{ffi::OsStr, io::Write as _, os::unix::ffi::OsStrExt as _, process};
    let (folder, path) = caller();
    let odd = folder.path().join(OsStr::from_bytes(b"odd \xff\xfe.wat"));
    fs::copy(&path, &odd).unwrap();
    let names = [odd.as_os_str().as_bytes(), b"\n", path.as_os_str().as_bytes(), b"\r\n"].concat();
    let list = folder.path().join("list");
    fs::write(&list, &names).unwrap();
    let out = folder.path().join("scanned");
    for words in
        [&["run", "--quiet", "--files-from"][..], &["scan", "--out", out.to_str().unwrap(), "--files-from"]]
    {
        for from in [list.to_str().unwrap(), "-"] {
            _ = fs::remove_dir_all(&out);
            let mut child = process::Command::new(env!("CARGO_BIN_EXE_spoor"))
                .args(words)
                .arg(from)
                .stdin(process::Stdio::piped())
                .stdout(process::Stdio::piped())
                .stderr(process::Stdio::piped())
                .spawn()
                .unwrap();
            // Who reads the list from the file reads nothing here.
            _ = child.stdin.take().unwrap().write_all(&names);
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{words:?} {from}: {said}");
            if words[0] == "run" {
                assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2, "{from}");
            }
        }
    }
}

#[test]
fn shells_and_manuals_know_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = shown(&["completions", shell]);
        assert!(script.contains("files-from") && script.contains("who-wrote"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    shown(&["man", pages.to_str().unwrap()]);
    let page = fs::read_to_string(pages.join("spoor-run.1")).unwrap();
    assert!(page.contains("files\\-from"), "{page}");
    assert!(pages.join("spoor.1").exists());
}

/// A loop that calls nobody, and ends by itself.
const LONG: &str = r#"(module (func (export "_start") (local i32)
  (loop $l (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3000000))))))"#;

#[test]
fn record_says_which_entry_points_came_to_a_budget() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, trace) = (folder.path().join("long.wat"), folder.path().join("long.spoor"));
    fs::write(&sample, LONG).unwrap();
    let record = |options: &[&str]| {
        let words = ["record", sample.to_str().unwrap(), "--force", "-o", trace.to_str().unwrap()];
        let output = spoor(&[&words, options].concat());
        assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    let [line, note] = record(&["--entry-decisions", "300000"]);
    assert!(line.contains("stopped early: _start (decisions)"), "{line}");
    assert!(note.contains("1 entry point came to a budget") && note.contains("--no-budgets"), "{note}");
    let [line, note] = record(&["--no-budgets"]);
    assert!(!line.contains("stopped") && note.is_empty(), "{line}{note}");
    assert_eq!(
        json(&["report", trace.to_str().unwrap(), "--json"])["entries"][0]["end"]["status"],
        "returned"
    );
    // What bounds the whole run still does.
    let [line, note] = record(&["--no-budgets", "--max-decisions", "300000"]);
    assert!(line.contains("stopped early: _start (decisions)"), "{line}");
    assert!(note.contains("a limit of the whole run") && note.contains("--max-decisions"), "{note}");
    assert_eq!(
        spoor(&["run", sample.to_str().unwrap(), "--no-budgets", "--entry-time", "1"]).status.code(),
        Some(2)
    );
}

/// That it meets its sample and no benign file: `rules::suggest::tests`.
#[test]
fn a_rule_is_suggested_with_its_name_and_without_what_benign_files_have() {
    let corpus = |name: &str| format!("{}/corpus/{name}.wat", env!("CARGO_MANIFEST_DIR"));
    let (sample, other) = (corpus("miner"), corpus("benign-sha256sum"));
    let rule = shown(&["rules", "suggest", &sample, "--benign", &other, "--name", "Draft_1"]);
    assert!(rule.starts_with("rule Draft_1\n") && rule.contains("benign_files = 1"), "{rule}");
    assert!(rule.contains("stratum+tcp://pool.example:3333"), "{rule}");
    let refused = spoor(&["rules", "suggest", &sample, "--benign", &sample]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}

/// The hidden sign of a number shows in no message.
#[test]
fn a_negative_number_is_told_as_it_was_typed() {
    let (_folder, path) = caller();
    let path = path.to_str().unwrap();
    // Of which the first is well formed: the name begins with a dash, and no export has it.
    for (words, expected) in
        [(&["run", path, "--invoke=-x", "-5"][..], 4), (&["run", path, "--invoke", "f", "-5", "--nosuch"], 2)]
    {
        let (code, said) = told(words);
        assert_eq!(code, Some(expected), "{words:?}: {said}");
        assert!(!said.contains('\0') && !said.contains("u{0}"), "{words:?}: {said:?}");
    }
}

/// Of what is no number it is said what is expected, with an example.
#[test]
fn what_is_no_number_is_told_with_one_that_is() {
    let (folder, path) = caller();
    let path = path.to_str().unwrap();
    let whole = "a whole number of 0 or more is expected, in decimal digits, such as 1000";
    for (words, expected) in [
        (&["--seed", "x"][..], whole),
        (&["--seed", "-1"], whole),
        (&["--seed", ""], whole),
        (&["--seed", "0x10"], whole),
        (&["--max-decisions", "1e6"], whole),
        (&["--max-depth", "1.5"], whole),
        (&["--max-decisions", "99999999999999999999"], "the number is too large"),
        (&["--time-limit", "soon"], "a number is expected, such as 2.5"),
        (&["--entry-time", "5s"], "a number is expected, such as 2.5"),
        // The value may say the same.
        (&["--seed", "invalid digit found in string: invalid digit found in string"], whole),
    ] {
        let (code, said) = told(&[&["run", path], words].concat());
        let end = format!("{} <", words[0]);
        assert!(code == Some(2) && said.contains(&end) && said.contains(&format!("': {expected}")), "{said}");
    }
    let config = folder.path().join("c.toml");
    fs::write(&config, "[run]\nseed = \"x\"\n").unwrap();
    let (code, said) = told(&["run", path, "--config", config.to_str().unwrap()]);
    assert!(code == Some(2) && said.contains(whole), "{said}");
}

#[test]
fn a_dump_without_a_line_says_why() {
    let (folder, path) = caller();
    let trace = folder.path().join("x.spoor");
    let (path, trace) = (path.to_str().unwrap(), trace.to_str().unwrap());
    shown(&["record", path, "--invoke", "one", "--effects", "-o", trace]);
    for (words, expected) in [
        (&["dump", path, "--limit", "0"][..], "--limit 0 asks for no line"),
        (&["dump", trace, "--limit", "0"], "--limit 0 asks for no line"),
        (&["dump", trace, "--tenet", "--from", "99999"], "ends before event 99,999"),
        (&["dump", path, "--invoke", "one", "--tenet", "--from", "99999"], "ends before event 99,999"),
        (&["dump", trace, "--from", "99999"], "ends before event 99,999"),
        (&["taint", trace, "--from", "nosuch"], "--from nosuch: no flow begins at a source"),
        (&["taint", trace, "--to", "nosuch"], "--to nosuch: no imported function has that name"),
    ] {
        let output = spoor(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains(expected), "{words:?}: {said}");
    }
}

/// The command tells what is in the file, and the exit code says that it is not all.
#[test]
fn a_trace_file_that_is_cut_off_gives_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sample, whole, cut) = (at("x.wat"), at("whole.spoor"), at("cut.spoor"));
    fs::write(&sample, LONG).unwrap();
    shown(&["record", &sample, "--effects", "-o", &whole]);
    let bytes = fs::read(&whole).unwrap();
    // What came of the run is not there.
    let reader = wasmspoor::file::Reader::open(Path::new(&whole)).unwrap();
    let is_outcome = |frame: &wasmspoor::file::Frame| frame.kind == wasmspoor::file::ChunkKind::Outcome;
    let (_, at) = reader.chunks().iter().find(|(frame, _)| is_outcome(frame)).unwrap();
    fs::write(&cut, &bytes[..*at as usize]).unwrap();
    for command in [
        &["rerun"][..],
        &["dump", "--limit", "3"],
        &["dump", "--tenet", "--to", "3"],
        &["export", "folded"],
        &["taint"],
        &["info"],
    ] {
        let words = |file: &str| {
            let at = if command[0] == "export" { 2 } else { 1 };
            let mut words: Vec<&str> = command.to_vec();
            words.insert(at, file);
            words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
        };
        let told = |file: &str| {
            let words = words(file);
            told(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let (code, said) = told(&whole);
        assert_eq!(code, Some(0), "{command:?}: {said}");
        let (code, said) = told(&cut);
        assert_eq!(code, Some(1), "{command:?}: {said}");
        assert!(!said.is_empty(), "{command:?}");
    }
}

/// The exit code of what cannot be loaded is one, whoever is asked.
#[test]
fn what_is_valid_and_cannot_be_executed_gives_four_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wat");
    let path = path.to_str().unwrap();
    fs::write(path, r#"(module (table 10000001 funcref) (func (export "_start") nop))"#).unwrap();
    for command in ["run", "taint", "dump", "trace"] {
        let (code, said) = told(&[command, path]);
        assert_eq!(code, Some(4), "{command}: {said}");
    }
}

#[test]
fn rules_are_looked_for_where_there_are_some() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let (_other, sample) = caller();
    for words in [
        &["run", sample.to_str().unwrap(), "--rules", empty][..],
        &["rules", "lint", empty],
        &["rules", "fmt", empty],
        &["rules", "list", "--rules", empty],
    ] {
        let (code, said) = told(words);
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert!(said.contains("there is no rule file in it"), "{words:?}: {said}");
    }
    // A file of the folder that is named already is no second rule.
    let rule = "rule:\n  meta:\n    name: nap\n    namespace: test\n    scopes: {static: file, dynamic: unsupported}\n    wasm/severity: 0\n  \
                features:\n    - export: nosuch\n";
    let file = folder.path().join("nap.yml");
    fs::write(&file, rule).unwrap();
    fs::write(folder.path().join("doze.yml"), rule.replace("nap", "doze")).unwrap();
    let (code, said) = told(&["rules", "lint", "--rules", empty, file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 rule, ") && !said.contains("doze"), "{said}");
    let around = format!("{empty}/../{}/nap.yml", folder.path().file_name().unwrap().to_str().unwrap());
    assert!(told(&["rules", "lint", "--rules", empty, &around]).1.contains("1 rule, "));
}
