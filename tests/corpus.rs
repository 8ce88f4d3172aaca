//! A corpus file is its own test. `;; RUN: spoor …` in its first line is run (`%` is the file), and its
//! output stands beside it in a file of the same name ending in `.out`. `BLESS=1` rewrites the outputs; a
//! missing or an orphaned one fails. `;; WHAT:` says what it is, and `;; EXPECT:` what an analysis has to
//! find (`expect`).

mod common;
mod expect;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use wasmspoor::{analysis::Analysis, passes::flows::Look, rules, sandbox};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The samples whose name contains what `ONLY` says; all without it.
fn samples() -> impl Iterator<Item = PathBuf> {
    let only = std::env::var("ONLY").unwrap_or_default();
    let is_asked = move |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().contains(&only);
    common::files(&corpus(), "wat").into_iter().filter(is_asked)
}

#[test]
fn every_sample_prints_what_is_expected() {
    let is_blessing = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for sample in samples() {
        let text = fs::read_to_string(&sample).unwrap();
        let Some(line) = text.lines().next().and_then(|line| line.strip_prefix(";; RUN: spoor ")) else {
            wrong.push(format!("{}: the first line is not `;; RUN: spoor …`", sample.display()));
            continue;
        };
        let file = sample.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap();
        let words = line.split_whitespace().map(|word| if word == "%" { file } else { word });
        let output = Command::new(env!("CARGO_BIN_EXE_spoor"))
            .args(words)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        // A sample that cannot be run says so there.
        let printed = format!("exit code {}\n{stdout}{stderr}", output.status.code().unwrap());
        let expected = sample.with_extension("out");
        if is_blessing && printed.contains("limit of wall time") {
            wrong.push(format!("{file} was stopped by the clock: bless it on a machine with less to do"));
        } else if is_blessing {
            fs::write(&expected, printed).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != printed {
            wrong.push(format!("{file} prints\n{printed}"));
        }
    }
    assert!(wrong.is_empty(), "BLESS=1 rewrites expectations\n{}", wrong.join("\n"));
}

#[test]
fn no_expectation_is_orphaned() {
    for expected in common::files(&corpus(), "out") {
        assert!(expected.with_extension("wat").is_file(), "{} belongs to no sample", expected.display());
    }
}

#[test]
fn every_sample_says_what_it_is_and_what_to_find() {
    let mut wrong = Vec::new();
    for sample in common::files(&corpus(), "wat") {
        let text = fs::read_to_string(&sample).unwrap();
        let what = text.lines().filter_map(|line| line.strip_prefix(";; WHAT: ")).count();
        match expect::parse(&text) {
            Ok(pairs) if what == 1 && !pairs.is_empty() => {}
            Ok(_) => wrong.push(format!("{}: no WHAT, or nothing expected", sample.display())),
            Err(error) => wrong.push(format!("{}: {error}", sample.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `ONLY=name` checks the samples whose name contains that.
#[test]
fn every_sample_is_found_out() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let rules = rules::Set::builtin();
    let mut wrong = Vec::new();
    for sample in common::files(&corpus(), "wat") {
        let name = sample.file_stem().unwrap().to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let text = fs::read_to_string(&sample).unwrap();
        // As `spoor run` does.
        let options = sandbox::RunOptions::default();
        let analysis = Analysis::with_values(text.as_bytes(), &options, &rules, Look::Auto);
        for expected in expect::parse(&text).unwrap() {
            if let Some(found) = expect::mismatch(&analysis, &expected) {
                let shown: String = found.chars().take(200).collect();
                wrong.push(format!(
                    "{name:28} {:14} expected {:40} found {shown}",
                    expected.key, expected.value
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} expectations do not hold\n{}", wrong.len(), wrong.join("\n"));
}

/// What a report says of its options repeats the run: `spoor run --options FILE` gives the same bytes again.
/// A run that the clock ended is not the same twice.
#[test]
fn every_report_repeats_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let run = |sample: &Path, options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
        command.args(["run", "--json", "--fail-on=never"]).arg(sample).args(options).output().unwrap().stdout
    };
    let by_clock = |printed: &[u8]| {
        let told: serde_json::Value = serde_json::from_slice(printed).unwrap();
        told["entries"].as_array().is_some_and(|all| all.iter().any(|one| one["end"]["limit"] == "wall_time"))
    };
    let is_repeated = |sample: &PathBuf| {
        let first = run(sample, &[]);
        fs::write(&report, &first).unwrap();
        let again = run(sample, &["--options", report.to_str().unwrap()]);
        again == first || by_clock(&first) || by_clock(&again)
    };
    let wrong: Vec<_> = samples().filter(|sample| !is_repeated(sample)).collect();
    assert!(wrong.is_empty(), "another run by the options of its report: {wrong:?}");
}

/// The figures of the issue, said here too, so that a blessing cannot lose them: instructions in all, `nop`,
/// `i32.xor`, `call`.
#[test]
fn the_shapes_have_their_true_counts() {
    for (sample, invoke, total, nops, xors, calls) in [
        ("miner", None, 231, 90, 35, 1),
        ("miner", Some("mine"), 462, 180, 70, 2),
        ("browser-cryptojack", None, 231, 70, 40, 1),
        ("wasi-ransomware", None, 260, 60, 50, 0),
        ("worked-example", Some("main"), 47, 3, 0, 0),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
        command.args(["trace", "--json"]).arg(corpus().join(sample).with_extension("wat"));
        if let Some(export) = invoke {
            command.args(["--invoke", export]);
        }
        let output = command.output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |opcode: &str| report["opcodes"][opcode].as_u64().unwrap_or(0);
        let counted =
            (report["instructions"].as_u64().unwrap(), count("nop"), count("i32.xor"), count("call"));
        assert_eq!(counted, (total, nops, xors, calls), "{sample} {invoke:?}");
    }
}
