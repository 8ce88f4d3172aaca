//! `file`: what recording to a file costs beyond recording to memory.
//!
//! ```text
//! cargo bench --profile tail --bench file -- --paired 9    rounds of memory and file; the median ratio
//! cargo bench --profile tail --bench file -- --once        each once, untimed (CI)
//! ```
//!
//! The file is complete, with index and checkpoints; what those cost is told apart, as the run is over before
//! they are made.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use wasmspoor::{
    file::{self, Reader, Sample},
    sandbox::{self, Drive, RunOptions},
};

/// Workloads of `../shared`; where that is absent, samples of our own.
fn samples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workloads = fs::read_dir(root.join("../shared/workloads"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut found: Vec<_> =
        workloads.filter(|path| path.extension().is_some_and(|ending| ending == "wasm")).collect();
    if found.is_empty() {
        println!("../shared is absent: samples of our own");
        found = ["miner", "benign-sha256sum", "benign-interpreter"]
            .map(|name| root.join(format!("corpus/{name}.wat")))
            .into();
    }
    found.sort();
    found
}

fn options() -> RunOptions {
    let mut options = RunOptions::default();
    options.drive = Drive::Exports;
    options.limits.wall_time = None;
    options.limits.instructions = None;
    options.entry_time = Duration::from_secs(3600);
    options.entry_instructions = None;
    options.entry_decisions = Some(20_000_000);
    options.limits.decisions = Some(40_000_000);
    options
}

fn in_memory(wasm: &[u8], options: &RunOptions) -> Duration {
    let begun = Instant::now();
    std::hint::black_box(sandbox::run(wasm, options)).ok();
    begun.elapsed()
}

/// Time of the run with its file written up to the outcome, and of all.
fn to_file(wasm: &[u8], options: &RunOptions, path: &Path) -> (Duration, Duration, file::Written) {
    _ = fs::remove_file(path);
    let file = File::create_new(path).expect("a file can be made");
    let sample = Sample { name: "x", bytes: wasm, is_embedded: true };
    let begun = Instant::now();
    let (written, run) = file::record_timed(file, path, &sample, options).expect("the file can be written");
    (run, begun.elapsed(), written)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rounds = match args.iter().position(|arg| arg == "--paired") {
        Some(at) => args.get(at + 1).and_then(|text| text.parse().ok()).unwrap_or(9),
        None => 1,
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("x.spoor");
    let (options, mut ratios, mut sizes) = (options(), Vec::new(), Vec::new());
    println!(
        "{:<40} {:>10} {:>8} {:>8} {:>12} {:>14} {:>10} {:>10}",
        "sample", "memory ms", "file x", "all x", "bytes", "instructions", "bits/op", "no sample"
    );
    for sample in samples() {
        let bytes = fs::read(&sample).expect("the sample can be read");
        let wasm = wat::parse_bytes(&bytes).expect("the sample is a module");
        let (mut run, mut all, mut times, mut written) = (Vec::new(), Vec::new(), Vec::new(), None);
        for _ in 0..rounds {
            let memory = in_memory(&wasm, &options);
            let (to_outcome, total, what) = to_file(&wasm, &options, &path);
            run.push(to_outcome.as_secs_f64() / memory.as_secs_f64());
            all.push(total.as_secs_f64() / memory.as_secs_f64());
            times.push(memory.as_secs_f64() * 1e3);
            written = Some(what);
        }
        let Some(written) = written else { continue };
        let instructions = written.instructions.unwrap_or(0).max(1);
        let reader = Reader::open(&path).expect("what was written can be read");
        let of_sample: u64 = reader
            .chunks()
            .iter()
            .filter(|(frame, _)| frame.kind == file::ChunkKind::Sample)
            .map(|(frame, _)| u64::from(frame.stored_len) + 52)
            .sum();
        let bits = |bytes: u64| bytes as f64 * 8.0 / instructions as f64;
        let name = sample.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        println!(
            "{name:<40} {:>10.1} {:>8.3} {:>8.3} {:>12} {instructions:>14} {:>10.5} {:>10.5}",
            median(&mut times),
            median(&mut run),
            median(&mut all),
            written.bytes,
            bits(written.bytes),
            bits(written.bytes - of_sample)
        );
        ratios.push(median(&mut run));
        sizes.push(bits(written.bytes));
    }
    println!(
        "median of the ratios {:.3}; median size {:.5} bits for each instruction",
        median(&mut ratios),
        median(&mut sizes)
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
