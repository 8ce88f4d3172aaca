//! The time that goes between the bytes of a sample and its report: seconds of processor time of each stage,
//! one after the other. `spoor run` does the first two at once where there are two cores.

use std::{fs, hint::black_box, sync::Arc, time::Instant};

use wasmspoor::{
    Options, Tracer,
    module::view::View,
    passes::{
        Dynamic,
        flows::{DataFlows, Look},
    },
    report::{Report, Subject, text},
    rules::{Facts, Set},
    sandbox::{self, RunOptions},
};
use wasmspoor::{analysis::Analysis, classify, verdict};

/// Times of the stages of one sample.
#[derive(Default)]
struct Stages(Vec<(&'static str, f64)>);

impl Stages {
    fn of<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let begun = processor_seconds();
        let done = work();
        self.0.push((name, processor_seconds() - begun));
        done
    }
}

/// Processor time of this thread; wall time where that is not known.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match stat.split_whitespace().next().and_then(|time| time.parse::<u64>().ok()) {
        Some(nanoseconds) => nanoseconds as f64 / 1e9,
        None => {
            static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
            BEGUN.get_or_init(Instant::now).elapsed().as_secs_f64()
        }
    }
}

/// Prints a table with a column for each file.
pub(crate) fn table(files: impl Iterator<Item = String>) {
    let files: Vec<String> = files.collect();
    let columns: Vec<Stages> = files.iter().map(|file| stages(file)).collect();
    let name = |file: &String| file.rsplit('/').next().unwrap_or_default().to_owned();
    println!("| stage | {} |", files.iter().map(name).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(files.len()));
    let names = columns.first().map(|column| column.0.iter().map(|(name, _)| *name));
    for (row, name) in names.into_iter().flatten().enumerate() {
        let times = columns.iter().map(|column| format!("{:.2}", column.0[row].1));
        println!("| {name} | {} |", times.collect::<Vec<_>>().join(" | "));
    }
    let sum = |column: &Stages| column.0.iter().skip(1).map(|(_, time)| time).sum::<f64>();
    let sums = columns.iter().map(|column| format!("{:.2}", sum(column)));
    println!("| in all | {} |", sums.collect::<Vec<_>>().join(" | "));
}

fn stages(file: &str) -> Stages {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut stages = Stages::default();
    let wasm: Arc<[u8]> =
        Arc::from(&*wat::parse_bytes(&bytes).unwrap_or_else(|error| panic!("{file}: {error}")));
    let options = RunOptions::default();
    stages.of("(of the run: validation and loading)", || {
        black_box(Tracer::new(Options::default()).load(&wasm).is_ok());
    });
    let rules = stages.of("rules", Set::builtin);
    let view = stages.of("static view", || View::of(&wasm));
    let run = stages.of("run", || sandbox::run_with_effects(&wasm, &options));
    let run = run.unwrap_or_else(|error| panic!("{file}: {error}"));
    let dynamic = stages.of("passes", || Dynamic::of(&run, &view));
    let prediction = stages.of("classifier", || classify::behaviour(&run, &dynamic));
    let executed = dynamic.metrics.classes.total;
    let flows = stages.of("data level", || DataFlows::of(&run, executed, Look::Auto));
    let flows = flows.as_ref();
    let facts = Facts { wasm: &wasm, view: &view, run: Some(&run), dynamic: &dynamic, prediction, flows };
    let matches = stages.of("rules, matched", || rules.evaluate(&facts).matches);
    let found =
        stages.of("findings", || (verdict::findings(&facts), verdict::correlations(&facts, &matches)));
    stages.of("verdict", || {
        black_box(verdict::decide(&facts, &matches, &found.1, &found.0));
    });
    let analysis = Analysis::of_run(wasm, false, Ok(run), &rules);
    stages.of("report", || {
        let report =
            Report::of(&Subject { name: "x", analysis: &analysis, options: &options, max_log: 10_000 });
        let short =
            text::TextOptions { level: text::Verbosity::Normal, width: 110, wrap: false, colour: false };
        let asked = text::Asked { command: "run", file: "x".as_ref(), options: "" };
        let mut out = Vec::new();
        text::write(&report, short, asked, &mut out).unwrap_or_else(|error| panic!("{error}"));
        black_box(out);
    });
    stages.of("freeing all", || drop((analysis, dynamic, view)));
    stages
}
