//! Counts of the kernels equal those that another engine measured.
//!
//! The reference counts `end` and `else` too; they are left out here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wasmi::{Engine, Linker, Module, Store};
use wasmspoor_needs::needs;
use wasmspoor_oracle::script::stock;
use wasmspoor_oracle::{COUNTERS, Counts, instrument};

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}

fn run(wasm: &[u8], export: &str) -> Counts {
    let instrumented = instrument(wasm).expect("an instrumented module");
    let mut store = Store::new(&Engine::new(&stock::config()), ());
    let module = Module::new(store.engine(), &instrumented.wasm).expect("a valid module");
    let instance =
        Linker::new(store.engine()).instantiate_and_start(&mut store, &module).expect("an instance");
    instance
        .get_typed_func::<(), i32>(&store, export)
        .expect("the export")
        .call(&mut store, ())
        .expect("no trap");
    let memory = instance.get_memory(&store, COUNTERS).expect("the counters");
    instrumented.counts(memory.data(&store)).expect("enough bytes")
}

#[needs("../shared/reference", "../shared/workloads")]
#[test]
fn kernels_count_to_the_last_unit() {
    let shared = shared();
    let json = std::fs::read(shared.join("reference/opcode-counts.json")).expect("the reference");
    let reference: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    for (name, kernel) in reference.as_object().expect("an object") {
        let wasm = std::fs::read(shared.join(format!("workloads/{name}.wasm"))).expect("the kernel");
        let begin = Instant::now();
        let counts = run(&wasm, kernel["invoke"].as_str().expect("an export"));
        let opcodes = kernel["opcodes"].as_object().expect("an object").iter();
        let expected: BTreeMap<&str, u64> = opcodes
            .filter(|(mnemonic, _)| !["end", "else"].contains(&mnemonic.as_str()))
            .map(|(mnemonic, times)| (mnemonic.as_str(), times.as_u64().expect("a number")))
            .collect();
        assert_eq!(counts.by_mnemonic, expected, "{name}");
        assert_eq!(Some(counts.total), kernel["instructions_without_end_else"].as_u64(), "{name}");
        println!(
            "{name}: {} instructions, {} mnemonics, exact, in {:.1?}",
            counts.total,
            expected.len(),
            begin.elapsed()
        );
    }
}

#[needs("../shared/samples", "../shared/workloads")]
#[test]
fn samples_are_instrumented_into_valid_modules() {
    let shared = shared();
    let mut refused = Vec::new();
    let (mut bytes, mut modules, mut spent) = (0, 0, std::time::Duration::ZERO);
    let engine = Engine::new(&stock::config());
    for folder in ["workloads", "samples/benign", "samples/hostile"] {
        for file in std::fs::read_dir(shared.join(folder)).expect("a folder").flatten() {
            let path = file.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let wasm = std::fs::read(&path).expect("a sample");
            let begin = Instant::now();
            match instrument(&wasm) {
                Ok(instrumented) => {
                    spent += begin.elapsed();
                    (bytes, modules) = (bytes + wasm.len(), modules + 1);
                    Module::new(&engine, &instrumented.wasm)
                        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                }
                Err(error) => {
                    assert!(Module::new(&engine, &wasm).is_err(), "{}: {error}", path.display());
                    refused.push((path, error));
                }
            }
        }
    }
    println!(
        "{modules} modules, {bytes} bytes instrumented in {spent:.1?}; refused by wasmi too: {refused:?}"
    );
}
