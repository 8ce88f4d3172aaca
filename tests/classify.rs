//! Models against the predictions of scikit-learn and XGBoost on the reference splits, against the figures of
//! the reference study, and `spoor classify` from outside.

#[path = "common/command.rs"]
mod command;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use command::spoor;
use serde::Deserialize;
use serde_json::Value;
use wasmspoor::{
    classify::{
        Example, Matrix, ModelFile, ModelKind, TrainingOptions, behaviour, behaviour_model, eval, runs,
        sample,
    },
    sandbox,
};
use wasmspoor_needs::needs;

/// A file that is only there in the workplace.
fn shared(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[derive(Deserialize)]
struct Split {
    kind: String,
    seed: u32,
    xtr: Vec<Vec<f64>>,
    ytr: Vec<u8>,
    xte: Vec<Vec<f64>>,
    py: BTreeMap<String, Vec<u8>>,
}

/// The share of test labels over all splits on which each kind must agree with its model.
const BARS: [(ModelKind, &str, f64); 5] = [
    (ModelKind::Boosting, "XGBoost", 0.995),
    (ModelKind::NuSvc, "NuSVC", 1.0),
    (ModelKind::RadiusNeighbors, "RadiusNN", 1.0),
    (ModelKind::Adaboost, "AdaBoost", 0.999),
    (ModelKind::Sgd, "SGD", 0.99),
];

#[needs("../shared/wasi/classifier-parity.json")]
#[test]
fn models_agree_with_their_references() {
    let bytes = shared("wasi/classifier-parity.json");
    let splits: Vec<Split> = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(splits.len(), 10);
    for (kind, reference, bar) in BARS {
        let (mut agreed, mut all) = (0, 0);
        for split in &splits {
            let columns = split.xtr[0].len();
            let labels: Vec<bool> = split.ytr.iter().map(|label| *label == 1).collect();
            let model = kind.train(&Matrix::new(columns, &split.xtr).unwrap(), &labels, split.seed).unwrap();
            let right = split
                .xte
                .iter()
                .zip(&split.py[reference])
                .filter(|(row, label)| model.predict(row) == (**label == 1));
            let right = right.count();
            if right < split.xte.len() {
                println!("{kind} {} {}: {right} of {}", split.kind, split.seed, split.xte.len());
            }
            agreed += right;
            all += split.xte.len();
        }
        println!("{kind}: {agreed} of {all} labels as {reference}");
        assert!(agreed as f64 >= bar * all as f64, "{kind}: {agreed} of {all}, at least {bar} expected");
    }
}

/// The published sequences, with the default features. The mean over 20 random halves reaches the figures of
/// the study's Table 4 (that of SGD put right).
#[needs("../shared/wasi/paper")]
#[test]
fn the_figures_of_the_study_are_reached() {
    let bytes = shared("wasi/paper/traces.jsonl");
    let samples = sample::parse(&bytes).unwrap();
    let begin = Instant::now();
    let report = eval::evaluate(&samples, &eval::EvaluationOptions::default()).unwrap();
    println!("{} models on {} splits: {:?}", report.models.len(), report.splits, begin.elapsed());
    let bars = [
        (ModelKind::Boosting, 98.82),
        (ModelKind::NuSvc, 96.18),
        (ModelKind::RadiusNeighbors, 98.82),
        (ModelKind::Adaboost, 98.82),
        (ModelKind::Sgd, 99.60),
    ];
    for (evaluation, (kind, bar)) in report.models.iter().zip(bars) {
        let scores = evaluation.random.as_ref().unwrap();
        assert_eq!((evaluation.model, scores.splits), (kind, 20));
        assert!(100.0 * scores.f1.mean >= bar, "{kind}: {scores:?}");
    }
    // And why that means little.
    assert!(report.leakage.exact_malicious.mean > 0.9, "{:?}", report.leakage);
    assert_eq!(report.baseline.rules, BTreeMap::from([("args_get and clock_time_get".to_owned(), 20)]));
    let baseline = report.baseline.random.as_ref().unwrap();
    assert_eq!(baseline.f1.mean, 1.0);
    assert!(
        report.models.iter().all(|model| model.unseen_origins.is_none()),
        "all malicious samples have one origin"
    );
}

/// What it takes is printed, and measured by `benches/classify.rs`.
#[needs("../shared/wasi/paper")]
#[test]
fn each_kind_is_trained_and_says_what_it_does_not_know() {
    let bytes = shared("wasi/paper/traces.jsonl");
    let samples = sample::parse(&bytes).unwrap();
    for kind in ModelKind::ALL {
        let begin = Instant::now();
        let model =
            ModelFile::train(&samples, &TrainingOptions { kind: Some(kind), ..TrainingOptions::default() })
                .unwrap();
        let trained = begin.elapsed();
        let begin = Instant::now();
        let predicted = samples.iter().filter(|sample| model.predict(&sample.calls, None).is_some()).count();
        let each = begin.elapsed() / u32::try_from(samples.len()).unwrap();
        println!("{kind}: trained and scored in {trained:?}, predicted in {each:?} each");
        assert!(predicted > 350, "{kind}: {predicted}");
        assert!(model.limits.iter().any(|limit| limit.contains("juliet")), "{:?}", model.limits);
    }
}

fn file(folder: &tempfile::TempDir, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.path().join(name);
    fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Malicious samples remove files, benign ones read the clock.
fn data() -> String {
    let line = |i: usize| {
        let malicious = i.is_multiple_of(2);
        let mut calls = vec!["fd_write"; i % 4];
        calls.push(if malicious { "path_unlink_file" } else { "clock_time_get" });
        let calls = calls.into_iter().map(str::to_owned).collect();
        let sample =
            Example { name: i.to_string(), malicious, origin: format!("{}", i % 3), calls, trace: None };
        serde_json::to_string(&sample).unwrap() + "\n"
    };
    (0..40).map(line).collect()
}

/// Writes, and removes a file.
const REMOVER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)))
    (drop (call $unlink (i32.const 3) (i32.const 0) (i32.const 4)))))"#;

