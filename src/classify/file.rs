//! Model files: a classifier with all that is needed to use and to judge it, as JSON.
//!
//! ```text
//! schema    "spoor.model/1"
//! encoding  features, mode, names: one name for each column of the model
//! seed      of training
//! training  sha256 of the samples as lines of a data file, how many, how many malicious, how many without
//!           evidence were left out, origins
//! scores    of the same kind on the same data, trained on a part: random halves, halves that keep near
//!           duplicates together, origins left out
//! limits    sentences: what it cannot tell
//! card      text for people: what it was made from, what its labels mean
//! model     {"boosting": …} or another kind
//! ```
//!
//! A model file is hostile input like any other. [`ModelFile::parse`] bounds its length, and refuses unknown
//! keys, foreign features, numbers out of range, wrong dimensions and trees that do not end. What it returns
//! predicts without failing. It can still lie: nothing here is signed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::limits::MAX_MODEL_BYTES;
use super::{
    Error, Example, Features, Model, ModelKind, Vectorizer, card,
    eval::{self, metrics::Scores},
    sample,
    trace::TraceFeatures,
    training::Training,
};
use crate::categories::Mode;

const SCHEMA: &str = "spoor.model/1";
/// Random halves that the scores of a file come from.
const SPLITS: u32 = 20;

/// How to train.
#[derive(Debug, Clone, Default)]
pub struct TrainingOptions {
    /// The kind.
    pub kind: Option<ModelKind>,
    /// The features.
    pub features: Option<Features>,
    /// The categories.
    pub mode: Mode,
    /// The seed.
    pub seed: u32,
    /// Further sentences of the card.
    pub note: String,
}

/// A trained classifier with its papers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    schema: String,
    /// What its columns are.
    pub encoding: Vectorizer,
    /// Seed of training.
    pub seed: u32,
    /// What it was trained on.
    pub training: Training,
    /// How its kind does on that data.
    pub scores: HeldOut,
    /// What it cannot tell.
    pub limits: Vec<String>,
    /// For people.
    pub card: String,
    /// The model.
    pub model: Model,
}

/// Scores on samples that training did not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HeldOut {
    /// On random halves.
    pub random: Option<Scores>,
    /// On halves that keep near duplicates together.
    pub grouped: Option<Scores>,
    /// Each origin predicted from all others.
    pub unseen_origins: Option<Scores>,
    /// The best rule on one or two calls, on random halves.
    pub baseline: Option<Scores>,
}

/// What a model says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// Whether the run is more like the malicious samples of the training set than the benign ones.
    pub malicious: bool,
    /// How clearly, on the scale of the model's kind: malicious above 0.
    pub decision: f64,
    /// Probability, for kinds that estimate one. Right for data drawn like the training set, and for no
    /// others.
    pub probability: Option<f64>,
}

impl HeldOut {
    /// The scores of the first kind of a report, and of the best rule.
    fn of(report: eval::EvaluationReport) -> Self {
        let first = report.models.into_iter().next();
        let (random, grouped, unseen_origins) =
            first.map_or((None, None, None), |one| (one.random, one.grouped, one.unseen_origins));
        Self { random, grouped, unseen_origins, baseline: report.baseline.random }
    }
}

/// The samples with evidence. Samples that are not learnt from are not in the hash of the training set
/// either.
fn learnt_from(samples: &[Example], features: Features, mode: Mode) -> Result<Vec<Example>, Error> {
    let all: Vec<&Example> = samples.iter().collect();
    // With or without n-grams the evidence is the same.
    let encoding = Vectorizer::fit(features, mode, &all)?;
    let mut used: Vec<Example> =
        samples.iter().filter(|sample| encoding.has_evidence(&sample.calls)).cloned().collect();
    if features != Features::Trace {
        used.iter_mut().for_each(|sample| sample.trace = None);
    }
    Ok(used)
}

impl ModelFile {
    /// Trains on the samples that have evidence, and scores the kind on them.
    ///
    /// # Errors
    /// If the samples are too few, of one class, or do not fit features or kind.
    pub fn train(samples: &[Example], options: &TrainingOptions) -> Result<Self, Error> {
        let kind = options.kind.unwrap_or(ModelKind::Boosting);
        let features = options.features.unwrap_or(Features::Presence);
        let used = learnt_from(samples, features, options.mode)?;
        let refs: Vec<&Example> = used.iter().collect();
        let encoding = Vectorizer::fit(features, options.mode, &refs)?;
        let labels: Vec<bool> = used.iter().map(|sample| sample.malicious).collect();
        let model = kind.train(&encoding.matrix(&refs)?, &labels, options.seed)?;
        let how = eval::EvaluationOptions { kinds: vec![kind], features, mode: options.mode, splits: SPLITS };
        let report = eval::evaluate(&used, &how)?;
        let training = Training::of(&used, samples.len() - used.len());
        let limits = card::limits(&report, &training);
        let card = card::card(kind, &report, &training, &options.note);
        Ok(Self {
            schema: SCHEMA.to_owned(),
            encoding,
            seed: options.seed,
            training,
            scores: HeldOut::of(report),
            limits,
            card,
            model,
        })
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// If it is too long, not of this format and version, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        if bytes.len() > MAX_MODEL_BYTES {
            return Err(Error::FileTooBig { found: bytes.len(), limit: MAX_MODEL_BYTES });
        }
        let bad = |error: serde_json::Error| Error::Format { reason: error.to_string() };
        let head: Head = serde_json::from_slice(bytes).map_err(bad)?;
        if head.schema != SCHEMA {
            let found = crate::text::clip(&head.schema, 40);
            return Err(Error::Version { found, expected: SCHEMA });
        }
        let file: Self = serde_json::from_slice(bytes).map_err(bad)?;
        file.model.check(file.encoding.names().len())?;
        Ok(file)
    }

    /// The file, a line for each entry. The same model gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Strings and finite numbers, into memory: this cannot fail.
        let _ = crate::text::write_json(&mut bytes, self);
        bytes
    }

    /// The model's word on a run. `None` if the run made no call that the model knows: then there is no
    /// evidence.
    pub fn predict(&self, calls: &[impl AsRef<str>], trace: Option<&TraceFeatures>) -> Option<Prediction> {
        if !self.encoding.has_evidence(calls) {
            return None;
        }
        let row = self.encoding.row(calls, trace);
        let decision = self.model.decision(&row);
        Some(Prediction { malicious: decision > 0.0, decision, probability: self.model.probability(&row) })
    }
}

impl Training {
    fn of(samples: &[Example], left_out: usize) -> Self {
        let mut origins = BTreeMap::new();
        samples.iter().for_each(|sample| *origins.entry(sample.origin.clone()).or_default() += 1);
        Self {
            sha256: sample::sha256(samples),
            samples: samples.len(),
            malicious: samples.iter().filter(|sample| sample.malicious).count(),
            left_out,
            origins,
        }
    }
}

#[cfg(test)]
mod tests;
