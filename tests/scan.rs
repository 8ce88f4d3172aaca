//! `spoor scan` and `spoor watch` from outside: results, failures, archives, what survives a kill, memory,
//! hostile names.
#![cfg(unix)]

#[path = "common/command.rs"]
mod command;

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use command::{lines, module, spoor, table, text};
use serde_json::Value;
use wasmspoor_needs::needs;

#[path = "common/archive.rs"]
mod archive;
#[path = "common/limits.rs"]
mod limits;

use limits::NO_LIMITS;

/// The fuzz target on bytes that look random, and on changed seeds.
#[test]
fn foreign_bytes_are_looked_into_within_the_caps() {
    let mut random = Random(0xf00d);
    let seeds = [
        module("f"),
        zip(&[("a.wasm", &module("g"))], Some("infected")),
        b"x=[0,97,115,109,1,0,0,0,1,4,1,96,0,0]".to_vec(),
    ];
    for round in 0..200 {
        let mut data = vec![round as u8];
        match seeds.get(round % 4) {
            Some(seed) => data.extend_from_slice(seed),
            None => data.extend((0..random.below(2000)).map(|_| random.below(256) as u8)),
        }
        for _ in 0..random.below(6) {
            let at = random.below(data.len() as u64 - 1) as usize + 1;
            data[at] = random.below(256) as u8;
        }
        archive::body(&data);
    }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
    command.args(words);
    command
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// Scans without a folder: rows of samples and failures, and the summary.
fn scan(words: &[&str]) -> (Vec<Value>, Value, Option<i32>) {
    let output = spoor(&[&["scan", "--json", "--jobs", "2"], words].concat());
    let mut rows = lines(&output.stdout);
    let summary = rows.pop().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(summary["table"], "summary");
    (rows, summary, output.status.code())
}

/// Runs for ever and records a bit each time round.
const SPINNER: &str = "(module (func (export \"_start\") (loop (br 0))))";

#[test]
fn a_scan_says_of_a_sample_what_a_run_says() {
    let names =
        ["miner.wat", "wiper.wat", "dropper.wat", "benign-base64.wat", "s6-component.wat", "call-depth.wat"];
    let paths: Vec<_> = names.iter().map(|name| corpus(name)).collect();
    let words: Vec<_> = paths.iter().map(|path| text(path)).collect();
    let (rows, summary, code) = scan(&words);
    assert_eq!(code, Some(0), "{summary}");
    for path in &words {
        let run: Value = serde_json::from_slice(&spoor(&["run", "--json", path]).stdout).unwrap();
        let row = rows
            .iter()
            .find(|row| row["path"] == *path && row["inside"] == serde_json::json!([]))
            .unwrap_or_else(|| panic!("{path} has no row"));
        for field in ["verdict", "score", "family", "confidence", "status", "exit_code", "instructions"] {
            assert_eq!(row[field], run[field], "{field} of {path}");
        }
        assert_eq!(row["module_sha256"], run["sample"]["sha256"], "{path}");
        assert_eq!(row["imphash"], run["sample"]["imphash"], "{path}");
        assert_eq!(row["imphash"], run["view"]["file"]["imphash"], "{path}");
        let has_imports = !["call-depth.wat", "s6-component.wat"].iter().any(|name| path.ends_with(name));
        assert_eq!(row["imphash"].is_string(), has_imports, "{path}");
    }
}

#[test]
fn the_modules_by_which_a_component_runs_are_no_finds() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("locker.wasm");
    fs::write(&component, wat::parse_file(corpus("component-locker.wat")).unwrap()).unwrap();
    let (rows, summary, _) = scan(&[text(&component)]);
    assert_eq!(rows.len(), 1, "{summary}");
    assert_eq!((&rows[0]["verdict"], &rows[0]["inside"]), (&"MALICIOUS".into(), &serde_json::json!([])));
}

