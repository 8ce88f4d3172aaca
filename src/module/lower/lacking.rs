//! Which operators the engine lacks: those of proposals that it does not run.

use wasmparser::{AbstractHeapType, HeapType, Operator, ValType};

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

/// Whether a heap type is of exceptions.
pub(super) fn is_exception(ty: HeapType) -> bool {
    matches!(ty, HeapType::Abstract { ty: AbstractHeapType::Exn | AbstractHeapType::NoExn, .. })
}

/// Whether a value is a reference to an exception.
pub(super) fn is_exception_ref(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if is_exception(ty.heap_type()))
}
