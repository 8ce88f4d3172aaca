//! Models against the predictions of scikit-learn and XGBoost on the reference splits.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use wasmspoor::classify::{Kind, Matrix};

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
const BARS: [(Kind, &str, f64); 5] = [
    (Kind::Boosting, "XGBoost", 0.995),
    (Kind::NuSvc, "NuSVC", 1.0),
    (Kind::RadiusNeighbors, "RadiusNN", 1.0),
    (Kind::Adaboost, "AdaBoost", 0.999),
    (Kind::Sgd, "SGD", 0.99),
];

#[test]
fn models_agree_with_their_references() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wasi/classifier-parity.json");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return;
    };
    let splits: Vec<Split> = serde_json::from_str(&text).unwrap();
    assert_eq!(splits.len(), 10);
    for (kind, reference, bar) in BARS {
        let (mut agreed, mut all) = (0, 0);
        for split in &splits {
            let columns = split.xtr[0].len();
            let labels: Vec<bool> = split.ytr.iter().map(|label| *label == 1).collect();
            let model = kind.train(&Matrix::new(columns, &split.xtr).unwrap(), &labels, split.seed).unwrap();
            let right = split.xte.iter().zip(&split.py[reference]).filter(|(row, label)| model.predict(row) == (**label == 1));
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
