//! AdaBoost (Freund and Schapire 1997; SAMME of Hastie et al. 2009 for two classes) over decision stumps,
//! learning rate 1.
//!
//! A stump splits one feature half way between two neighbouring training values, where the weighted Gini
//! impurity falls most. The lower feature and the lower threshold win ties. (scikit-learn draws the order of
//! features; on the reference splits its labels do not depend on it.)

use serde::{Deserialize, Serialize};

use super::limits::MAX_STUMPS;
use super::{super::matrix::Matrix, Error, at, check_numbers};

const STUMPS: usize = 50;
/// Values closer than this are one value.
const MIN_STEP: f32 = 1e-7;

/// Weighted stumps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    stumps: Vec<Stump>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stump {
    weight: f64,
    feature: usize,
    threshold: f64,
    /// Label of rows whose value is at most the threshold.
    below: bool,
    above: bool,
}

impl Stump {
    fn predict(&self, row: &[f64]) -> bool {
        if f64::from(at(row, self.feature) as f32) <= self.threshold { self.below } else { self.above }
    }
}

/// The weight of what is wrong, of all.
fn error(weights: &[f64], wrong: &[bool]) -> f64 {
    let missed = weights.iter().zip(wrong).filter(|(_, wrong)| **wrong).map(|(weight, _)| weight);
    missed.sum::<f64>() / weights.iter().sum::<f64>()
}

impl Model {
    pub(super) fn train(matrix: &Matrix, labels: &[bool]) -> Result<Self, Error> {
        let orders: Vec<Vec<(f32, u32)>> =
            (0..matrix.columns()).map(|column| order(matrix, column)).collect();
        let mut weights = vec![1.0 / labels.len() as f64; labels.len()];
        let mut stumps: Vec<Stump> = Vec::new();
        for _ in 0..STUMPS {
            weights.iter_mut().for_each(|weight| *weight = weight.max(f64::EPSILON));
            let mut stump = best(&orders, labels, &weights);
            let wrong: Vec<bool> =
                matrix.rows().zip(labels).map(|(row, &label)| stump.predict(row) != label).collect();
            let error = error(&weights, &wrong);
            if error >= 0.5 {
                break;
            }
            let is_perfect = error <= 0.0;
            stump.weight = if is_perfect { 1.0 } else { ((1.0 - error) / error).ln() };
            reweight(&mut weights, &wrong, stump.weight);
            stumps.push(stump);
            if is_perfect {
                break;
            }
        }
        if stumps.is_empty() { Err(Error::Guessing) } else { Ok(Self { stumps }) }
    }

    /// Weighted mean of the stumps' votes, from -1 to 1.
    pub(super) fn decision(&self, row: &[f64]) -> f64 {
        let vote = |stump: &Stump| if stump.predict(row) { stump.weight } else { -stump.weight };
        let all: f64 = self.stumps.iter().map(|stump| stump.weight).sum();
        self.stumps.iter().map(vote).sum::<f64>() / all
    }

    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        if self.stumps.is_empty() || self.stumps.len() > MAX_STUMPS {
            return Err(Error::broken("no stump, or too many"));
        }
        check_numbers("stumps", self.stumps.iter().flat_map(|stump| [&stump.weight, &stump.threshold]))?;
        let is_good = |stump: &Stump| stump.feature < columns && stump.weight > 0.0;
        if self.stumps.iter().all(is_good) {
            Ok(())
        } else {
            Err(Error::broken("a stump has a wrong feature or weight"))
        }
    }
}

/// Makes rows that were wrong heavier, and the sum 1.
fn reweight(weights: &mut [f64], wrong: &[bool], boost: f64) {
    for (weight, _) in weights.iter_mut().zip(wrong).filter(|(_, wrong)| **wrong) {
        *weight = (weight.ln() + boost).exp();
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
}

/// Values of a column with their rows, ascending.
fn order(matrix: &Matrix, column: usize) -> Vec<(f32, u32)> {
    let mut order: Vec<(f32, u32)> =
        (0..).zip(matrix.column(column)).map(|(row, value)| (value as f32, row)).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order
}

/// Weight of the negative and the positive class.
type Sides = [f64; 2];

fn purity(sides: Sides) -> f64 {
    (sides[0] * sides[0] + sides[1] * sides[1]) / (sides[0] + sides[1])
}

/// The best stump; one that answers alike everywhere if no feature has two values. Its weight is set by the
/// caller.
fn best(orders: &[Vec<(f32, u32)>], labels: &[bool], weights: &[f64]) -> Stump {
    let add = |sides: &mut Sides, row: u32| sides[usize::from(labels[row as usize])] += weights[row as usize];
    let mut all = [0.0; 2];
    (0..labels.len() as u32).for_each(|row| add(&mut all, row));
    let is_positive = |sides: Sides| sides[1] > sides[0];
    let mut best =
        Stump { weight: 0.0, feature: 0, threshold: 0.0, below: is_positive(all), above: is_positive(all) };
    let mut highest = f64::NEG_INFINITY;
    for (feature, order) in orders.iter().enumerate() {
        let mut below = [0.0; 2];
        for pair in order.windows(2) {
            let [(value, row), (next, _)] = [pair[0], pair[1]];
            add(&mut below, row);
            if next <= value + MIN_STEP {
                continue;
            }
            let above = [all[0] - below[0], all[1] - below[1]];
            let purity = purity(below) + purity(above);
            if purity > highest {
                highest = purity;
                let threshold = f64::from(value) / 2.0 + f64::from(next) / 2.0;
                best = Stump {
                    feature,
                    threshold,
                    below: is_positive(below),
                    above: is_positive(above),
                    ..best
                };
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_stump_ends_training() {
        let matrix = Matrix::new(2, [[5.0, 0.0], [5.0, 1.0], [5.0, 4.0], [5.0, 7.0]]).unwrap();
        let model = Model::train(&matrix, &[true, true, false, false]).unwrap();
        assert_eq!(
            model.stumps,
            [Stump { weight: 1.0, feature: 1, threshold: 2.5, below: true, above: false }]
        );
        assert!(model.decision(&[0.0, 2.5]) > 0.0 && model.decision(&[0.0, 2.6]) < 0.0);
    }

    /// One row in four is wrong for the best stump, so that its weight is ln 3.
    #[test]
    fn a_stump_weighs_by_its_error() {
        let matrix = Matrix::new(1, [[0.0], [1.0], [2.0], [3.0]]).unwrap();
        let model = Model::train(&matrix, &[false, true, false, true]).unwrap();
        assert!((model.stumps[0].weight - 3f64.ln()).abs() < 1e-12, "{model:?}");
        assert!(model.stumps.len() > 1);
    }

    #[test]
    fn equal_rows_of_both_classes_cannot_be_told_apart() {
        let matrix = Matrix::new(1, [[1.0], [1.0]]).unwrap();
        assert_eq!(Model::train(&matrix, &[false, true]), Err(Error::Guessing));
    }
}
