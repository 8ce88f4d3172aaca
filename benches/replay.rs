//! `replay`: how fast a trace gives back what was executed, block by block and event by event.
//!
//! ```text
//! cargo bench --bench replay               criterion; the throughput is in executed opcodes
//! cargo bench --bench replay -- --once     each case once, untimed, answers asserted (CI)
//! ```
//!
//! The traces are those of the workloads in `../shared` that need no imports, or of our own kernels where that folder is absent.

use std::{fs, hint::black_box, path::Path};

use criterion::{Criterion, Throughput};
use wasmspoor::{
    Limits, Options, Outcome, Tracer,
    trace::{Counts, Event, Trace},
};

fn main() {
    let traces = traces();
    if std::env::args().any(|arg| arg == "--once") || !std::env::args().any(|arg| arg == "--bench") {
        for (name, trace) in &traces {
            println!("replay/{name}: {} instructions, {} of them as events", block_wise(trace), event_by_event(trace, 1_000_000));
        }
        return;
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for (name, trace) in &traces {
        let total = block_wise(trace);
        println!("{name}: {total} instructions, {:.4} bit of trace for each", trace.size_bytes() as f64 * 8.0 / total as f64);
        let mut group = criterion.benchmark_group(format!("replay/{name}"));
        group.throughput(Throughput::Elements(total));
        group.bench_function("blocks", |bencher| bencher.iter(|| black_box(block_wise(trace))));
        let events = event_by_event(trace, 20_000_000);
        group.throughput(Throughput::Elements(events));
        group.bench_function("events", |bencher| bencher.iter(|| black_box(event_by_event(trace, 20_000_000))));
        group.finish();
    }
    criterion.final_summary();
}

/// Counts opcodes; returns the number of all.
fn block_wise(trace: &Trace) -> u64 {
    Counts::of(trace).unwrap_or_else(|error| panic!("{error}")).total
}

/// Walks at most `limit` events; returns how many were instructions.
fn event_by_event(trace: &Trace, limit: usize) -> u64 {
    let mut instructions = 0;
    for event in trace.events().take(limit) {
        match event {
            Ok(Event::Op(executed)) => {
                black_box(executed);
                instructions += 1;
            }
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
    instructions
}

fn traces() -> Vec<(String, Trace)> {
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
    names.iter().map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), record(path))).collect()
}

fn record(path: &Path) -> Trace {
    let mut limits = Limits::default();
    limits.wall_time = None;
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut session = Tracer::new(Options::default().limits(limits)).load(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let outcome = session.start().and_then(|_| session.invoke("main", &[]));
    assert!(matches!(outcome, Ok(Outcome::Returned(_))), "{outcome:?}");
    session.finish()
}
