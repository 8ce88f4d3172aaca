//! A linear model with hinge loss and L2 penalty, trained by stochastic gradient descent as scikit-learn's
//! `SGDClassifier` does it.
//!
//! alpha = 0.0001; step size 1 / (alpha (t0 + t)) with Bottou's t0; samples reshuffled in each epoch with the
//! same seed. Training is done when five epochs in a row improve the mean objective by less than 0.001, after
//! 1000 epochs at the latest. The result depends on the seed, on unscaled data heavily so.

use serde::{Deserialize, Serialize};

use super::{
    super::{
        matrix::Matrix,
        random::{Mt19937, shuffle},
    },
    Error, at, check_numbers,
};

const ALPHA: f64 = 1e-4;
const EPOCHS: usize = 1000;
const TOLERANCE: f64 = 1e-3;
const PATIENCE: usize = 5;
/// Below this, the scale of the weights is multiplied into them.
const MIN_SCALE: f64 = 1e-9;

/// A weight for each feature, and a constant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    weights: Vec<f64>,
    intercept: f64,
}

impl Model {
    pub(super) fn train(matrix: &Matrix, labels: &[bool], seed: u32) -> Result<Self, Error> {
        let mut descent = Descent::new(matrix.columns());
        let rows: Vec<&[f64]> = matrix.rows().collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let seed = shuffle_seed(seed);
        let (mut best, mut stale) = (f64::INFINITY, 0);
        for _ in 0..EPOCHS {
            shuffle(&mut order, seed);
            let sum: f64 = order.iter().map(|&row| descent.step(rows[row], labels[row])).sum();
            if !descent.is_finite() {
                return Err(Error::Diverged);
            }
            let objective = sum / rows.len() as f64;
            stale = if objective > best - TOLERANCE { stale + 1 } else { 0 };
            best = best.min(objective);
            if stale >= PATIENCE {
                break;
            }
        }
        let model = descent.into_model();
        model.check(matrix.columns()).map(|()| model).map_err(|_| Error::Diverged)
    }

    pub(super) fn decision(&self, row: &[f64]) -> f64 {
        self.weights.iter().enumerate().map(|(index, weight)| weight * at(row, index)).sum::<f64>()
            + self.intercept
    }

    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        if self.weights.len() != columns {
            return Err(Error::broken(format!("{} weights for {columns} features", self.weights.len())));
        }
        check_numbers("weights", self.weights.iter().chain([&self.intercept]))
    }
}

/// The seed of the shuffles: the second number that scikit-learn draws from a `RandomState`; the first seeds
/// what is not used.
fn shuffle_seed(seed: u32) -> u32 {
    let mut random = Mt19937::new(seed);
    random.up_to(i32::MAX as u32 - 2);
    random.up_to(i32::MAX as u32 - 1)
}

struct Descent {
    /// Divided by `scale`, so that the penalty, which shrinks all weights in each step, costs one
    /// multiplication.
    weights: Vec<f64>,
    scale: f64,
    square_norm: f64,
    intercept: f64,
    /// Steps done, as if there had been some before the first.
    time: f64,
}

impl Descent {
    fn new(columns: usize) -> Self {
        // Bottou's heuristic: a first step of the size that weights typically have.
        let typical = (1.0 / ALPHA.sqrt()).sqrt();
        Self {
            weights: vec![0.0; columns],
            scale: 1.0,
            square_norm: 0.0,
            intercept: 0.0,
            time: 1.0 / (typical * ALPHA),
        }
    }

    /// Learns from one sample. Returns the objective before.
    fn step(&mut self, row: &[f64], label: bool) -> f64 {
        let y = if label { 1.0 } else { -1.0 };
        let dot: f64 = self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum();
        let margin = y * (dot * self.scale + self.intercept);
        let objective = (1.0 - margin).max(0.0) + ALPHA * 0.5 * self.square_norm.sqrt().powi(2);
        let eta = 1.0 / (ALPHA * self.time);
        self.shrink((1.0 - eta * ALPHA).max(0.0));
        if margin <= 1.0 {
            self.add(row, eta * y);
        }
        self.time += 1.0;
        objective
    }

    fn shrink(&mut self, factor: f64) {
        self.scale *= factor;
        self.square_norm *= factor * factor;
        if self.scale < MIN_SCALE {
            self.rescale();
        }
    }

    fn rescale(&mut self) {
        self.weights.iter_mut().for_each(|weight| *weight *= self.scale);
        self.scale = 1.0;
    }

    fn add(&mut self, row: &[f64], update: f64) {
        for (weight, value) in self.weights.iter_mut().zip(row) {
            *weight += value * (update / self.scale);
        }
        self.square_norm =
            self.weights.iter().map(|weight| weight * weight).sum::<f64>() * (self.scale * self.scale);
        self.intercept += update;
    }

    fn is_finite(&self) -> bool {
        self.intercept.is_finite() && self.weights.iter().all(|weight| weight.is_finite())
    }

    fn into_model(mut self) -> Model {
        self.rescale();
        Model { weights: self.weights, intercept: self.intercept }
    }
}
