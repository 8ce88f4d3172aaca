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
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut traces = all(true, false);
    traces.push(("cipher_text".into(), record(&here.join("benches/kernels/cipher_text.wat"), true)));
    traces
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

/// A run of at least so many instructions, with what the host did: `sha256` again and again.
pub(crate) fn long_trace(instructions: u64) -> Trace {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/workloads/sha256.wasm");
    let path = if shared.is_file() { shared } else { here.join("benches/kernels/cipher_text.wat") };
    let once = record(&path, true).counts().unwrap_or_else(|error| panic!("{error}")).total;
    record_times(&path, true, instructions / once + 1)
}

/// The most memory that this process had, in KiB; 0 where that is not known.
pub(crate) fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn record(path: &Path, effects: bool) -> Trace {
    record_times(path, effects, 1)
}

fn record_times(path: &Path, effects: bool, times: u64) -> Trace {
    let mut limits = Limits::default();
    limits.wall_time = None;
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let options = Options::default().limits(limits).effects(effects);
    let mut session = Tracer::new(options).load(&bytes).unwrap_or_else(|error| panic!("{error}"));
    session.start().unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..times {
        let outcome = session.invoke("main", &[]);
        assert!(matches!(outcome, Ok(Outcome::Returned(_))), "{outcome:?}");
    }
    session.finish()
}
