//! Real samples of `../shared`. Each test is ignored where they are not.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use wasmspoor::{
    Limit,
    sandbox::{self, Drive, EntryEnd, Persona, Run, RunOptions, Status},
};
use wasmspoor_needs::needs;

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path)
}

/// A row of a table with a header; no value here holds a quoted comma before the fourth.
fn rows(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

#[needs("../shared/samples")]
#[test]
fn miners_run_until_their_budget_is_spent() {
    let samples = shared("samples");
    let csv = fs::read_to_string(samples.join("hostile.csv")).unwrap();
    let (mut miners, mut spent) = (0, 0);
    for row in rows(&csv) {
        if !(row[2].starts_with("cryptonight") || row[2] == "equihash") {
            continue;
        }
        let wasm = fs::read(samples.join("hostile").join(row[0])).unwrap();
        let mut options = RunOptions::default();
        options.entry_decisions = Some(30_000);
        let run = sandbox::run(&wasm, &options).unwrap();
        miners += 1;
        let stopped: Vec<_> =
            run.entries.iter().filter(|entry| matches!(entry.end, EntryEnd::Stopped { .. })).collect();
        spent += u32::from(!stopped.is_empty());
        if stopped.is_empty() || std::env::var("VERBOSE").is_ok() {
            println!("{}: {:?}", row[0], run.status);
            for entry in &run.entries {
                println!("    {} {:?} -> {:?} {:?}", entry.name, entry.args, entry.end, entry.results);
            }
            for call in run.calls.iter().take(5) {
                println!("    call {}.{} {:?}", call.module, call.name, call.results);
            }
        }
    }
    println!("{spent} of {miners} miners ran until a budget was spent");
    assert!(spent * 100 >= miners * 95, "{spent} of {miners}");
}

/// The files below a directory, as a sample sees them.
fn tree(dir: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => tree(&entry.path(), &path, files),
            false => drop(files.insert(path, fs::read(entry.path()).unwrap())),
        }
    }
}

/// What a program of the WASI test suite is to be given and to give.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Expectation {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    root: Option<String>,
    exit_code: i32,
    stdout: Option<String>,
}

fn conforms(wasm: &Path) -> Result<(), String> {
    let name = wasm.file_name().unwrap().to_string_lossy().into_owned();
    let expected: Expectation = match fs::read_to_string(wasm.with_extension("json")) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => Expectation::default(),
    };
    let mut options = RunOptions::default().with_persona(Arc::new(Persona::bare()));
    options.drive = Drive::None;
    options.args = std::iter::once(name).chain(expected.args).collect();
    options.env = expected.env.into_iter().collect();
    options.preopens.clear();
    if let Some(root) = expected.root {
        tree(&wasm.with_file_name(&root), "/root", &mut options.files);
        options.preopens.push(("/".into(), "/root".into()));
    }
    let run = sandbox::run(&fs::read(wasm).unwrap(), &options).map_err(|error| error.to_string())?;
    let code = run.exit_code.unwrap_or(if run.status == Status::Exited { 0 } else { -1 });
    let last = run.calls.iter().rev().find(|call| call.errno.is_some());
    let last = last.map(|call| format!("{} {:?}", call.name, call.errno));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().take(3).collect::<Vec<_>>().join(" | ");
    if code != expected.exit_code {
        return Err(format!(
            "exit code {code}, {:?}, last error {last:?}, {}",
            run.status,
            text(&run.stderr)
        ));
    }
    match expected.stdout {
        Some(stdout) if stdout.as_bytes() != run.stdout => Err(format!("it wrote {}", text(&run.stdout))),
        _ => Ok(()),
    }
}

#[needs("../shared/wasi/testsuite")]
#[test]
fn programs_of_the_wasi_test_suite() {
    let suite = shared("wasi/testsuite");
    let (mut passed, mut all) = (0, 0);
    for language in ["assemblyscript", "c", "rust"] {
        let mut programs: Vec<_> =
            fs::read_dir(suite.join(language)).unwrap().map(|entry| entry.unwrap().path()).collect();
        programs.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
        programs.sort();
        for program in programs {
            all += 1;
            match conforms(&program) {
                Ok(()) => passed += 1,
                Err(why) => println!("{language}/{}: {why}", program.file_stem().unwrap().to_string_lossy()),
            }
        }
    }
    println!("{passed} of {all} programs of the WASI test suite pass");
    assert!(passed * 10 >= all * 9, "{passed} of {all}");
}

