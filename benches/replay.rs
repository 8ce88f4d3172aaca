//! `replay`: how fast a trace gives back what was executed, block by block and event by event.
//!
//! ```text
//! cargo bench --bench replay               criterion; the throughput is in executed opcodes
//! cargo bench --bench replay -- --once     each case once, untimed, answers asserted (CI)
//! ```
//!
//! The traces are those of the workloads in `../shared` that need no imports, or of our own kernels where
//! that folder is absent.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wasmspoor::trace::{Counts, Event, Trace};

fn main() {
    let traces = common::traces();
    if common::once() {
        for (name, trace) in &traces {
            println!(
                "replay/{name}: {} instructions, {} of them as events",
                block_wise(trace),
                event_by_event(trace, 1_000_000)
            );
        }
        return;
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for (name, trace) in &traces {
        let total = block_wise(trace);
        println!(
            "{name}: {total} instructions, {:.4} bit of trace for each",
            trace.size_bytes() as f64 * 8.0 / total as f64
        );
        let mut group = criterion.benchmark_group(format!("replay/{name}"));
        group.throughput(Throughput::Elements(total));
        group.bench_function("blocks", |bencher| bencher.iter(|| black_box(block_wise(trace))));
        let events = event_by_event(trace, 20_000_000);
        group.throughput(Throughput::Elements(events));
        group.bench_function("events", |bencher| {
            bencher.iter(|| black_box(event_by_event(trace, 20_000_000)))
        });
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
