//! What several benches share: the command line's `--once`, and traces of programs that need no imports.

#![allow(dead_code)] // Each bench uses a part.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Instant,
};

use wasmspoor::{Limits, Options, Outcome, Tracer, trace::Trace};

/// Whether each case runs once and untimed: asked for, or not started by `cargo bench`.
pub(crate) fn once() -> bool {
    let given = |wanted: &str| std::env::args().any(|arg| arg == wanted);
    given("--once") || !given("--bench")
}

/// Name and trace of `main` of the workloads in `../shared`, or of our own kernels where that folder is
/// absent.
pub(crate) fn traces() -> Vec<(String, Trace)> {
    all(false)
}

/// As [`traces`], and those of kernels of our own like the programs of `docs/performance.md`.
pub(crate) fn more_traces() -> Vec<(String, Trace)> {
    let own = ["jacobi2d", "nussinov", "lzjson"].map(|name| (name.to_owned(), record(&kernel(name), false)));
    all(false).into_iter().chain(own).collect()
}

/// As [`traces`], with what the host did, and a kernel in which all that is computed comes from its data.
pub(crate) fn traces_with_effects() -> Vec<(String, Trace)> {
    let own = ("cipher_text".to_owned(), record(&kernel("cipher_text"), true));
    all(true).into_iter().chain([own]).collect()
}

/// Where a kernel of our own lies.
fn kernel(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/kernels").join(name).with_extension("wat")
}

fn all(effects: bool) -> Vec<(String, Trace)> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/workloads");
    let paths: Vec<_> = match shared.is_dir() {
        true => ["fib", "gemm", "sha256", "bfvm", "qsort"]
            .map(|name| shared.join(name).with_extension("wasm"))
            .to_vec(),
        false => {
            println!("../shared is absent: our own kernels instead");
            ["collatz", "br_table_vm", "indirect_calls"].map(kernel).to_vec()
        }
    };
    paths
        .iter()
        .map(|path| {
            (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), record(path, effects))
        })
        .collect()
}

/// A run of at least so many instructions, with what the host did: `sha256` again and again.
pub(crate) fn long_trace(instructions: u64) -> Trace {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/workloads/sha256.wasm");
    let path = if shared.is_file() { shared } else { kernel("cipher_text") };
    let once = record(&path, true).counts().unwrap_or_else(|error| panic!("{error}")).total;
    record_times(&path, true, instructions / once + 1)
}

/// Seconds for which this thread had a processor; by the clock where that is not known. Other programs on the
/// machine do not count, as far as it goes; some milliseconds are the unit.
pub(crate) fn processor_seconds() -> f64 {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let status = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = status.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok());
    ns.map_or_else(|| BEGUN.elapsed().as_secs_f64(), |ns| ns as f64 / 1e9)
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
