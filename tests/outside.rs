//! Faults that were found from outside: arguments of host calls as they are shown, trace files that lack
//! something, exports with strange names, folders that hold something.

#[path = "common/command.rs"]
mod command;

use std::{fs, path::Path};

use command::{json, shown, spoor};

/// A folder with one sample.
struct Sample {
    folder: tempfile::TempDir,
}

impl Sample {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sample.wat"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn wat(&self) -> String {
        self.path("sample.wat")
    }

    /// What the arguments of each host call point at, as text.
    fn texts(&self) -> Vec<Vec<Option<String>>> {
        let calls = json(&["run", &self.wat(), "--json"])["host_calls"].clone();
        let text = |arg: &serde_json::Value| arg["points_at"]["text"].as_str().map(str::to_owned);
        let texts = |call: &serde_json::Value| call["args"].as_array().unwrap().iter().map(text).collect();
        calls.as_array().unwrap().iter().map(texts).collect()
    }
}

/// Exit code and standard error.
fn said(words: &[&str]) -> (i32, String) {
    let output = spoor(words);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_length_or_a_small_number_is_no_address_of_a_text() {
    let sample = Sample::new(
        r#"(module
          (import "env" "unknown_pair" (func $pair (param i32 i32)))
          (import "env" "unknown_one" (func $one (param i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "a text at sixteen\00")
          (data (i32.const 100) "another one, long enough to stand at an odd length\00")
          (data (i32.const 2000) "\01\02\03\04\05\06\07\08\09")
          (func (export "_start")
            (call $pair (i32.const 16) (i32.const 17))
            (call $pair (i32.const 100) (i32.const 50))
            (call $pair (i32.const 2000) (i32.const 100))
            (call $pair (i32.const 100) (i32.const 16))
            (call $one (i32.const 17))
            (call $one (i32.const 105))
            (call $one (i32.const 100))))"#,
    );
    let another = "another one, long enough to stand at an odd length";
    let text = |text: &str| Some(text.to_owned());
    let expected = vec![
        vec![text("a text at sixteen"), None],
        vec![text(another), None],
        vec![None, None],
        vec![text(&another[..16]), None],
        vec![None],
        vec![None],
        vec![text(another)],
    ];
    assert_eq!(sample.texts(), expected);
}

#[test]
fn a_long_text_is_shown_as_text_with_the_mark_of_the_cut() {
    let script = "document.write(atob('aGVsbG8=')); ".repeat(200);
    let head = "location = 'http://long.example/'; ";
    let len = head.len() + script.len();
    let sample = Sample::new(&format!(
        r#"(module
          (import "env" "eval" (func $eval (param i32 i32)))
          (import "env" "log_text" (func $log (param i32)))
          (memory (export "memory") 1)
          (data (i32.const 8) "{head}{script}")
          (data (i32.const 20000) "{head}{script}\00")
          (func (export "_start")
            (call $eval (i32.const 8) (i32.const {len}))
            (call $log (i32.const 20000))))"#
    ));
    let text = shown(&["run", &sample.wat(), "-vv"]);
    let mark = format!("{}\"…(+{} bytes)", &format!("{head}{script}")[..80], len - 80);
    for call in ["env.eval(", "env.log_text("] {
        let line = text.lines().find(|line| line.contains(call) && line.contains(&mark));
        assert!(line.is_some(), "{call} {mark}\n{text}");
    }
    let report = json(&["run", &sample.wat(), "--json"]);
    let rules = report["rules"].to_string();
    assert!(rules.contains("eval(\\\"location = 'http://long.example/'"), "{rules}");
    // What is read back from a trace file is the same.
    shown(&["record", &sample.wat(), "-o", &sample.path("sample.spoor")]);
    let read = json(&["report", &sample.path("sample.spoor"), "--json"]);
    assert_eq!(read["rules"], report["rules"]);
    assert_eq!(read["host_calls"], report["host_calls"]);
}

#[test]
fn trace_files_that_lack_something_end_with_one_exit_code() {
    let sample = Sample::new(
        r#"(module (memory (export "memory") 1)
          (func (export "_start") (local i32)
            (loop
              (local.set 0 (i32.add (local.get 0) (i32.const 1)))
              (br_if 0 (i32.lt_u (local.get 0) (i32.const 99))))))"#,
    );
    let whole = sample.path("whole.spoor");
    shown(&["record", &sample.wat(), "-o", &whole]);
    let bytes = fs::read(&whole).unwrap();
    let cut = sample.path("cut.spoor");
    let commands: [&[&str]; 5] = [&["info"], &["rerun"], &["dump"], &["taint"], &["export", "drcov"]];
    let exit = |command: &[&str], file: &str| said(&[command, &[file]].concat());
    for command in commands {
        assert_eq!(exit(command, &whole).0, 0, "{command:?}");
    }
    // The index alone; the end of the run; the sample.
    for len in [bytes.len() - 1, bytes.len() - 64, bytes.len() * 9 / 10, bytes.len() / 2, 80] {
        fs::write(&cut, &bytes[..len]).unwrap();
        for command in commands {
            let (code, message) = exit(command, &cut);
            assert_eq!(code, 1, "{command:?} of {len} of {} bytes: {message}", bytes.len());
        }
    }
    // What a report says by its exit code is the verdict, which is never CLEAN without all of the run.
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    let (code, message) = said(&["report", &cut]);
    assert!(code == 0 && message.contains("the run is all there"), "{code} {message}");
    let lens = (1..20).map(|number| bytes.len() - 50 * number);
    let told = lens.map(|len| {
        fs::write(&cut, &bytes[..len]).unwrap();
        said(&["report", &cut])
    });
    let (code, message) =
        told.into_iter().find(|(_, said)| said.contains("ends before the run did")).unwrap();
    assert_eq!(code, 0, "{message}");
    assert_eq!(said(&["report", &cut, "--fail-on", "undecided"]).0, 1);
    assert_eq!(said(&["report", &whole, "--fail-on", "undecided"]).0, 0);
    fs::write(&cut, b"something else").unwrap();
    // Those that take a sample, too, take it for one that is no module.
    for command in commands {
        let takes_samples = matches!(command, &["dump" | "taint" | "export", ..]);
        assert_eq!(exit(command, &cut).0, if takes_samples { 3 } else { 2 }, "{command:?}");
    }
}

