//! `values`: what the data level costs, against the untouched wasmi running the same program.
//!
//! ```text
//! cargo bench --bench values                        the paired table of 5 rounds
//! cargo bench --bench values -- --paired 15         … of 15
//! cargo bench --bench values -- --once              each case once, untimed, answers asserted (CI)
//! cargo bench --bench values -- --run plain gemm 3  one case, three runs: for callgrind
//! ```
//!
//! Cases: `stock` (wasmi), `plain` (the check against the recording alone) and `operands` (a visitor that is
//! told of all operands, results and accesses, and adds them up). The table has the medians of the ratios to
//! `stock` within a round, and their geometric means. The programs are those of `../shared` that need no
//! imports, or kernels of our own where that folder is absent.

mod common;

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use wasmspoor::{
    module::FuncIndex,
    trace::Trace,
    values::{Access, At, Machine, Nothing, Op, Visitor},
};

/// Adds up what it is told, so that all of it has to be there.
#[derive(Default)]
struct Sum {
    sum: u64,
    instructions: u64,
}

impl Visitor for Sum {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;

    #[inline]
    fn instruction(&mut self, _: At<'_>, operands: &[u64], results: &[u64]) {
        self.instructions += 1;
        for slot in operands.iter().chain(results) {
            self.sum = self.sum.wrapping_add(*slot);
        }
    }

    #[inline]
    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        self.sum = self.sum.wrapping_add(access.address);
    }
}

const CASES: [&str; 3] = ["stock", "plain", "operands"];

/// Runs a case; how long it took, and the instructions that were executed if the case counts them.
fn run(case: &str, trace: &Trace) -> (Duration, Option<u64>) {
    match case {
        "stock" => (stock(trace), None),
        "plain" => timed(trace, &mut Nothing),
        _ => {
            let mut sum = Sum::default();
            let (took, total) = timed(trace, &mut sum);
            black_box(sum.sum);
            assert_eq!(Some(sum.instructions), total);
            (took, total)
        }
    }
}

fn timed(trace: &Trace, visitor: &mut impl Visitor) -> (Duration, Option<u64>) {
    let begun = Instant::now();
    let totals = Machine::new(trace).and_then(|mut machine| machine.run(visitor));
    let took = begun.elapsed();
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
    let begun = Instant::now();
    main.call(&mut store, &[], &mut results).expect("it ran before");
    let took = begun.elapsed();
    black_box(results);
    took
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
    println!("{:<24} {:>9} {:>8} {:>9} {:>12}", "", "stock, s", "plain", "operands", "instructions");
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
        println!("{name:<24} {seconds:>9.3} {:>8.2} {:>9.2} {total:>12}", ratios[1], ratios[2]);
        logs.iter_mut().zip(ratios).for_each(|(log, ratio)| *log += ratio.ln() / traces.len() as f64);
    }
    println!("{:<24} {:>9} {:>8.2} {:>9.2}", "geometric mean", "", logs[1].exp(), logs[2].exp());
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
