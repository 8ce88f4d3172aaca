//! `values`: what the data level costs, against the untouched wasmi running the same program.
//!
//! ```text
//! cargo bench --bench values                        the paired table of 5 rounds
//! cargo bench --bench values -- --paired 15         … of 15
//! cargo bench --bench values -- --threads 5         windows on one and on two threads, 5 rounds
//! cargo bench --bench values -- --state             a moment of a run of 10^9 instructions
//! cargo bench --bench values -- --once              each case once, untimed, answers asserted (CI)
//! cargo bench --bench values -- --run plain gemm 3  one case, three runs: for callgrind
//! ```
//!
//! Cases: `stock` is wasmi, and `plain` the check against the recording alone. `operands` is a visitor that
//! is told of all operands, results and accesses, and adds them up; `each` does so operator by operator.
//! `taint` has as sources what the host gave, which is nothing here. In `near` some bytes are labelled, but
//! none that the program computes with. In `labelled` data segments are sources, and what comes from them.
//! The table has the medians of the ratios to `stock` within a round, by the time that the processor worked,
//! and their geometric means. The programs are those of `../shared` that need no imports, or kernels of our
//! own where that folder is absent. There is `cipher_text`, too, in which all that is computed comes from
//! labelled bytes.

mod common;

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use wasmspoor::{
    module::FuncIndex,
    trace::Trace,
    values::{
        Access, At, Fused, Machine, Nothing, Op, Timeline, Visitor,
        taint::{SourceKind, Taint, TaintOptions},
    },
};

/// Sums that are added to in turn: with one, each instruction would wait for what the one before it added.
const SUMS: usize = 8;

/// Adds up what it is told, so that all of it has to be there.
#[derive(Default)]
struct Sum {
    sums: [u64; SUMS],
    instructions: [u64; SUMS],
    addresses: [u64; SUMS],
}

impl Visitor for Sum {
    const FUSED: bool = true;
    const MEMORY: bool = true;

    #[inline]
    fn fused(&mut self, fused: Fused<'_>, operands: &[u64], results: &[u64]) {
        let turn = fused.number as usize % SUMS;
        let sum = operands.iter().chain(results).fold(0_u64, |sum, slot| sum.wrapping_add(*slot));
        self.sums[turn] = self.sums[turn].wrapping_add(sum);
        self.instructions[turn] += u64::from(fused.len);
    }

    #[inline]
    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        let turn = access.address as usize % SUMS;
        self.addresses[turn] = self.addresses[turn].wrapping_add(access.address);
    }
}

/// As [`Sum`], each operator on its own.
#[derive(Default)]
struct Each {
    sum: u64,
    instructions: u64,
}

impl Visitor for Each {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;

    #[inline]
    fn instruction(&mut self, _: At<'_>, operands: &[u64], results: &[u64]) {
        self.instructions += 1;
        self.sum = operands.iter().fold(self.sum, |sum, slot| sum.wrapping_add(*slot));
        self.sum = results.iter().fold(self.sum, |sum, slot| sum.wrapping_add(*slot));
    }

    #[inline]
    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        self.sum = self.sum.wrapping_add(access.address);
    }
}

/// Bytes that no program here uses.
const LAST: u64 = (1 << 32) - 16;

const CASES: [&str; 7] = ["stock", "plain", "operands", "each", "taint", "near", "labelled"];

/// Runs a case; how long it took, and the instructions that were executed if the case counts them.
fn run(case: &str, trace: &Trace) -> (Duration, Option<u64>) {
    match case {
        "stock" => (stock(trace), None),
        "plain" => timed(trace, &mut Nothing),
        "each" => {
            let mut each = Each::default();
            let (took, total) = timed(trace, &mut each);
            black_box(each.sum);
            assert_eq!(Some(each.instructions), total);
            (took, total)
        }
        "taint" | "near" | "labelled" => {
            let sources = SourceKind::GIVEN.into_iter();
            let sources = sources.chain((case == "labelled").then_some(SourceKind::Data));
            let mut taint = Taint::new(trace, TaintOptions::default().sources(sources));
            if case == "near" {
                taint.host_write(0, LAST, &[0; 16]);
            }
            let timed = timed(trace, &mut taint);
            assert_eq!(taint.lost(), 0, "{case}");
            timed
        }
        _ => {
            let mut sum = Sum::default();
            let (took, total) = timed(trace, &mut sum);
            black_box((sum.sums, sum.addresses));
            assert_eq!(Some(sum.instructions.iter().sum()), total);
            (took, total)
        }
    }
}

fn timed(trace: &Trace, visitor: &mut impl Visitor) -> (Duration, Option<u64>) {
    let begun = common::processor_seconds();
    let totals = Machine::new(trace).and_then(|mut machine| machine.run(visitor));
    let took = since(begun);
    (took, Some(totals.unwrap_or_else(|error| panic!("{error}")).instructions))
}

/// Only the call is timed, on an engine that translates when a function is first called, as the data level
/// does.
fn stock(trace: &Trace) -> Duration {
    let wasm = trace.modules.first().expect("a module").bytes();
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, &wasm[..]).expect("it ran before");
    let mut store = wasmi::Store::new(&engine, ());
    let instance =
        wasmi::Linker::new(&engine).instantiate_and_start(&mut store, &module).expect("it ran before");
    let main = instance.get_func(&store, "main").expect("it ran before");
    let mut results: Vec<_> =
        main.ty(&store).results().iter().map(|ty| wasmi::Val::default_for_ty(*ty)).collect();
    let begun = common::processor_seconds();
    main.call(&mut store, &[], &mut results).expect("it ran before");
    let took = since(begun);
    black_box(results);
    took
}

