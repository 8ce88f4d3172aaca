//! Replay against counters that share no code with it, on everything at hand: our corpus, the workloads and
//! samples of `../shared`, modules from wasm-smith. Figures that an independent engine measured are compared,
//! too.

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{bodies, compare, files, is_beyond_stock, noise, remembered, shared, texts};
use wasmspoor::{Limits, Options, Outcome, Tracer, trace::ReplayLimits};
use wasmspoor_needs::needs;

#[test]
fn corpus_is_counted_exactly() {
    let samples = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"), "wat");
    assert!(samples.len() >= 9);
    for sample in samples {
        let text = fs::read_to_string(&sample).unwrap();
        let expected = text.lines().find(|line| line.starts_with(";; EXPECT:")).unwrap();
        let refused = ["status=invalid", "status=unsupported"].iter().any(|status| expected.contains(status));
        let Ok(wasm) = wat::parse_str(&text) else {
            assert!(refused, "{} is no text of a module", sample.display());
            continue;
        };
        match compare(&wasm, 5_000_000) {
            Ok(Some(total)) => assert!(total > 0 && !refused, "{}: {total} instructions", sample.display()),
            Ok(None) => assert!(refused || is_beyond_stock(&wasm), "{} is not accepted", sample.display()),
            Err(difference) => panic!("{}: {difference}", sample.display()),
        }
    }
}

/// Kernels of every kind: loops, tables, calls of all sorts, recursion, text.
#[test]
fn what_replay_remembers_is_what_ran() {
    let kernels = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/kernels"), "wat");
    assert!(kernels.len() >= 11);
    for kernel in kernels {
        let wasm = wat::parse_file(&kernel).unwrap();
        let mut limits = Limits::default();
        (limits.decisions, limits.wall_time) = (Some(100_000), None);
        let mut session = Tracer::new(Options::default().limits(limits)).load(&wasm).unwrap();
        session.start().unwrap();
        let export =
            session.exports().into_iter().find(|export| export == "main" || export == "run").unwrap();
        let args: Vec<_> =
            session.params(&export).unwrap().iter().map(|_| wasmspoor::Value::I32(10_000)).collect();
        session.invoke(&export, &args).unwrap();
        let trace = session.finish();
        let name = kernel.display();
        remembered::same(&trace, ReplayLimits::default());
        (1..8).for_each(|seed| remembered::same_when_damaged(&trace, seed * 0x1234_5677));
        let stretches = remembered::stretches(&trace);
        // A chunk stands for eight decisions, or a wide one. In deep recursion frames are never the same.
        let least = if name.to_string().contains("deep") { 0 } else { trace.decisions / 24 };
        assert!(stretches >= least, "{name}: {stretches} of {} decisions", trace.decisions);
    }
}

#[needs("../shared")]
#[test]
fn shared_samples_are_counted_exactly() {
    let shared = shared();
    // `SPOOR_DECISIONS=200000` runs them longer; docs/exactness.md says what that gave.
    let decisions = std::env::var("SPOOR_DECISIONS").map_or(20_000, |text| text.parse().unwrap());
    let (mut modules, mut refused, mut instructions, mut wrong) = (0u64, 0u64, 0u64, Vec::new());
    for folder in ["samples", "workloads", "wasi"] {
        for sample in files(&shared.join(folder), "wasm") {
            let wasm = fs::read(&sample).unwrap();
            match compare(&wasm, decisions) {
                Ok(Some(total)) => (modules, instructions) = (modules + 1, instructions + total),
                Ok(None) => refused += 1,
                Err(difference) => wrong.push(format!("{}: {difference}", sample.display())),
            }
        }
    }
    println!(
        "{modules} modules, {instructions} instructions counted exactly; {refused} refused by the stock engine"
    );
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn modules_from_wasm_smith_are_counted_exactly() {
    let (mut modules, mut instructions) = (0, 0);
    for seed in 0..400u64 {
        let data = noise(seed, 3000);
        let Ok(wasm) = bodies::smith(&data) else { continue };
        match compare(&wasm, 20_000) {
            Ok(total) => (modules, instructions) = (modules + 1, instructions + total.unwrap_or(0)),
            Err(difference) => {
                panic!("seed {seed}: {difference}\n{}", wasmprinter::print_bytes(&wasm).unwrap())
            }
        }
    }
    println!("{modules} modules, {instructions} instructions");
    assert!(modules > 300 && instructions > 100_000, "{modules} modules, {instructions} instructions");
}

/// Files that ship, whole and with some bytes changed, through the bodies of the targets `rules` and
/// `settings`.
#[test]
fn damaged_rules_and_settings_are_refused_or_work() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let seeds = [
        (0, "behavior/exfiltration/network/send-away-bait.yml"),
        (0, "behavior/impact/wiper/overwrite-files-before-deleting-them.yml"),
        (1, "static/miners.yar"),
        (0, "personas/default.toml"),
        (1, "stubs/miner-pool.toml"),
        (2, "models/behaviour.json"),
    ];
    for (kind, path) in seeds {
        let is_rule = path.starts_with("behavior") || path.starts_with("static");
        let body = if is_rule { texts::rules } else { texts::settings };
        let text = fs::read(rules.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut data = [vec![kind], text].concat();
        body(&data);
        for seed in 0..20 {
            for change in noise(seed, 9).chunks(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % (data.len() - 1);
                data[at + 1] = change[2] & 0x7f;
            }
            body(&data);
        }
    }
}

#[test]
fn hostile_bytes_and_streams_end() {
    for seed in 0..200 {
        bodies::trace(&noise(seed, 400));
        bodies::module(&noise(seed, 200));
        let mut headed = b"\0asm\x01\0\0\0".to_vec();
        headed.extend(noise(seed, 200));
        bodies::module(&headed);
        // A valid module with some bytes changed.
        if let Ok(mut wasm) = bodies::smith(&noise(seed, 1500)) {
            let len = wasm.len();
            for change in noise(seed + 1000, 12).chunks(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % len;
                wasm[at] = change[2];
            }
            bodies::module(&wasm);
        }
    }
}

/// The figures of `../shared/reference`, measured with an engine that shares nothing with wasmi.
#[needs("../shared")]
#[test]
fn reference_figures_are_met_to_the_last_unit() {
    let shared = shared();
    let text = fs::read_to_string(shared.join("reference/opcode-counts.json")).unwrap();
    let reference: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut limits = Limits::default();
    limits.wall_time = None;
    let tracer = Tracer::new(Options::default().limits(limits));
    for (kernel, figures) in reference {
        let wasm = fs::read(shared.join(format!("workloads/{kernel}.wasm"))).unwrap();
        let mut session = tracer.load(&wasm).unwrap();
        session.start().unwrap();
        let outcome = session.invoke(figures["invoke"].as_str().unwrap(), &[]).unwrap();
        assert!(matches!(outcome, Outcome::Returned(_)), "{kernel}: {outcome:?}");
        let counts = session.finish().counts().unwrap();
        assert_eq!(Some(counts.total), figures["instructions_without_end_else"].as_u64(), "{kernel}");
        let expected: BTreeMap<_, _> = figures["opcodes"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "end" | "else"))
            .map(|(name, count)| (name.as_str(), count.as_u64().unwrap()))
            .collect();
        let counted: BTreeMap<_, _> = counts.mnemonics().collect();
        assert_eq!(counted, expected, "{kernel}");
        println!("{kernel}: {} instructions", counts.total);
    }
}
