//! Five kinds of models over a dense matrix, each with the default parameters of the program it is known
//! from.
//!
//! | kind | as in | parameters |
//! |---|---|---|
//! | [`boosting`] | XGBoost 3 `XGBClassifier` | 100 trees, depth 6, eta 0.3, lambda 1 |
//! | [`nu_svc`] | scikit-learn `NuSVC` | nu 0.5, RBF kernel, gamma `scale` |
//! | [`radius`] | scikit-learn `RadiusNeighborsClassifier` | radius 1, outliers get the most frequent label |
//! | [`adaboost`] | scikit-learn `AdaBoostClassifier` | 50 stumps, learning rate 1, SAMME |
//! | [`sgd`] | scikit-learn `SGDClassifier` | hinge loss, alpha 0.0001, `optimal` schedule |
//!
//! Training is deterministic. Predicting reads each number of a model at most once, and never fails on a row
//! of the right length.
//!
//! Ways not taken: `forust-ml` 0.8 agrees with XGBoost on 2618 of 2620 labels of the reference splits (ours:
//! all). It would bring 13 further crates, a thread pool and the host's entropy among them. `linfa-svm` 0.8
//! brings `ndarray` and is not libsvm's solver. `libsvm-rs` has no dependency, agrees on all labels, and
//! trains the nu-SVC here. Its predictions are not used, because a model comes from a file that nobody
//! vouches for.

pub mod adaboost;
pub mod boosting;
mod limits;
pub mod nu_svc;
pub mod radius;
pub mod sgd;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Error,
    matrix::{Matrix, is_usable},
};
use crate::text::named;

named! {
    /// The kinds of models.
    #[non_exhaustive]
    pub enum ModelKind {
        /// Gradient boosted trees, as XGBoost's defaults.
        Boosting = "boosting",
        /// nu-SVC with an RBF kernel.
        NuSvc = "nu-svc",
        /// A vote of the training samples within a radius of 1.
        RadiusNeighbors = "radius-neighbors",
        /// Weighted stumps.
        Adaboost = "adaboost",
        /// A linear model with hinge loss.
        ///
        /// Trained by stochastic gradient descent.
        Sgd = "sgd",
    }
}

impl ModelKind {
    /// Trains a model: `labels[i]` says whether row `i` is of the positive class. Only [`ModelKind::Sgd`]
    /// depends on `seed`.
    ///
    /// # Errors
    /// If there are not as many labels as rows, or one class is missing. Also if this kind cannot be trained
    /// on the data; the error says so.
    pub fn train(self, matrix: &Matrix, labels: &[bool], seed: u32) -> Result<Model, Error> {
        if labels.len() != matrix.len() {
            return Err(Error::Labels { labels: labels.len(), rows: matrix.len() });
        }
        let positive = labels.iter().filter(|label| **label).count();
        if positive == 0 || positive == labels.len() {
            return Err(Error::OneClass);
        }
        let model = match self {
            Self::Boosting => Model::Boosting(boosting::Model::train(matrix, labels)),
            Self::NuSvc => Model::NuSvc(nu_svc::Model::train(matrix, labels)?),
            Self::RadiusNeighbors => Model::RadiusNeighbors(radius::Model::train(matrix, labels)),
            Self::Adaboost => Model::Adaboost(adaboost::Model::train(matrix, labels)?),
            Self::Sgd => Model::Sgd(sgd::Model::train(matrix, labels, seed)?),
        };
        Ok(model)
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A trained model of any kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Model {
    /// Gradient boosted trees, as XGBoost's defaults.
    Boosting(boosting::Model),
    /// Support vectors.
    NuSvc(nu_svc::Model),
    /// Radius neighbours.
    RadiusNeighbors(radius::Model),
    /// Weighted stumps.
    Adaboost(adaboost::Model),
    /// A linear model.
    Sgd(sgd::Model),
}

impl Model {
    /// Which kind it is.
    pub fn kind(&self) -> ModelKind {
        match self {
            Self::Boosting(_) => ModelKind::Boosting,
            Self::NuSvc(_) => ModelKind::NuSvc,
            Self::RadiusNeighbors(_) => ModelKind::RadiusNeighbors,
            Self::Adaboost(_) => ModelKind::Adaboost,
            Self::Sgd(_) => ModelKind::Sgd,
        }
    }

    /// Checks that it can predict rows of `columns` values: dimensions, finite numbers, and trees whose every
    /// path ends.
    ///
    /// # Errors
    /// [`Error::Broken`] if not.
    pub fn check(&self, columns: usize) -> Result<(), Error> {
        match self {
            Self::Boosting(model) => model.check(columns),
            Self::NuSvc(model) => model.check(columns),
            Self::RadiusNeighbors(model) => model.check(columns),
            Self::Adaboost(model) => model.check(columns),
            Self::Sgd(model) => model.check(columns),
        }
    }

    /// How far on the positive side a row lies: positive above 0. The scale is the kind's own (log-odds,
    /// distance to the margin, votes).
    pub fn decision(&self, row: &[f64]) -> f64 {
        match self {
            Self::Boosting(model) => model.decision(row),
            Self::NuSvc(model) => model.decision(row),
            Self::RadiusNeighbors(model) => model.decision(row),
            Self::Adaboost(model) => model.decision(row),
            Self::Sgd(model) => model.decision(row),
        }
    }

    /// Whether a row is of the positive class.
    pub fn predict(&self, row: &[f64]) -> bool {
        self.decision(row) > 0.0
    }

    /// Probability of the positive class, from 0 to 1, for the kinds that estimate one; nu-SVC and the linear
    /// model do not.
    pub fn probability(&self, row: &[f64]) -> Option<f64> {
        match self {
            Self::Boosting(model) => Some(logistic(model.decision(row))),
            // The share of the votes.
            Self::RadiusNeighbors(model) => Some((model.decision(row) + 1.0) / 2.0),
            // As scikit-learn: the logistic of the decision, whose scale is -1 to 1.
            Self::Adaboost(model) => Some(logistic(model.decision(row))),
            Self::NuSvc(_) | Self::Sgd(_) => None,
        }
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A value of a row; 0 beyond its end, which a checked model never asks for.
fn at(row: &[f64], index: usize) -> f64 {
    row.get(index).copied().unwrap_or(0.0)
}

fn check_numbers<'a>(what: &str, numbers: impl IntoIterator<Item = &'a f64>) -> Result<(), Error> {
    match numbers.into_iter().find(|number| !is_usable(**number)) {
        Some(number) => Err(Error::broken(format!("{what}: the number {number} is out of range"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
