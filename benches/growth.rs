//! `growth`: how work grows with the input. Each pass, view and writer runs on inputs of doubling size. One
//! that takes more than 2^1.2 times as many instructions for twice the input fails.
//!
//! ```text
//! cargo bench --profile tail --bench growth              counts under callgrind; needs valgrind
//! cargo bench --profile tail --bench growth -- loops     only inputs with this in their name
//! cargo bench --profile tail --bench growth -- --table   the table of docs/performance.md
//! ```
//!
//! Instructions are counted and not time, so that the machine and its load do not matter. One process under
//! callgrind runs everything. [`measured`] is the function whose costs are collected; each return from it
//! makes callgrind write a file with the sum.

mod growth {
    pub(crate) mod inputs;
    pub(crate) mod stages;
}

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use growth::{inputs, stages};

/// How much more work twice the input may be, as a power of two. Sorting is 1.1 at these sizes.
const MOST: f64 = 1.2;
/// Instructions at the smaller size below which a step says nothing of how it grows. Some work begins only at
/// some size: a list is cut, a table is made. It would look as if it grew without end.
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
    let grown = grown(folder.path());
    let show = if args.iter().any(|arg| arg == "--table") { table } else { list };
    show(&grown);
    match grown.iter().filter(|grown| grown.is_too_much()).count() {
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
        Ok(status) if status.success() && !folder.join("out.1").exists() => {
            panic!("callgrind found no function growth::measured: the linker left no symbols (mold does not)")
        }
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the measured process failed: {status}"),
        Err(error) => panic!("valgrind could not be started (apt install valgrind): {error}"),
    }
}

/// How the work of a step grows with an input.
struct Grown<'n> {
    input: &'n str,
    step: &'n str,
    /// Instructions for each size.
    counts: Vec<u64>,
}

impl Grown<'_> {
    fn most(&self) -> u64 {
        self.counts.last().copied().unwrap_or(0)
    }

    /// How much work it was at half the size.
    fn before(&self) -> u64 {
        self.counts.iter().rev().nth(1).copied().unwrap_or(0)
    }

    /// How much more work the last doubling is, as a power of two.
    fn exponent(&self) -> f64 {
        (self.most() as f64 / self.before().max(1) as f64).log2()
    }

    fn is_counted(&self) -> bool {
        self.before() >= LEAST
    }

    fn is_too_much(&self) -> bool {
        self.exponent() > MOST && self.is_counted()
    }
}

/// How each step grows with each input.
fn grown(folder: &Path) -> Vec<Grown<'static>> {
    let names = fs::read_to_string(folder.join(stages::NAMES)).unwrap_or_else(|error| panic!("{error}"));
    // Read once, shown at the end of the process.
    let names: &'static str = names.leak();
    let counts: Vec<(&str, u64)> =
        names.lines().zip(1..).map(|(name, number)| (name, total(folder, number))).collect();
    let grown = stages::steps(&counts).into_iter().map(|name| {
        let counts: Vec<u64> =
            counts.iter().filter(|(other, _)| *other == name).map(|(_, count)| *count).collect();
        assert_eq!(counts.len(), inputs::SIZES.len(), "{name}: {counts:?}");
        let (input, step) = name.split_once('/').unwrap_or((name, ""));
        Grown { input, step, counts }
    });
    grown.collect()
}

/// A line for each step on each input.
fn list(grown: &[Grown<'_>]) {
    for grown in grown {
        let Grown { input, step, counts } = grown;
        let mark = if grown.is_too_much() { "  TOO MUCH" } else { "" };
        println!("growth/{input}/{step}: {counts:?} instructions, n^{:.2}{mark}", grown.exponent());
    }
}

/// A row for each step: with which of the inputs it grows most, and with which it is most work.
fn table(grown: &[Grown<'_>]) {
    println!("| step | grows most with | as | most work with | million instructions |");
    println!("|---|---|---|---|---|");
    for step in grown.iter().map(|grown| grown.step).collect::<BTreeSet<_>>() {
        let of = || grown.iter().filter(|grown| grown.step == step);
        let counted = || of().filter(|grown| grown.is_counted());
        let fastest = counted().max_by(|a, b| a.exponent().total_cmp(&b.exponent()));
        let Some(most) = of().max_by_key(|grown| grown.most()) else { continue };
        let [input, exponent] = fastest.map_or(["–".to_owned(), "–".to_owned()], |fastest| {
            [fastest.input.to_owned(), format!("n^{:.2}", fastest.exponent())]
        });
        println!("| {step} | {input} | {exponent} | {} | {:.1} |", most.input, most.most() as f64 / 1e6);
    }
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
