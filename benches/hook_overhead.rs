//! `hook_overhead`: what the patched execution loop costs, recording and not, against the untouched wasmi.
//!
//! Each workload runs on four engines of one binary. `stock` is wasmi, and `fuel` is wasmi metering fuel.
//! `off` is the hooked crate, not recording, and `flow` records, with a sink as the tracer has it. Only the
//! call of the export is timed. Store and instance are fresh for each run, and the code was translated by an
//! earlier run on the same engine. The paired table compiles anew for each run.
//!
//! ```text
//! cargo bench --bench hook_overhead                        criterion, then the paired table of 5 rounds
//! cargo bench --bench hook_overhead -- --paired 15         the paired table alone: what we judge by
//! cargo bench --bench hook_overhead -- --paired 15 gemm    … of one workload
//! cargo bench --bench hook_overhead -- --once              each once on each engine, answers asserted
//! cargo bench --bench hook_overhead -- --run flow gemm 3   one of each, three runs: for callgrind
//! cargo bench --bench hook_overhead -- gemm/flow           criterion's own filter and options
//! ```
//!
//! `cargo test --bench hook_overhead` is `--once`. Times of single runs mean little on a shared machine. The
//! paired table takes the median of ratios within a round. Instruction counts settle what is left
//! (`valgrind --tool=callgrind` on `--run`; N + 1 runs less N runs is one run). Where the linker puts
//! handlers moves single workloads by more than ten percent either way: compare with
//! `RUSTFLAGS="-C llvm-args=-align-all-functions=6"` before believing a difference.
//!
//! Not here: the cost of replay, of compression, and of the sandbox (the system calls of `world` are the same
//! on all engines).

#[path = "hook_overhead/engines.rs"]
mod engines;
#[path = "hook_overhead/modes.rs"]
mod modes;
#[path = "hook_overhead/sink.rs"]
mod sink;
#[path = "hook_overhead/workloads.rs"]
mod workloads;
#[path = "hook_overhead/world.rs"]
mod world;

use std::process::ExitCode;

/// Rounds of the paired table when criterion ran first.
const ROUNDS_AFTER_CRITERION: usize = 5;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    match (args.as_slice(), is_bench) {
        (["--once"], _) | ([], false) => modes::once(),
        (["--paired", rounds], _) => return with_count(rounds, |rounds| modes::paired(rounds, "")),
        (["--paired", rounds, only], _) => return with_count(rounds, |rounds| modes::paired(rounds, only)),
        (["--run", engine, workload, runs], _) => {
            return with_count(runs, |runs| modes::run(engine, workload, runs));
        }
        ([], true) => {
            modes::criterion();
            modes::paired(ROUNDS_AFTER_CRITERION, "");
        }
        _ => modes::criterion(),
    }
    ExitCode::SUCCESS
}

/// Gives the number that `text` is to `mode`.
fn with_count(text: &str, mode: impl FnOnce(usize)) -> ExitCode {
    match text.parse() {
        Ok(count) if count > 0 => {
            mode(count);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("found {text:?}, allowed is a number from 1 on");
            ExitCode::from(2)
        }
    }
}