#[test]
fn workers_are_confined() {
    let (_, summary, _) = scan(&[text(&corpus("miner.wat"))]);
    let confinement = &summary["confinement"];
    assert_eq!(confinement["address_space_bytes"], 12_288u64 << 20);
    assert_eq!(confinement["cpu_seconds"], 120);
    assert_eq!(confinement["no_files"], true);
    if cfg!(target_os = "linux") {
        for what in ["no_new_privileges", "dies_with_scan", "seccomp"] {
            assert_eq!(confinement[what], true, "{what}");
        }
        println!("Landlock: {}", confinement["landlock"]);
    }
}

/// A folder with six samples that are done at once, and one that is invalid.
fn good_ones() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("1-broken.wasm"), b"\0asm\x01\0\0\0\x01\xff\xff").unwrap();
    for index in 0..6 {
        fs::write(folder.path().join(format!("{index}-good.wasm")), module(&format!("f{index}"))).unwrap();
    }
    folder
}

/// Scans with two workers, one of which gets a sample that does not end well. The others must have their
/// results, and not wait for it.
fn costs_only_itself(folder: &Path, limits: &[&str], kind: &str, is_slow: bool) {
    let (rows, summary, code) = scan(&[limits, &[text(folder)]].concat());
    assert_eq!((code, &summary["failures"][kind]), (Some(1), &1.into()), "{summary}");
    assert_eq!(rows.len(), 8);
    let ended = rows.iter().position(|row| row["failure"]["kind"] == kind).unwrap();
    assert!(rows[ended]["path"].as_str().unwrap().contains("0-bad"));
    assert!(!is_slow || ended == 7, "the first to begin is the last to end, not number {ended}");
    let good = rows.iter().filter(|row| row["validity"] == "valid" && row["failure"].is_null()).count();
    let broken = rows.iter().find(|row| row["path"].as_str().unwrap().ends_with("1-broken.wasm")).unwrap();
    assert_eq!(
        (good, &broken["status"]),
        (6, &"invalid".into()),
        "an invalid module is a result, not a failure"
    );
}

#[test]
fn a_sample_that_hangs_costs_only_itself() {
    let folder = good_ones();
    fs::write(folder.path().join("0-bad.wat"), SPINNER).unwrap();
    costs_only_itself(folder.path(), &[&["--sample-time=8"], &NO_LIMITS[..]].concat(), "timeout", true);
}

#[test]
fn a_sample_that_takes_all_memory_costs_only_itself() {
    let folder = good_ones();
    // A custom section of 64 MiB; the first eight bytes are the head of the module.
    let mut huge = b"\0asm\x01\0\0\0\0\x82\x80\x80\x20\x01x".to_vec();
    huge.resize(huge.len() + (64 << 20), 0);
    fs::write(folder.path().join("0-bad.wasm"), huge).unwrap();
    costs_only_itself(folder.path(), &["--sample-memory=120"], "out_of_memory", false);
}

/// The names of imports were copied for each function that leads to them: gigabytes of a small module.
#[test]
fn a_long_name_is_kept_once() {
    let folder = good_ones();
    let name = format!("{}syscall_openat", "_".repeat(99_900));
    let around = "(func (param i32) (call 1 (local.get 0)))".repeat(8_000);
    let calls: String = (2..8_002).map(|func| format!("(call {func} (i32.const 0))")).collect();
    let module = format!(
        r#"(module (import "env" "{name}" (func (param i32 i32 i32 i32) (result i32)))
            (func (param i32) (if (local.get 0)
                (then (drop (call 0 (i32.const 0) (i32.const 0) (i32.const 577) (i32.const 0))))))
            {around} (func (export "_start") {calls}))"#
    );
    fs::write(folder.path().join("long.wasm"), wat::parse_str(module).unwrap()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let scanned = spoor(&["scan", text(folder.path()), "--sample-memory=500", "--out", text(out.path())]);
    assert_eq!(scanned.status.code(), Some(0), "{}", String::from_utf8_lossy(&scanned.stdout));
}

