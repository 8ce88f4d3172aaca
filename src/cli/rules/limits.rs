//! Limits of `spoor rules`, each with unit and reason.

/// Benign files that a suggestion is tried on: each is searched for all strings.
pub(super) const BENIGN_FILES: usize = 1_000_000;

/// Folders within folders: what is deeper was not meant.
pub(super) const BENIGN_DEPTH: usize = 32;