#[needs("../shared/samples")]
#[test]
fn a_miner_runs_the_same_every_time() {
    let sample = shared("samples/hostile/minesweeper-avbye.com.wasm");
    let wasm = fs::read(sample).unwrap();
    let ran = || {
        let mut options = RunOptions::default();
        // The clock on the wall must not strike, however slow this machine is.
        options.entry_time = std::time::Duration::from_secs(600);
        options.limits.wall_time = None;
        options.entry_instructions = Some(20_000_000);
        let run = sandbox::run(&wasm, &options).unwrap();
        assert!(
            run.entries
                .iter()
                .any(|entry| matches!(entry.end, EntryEnd::Stopped { limit: Limit::Instructions })),
            "{:?}",
            run.entries
        );
        let json = serde_json::to_string(&(&run.calls, &run.entries, &run.limitations)).unwrap();
        (json, run.trace.decisions, run.trace.records)
    };
    assert_eq!(ran(), ran());
}

/// Runs a workload with an input file, without budgets that depend on decisions.
fn workload(path: &Path) -> Run {
    let mut options = RunOptions::default();
    let text = "# Title\n\nSome *text* with `code`.\n\n* one\n* two\n".repeat(20);
    for name in ["default.input", "default.input.md"] {
        options.files.insert(format!("/{name}"), text.clone().into_bytes());
    }
    options.preopens = vec![(".".into(), "/".into())];
    sandbox::run(&fs::read(path).unwrap(), &options).unwrap()
}

#[needs("../shared/workloads")]
#[test]
fn workloads_find_what_they_need() {
    let workloads = shared("workloads");
    for (name, part) in [("bz2", ""), ("pulldown-cmark", ""), ("sodium_hash", "")] {
        let run = workload(&workloads.join(name).with_extension("wasm"));
        println!(
            "{name}: {:?} {:?} {} bytes out, {:?}",
            run.status,
            run.exit_code,
            run.stdout.len(),
            run.limitations
        );
        assert_eq!(run.status, Status::Exited, "{name}: {}", String::from_utf8_lossy(&run.stderr));
        assert!(String::from_utf8_lossy(&run.stdout).contains(part));
    }
}

/// Runs every sample of a folder with a small budget, and prints how each ended.
fn survey(folder: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<(String, Option<Run>)> {
    let mut paths: Vec<_> =
        fs::read_dir(shared(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut runs = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !is_wanted(&name) {
            continue;
        }
        let mut options = RunOptions::default();
        options.entry_decisions = Some(100_000);
        let result = sandbox::run(&fs::read(&path).unwrap(), &options);
        match &result {
            Ok(run) => {
                let ends = run.entries.iter().fold(BTreeMap::<String, u32>::new(), |mut ends, entry| {
                    *ends.entry(format!("{:?}", entry.end).chars().take(30).collect()).or_default() += 1;
                    ends
                });
                println!("{name}: {:?} {} calls {ends:?}", run.status, run.calls.len());
            }
            Err(error) => println!("{name}: {error}"),
        }
        runs.push((name, result.ok()));
    }
    runs
}

#[needs("../shared/samples")]
#[test]
fn benign_samples_run() {
    for (name, run) in survey("samples/benign", |_| true) {
        let run = run.unwrap_or_else(|| panic!("{name} was refused"));
        assert!(!run.entries.is_empty(), "{name}");
    }
}

#[test]
fn weakness_tests_run_as_commands() {
    let runs = survey("samples/hostile", |name| name.starts_with("sac22"));
    for (name, run) in &runs {
        let run = run.as_ref().unwrap_or_else(|| panic!("{name} was refused"));
        assert_eq!((run.entries[0].name.as_str(), run.calls.is_empty()), ("_start", false), "{name}");
    }
    let wrote = runs.iter().filter(|(_, run)| run.as_ref().is_some_and(|run| !run.stdout.is_empty())).count();
    println!("{wrote} of {} wrote something", runs.len());
    assert!(wrote * 10 >= runs.len() * 9);
}
