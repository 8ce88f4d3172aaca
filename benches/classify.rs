//! `classify`: training and asking classifiers.
//!
//! ```text
//! cargo bench --bench classify               `train/…`, `file` (the card too), `predict/…`
//! cargo bench --bench classify -- --once     each case once, untimed, answers asserted (CI)
//! ```
//!
//! The data are made up, with the size of the reference study's: 523 runs of 12 to 400 calls, half of them of
//! either class.

mod common;

use std::hint::black_box;

use criterion::Criterion;
use wasmspoor::{
    categories::Mode,
    classify::{Example, Features, ModelFile, ModelKind, TrainingOptions, Vectorizer},
};

const SAMPLES: usize = 523;

fn main() {
    let samples = samples();
    let refs: Vec<&Example> = samples.iter().collect();
    let labels: Vec<bool> = samples.iter().map(|sample| sample.malicious).collect();
    let encoding = Vectorizer::fit(Features::LogNgrams, Mode::Full, &refs).expect("there are n-grams");
    let matrix = encoding.matrix(&refs).expect("the numbers are small");
    let options = |kind| TrainingOptions {
        kind: Some(kind),
        features: Some(Features::LogNgrams),
        mode: Mode::Full,
        ..TrainingOptions::default()
    };
    let files = ModelKind::ALL
        .map(|kind| ModelFile::train(&samples, &options(kind)).expect("both classes are there"));
    let longest = samples.iter().max_by_key(|sample| sample.calls.len()).expect("there are samples");
    for file in &files {
        let prediction = file.predict(&longest.calls, None).expect("there are calls");
        assert_eq!(prediction.malicious, longest.malicious, "{}", file.model.kind());
    }
    if common::once() {
        println!("classify: {} samples, {} features, {} kinds", samples.len(), matrix.columns(), files.len());
        return;
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("classify");
    for file in &files {
        let kind = file.model.kind();
        group.bench_function(format!("train/{kind}"), |bencher| {
            bencher.iter(|| black_box(kind.train(&matrix, &labels, 0)))
        });
        group.bench_function(format!("file/{kind}"), |bencher| {
            bencher.iter(|| black_box(ModelFile::train(&samples, &options(kind))))
        });
        group.bench_function(format!("predict/{kind}"), |bencher| {
            bencher.iter(|| black_box(file.predict(&longest.calls, None)))
        });
    }
    group.finish();
    criterion.final_summary();
}

/// Runs of both classes that share most calls.
fn samples() -> Vec<Example> {
    let calls = [
        "fd_write",
        "fd_read",
        "fd_close",
        "fd_seek",
        "clock_time_get",
        "path_open",
        "fd_fdstat_get",
        "random_get",
    ];
    let sample = |i: usize| {
        let malicious = i.is_multiple_of(2);
        let mut state = i as u64 + 1;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let len = 10 + next(390);
        let common = (0..len).map(|_| calls[next(calls.len() as u64) as usize]);
        let own =
            if malicious { ["args_get", "path_unlink_file"] } else { ["environ_sizes_get", "sched_yield"] };
        let calls = own.into_iter().chain(common).map(str::to_owned).collect();
        Example { name: i.to_string(), malicious, origin: format!("{}", i % 7), calls, trace: None }
    };
    (0..SAMPLES).map(sample).collect()
}
