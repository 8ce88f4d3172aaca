//! `spoor classify`: trains classifiers on the calls of runs, asks them, and scores them.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use wasmspoor::{
    analysis::Analysis,
    categories::Mode,
    classify::{
        Example, Features, MAX_MODEL_BYTES, ModelFile, ModelKind, Prediction, TrainingOptions,
        eval::{self, EvaluationReport, Leakage, metrics::Scores},
        runs::{self, Label},
        sample::{MAX_DATA_BYTES, parse},
        trace::TraceFeatures,
    },
    module::view::Validity,
    sandbox,
    text::{self, escape},
};

use super::{Exit, Failure, input, output, sample};

/// Classify samples by the WASI calls that they make: train a model, ask it, score it
///
/// A prediction says which part of a training set a run is more like. That is no proof of malice; `eval`
/// prints how far it can be believed.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done, whatever was predicted; 2 wrong usage, data that cannot be trained on, a broken model file or a file that cannot be
read; 3 not a valid module; 4 valid but not executable. With several samples: the first of 2, 3, 4 that one of them gave.
Formats, features, models and figures: docs/classifier.md"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(Train),
    // Boxed: it has all options of a run.
    Predict(Box<Predict>),
    Eval(Eval),
}

/// Train a model on call sequences or on runs, and write it with its card
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spoor classify train --data traces.jsonl --model nu-svc --features log-ngrams -o model.json
  spoor classify train --runs corpus --model boosting --features trace -o model.json
  spoor classify train --runs bad/=malicious --runs good/=benign -o model.json")]
struct Train {
    #[command(flatten)]
    data: Data,
    /// The kind of model
    #[arg(long, value_enum, default_value_t = ModelKind::Boosting)]
    model: ModelKind,
    #[command(flatten)]
    features: FeatureArguments,
    /// Seed of training (only sgd depends on it)
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0)]
    seed: u32,
    /// Sentences to add to the model's card
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Write the model to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Run samples in the sandbox and say what a model makes of their calls
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spoor classify predict sample.wasm
  spoor classify predict --model model.json sample.wasm other.wasm --json")]
struct Predict {
    /// Samples, binary or text; `-` reads standard input
    #[arg(required = true, value_name = "SAMPLE")]
    samples: Vec<PathBuf>,
    /// The model [default: the one that ships with spoor]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// A line of JSON for each sample, see docs/json.md
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: sample::Arguments,
}

/// Score models on random halves of labelled data, with what such scores hide: copies, groups, origins, a
/// baseline
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spoor classify eval --data traces.jsonl
  spoor classify eval --data traces.jsonl --features log-ngrams --mode full --model nu-svc --json")]
struct Eval {
    #[command(flatten)]
    data: Data,
    /// The kinds of models; may be repeated [default: all]
    #[arg(long, value_enum)]
    model: Vec<ModelKind>,
    #[command(flatten)]
    features: FeatureArguments,
    /// Random halves
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    splits: u32,
    /// One object, see docs/json.md
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Data {
    /// Labelled call sequences: JSON lines with name, label (0 or 1), origin, calls; may be repeated
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// A folder of samples to run. Without a label each is labelled by the `;; EXPECT: verdict=` of its
    /// text, or left out; may be repeated
    #[arg(long, value_name = "DIR[=malicious|benign]")]
    runs: Vec<String>,
}

#[derive(Debug, Args)]
struct FeatureArguments {
    /// What a model sees of a run
    #[arg(long, value_enum, default_value_t = Features::Presence)]
    features: Features,
    /// Which categories stand for the calls
    #[arg(long, value_enum, default_value_t = Mode::Paper)]
    mode: Mode,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Train(arguments) => train(arguments, out),
        Command::Predict(arguments) => predict(arguments, out),
        Command::Eval(arguments) => evaluate(arguments, out),
    }
}

fn unusable(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Usage, error)
}

fn train(arguments: &Train, out: &mut impl Write) -> Result<Exit, Failure> {
    let samples = arguments.data.read()?;
    let options = TrainingOptions {
        kind: Some(arguments.model),
        features: Some(arguments.features.features),
        mode: arguments.features.mode,
        seed: arguments.seed,
        note: arguments.note.clone(),
    };
    let file = ModelFile::train(&samples, &options).map_err(unusable)?;
    crate::cli::complain!("{}", escape(&file.card));
    output::write(arguments.output.as_ref(), &file.to_bytes(), out)?;
    Ok(Exit::Done)
}

fn evaluate(arguments: &Eval, out: &mut impl Write) -> Result<Exit, Failure> {
    let samples = arguments.data.read()?;
    let kinds = match &*arguments.model {
        [] => ModelKind::ALL.to_vec(),
        kinds => kinds.to_vec(),
    };
    let (features, mode) = (arguments.features.features, arguments.features.mode);
    let options = eval::EvaluationOptions { kinds, features, mode, splits: arguments.splits };
    let report = eval::evaluate(&samples, &options).map_err(unusable)?;
    match arguments.json {
        true => text::write_json(out, &report)?,
        false => write_report(&report, out)?,
    }
    Ok(Exit::Done)
}

