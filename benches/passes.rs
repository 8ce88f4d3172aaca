//! `passes`: how fast the passes are, in executed opcodes per second.
//!
//! ```text
//! cargo bench --bench passes               criterion; the throughput is in executed opcodes
//! cargo bench --bench passes -- --once     each case once, untimed, answers asserted (CI)
//! cargo bench --bench passes -- --samples FILE…   `Dynamic::of` with what replay remembers and without
//! cargo bench --bench passes -- --run all|profile|told FILE N   a case N times: for callgrind
//! ```
//!
//! `counts` is the bare replay that counts opcodes, and `profile` the replay that all passes share. Then
//! comes each pass by itself with that replay, and `all` is `Dynamic::of`. Most passes derive their results
//! from the profile, so they cost what the code costs and not the trace.
//!
//! The runs are those of the workloads in `../shared` that need no imports, or of our own kernels where that
//! folder is absent.

mod common;

use std::{fs, hint::black_box, time::Instant};

use criterion::{Criterion, Throughput};
use wasmspoor::{
    module::view::View,
    passes::{Dynamic, ON_DEMAND, PASSES, Profile},
    sandbox::{self, Run, RunOptions},
    trace::{ExecutedBlock, Visitor},
};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--samples", ref files @ ..] => return files.iter().for_each(|file| row(file)),
        ["--run", case, file, times] => return times_of(case, file, times),
        _ => {}
    }
    let runs = runs();
    if common::once() {
        for (name, run, view) in &runs {
            println!("passes/{name}: {} instructions", all(run, view));
        }
        return;
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for (name, run, view) in &runs {
        let mut group = criterion.benchmark_group(format!("passes/{name}"));
        group.throughput(Throughput::Elements(all(run, view)));
        group.bench_function("counts", |bencher| bencher.iter(|| black_box(run.trace.counts().is_ok())));
        group.bench_function("profile", |bencher| {
            bencher.iter(|| black_box(Profile::of(run, view).instructions()))
        });
        for pass in PASSES.iter().chain(ON_DEMAND) {
            group.bench_function(pass.name, |bencher| bencher.iter(|| pass.apply(run, view)));
        }
        group.bench_function("all", |bencher| bencher.iter(|| black_box(all(run, view))));
        group.finish();
    }
    criterion.final_summary();
}

/// Everything; returns the number of instructions, which an independent count must confirm.
fn all(run: &Run, view: &View) -> u64 {
    let dynamic = Dynamic::of(run, view);
    assert_eq!(dynamic.error, None);
    dynamic.metrics.classes.total
}

/// Wants to be told of every block, so that replay remembers nothing.
struct Told;

impl Visitor for Told {
    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        black_box(run.number());
    }
}

/// Does a case: everything, the replay that all passes share, or that as it is without a memory.
fn case(name: &str, run: &Run, view: &View) -> u64 {
    match name {
        "all" => all(run, view),
        "profile" => Profile::of(run, view).instructions(),
        "told" => Profile::with(run, view, Told).0.instructions(),
        _ => panic!("no case is called {name}"),
    }
}

fn of_file(file: &str) -> (Run, View) {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let wasm = wat::parse_bytes(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
    let run = sandbox::run(&wasm, &RunOptions::default()).unwrap_or_else(|error| panic!("{file}: {error}"));
    (run, View::of(&wasm))
}

fn times_of(name: &str, file: &str, times: &str) {
    let (run, view) = of_file(file);
    let times: u32 = times.parse().unwrap_or_else(|error| panic!("{times}: {error}"));
    (0..times).for_each(|_| _ = black_box(case(name, &run, &view)));
}

/// The least time of each case of five in turn, and how much faster everything is for what is remembered.
fn row(file: &str) {
    let (run, view) = of_file(file);
    let mut least = [f64::INFINITY; 3];
    let mut total = 0;
    for _ in 0..5 {
        for (name, least) in ["all", "profile", "told"].into_iter().zip(&mut least) {
            let begun = Instant::now();
            total = black_box(case(name, &run, &view));
            *least = least.min(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [all, profile, told] = least;
    let name = file.rsplit('/').next().unwrap_or_default();
    let faster = (all - profile + told) / all;
    println!(
        "{name:44} {total:>12} instructions  all {all:8.2} ms  profile {profile:8.2} ms  told {told:8.2} ms \
        {faster:6.2}x"
    );
}

fn runs() -> Vec<(String, Run, View)> {
    let runs = common::traces().into_iter().map(|(name, trace)| {
        let view = View::of(trace.modules[0].bytes());
        let counts = trace.counts().unwrap_or_else(|error| panic!("{error}"));
        let run = Run { trace, ..Run::default() };
        assert_eq!(all(&run, &view), counts.total, "{name}");
        (name, run, view)
    });
    runs.collect()
}
