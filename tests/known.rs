//! `--known`: a file that a list names is marked, one with another byte is not, and no verdict changes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Output, Stdio},
    time::Instant,
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

fn spoor(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).output().expect("the binary runs")
}

/// The two modules of the test, one a byte longer than the other: the second reads a key and sends it.
fn modules() -> [Vec<u8>; 2] {
    let wat =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/key-sender.wat")).unwrap();
    let hostile = wat::parse_str(wat).unwrap();
    // An empty custom section, whose name has one letter.
    let longer = [&hostile[..], b"\0\x02\x01x"].concat();
    [hostile, longer]
}

fn listed(folder: &Path, module: &[u8]) -> String {
    let list = folder.join("known.txt");
    let digits: String = Sha256::digest(module).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&list, format!("# releases\n{digits}  npm left 1.0: a.wasm\n")).unwrap();
    list.to_str().unwrap().to_owned()
}

/// What of a report must not depend on a list.
fn judged(report: &Value) -> Vec<&Value> {
    ["verdict", "score", "confidence", "family", "reasons"].map(|field| &report[field]).to_vec()
}

#[test]
fn a_known_file_is_marked_and_its_verdict_stays() {
    let folder = tempfile::tempdir().unwrap();
    let [known, other] = modules();
    let list = listed(folder.path(), &known);
    let report = |name: &str, module: &[u8], words: &[&str]| -> Value {
        let path = folder.path().join(name);
        fs::write(&path, module).unwrap();
        let output = spoor(&[&["run", "--json", path.to_str().unwrap()], words].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let with = ["--known", list.as_str()];
    let (marked, bare) = (report("a.wasm", &known, &with), report("a.wasm", &known, &[]));
    assert_eq!(marked["sample"]["known"], "npm left 1.0: a.wasm");
    assert_ne!(marked["verdict"], "CLEAN", "it is hostile, and known");
    assert!(bare["sample"].get("known").is_none() && judged(&marked) == judged(&bare));
    assert!(report("b.wasm", &other, &with)["sample"].get("known").is_none(), "one byte more");
    let text = spoor(&["run", folder.path().join("a.wasm").to_str().unwrap(), "--known", &list]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("npm left 1.0: a.wasm, byte for byte"));
}

#[test]
fn rows_of_batches_and_answers_are_marked() {
    let folder = tempfile::tempdir().unwrap();
    let [known, other] = modules();
    let list = listed(folder.path(), &known);
    let feed = folder.path().join("feed");
    fs::create_dir(&feed).unwrap();
    fs::write(feed.join("a.wasm"), &known).unwrap();
    fs::write(feed.join("b.wasm"), &other).unwrap();
    let output = spoor(&["scan", feed.to_str().unwrap(), "--json", "--known", &list]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| {
        let is_it = |row: &&Value| row["path"].as_str().is_some_and(|path| path.ends_with(name));
        rows.iter().find(is_it).unwrap_or_else(|| panic!("{name}: {lines}"))
    };
    assert_eq!(of("a.wasm")["known"], "npm left 1.0: a.wasm");
    assert!(of("b.wasm")["known"].is_null(), "one byte more");

    let mut child = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["serve", "--stdio", "--known", &list])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, r#"{{"type":"sample","id":"a","bytes":{}}}"#, known.len()).unwrap();
    input.write_all(&known).unwrap();
    drop(input);
    let said = String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned();
    // It stands right behind the bytes of the report.
    let done = said.rfind(r#"{"type":"done""#).and_then(|at| said[at..].lines().next()).unwrap();
    let done: Value = serde_json::from_str(done).unwrap();
    assert_eq!(done["row"]["known"], "npm left 1.0: a.wasm");
}

#[test]
fn a_batch_is_not_continued_with_another_list_and_a_bad_list_ends_everything() {
    let folder = tempfile::tempdir().unwrap();
    let [known, _] = modules();
    let list = listed(folder.path(), &known);
    let (feed, out) = (folder.path().join("feed"), folder.path().join("out"));
    fs::create_dir(&feed).unwrap();
    let words = ["scan", feed.to_str().unwrap(), "--out", out.to_str().unwrap()];
    spoor(&words);
    let output = spoor(&[&words[..], &["--resume", "--known", &list]].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && error.contains("--known="), "{error}");
    fs::write(&list, "no list\n").unwrap();
    for words in [&["run", "x.wasm"][..], &["scan", "x"], &["serve", "--stdio"]] {
        let output = spoor(&[words, &["--known", &list]].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains("line 1"), "{words:?}: {error}");
    }
}

/// A list of a million files, read once for all samples: some 100 bytes of memory each. Without optimisation
/// a tenth of them.
#[test]
#[cfg(target_os = "linux")]
fn a_list_of_a_million_files_takes_little_memory() {
    let files: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("known.txt");
    let mut file = std::io::BufWriter::new(fs::File::create(&list).unwrap());
    // In no order, as in the lists that are made.
    let mut random = 1u64;
    for number in 0..files {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        writeln!(file, "{random:032x}{number:032x}  npm some-package-{number} 1.0.0: package/lib/file.wasm")
            .unwrap();
    }
    file.flush().unwrap();
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["serve", "--stdio", "--jobs=1", "--known", list.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut hello, mut output) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
    output.read_line(&mut hello).unwrap();
    let time = started.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let peak: u64 = peak.trim_end_matches(" kB").parse().unwrap();
    drop(child.stdin.take());
    assert!(hello.contains("hello") && child.wait().unwrap().success(), "{hello}");
    println!("{files} files: {} MiB, {:.1} s", peak >> 10, time.as_secs_f64());
    // Beside what the program has anyway.
    assert!(peak < (100 << 10) + files / 8, "{peak} KiB");
}
