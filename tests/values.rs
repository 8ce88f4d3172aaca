//! The data level against the engine: every value that shows (decisions, callees, growth, traps, arguments
//! and results at the border, final memories and globals) is what the engine computed.

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{bodies, files, hash, limits, noise};
use wasmspoor::{
    Options, Outcome, Tracer, Value,
    trace::{InstanceIndex, Trace},
    values::{At, Machine, Nothing, Visitor},
};

/// Exported memories and globals as the engine left them.
struct Left {
    memories: BTreeMap<u32, (usize, u64)>,
    globals: BTreeMap<u32, Value>,
}

/// Runs a module as `common::hooked` does; `None` if the engine does not take it.
fn record(wasm: &[u8], decisions: u64) -> Option<(Trace, Option<Left>)> {
    let options = Options::default().limits(limits(decisions)).effects(true);
    let mut session = Tracer::new(options).load(wasm).ok()?;
    let mut is_over = !matches!(session.start().ok()?, Outcome::Returned(_));
    let mut exports = session.exports();
    if exports.iter().any(|export| export == "_start") {
        exports = vec!["_start".into()];
    }
    let is_instance = !is_over;
    for export in exports {
        if is_over {
            break;
        }
        let params = session.params(&export).unwrap_or_default();
        let args: Vec<_> = params.into_iter().map(common::hooked::zero).collect();
        is_over = matches!(session.invoke(&export, &args).unwrap(), Outcome::Stopped { .. });
    }
    let left = is_instance.then(|| {
        let mut left = Left { memories: BTreeMap::new(), globals: BTreeMap::new() };
        for (name, kind, index) in exported(wasm) {
            match kind {
                wasmparser::ExternalKind::Memory => {
                    let bytes = session.memory(&name).unwrap();
                    left.memories.insert(index, (bytes.len(), hash(bytes)));
                }
                wasmparser::ExternalKind::Global => {
                    left.globals.insert(index, session.global(&name).unwrap());
                }
                _ => {}
            }
        }
        left
    });
    Some((session.finish(), left))
}

fn exported(wasm: &[u8]) -> Vec<(String, wasmparser::ExternalKind, u32)> {
    let payloads = wasmparser::Parser::new(0).parse_all(wasm).map_while(Result::ok);
    let exports = payloads.filter_map(|payload| match payload {
        wasmparser::Payload::ExportSection(exports) => Some(exports),
        _ => None,
    });
    let exports = exports.flatten().map_while(Result::ok);
    exports.map(|export| (export.name.to_owned(), export.kind, export.index)).collect()
}

/// Counts what it is told.
#[derive(Default)]
struct Count {
    instructions: u64,
    next: u64,
}

impl Visitor for Count {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;

    fn instruction(&mut self, at: At<'_>, _: &[u64], _: &[u64]) {
        assert_eq!(at.number, self.next, "{:?}", at.op);
        self.next += 1;
        self.instructions += 1;
    }
}

/// Runs a module through the data level; returns its instructions.
fn check(wasm: &[u8], decisions: u64) -> Result<Option<u64>, String> {
    let Some((trace, left)) = record(wasm, decisions) else { return Ok(None) };
    let mut machine = Machine::new(&trace).map_err(|error| error.to_string())?;
    let totals = machine.run(&mut Nothing).map_err(|error| error.to_string())?;
    let counted = trace.counts().map_err(|error| error.to_string())?.total;
    if totals.instructions != counted {
        return Err(format!("{} instructions, replay {counted}", totals.instructions));
    }
    let mut count = Count::default();
    let told = Machine::new(&trace).and_then(|mut machine| machine.run(&mut count));
    told.map_err(|error| format!("with a visitor: {error}"))?;
    if count.instructions != counted {
        return Err(format!("told of {} instructions, replay {counted}", count.instructions));
    }
    if let Some(left) = left {
        compare(&machine, &left)?;
    }
    Ok(Some(counted))
}

fn compare(machine: &Machine<'_>, left: &Left) -> Result<(), String> {
    let first = InstanceIndex(0);
    for (&index, &expected) in &left.memories {
        let bytes = machine.memory_of(first, index).and_then(|number| machine.memory(number)).unwrap();
        if (bytes.len(), hash(bytes)) != expected {
            return Err(format!("memory {index} differs"));
        }
    }
    for (&index, &expected) in &left.globals {
        let slots = machine.global_of(first, index).and_then(|number| machine.global(number)).unwrap();
        let is_same = match expected {
            Value::I32(value) => slots[0] == u64::from(value as u32),
            Value::I64(value) => slots[0] == value as u64,
            Value::F32(value) => slots[0] == u64::from(value.to_bits()),
            Value::F64(value) => slots[0] == value.to_bits(),
            Value::V128(value) => u128::from(slots[0]) | u128::from(slots[1]) << 64 == value,
            Value::Ref { null } => (slots[0] == 0) == null,
            _ => false,
        };
        if !is_same {
            return Err(format!("global {index} is {slots:x?}, expected {expected:?}"));
        }
    }
    Ok(())
}

fn check_all(files: Vec<std::path::PathBuf>, decisions: u64) -> (u64, u64) {
    let (mut modules, mut instructions, mut wrong) = (0, 0, Vec::new());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let Ok(wasm) = wat::parse_bytes(&bytes) else { continue };
        match check(&wasm, decisions) {
            Ok(Some(total)) => (modules, instructions) = (modules + 1, instructions + total),
            Ok(None) => {}
            Err(error) => wrong.push(format!("{}: {error}", file.display())),
        }
    }
    println!("{modules} modules, {instructions} instructions");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    (modules, instructions)
}

#[test]
fn corpus_is_recomputed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let (modules, instructions) = check_all(files(&folder, "wat"), 100_000);
    assert!(modules >= 9 && instructions > 10_000, "{modules} modules, {instructions} instructions");
}

#[test]
#[ignore = "needs ../shared, which is not in the repository"]
fn shared_samples_are_recomputed() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let decisions = std::env::var("SPOOR_DECISIONS").map_or(20_000, |text| text.parse().unwrap());
    let mut all = Vec::new();
    for folder in ["samples", "workloads", "wasi", "cases"] {
        all.extend(files(&shared.join(folder), "wasm"));
    }
    let (modules, _) = check_all(all, decisions);
    assert!(modules > 100, "{modules}");
}

#[test]
fn modules_from_wasm_smith_are_recomputed() {
    let seeds = std::env::var("SPOOR_SMITH_SEEDS").map_or(400, |text| text.parse().unwrap());
    let (mut modules, mut instructions) = (0, 0);
    for seed in 0..seeds {
        let Ok(wasm) = bodies::smith(&noise(seed, 3000)) else { continue };
        match check(&wasm, 20_000) {
            Ok(total) => (modules, instructions) = (modules + 1, instructions + total.unwrap_or(0)),
            Err(error) => {
                panic!("seed {seed}: {error}\n{}", wasmprinter::print_bytes(&wasm).unwrap())
            }
        }
    }
    println!("{modules} modules, {instructions} instructions");
    assert!(modules > seeds / 2 && instructions > 1000, "{modules} modules, {instructions} instructions");
}
