//! Limits of training and model files, each with its reason.

/// Rows that are trained on at most: nu-SVC and radius neighbours cost their square.
pub const MAX_ROWS: usize = 20_000;
/// Columns of a matrix or a model at most.
pub const MAX_COLUMNS: usize = 4096;
/// Largest magnitude of a value, so that no sum over a matrix overflows.
pub const MAX_VALUE: f64 = 1e15;

/// N-grams kept at most, those that occur in most samples, ties by name: rows are dense, and training costs
/// columns times rows.
pub const MAX_NGRAMS: usize = 512;

/// Categories in an n-gram at most: their number grows with the power.
pub(super) const MAX_N: usize = 3;

/// Bytes of a model file at most: it is read into memory as a whole.
pub const MAX_MODEL_BYTES: usize = 16 << 20;

/// Bytes of a data file at most: it is held in memory as a whole.
pub const MAX_DATA_BYTES: usize = 64 << 20;
