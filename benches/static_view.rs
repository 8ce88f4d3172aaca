//! `static_view`: how long the static view of a module takes, from bytes to facts.
//!
//! ```text
//! cargo bench --bench static_view               criterion; the throughput is in bytes
//! cargo bench --bench static_view -- --once     each case once, untimed, answers asserted (CI)
//! ```
//!
//! The modules are samples in `../shared`, the largest of 14 MB; or, where that folder is absent, one that is
//! made here.

mod common;

use std::{fs, hint::black_box, path::Path};

use criterion::{Criterion, Throughput};
use wasmspoor::module::{
    Module,
    view::{Validity, View},
};

fn main() {
    let modules = modules();
    if common::once() {
        for (name, bytes) in &modules {
            let view = check(bytes);
            println!(
                "static_view/{name}: {} functions, {} instructions",
                view.functions.len(),
                view.classes.total
            );
        }
        return;
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("static_view");
    for (name, bytes) in &modules {
        check(bytes);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name.as_str(), |bencher| bencher.iter(|| black_box(View::of(bytes))));
    }
    group.finish();
    criterion.final_summary();
}

/// The view, held against what another reader of the same bytes says.
fn check(bytes: &[u8]) -> View {
    let view = View::of(bytes);
    assert_eq!(view.validity, Validity::Valid);
    let module = Module::parse(bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(view.total_functions(), module.functions());
    assert!(view.functions.iter().all(|function| function.error.is_none()));
    view
}

fn modules() -> Vec<(String, Vec<u8>)> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let read = |(name, path): (&str, &str)| {
        let path = samples.join(path).with_extension("wasm");
        (name.to_owned(), fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    if samples.is_dir() {
        let names = [
            ("miner", "hostile/malwasm-cryptonight"),
            ("quickjs", "benign/npm-quickjs"),
            ("esbuild", "benign/npm-esbuild"),
        ];
        return names.into_iter().map(read).collect();
    }
    println!("../shared is absent: a module made here instead");
    let body = "(func (param i32) (result i32) (loop $l (result i32)
        (if (i32.and (local.get 0) (i32.const 7)) (then (local.set 0 (call 0 (i32.shl (local.get 0) (i32.const 3))))))
        (br_if $l (i32.xor (local.get 0) (i32.const 0x1234567))) (local.get 0)))";
    let text = format!(
        "(module (memory 1) (data (i32.const 8) \"{}\") {})",
        "a string\\00".repeat(1000),
        body.repeat(5_000)
    );
    vec![("made".to_owned(), wat::parse_str(text).unwrap_or_else(|error| panic!("{error}")))]
}
