//! How well models do, and how much of that is worth anything.
//!
//! Samples are split in random halves, as in the reference study, as often as asked. One half trains the
//! model, the other is scored. Beside that stands what such scores hide. [`Leakage`] says how much of the
//! test half the model has seen before. [`ModelEvaluation::grouped`] has the scores when near duplicates stay
//! together, and [`OriginScores::unseen`] those of an origin that training did not have. [`Baseline`] is what
//! one or two calls alone give.

pub mod baseline;
pub mod groups;
mod limits;
pub mod metrics;

use std::collections::BTreeMap;

use serde::Serialize;

use self::{
    baseline::BaselineRule,
    groups::Groups,
    metrics::{Confusion, Scores, Spread},
};
use super::{Error, Example, Features, ModelKind, Vectorizer, random::Mt19937, sample};
use crate::categories::Mode;

/// What is evaluated, and how.
#[derive(Debug, Clone)]
pub struct EvaluationOptions {
    /// The kinds.
    pub kinds: Vec<ModelKind>,
    /// The features.
    pub features: Features,
    /// The categories.
    pub mode: Mode,
    /// Random halves.
    pub splits: u32,
}

impl Default for EvaluationOptions {
    fn default() -> Self {
        Self { kinds: ModelKind::ALL.to_vec(), features: Features::Presence, mode: Mode::Paper, splits: 20 }
    }
}

/// What an evaluation found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct EvaluationReport {
    /// Always `spoor.classify-eval/1`.
    pub schema: &'static str,
    /// The data.
    pub data: Data,
    /// Features.
    pub features: Features,
    /// Mode of categories.
    pub mode: Mode,
    /// Splits asked for.
    pub splits: u32,
    /// How much of the test halves the training halves give away.
    pub leakage: Leakage,
    /// What a rule on one or two calls reaches.
    pub baseline: Baseline,
    /// For each kind.
    pub models: Vec<ModelEvaluation>,
}

/// The samples.
#[derive(Debug, Clone, Serialize)]
pub struct Data {
    /// SHA-256 of the samples ([`sample::sha256`]).
    pub sha256: String,
    /// Samples.
    pub samples: usize,
    /// Malicious ones.
    pub malicious: usize,
    /// Different call sequences.
    pub distinct: usize,
    /// Groups of near duplicates ([`groups`]).
    pub groups: usize,
    /// Sequences that were too many to be compared with each other.
    pub not_compared: usize,
}

/// Shares of the test halves, 0 to 1, over the random splits.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Leakage {
    /// Samples whose exact sequence is in the training half.
    pub exact: Spread,
    /// Samples with a near duplicate in the training half.
    pub near: Spread,
    /// Malicious samples whose exact sequence is in the training half.
    pub exact_malicious: Spread,
}

/// What the best rule on one or two calls reaches, chosen on each training half anew.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Baseline {
    /// On random halves.
    pub random: Option<Scores>,
    /// On halves that keep groups together.
    pub grouped: Option<Scores>,
    /// The rules, with how many random splits chose them.
    pub rules: BTreeMap<String, u32>,
}

/// Scores of a kind.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ModelEvaluation {
    /// The kind.
    pub model: ModelKind,
    /// On random halves; `None` if none could be scored.
    pub random: Option<Scores>,
    /// On halves that keep near duplicates together; likewise.
    pub grouped: Option<Scores>,
    /// Splits that could not be trained or scored: reason → how many.
    pub failures: BTreeMap<String, u32>,
    /// Each origin predicted by a model that had all others, taken together; `None` if that leaves one class
    /// only.
    pub unseen_origins: Option<Scores>,
    /// By origin.
    pub origins: Vec<OriginScores>,
}

/// How samples of an origin fare.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct OriginScores {
    /// The origin.
    pub origin: String,
    /// Its samples.
    pub samples: usize,
    /// Malicious ones.
    pub malicious: usize,
    /// Share of right labels over the random splits.
    pub random: Option<f64>,
    /// Share of right labels when training had all other origins and nothing of this one; `None` if that
    /// leaves one class only.
    pub unseen: Option<f64>,
}

fn data(samples: &[Example], groups: &Groups, malicious: usize) -> Data {
    Data {
        sha256: sample::sha256(samples),
        samples: samples.len(),
        malicious,
        distinct: groups.distinct,
        groups: groups.count,
        not_compared: groups.not_compared,
    }
}

