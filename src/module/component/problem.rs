//! Why a component cannot be read.

use super::limits::{MAX_DEPTH, MAX_HOPS, MAX_NAME_BYTES, MAX_STEPS};

/// Why a component cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Malformed(#[from] wasmparser::Error),
    #[error("a component that names {0} which is not there")]
    Dangling(&'static str),
    #[error("components more than {MAX_DEPTH} deep within one another")]
    TooDeep,
    #[error("a component of more than {MAX_STEPS} definitions")]
    TooMany,
    #[error("a function behind more than {MAX_HOPS} modules")]
    TooFar,
    #[error("names of more than {MAX_NAME_BYTES} bytes between the modules of a component")]
    TooManyNames,
    #[error("a component that instantiates no core module")]
    NoModule,
}
