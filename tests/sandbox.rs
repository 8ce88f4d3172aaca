//! The sandbox as an embedder uses it: what a sample sees, what is logged, how entry points are driven. There
//! are hostile samples and, where they are at hand, real ones.

#[path = "sandbox/driver.rs"]
mod driver;
#[path = "sandbox/driving.rs"]
mod driving;
#[path = "sandbox/embedder.rs"]
mod embedder;
#[path = "sandbox/hostile.rs"]
mod hostile;
#[path = "sandbox/persona.rs"]
mod persona;
#[path = "sandbox/shared.rs"]
mod shared;
#[path = "sandbox/wasi.rs"]
mod wasi;
#[path = "sandbox/worlds.rs"]
mod worlds;

use wasmspoor::{
    sandbox::{self, Run, RunOptions},
    trace::Record,
};

/// Runs a sample in text.
fn run_with(text: &str, options: &RunOptions) -> Run {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let run = sandbox::run(&wasm, options).unwrap_or_else(|error| panic!("{error}"));
    let host_calls =
        run.trace.records.iter().enumerate().filter(|(_, record)| matches!(record, Record::HostCall { .. }));
    let records: Vec<usize> = host_calls.map(|(position, _)| position).collect();
    let logged: Vec<usize> = run.calls.iter().map(|call| call.record).collect();
    let mut rest = records.iter();
    assert!(
        logged.iter().all(|position| rest.any(|record| record == position)),
        "each call is the record at its position, in order"
    );
    assert_eq!(records.len() as u64, logged.len() as u64 + run.calls_cut);
    assert_eq!(invocations(&run), run.entries.len(), "each entry is one invocation by the host");
    run.trace.counts().unwrap_or_else(|error| panic!("the trace replays: {error}"));
    run
}

fn run(text: &str) -> Run {
    run_with(text, &RunOptions::default())
}

/// Options without a limit of the clock, for what makes many calls: a machine may be busy.
fn patient() -> RunOptions {
    let mut options = RunOptions::default();
    (options.limits.wall_time, options.entry_time) = (None, std::time::Duration::from_secs(3600));
    options
}

/// Names of the calls with their first result.
fn results(run: &Run) -> Vec<(&str, Option<wasmspoor::Value>)> {
    run.calls.iter().map(|call| (&*call.name, call.results.first().copied())).collect()
}

/// Invocations that are not nested in a host call.
fn invocations(run: &Run) -> usize {
    let (mut depth, mut count) = (0, 0);
    for record in &run.trace.records {
        match record {
            Record::Invoke { .. } => {
                count += usize::from(depth == 0);
                depth += 1;
            }
            Record::End(_) => depth -= 1,
            _ => {}
        }
    }
    count
}