/// Evaluates. Deterministic: split `i` is drawn from seed `i`, which also seeds the model.
///
/// # Errors
/// If there are fewer than four samples, one class only, or the features do not fit the samples.
pub fn evaluate(samples: &[Example], options: &EvaluationOptions) -> Result<EvaluationReport, Error> {
    let malicious = samples.iter().filter(|sample| sample.malicious).count();
    if samples.len() < 4 || malicious == 0 || malicious == samples.len() {
        return Err(Error::data("an evaluation needs at least four samples, of both classes"));
    }
    let groups = Groups::of(samples);
    let random: Vec<Split> = (0..options.splits).map(|seed| Split::random(samples, seed)).collect();
    let grouped: Vec<Split> =
        (0..options.splits).map(|seed| Split::grouped(samples, &groups, seed)).collect();
    let models = options.kinds.iter().map(|&kind| evaluate_kind(samples, kind, options, &random, &grouped));
    Ok(EvaluationReport {
        schema: "spoor.classify-eval/1",
        data: data(samples, &groups, malicious),
        features: options.features,
        mode: options.mode,
        splits: options.splits,
        leakage: leakage(&groups, samples, &random)
            .ok_or_else(|| Error::data("at least one split is needed"))?,
        baseline: baseline(samples, &random, &grouped),
        models: models.collect::<Result<_, _>>()?,
    })
}

/// Positions of samples, and the seed they were parted by.
#[derive(Debug)]
struct Split {
    train: Vec<usize>,
    test: Vec<usize>,
    seed: u32,
}

impl Split {
    fn random(samples: &[Example], seed: u32) -> Self {
        let mut train = Mt19937::new(seed).permutation(samples.len());
        let test = train.split_off(samples.len() / 2);
        Self { train, test, seed }
    }

    /// Takes whole groups at random until half of the samples are there.
    fn grouped(samples: &[Example], groups: &Groups, seed: u32) -> Self {
        let mut members = vec![Vec::new(); groups.count];
        groups.of.iter().enumerate().for_each(|(sample, &group)| members[group].push(sample));
        let mut split = Self { train: Vec::new(), test: Vec::new(), seed };
        for group in Mt19937::new(seed).permutation(groups.count) {
            let side = if split.train.len() < samples.len() / 2 { &mut split.train } else { &mut split.test };
            side.append(&mut members[group]);
        }
        split
    }
}

/// What a split gave.
struct Scored {
    confusion: Confusion,
    brier: Option<f64>,
    /// Position of a test sample and whether its label was right.
    right: Vec<(usize, bool)>,
}

/// Trains on one side of a split and scores on the other.
fn score(
    samples: &[Example],
    split: &Split,
    kind: ModelKind,
    options: &EvaluationOptions,
) -> Result<Scored, Error> {
    let train: Vec<&Example> = split.train.iter().map(|&index| &samples[index]).collect();
    let labels: Vec<bool> = train.iter().map(|sample| sample.malicious).collect();
    let encoding = Vectorizer::fit(options.features, options.mode, &train)?;
    let model = kind.train(&encoding.matrix(&train)?, &labels, split.seed)?;
    let mut scored = Scored { confusion: Confusion::default(), brier: None, right: Vec::new() };
    let mut squares = Vec::new();
    for &index in &split.test {
        let sample = &samples[index];
        let row = encoding.row(&sample.calls, sample.trace.as_ref());
        let predicted = model.predict(&row);
        scored.confusion.add(predicted, sample.malicious);
        scored.right.push((index, predicted == sample.malicious));
        squares.extend(model.probability(&row).map(|p| (p - f64::from(u8::from(sample.malicious))).powi(2)));
    }
    scored.brier = Spread::of(&squares).map(|spread| spread.mean);
    Ok(scored)
}

fn evaluate_kind(
    samples: &[Example],
    kind: ModelKind,
    options: &EvaluationOptions,
    random: &[Split],
    grouped: &[Split],
) -> Result<ModelEvaluation, Error> {
    let mut failures = BTreeMap::new();
    let mut right = vec![(0u32, 0u32); samples.len()];
    let random = score_all(samples, kind, options, random, &mut failures, |index, is_right| {
        right[index].0 += u32::from(is_right);
        right[index].1 += 1;
    })?;
    let grouped = score_all(samples, kind, options, grouped, &mut failures, |_, _| ())?;
    let (origins, unseen) = origins(samples, kind, options, &right)?;
    let unseen_origins = unseen.has_both_classes().then(|| Scores::of(&[unseen], &[])).flatten();
    Ok(ModelEvaluation { model: kind, random, grouped, failures, unseen_origins, origins })
}

