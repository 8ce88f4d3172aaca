//! Scores of predicted labels, and their spread over splits.

use serde::{Deserialize, Serialize};

/// How often a classifier was right and wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confusion {
    /// Malicious, called so.
    pub true_positives: u64,
    /// Benign, called malicious.
    pub false_positives: u64,
    /// Benign, called so.
    pub true_negatives: u64,
    /// Malicious, called benign.
    pub false_negatives: u64,
}

impl Confusion {
    /// Counts one prediction.
    pub fn add(&mut self, predicted: bool, actual: bool) {
        let cell = match (predicted, actual) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (false, true) => &mut self.false_negatives,
        };
        *cell += 1;
    }

    /// Adds the predictions of another.
    pub fn merge(&mut self, other: &Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.true_negatives += other.true_negatives;
        self.false_negatives += other.false_negatives;
    }

    /// Share of malicious samples that were found, 0 to 1; 0 if there are none.
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Share of alarms that were right, 0 to 1; 0 if there was none.
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Harmonic mean of recall and precision.
    pub fn f1(&self) -> f64 {
        let twice = 2 * self.true_positives;
        ratio(twice, twice + self.false_positives + self.false_negatives)
    }

    /// Share of benign samples that raised no alarm; 0 if there are none.
    pub fn specificity(&self) -> f64 {
        ratio(self.true_negatives, self.true_negatives + self.false_positives)
    }

    /// Mean of recall and specificity.
    pub fn balanced_accuracy(&self) -> f64 {
        f64::midpoint(self.recall(), self.specificity())
    }

    /// Share of wrong labels: the Brier score of predictions that are 0 or 1.
    pub fn error(&self) -> f64 {
        let wrong = self.false_positives + self.false_negatives;
        ratio(wrong, wrong + self.true_positives + self.true_negatives)
    }

    /// Whether both classes were seen, without which no score means anything.
    pub fn has_both_classes(&self) -> bool {
        self.true_positives + self.false_negatives > 0 && self.true_negatives + self.false_positives > 0
    }
}

fn ratio(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// A value over several splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation over the splits, as if they were all there are.
    pub sd: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

impl Spread {
    /// Of these values; `None` if there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { mean, sd, min, max })
    }
}

/// Scores over several splits, each from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Scores {
    /// Splits that were scored.
    pub splits: usize,
    /// Harmonic mean of recall and precision.
    pub f1: Spread,
    /// Malicious samples found.
    pub recall: Spread,
    /// Alarms that were right.
    pub precision: Spread,
    /// Mean of recall and its counterpart for benign samples.
    pub balanced_accuracy: Spread,
    /// Brier score of the labels, which is the share of wrong ones: what the study prints.
    pub brier: Spread,
    /// Brier score of the probabilities, for the kinds that estimate one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub brier_probability: Option<Spread>,
}

impl Scores {
    /// Of one confusion for each split; `None` if there is none. `briers` are those of probabilities, empty
    /// if there are none.
    pub fn of(confusions: &[Confusion], briers: &[f64]) -> Option<Self> {
        let spread =
            |value: fn(&Confusion) -> f64| Spread::of(&confusions.iter().map(value).collect::<Vec<_>>());
        Some(Self {
            splits: confusions.len(),
            f1: spread(Confusion::f1)?,
            recall: spread(Confusion::recall)?,
            precision: spread(Confusion::precision)?,
            balanced_accuracy: spread(Confusion::balanced_accuracy)?,
            brier: spread(Confusion::error)?,
            brier_probability: Spread::of(briers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The study's row of XGBoost: what F1 98.82 %, precision 97.67 % and a Brier score of 1.15 % mean
    /// together, in 262 samples.
    #[test]
    fn scores_are_those_of_the_study() {
        let confusion =
            Confusion { true_positives: 126, false_positives: 3, true_negatives: 133, false_negatives: 0 };
        let percent = |value: f64| (value * 10_000.0).round() / 100.0;
        assert_eq!(percent(confusion.precision()), 97.67);
        assert_eq!(percent(confusion.f1()), 98.82);
        assert_eq!(percent(confusion.balanced_accuracy()), 98.9);
        assert_eq!(percent(confusion.error()), 1.15);
        assert_eq!(confusion.recall(), 1.0);
    }

    #[test]
    fn nothing_is_scored_as_nothing() {
        let none = Confusion::default();
        assert_eq!((none.f1(), none.recall(), none.precision(), none.error()), (0.0, 0.0, 0.0, 0.0));
        assert!(!none.has_both_classes());
        assert_eq!(Scores::of(&[], &[]), None);
    }

    #[test]
    fn a_spread_is_of_all_values() {
        let spread = Spread::of(&[1.0, 3.0]).unwrap();
        assert_eq!((spread.mean, spread.sd, spread.min, spread.max), (2.0, 1.0, 1.0, 3.0));
    }
}
