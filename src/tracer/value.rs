//! Values that cross the border between host and sample.

use std::fmt;

use wasmspoor_hooks as engine;

/// A value of a Wasm type. References are known only as null or not.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Value {
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `v128`, lane 0 lowest.
    V128(u128),
    /// A reference; `true` when it is null.
    Ref {
        /// Whether it is `ref.null`.
        null: bool,
    },
}

/// A type of a [`Value`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Type {
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `v128`
    V128,
    /// `funcref`
    FuncRef,
    /// `externref`
    ExternRef,
}

impl Type {
    /// Reads a value of this type as the command line gives it: decimal, `0x` hexadecimal, negative, or a
    /// float.
    ///
    /// # Errors
    ///
    /// What is wrong with `text`, in words.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let wrong = || format!("`{text}` is not a value of type {self}");
        let integer = || {
            let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
            let magnitude = match digits.strip_prefix("0x") {
                Some(hex) => u128::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            let magnitude = i128::try_from(magnitude.map_err(|_| wrong())?).map_err(|_| wrong())?;
            Ok::<_, String>(if negative { -magnitude } else { magnitude })
        };
        // Both the signed and the unsigned range are allowed, as in the text format.
        match self {
            Self::I32 => {
                let value = integer()?;
                let signed = i32::try_from(value).or_else(|_| u32::try_from(value).map(|value| value as i32));
                signed.map(Value::I32).map_err(|_| wrong())
            }
            Self::I64 => {
                let value = integer()?;
                let signed = i64::try_from(value).or_else(|_| u64::try_from(value).map(|value| value as i64));
                signed.map(Value::I64).map_err(|_| wrong())
            }
            Self::F32 => text.parse().map(Value::F32).map_err(|_| wrong()),
            Self::F64 => text.parse().map(Value::F64).map_err(|_| wrong()),
            Self::V128 => {
                let digits = text.strip_prefix("0x").ok_or_else(wrong)?;
                u128::from_str_radix(digits, 16).map(Value::V128).map_err(|_| wrong())
            }
            Self::FuncRef | Self::ExternRef if text == "null" => Ok(Value::Ref { null: true }),
            Self::FuncRef | Self::ExternRef => Err(format!("{}; only `null` can be given", wrong())),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::F32(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::V128(value) => write!(f, "{value:#034x}"),
            Self::Ref { null } => f.write_str(if *null { "null" } else { "ref" }),
        }
    }
}

impl From<engine::ValType> for Type {
    fn from(ty: engine::ValType) -> Self {
        match ty {
            engine::ValType::I32 => Self::I32,
            engine::ValType::I64 => Self::I64,
            engine::ValType::F32 => Self::F32,
            engine::ValType::F64 => Self::F64,
            engine::ValType::V128 => Self::V128,
            engine::ValType::FuncRef => Self::FuncRef,
            engine::ValType::ExternRef => Self::ExternRef,
        }
    }
}

impl From<&engine::Val> for Value {
    fn from(value: &engine::Val) -> Self {
        match value {
            engine::Val::I32(value) => Self::I32(*value),
            engine::Val::I64(value) => Self::I64(*value),
            engine::Val::F32(value) => Self::F32(f32::from_bits(value.to_bits())),
            engine::Val::F64(value) => Self::F64(f64::from_bits(value.to_bits())),
            engine::Val::V128(value) => Self::V128(value.as_u128()),
            engine::Val::FuncRef(value) => Self::Ref { null: value.is_null() },
            engine::Val::ExternRef(value) => Self::Ref { null: value.is_null() },
        }
    }
}

/// Returns `value` for the engine, if it is of type `ty`. Only null references can be made.
pub(super) fn to_engine(value: Value, ty: engine::ValType) -> Option<engine::Val> {
    Some(match (value, ty) {
        (Value::I32(value), engine::ValType::I32) => engine::Val::I32(value),
        (Value::I64(value), engine::ValType::I64) => engine::Val::I64(value),
        (Value::F32(value), engine::ValType::F32) => {
            engine::Val::F32(engine::F32::from_bits(value.to_bits()))
        }
        (Value::F64(value), engine::ValType::F64) => {
            engine::Val::F64(engine::F64::from_bits(value.to_bits()))
        }
        (Value::V128(value), engine::ValType::V128) => engine::Val::V128(engine::V128::from(value)),
        (Value::Ref { null: true }, engine::ValType::FuncRef | engine::ValType::ExternRef) => {
            engine::Val::default_for_ty(ty)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_both_ranges() {
        for (ty, text, expected) in [
            (Type::I32, "-1", Some(Value::I32(-1))),
            (Type::I32, "4294967295", Some(Value::I32(-1))),
            (Type::I32, "0x7f", Some(Value::I32(127))),
            (Type::I32, "4294967296", None),
            (Type::I32, "-2147483649", None),
            (Type::I32, "", None),
            (Type::I64, "-0x8000000000000000", Some(Value::I64(i64::MIN))),
            (Type::I64, "18446744073709551615", Some(Value::I64(-1))),
            (Type::F64, "1.5", Some(Value::F64(1.5))),
            (Type::F32, "x", None),
            (Type::V128, "0x01", Some(Value::V128(1))),
            (Type::V128, "1", None),
            (Type::FuncRef, "null", Some(Value::Ref { null: true })),
            (Type::ExternRef, "7", None),
        ] {
            assert_eq!(ty.parse(text).ok(), expected, "{ty} {text}");
        }
    }
}
