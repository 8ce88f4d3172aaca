//! Radius neighbours: the training samples within Euclidean distance 1 of a row vote, each with the same
//! weight.
//!
//! A row without neighbours gets the most frequent label of the training set. A tied vote is negative, as in
//! scikit-learn. Equal training rows are kept once, with their votes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::limits::MAX_POINTS;
use super::{
    super::matrix::{Matrix, check_row},
    Error, at,
};

const RADIUS: f64 = 1.0;

/// The training set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    radius: f64,
    /// Whether a row without neighbours is positive.
    outlier: bool,
    points: Vec<Point>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    row: Vec<f64>,
    negative: u32,
    positive: u32,
}

impl Model {
    pub(super) fn train(matrix: &Matrix, labels: &[bool]) -> Self {
        let mut points: Vec<Point> = Vec::new();
        let mut known: HashMap<Vec<u64>, usize> = HashMap::new();
        for (row, &label) in matrix.rows().zip(labels) {
            let place =
                *known.entry(row.iter().map(|value| value.to_bits()).collect()).or_insert_with(|| {
                    points.push(Point { row: row.to_vec(), negative: 0, positive: 0 });
                    points.len() - 1
                });
            let point = &mut points[place];
            *(if label { &mut point.positive } else { &mut point.negative }) += 1;
        }
        let positive = labels.iter().filter(|label| **label).count();
        Self { radius: RADIUS, outlier: positive > labels.len() - positive, points }
    }

    /// Majority of the votes, from -1 to 1.
    pub(super) fn decision(&self, row: &[f64]) -> f64 {
        let (mut negative, mut positive) = (0u64, 0u64);
        for point in &self.points {
            let distance: f64 =
                point.row.iter().enumerate().map(|(index, value)| (value - at(row, index)).powi(2)).sum();
            if distance <= self.radius * self.radius {
                negative += u64::from(point.negative);
                positive += u64::from(point.positive);
            }
        }
        match negative + positive {
            0 if self.outlier => 1.0,
            0 => -1.0,
            votes => (positive as f64 - negative as f64) / votes as f64,
        }
    }

    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        if !(self.radius > 0.0 && self.radius <= 1e6) || self.points.len() > MAX_POINTS {
            return Err(Error::broken("the radius is out of range, or there are too many points"));
        }
        self.points
            .iter()
            .try_for_each(|point| check_row(&point.row, columns))
            .map_err(|error| Error::broken(error.to_string()))
    }
}
