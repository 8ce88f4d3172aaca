//! The passes against figures computed by hand, and against a recomputation from the events one by one.

mod common;
#[path = "passes/oracle.rs"]
mod oracle;
#[path = "passes/probes.rs"]
mod probes;

use std::{fs, path::Path};

use common::{bodies, files, hooked::zero, noise, shared};
use oracle::Told;
use wasmspoor::{
    Limits, Options, Outcome, Tracer,
    module::{FuncIndex, view::View},
    passes::{Cost, Dynamic, ON_DEMAND, PASSES, Pass as _, flow, stacks},
    sandbox::{self, Answer, Call, Entry, EntryEnd, EntryKind, Run},
    trace::{Record, Trace},
};
use wasmspoor_needs::needs;

/// A run of these entry points, each host call in the log.
fn run_of(trace: Trace, entries: Vec<Entry>) -> Run {
    let records = trace.records.iter().enumerate();
    let calls = records
        .filter(|(_, record)| matches!(record, Record::HostCall { .. }))
        .map(|(position, _)| logged(position));
    let calls = calls.collect();
    Run { trace, entries, calls, ..Run::default() }
}

/// A host call in the log; what it was does not matter here.
fn logged(record: usize) -> Call {
    Call {
        number: record as u64,
        record,
        entry: 0,
        func: FuncIndex(0),
        module: "".into(),
        name: "".into(),
        args: Vec::new(),
        results: Vec::new(),
        answer: Answer::Default,
        fabricated: false,
        errno: None,
        time_ns: 0,
        ended: false,
    }
}

/// An entry point that ended like this.
fn entry(name: &str, outcome: &Outcome) -> Entry {
    let (end, site) = match outcome {
        Outcome::Returned(_) => (EntryEnd::Returned, None),
        Outcome::Trapped { code, site } => (EntryEnd::Trapped { trap: *code }, *site),
        Outcome::Stopped { limit, site } => (EntryEnd::Stopped { limit: *limit }, *site),
        Outcome::HostError { message, site } => (EntryEnd::Aborted { message: message.clone() }, *site),
        Outcome::Failed { message, site } => (EntryEnd::Failed { message: message.clone() }, *site),
        other => panic!("{other:?}"),
    };
    let one = r#"(module (func (export "f")))"#;
    let template = sandbox::run(&wat::parse_str(one).unwrap(), &sandbox::RunOptions::default()).unwrap();
    let mut entry = template.entries.first().expect("the export is called").clone();
    let kind = if name == "start" { EntryKind::Start } else { EntryKind::Export };
    (entry.name, entry.kind, entry.func, entry.end, entry.site) = (name.to_owned(), kind, None, end, site);
    entry
}

/// Runs the start function and all exports with zeros. `None` if the module cannot be instantiated.
fn run(wasm: &[u8], tracer: &Tracer) -> Option<Run> {
    let mut session = tracer.load(wasm).ok()?;
    let has_start = session.module().start().is_some();
    let started = session.start().ok()?;
    let mut entries = Vec::new();
    if has_start {
        entries.push(entry("start", &started));
    }
    if matches!(started, Outcome::Returned(_)) {
        for export in session.exports() {
            let args: Vec<_> =
                session.params(&export).unwrap_or_default().iter().map(|ty| zero(*ty)).collect();
            let Ok(outcome) = session.invoke(&export, &args) else { continue };
            entries.push(entry(&export, &outcome));
            if matches!(outcome, Outcome::Stopped { .. }) {
                break;
            }
        }
    }
    Some(run_of(session.finish(), entries))
}

fn limits(decisions: u64) -> Limits {
    common::limits(decisions)
}

/// Checks one module; gives the number of instructions.
fn check(wasm: &[u8], decisions: u64, what: &str) -> Option<u64> {
    let run = run(wasm, &Tracer::new(Options::default().limits(limits(decisions))))?;
    let view = View::of(wasm);
    let dynamic = Dynamic::of(&run, &view);
    assert_fits(&dynamic, &view, what);
    Told::of(&run.trace).assert_same(&dynamic, what);
    assert_eq!(run.trace.counts().unwrap().total, dynamic.metrics.classes.total, "{what}");
    Some(dynamic.metrics.classes.total)
}

