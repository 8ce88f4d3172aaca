//! What the operators that are made of a table row need of translation.

use wasmparser::{MemArg, Operator};

use super::code::{Code, Ty};
use super::table::{for_each_scalar, for_each_vector};

/// How an operator takes its operands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Unary { code: Code, result: Ty },
    Binary { code: Code, immediate: Option<Code>, result: Ty },
    Load { code: Code, result: Ty, arg: MemArg },
    Store { code: Code, arg: MemArg },
    VectorUnary,
    VectorBinary,
    VectorTernary,
    VectorShift,
    VectorTest,
    VectorSplat,
    VectorExtract { lane: u8, result: Ty },
    VectorReplace { lane: u8 },
    VectorLoad { arg: MemArg },
    VectorStore { arg: MemArg },
    VectorLoadLane { arg: MemArg, lane: u8 },
    VectorStoreLane { arg: MemArg, lane: u8 },
}

macro_rules! define_scalar {
    (
        unary { $($un:ident $un_f:ident $un_t:ident;)* }
        unary_trap { $($ut:ident $ut_f:ident $ut_t:ident;)* }
        binary_imm { $($bi:ident $bi_i:ident $bi_f:ident $bi_t:ident;)* }
        binary { $($bn:ident $bn_f:ident $bn_t:ident;)* }
        binary_trap { $($bt:ident $bt_f:ident $bt_t:ident;)* }
        compare { $($c:ident $c_i:ident $c_b:ident $c_bi:ident $c_n:ident $c_ni:ident $c_f:ident;)* }
    ) => {
        fn scalar(operator: &Operator<'_>) -> Option<Shape> {
            Some(match operator {
                $(Operator::$un => Shape::Unary { code: Code::$un, result: Ty::$un_t },)*
                $(Operator::$ut => Shape::Unary { code: Code::$ut, result: Ty::$ut_t },)*
                $(Operator::$bi => {
                    Shape::Binary { code: Code::$bi, immediate: Some(Code::$bi_i), result: Ty::$bi_t }
                })*
                $(Operator::$bn => Shape::Binary { code: Code::$bn, immediate: None, result: Ty::$bn_t },)*
                $(Operator::$bt => Shape::Binary { code: Code::$bt, immediate: None, result: Ty::$bt_t },)*
                $(Operator::$c => {
                    Shape::Binary { code: Code::$c, immediate: Some(Code::$c_i), result: Ty::I32 }
                })*
                _ => return None,
            })
        }
    };
}
for_each_scalar!(define_scalar);

macro_rules! define_vector {
    (
        unary { $($u:ident $u_f:ident;)* }
        binary { $($b:ident $b_f:ident;)* }
        ternary { $($t:ident $t_f:ident;)* }
        shift { $($s:ident $s_f:ident;)* }
        test { $($e:ident $e_f:ident;)* }
    ) => {
        fn vector(operator: &Operator<'_>) -> Option<Shape> {
            Some(match operator {
                $(Operator::$u)|* => Shape::VectorUnary,
                $(Operator::$b)|* => Shape::VectorBinary,
                $(Operator::$t)|* => Shape::VectorTernary,
                $(Operator::$s)|* => Shape::VectorShift,
                $(Operator::$e)|* => Shape::VectorTest,
                _ => return None,
            })
        }
    };
}
for_each_vector!(define_vector);

macro_rules! accesses {
    (loads { $($l:ident $t:ident;)* } stores { $($s:ident;)* }) => {
        fn access(operator: &Operator<'_>) -> Option<Shape> {
            Some(match *operator {
                $(Operator::$l { memarg: arg } => Shape::Load { code: Code::$l, result: Ty::$t, arg },)*
                $(Operator::$s { memarg: arg } => Shape::Store { code: Code::$s, arg },)*
                _ => return None,
            })
        }
    };
}
accesses! {
    loads {
        I32Load I32; I64Load I64; F32Load F32; F64Load F64;
        I32Load8S I32; I32Load8U I32; I32Load16S I32; I32Load16U I32;
        I64Load8S I64; I64Load8U I64; I64Load16S I64; I64Load16U I64; I64Load32S I64; I64Load32U I64;
    }
    stores {
        I32Store; I64Store; F32Store; F64Store; I32Store8; I32Store16; I64Store8; I64Store16; I64Store32;
    }
}

fn vector_access(operator: &Operator<'_>) -> Option<Shape> {
    use Operator as O;
    Some(match *operator {
        O::V128Load { memarg: arg }
        | O::V128Load8x8S { memarg: arg }
        | O::V128Load8x8U { memarg: arg }
        | O::V128Load16x4S { memarg: arg }
        | O::V128Load16x4U { memarg: arg }
        | O::V128Load32x2S { memarg: arg }
        | O::V128Load32x2U { memarg: arg }
        | O::V128Load8Splat { memarg: arg }
        | O::V128Load16Splat { memarg: arg }
        | O::V128Load32Splat { memarg: arg }
        | O::V128Load64Splat { memarg: arg }
        | O::V128Load32Zero { memarg: arg }
        | O::V128Load64Zero { memarg: arg } => Shape::VectorLoad { arg },
        O::V128Store { memarg: arg } => Shape::VectorStore { arg },
        O::V128Load8Lane { memarg: arg, lane }
        | O::V128Load16Lane { memarg: arg, lane }
        | O::V128Load32Lane { memarg: arg, lane }
        | O::V128Load64Lane { memarg: arg, lane } => Shape::VectorLoadLane { arg, lane },
        O::V128Store8Lane { memarg: arg, lane }
        | O::V128Store16Lane { memarg: arg, lane }
        | O::V128Store32Lane { memarg: arg, lane }
        | O::V128Store64Lane { memarg: arg, lane } => Shape::VectorStoreLane { arg, lane },
        _ => return None,
    })
}

fn lanes(operator: &Operator<'_>) -> Option<Shape> {
    use Operator as O;
    Some(match *operator {
        O::I8x16Splat | O::I16x8Splat | O::I32x4Splat | O::I64x2Splat | O::F32x4Splat | O::F64x2Splat => {
            Shape::VectorSplat
        }
        O::I8x16ExtractLaneS { lane }
        | O::I8x16ExtractLaneU { lane }
        | O::I16x8ExtractLaneS { lane }
        | O::I16x8ExtractLaneU { lane }
        | O::I32x4ExtractLane { lane } => Shape::VectorExtract { lane, result: Ty::I32 },
        O::I64x2ExtractLane { lane } => Shape::VectorExtract { lane, result: Ty::I64 },
        O::F32x4ExtractLane { lane } => Shape::VectorExtract { lane, result: Ty::F32 },
        O::F64x2ExtractLane { lane } => Shape::VectorExtract { lane, result: Ty::F64 },
        O::I8x16ReplaceLane { lane }
        | O::I16x8ReplaceLane { lane }
        | O::I32x4ReplaceLane { lane }
        | O::I64x2ReplaceLane { lane }
        | O::F32x4ReplaceLane { lane }
        | O::F64x2ReplaceLane { lane } => Shape::VectorReplace { lane },
        _ => return None,
    })
}

impl Shape {
    /// The shape of an operator; `None` for those that are written out in `translate`.
    pub(super) fn of(operator: &Operator<'_>) -> Option<Self> {
        scalar(operator)
            .or_else(|| access(operator))
            .or_else(|| vector(operator))
            .or_else(|| vector_access(operator))
            .or_else(|| lanes(operator))
    }
}
