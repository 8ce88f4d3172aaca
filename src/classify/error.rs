//! What can go wrong with data and models.

use super::limits::{MAX_COLUMNS, MAX_ROWS, MAX_VALUE};

/// Why something could not be trained, loaded or read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A matrix without columns, or with too many.
    #[error("{found} features; 1 to {MAX_COLUMNS} are allowed")]
    Columns {
        /// How many there are.
        found: usize,
    },
    /// Too many rows.
    #[error("more than {MAX_ROWS} training samples")]
    Rows,
    /// A row that is not as long as the others.
    #[error("a row of {found} features where {expected} are expected")]
    RowLength {
        /// Its length.
        found: usize,
        /// That of the others.
        expected: usize,
    },
    /// A value that cannot be computed with.
    #[error("the value {value} is not a finite number of magnitude {MAX_VALUE:e} or less")]
    Value {
        /// The value.
        value: f64,
    },
    /// As many labels as rows are needed.
    #[error("{labels} labels for {rows} training samples")]
    Labels {
        /// Labels.
        labels: usize,
        /// Rows.
        rows: usize,
    },
    /// Training needs both classes.
    #[error("all training samples have the same label")]
    OneClass,
    /// nu-SVC cannot put the asked share of samples on the wrong side of the margin.
    #[error(
        "nu = {nu} is infeasible: the smaller class has {smaller} of {all} samples, and at least {nu} × {all} / 2 are needed"
    )]
    Infeasible {
        /// The parameter.
        nu: f64,
        /// Samples of the smaller class.
        smaller: usize,
        /// Samples.
        all: usize,
    },
    /// The numbers grew beyond bounds while training.
    #[error("training diverged: scale the features")]
    Diverged,
    /// No stump is better than guessing.
    #[error("no feature tells the classes apart better than guessing")]
    Guessing,
    /// A model file that is too long.
    #[error("the model file has {found} bytes, more than {limit}")]
    FileTooBig {
        /// Its length in bytes.
        found: usize,
        /// Allowed length in bytes.
        limit: usize,
    },
    /// A model file that is not of the format.
    #[error("not a model file: {reason}")]
    Format {
        /// What the parser says.
        reason: String,
    },
    /// A model file of another version.
    #[error("the model file is of version `{found}`; this program reads `{expected}`")]
    Version {
        /// Its version.
        found: String,
        /// Ours.
        expected: &'static str,
    },
    /// A model that contradicts itself.
    #[error("the model is broken: {what}")]
    Broken {
        /// How.
        what: String,
    },
    /// A line of a data file that is not a sample.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// Data that cannot be used as asked.
    #[error("{reason}")]
    Data {
        /// Why.
        reason: String,
    },
}

impl Error {
    pub(super) fn broken(what: impl Into<String>) -> Self {
        Self::Broken { what: what.into() }
    }

    pub(super) fn data(reason: impl Into<String>) -> Self {
        Self::Data { reason: reason.into() }
    }
}
