//! The numeric operators in one table: their names in the specification, the functions of `wasmi_core` that
//! have their semantics, and the types of their results.
//!
//! `for_each_scalar!` and `for_each_vector!` hand the rows to a macro: translation, execution and the list of
//! our own instructions are made of the same rows.
//!
//! Not here: operators on memory, tables, locals and control; they are written out.

/// Rows: operator, function, result type; with immediates and branches, the names of the further
/// instructions.
macro_rules! for_each_scalar {
    ($mac:ident) => {
        $mac! {
            // operator, function, result
            unary {
                I32Eqz i32_eqz I32;
                I64Eqz i64_eqz I32;
                I32Clz i32_clz I32;
                I32Ctz i32_ctz I32;
                I32Popcnt i32_popcnt I32;
                I64Clz i64_clz I64;
                I64Ctz i64_ctz I64;
                I64Popcnt i64_popcnt I64;
                F32Abs f32_abs F32;
                F32Neg f32_neg F32;
                F32Ceil f32_ceil F32;
                F32Floor f32_floor F32;
                F32Trunc f32_trunc F32;
                F32Nearest f32_nearest F32;
                F32Sqrt f32_sqrt F32;
                F64Abs f64_abs F64;
                F64Neg f64_neg F64;
                F64Ceil f64_ceil F64;
                F64Floor f64_floor F64;
                F64Trunc f64_trunc F64;
                F64Nearest f64_nearest F64;
                F64Sqrt f64_sqrt F64;
                I32WrapI64 i32_wrap_i64 I32;
                I64ExtendI32S i64_extend_i32_s I64;
                I64ExtendI32U i64_extend_i32_u I64;
                F32ConvertI32S f32_convert_i32_s F32;
                F32ConvertI32U f32_convert_i32_u F32;
                F32ConvertI64S f32_convert_i64_s F32;
                F32ConvertI64U f32_convert_i64_u F32;
                F32DemoteF64 f32_demote_f64 F32;
                F64ConvertI32S f64_convert_i32_s F64;
                F64ConvertI32U f64_convert_i32_u F64;
                F64ConvertI64S f64_convert_i64_s F64;
                F64ConvertI64U f64_convert_i64_u F64;
                F64PromoteF32 f64_promote_f32 F64;
                I32ReinterpretF32 i32_reinterpret_f32 I32;
                I64ReinterpretF64 i64_reinterpret_f64 I64;
                F32ReinterpretI32 f32_reinterpret_i32 F32;
                F64ReinterpretI64 f64_reinterpret_i64 F64;
                I32Extend8S i32_extend8_s I32;
                I32Extend16S i32_extend16_s I32;
                I64Extend8S i64_extend8_s I64;
                I64Extend16S i64_extend16_s I64;
                I64Extend32S i64_extend32_s I64;
                I32TruncSatF32S i32_trunc_sat_f32_s I32;
                I32TruncSatF32U i32_trunc_sat_f32_u I32;
                I32TruncSatF64S i32_trunc_sat_f64_s I32;
                I32TruncSatF64U i32_trunc_sat_f64_u I32;
                I64TruncSatF32S i64_trunc_sat_f32_s I64;
                I64TruncSatF32U i64_trunc_sat_f32_u I64;
                I64TruncSatF64S i64_trunc_sat_f64_s I64;
                I64TruncSatF64U i64_trunc_sat_f64_u I64;
            }
            unary_trap {
                I32TruncF32S i32_trunc_f32_s I32;
                I32TruncF32U i32_trunc_f32_u I32;
                I32TruncF64S i32_trunc_f64_s I32;
                I32TruncF64U i32_trunc_f64_u I32;
                I64TruncF32S i64_trunc_f32_s I64;
                I64TruncF32U i64_trunc_f32_u I64;
                I64TruncF64S i64_trunc_f64_s I64;
                I64TruncF64U i64_trunc_f64_u I64;
            }
            // operator, the same with an immediate on the right, function, result
            binary_imm {
                I32Add I32AddI i32_add I32;
                I32Sub I32SubI i32_sub I32;
                I32Mul I32MulI i32_mul I32;
                I32And I32AndI i32_bitand I32;
                I32Or I32OrI i32_bitor I32;
                I32Xor I32XorI i32_bitxor I32;
                I32Shl I32ShlI i32_shl I32;
                I32ShrS I32ShrSI i32_shr_s I32;
                I32ShrU I32ShrUI i32_shr_u I32;
                I32Rotl I32RotlI i32_rotl I32;
                I32Rotr I32RotrI i32_rotr I32;
                I64Add I64AddI i64_add I64;
                I64Sub I64SubI i64_sub I64;
                I64Mul I64MulI i64_mul I64;
                I64And I64AndI i64_bitand I64;
                I64Or I64OrI i64_bitor I64;
                I64Xor I64XorI i64_bitxor I64;
                I64Shl I64ShlI i64_shl I64;
                I64ShrS I64ShrSI i64_shr_s I64;
                I64ShrU I64ShrUI i64_shr_u I64;
                I64Rotl I64RotlI i64_rotl I64;
                I64Rotr I64RotrI i64_rotr I64;
            }
            // operator, function, result
            binary {
                F32Eq f32_eq I32;
                F32Ne f32_ne I32;
                F32Lt f32_lt I32;
                F32Gt f32_gt I32;
                F32Le f32_le I32;
                F32Ge f32_ge I32;
                F64Eq f64_eq I32;
                F64Ne f64_ne I32;
                F64Lt f64_lt I32;
                F64Gt f64_gt I32;
                F64Le f64_le I32;
                F64Ge f64_ge I32;
                F32Add f32_add F32;
                F32Sub f32_sub F32;
                F32Mul f32_mul F32;
                F32Div f32_div F32;
                F32Min f32_min F32;
                F32Max f32_max F32;
                F32Copysign f32_copysign F32;
                F64Add f64_add F64;
                F64Sub f64_sub F64;
                F64Mul f64_mul F64;
                F64Div f64_div F64;
                F64Min f64_min F64;
                F64Max f64_max F64;
                F64Copysign f64_copysign F64;
            }
            binary_trap {
                I32DivS i32_div_s I32;
                I32DivU i32_div_u I32;
                I32RemS i32_rem_s I32;
                I32RemU i32_rem_u I32;
                I64DivS i64_div_s I64;
                I64DivU i64_div_u I64;
                I64RemS i64_rem_s I64;
                I64RemU i64_rem_u I64;
            }
            // operator, with an immediate, as a branch taken when it holds (two forms), when it does not,
            // function
            compare {
                I32Eq I32EqI BrI32Eq BrI32EqI BrI32Ne BrI32NeI i32_eq;
                I32Ne I32NeI BrI32Ne BrI32NeI BrI32Eq BrI32EqI i32_ne;
                I32LtS I32LtSI BrI32LtS BrI32LtSI BrI32GeS BrI32GeSI i32_lt_s;
                I32LtU I32LtUI BrI32LtU BrI32LtUI BrI32GeU BrI32GeUI i32_lt_u;
                I32GtS I32GtSI BrI32GtS BrI32GtSI BrI32LeS BrI32LeSI i32_gt_s;
                I32GtU I32GtUI BrI32GtU BrI32GtUI BrI32LeU BrI32LeUI i32_gt_u;
                I32LeS I32LeSI BrI32LeS BrI32LeSI BrI32GtS BrI32GtSI i32_le_s;
                I32LeU I32LeUI BrI32LeU BrI32LeUI BrI32GtU BrI32GtUI i32_le_u;
                I32GeS I32GeSI BrI32GeS BrI32GeSI BrI32LtS BrI32LtSI i32_ge_s;
                I32GeU I32GeUI BrI32GeU BrI32GeUI BrI32LtU BrI32LtUI i32_ge_u;
                I64Eq I64EqI BrI64Eq BrI64EqI BrI64Ne BrI64NeI i64_eq;
                I64Ne I64NeI BrI64Ne BrI64NeI BrI64Eq BrI64EqI i64_ne;
                I64LtS I64LtSI BrI64LtS BrI64LtSI BrI64GeS BrI64GeSI i64_lt_s;
                I64LtU I64LtUI BrI64LtU BrI64LtUI BrI64GeU BrI64GeUI i64_lt_u;
                I64GtS I64GtSI BrI64GtS BrI64GtSI BrI64LeS BrI64LeSI i64_gt_s;
                I64GtU I64GtUI BrI64GtU BrI64GtUI BrI64LeU BrI64LeUI i64_gt_u;
                I64LeS I64LeSI BrI64LeS BrI64LeSI BrI64GtS BrI64GtSI i64_le_s;
                I64LeU I64LeUI BrI64LeU BrI64LeUI BrI64GtU BrI64GtUI i64_le_u;
                I64GeS I64GeSI BrI64GeS BrI64GeSI BrI64LtS BrI64LtSI i64_ge_s;
                I64GeU I64GeUI BrI64GeU BrI64GeUI BrI64LtU BrI64LtUI i64_ge_u;
            }
        }
    };
}
pub(super) use for_each_scalar;