/// What both views say of a function is the same.
fn assert_fits(dynamic: &Dynamic, view: &View, what: &str) {
    let imported = view.imports.iter().filter(|import| import.func.is_some()).count();
    for function in &dynamic.functions {
        let known = &view.functions[function.index.position() - imported];
        assert_eq!((known.index, known.blocks), (function.index, function.blocks), "{what}");
    }
    let sums: (u64, u64) = view.functions.iter().fold((0, 0), |(blocks, edges), function| {
        (blocks + u64::from(function.blocks), edges + u64::from(function.edges))
    });
    let coverage = &dynamic.coverage;
    assert_eq!(
        (coverage.blocks, coverage.edges, coverage.instructions),
        (sums.0, sums.1, view.classes.total),
        "{what}"
    );
    assert_eq!(coverage.unexpected, [], "{what}: what ran can be called");
}

#[test]
fn corpus_and_kernels_agree_with_their_events() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for folder in ["corpus", "benches/kernels"] {
        for sample in files(&here.join(folder), "wat") {
            let Ok(wasm) = wat::parse_file(&sample) else { continue };
            checked += u64::from(check(&wasm, 20_000, &sample.display().to_string()).is_some());
        }
    }
    assert!(checked >= 12, "only {checked}");
}

#[test]
fn modules_from_wasm_smith_agree_with_their_events() {
    let (mut modules, mut instructions) = (0, 0);
    for seed in 0..400u64 {
        let Ok(wasm) = bodies::smith(&noise(seed, 3000)) else { continue };
        if let Some(total) = check(&wasm, 5_000, &format!("seed {seed}")) {
            (modules, instructions) = (modules + 1, instructions + total);
        }
    }
    println!("{modules} modules, {instructions} instructions");
    assert!(modules > 100 && instructions > 50_000, "{modules} modules, {instructions} instructions");
}

#[needs("../shared")]
#[test]
fn shared_samples_agree_with_their_events() {
    let shared = shared();
    let (mut modules, mut instructions) = (0, 0);
    let step = std::env::var("SPOOR_ALL").map_or(5, |_| 1);
    let decisions = std::env::var("SPOOR_DECISIONS").map_or(5_000, |text| text.parse().unwrap());
    for folder in ["workloads", "samples/hostile", "samples/benign"] {
        for sample in files(&shared.join(folder), "wasm").into_iter().step_by(step) {
            let wasm = fs::read(&sample).unwrap();
            // Some are far larger than a debug build likes.
            if step > 1 && wasm.len() > 2_000_000 {
                continue;
            }
            if let Some(total) = check(&wasm, decisions, &sample.display().to_string()) {
                (modules, instructions) = (modules + 1, instructions + total);
            }
        }
    }
    println!("{modules} modules, {instructions} instructions");
    assert!(modules >= 10);
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let wasm = bodies::smith(&noise(3, 3000)).unwrap();
    let told = |_: u32| {
        let run = run(&wasm, &Tracer::new(Options::default().limits(limits(5_000))))?;
        let dynamic = Dynamic::of(&run, &View::of(&wasm));
        let more = (&dynamic.entries, &dynamic.opcodes, &dynamic.call_sites);
        Some((serde_json::to_string(&dynamic).ok()?, serde_json::to_string(&more).ok()?))
    };
    assert_eq!(told(0), told(1));
}

#[test]
fn every_pass_has_a_name_and_help() {
    let all: Vec<_> = PASSES.iter().chain(ON_DEMAND).collect();
    let names: std::collections::BTreeSet<_> = all.iter().map(|pass| pass.name).collect();
    assert_eq!(names.len(), all.len());
    for pass in all {
        assert!(pass.name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'), "{pass:?}");
        // One line of the help, beside the name.
        let (name, help) = (pass.name, pass.help);
        assert!(
            (1..=84).contains(&help.len()),
            "the help of `{name}` has {} characters, 84 at most",
            help.len()
        );
        assert!(!help.ends_with('.'), "the help of `{name}` ends with a full stop");
        assert_eq!(
            pass.cost == Cost::Replay,
            ON_DEMAND.iter().any(|other| other.name == pass.name),
            "{pass:?}"
        );
    }
}

/// What a pass says alone is what it says in the one replay of all.
#[test]
fn a_pass_alone_says_the_same() {
    let wasm = wat::parse_file(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/miner.wat")).unwrap();
    let run = run(&wasm, &Tracer::new(Options::default().limits(limits(20_000)))).unwrap();
    let view = View::of(&wasm);
    let ran: u64 = flow::OfRun.apply(&run, &view).iter().map(|block| block.count).sum();
    assert_eq!(flow::OfRun.apply(&run, &view), flow::blocks(&run.trace).unwrap());
    assert_eq!(stacks::OfRun.apply(&run, &view), stacks::Stacks::of(&run.trace).unwrap());
    let func = Dynamic::of(&run, &view).functions[0].index;
    assert_eq!(flow::OfFunction(func).apply(&run, &view), flow::Flow::of(&run.trace, func).unwrap());
    assert!(ran > 0);
}