fn zip(members: &[(&str, &[u8])], password: Option<&str>) -> Vec<u8> {
    let mut options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    if let Some(password) = password {
        options = options.with_aes_encryption(zip::AesMode::Aes128, password);
    }
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn archives_pages_and_modules_are_looked_into_and_names_stay_names() {
    use base64::Engine as _;
    let folder = tempfile::tempdir().unwrap();
    let [one, two, three, four] = ["one", "two", "three", "four"].map(module);
    let escaped: String = four.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let carrier = wat::parse_str(format!("(module (memory 1) (data (i32.const 0) \"{escaped}\"))")).unwrap();
    let hostile = "../../etc/\u{1b}[2J\u{202e}\nCLEAN 0 - x.wasm";
    fs::write(folder.path().join("a.zip"), zip(&[(hostile, &one)], Some("infected"))).unwrap();
    fs::write(folder.path().join("b.zip"), zip(&[("x.wasm", &one)], Some("secret"))).unwrap();
    let page =
        format!("<script>const m = \"{}\"</script>", base64::engine::general_purpose::STANDARD.encode(&two));
    fs::write(folder.path().join("page.html"), page).unwrap();
    fs::write(folder.path().join("dump.bin"), [&[0xaa; 5000][..], &three, &[0xbb; 100]].concat()).unwrap();
    fs::write(folder.path().join("carrier.wasm"), &carrier).unwrap();
    fs::write(folder.path().join("note.txt"), "nothing").unwrap();
    let out = tempfile::tempdir().unwrap();
    let output = spoor(&["scan", text(folder.path()), "--out", text(out.path())]);
    assert_eq!(output.status.code(), Some(1), "one archive has another password");
    let paths = table(out.path(), "paths");
    let way = |row: &Value| {
        let file = row["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let inside: Vec<_> =
            row["inside"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
        (file, inside.join(" > "), row["failure"]["kind"].as_str().map(str::to_owned))
    };
    let mut ways: Vec<_> = paths.iter().map(way).collect();
    ways.sort();
    let data = memchr::memmem::find(&carrier[8..], b"\0asm").unwrap() + 8;
    let expected = [
        ("a.zip", format!("zip:{hostile}"), None),
        ("b.zip", "zip:x.wasm".to_owned(), Some("encrypted")),
        ("carrier.wasm", String::new(), None),
        ("carrier.wasm", format!("bytes@{data}"), None),
        ("dump.bin", "bytes@5000".to_owned(), None),
        ("page.html", "base64@19".to_owned(), None),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(a, b, c)| (a.to_owned(), b, c.map(str::to_owned))).collect();
    assert_eq!(ways, expected);
    // Nothing raw on the way out, and nothing unpacked on the way in.
    let (rows, summary, _) = scan(&[text(folder.path())]);
    assert_eq!((rows.len(), &summary["without_module"]), (6, &1.into()));
    let plain = spoor(&["scan", text(folder.path())]);
    for stream in
        [&plain.stdout, &plain.stderr, &output.stdout, &fs::read(out.path().join("paths.jsonl")).unwrap()]
    {
        let shown = std::str::from_utf8(stream).unwrap();
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("CLEAN 0 - x.wasm")), "{shown:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);
}

#[test]
fn a_name_does_not_make_an_archive_a_sample() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.wasm"), zip(&[("x", &module("f"))], None)).unwrap();
    fs::write(folder.path().join("b.wasm"), "no module, but said to be one").unwrap();
    let (rows, ..) = scan(&[text(folder.path())]);
    let mut inside: Vec<_> =
        rows.iter().map(|row| (row["inside"].to_string(), row["validity"].clone())).collect();
    inside.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(inside, [("[\"zip:x\"]".to_owned(), "valid".into()), ("[]".to_owned(), "invalid".into())]);
}

#[test]
fn the_same_content_is_analysed_once() {
    let folder = tempfile::tempdir().unwrap();
    let module = module("f");
    for name in ["a.wasm", "b.wasm"] {
        fs::write(folder.path().join(name), &module).unwrap();
    }
    fs::write(folder.path().join("c.zip"), zip(&[("d.wasm", &module), ("e.wasm", &module)], None)).unwrap();
    let out = tempfile::tempdir().unwrap();
    spoor(&["scan", text(folder.path()), "--out", text(out.path())]);
    assert_eq!(table(out.path(), "samples").len(), 1);
    let paths = table(out.path(), "paths");
    assert_eq!(paths.len(), 4);
    assert!(paths.iter().all(|row| row["sha256"] == paths[0]["sha256"]));
}

/// What a folder holds, times left out, in an order of its own.
fn contents(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let tables = ["samples", "paths", "functions", "host_calls", "findings", "clusters"];
    let rows = tables.map(|name| {
        let mut rows: Vec<_> = table(folder, name)
            .into_iter()
            .map(|mut row| {
                if let Some(row) = row.as_object_mut() {
                    row.remove("time_ms");
                }
                row.to_string()
            })
            .collect();
        rows.sort();
        (name.to_owned(), rows)
    });
    rows.into()
}

/// Numbers that look random, the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Bytes in the journal of a scan: it grows with each sample that is done.
fn journal(out: &Path) -> u64 {
    fs::metadata(out.join("journal")).map_or(0, |meta| meta.len())
}

#[test]
fn what_is_killed_at_any_moment_goes_on_as_if_nothing_had_been() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..30 {
        fs::write(folder.path().join(format!("{index}.wasm")), module(&format!("f{index}"))).unwrap();
    }
    fs::copy(corpus("miner.wat"), folder.path().join("miner.wat")).unwrap();
    let members: Vec<_> =
        (0..10).map(|index| (format!("{index}.wasm"), module(&format!("g{index}")))).collect();
    let members: Vec<_> = members.iter().map(|(name, bytes)| (&**name, &bytes[..])).collect();
    fs::write(folder.path().join("z.zip"), zip(&members, None)).unwrap();
    let whole = tempfile::tempdir().unwrap();
    let scanned = |out: &Path, resume: &[&str]| {
        [&["scan", text(folder.path()), "--jobs", "2", "--out", text(out)], resume]
            .concat()
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(command(&[]).args(scanned(whole.path(), &[])).output().unwrap().status.code(), Some(0));
    let written = journal(whole.path());
    let (cut, mut random) = (tempfile::tempdir().unwrap(), Random(0x5eed));
    for round in 0..15 {
        let resume: &[&str] = if round == 0 { &[] } else { &["--resume"] };
        let mut child = command(&[])
            .args(scanned(cut.path(), resume))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // At a moment that the journal tells, so that a slow machine gets as far as a quick one.
        let moment = journal(cut.path()) + random.below(written / 8);
        while journal(cut.path()) <= moment && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = command(&[]).args(scanned(cut.path(), &["--resume"])).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (found, expected) = (contents(cut.path()), contents(whole.path()));
    for (name, rows) in &expected {
        assert_eq!(&found[name], rows, "table {name}");
    }
    assert_eq!(expected["samples"].len(), 41);
}

#[test]
fn an_interruption_ends_a_scan_in_order() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0.wasm"), module("f")).unwrap();
    fs::write(folder.path().join("1-spinner.wat"), SPINNER).unwrap();
    let out = tempfile::tempdir().unwrap();
    let words =
        [&["scan", text(folder.path()), "--jobs", "1", "--out", text(out.path())], &NO_LIMITS[..]].concat();
    let mut child = command(&words).stdout(Stdio::piped()).spawn().unwrap();
    while journal(out.path()) == 0 {
        assert_eq!(child.try_wait().unwrap(), None, "the spinner is under way");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{shown}");
    assert!(shown.contains("--resume"), "{shown}");
    assert_eq!(table(out.path(), "samples").len(), 1, "what was under way has no row");
}

#[test]
fn a_folder_is_used_for_one_scan() {
    let out = tempfile::tempdir().unwrap();
    let sample = corpus("miner.wat");
    let words = ["scan", text(&sample), "--out", text(out.path())];
    assert_eq!(spoor(&words).status.code(), Some(0));
    assert_eq!(spoor(&words).status.code(), Some(2), "it already holds a scan");
    assert_eq!(
        spoor(&[&words[..], &["--resume", "--seed=5"]].concat()).status.code(),
        Some(2),
        "other options"
    );
    refused(&[&words[..], &["--resume", "--seed=5"]].concat(), "(--seed=5 now, not then)");
    refused(&[&words[..], &["--resume", "--sample-time=1"]].concat(), "(--sample-time=1 now, not then)");
    refused(
        &[&words[..], &["--resume", "--sample-memory=64"]].concat(),
        "(--sample-memory=64 now, not then)",
    );
    assert_eq!(spoor(&[&words[..], &["--resume"]].concat()).status.code(), Some(0));
    assert_eq!(table(out.path(), "samples").len(), 1);
    for wrong in [
        &["scan", "/does/not/exist"][..],
        &["scan", "/does/not/*.wasm"],
        &["scan", text(&sample), "--invoke", "f"],
    ] {
        assert_eq!(spoor(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// What is wrong with the options is an error before anything is started.
fn refused(words: &[&str], expected: &str) {
    let output = spoor(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
    assert!(said.contains(expected), "{words:?}: {said}");
}

#[test]
fn files_of_others_are_not_replaced() {
    let (out, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let sample = corpus("miner.wat");
    let words = ["scan", text(&sample), "--out", text(out.path())];
    let table = out.path().join("samples.jsonl");
    fs::write(&table, "precious").unwrap();
    refused(&words, "samples.jsonl is not of a scan");
    refused(&[&words[..], &["--resume"]].concat(), "samples.jsonl is not of a scan");
    assert_eq!(fs::read_to_string(&table).unwrap(), "precious");
    fs::remove_file(&table).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &table).unwrap();
    refused(&words, "samples.jsonl is a symbolic link");
    assert_eq!(fs::metadata(elsewhere.path()).unwrap().len(), 0);
}

#[test]
fn numbers_out_of_bounds_and_names_that_are_no_files_are_refused() {
    let sample = corpus("miner.wat");
    for (option, bounds) in [
        ("--jobs=0", "1..=256"),
        ("--jobs=100000", "1..=256"),
        ("--sample-time=0", "1..="),
        ("--sample-memory=0", "64..="),
        ("--sample-memory=63", "64..="),
    ] {
        refused(&["scan", text(&sample), option], bounds);
    }
    let (rows, ..) = scan(&["--sample-memory=64", text(&sample)]);
    assert_eq!(rows[0]["verdict"], "MALICIOUS", "the least memory is enough for a small sample: {}", rows[0]);
    refused(&["scan", "x\u{1b}[31m"], "x\\u{1b}[31m: no such file, and no pattern");
    let folder = tempfile::tempdir().unwrap();
    let named_like_a_pattern = folder.path().join("x[31m.wat");
    fs::copy(&sample, &named_like_a_pattern).unwrap();
    assert_eq!(spoor(&["scan", text(&named_like_a_pattern)]).status.code(), Some(0));
}

/// The most memory that a process has had, in KiB, as long as it lives.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
#[cfg(target_os = "linux")]
fn a_hundred_thousand_entries_fit_into_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    // Names of some length: one folder of ten thousand files, and one archive with the others, for making
    // files takes longer than scanning them.
    let module = module("f");
    for index in 0..10_000 {
        fs::write(
            folder.path().join(format!("a-sample-with-a-name-of-some-length-{index:08}.wasm")),
            &module,
        )
        .unwrap();
    }
    let names: Vec<_> =
        (0..90_000).map(|index| format!("a/member/with/a/name/of/some/length-{index:08}.wasm")).collect();
    let members: Vec<_> = names.iter().map(|name| (&**name, &module[..])).collect();
    fs::write(folder.path().join("z.zip"), zip(&members, None)).unwrap();
    let out = tempfile::tempdir().unwrap();
    let (summary, peak) = measured(&["scan", text(folder.path()), "--out", text(out.path()), "--json"]);
    println!("100,000 entries: {} s, {} MiB", summary["seconds"], peak >> 10);
    assert_eq!((&summary["samples"], &summary["places"]), (&1.into(), &100_000.into()), "{summary}");
    assert!(peak > 0 && peak <= 200 << 10, "{peak} KiB");
}

/// The summary of a scan, and the most memory that it had, in KiB; workers not counted.
#[cfg(target_os = "linux")]
fn measured(words: &[&str]) -> (Value, u64) {
    let mut child = command(words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak_kib(child.id()).unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    (lines(&child.wait_with_output().unwrap().stdout).pop().unwrap(), peak)
}

/// So many samples that are all different and can all be compared, in groups of three and four. A scan that
/// had them goes on.
#[test]
#[cfg(target_os = "linux")]
fn a_hundred_thousand_samples_fit_into_little_memory() {
    // Reading and comparing so many takes minutes without optimisation: then a tenth has to do, and what a
    // process has anyway counts for more. SPOOR_ENTRIES=1000000 asks for more.
    let asked = std::env::var("SPOOR_ENTRIES").ok().and_then(|count| count.parse().ok());
    let (count, most) = match asked {
        Some(count) => (count, 500_000_000 >> 10),
        None if cfg!(debug_assertions) => (10_000, 60 << 10),
        None => (100_000, 90 << 10),
    };
    let out = tempfile::tempdir().unwrap();
    let sample = corpus("miner.wat");
    let words = ["scan", text(&sample), "--out", text(out.path()), "--json"];
    assert_eq!(spoor(&words).status.code(), Some(0));
    let at = |name: &str| out.path().join(name);
    let file = |name: &str| std::io::BufWriter::new(fs::File::options().append(true).open(at(name)).unwrap());
    let template = |name: &str, fields: &[&str]| {
        let mut row = table(out.path(), name).pop().unwrap();
        fields.iter().for_each(|&field| row[field] = format!("@{field}@").into());
        row.to_string()
    };
    let fill = |template: &str, fields: &[(&str, &str)]| {
        fields
            .iter()
            .fold(template.to_owned(), |row, (field, value)| row.replacen(&format!("@{field}@"), value, 1))
    };
    let samples_row = template("samples", &["sha256", "path", "imphash", "code_sketch", "behaviour_sketch"]);
    let paths_row = template("paths", &["sha256", "path"]);
    let (mut samples, mut paths) = (file("samples.jsonl"), file("paths.jsonl"));
    let digits = |seed: u64, count: usize| {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..count / 8).map(|_| format!("{:08x}", random.below(1 << 32))).collect::<String>()
    };
    for index in 0..count {
        let (sha256, path) = (digits(index + 1, 64), format!("/a/feed/of/some/day/sample-{index:08}.wasm"));
        let (imphash, code, behaviour) =
            (digits(index / 3, 32), digits(index / 4, 512), digits(count + index / 4, 512));
        let fields = [
            ("sha256", &*sha256),
            ("path", &path),
            ("imphash", &imphash),
            ("code_sketch", &code),
            ("behaviour_sketch", &behaviour),
        ];
        writeln!(samples, "{}", fill(&samples_row, &fields)).unwrap();
        writeln!(paths, "{}", fill(&paths_row, &fields[..2])).unwrap();
    }
    drop((samples, paths));
    let lengths = ["samples", "paths", "functions", "host_calls", "findings"]
        .map(|name| fs::metadata(at(&format!("{name}.jsonl"))).unwrap().len().to_string());
    writeln!(file("journal"), "[{}]", lengths.join(",")).unwrap();
    let (summary, peak) = measured(&[&words[..], &["--resume"]].concat());
    println!("{count} samples: {} s, {} MiB", summary["seconds"], peak >> 10);
    assert_eq!(
        (&summary["samples"], &summary["resumed"]),
        (&(count + 1).into(), &(count + 1).into()),
        "{summary}"
    );
    assert!(summary["clusters"]["code"][1].as_u64().unwrap() >= count, "{summary}");
    assert!(peak > 0 && peak <= most, "{peak} KiB");
}

#[test]
fn watch_starts_a_command_with_arguments_and_no_shell() {
    let folder = tempfile::tempdir().unwrap();
    let name = "$(touch pwned); 'a' \"b\" `touch pwned` {verdict} && x.wasm";
    fs::write(folder.path().join(name), module("f")).unwrap();
    let log = tempfile::tempdir().unwrap();
    let script = format!("printf '%s\\n' \"$@\" >> '{}'", text(&log.path().join("log")));
    let words = [
        "watch",
        text(folder.path()),
        "--once",
        "--exec",
        "/bin/sh",
        "-c",
        &script,
        "sh",
        "{path}",
        "--v={verdict}",
        "{failure}",
        "{json}",
    ];
    let output = command(&words).current_dir(log.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let logged = fs::read_to_string(log.path().join("log")).unwrap();
    let logged: Vec<_> = logged.lines().collect();
    assert_eq!(
        logged[..3],
        [
            text(&folder.path().join(name)),
            &format!("--v={}", String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap()),
            ""
        ]
    );
    let row: Value = serde_json::from_str(logged[3]).unwrap();
    assert_eq!(row["validity"], "valid");
    assert_eq!(fs::read_dir(log.path()).unwrap().count(), 1, "nothing was executed");
}

#[test]
fn watch_says_that_a_command_failed_and_that_a_placeholder_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.wasm"), module("f")).unwrap();
    let watch =
        |exec: &[&str]| spoor(&[&["watch", text(folder.path()), "--once"], exec].concat()).status.code();
    assert_eq!(watch(&[]), Some(0));
    assert_eq!(watch(&["--exec", "true"]), Some(0));
    assert_eq!(watch(&["--exec", "false"]), Some(1));
    assert_eq!(watch(&["--exec", "/does/not/exist"]), Some(1));
    let words = ["watch", text(folder.path()), "--once", "--exec", "echo", "{unknown}"];
    refused(&words, "{unknown} stands for nothing; known are {path}, {place}, {sha256}");
}

/// The code of miners resembles that of other miners and of nothing harmless; figures in `docs/scan.md`.
#[needs("../shared/samples")]
#[test]
fn code_of_miners_is_told_from_harmless_code() {
    use wasmspoor::scan::{cluster::ClusterKind, features::CodeFeatures, sketch::Sketch};
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let list = fs::read_to_string(shared.join("hostile.csv")).unwrap();
    let is_miner = |line: &&str| line.contains(",cryptonight") || line.contains(",equihash");
    let miners: Vec<_> = list
        .lines()
        .filter(is_miner)
        .filter_map(|line| line.split(',').next())
        .map(|name| shared.join("hostile").join(name))
        .collect();
    // Large ones take long to decode without optimisation, and are none of the hard ones.
    let small = |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.len() < 200_000);
    let harmless =
        fs::read_dir(shared.join("benign")).unwrap().map(|entry| entry.unwrap().path()).filter(small);
    let sketch = |path: PathBuf| CodeFeatures::of(&fs::read(path).ok()?.into()).sketch;
    let (miners, harmless): (Vec<Sketch>, Vec<Sketch>) =
        (miners.into_iter().filter_map(sketch).collect(), harmless.filter_map(sketch).collect());
    assert!(miners.len() > 40 && harmless.len() > 10, "{} miners, {} harmless", miners.len(), harmless.len());
    let closest = |to: &Sketch| harmless.iter().map(|other| other.similarity(to)).fold(0.0, f64::max);
    let worst = miners.iter().map(closest).fold(0.0, f64::max);
    let is_in_company = |&at: &usize| {
        miners.iter().enumerate().any(|(other, sketch)| {
            other != at && sketch.similarity(&miners[at]) >= ClusterKind::Code.threshold()
        })
    };
    let in_company = (0..miners.len()).filter(is_in_company).count();
    println!(
        "{in_company} of {} miners resemble another; the most similar harmless sample has {worst:.2}",
        miners.len()
    );
    assert!(worst < ClusterKind::Code.threshold() - 0.05, "{worst}");
    assert!(in_company * 10 >= miners.len() * 9, "{in_company} of {}", miners.len());
}

#[test]
fn a_crowd_of_its_own_imports_does_not_hide_what_a_sample_asked_wasi_for() {
    let imports: String = (0..1100).map(|n| format!("(import \"a\" \"f{n}\" (func))")).collect();
    let calls: String = (0..1100).map(|n| format!("(call {n})")).collect();
    let text = format!(
        r#"(module {imports} (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
          (func (export "_start") {calls} (drop (call $yield))))"#
    );
    let analysis = wasmspoor::analysis::Analysis::of(
        text.as_bytes(),
        &wasmspoor::sandbox::RunOptions::default(),
        &wasmspoor::rules::Set::builtin(),
    );
    let outcome = wasmspoor::scan::describe::outcome(&analysis, "");
    assert_eq!((outcome.host_calls.len(), outcome.sample.rows_cut), (1000, 101));
    assert_eq!(outcome.host_calls[0].name, "sched_yield");
}

/// Of a name that is no text the bytes stand in each row, also of what is inside.
#[test]
fn samples_inside_a_file_have_the_bytes_of_its_name() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"no\xfftext.zip");
    fs::write(folder.path().join(name), zip(&[("a.wasm", &module("g"))], None)).unwrap();
    let out = folder.path().join("out");
    assert!(spoor(&["scan", text(folder.path()), "--out", text(&out)]).status.success());
    for rows in [table(&out, "samples"), table(&out, "paths")] {
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["inside"], serde_json::json!(["zip:a.wasm"]));
        assert!(rows[0]["path_base64"].is_string(), "{}", rows[0]);
    }
}

/// A page is made by a worker that is confined before it reads the sample, and told in its turn.
#[test]
fn a_page_comes_from_a_confined_worker() {
    let sample = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/miner.wat")).unwrap();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .args(["worker", "--page=a <sample>.wat"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let len = u32::try_from(sample.len()).unwrap();
    let message = [&b"s"[..], &len.to_le_bytes(), &sample].concat();
    worker.stdin.take().unwrap().write_all(&message).unwrap();
    let said = worker.wait_with_output().unwrap().stdout;
    let (mut rest, mut messages) = (&said[..], Vec::new());
    while let Some((head, more)) = rest.split_first_chunk::<5>() {
        let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (payload, behind) = more.split_at(len);
        messages.push((head[0], payload));
        rest = behind;
    }
    let kinds: Vec<u8> = messages.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, b"rbopd", "{}", String::from_utf8_lossy(&kinds));
    let confined: Value = serde_json::from_slice(messages[0].1).unwrap();
    assert_eq!(confined["no_new_privileges"], true, "{confined}");
    let page = std::str::from_utf8(messages[3].1).unwrap();
    assert!(page.contains("MALICIOUS") && page.contains("a &lt;sample&gt;.wat"), "{page}");
}
