//! `passes`: how fast the passes are, in executed opcodes per second.
//!
//! ```text
//! cargo bench --bench passes               criterion; the throughput is in executed opcodes
//! cargo bench --bench passes -- --once     each case once, untimed, answers asserted (CI)
//! ```
//!
//! `counts` is the bare replay that counts opcodes, `profile` the replay that all passes share, then each
//! pass by itself with that replay, and `all` is `Dynamic::of`. Most passes derive their results from the
//! profile, so they cost what the code costs and not the trace.
//!
//! The runs are those of the workloads in `../shared` that need no imports, or of our own kernels where that
//! folder is absent.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wasmspoor::{
    module::view::View,
    passes::{Dynamic, ON_DEMAND, PASSES, Profile},
    sandbox::Run,
};

fn main() {
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