#[test]
fn a_model_goes_from_data_to_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let data = file(&folder, "data.jsonl", data());
    let remover = file(&folder, "remover.wat", REMOVER);
    let silent = file(&folder, "silent.wat", "(module (func (export \"_start\")))");
    for kind in ModelKind::ALL {
        let model = folder.path().join(kind.name());
        let model = model.to_str().unwrap();
        let train = ["classify", "train", "--data", &data, "--model", kind.name(), "-o", model];
        let output = spoor(&train);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let first = fs::read(model).unwrap();
        spoor(&train);
        assert_eq!(fs::read(model).unwrap(), first, "{kind}: the same data give the same file");
        let output = spoor(&["classify", "predict", "--model", model, &remover, &silent, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let lines: Vec<Value> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        let predictions: Vec<&str> = lines.iter().map(|line| line["prediction"].as_str().unwrap()).collect();
        assert_eq!(predictions, ["malicious", "no evidence"], "{kind}");
        assert_eq!((&lines[1]["decision"], &lines[1]["wasi_calls"]), (&Value::Null, &Value::from(0)));
        let output = spoor(&["classify", "predict", "--model", model, &remover]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("malicious ") && text.contains("no proof of malice"), "{text}");
    }
}

#[test]
fn an_evaluation_is_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let data = file(&folder, "data.jsonl", data());
    let output = spoor(&[
        "classify",
        "eval",
        "--data",
        &data,
        "--splits",
        "3",
        "--features",
        "ngrams",
        "--mode",
        "full",
        "--json",
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "spoor.classify-eval/1");
    assert_eq!(report["models"].as_array().unwrap().len(), 5);
    assert_eq!(report["models"][0]["random"]["splits"], 3);
    let text = spoor(&["classify", "eval", "--data", &data, "--splits", "3", "--model", "sgd"]);
    let text = String::from_utf8(text.stdout).unwrap();
    for part in ["40 samples, 20 malicious", "sgd", "grouped", "best rule", "unseen"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn bad_input_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let lopsided: String = data()
        .lines()
        .filter(|line| line.contains("\"label\":0"))
        .take(19)
        .map(|line| format!("{line}\n"))
        .collect();
    let lopsided = lopsided + data().lines().next().unwrap();
    let [lopsided, broken, model, invalid] = [
        file(&folder, "lopsided.jsonl", lopsided),
        file(&folder, "broken.jsonl", "{\"name\": 1}"),
        file(&folder, "model.json", "{\"schema\": \"spoor.model/9\"}"),
        file(&folder, "invalid.wasm", b"\0asm\x01\0\0\0\xff"),
    ];
    for (words, code, message) in [
        (&["classify", "train", "--data", &broken][..], 2, "line 1"),
        (&["classify", "train", "--data", "absent.jsonl"], 2, "absent.jsonl"),
        (&["classify", "train", "--data", &lopsided, "--model", "nu-svc"], 2, "infeasible"),
        (&["classify", "train", "--data", &lopsided, "--features", "trace"], 2, "trace"),
        (&["classify", "train"], 2, "--data"),
        (&["classify", "eval", "--data", &lopsided, "--splits", "0"], 2, "--splits"),
        (&["classify", "predict", "--model", &model, "corpus/wiper.wat"], 2, "spoor.model/9"),
        (&["classify", "predict", "--model", &invalid, "corpus/wiper.wat"], 2, "not a model file"),
        (&["classify", "predict", "absent.wasm"], 2, "absent.wasm"),
        (&["classify", "predict", &invalid], 3, ""),
    ] {
        let output = spoor(words);
        assert_eq!(output.status.code(), Some(code), "{words:?} {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{words:?} {output:?}");
    }
}

/// The command in `docs/classifier.md` makes the file that ships; so a change of sandbox, corpus or training
/// has to be followed by it.
#[test]
fn the_model_that_ships_is_what_training_gives() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/classifier.md")).unwrap();
    let command = page
        .lines()
        .find(|line| line.ends_with("-o rules/models/behaviour.json"))
        .expect("the page has the command");
    // Words in quotes are one.
    let parts = command.trim().split('"').enumerate();
    let words = parts.flat_map(
        |(index, part)| if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() },
    );
    let words: Vec<&str> = words.skip(1).collect();
    let output = spoor(&words[..words.len() - 2]);
    let ships = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/models/behaviour.json");
    assert!(
        fs::read(&ships).unwrap() == output.stdout,
        "`{command}` gives another file: run it, read the new card, and take its figures to the page"
    );
}