/// Rows: operator, function.
macro_rules! for_each_vector {
    ($mac:ident) => {
        $mac! {
            unary {
                V128Not v128_not;
                I8x16Abs i8x16_abs;
                I8x16Neg i8x16_neg;
                I8x16Popcnt i8x16_popcnt;
                I16x8ExtAddPairwiseI8x16S i16x8_extadd_pairwise_i8x16_s;
                I16x8ExtAddPairwiseI8x16U i16x8_extadd_pairwise_i8x16_u;
                I16x8Abs i16x8_abs;
                I16x8Neg i16x8_neg;
                I16x8ExtendLowI8x16S i16x8_extend_low_i8x16_s;
                I16x8ExtendHighI8x16S i16x8_extend_high_i8x16_s;
                I16x8ExtendLowI8x16U i16x8_extend_low_i8x16_u;
                I16x8ExtendHighI8x16U i16x8_extend_high_i8x16_u;
                I32x4ExtAddPairwiseI16x8S i32x4_extadd_pairwise_i16x8_s;
                I32x4ExtAddPairwiseI16x8U i32x4_extadd_pairwise_i16x8_u;
                I32x4Abs i32x4_abs;
                I32x4Neg i32x4_neg;
                I32x4ExtendLowI16x8S i32x4_extend_low_i16x8_s;
                I32x4ExtendHighI16x8S i32x4_extend_high_i16x8_s;
                I32x4ExtendLowI16x8U i32x4_extend_low_i16x8_u;
                I32x4ExtendHighI16x8U i32x4_extend_high_i16x8_u;
                I64x2Abs i64x2_abs;
                I64x2Neg i64x2_neg;
                I64x2ExtendLowI32x4S i64x2_extend_low_i32x4_s;
                I64x2ExtendHighI32x4S i64x2_extend_high_i32x4_s;
                I64x2ExtendLowI32x4U i64x2_extend_low_i32x4_u;
                I64x2ExtendHighI32x4U i64x2_extend_high_i32x4_u;
                F32x4Ceil f32x4_ceil;
                F32x4Floor f32x4_floor;
                F32x4Trunc f32x4_trunc;
                F32x4Nearest f32x4_nearest;
                F32x4Abs f32x4_abs;
                F32x4Neg f32x4_neg;
                F32x4Sqrt f32x4_sqrt;
                F64x2Ceil f64x2_ceil;
                F64x2Floor f64x2_floor;
                F64x2Trunc f64x2_trunc;
                F64x2Nearest f64x2_nearest;
                F64x2Abs f64x2_abs;
                F64x2Neg f64x2_neg;
                F64x2Sqrt f64x2_sqrt;
                I32x4TruncSatF32x4S i32x4_trunc_sat_f32x4_s;
                I32x4TruncSatF32x4U i32x4_trunc_sat_f32x4_u;
                F32x4ConvertI32x4S f32x4_convert_i32x4_s;
                F32x4ConvertI32x4U f32x4_convert_i32x4_u;
                I32x4TruncSatF64x2SZero i32x4_trunc_sat_f64x2_s_zero;
                I32x4TruncSatF64x2UZero i32x4_trunc_sat_f64x2_u_zero;
                F64x2ConvertLowI32x4S f64x2_convert_low_i32x4_s;
                F64x2ConvertLowI32x4U f64x2_convert_low_i32x4_u;
                F32x4DemoteF64x2Zero f32x4_demote_f64x2_zero;
                F64x2PromoteLowF32x4 f64x2_promote_low_f32x4;
                I32x4RelaxedTruncF32x4S i32x4_relaxed_trunc_f32x4_s;
                I32x4RelaxedTruncF32x4U i32x4_relaxed_trunc_f32x4_u;
                I32x4RelaxedTruncF64x2SZero i32x4_relaxed_trunc_f64x2_s_zero;
                I32x4RelaxedTruncF64x2UZero i32x4_relaxed_trunc_f64x2_u_zero;
            }
            binary {
                I8x16Swizzle i8x16_swizzle;
                I8x16Eq i8x16_eq;
                I8x16Ne i8x16_ne;
                I8x16LtS i8x16_lt_s;
                I8x16LtU i8x16_lt_u;
                I8x16GtS i8x16_gt_s;
                I8x16GtU i8x16_gt_u;
                I8x16LeS i8x16_le_s;
                I8x16LeU i8x16_le_u;
                I8x16GeS i8x16_ge_s;
                I8x16GeU i8x16_ge_u;
                I16x8Eq i16x8_eq;
                I16x8Ne i16x8_ne;
                I16x8LtS i16x8_lt_s;
                I16x8LtU i16x8_lt_u;
                I16x8GtS i16x8_gt_s;
                I16x8GtU i16x8_gt_u;
                I16x8LeS i16x8_le_s;
                I16x8LeU i16x8_le_u;
                I16x8GeS i16x8_ge_s;
                I16x8GeU i16x8_ge_u;
                I32x4Eq i32x4_eq;
                I32x4Ne i32x4_ne;
                I32x4LtS i32x4_lt_s;
                I32x4LtU i32x4_lt_u;
                I32x4GtS i32x4_gt_s;
                I32x4GtU i32x4_gt_u;
                I32x4LeS i32x4_le_s;
                I32x4LeU i32x4_le_u;
                I32x4GeS i32x4_ge_s;
                I32x4GeU i32x4_ge_u;
                I64x2Eq i64x2_eq;
                I64x2Ne i64x2_ne;
                I64x2LtS i64x2_lt_s;
                I64x2GtS i64x2_gt_s;
                I64x2LeS i64x2_le_s;
                I64x2GeS i64x2_ge_s;
                F32x4Eq f32x4_eq;
                F32x4Ne f32x4_ne;
                F32x4Lt f32x4_lt;
                F32x4Gt f32x4_gt;
                F32x4Le f32x4_le;
                F32x4Ge f32x4_ge;
                F64x2Eq f64x2_eq;
                F64x2Ne f64x2_ne;
                F64x2Lt f64x2_lt;
                F64x2Gt f64x2_gt;
                F64x2Le f64x2_le;
                F64x2Ge f64x2_ge;
                V128And v128_and;
                V128AndNot v128_andnot;
                V128Or v128_or;
                V128Xor v128_xor;
                I8x16NarrowI16x8S i8x16_narrow_i16x8_s;
                I8x16NarrowI16x8U i8x16_narrow_i16x8_u;
                I8x16Add i8x16_add;
                I8x16AddSatS i8x16_add_sat_s;
                I8x16AddSatU i8x16_add_sat_u;
                I8x16Sub i8x16_sub;
                I8x16SubSatS i8x16_sub_sat_s;
                I8x16SubSatU i8x16_sub_sat_u;
                I8x16MinS i8x16_min_s;
                I8x16MinU i8x16_min_u;
                I8x16MaxS i8x16_max_s;
                I8x16MaxU i8x16_max_u;
                I8x16AvgrU i8x16_avgr_u;
                I16x8Q15MulrSatS i16x8_q15mulr_sat_s;
                I16x8NarrowI32x4S i16x8_narrow_i32x4_s;
                I16x8NarrowI32x4U i16x8_narrow_i32x4_u;
                I16x8Add i16x8_add;
                I16x8AddSatS i16x8_add_sat_s;
                I16x8AddSatU i16x8_add_sat_u;
                I16x8Sub i16x8_sub;
                I16x8SubSatS i16x8_sub_sat_s;
                I16x8SubSatU i16x8_sub_sat_u;
                I16x8Mul i16x8_mul;
                I16x8MinS i16x8_min_s;
                I16x8MinU i16x8_min_u;
                I16x8MaxS i16x8_max_s;
                I16x8MaxU i16x8_max_u;
                I16x8AvgrU i16x8_avgr_u;
                I16x8ExtMulLowI8x16S i16x8_extmul_low_i8x16_s;
                I16x8ExtMulHighI8x16S i16x8_extmul_high_i8x16_s;
                I16x8ExtMulLowI8x16U i16x8_extmul_low_i8x16_u;
                I16x8ExtMulHighI8x16U i16x8_extmul_high_i8x16_u;
                I32x4Add i32x4_add;
                I32x4Sub i32x4_sub;
                I32x4Mul i32x4_mul;
                I32x4MinS i32x4_min_s;
                I32x4MinU i32x4_min_u;
                I32x4MaxS i32x4_max_s;
                I32x4MaxU i32x4_max_u;
                I32x4DotI16x8S i32x4_dot_i16x8_s;
                I32x4ExtMulLowI16x8S i32x4_extmul_low_i16x8_s;
                I32x4ExtMulHighI16x8S i32x4_extmul_high_i16x8_s;
                I32x4ExtMulLowI16x8U i32x4_extmul_low_i16x8_u;
                I32x4ExtMulHighI16x8U i32x4_extmul_high_i16x8_u;
                I64x2Add i64x2_add;
                I64x2Sub i64x2_sub;
                I64x2Mul i64x2_mul;
                I64x2ExtMulLowI32x4S i64x2_extmul_low_i32x4_s;
                I64x2ExtMulHighI32x4S i64x2_extmul_high_i32x4_s;
                I64x2ExtMulLowI32x4U i64x2_extmul_low_i32x4_u;
                I64x2ExtMulHighI32x4U i64x2_extmul_high_i32x4_u;
                F32x4Add f32x4_add;
                F32x4Sub f32x4_sub;
                F32x4Mul f32x4_mul;
                F32x4Div f32x4_div;
                F32x4Min f32x4_min;
                F32x4Max f32x4_max;
                F32x4PMin f32x4_pmin;
                F32x4PMax f32x4_pmax;
                F64x2Add f64x2_add;
                F64x2Sub f64x2_sub;
                F64x2Mul f64x2_mul;
                F64x2Div f64x2_div;
                F64x2Min f64x2_min;
                F64x2Max f64x2_max;
                F64x2PMin f64x2_pmin;
                F64x2PMax f64x2_pmax;
                I8x16RelaxedSwizzle i8x16_relaxed_swizzle;
                F32x4RelaxedMin f32x4_relaxed_min;
                F32x4RelaxedMax f32x4_relaxed_max;
                F64x2RelaxedMin f64x2_relaxed_min;
                F64x2RelaxedMax f64x2_relaxed_max;
                I16x8RelaxedQ15mulrS i16x8_relaxed_q15mulr_s;
                I16x8RelaxedDotI8x16I7x16S i16x8_relaxed_dot_i8x16_i7x16_s;
            }
            ternary {
                V128Bitselect v128_bitselect;
                F32x4RelaxedMadd f32x4_relaxed_madd;
                F32x4RelaxedNmadd f32x4_relaxed_nmadd;
                F64x2RelaxedMadd f64x2_relaxed_madd;
                F64x2RelaxedNmadd f64x2_relaxed_nmadd;
                I8x16RelaxedLaneselect i8x16_relaxed_laneselect;
                I16x8RelaxedLaneselect i16x8_relaxed_laneselect;
                I32x4RelaxedLaneselect i32x4_relaxed_laneselect;
                I64x2RelaxedLaneselect i64x2_relaxed_laneselect;
                I32x4RelaxedDotI8x16I7x16AddS i32x4_relaxed_dot_i8x16_i7x16_add_s;
            }
            shift {
                I8x16Shl i8x16_shl;
                I8x16ShrS i8x16_shr_s;
                I8x16ShrU i8x16_shr_u;
                I16x8Shl i16x8_shl;
                I16x8ShrS i16x8_shr_s;
                I16x8ShrU i16x8_shr_u;
                I32x4Shl i32x4_shl;
                I32x4ShrS i32x4_shr_s;
                I32x4ShrU i32x4_shr_u;
                I64x2Shl i64x2_shl;
                I64x2ShrS i64x2_shr_s;
                I64x2ShrU i64x2_shr_u;
            }
            test {
                V128AnyTrue v128_any_true;
                I8x16AllTrue i8x16_all_true;
                I8x16Bitmask i8x16_bitmask;
                I16x8AllTrue i16x8_all_true;
                I16x8Bitmask i16x8_bitmask;
                I32x4AllTrue i32x4_all_true;
                I32x4Bitmask i32x4_bitmask;
                I64x2AllTrue i64x2_all_true;
                I64x2Bitmask i64x2_bitmask;
            }
        }
    };
}
pub(super) use for_each_vector;
