//! What a model was trained on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// SHA-256 of the samples ([`sample::sha256`](super::sample::sha256)).
    pub sha256: String,
    /// Samples.
    pub samples: usize,
    /// Malicious ones.
    pub malicious: usize,
    /// Samples that were given and have no evidence, and so were not used.
    pub left_out: usize,
    /// Origin → samples.
    pub origins: BTreeMap<String, usize>,
}
