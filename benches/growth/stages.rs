//! The steps whose work is counted: everything between the bytes of a sample and what is written of it.

use std::{collections::BTreeSet, fs, hint::black_box, path::Path, sync::Arc};

use wasmspoor::{
    analysis::Analysis,
    file::{self, Recorded, Sample},
    module::{FuncIndex, Module, view::View},
    passes::{
        Dynamic, PASSES, Profile,
        flow::{self, Flow},
        flows::Look,
        stacks::Stacks,
    },
    report::{
        Names, Report, Shortened, Subject, capa, chrome, coverage, csv, dot, folded, html, misp, ndjson,
        sarif, speedscope, stix, text,
    },
    rules::{self, Facts},
    sandbox::{self, Persona},
    text::write_json,
    trace::{Counts, Trace},
    values::{
        Machine, Nothing,
        taint::{Taint, TaintOptions},
    },
};

use crate::measured;

/// The file in which the steps stand in the order in which they were counted.
pub(crate) const NAMES: &str = "names";

/// Different steps, in order.
pub(crate) fn steps<'c>(counts: &[(&'c str, u64)]) -> BTreeSet<&'c str> {
    counts.iter().map(|(name, _)| *name).collect()
}

/// Asks the allocator for much at once, so that it joins the small blocks that were freed before. Glibc puts
/// that off, and the next step would pay for the last.
fn settle() {
    drop(black_box(Vec::<u8>::with_capacity(100_000)));
}

/// Collects the names of what is counted.
struct Steps {
    input: String,
    names: String,
}

impl Steps {
    fn of<T>(&mut self, step: &str, work: impl FnOnce() -> T) -> T {
        self.names += &format!("{}/{step}\n", self.input);
        let (mut work, mut done) = (Some(work), None);
        settle();
        measured(&mut || done = work.take().map(|work| work()));
        done.unwrap_or_else(|| panic!("{step} was not done"))
    }

    /// A writer: what it writes is thrown away.
    fn writer(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) {
        let mut out = Vec::new();
        self.of(&format!("write {name}"), || write(&mut out)).unwrap_or_else(|error| panic!("{error}"));
        black_box(out);
    }
}

/// All steps on all inputs in `folder`.
pub(crate) fn run(folder: &Path) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}"));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let rules = rules::Set::builtin();
    let mut steps = Steps { input: String::new(), names: String::new() };
    // What is made once, at the first use, is no part of any input.
    warm_up(&rules);
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        steps.input = name.split('.').next().unwrap_or_default().to_owned();
        let bytes = || fs::read(path).unwrap_or_else(|error| panic!("{error}"));
        if name.ends_with(".wasm") {
            module(&mut steps, &bytes(), &rules);
        } else if name.ends_with(".toml") {
            let text = String::from_utf8_lossy(&bytes()).into_owned();
            let persona = steps.of("parse", || Persona::parse("p.toml", &text));
            assert!(persona.is_ok(), "{persona:?}");
        }
    }
    fs::write(folder.join(NAMES), steps.names).unwrap_or_else(|error| panic!("{error}"));
}

fn options() -> sandbox::RunOptions {
    let mut options = sandbox::RunOptions::default();
    options.preopens = vec![("/".to_owned(), "/".to_owned())];
    options.limits.wall_time = None;
    options.entry_time = std::time::Duration::from_secs(1 << 20);
    options
}