/// Published sequences of harmless programs, and of tests of weaknesses, which behave no worse: the model
/// that ships has seen none of them.
#[needs("../shared/wasi/paper")]
#[test]
fn the_model_that_ships_raises_few_alarms_on_others() {
    let bytes = shared("wasi/paper/traces.jsonl");
    let model = behaviour_model().unwrap();
    let samples = sample::parse(&bytes).unwrap();
    let predictions: Vec<_> =
        samples.iter().filter_map(|sample| model.predict(&sample.calls, None)).collect();
    let alarms = predictions.iter().filter(|prediction| prediction.malicious).count();
    println!("{alarms} alarms in {} sequences", predictions.len());
    assert!(alarms * 50 <= predictions.len(), "{alarms} of {}", predictions.len());
}

#[test]
fn the_model_that_ships_has_an_opinion_on_each_run_with_calls() {
    let unseen = behaviour_model().and_then(|model| model.scores.unseen_origins.clone()).unwrap();
    println!("families that training did not have: {unseen:?}");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for name in ["wiper", "benign-sha256sum"] {
        let bytes = fs::read(corpus.join(name).with_extension("wat")).unwrap();
        let (run, dynamic) = runs::observe(&bytes, &sandbox::RunOptions::default()).unwrap().unwrap();
        let prediction = behaviour(&run, &dynamic).unwrap();
        assert_eq!(prediction.malicious, name == "wiper", "{name}: {prediction:?}");
    }
}
