//! Real samples of `../shared`. Each test prints a notice and passes where they are not.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use wasmspoor::sandbox::{self, Drive, EntryEnd, Options, Run, Status};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
    }
    path.exists().then_some(path)
}

/// A row of a table with a header; no value here holds a quoted comma before the fourth.
fn rows(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

#[test]
fn miners_run_until_their_budget_is_spent() {
    let Some(samples) = shared("samples") else { return };
    let csv = fs::read_to_string(samples.join("hostile.csv")).unwrap();
    let (mut miners, mut spent) = (0, 0);
    for row in rows(&csv) {
        if !(row[2].starts_with("cryptonight") || row[2] == "equihash") {
            continue;
        }
        let wasm = fs::read(samples.join("hostile").join(row[0])).unwrap();
        let mut options = Options::default();
        options.entry_decisions = Some(30_000);
        let begun = Instant::now();
        let run = sandbox::run(&wasm, &options).unwrap();
        miners += 1;
        let stopped: Vec<_> = run.entries.iter().filter(|entry| matches!(entry.end, EntryEnd::Stopped { .. })).collect();
        spent += u32::from(!stopped.is_empty());
        if stopped.is_empty() || std::env::var("VERBOSE").is_ok() {
            println!("{}: {:?} {} ms", row[0], run.status, begun.elapsed().as_millis());
            for entry in &run.entries {
                println!("    {} {:?} -> {:?} {:?}", entry.name, entry.args, entry.end, entry.results);
            }
            for call in run.calls.iter().take(5) {
                println!("    call {}.{} {:?}", call.module, call.name, call.results);
            }
        }
    }
    println!("{spent} of {miners} miners ran until a budget was spent");
    assert!(spent * 10 >= miners * 9, "{spent} of {miners}");
}