impl Data {
    /// The samples of all files and folders.
    fn read(&self) -> Result<Vec<Example>, Failure> {
        let mut samples = Vec::new();
        for path in &self.data {
            let text = read_at_most(path, MAX_DATA_BYTES).map_err(unusable)?;
            samples.extend(parse(&text).with_context(|| path.display().to_string()).map_err(unusable)?);
        }
        for folder in &self.runs {
            run_folder(folder, &mut samples).map_err(unusable)?;
        }
        Ok(samples)
    }
}

fn read_at_most(path: &Path, limit: usize) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    // One byte more, so that the parser sees that it is too long.
    file.take(limit as u64 + 1).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    Ok(bytes)
}

/// The modules of a folder, binary or text, by name.
fn modules_in(folder: &str) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "wasm" || ending == "wat"));
    paths.sort();
    Ok(paths)
}

/// A folder, and the label that `FOLDER=malicious` or `FOLDER=benign` gives its samples.
fn labelled(folder: &str) -> (&str, Option<bool>) {
    match folder.rsplit_once('=') {
        Some((folder, "malicious")) => (folder, Some(true)),
        Some((folder, "benign")) => (folder, Some(false)),
        _ => (folder, None),
    }
}

/// Runs the samples of a folder, by name. Those that are left out are counted on standard error.
fn run_folder(folder: &str, samples: &mut Vec<Example>) -> anyhow::Result<()> {
    let (folder, label) = labelled(folder);
    let (mut unlabelled, mut silent, mut failed) = (0, 0, 0);
    for path in &modules_in(folder).with_context(|| folder.to_owned())? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = input::read(path)?;
        let given = label.map(|malicious| Label { malicious, origin: folder.to_owned() });
        let Some(label) = given.or_else(|| Label::of_header(std::str::from_utf8(&bytes).ok()?, &name)) else {
            unlabelled += 1;
            continue;
        };
        match runs::observe(&bytes, &sandbox::RunOptions::default()) {
            Ok(Some((run, dynamic))) => samples.push(runs::sample(&name, label, &run, &dynamic)),
            Ok(None) => silent += 1,
            Err(_) => failed += 1,
        }
    }
    if unlabelled + silent + failed > 0 {
        let folder = escape(folder);
        crate::cli::complain!(
            "spoor: {folder}: left out {unlabelled} without a label, {silent} that import no WASI function, {failed} that cannot be run"
        );
    }
    Ok(())
}

/// A prediction, as `predict --json` writes it.
#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    file: &'a str,
    /// `malicious`, `benign`, or `no evidence`.
    prediction: &'static str,
    decision: Option<f64>,
    probability: Option<f64>,
    wasi_calls: usize,
    /// Host calls that came after those that are kept.
    calls_cut: u64,
    model: ModelKind,
    features: Features,
    training_sha256: &'a str,
}

fn predict(arguments: &Predict, out: &mut impl Write) -> Result<Exit, Failure> {
    let read;
    let model = match &arguments.model {
        Some(path) => {
            let bytes = read_at_most(path, MAX_MODEL_BYTES).map_err(unusable)?;
            read = ModelFile::parse(&bytes).with_context(|| path.display().to_string()).map_err(unusable)?;
            &read
        }
        None => wasmspoor::classify::behaviour_model().context("the model that ships cannot be read")?,
    };
    let analyser = arguments.run.prepare()?;
    let mut exits = Vec::new();
    for path in &arguments.samples {
        match analyser.analyse(path) {
            Ok(analysed) => exits.push(predict_one(arguments, model, &analysed, out)?),
            Err(failure) if arguments.samples.len() > 1 => {
                crate::cli::complain!("spoor: {}", escape(&format!("{:#}", failure.cause)));
                exits.push(failure.exit);
            }
            Err(failure) => return Err(failure),
        }
    }
    if !arguments.json {
        writeln!(out, "\n{}", escape(&model.card))?;
        model.limits.iter().try_for_each(|limit| writeln!(out, "- {}", escape(limit)))?;
    }
    let order = [Exit::Internal, Exit::Usage, Exit::Invalid, Exit::NotExecutable];
    Ok(order.into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::Done))
}

fn predict_one(
    arguments: &Predict,
    model: &ModelFile,
    analysed: &sample::Analysed,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    let sample::Analysed { name, analysis, .. } = analysed;
    let run = analysis.run.as_ref();
    let calls = run.map(runs::calls).unwrap_or_default();
    let prediction =
        run.and_then(|run| model.predict(&calls, Some(&TraceFeatures::of(run, &analysis.dynamic))));
    let word = match prediction.map(|prediction| prediction.malicious) {
        None => "no evidence",
        Some(true) => "malicious",
        Some(false) => "benign",
    };
    if arguments.json {
        let line = Line {
            schema: "spoor.prediction/1",
            file: name,
            prediction: word,
            decision: prediction.map(|prediction| prediction.decision),
            probability: prediction.and_then(|prediction| prediction.probability),
            wasi_calls: calls.len(),
            calls_cut: run.map_or(0, |run| run.calls_cut),
            model: model.model.kind(),
            features: model.encoding.features(),
            training_sha256: &model.training.sha256,
        };
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)?;
    } else {
        let numbers = prediction.map_or(String::new(), |prediction| numbers(&prediction));
        let why = if run.is_none() { ", nothing was executed" } else { "" };
        writeln!(out, "{word:<11}  {}  ({numbers}{} WASI calls{why})", text::line(name), calls.len())?;
    }
    Ok(ending(analysis))
}

