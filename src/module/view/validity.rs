//! Whether the sample is a module, and valid.

use schemars::JsonSchema;
use serde::Serialize;

use crate::module::{
    LoadError, Module, component::Core, diagnose, engine_features, lowered_features, weight::Heavy,
};

/// Whether the sample is a module, and valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Validity {
    /// It validates, and the engine can run it: all of it, or all but operators that it lacks.
    Valid,
    /// It validates, and needs a proposal that the engine does not run.
    Unsupported {
        /// The proposal, or `component model`.
        proposal: String,
        /// First place where it is used.
        offset: u64,
    },
    /// It does not validate, or is no module.
    Invalid {
        /// Where.
        offset: u64,
        /// Why.
        reason: String,
    },
}

impl Validity {
    /// Validates a module, if nobody did.
    pub(super) fn of_module(module: &Module) -> Self {
        match module.validate() {
            Ok(()) => Self::Valid,
            Err(_) => Self::of(module.bytes(), module.core(), module.heavy()),
        }
    }

    /// That of a component from which no program can be taken.
    pub(super) fn of_component() -> Self {
        Self::Unsupported { proposal: "component model".to_owned(), offset: 4 }
    }

    /// Validates `wasm` with the features of the engine; only what fails is validated again, to find out what
    /// it would need. Nobody validates `heavy` functions.
    pub(super) fn of(wasm: &[u8], core: Core<'_>, heavy: &Heavy) -> Self {
        let Err(error) = heavy.validate_around(core, wasm, engine_features()) else {
            return Self::Valid;
        };
        if heavy.validate_around(core, wasm, lowered_features()).is_ok() {
            return Self::Valid;
        }
        if wasm.is_empty() {
            return Self::Invalid { offset: 0, reason: "the file is empty".to_owned() };
        }
        match diagnose(wasm, heavy, error.message()) {
            LoadError::Unsupported { proposal, offset, .. } => {
                Self::Unsupported { proposal: proposal.into_owned(), offset }
            }
            LoadError::Invalid { reason, offset } => Self::Invalid { offset, reason: one_line(&reason) },
            _ => Self::Invalid { offset: error.offset(), reason: one_line(error.message()) },
        }
    }
}

/// A message without the line breaks of the values that it prints.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
