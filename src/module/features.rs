//! Which proposals the engine runs, and which it lacks.

use wasmparser::WasmFeatures;

/// Proposals that the engine lacks, each with what it builds on.
pub(super) const MISSING: &[(&str, WasmFeatures)] = &[
    ("exception-handling", WasmFeatures::EXCEPTIONS),
    ("legacy-exceptions", WasmFeatures::LEGACY_EXCEPTIONS),
    ("threads", WasmFeatures::THREADS),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("gc", WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC)),
    ("compact-imports", WasmFeatures::COMPACT_IMPORTS),
    ("memory-control", WasmFeatures::MEMORY_CONTROL),
    ("shared-everything-threads", WasmFeatures::THREADS.union(WasmFeatures::SHARED_EVERYTHING_THREADS)),
    (
        "stack-switching",
        WasmFeatures::EXCEPTIONS
            .union(WasmFeatures::FUNCTION_REFERENCES)
            .union(WasmFeatures::STACK_SWITCHING),
    ),
];

/// What the engine runs: wasmi 2.0.0.
pub(crate) fn engine_features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::GC_TYPES
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::FLOATS
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::WIDE_ARITHMETIC
}

/// The features that a module may ask for and still run, if only in what of it is reached (`lower`).
pub(crate) fn lowered_features() -> WasmFeatures {
    MISSING.iter().fold(engine_features(), |all, &(_, features)| all | features)
}

/// What components may be made of. An import that nobody answers is seen where it is called.
pub(super) fn component_features() -> WasmFeatures {
    WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_NESTED_NAMES
        | WasmFeatures::CM_VALUES
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM64
        | WasmFeatures::CM_IMPLEMENTS
        | WasmFeatures::CM_CANON_NAMES
}
