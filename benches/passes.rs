//! `passes`: how fast the passes are, in executed opcodes per second.
//!
//! ```text
//! cargo bench --bench passes               criterion; the throughput is in executed opcodes
//! cargo bench --bench passes -- --once     each case once, untimed, answers asserted (CI)
//! ```
//!
//! `counts` is the bare replay that counts opcodes, `profile` the replay that all passes share, then each pass by itself, and `all` is
//! `Dynamic::of`. The passes derive their results from the profile, so they cost what the code costs and not the trace.
//!
//! The runs are those of the workloads in `../shared` that need no imports, or of our own kernels where that folder is absent.

use std::{hint::black_box, path::Path};

use criterion::{Criterion, Throughput};
use wasmspoor::{
    Limits, Options, Outcome, Tracer,
    module::view::View,
    passes::{Dynamic, PASSES, Profile},
    sandbox::{self, Run},
};

fn main() {
    let runs = runs();
    if std::env::args().any(|arg| arg == "--once") || !std::env::args().any(|arg| arg == "--bench") {
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
        group.bench_function("profile", |bencher| bencher.iter(|| black_box(Profile::of(run).instructions())));
        let profile = Profile::of(run);
        for pass in PASSES {
            group.bench_function(pass.name, |bencher| {
                bencher.iter(|| {
                    let mut dynamic = Dynamic::default();
                    pass.derive(&profile, view, &mut dynamic);
                    black_box(dynamic)
                });
            });
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
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/workloads");
    let names: Vec<_> = match shared.is_dir() {
        true => ["fib", "gemm", "sha256", "bfvm", "qsort"].map(|name| shared.join(name).with_extension("wasm")).to_vec(),
        false => {
            println!("../shared is absent: our own kernels instead");
            ["collatz", "br_table_vm", "indirect_calls"]
                .map(|name| here.join("benches/kernels").join(name).with_extension("wat"))
                .to_vec()
        }
    };
    names
        .iter()
        .map(|path| {
            let (run, view) = record(path);
            let counts = run.trace.counts().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(all(&run, &view), counts.total, "{}", path.display());
            (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), run, view)
        })
        .collect()
}

fn record(path: &Path) -> (Run, View) {
    let mut limits = Limits::default();
    limits.wall_time = None;
    let bytes = wat::parse_file(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut session = Tracer::new(Options::default().limits(limits)).load(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let outcome = session.start().and_then(|_| session.invoke("main", &[]));
    assert!(matches!(outcome, Ok(Outcome::Returned(_))), "{outcome:?}");
    // The sandbox would spend its budget on every export; of it only the shape of a run is taken.
    let empty = b"\0asm\x01\0\0\0";
    let mut run = sandbox::run(empty, &sandbox::Options::default()).unwrap_or_else(|error| panic!("{error}"));
    run.trace = session.finish();
    (run, View::of(&bytes))
}