fn warm_up(rules: &rules::Set) {
    let sample =
        b"(module (data \"https://a.example/ curl a | sh a@b.example c.example.com:80 powershell -e\")
        (func (export \"_start\") (drop (i32.const 0x61707865))))";
    black_box(Analysis::of(sample, &options(), rules));
}

fn module(steps: &mut Steps, bytes: &[u8], rules: &rules::Set) {
    let (options, wasm): (_, Arc<[u8]>) = (options(), Arc::from(bytes));
    let view = steps.of("view", || View::of(bytes));
    let run = steps.of("run", || sandbox::run(bytes, &options)).unwrap_or_else(|error| panic!("{error}"));
    let profile = steps.of("profile", || Profile::of(&run, &view));
    drop(profile);
    for pass in PASSES {
        steps.of(&format!("pass {}", pass.name), || pass.apply(&run, &view));
    }
    let dynamic = Dynamic::of(&run, &view);
    let facts =
        Facts { wasm: bytes, view: &view, run: Some(&run), dynamic: &dynamic, prediction: None, flows: None };
    let matches = steps.of("rules", || rules.evaluate(&facts)).matches;
    black_box(steps.of("findings", || wasmspoor::verdict::findings(&facts)));
    black_box(steps.of("correlations", || wasmspoor::verdict::correlations(&facts, &matches)));
    replays(steps, &run.trace);
    recording(steps, bytes, &options);
    let analysis = Analysis::of_run(wasm, false, Ok(run), rules);
    writers(steps, &analysis, &options);
    steps.of("whole run", || whole(bytes, &options, rules));
}

/// Everything that `spoor run` does with a sample, from its bytes to its page.
fn whole(bytes: &[u8], options: &sandbox::RunOptions, rules: &rules::Set) {
    let analysis = Analysis::with_values(bytes, options, rules, Look::Auto);
    let report = Report::of(&Subject { name: "x", analysis: &analysis, options, max_log: 10_000 });
    let short = text::TextOptions { level: text::Verbosity::Normal, width: 110, wrap: false, colour: false };
    let asked = text::Asked { command: "run", file: "x".as_ref(), options: "" };
    let mut out = Vec::new();
    text::write(&report, short, asked, &mut out).unwrap_or_else(|error| panic!("{error}"));
    black_box(out);
}

/// Walks through a trace.
fn replays(steps: &mut Steps, trace: &Trace) {
    black_box(steps.of("replay counts", || Counts::of(trace).map(|counts| counts.total))).ok();
    black_box(steps.of("replay events", || trace.events().filter(Result::is_ok).count()));
}

/// A recording to a file, what is read of it, and the data level.
fn recording(steps: &mut Steps, bytes: &[u8], options: &sandbox::RunOptions) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join("x.spoor");
    let sample = Sample { name: "x", bytes, is_embedded: true };
    let out = fs::File::create_new(&path).unwrap_or_else(|error| panic!("{error}"));
    let written = steps.of("record", || file::record_with_effects(out, &path, &sample, options));
    assert!(written.is_ok(), "{written:?}");
    let opened = steps.of("open", || Recorded::open(&path, None));
    assert!(opened.is_ok_and(|recorded| recorded.run.is_ok()));
    let run = sandbox::run_with_effects(bytes, options).unwrap_or_else(|error| panic!("{error}"));
    let trace = run.trace;
    let plain = steps.of("values", || Machine::new(&trace)?.run(&mut Nothing));
    assert!(plain.is_ok(), "{plain:?}");
    let mut taint = Taint::new(&trace, TaintOptions::default());
    let followed = steps.of("taint", || Machine::new(&trace)?.run(&mut taint));
    assert!(followed.is_ok(), "{followed:?}");
    black_box(steps.of("taint flows", || taint.flows()));
}

fn writers(steps: &mut Steps, analysis: &Analysis, options: &sandbox::RunOptions) {
    let report = || Report::of(&Subject { name: "x", analysis, options, max_log: 10_000 });
    let full = text::TextOptions { level: text::Verbosity::Evidence, width: 110, wrap: false, colour: false };
    let of = steps.of("report", report);
    let asked = || text::Asked { command: "run", file: "x".as_ref(), options: "" };
    steps.writer("text", |out| text::write(&of, full, asked(), out));
    steps.writer("json", |out| write_json(out, &of));
    steps.writer("sarif", |out| sarif::write(&of, out));
    steps.writer("csv", |out| csv::write_row(&of, out));
    steps.writer("capa", |out| capa::write(&of, out));
    steps.writer("ndjson", |out| ndjson::write(&of, out));
    steps.writer("stix", |out| stix::write(&of, out));
    steps.writer("misp", |out| misp::write(&of, out));
    steps.writer("html", |out| html::write(&of, analysis.run.as_ref(), asked(), out));
    black_box(steps.of("shorten", || Shortened::of(&of)));
    for (name, draw) in [
        ("calls", (|of| dot::calls(of, dot::Shown::default())) as fn(&Report<'_>) -> String),
        ("dynamic", |of| dot::dynamic(of, dot::Shown::default())),
        ("states", dot::states),
    ] {
        black_box(steps.of(&format!("dot {name}"), || draw(&of)));
    }
    black_box(steps.of("dot static calls", || dot::static_calls(&analysis.view, dot::Shown::default())));
    let Some(run) = &analysis.run else { return };
    let module = Module::parse(&analysis.wasm[..]).unwrap_or_else(|error| panic!("{error}"));
    let func = FuncIndex(module.functions() - 1);
    let code = module.code(func).unwrap_or_else(|error| panic!("{error}"));
    let taken = steps.of("flow", || Flow::of(&run.trace, func)).unwrap_or_else(|error| panic!("{error}"));
    black_box(steps.of("dot cfg", || dot::cfg(&of, func, code, Some(&taken), dot::Shown::default())));
    let blocks =
        steps.of("ran blocks", || flow::blocks(&run.trace)).unwrap_or_else(|error| panic!("{error}"));
    steps.writer("drcov", |out| coverage::write_drcov("x", &module, &blocks, out));
    steps.writer("modoff", |out| coverage::write_modoff("x", &module, &blocks, out));
    let stacks = steps.of("stacks", || Stacks::of(&run.trace)).unwrap_or_else(|error| panic!("{error}"));
    steps.writer("folded", |out| folded::write(&stacks, &Names::of(&analysis.view), out));
    steps.writer("speedscope", |out| speedscope::write("x", &stacks, &analysis.view, out));
    steps.writer("chrome", |out| chrome::write(&of, run, out));
}
