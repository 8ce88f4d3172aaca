//! Flow into a block equals flow out of it. The counts of edges, which the profile derives, are compared with
//! those of blocks, which replay gives.

use arbitrary::{Arbitrary as _, Unstructured};

use crate::{
    Options, Outcome, Tracer, Value,
    module::view::View,
    sandbox::{self, Run},
    trace::{Record, Visitor},
};

use super::{
    Dynamic,
    profile::{Profile, Ran},
};

/// Runs start and the exports without parameters.
fn run(wasm: &[u8], decisions: u64) -> Option<Run> {
    let mut options = sandbox::RunOptions::default();
    options.limits.decisions = Some(decisions);
    options.limits.wall_time = None;
    let mut session = Tracer::new(Options::default().limits(options.limits.clone())).load(wasm).ok()?;
    session.start().ok()?;
    for export in session.exports() {
        let args: Vec<_> = session.params(&export)?.iter().map(|_| Value::I32(0)).collect();
        if matches!(session.invoke(&export, &args), Ok(Outcome::Stopped { .. })) {
            break;
        }
    }
    let empty = wat::parse_str("(module)").expect("a module");
    let mut run = sandbox::run(&empty, &options).ok()?;
    run.trace = session.finish();
    Some(run)
}

/// Wants to be told of each block, so that replay remembers nothing.
struct EachBlock;

impl Visitor for EachBlock {}

/// Checks every block of every function; gives how many there were.
fn check(wasm: &[u8], what: &str) -> usize {
    let Some(run) = run(wasm, 20_000) else { return 0 };
    let view = View::of(wasm);
    let profile = Profile::of(&run, &view);
    assert_eq!(profile.error, None, "{what}");
    let remembered = Dynamic::of(&run, &view);
    let told = Dynamic::with(&run, &view, EachBlock);
    assert_eq!(format!("{remembered:?}"), format!("{told:?}"), "{what}");
    let cut = run.trace.records.iter().filter(|record| is_between(record)).count() as u64;
    let mut lost = 0;
    let mut blocks = 0;
    for ran in profile.functions() {
        blocks += ran.code.blocks().len();
        lost += unbegun(ran, what);
    }
    assert!(lost <= cut, "{what}: {lost} ways without a block, {cut} invocations cut short");
    blocks
}

/// Whether an invocation ends right after a decision. It took a way then, and did not begin the block there.
fn is_between(record: &Record) -> bool {
    matches!(record, Record::End(end) if end.place().is_some_and(|place| place.site.is_none()))
}

/// Edges and calls into a block, less how often it began.
fn unbegun(ran: Ran<'_>, what: &str) -> u64 {
    let begun = ran.begun();
    let mut into = vec![0u64; begun.len()];
    into[0] = ran.function.entered;
    for (edge, count) in ran.function.cfg.edges.iter().zip(ran.edges()) {
        into[edge.to.position()] += count;
    }
    let differences = into.iter().zip(&begun).enumerate();
    differences
        .map(|(block, (into, begun))| {
            assert!(
                into >= begun,
                "{what}: function {} block {block} began {begun} times, {into} ways lead there",
                ran.func()
            );
            into - begun
        })
        .sum()
}

#[test]
fn flow_is_conserved_in_our_samples() {
    let mut blocks = 0;
    for folder in ["corpus", "benches/kernels"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for sample in std::fs::read_dir(folder).expect("the folder").flatten() {
            if let Ok(wasm) = wat::parse_file(sample.path()) {
                blocks += check(&wasm, &sample.path().display().to_string());
            }
        }
    }
    assert!(blocks > 100, "{blocks}");
}

#[test]
fn flow_is_conserved_in_generated_code() {
    let mut blocks = 0;
    for seed in 0..300u64 {
        let bytes: Vec<u8> = (0..2500u64)
            .map(|n| ((seed + 1).wrapping_mul(n + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .collect();
        let mut u = Unstructured::new(&bytes);
        let Ok(mut config) = wasm_smith::Config::arbitrary(&mut u) else { continue };
        (config.export_everything, config.min_funcs, config.tail_call_enabled) = (true, 2, true);
        (config.exceptions_enabled, config.gc_enabled, config.threads_enabled) = (false, false, false);
        let Ok(module) = wasm_smith::Module::new(config, &mut u) else { continue };
        blocks += check(&module.to_bytes(), &format!("seed {seed}"));
    }
    assert!(blocks > 500, "{blocks}");
}

/// Ends of every kind in the middle of nested calls.
#[test]
fn flow_is_conserved_where_a_run_ends_anywhere() {
    let text = r#"(module (memory 1)
        (func $leaf (param i32) (result i32)
          (if (i32.eq (local.get 0) (i32.const 17)) (then (drop (i32.load (i32.const -1)))))
          (block (br_table 0 1 0 (local.get 0)))
          (i32.add (local.get 0) (i32.const 1)))
        (func (export "main") (local $i i32)
          (loop $l
            (drop (memory.grow (i32.const 0)))
            (local.set $i (call $leaf (local.get $i)))
            (memory.fill (i32.const 0) (i32.const 0) (local.get $i))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 30))))))"#;
    let wasm = wat::parse_str(text).expect("a module");
    for decisions in 0..200 {
        let Some(run) = run(&wasm, decisions) else { continue };
        let view = View::of(&wasm);
        let profile = Profile::of(&run, &view);
        assert_eq!(profile.error, None);
        let lost: u64 = profile.functions().map(|ran| unbegun(ran, text)).sum();
        let cut = run.trace.records.iter().filter(|record| is_between(record)).count() as u64;
        assert!(lost <= cut, "{decisions}: {lost}");
    }
}
