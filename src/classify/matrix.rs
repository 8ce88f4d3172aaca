//! A dense matrix: a row for each sample, a column for each feature.

use super::Error;

pub use super::limits::{MAX_COLUMNS, MAX_ROWS, MAX_VALUE};

/// A dense matrix of finite numbers, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// A matrix of these rows, each of `columns` values.
    ///
    /// # Errors
    /// If there are more than [`MAX_ROWS`] rows or [`MAX_COLUMNS`] columns, or no column. If a row has
    /// another length, or a value is not finite or beyond [`MAX_VALUE`].
    pub fn new<R: AsRef<[f64]>>(columns: usize, rows: impl IntoIterator<Item = R>) -> Result<Self, Error> {
        if columns == 0 || columns > MAX_COLUMNS {
            return Err(Error::Columns { found: columns });
        }
        let mut values = Vec::new();
        for row in rows {
            check_row(row.as_ref(), columns)?;
            values.extend_from_slice(row.as_ref());
            if values.len() / columns > MAX_ROWS {
                return Err(Error::Rows);
            }
        }
        Ok(Self { columns, values })
    }

    /// Values in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.columns)
    }

    /// A column, from top to bottom.
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().skip(column).step_by(self.columns).copied()
    }

    /// Variance of all values together, as if drawn from the whole population.
    pub(super) fn variance(&self) -> f64 {
        let n = self.values.len().max(1) as f64;
        let mean = self.values.iter().sum::<f64>() / n;
        self.values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n
    }
}

/// Whether `row` is a row of a matrix of `columns`.
pub(super) fn check_row(row: &[f64], columns: usize) -> Result<(), Error> {
    if row.len() != columns {
        return Err(Error::RowLength { found: row.len(), expected: columns });
    }
    match row.iter().find(|value| !is_usable(**value)) {
        Some(&value) => Err(Error::Value { value }),
        None => Ok(()),
    }
}

/// Whether a number may stand in a matrix or a model.
pub(super) fn is_usable(value: f64) -> bool {
    value.abs() <= MAX_VALUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_finite_matrices_are_made() {
        let good = Matrix::new(2, [[1.0, 2.0], [3.0, 4.0]]).unwrap();
        assert_eq!((good.len(), good.columns(), good.variance()), (2, 2, 1.25));
        assert_eq!(good.column(1).collect::<Vec<_>>(), [2.0, 4.0]);
        assert!(Matrix::new(2, [vec![1.0]]).is_err());
        assert!(Matrix::new(0, [[0.0; 0]]).is_err());
        assert!(Matrix::new(MAX_COLUMNS + 1, [[0.0; 1]]).is_err());
        for value in [f64::NAN, f64::INFINITY, -1e16] {
            assert!(Matrix::new(1, [[value]]).is_err(), "{value}");
        }
        assert!(Matrix::new(1, std::iter::repeat_n([0.0], MAX_ROWS + 1)).is_err());
    }
}
