//! A pass of one's own, outside the crate: how much runs between two host calls.
//!
//! ```text
//! cargo run --example own_pass [-- FILE]
//! ```
//!
//! Default is `corpus/ransomware-xor.wat`. A stretch without a host call is where a sample only computes:
//! the longest is a good place to begin to read. The pass counts for itself while the trace is replayed, and
//! asks the profile for what it does not count.

use std::error::Error;

use wasmspoor::{
    module::{Place, view::View},
    passes::{Cost, Pass, Replayed},
    sandbox,
    trace::{ExecutedBlock, HostCall, Visitor},
};

/// The pass.
struct Stretches;

/// What it gives.
#[derive(Debug, Default)]
struct Stretch {
    /// Host calls of the run.
    host_calls: u64,
    /// Instructions of the longest stretch without one.
    longest: u64,
    /// The host call that ended it; `None` if the run did, or the host was not called by an instruction.
    until: Option<Place>,
    /// Share of the run's instructions.
    share: f64,
}

/// Counts while the trace is replayed.
#[derive(Default)]
struct Counter {
    since: u64,
    stretch: Stretch,
}

impl Counter {
    /// A stretch is over.
    fn close(&mut self, until: Option<Place>) {
        let len = std::mem::take(&mut self.since);
        if len > self.stretch.longest {
            (self.stretch.longest, self.stretch.until) = (len, until);
        }
    }
}

impl Visitor for Counter {
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.since += u64::from(run.len());
    }

    fn host_call(&mut self, run: Option<ExecutedBlock<'_>>, _: HostCall<'_>) {
        let place =
            |run: ExecutedBlock<'_>| Some(Place { function: run.function().index(), offset: run.offset()? });
        self.close(run.and_then(place));
        self.stretch.host_calls += 1;
    }
}

impl Pass for Stretches {
    const NAME: &'static str = "stretches";
    const HELP: &'static str = "the longest stretch without a host call";
    const COST: Cost = Cost::Replay;
    type Counter = Counter;
    type Output = Stretch;

    fn counter(&self, _: &sandbox::Run, _: &View) -> Counter {
        Counter::default()
    }

    fn of(&self, mut counter: Counter, replayed: &Replayed<'_>) -> Stretch {
        counter.close(None);
        let share = counter.stretch.longest as f64 / replayed.instructions().max(1) as f64;
        Stretch { share, ..counter.stretch }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "corpus/ransomware-xor.wat".into());
    let wasm = wat::parse_file(&file)?;
    let run = sandbox::run(&wasm, &sandbox::RunOptions::default())?;
    let view = View::of(&wasm);
    let stretch = Stretches.apply(&run, &view);
    println!(
        "{file}: {} host calls; the longest stretch without one has {} instructions ({:.1} % of the run)",
        stretch.host_calls,
        stretch.longest,
        100.0 * stretch.share
    );
    match stretch.until {
        Some(Place { function: func, offset }) => println!("it ends in function {func} at offset {offset}"),
        None => println!("it ends with an entry point or the run"),
    }
    if file.ends_with("ransomware-xor.wat") {
        // CI runs this: the sample does call the host, and runs more than nothing between two calls.
        assert!(stretch.host_calls > 1 && stretch.longest > 0 && stretch.share <= 1.0, "{stretch:?}");
    }
    Ok(())
}
