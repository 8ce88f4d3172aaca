//! nu-SVC with an RBF kernel (Schölkopf et al. 2000), trained by libsvm's method in the crate `libsvm-rs`.
//!
//! nu = 0.5, tolerance 0.001, and gamma = 1 / (columns × variance of all values), which scikit-learn calls
//! `scale`.

use libsvm_rs::{SvmModel, SvmNode, SvmParameter, SvmProblem, SvmType};
use serde::{Deserialize, Serialize};

use super::limits::MAX_VECTORS;
use super::{
    super::matrix::{Matrix, check_row},
    Error, at, check_numbers,
};

const NU: f64 = 0.5;

/// Support vectors and their weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    gamma: f64,
    /// Threshold that the weighted kernels must exceed.
    rho: f64,
    vectors: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

/// libsvm's default width of the kernel.
fn gamma(matrix: &Matrix) -> f64 {
    let variance = matrix.variance();
    if variance > 0.0 { 1.0 / (matrix.columns() as f64 * variance) } else { 1.0 }
}

impl Model {
    /// What the solver found. Its positive side is the label that it saw first.
    fn of(trained: &SvmModel, gamma: f64) -> Self {
        let sign = if trained.label.first() == Some(&1) { 1.0 } else { -1.0 };
        let dense = |nodes: &Vec<SvmNode>| nodes.iter().map(|node| node.value).collect();
        Self {
            gamma,
            rho: sign * trained.rho.first().copied().unwrap_or(0.0),
            vectors: trained.sv.iter().map(dense).collect(),
            weights: trained.sv_coef.first().into_iter().flatten().map(|weight| sign * weight).collect(),
        }
    }

    pub(super) fn train(matrix: &Matrix, labels: &[bool]) -> Result<Self, Error> {
        let positive = labels.iter().filter(|label| **label).count();
        let (smaller, all) = (positive.min(labels.len() - positive), labels.len());
        if NU * all as f64 / 2.0 > smaller as f64 {
            return Err(Error::Infeasible { nu: NU, smaller, all });
        }
        let gamma = gamma(matrix);
        let problem = SvmProblem {
            labels: labels.iter().map(|&label| f64::from(u8::from(label))).collect(),
            instances: matrix.rows().map(sparse).collect(),
        };
        let parameters = SvmParameter { svm_type: SvmType::NuSvc, nu: NU, gamma, ..SvmParameter::default() };
        // Otherwise the solver talks to standard error.
        libsvm_rs::set_quiet(true);
        let trained = libsvm_rs::train::svm_train(&problem, &parameters);
        let model = Self::of(&trained, gamma);
        model.check(matrix.columns()).map(|()| model).map_err(|_| Error::Diverged)
    }

    pub(super) fn decision(&self, row: &[f64]) -> f64 {
        let kernel = |vector: &Vec<f64>| {
            let distance: f64 =
                vector.iter().enumerate().map(|(index, value)| (value - at(row, index)).powi(2)).sum();
            (-self.gamma * distance).exp()
        };
        self.vectors.iter().zip(&self.weights).map(|(vector, weight)| weight * kernel(vector)).sum::<f64>()
            - self.rho
    }

    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        if self.vectors.len() != self.weights.len() || self.vectors.len() > MAX_VECTORS {
            return Err(Error::broken("too many support vectors, or not as many as weights"));
        }
        self.vectors
            .iter()
            .try_for_each(|vector| check_row(vector, columns))
            .map_err(|error| Error::broken(error.to_string()))?;
        check_numbers("weights of support vectors", self.weights.iter().chain([&self.gamma, &self.rho]))?;
        if self.gamma <= 0.0 {
            return Err(Error::broken("gamma is not positive"));
        }
        Ok(())
    }
}

/// A row as libsvm takes it, zeros kept.
fn sparse(row: &[f64]) -> Vec<SvmNode> {
    (1..).zip(row).map(|(index, &value)| SvmNode { index, value }).collect()
}
