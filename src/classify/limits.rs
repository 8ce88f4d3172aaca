//! What bounds training and model files, each with its reason.

/// Rows that are trained on at most: nu-SVC and radius neighbours cost their square.
pub const MAX_ROWS: usize = 20_000;
/// Columns of a matrix or a model at most.
pub const MAX_COLUMNS: usize = 4096;
/// Largest magnitude of a value, so that no sum over a matrix overflows.
pub const MAX_VALUE: f64 = 1e15;