/// Scores over splits. A split that a kind cannot be trained on is counted; data that fit no kind are an
/// error.
fn score_all(
    samples: &[Example],
    kind: ModelKind,
    options: &EvaluationOptions,
    splits: &[Split],
    failures: &mut BTreeMap<String, u32>,
    mut note: impl FnMut(usize, bool),
) -> Result<Option<Scores>, Error> {
    let (mut confusions, mut briers) = (Vec::new(), Vec::new());
    for split in splits {
        match score(samples, split, kind, options) {
            Ok(scored) if scored.confusion.has_both_classes() => {
                confusions.push(scored.confusion);
                briers.extend(scored.brier);
                scored.right.into_iter().for_each(|(index, is_right)| note(index, is_right));
            }
            Ok(_) => *failures.entry("the test half has one class only".to_owned()).or_default() += 1,
            Err(error @ Error::Data { .. }) => return Err(error),
            Err(error) => *failures.entry(error.to_string()).or_default() += 1,
        }
    }
    Ok(Scores::of(&confusions, &briers))
}

/// Scores by origin, and the confusion over all origins that could be left out of training.
fn origins(
    samples: &[Example],
    kind: ModelKind,
    options: &EvaluationOptions,
    right: &[(u32, u32)],
) -> Result<(Vec<OriginScores>, Confusion), Error> {
    let mut by_origin: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    samples
        .iter()
        .enumerate()
        .for_each(|(index, sample)| by_origin.entry(&sample.origin).or_default().push(index));
    let (mut origins, mut all) = (Vec::new(), Confusion::default());
    for (origin, members) in by_origin {
        let (hits, tries) =
            members.iter().fold((0, 0), |sum, &index| (sum.0 + right[index].0, sum.1 + right[index].1));
        let malicious = members.iter().filter(|&&index| samples[index].malicious).count();
        let train = (0..samples.len()).filter(|&index| samples[index].origin != origin).collect();
        let count = members.len();
        let unseen = match score(samples, &Split { train, test: members, seed: 0 }, kind, options) {
            Ok(scored) => Some(scored.confusion),
            Err(error @ Error::Data { .. }) => return Err(error),
            Err(_) => None,
        };
        unseen.iter().for_each(|confusion| all.merge(confusion));
        origins.push(OriginScores {
            origin: origin.to_owned(),
            samples: count,
            malicious,
            random: (tries > 0).then(|| f64::from(hits) / f64::from(tries)),
            unseen: unseen.map(|confusion| 1.0 - confusion.error()),
        });
    }
    Ok((origins, all))
}

fn leakage(groups: &Groups, samples: &[Example], splits: &[Split]) -> Option<Leakage> {
    let share = |of: &[usize], only_malicious: bool| {
        let shares = splits.iter().filter_map(|split| {
            let mut seen = vec![false; samples.len()];
            split.train.iter().for_each(|&index| seen[of[index]] = true);
            let known = split.test.iter().filter(|&&index| samples[index].malicious || !only_malicious);
            let known: Vec<f64> = known.map(|&index| f64::from(u8::from(seen[of[index]]))).collect();
            Spread::of(&known).map(|spread| spread.mean)
        });
        Spread::of(&shares.collect::<Vec<_>>())
    };
    Some(Leakage {
        exact: share(&groups.exact, false)?,
        near: share(&groups.of, false)?,
        exact_malicious: share(&groups.exact, true)?,
    })
}

fn baseline(samples: &[Example], random: &[Split], grouped: &[Split]) -> Baseline {
    let mut rules = BTreeMap::new();
    let mut scores = |splits: &[Split], is_random: bool| {
        let confusions = splits.iter().filter_map(|split| {
            let train: Vec<&Example> = split.train.iter().map(|&index| &samples[index]).collect();
            let rule = BaselineRule::best(&train)?;
            let mut confusion = Confusion::default();
            split
                .test
                .iter()
                .for_each(|&index| confusion.add(rule.predict(&samples[index]), samples[index].malicious));
            if is_random {
                *rules.entry(rule.to_string()).or_default() += 1;
            }
            confusion.has_both_classes().then_some(confusion)
        });
        Scores::of(&confusions.collect::<Vec<_>>(), &[])
    };
    let (random, grouped) = (scores(random, true), scores(grouped, false));
    Baseline { random, grouped, rules }
}

#[cfg(test)]
mod tests;