/// A limit of the process on the size of files is an error and no death, and leaves no half of a file.
#[test]
#[cfg(unix)]
fn a_file_that_may_not_grow_is_an_error() {
    // Of many numbers, so that a recording of it is long, too.
    let data: String = (0..4000_u32).map(|n| format!("{} ", n.wrapping_mul(2_654_435_761))).collect();
    let text = format!(r#"(module (memory 1) (data (i32.const 0) "{data}") (func (export "_start") nop))"#);
    let sample = Sample::new(&text);
    for words in ["run SAMPLE --json -o OUT", "record SAMPLE -o OUT", "run SAMPLE --json >OUT"] {
        let out = sample.path("out");
        _ = fs::remove_file(&out);
        let words = words.replace("SAMPLE", &sample.wat()).replace("OUT", &out);
        // Blocks of 512 bytes, or of 1024.
        let line = format!("ulimit -c 0; ulimit -f 1; exec '{}' {words}", env!("CARGO_BIN_EXE_spoor"));
        let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(5) && said.contains("File too large"), "{words}: {said}");
        // A recording is kept as far as it came.
        assert!(!words.starts_with("run") || words.contains('>') || !Path::new(&out).exists(), "{words}");
    }
}

#[test]
fn an_export_whose_name_begins_with_a_dash_is_called() {
    let sample = Sample::new(r#"(module (func (export "-x") (param i32 f64) (result i32) (local.get 0)))"#);
    let traced = json(&["trace", &sample.wat(), "--invoke=-x", "-5", "-inf", "--json"]);
    assert_eq!(traced["entries"][0]["entry"], "-x", "{traced}");
    let report = json(&["run", &sample.wat(), "--json", "--invoke=-x", "-5", "-.5"]);
    assert_eq!(report["entries"][0]["results"][0], serde_json::json!({"i32": -5}), "{report}");
    // The commands that come next name it in the same way.
    let text = shown(&["run", &sample.wat(), "--invoke=-x", "-5", "-.5"]);
    assert!(text.contains("--invoke=-x -5 -.5"), "{text}");
    let help = shown(&["run", "--help"]);
    assert!(help.contains("--invoke=-x -5"), "{help}");
}

#[test]
fn a_merge_writes_over_nothing() {
    let sample = Sample::new("(module (func (export \"_start\")))");
    let read = sample.path("read");
    shown(&["scan", &sample.wat(), "--out", &read]);
    let merge = |out: &str| said(&["scan", "merge", &read, "--out", out]);
    let names = |folder: &str| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names(&read);
    for (out, why) in [
        (sample.path("read/inside"), "is in"),
        (sample.path("read/./deep/er"), "is in"),
        (read.clone(), "is one of the scans that are read"),
    ] {
        let (code, message) = merge(&out);
        assert!(code == 2 && message.contains(why), "{out}: {code} {message}");
    }
    let full = sample.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(Path::new(&full).join("notes.txt"), "mine").unwrap();
    let (code, message) = merge(&full);
    assert!(code == 2 && message.contains("is not empty"), "{code} {message}");
    assert_eq!(names(&full), ["notes.txt"]);
    assert_eq!(names(&read), before);
    let (empty, new) = (sample.path("empty"), sample.path("new/er"));
    fs::create_dir(&empty).unwrap();
    for out in [&empty, &new] {
        assert_eq!(merge(out).0, 0, "{out}");
    }
}

#[test]
fn ranges_and_messages_are_of_what_was_given() {
    let sample =
        Sample::new("(module (memory 1) (func (export \"_start\") (i32.store (i32.const 0) (i32.const 1))))");
    let trace = sample.path("sample.spoor");
    shown(&["record", &sample.wat(), "-o", &trace]);
    let map = json(&["dump", &trace, "--heat-map", "--from", "999"]);
    assert_eq!((&map["from"], &map["to"], &map["cells"]), (&999.into(), &999.into(), &serde_json::json!([])));
    let (code, message) = said(&["dump", &trace, "--heat-map", "--from", "999"]);
    assert!(code == 0 && message.contains("ends before event 999"), "{code} {message}");
    let (code, message) = said(&["dump", &trace, "--from", "18446744073709551615"]);
    assert!(code == 2 && !message.contains("--to"), "{code} {message}");
    let empty = sample.path("rules");
    fs::create_dir(&empty).unwrap();
    for folder in [&empty, &sample.path("none")] {
        let (code, message) = said(&["run", &sample.wat(), "--rules", folder]);
        assert!(code == 2 && message.contains(folder.as_str()) && !message.contains('^'), "{code} {message}");
        assert!(!message.contains(":1:1"), "{message}");
    }
}
