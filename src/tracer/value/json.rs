//! Values in JSON: numbers where a reader gets the same number, text where it would get another or none.
//!
//! JSON has no NaN and no infinity, and most of its readers hold every number as an `f64`. So an integer
//! beyond 2^53 is decimal text, and a vector beyond that `0x` and 32 hexadecimal digits. A float that is not
//! finite is written as in the text format of WebAssembly.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Type, Value, ValueError};

/// Greatest integer up to which an `f64` holds all of them.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// A value of a Wasm type: its type, and the value as a number, or as text where a number would be rounded.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Json {
    /// `i32`
    I32(i32),
    /// `i64`; text beyond 2^53.
    I64(Integer),
    /// `f32`; text if it is not finite.
    F32(Float<f32>),
    /// `f64`; text if it is not finite.
    F64(Float<f64>),
    /// `v128`, lane 0 lowest; text beyond 2^53.
    V128(Vector),
    /// A reference; `true` when it is null.
    Ref {
        /// Whether it is `ref.null`.
        null: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Integer {
    /// From -(2^53 - 1) to 2^53 - 1.
    Number(i64),
    /// Beyond these, decimal.
    Text(#[cfg_attr(feature = "analysis", schemars(regex(pattern = "^-?[0-9]+$")))] String),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Float<F> {
    /// Finite.
    Number(F),
    /// `inf`, `nan`, or `nan:0x` and the payload; with `-` in front if the sign is set.
    Text(#[cfg_attr(feature = "analysis", schemars(regex(pattern = "^-?(inf|nan(:0x[0-9a-f]+)?)$")))] String),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Vector {
    /// Up to 2^53 - 1.
    Number(u64),
    /// Beyond, `0x` and 32 hexadecimal digits.
    Text(#[cfg_attr(feature = "analysis", schemars(regex(pattern = "^0x[0-9a-f]{32}$")))] String),
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::I32(number) => Self::I32(number),
            Value::I64(number) if number.unsigned_abs() <= MAX_EXACT => Self::I64(Integer::Number(number)),
            Value::I64(_) => Self::I64(Integer::Text(value.to_string())),
            Value::F32(number) if number.is_finite() => Self::F32(Float::Number(number)),
            Value::F32(_) => Self::F32(Float::Text(value.to_string())),
            Value::F64(number) if number.is_finite() => Self::F64(Float::Number(number)),
            Value::F64(_) => Self::F64(Float::Text(value.to_string())),
            Value::V128(number) => Self::V128(match u64::try_from(number) {
                Ok(number) if number <= MAX_EXACT => Vector::Number(number),
                _ => Vector::Text(value.to_string()),
            }),
            Value::Ref { null } => Self::Ref { null },
        }
    }
}

impl Json {
    fn into_value(self) -> Result<Value, ValueError> {
        match self {
            Self::I32(number) => Ok(Value::I32(number)),
            Self::I64(Integer::Number(number)) => Ok(Value::I64(number)),
            Self::I64(Integer::Text(text)) => Type::I64.parse(&text),
            Self::F32(Float::Number(number)) => Ok(Value::F32(number)),
            Self::F32(Float::Text(text)) => Type::F32.parse(&text),
            Self::F64(Float::Number(number)) => Ok(Value::F64(number)),
            Self::F64(Float::Text(text)) => Type::F64.parse(&text),
            Self::V128(Vector::Number(number)) => Ok(Value::V128(number.into())),
            Self::V128(Vector::Text(text)) => Type::V128.parse(&text),
            Self::Ref { null } => Ok(Value::Ref { null }),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Json::from(*self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer)?.into_value().map_err(D::Error::custom)
    }
}

#[cfg(feature = "analysis")]
impl schemars::JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Json::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_exact_in_json() {
        for (value, expected) in [
            (Value::I32(-1), r#"{"i32":-1}"#),
            (Value::I64(9_007_199_254_740_991), r#"{"i64":9007199254740991}"#),
            (Value::I64(9_007_199_254_740_993), r#"{"i64":"9007199254740993"}"#),
            (Value::I64(i64::MIN), r#"{"i64":"-9223372036854775808"}"#),
            (Value::F32(0.1), r#"{"f32":0.1}"#),
            (Value::F64(-0.0), r#"{"f64":-0.0}"#),
            (Value::F64(f64::NEG_INFINITY), r#"{"f64":"-inf"}"#),
            (Value::F64(f64::from_bits(0x7ff4_0000_0000_0001)), r#"{"f64":"nan:0x4000000000001"}"#),
            (Value::F32(f32::from_bits(0xffa0_0001)), r#"{"f32":"-nan:0x200001"}"#),
            (Value::V128(7), r#"{"v128":7}"#),
            (Value::V128(u128::MAX), r#"{"v128":"0xffffffffffffffffffffffffffffffff"}"#),
            (Value::Ref { null: true }, r#"{"ref":{"null":true}}"#),
        ] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(text, expected);
            let back: Value = serde_json::from_str(&text).unwrap();
            // Not by `==`, to which no NaN is equal.
            assert_eq!(format!("{back} {back:?}"), format!("{value} {value:?}"));
        }
        assert!(serde_json::from_str::<Value>(r#"{"f64":"x"}"#).is_err());
    }
}
