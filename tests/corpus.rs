//! A corpus file is its own test: `;; RUN: spoor …` in its first line is run (`%` is the file), and its output stands beside it in a file of the
//! same name ending in `.out`. `BLESS=1` rewrites the outputs; a missing or an orphaned one fails.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn every_sample_prints_what_is_expected() {
    let is_blessing = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for sample in common::files(&corpus(), "wat") {
        let text = fs::read_to_string(&sample).unwrap();
        let Some(line) = text.lines().next().and_then(|line| line.strip_prefix(";; RUN: spoor ")) else {
            wrong.push(format!("{}: the first line is not `;; RUN: spoor …`", sample.display()));
            continue;
        };
        let file = sample.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap();
        let words = line.split_whitespace().map(|word| if word == "%" { file } else { word });
        let output =
            Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.stderr.is_empty(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        let printed = format!("exit code {}\n{}", output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap());
        let expected = sample.with_extension("out");
        if is_blessing {
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

/// The figures of the issue, said here too, so that a blessing cannot lose them: instructions in all, `nop`, `i32.xor`, `call`.
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
        let counted = (report["instructions"].as_u64().unwrap(), count("nop"), count("i32.xor"), count("call"));
        assert_eq!(counted, (total, nops, xors, calls), "{sample} {invoke:?}");
    }
}
