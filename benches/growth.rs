//! `growth`: how work grows with the input. Each pass, view and writer runs on inputs of doubling size, and
//! one that takes more than 2^1.2 times as many instructions for twice the input fails.
//!
//! ```text
//! cargo bench --profile tail --bench growth              counts under callgrind; needs valgrind
//! cargo bench --profile tail --bench growth -- loops     only inputs with this in their name
//! ```
//!
//! Instructions are counted and not time, so that the machine and its load do not matter. One process under
//! callgrind runs everything; [`measured`] is the function whose costs are collected, and each return from it
//! makes callgrind write a file with the sum.

mod growth {
    pub(crate) mod inputs;
    pub(crate) mod stages;
}

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use growth::{inputs, stages};

/// How much more work twice the input may be, as a power of two. Sorting is 1.1 at these sizes.
const MOST: f64 = 1.2;
/// Instructions below which a step says nothing of how it grows.
const LEAST: u64 = 300_000;
/// The argument that makes this process the one that is measured.
const CHILD: &str = "--measured-in=";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(folder) = args.iter().find_map(|arg| arg.strip_prefix(CHILD)) {
        stages::run(Path::new(folder));
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` asks for nothing but that it starts.
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let wanted = args.iter().find(|arg| !arg.starts_with('-')).map_or("", String::as_str);
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    inputs::write(folder.path(), wanted);
    count(folder.path());
    match judge(folder.path()) {
        0 => ExitCode::SUCCESS,
        failed => {
            println!("growth: {failed} steps grow faster than n^{MOST}");
            ExitCode::FAILURE
        }
    }
}

/// Runs this program again under callgrind.
fn count(folder: &Path) {
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let status = Command::new("valgrind")
        .args(["-q", "--tool=callgrind", "--collect-atstart=no"])
        // The whole name: with wildcards callgrind collects and does not dump.
        .args(["--toggle-collect=growth::measured", "--dump-after=growth::measured", "--dump-instr=no"])
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(program)
        .arg(format!("{CHILD}{}", folder.display()))
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the measured process failed: {status}"),
        Err(error) => panic!("valgrind could not be started (apt install valgrind): {error}"),
    }
}

/// Prints how each step grows; returns how many grow too fast.
fn judge(folder: &Path) -> usize {
    let names = fs::read_to_string(folder.join(stages::NAMES)).unwrap_or_else(|error| panic!("{error}"));
    let counts: Vec<(&str, u64)> =
        names.lines().zip(1..).map(|(name, number)| (name, total(folder, number))).collect();
    let mut failed = 0;
    for name in stages::steps(&counts) {
        let of: Vec<u64> =
            counts.iter().filter(|(other, _)| *other == name).map(|(_, count)| *count).collect();
        assert_eq!(of.len(), inputs::SIZES.len(), "{name}: {of:?}");
        let exponent = (of[of.len() - 1] as f64 / of[of.len() - 2].max(1) as f64).log2();
        let is_too_much = exponent > MOST && of[of.len() - 1] >= LEAST;
        let mark = if is_too_much { "  TOO MUCH" } else { "" };
        println!("growth/{name}: {of:?} instructions, n^{exponent:.2}{mark}");
        failed += usize::from(is_too_much);
    }
    failed
}

/// The sum that callgrind wrote when the function returned for the `number`-th time.
fn total(folder: &Path, number: usize) -> u64 {
    let path = folder.join(format!("out.{number}"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sum = text.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    sum.and_then(|sum| sum.trim().parse().ok()).unwrap_or_else(|| panic!("{}: no sum", path.display()))
}

/// What is counted. A function of its own, so that callgrind knows it by its name.
#[inline(never)]
pub(crate) fn measured(work: &mut dyn FnMut()) {
    work();
    std::hint::black_box(());
}
