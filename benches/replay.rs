//! `replay`: how fast a trace gives back what was executed, block by block and event by event.
//!
//! ```text
//! cargo bench --bench replay               criterion; the throughput is in executed opcodes
//! cargo bench --bench replay -- --table    counting with what is remembered and without, least of 9 in turn
//! cargo bench --bench replay -- --crafted  the same of runs made so that nothing is worth remembering
//! cargo bench --bench replay -- --run plain|remembered NAME N   counts a run N times: for callgrind
//! cargo bench --bench replay -- --once     each case once, untimed, answers asserted (CI)
//! ```
//!
//! The traces are those of the workloads in `../shared` that need no imports, or of our own kernels where
//! that folder is absent.

mod common;
mod replay {
    pub(crate) mod crafted;
}

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wasmspoor::trace::{Counter, Counts, Event, ExecutedBlock, ExecutedFunction, Trace, Visitor};

/// Least time that is measured: the clock of a thread counts in milliseconds.
const LEAST_MS: f64 = 50.0;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--crafted"] => return replay::crafted::traces().iter().for_each(|(name, trace)| row(name, trace)),
        ["--run", how, name, times] => return times_of(how, name, times),
        _ => {}
    }
    let traces = common::more_traces();
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
    if std::env::args().any(|arg| arg == "--table") {
        traces.iter().for_each(|(name, trace)| row(name, trace));
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

/// A counter that is told of every block, so that replay remembers nothing.
#[derive(Default)]
struct Plain(Counter);

impl Visitor for Plain {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        self.0.load(function);
    }

    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.0.block(run);
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.0.cut(run);
    }
}

/// As [`block_wise`], with a look at every block.
fn plain(trace: &Trace) -> u64 {
    let mut counter = Plain::default();
    trace.replay(&mut counter).unwrap_or_else(|error| panic!("{error}"));
    counter.0.finish().unwrap_or_else(|error| panic!("{error}")).total
}

/// Counts the run of that name so many times.
fn times_of(how: &str, name: &str, times: &str) {
    let traces = common::more_traces().into_iter().chain(replay::crafted::traces());
    let trace = traces.into_iter().find(|(found, _)| found == name).map(|(_, trace)| trace);
    let (Some(trace), Ok(times)) = (trace, times.parse::<u32>()) else { panic!("no such run") };
    (0..times).for_each(|_| _ = black_box(if how == "plain" { plain(&trace) } else { block_wise(&trace) }));
}

/// The least times of both in turn: what else runs on the machine only adds. What takes less than
/// [`LEAST_MS`] is done more than once for a time.
fn row(name: &str, trace: &Trace) {
    let timed = |count: fn(&Trace) -> u64, times: u32| {
        let start = common::processor_seconds();
        let totals = (0..times).fold(0, |sum, _| sum + black_box(count(trace)));
        (totals / u64::from(times), (common::processor_seconds() - start) * 1e3 / f64::from(times))
    };
    let cases = [block_wise as fn(&Trace) -> u64, plain].map(|count| {
        let (total, first) = timed(count, 1);
        (count, total, (LEAST_MS / first.max(0.5)).ceil().max(1.0) as u32)
    });
    assert_eq!(cases[0].1, cases[1].1, "{name}");
    let mut least = [f64::INFINITY; 2];
    for _ in 0..9 {
        for ((count, _, times), least) in cases.iter().zip(&mut least) {
            *least = least.min(timed(*count, *times).1);
        }
    }
    let [remembered, told] = least;
    println!("{name:18} {told:8.2} ms plain {remembered:8.2} ms remembered {:6.2}x", told / remembered);
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
