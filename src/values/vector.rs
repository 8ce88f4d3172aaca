//! Vector operators and far accesses, out of the way of the loop: their semantics are `wasmi_core::simd`'s.

use wasmi_core::{TrapCode, V128, simd, wasm};

use crate::module::Opcode;

use super::slot::Slot;
use super::table::for_each_vector;

macro_rules! define_vector {
    (
        unary { $($u:ident $u_f:ident;)* }
        binary { $($b:ident $b_f:ident;)* }
        ternary { $($t:ident $t_f:ident;)* }
        shift { $($s:ident $s_f:ident;)* }
        test { $($e:ident $e_f:ident;)* }
    ) => {
        pub(super) fn unary(opcode: Opcode, a: V128) -> Option<V128> {
            Some(match opcode { $(Opcode::$u => simd::$u_f(a),)* _ => return None })
        }

        pub(super) fn binary(opcode: Opcode, a: V128, b: V128) -> Option<V128> {
            Some(match opcode { $(Opcode::$b => simd::$b_f(a, b),)* _ => return None })
        }

        pub(super) fn ternary(opcode: Opcode, a: V128, b: V128, c: V128) -> Option<V128> {
            Some(match opcode { $(Opcode::$t => simd::$t_f(a, b, c),)* _ => return None })
        }

        pub(super) fn shift(opcode: Opcode, a: V128, by: u32) -> Option<V128> {
            Some(match opcode { $(Opcode::$s => simd::$s_f(a, by),)* _ => return None })
        }

        pub(super) fn test(opcode: Opcode, a: V128) -> Option<u64> {
            Some(match opcode { $(Opcode::$e => simd::$e_f(a).to_slot(),)* _ => return None })
        }
    };
}
for_each_vector!(define_vector);

pub(super) fn splat(opcode: Opcode, value: u64) -> Option<V128> {
    Some(match opcode {
        Opcode::I8x16Splat => simd::i8x16_splat(value as i8),
        Opcode::I16x8Splat => simd::i16x8_splat(value as i16),
        Opcode::I32x4Splat => simd::i32x4_splat(value as i32),
        Opcode::I64x2Splat => simd::i64x2_splat(value as i64),
        // Bits, not floats: a signalling NaN stays one.
        Opcode::F32x4Splat => simd::i32x4_splat(value as i32),
        Opcode::F64x2Splat => simd::i64x2_splat(value as i64),
        _ => return None,
    })
}

pub(super) fn extract(opcode: Opcode, a: V128, lane: u8) -> Option<u64> {
    Some(match opcode {
        Opcode::I8x16ExtractLaneS => simd::i8x16_extract_lane_s(a, lane.try_into().ok()?).to_slot(),
        Opcode::I8x16ExtractLaneU => simd::i8x16_extract_lane_u(a, lane.try_into().ok()?).to_slot(),
        Opcode::I16x8ExtractLaneS => simd::i16x8_extract_lane_s(a, lane.try_into().ok()?).to_slot(),
        Opcode::I16x8ExtractLaneU => simd::i16x8_extract_lane_u(a, lane.try_into().ok()?).to_slot(),
        Opcode::I32x4ExtractLane | Opcode::F32x4ExtractLane => {
            simd::i32x4_extract_lane(a, lane.try_into().ok()?).to_slot()
        }
        Opcode::I64x2ExtractLane | Opcode::F64x2ExtractLane => {
            simd::i64x2_extract_lane(a, lane.try_into().ok()?).to_slot()
        }
        _ => return None,
    })
}

pub(super) fn replace(opcode: Opcode, a: V128, lane: u8, value: u64) -> Option<V128> {
    Some(match opcode {
        Opcode::I8x16ReplaceLane => simd::i8x16_replace_lane(a, lane.try_into().ok()?, value as i8),
        Opcode::I16x8ReplaceLane => simd::i16x8_replace_lane(a, lane.try_into().ok()?, value as i16),
        Opcode::I32x4ReplaceLane | Opcode::F32x4ReplaceLane => {
            simd::i32x4_replace_lane(a, lane.try_into().ok()?, value as i32)
        }
        Opcode::I64x2ReplaceLane | Opcode::F64x2ReplaceLane => {
            simd::i64x2_replace_lane(a, lane.try_into().ok()?, value as i64)
        }
        _ => return None,
    })
}

pub(super) fn shuffle(a: V128, b: V128, lanes: u128) -> Option<V128> {
    let mut selected = Vec::with_capacity(16);
    for lane in lanes.to_le_bytes() {
        selected.push(lane.try_into().ok()?);
    }
    Some(simd::i8x16_shuffle(a, b, selected.try_into().ok()?))
}

pub(super) fn wide(opcode: Opcode, operands: [u64; 4]) -> Option<[u64; 2]> {
    let [a, b, c, d] = operands.map(|slot| slot as i64);
    let (low, high) = match opcode {
        Opcode::I64Add128 => wasm::i64_add128(a, b, c, d),
        Opcode::I64Sub128 => wasm::i64_sub128(a, b, c, d),
        Opcode::I64MulWideS => wasm::i64_mul_wide_s(a, b),
        Opcode::I64MulWideU => wasm::i64_mul_wide_u(a, b),
        _ => return None,
    };
    Some([low as u64, high as u64])
}

pub(super) fn to_v128(slots: [u64; 2]) -> V128 {
    V128::from(u128::from(slots[0]) | u128::from(slots[1]) << 64)
}

pub(super) fn from_v128(value: V128) -> [u64; 2] {
    let value = value.as_u128();
    [value as u64, (value >> 64) as u64]
}

/// Whether a load has a vector as its second operand.
pub(super) fn takes_lane(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::V128Load8Lane | Opcode::V128Load16Lane | Opcode::V128Load32Lane | Opcode::V128Load64Lane
    )
}

