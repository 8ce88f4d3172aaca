//! Which operators the engine lacks: those of proposals that it does not run.

use wasmparser::Operator;

macro_rules! define_lacking {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The proposal of an operator, as wasmparser has it.
        fn proposal(operator: &Operator<'_>) -> &'static str {
            match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "",
            }
        }
    };
}
wasmparser::for_each_operator!(define_lacking);

/// Whether the engine lacks the operator.
pub(super) fn is_lacking(operator: &Operator<'_>) -> bool {
    let has = matches!(
        proposal(operator),
        "mvp"
            | "sign_extension"
            | "saturating_float_to_int"
            | "bulk_memory"
            | "reference_types"
            | "tail_call"
            | "simd"
            | "relaxed_simd"
            | "wide_arithmetic"
    );
    !has || matches!(operator, Operator::TypedSelectMulti { .. })
}

/// Whether the operator is one of garbage collection.
pub(super) fn is_of_objects(operator: &Operator<'_>) -> bool {
    proposal(operator) == "gc"
}
