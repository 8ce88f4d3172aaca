//! `run`: what a whole analysis costs, from bytes to verdict, rules loaded before or with it.
//!
//! ```text
//! cargo bench --bench run               criterion; the throughput is in executed opcodes
//! cargo bench --bench run -- --once     each case once, untimed, answers asserted (CI)
//! cargo bench --bench run -- --stages FILE…   where the time goes in `spoor run FILE`
//! ```
//!
//! The samples are our own, one of each kind: what a person sees on `spoor run` of a small file is `rules`
//! plus one of the others.

mod common;
mod run {
    pub(crate) mod stages;
}

use std::{hint::black_box, path::Path};

use criterion::{Criterion, Throughput};
use wasmspoor::{
    analysis::Analysis,
    rules::Set,
    sandbox::RunOptions,
    verdict::Class::{self, Clean, Malicious},
};

/// Samples of `corpus/` and what they are.
const SAMPLES: &[(&str, Class)] = &[
    ("miner", Malicious),
    ("ransomware-chacha", Malicious),
    ("benign-sha256sum", Clean),
    ("benign-interpreter", Clean),
];

fn main() {
    if let Some(at) = std::env::args().position(|arg| arg == "--stages") {
        return run::stages::table(std::env::args().skip(at + 1).filter(|arg| arg != "--bench"));
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let rules = Set::builtin();
    let samples = SAMPLES.iter().map(|&(name, class)| {
        let bytes = std::fs::read(corpus.join(name).with_extension("wat"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let analysis = Analysis::of(&bytes, &RunOptions::default(), &rules);
        assert_eq!(analysis.verdict.class, class, "{name}");
        (name, bytes, analysis.dynamic.metrics.classes.total)
    });
    let samples: Vec<_> = samples.collect();
    if common::once() {
        for (name, _, instructions) in &samples {
            println!("run/{name}: {instructions} instructions");
        }
        return;
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let mut group = criterion.benchmark_group("run");
    group.bench_function("rules", |bencher| bencher.iter(|| black_box(Set::builtin())));
    for (name, bytes, instructions) in &samples {
        group.throughput(Throughput::Elements(*instructions));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| black_box(Analysis::of(bytes, &RunOptions::default(), &rules).verdict.score))
        });
    }
    group.finish();
    criterion.final_summary();
}