/// Whether what is loaded or stored is a vector.
pub(super) fn is_vector(opcode: Opcode) -> bool {
    opcode.mnemonic().starts_with("v128")
}

/// Bytes that a load or store accesses.
pub(super) fn width(opcode: Opcode) -> u64 {
    use Opcode as O;
    match opcode {
        O::I32Load8S | O::I32Load8U | O::I64Load8S | O::I64Load8U | O::I32Store8 | O::I64Store8 => 1,
        O::V128Load8Splat | O::V128Load8Lane | O::V128Store8Lane => 1,
        O::I32Load16S | O::I32Load16U | O::I64Load16S | O::I64Load16U | O::I32Store16 | O::I64Store16 => 2,
        O::V128Load16Splat | O::V128Load16Lane | O::V128Store16Lane => 2,
        O::I32Load | O::F32Load | O::I64Load32S | O::I64Load32U => 4,
        O::I32Store | O::F32Store | O::I64Store32 => 4,
        O::V128Load32Splat | O::V128Load32Zero | O::V128Load32Lane | O::V128Store32Lane => 4,
        O::V128Load | O::V128Store => 16,
        _ => 8,
    }
}

/// A load by any operator: one slot or two.
pub(super) fn load(
    opcode: Opcode,
    memory: &[u8],
    address: u64,
    offset: u64,
    old: [u64; 2],
    lane: u8,
) -> Result<Option<[u64; 2]>, TrapCode> {
    macro_rules! scalar {
        ($f:ident) => {
            [wasm::$f(memory, address, offset)?.to_slot(), 0]
        };
    }
    macro_rules! vector {
        ($f:ident) => {
            from_v128(simd::$f(memory, address, offset)?)
        };
    }
    macro_rules! lane {
        ($f:ident) => {{
            let Ok(lane) = lane.try_into() else { return Ok(None) };
            from_v128(simd::$f(memory, address, offset, to_v128(old), lane)?)
        }};
    }
    Ok(Some(match opcode {
        Opcode::I32Load | Opcode::F32Load => scalar!(load_u32),
        Opcode::I64Load | Opcode::F64Load => scalar!(load_u64),
        Opcode::I32Load8S => scalar!(i32_load8_s),
        Opcode::I32Load8U => scalar!(i32_load8_u),
        Opcode::I32Load16S => scalar!(i32_load16_s),
        Opcode::I32Load16U => scalar!(i32_load16_u),
        Opcode::I64Load8S => scalar!(i64_load8_s),
        Opcode::I64Load8U => scalar!(i64_load8_u),
        Opcode::I64Load16S => scalar!(i64_load16_s),
        Opcode::I64Load16U => scalar!(i64_load16_u),
        Opcode::I64Load32S => scalar!(i64_load32_s),
        Opcode::I64Load32U => scalar!(i64_load32_u),
        Opcode::V128Load => vector!(v128_load),
        Opcode::V128Load8x8S => vector!(v128_load8x8_s),
        Opcode::V128Load8x8U => vector!(v128_load8x8_u),
        Opcode::V128Load16x4S => vector!(v128_load16x4_s),
        Opcode::V128Load16x4U => vector!(v128_load16x4_u),
        Opcode::V128Load32x2S => vector!(v128_load32x2_s),
        Opcode::V128Load32x2U => vector!(v128_load32x2_u),
        Opcode::V128Load8Splat => vector!(v128_load8_splat),
        Opcode::V128Load16Splat => vector!(v128_load16_splat),
        Opcode::V128Load32Splat => vector!(v128_load32_splat),
        Opcode::V128Load64Splat => vector!(v128_load64_splat),
        Opcode::V128Load32Zero => vector!(v128_load32_zero),
        Opcode::V128Load64Zero => vector!(v128_load64_zero),
        Opcode::V128Load8Lane => lane!(v128_load8_lane),
        Opcode::V128Load16Lane => lane!(v128_load16_lane),
        Opcode::V128Load32Lane => lane!(v128_load32_lane),
        Opcode::V128Load64Lane => lane!(v128_load64_lane),
        _ => return Ok(None),
    }))
}

/// A store by any operator.
pub(super) fn store(
    opcode: Opcode,
    memory: &mut [u8],
    address: u64,
    offset: u64,
    value: [u64; 2],
    lane: u8,
) -> Result<Option<()>, TrapCode> {
    macro_rules! scalar {
        ($f:ident, $ty:ty) => {
            wasm::$f(memory, address, offset, value[0] as $ty)?
        };
    }
    macro_rules! lane {
        ($f:ident) => {{
            let Ok(lane) = lane.try_into() else { return Ok(None) };
            simd::$f(memory, address, offset, to_v128(value), lane)?
        }};
    }
    match opcode {
        Opcode::I32Store | Opcode::F32Store => scalar!(store32, u32),
        Opcode::I64Store | Opcode::F64Store => scalar!(store64, u64),
        Opcode::I32Store8 => scalar!(i32_store8, i32),
        Opcode::I32Store16 => scalar!(i32_store16, i32),
        Opcode::I64Store8 => scalar!(i64_store8, i64),
        Opcode::I64Store16 => scalar!(i64_store16, i64),
        Opcode::I64Store32 => scalar!(i64_store32, i64),
        Opcode::V128Store => simd::v128_store(memory, address, offset, to_v128(value))?,
        Opcode::V128Store8Lane => lane!(v128_store8_lane),
        Opcode::V128Store16Lane => lane!(v128_store16_lane),
        Opcode::V128Store32Lane => lane!(v128_store32_lane),
        Opcode::V128Store64Lane => lane!(v128_store64_lane),
        _ => return Ok(None),
    }
    Ok(Some(()))
}
