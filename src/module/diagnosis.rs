//! Why a sample cannot be run, said with the place and, if the engine lacks a proposal, its name.

use std::borrow::Cow;

use wasmparser::WasmFeatures;

use crate::module::weight::Heavy;

use super::{
    component::{Component, Core, Problem},
    features::{MISSING, engine_features},
};

/// Why a sample was not loaded or not run. Offsets are bytes from the start of the (binary) module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Nothing to load.
    #[error("the input is empty")]
    Empty,
    /// Neither a Wasm binary nor Wasm text.
    #[error(
        "not a WebAssembly module: {found} (a binary module begins with 00 61 73 6d, text with `(module`)"
    )]
    NotWasm {
        /// The first bytes, or what else stands there.
        found: String,
    },
    /// Text that cannot be made a module.
    #[error("invalid text: {reason}")]
    Text {
        /// The message with line and column.
        reason: String,
    },
    /// Broken, or not allowed by the specification.
    #[error("invalid module: {reason} (offset {offset:#x})")]
    Invalid {
        /// What is wrong.
        reason: String,
        /// Where.
        offset: u64,
    },
    /// Valid, but needs a proposal that the engine does not implement.
    #[error("unsupported: the module needs the proposal `{proposal}` ({reason}, offset {offset:#x})")]
    Unsupported {
        /// The proposal's name.
        proposal: Cow<'static, str>,
        /// What uses it first.
        reason: String,
        /// Where it is used first.
        offset: u64,
    },
    /// Valid, but beyond what the engine can hold.
    #[error("the engine cannot hold the module: {reason}")]
    Engine {
        /// The engine's message.
        reason: String,
    },
    /// What the module declares to begin with is more than a limit allows.
    #[error("the module begins with {given} {what}; the limit is {limit}")]
    TooBig {
        /// The thing limited.
        what: Cow<'static, str>,
        /// What the module asks for.
        given: u64,
        /// What is allowed.
        limit: u64,
    },
}

impl LoadError {
    /// The same of a module that was not written anew for the engine either, and why not.
    pub(crate) fn because(mut self, why: Option<String>) -> Self {
        if let (Self::Unsupported { reason, .. }, Some(why)) = (&mut self, why) {
            *reason = format!("{reason}; {why}");
        }
        self
    }
}

/// Returns the error for a module that the engine refused with `message`.
pub(crate) fn diagnose(wasm: &[u8], heavy: &Heavy, message: &str) -> LoadError {
    let component = match Component::read(wasm) {
        // Bytes that are no component are not one of a later version.
        Some(Err(Problem::Malformed(error))) => {
            return LoadError::Invalid { reason: error.message().to_owned(), offset: error.offset() };
        }
        Some(Err(problem)) => {
            let (proposal, reason) = ("component-model".into(), problem.to_string());
            return LoadError::Unsupported { proposal, reason, offset: 4 };
        }
        component => component.and_then(Result::ok),
    };
    let core = Core::of(wasm, component.as_ref());
    let validate = |features| heavy.validate_around(core, wasm, features);
    let Err(first) = validate(engine_features()) else {
        return LoadError::Engine { reason: message.to_owned() };
    };
    let (offset, reason) = (first.offset(), first.message().to_owned());
    // The proposal that takes validation furthest is the one that is missing; of equals, the one that needs
    // least.
    let reach =
        |features| validate(engine_features() | features).err().map_or(u64::MAX, |error| error.offset());
    let mut best = (offset, None);
    for &(proposal, features) in MISSING {
        let reached = reach(features);
        if reached > best.0 {
            best = (reached, Some(proposal));
        }
    }
    match (best, validate(engine_features() | WasmFeatures::all())) {
        ((u64::MAX, Some(proposal)), _) => {
            LoadError::Unsupported { proposal: proposal.into(), reason, offset }
        }
        // No proposal makes it valid: what is wrong is not what it needs.
        (_, Err(error)) => LoadError::Invalid { reason: error.message().to_owned(), offset: error.offset() },
        ((_, Some(proposal)), Ok(())) => LoadError::Unsupported { proposal: proposal.into(), reason, offset },
        ((_, None), Ok(())) => {
            LoadError::Unsupported { proposal: "several proposals".into(), reason, offset }
        }
    }
}

/// Returns the binary of a sample that may be text.
pub(crate) fn to_binary(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, LoadError> {
    if bytes.is_empty() {
        return Err(LoadError::Empty);
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes.into());
    }
    let looks_like_text = std::str::from_utf8(bytes).is_ok_and(|text| {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        start.starts_with(['(', ';'])
    });
    if !looks_like_text {
        let head: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        return Err(LoadError::NotWasm { found: format!("it begins with {}", head.join(" ")) });
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let binary = wat::parse_bytes(bytes).map_err(|error| LoadError::Text { reason: error.to_string() })?;
    Ok(binary.into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_proposal_mends_has_its_own_error() {
        // A tag, and a body that leaves too little on the stack.
        let text = "(module (tag) (func (throw 0)) (func (result i32) nop))";
        let error = diagnose(&wat::parse_str(text).unwrap(), &Heavy::default(), "refused");
        let LoadError::Invalid { reason, .. } = &error else { panic!("{error}") };
        assert!(reason.contains("type mismatch"), "{reason}");
    }

    #[test]
    fn text_may_begin_with_a_byte_order_mark() {
        let text = "\u{feff}(module (func))";
        assert!(to_binary(text.as_bytes()).unwrap().starts_with(b"\0asm"));
    }

    #[test]
    fn a_missing_proposal_is_named_with_its_first_use() {
        for (text, expected) in [
            ("(module (tag) (func (throw 0)))", "exception-handling"),
            ("(module (memory 1 1 shared))", "threads"),
            ("(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))", "threads"),
            ("(module (type (struct (field i32))))", "gc"),
            (
                "(module (type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0))))",
                "function-references",
            ),
            ("(component)", "component-model"),
        ] {
            let wasm = wat::parse_str(text).unwrap();
            let error = diagnose(&wasm, &Heavy::default(), "refused");
            assert!(
                matches!(&error, LoadError::Unsupported { proposal, offset, .. } if proposal == expected && *offset < wasm.len() as u64),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn what_is_no_module_is_said_so() {
        for (bytes, part) in [
            (&b""[..], "empty"),
            (b"\0\0\0\0\0", "00 00 00 00"),
            (b"MZ\x90", "4d 5a 90"),
            (b"\xff\xfe(module)", "ff fe"),
            (b"(module (func", "invalid text"),
        ] {
            let error = to_binary(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = diagnose(b"\0asm\x01\0\0\0\x01\x05", &Heavy::default(), "refused");
        assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
    }
}
