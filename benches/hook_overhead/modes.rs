//! The ways to run: once for the answers, with criterion, in paired rounds, or one engine for a profiler.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode};

use crate::{
    engines::{Engine, Run, Runner},
    sink::Recorded,
    workloads::{self, Workload},
};

/// Runs each workload once on each engine and asserts the answers.
pub(crate) fn once() {
    for workload in workloads::load("") {
        let (_, run) = prepare(&workload);
        println!("hook_overhead/{}: {:?} on all engines", workload.name, run.answer);
    }
}

/// Runs `workload` on the engine called `engine`, `runs` times and once before to translate.
pub(crate) fn run(engine: &str, workload: &str, runs: usize) {
    let engine = Engine::ALL.into_iter().find(|each| each.name() == engine);
    let engine = engine.unwrap_or_else(|| panic!("engines are stock, fuel, off and flow"));
    let workloads = workloads::load(workload);
    let [workload] = workloads.as_slice() else { panic!("there is no workload called {workload:?}") };
    let (runner, _) = engine.prepare(workload);
    for _ in 0..runs {
        println!("{} {}: {:?}", workload.name, engine.name(), runner());
    }
}

/// Gives each pair of workload and engine to criterion, as `hook_overhead/<workload>/<engine>`.
pub(crate) fn criterion() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for workload in workloads::load("") {
        let (runners, _) = prepare(&workload);
        let mut group = criterion.benchmark_group(format!("hook_overhead/{}", workload.name));
        group.sampling_mode(SamplingMode::Flat);
        for (engine, runner) in Engine::ALL.into_iter().zip(&runners) {
            group.bench_function(BenchmarkId::from_parameter(engine.name()), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| runner().elapsed).sum());
            });
        }
        group.finish();
    }
    criterion.final_summary();
}

/// Prints the table of ratios to stock over `rounds` rounds, for the workload called `only` or for all.
///
/// A round runs all engines one after the other and starts with another engine each time. A ratio is taken
/// within a round, so that a slow spell of the machine slows both sides. Each run compiles anew at another
/// place in memory: see [`jostle`]. The table shows medians.
pub(crate) fn paired(rounds: usize, only: &str) {
    println!(
        "{:<38}{:>9}{:>8}{:>8}{:>8}{:>12}{:>13}",
        "workload", "stock ms", "fuel x", "off x", "flow x", "decisions", "bits/instr."
    );
    let rows: Vec<Row> =
        workloads::load(only).iter().map(|workload| Row::measure(workload, rounds)).collect();
    print_summary(&rows);
}

/// Prepares all engines and asserts that they agree, and that the answer is the one expected.
fn prepare(workload: &Workload) -> ([Runner; 4], Run) {
    let prepared = Engine::ALL.map(|engine| engine.prepare(workload));
    let [(_, stock), .., (_, flow)] = &prepared;
    for ((_, run), engine) in prepared.iter().zip(Engine::ALL) {
        assert_eq!(run.answer, stock.answer, "{} on {}", workload.name, engine.name());
    }
    let expected = workload.expected.unwrap_or(stock.answer.result);
    assert_eq!(stock.answer.result, expected, "{}", workload.name);
    let flow = *flow;
    (prepared.map(|(runner, _)| runner), flow)
}

/// A workload's line of the table.
struct Row {
    name: String,
    /// Median time of each engine over that of stock in the same round.
    ratios: [f64; 4],
}

impl Row {
    fn measure(workload: &Workload, rounds: usize) -> Self {
        let (_, flow) = prepare(workload);
        let mut times_ms: [Vec<f64>; 4] = Default::default();
        for round in 0..rounds {
            for at in 0..4 {
                let engine = (round + at) % 4;
                let _held = jostle(round * 4 + engine);
                let (runner, _) = Engine::ALL[engine].prepare(workload);
                let run = runner();
                assert_eq!(run.answer, flow.answer, "{} on {}", workload.name, Engine::ALL[engine].name());
                times_ms[engine].push(run.elapsed.as_secs_f64() * 1e3);
            }
        }
        let [stock, ..] = &times_ms;
        let ratios = [0, 1, 2, 3]
            .map(|engine: usize| median(times_ms[engine].iter().zip(stock).map(|(time, base)| time / base)));
        let recorded = flow.recorded.expect("flow records");
        let [_, fuel, off, on] = ratios;
        println!(
            "{:<38}{:>9.2}{fuel:>8.3}{off:>8.3}{on:>8.3}{:>12}{:>13}",
            workload.name,
            median(stock.iter().copied()),
            recorded.decisions,
            bits_per_instruction(workload, recorded)
        );
        Self { name: workload.name.clone(), ratios }
    }
}

/// Allocates blocks of pseudo-random number and sizes; while they are held, what is allocated comes to lie
/// elsewhere.
///
/// PERF: where the allocator puts translated code decides more than the hooks do. With all engines compiled
/// once and in a fixed order, stock wasmi took 303 ms for `tight_loop` in each of 40 rounds. It took 120 ms
/// in a process of its own.
fn jostle(seed: usize) -> Vec<Box<[u8]>> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    (0..64 + next(64)).map(|_| vec![1; 16 << next(8)].into()).collect()
}

/// Returns bits of decision stream for each executed instruction, or a dash where nobody counted these.
fn bits_per_instruction(workload: &Workload, recorded: Recorded) -> String {
    let count = workload.instructions.or_else(|| replayed_instructions(workload));
    count
        .map_or_else(|| "-".to_owned(), |count| format!("{:.4}", (recorded.words * 64) as f64 / count as f64))
}

/// Counts executed instructions by replay. Not yet: here is its place.
fn replayed_instructions(_workload: &Workload) -> Option<u64> {
    None
}

fn print_summary(rows: &[Row]) {
    let geomean = |engine: usize| {
        (rows.iter().map(|row| row.ratios[engine].ln()).sum::<f64>() / rows.len() as f64).exp()
    };
    println!("{:<47}{:>8.3}{:>8.3}{:>8.3}", "geometric mean", geomean(1), geomean(2), geomean(3));
    for engine in 1..4 {
        let worst = rows.iter().max_by(|a, b| a.ratios[engine].total_cmp(&b.ratios[engine]));
        let Some(worst) = worst else { continue };
        println!("worst {}: {:.3} ({})", Engine::ALL[engine].name(), worst.ratios[engine], worst.name);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
