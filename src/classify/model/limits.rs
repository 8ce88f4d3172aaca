//! Limits of models read from files, each with unit and reason.

/// Stumps read from a file at most: training makes 50, and each costs time in every prediction.
pub(super) const MAX_STUMPS: usize = 10_000;

/// Trees of a model read from a file at most: training makes 100.
pub(super) const MAX_TREES: usize = 1000;

/// Nodes of a tree read from a file at most: training makes at most 127.
pub(super) const MAX_NODES: usize = 1 << 10;

/// Largest magnitude of a leaf or a base score, so that no sum over trees overflows.
pub(super) const MAX_MARGIN: f32 = 1e6;

/// Support vectors read from a file at most: as many as there can be rows.
pub(super) const MAX_VECTORS: usize = 20_000;

/// Points read from a file at most: as many as there can be rows.
pub(super) const MAX_POINTS: usize = 20_000;
