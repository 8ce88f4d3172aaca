//! Values of scripts, free of any engine's types, and whether a value is what a script expects.

use std::fmt::Debug;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// A value that goes into or comes out of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// The bytes of a vector as a little-endian number.
    V128(u128),
    /// A function reference that is null.
    NullFunc,
    /// A function reference to some function; engines do not take it as an argument.
    Func,
    /// A host reference with the number that the script gave it, or null.
    Extern(Option<u32>),
}

/// The argument of a script as a value, or what is not supported.
pub(super) fn argument(argument: &WastArg<'_>) -> Result<Value, String> {
    let WastArg::Core(core) = argument else { return Err("arguments of components".into()) };
    Ok(match core {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(heap_type) => null(heap_type)?,
        WastArgCore::RefExtern(number) => Value::Extern(Some(*number)),
        WastArgCore::RefHost(_) => return Err("references of the type any".into()),
    })
}

fn null(heap_type: &HeapType<'_>) -> Result<Value, String> {
    match heap_type {
        HeapType::Abstract { shared: false, ty: AbstractHeapType::Func | AbstractHeapType::NoFunc } => {
            Ok(Value::NullFunc)
        }
        HeapType::Abstract { shared: false, ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern } => {
            Ok(Value::Extern(None))
        }
        other => Err(format!("null references of type {other:?}")),
    }
}

/// Whether `value` is what the script expects.
pub(super) fn matches(expected: &WastRet<'_>, value: Value) -> bool {
    match expected {
        WastRet::Core(core) => matches_core(core, value),
        _ => false,
    }
}

fn matches_core(expected: &WastRetCore<'_>, value: Value) -> bool {
    match (expected, value) {
        (WastRetCore::Either(cases), value) => cases.iter().any(|case| matches_core(case, value)),
        (WastRetCore::I32(expected), Value::I32(value)) => *expected == value,
        (WastRetCore::I64(expected), Value::I64(value)) => *expected == value,
        (WastRetCore::F32(pattern), Value::F32(bits)) => is_f32(pattern, bits),
        (WastRetCore::F64(pattern), Value::F64(bits)) => is_f64(pattern, bits),
        (WastRetCore::V128(pattern), Value::V128(bits)) => is_v128(pattern, bits.to_le_bytes()),
        (WastRetCore::RefNull(None), value) => [Value::NullFunc, Value::Extern(None)].contains(&value),
        (WastRetCore::RefNull(Some(heap_type)), value) => null(heap_type) == Ok(value),
        (WastRetCore::RefExtern(None), Value::Extern(Some(_))) => true,
        (WastRetCore::RefExtern(Some(expected)), Value::Extern(Some(value))) => *expected == value,
        (WastRetCore::RefFunc(None), Value::Func) => true,
        _ => false,
    }
}

fn is_f32(pattern: &NanPattern<wast::token::F32>, bits: u32) -> bool {
    const QUIET: u32 = 0x7fc0_0000;
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn is_f64(pattern: &NanPattern<wast::token::F64>, bits: u64) -> bool {
    const QUIET: u64 = 0x7ff8_0000_0000_0000;
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn is_v128(pattern: &V128Pattern, bytes: [u8; 16]) -> bool {
    fn lanes<const N: usize>(bytes: &[u8; 16]) -> impl Iterator<Item = [u8; N]> {
        bytes.as_chunks::<N>().0.iter().copied()
    }
    match pattern {
        V128Pattern::I8x16(expected) => lanes(&bytes).map(i8::from_le_bytes).eq(*expected),
        V128Pattern::I16x8(expected) => lanes(&bytes).map(i16::from_le_bytes).eq(*expected),
        V128Pattern::I32x4(expected) => lanes(&bytes).map(i32::from_le_bytes).eq(*expected),
        V128Pattern::I64x2(expected) => lanes(&bytes).map(i64::from_le_bytes).eq(*expected),
        V128Pattern::F32x4(expected) => {
            expected.iter().zip(lanes(&bytes)).all(|(one, lane)| is_f32(one, u32::from_le_bytes(lane)))
        }
        V128Pattern::F64x2(expected) => {
            expected.iter().zip(lanes(&bytes)).all(|(one, lane)| is_f64(one, u64::from_le_bytes(lane)))
        }
    }
}