/// The figures of a prediction, before what follows in the line.
fn numbers(prediction: &Prediction) -> String {
    let probability = prediction.probability.map_or(String::new(), |p| format!(", probability {p:.3}"));
    format!("decision {:+.3}{probability}, ", prediction.decision)
}

fn ending(analysis: &Analysis) -> Exit {
    match (&analysis.view.validity, &analysis.run) {
        (Validity::Invalid { .. }, _) => Exit::Invalid,
        (_, None) => Exit::NotExecutable,
        _ => Exit::Done,
    }
}

/// A report for people, all figures in per cent.
fn write_report(report: &EvaluationReport, out: &mut impl Write) -> Result<(), Failure> {
    write_data(report, out)?;
    writeln!(
        out,
        "{:<17}{:<9} {:>13} {:>13} {:>13} {:>13} {:>13} {:>13}",
        "model", "halves", "F1", "recall", "precision", "balanced", "Brier", "Brier of p"
    )?;
    for model in &report.models {
        write_scores(model.model.name(), "random", model.random.as_ref(), out)?;
        write_scores("", "grouped", model.grouped.as_ref(), out)?;
        write_scores("", "unseen", model.unseen_origins.as_ref(), out)?;
        for (reason, count) in &model.failures {
            writeln!(out, "{:<17}{count} splits not scored: {}", "", escape(reason))?;
        }
    }
    write_scores("best rule", "random", report.baseline.random.as_ref(), out)?;
    write_scores("", "grouped", report.baseline.grouped.as_ref(), out)?;
    for (rule, count) in &report.baseline.rules {
        writeln!(out, "{:<17}{count} × {}", "", text::clip(rule, super::limits::RULE_TEXT))?;
    }
    write_leakage(&report.leakage, out)?;
    write_origins(report, out)
}

/// What was evaluated on, and how.
fn write_data(report: &EvaluationReport, out: &mut impl Write) -> Result<(), Failure> {
    let data = &report.data;
    writeln!(
        out,
        "{} samples, {} malicious; {} different call sequences, {} groups of near duplicates",
        data.samples, data.malicious, data.distinct, data.groups
    )?;
    if data.not_compared > 0 {
        writeln!(out, "{} sequences were too many to be compared for likeness", data.not_compared)?;
    }
    let (features, splits) = (report.features.name(), report.splits);
    let mode = match report.mode {
        Mode::Paper => "those of the study",
        _ => "all",
    };
    writeln!(
        out,
        "features {features}, categories {mode}, {splits} splits; mean ± standard deviation in %\n"
    )?;
    Ok(())
}

/// How much of the test halves stands in the training halves too.
fn write_leakage(leak: &Leakage, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(
        out,
        "\nrandom: halves at random, as in the study. Of the test half, {:.1} % have their exact sequence in the training half ({:.1} % of the\nmalicious), {:.1} % a near duplicate. grouped: near duplicates stay together. unseen: each origin predicted from all others.\n",
        100.0 * leak.exact.mean,
        100.0 * leak.exact_malicious.mean,
        100.0 * leak.near.mean
    )?;
    Ok(())
}

fn write_scores(
    name: &str,
    halves: &str,
    scores: Option<&Scores>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    write!(out, "{name:<17}{halves:<9}")?;
    let Some(scores) = scores else {
        writeln!(out, " cannot be scored: a class would be missing")?;
        return Ok(());
    };
    let spreads = [scores.f1, scores.recall, scores.precision, scores.balanced_accuracy, scores.brier];
    for spread in spreads.into_iter().chain(scores.brier_probability) {
        write!(out, " {:>6.2} ±{:>5.2}", 100.0 * spread.mean, 100.0 * spread.sd)?;
    }
    writeln!(out)?;
    Ok(())
}

/// Right labels by origin, for each kind: on random halves, and by a model that had all other origins.
fn write_origins(report: &EvaluationReport, out: &mut impl Write) -> Result<(), Failure> {
    let Some(first) = report.models.first() else { return Ok(()) };
    write!(out, "{:<32}{:>8}{:>10}", "right labels by origin, in %", "samples", "malicious")?;
    report.models.iter().try_for_each(|model| write!(out, " {:>16}", model.model.name()))?;
    writeln!(out)?;
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}", 100.0 * share));
    for (index, origin) in first.origins.iter().enumerate() {
        write!(out, "{:<32}{:>8}{:>10}", text::clip(&origin.origin, 30), origin.samples, origin.malicious)?;
        for origin in report.models.iter().filter_map(|model| model.origins.get(index)) {
            write!(out, " {:>16}", format!("{} / {}", percent(origin.random), percent(origin.unseen)))?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "first on random halves, then predicted from all other origins; -: that would leave one class"
    )?;
    Ok(())
}
