//! Why a module cannot be written anew.

use wasm_encoder::reencode;

/// Why a module cannot be written anew.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Reason(&'static str);

/// As wasm-encoder has it.
pub(crate) type Refused = reencode::Error<Reason>;

pub(super) fn refused<T>(reason: &'static str) -> Result<T, Refused> {
    Err(Refused::UserError(Reason(reason)))
}
