//! The workloads: kernels of our own (`benches/kernels/`, with known answers) and the shared ones, when they
//! are there.

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

/// A program that runs to its end by itself.
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) wasm: Vec<u8>,
    /// What the file `default.input` holds for it.
    pub(crate) input: &'static [u8],
    /// The result of `main`, if it is known from elsewhere than an engine.
    pub(crate) expected: Option<i32>,
    /// Instructions that it executes (as `docs/trace-stream.md` counts them), if the reference knows.
    pub(crate) instructions: Option<u64>,
}

macro_rules! kernels {
    ($($name:literal => $expected:literal,)*) => {
        /// Name, text and answer of each kernel; the answers come from models in another language.
        const KERNELS: &[(&str, &str, i32)] =
            &[$(($name, include_str!(concat!("../kernels/", $name, ".wat")), $expected)),*];
    };
}

kernels! {
    "tight_loop" => 40_000_000,
    "collatz" => 6_135_095,
    "br_table_vm" => 488_972_613,
    "tail_calls" => -1_438_005_922,
    "indirect_calls" => 490_579_133,
    "memory_bytes" => 963_515_392,
    "deep_recursion" => 1_216_350_000,
    "unrolled_hash" => 374_276_136,
}

/// The shared workloads, and how many KiB of text each reads.
const SHARED: &[(&str, usize)] = &[
    ("fib", 0),
    ("gemm", 0),
    ("sha256", 0),
    ("bfvm", 0),
    ("qsort", 0),
    ("sodium_hash", 0),
    ("sodium_scalarmult6", 0),
    ("sodium_secretstream_xchacha20poly1305", 0),
    ("bz2", 256),
    ("pulldown-cmark", 512),
];

/// Text for the longest input; the others read a beginning of it.
static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| text(512 << 10));

/// Returns the workloads whose name is `only`, or all of them if that is empty. Says so when the shared ones
/// are absent.
pub(crate) fn load(only: &str) -> Vec<Workload> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let is_wanted = |name: &str| only.is_empty() || only == name;
    let kernels =
        KERNELS.iter().filter(|(name, ..)| is_wanted(name)).map(|&(name, text, expected)| Workload {
            name: name.to_owned(),
            wasm: wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}")),
            input: &[],
            expected: Some(expected),
            instructions: None,
        });
    let counts = reference_counts(&shared.join("reference/opcode-counts.json"));
    let workloads = shared.join("workloads");
    if !workloads.is_dir() {
        eprintln!("notice: {} is absent, only the kernels run", workloads.display());
    }
    let read = SHARED.iter().filter(|(name, _)| is_wanted(name)).filter_map(|&(name, input_kib)| {
        let wasm = fs::read(workloads.join(name).with_extension("wasm")).ok()?;
        let instructions = counts.get(name).copied();
        Some(Workload {
            name: name.to_owned(),
            wasm,
            input: &TEXT[..input_kib << 10],
            expected: None,
            instructions,
        })
    });
    kernels.chain(read).collect()
}

/// Reads `instructions_without_end_else` of each program; empty if there is no such file.
///
/// The file is one object of objects, a key a line: enough is known of it to do without a JSON parser.
fn reference_counts(path: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut program = String::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let Some((key, value)) = line.trim().split_once(':') else { continue };
        let (key, value) = (key.trim_matches('"'), value.trim().trim_end_matches(','));
        match (key, value.parse()) {
            ("instructions_without_end_else", Ok(count)) => drop(counts.insert(program.clone(), count)),
            ("opcodes", _) => {}
            _ if value == "{" => program = key.to_owned(),
            _ => {}
        }
    }
    counts
}

/// Makes `len_bytes` of Markdown: pseudo-random words with headings, lists, emphasis, links and code here and
/// there.
fn text(len_bytes: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "track",
        "the",
        "of",
        "an",
        "animal",
        "leaves",
        "*sand*",
        "`spoor`",
        "[reed](water)",
        "and",
        "river",
        "follows",
        "**old**",
        "who",
        "wind",
        "it",
    ];
    const ENDS: [&str; 8] = [
        ".\n\n",
        ".\n\n## Heading\n\n",
        ",\n",
        ".\n\n- item ",
        ".\n\n> said ",
        ".\n\n1. first ",
        ".\n\n    code ",
        "; ",
    ];
    let mut state = 0x9e37_79b9_u32;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below
    };
    let mut text = Vec::with_capacity(len_bytes + 64);
    while text.len() < len_bytes {
        text.extend_from_slice(WORDS[next(WORDS.len())].as_bytes());
        match next(12) {
            0 => text.extend_from_slice(ENDS[next(ENDS.len())].as_bytes()),
            _ => text.push(b' '),
        }
    }
    text.truncate(len_bytes);
    text
}