/// Processor time since then.
fn since(begun: f64) -> Duration {
    Duration::from_secs_f64((common::processor_seconds() - begun).max(1e-4))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let traces = common::traces_with_effects();
    match args[..] {
        ["--run", case, name, runs] => {
            let trace = traces.iter().find(|(found, _)| found == name).map(|(_, trace)| trace);
            let (Some(trace), Ok(runs)) = (trace, runs.parse::<u32>()) else { return ExitCode::from(2) };
            (0..runs).for_each(|_| _ = run(case, trace));
        }
        ["--paired", rounds] => match rounds.parse() {
            Ok(rounds) => paired(&traces, rounds),
            Err(_) => return ExitCode::from(2),
        },
        ["--threads", rounds] => match rounds.parse() {
            Ok(rounds) => threads(&traces, rounds),
            Err(_) => return ExitCode::from(2),
        },
        ["--state"] => moments(),
        _ if common::once() => once(&traces),
        _ => paired(&traces, 5),
    }
    ExitCode::SUCCESS
}

fn once(traces: &[(String, Trace)]) {
    for (name, trace) in traces {
        let counted = trace.counts().unwrap_or_else(|error| panic!("{error}")).total;
        for case in CASES {
            let (_, total) = run(case, trace);
            assert!(total.is_none_or(|total| total == counted), "{case}/{name}: {total:?}, replay {counted}");
        }
        println!("values/{name}: {counted} instructions, the same in all cases");
    }
}

fn paired(traces: &[(String, Trace)], rounds: usize) {
    print!("{:<24} {:>9}", "", "stock, s");
    CASES[1..].iter().for_each(|case| print!(" {case:>9}"));
    println!(" {:>12}", "instructions");
    let mut logs = [0.0; CASES.len()];
    for (name, trace) in traces {
        let mut times: [Vec<f64>; CASES.len()] = Default::default();
        let mut total = 0;
        for _ in 0..rounds.max(1) {
            for (case, times) in CASES.iter().zip(&mut times) {
                let (took, counted) = run(case, trace);
                times.push(took.as_secs_f64());
                total = counted.unwrap_or(total);
            }
        }
        let stock = times[0].clone();
        let ratios = times.map(|times| median(times.iter().zip(&stock).map(|(time, stock)| time / stock)));
        let seconds = median(stock.iter().copied());
        print!("{name:<24} {seconds:>9.3}");
        ratios[1..].iter().for_each(|ratio| print!(" {ratio:>9.2}"));
        println!(" {total:>12}");
        logs.iter_mut().zip(ratios).for_each(|(log, ratio)| *log += ratio.ln() / traces.len() as f64);
    }
    print!("{:<24} {:>9}", "geometric mean", "");
    logs[1..].iter().for_each(|log| print!(" {:>9.2}", log.exp()));
    println!();
}

/// How much faster two threads tell the whole run than one, once its moments are saved.
fn threads(traces: &[(String, Trace)], rounds: usize) {
    println!("{:<24} {:>9} {:>9} {:>9}", "", "one, s", "two, s", "faster");
    let mut log = 0.0;
    for (name, trace) in traces {
        let mut timeline = Timeline::new(trace).unwrap_or_else(|error| panic!("{error}"));
        let total = timeline.total().unwrap_or_else(|error| panic!("{error}"));
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..rounds.max(1) {
            for (threads, times) in (1..).zip(&mut times) {
                let begun = Instant::now();
                let windows = timeline.windows(threads, Each::default);
                times.push(begun.elapsed().as_secs_f64());
                let windows = windows.unwrap_or_else(|error| panic!("{error}"));
                black_box(windows.iter().fold(0_u64, |sum, window| sum.wrapping_add(window.sum)));
                assert_eq!(windows.iter().map(|window| window.instructions).sum::<u64>(), total);
            }
        }
        let [one, two] = times.map(|times| median(times.into_iter()));
        println!("{name:<24} {one:>9.3} {two:>9.3} {:>9.2}", one / two);
        log += (one / two).ln() / traces.len() as f64;
    }
    println!("{:<24} {:>9} {:>9} {:>9.2}", "geometric mean", "", "", log.exp());
}

/// The time that it takes to see a moment of a long run: when nothing of it was computed yet, and afterwards.
fn moments() {
    let trace = common::long_trace(1_000_000_000);
    let begun = Instant::now();
    let mut timeline = Timeline::new(&trace).unwrap_or_else(|error| panic!("{error}"));
    let total = timeline.total().unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{total} instructions, gone through in {:.3} s; then, a moment each:",
        begun.elapsed().as_secs_f64()
    );
    let mut worst = Duration::ZERO;
    // By large steps, forwards and backwards.
    for step in 0..64 {
        let event = total / 64 * (step * 37 % 64) + step;
        let begun = Instant::now();
        let state = timeline.state(event).unwrap_or_else(|error| panic!("{error}"));
        let took = begun.elapsed();
        assert_eq!(state.event, event);
        worst = worst.max(took);
        println!("  before event {event:>12}: {:.3} s", took.as_secs_f64());
    }
    println!("worst {:.3} s; {} KiB resident at most", worst.as_secs_f64(), common::peak_kib());
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
