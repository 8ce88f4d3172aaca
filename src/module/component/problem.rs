//! Why a component cannot be read.

use wasm_encoder::reencode;

use super::limits::{MAX_DEPTH, MAX_HOPS, MAX_LINKED, MAX_LINKED_BYTES, MAX_NAME_BYTES, MAX_STEPS};

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
    #[error("more than {MAX_LINKED} instances that run as one module")]
    TooManyLinked,
    #[error("modules of more than {MAX_LINKED_BYTES} bytes that run as one")]
    TooLarge,
    #[error("too many {0} in modules that run as one")]
    TooManyOf(&'static str),
    #[error("something that nothing can stand for when modules run as one")]
    NotWritten,
    #[error("a component that instantiates no core module")]
    NoModule,
}

impl From<reencode::Error<Self>> for Problem {
    fn from(error: reencode::Error<Self>) -> Self {
        match error {
            reencode::Error::UserError(problem) => problem,
            reencode::Error::ParseError(error) => error.into(),
            _ => Self::NotWritten,
        }
    }
}
