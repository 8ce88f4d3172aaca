//! What several benches share: the command line's `--once`, and traces of programs that need no imports.

#![allow(dead_code)] // Each bench uses a part.

use std::{fs, path::Path};

use wasmspoor::{Limits, Options, Outcome, Tracer, trace::Trace};

/// Whether each case runs once and untimed: asked for, or not started by `cargo bench`.
pub(crate) fn once() -> bool {
    let given = |wanted: &str| std::env::args().any(|arg| arg == wanted);
    given("--once") || !given("--bench")
}

/// Name and trace of `main` of the workloads in `../shared`, or of our own kernels where that folder is
/// absent.
pub(crate) fn traces() -> Vec<(String, Trace)> {
    all(false, false)
}

/// As [`traces`], and those of kernels of our own like the programs of `docs/performance.md`.
pub(crate) fn more_traces() -> Vec<(String, Trace)> {
    all(false, true)
}

/// As [`traces`], with what the host did.
pub(crate) fn traces_with_effects() -> Vec<(String, Trace)> {
    all(true, false)
}

fn all(effects: bool, own: bool) -> Vec<(String, Trace)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/workloads");
    let kernel = |name| here.join("benches/kernels").join(name).with_extension("wat");
    let mut paths: Vec<_> = match shared.is_dir() {
        true => ["fib", "gemm", "sha256", "bfvm", "qsort"]
            .map(|name| shared.join(name).with_extension("wasm"))
            .to_vec(),
        false => {
            println!("../shared is absent: our own kernels instead");
            ["collatz", "br_table_vm", "indirect_calls"].map(kernel).to_vec()
        }
    };
    if own {
        paths.extend(["jacobi2d", "nussinov", "lzjson"].map(kernel));
    }
    paths
        .iter()
        .map(|path| {
            (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), record(path, effects))
        })
        .collect()
}

fn record(path: &Path, effects: bool) -> Trace {
    let mut limits = Limits::default();
    limits.wall_time = None;
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let options = Options::default().limits(limits).effects(effects);
    let mut session = Tracer::new(options).load(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let outcome = session.start().and_then(|_| session.invoke("main", &[]));
    assert!(matches!(outcome, Ok(Outcome::Returned(_))), "{outcome:?}");
    session.finish()
}
