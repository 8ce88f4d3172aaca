//! Values as text: as the text format of WebAssembly writes them, so that no bit is lost.
//!
//! A NaN is `nan` with the payload that arithmetic gives, and `nan:0x…` with any other.

use std::fmt;

use wast::{
    parser::{self, ParseBuffer},
    token,
};

use super::{super::limits::NUMBER_TEXT, Type, Value};

impl Type {
    /// Reads a value of this type as the command line gives it: decimal, `0x` hexadecimal, negative. A float
    /// may also be `.5`, `0x1.8p3`, `inf`, `nan` or `nan:0x…`.
    ///
    /// # Errors
    ///
    /// If `text` is no value of this type.
    pub fn parse(self, text: &str) -> Result<Value, ValueError> {
        let value = match self {
            Self::I32 => integer(text)
                .and_then(|value| {
                    // Both the signed and the unsigned range are allowed, as in the text format.
                    i32::try_from(value).or_else(|_| u32::try_from(value).map(|value| value as i32)).ok()
                })
                .map(Value::I32),
            Self::I64 => integer(text)
                .and_then(|value| {
                    i64::try_from(value).or_else(|_| u64::try_from(value).map(|value| value as i64)).ok()
                })
                .map(Value::I64),
            Self::F32 => float(text, |float: token::F32| f32::from_bits(float.bits)).map(Value::F32),
            Self::F64 => float(text, |float: token::F64| f64::from_bits(float.bits)).map(Value::F64),
            Self::V128 => {
                let digits = text.strip_prefix("0x");
                digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()).map(Value::V128)
            }
            Self::FuncRef | Self::ExternRef | Self::ExnRef | Self::AnyRef => {
                (text == "null").then_some(Value::Ref { null: true })
            }
        };
        value.ok_or_else(|| ValueError { ty: self, text: text.to_owned() })
    }
}

/// A text that is no value of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueError {
    /// The type.
    pub ty: Type,
    /// The text.
    pub text: String,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a value of type {}", self.text, self.ty)?;
        match self.ty {
            Type::FuncRef | Type::ExternRef | Type::ExnRef | Type::AnyRef => {
                f.write_str("; only `null` can be given")
            }
            Type::V128 => f.write_str("; give it as 0x and hexadecimal digits"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ValueError {}

fn integer(text: &str) -> Option<i128> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let magnitude = match digits.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let magnitude = i128::try_from(magnitude.ok()?).ok()?;
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Reads a float in the text format, or as Rust reads it: that is `.5`, `1.`, `infinity`.
fn float<P, F>(text: &str, of: impl FnOnce(P) -> F) -> Option<F>
where
    P: for<'a> parser::Parse<'a>,
    F: std::str::FromStr,
{
    // Blanks and comments are of the text format, not of a number.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "+-.:_".contains(letter);
    if text.len() > NUMBER_TEXT || !text.chars().all(is_plain) {
        return None;
    }
    let parsed = ParseBuffer::new(text).ok().and_then(|buffer| parser::parse::<P>(&buffer).ok());
    parsed.map(of).or_else(|| text.parse().ok())
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
            Self::ExnRef => "exnref",
            Self::AnyRef => "anyref",
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::I32(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::F32(value) if value.is_nan() => {
                nan(f, value.is_sign_negative(), u64::from(value.to_bits()) & 0x7f_ffff, 1 << 22)
            }
            Self::F64(value) if value.is_nan() => {
                nan(f, value.is_sign_negative(), value.to_bits() & 0xf_ffff_ffff_ffff, 1 << 51)
            }
            Self::F32(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::V128(value) => write!(f, "{value:#034x}"),
            Self::Ref { null } => f.write_str(if null { "null" } else { "ref" }),
        }
    }
}

/// A NaN; `canonical` is the payload that needs no mention.
fn nan(f: &mut fmt::Formatter<'_>, is_negative: bool, payload: u64, canonical: u64) -> fmt::Result {
    f.write_str(if is_negative { "-nan" } else { "nan" })?;
    if payload == canonical { Ok(()) } else { write!(f, ":{payload:#x}") }
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
            (Type::F64, "-.5", Some(Value::F64(-0.5))),
            (Type::F64, "0x1.8p3", Some(Value::F64(12.0))),
            (Type::F64, "-0x1p-1074", Some(Value::F64(-5e-324))),
            (Type::F32, "inf", Some(Value::F32(f32::INFINITY))),
            (Type::F32, "-inf", Some(Value::F32(f32::NEG_INFINITY))),
            (Type::F32, "7", Some(Value::F32(7.0))),
            (Type::F32, "x", None),
            (Type::F32, "", None),
            (Type::F32, "1 (;x;)", None),
            (Type::F64, "nan:0x0", None),
            (Type::F32, "nan:0x800000", None),
            (Type::V128, "0x01", Some(Value::V128(1))),
            (Type::V128, "1", None),
            (Type::FuncRef, "null", Some(Value::Ref { null: true })),
            (Type::ExternRef, "7", None),
            (Type::ExnRef, "null", Some(Value::Ref { null: true })),
            (Type::ExnRef, "0", None),
        ] {
            assert_eq!(ty.parse(text).ok(), expected, "{ty} {text}");
        }
    }

    #[test]
    fn a_nan_keeps_its_bits_both_ways() {
        for (text, bits) in [
            ("nan", 0x7ff8_0000_0000_0000_u64),
            ("-nan", 0xfff8_0000_0000_0000),
            ("nan:0x4000000000001", 0x7ff4_0000_0000_0001),
            ("-nan:0xfffffffffffff", u64::MAX),
        ] {
            let Ok(Value::F64(value)) = Type::F64.parse(text) else { panic!("{text}") };
            assert_eq!((value.to_bits(), Value::F64(value).to_string()), (bits, text.to_owned()));
        }
        let Ok(Value::F32(value)) = Type::F32.parse("-nan:0x200001") else { panic!() };
        assert_eq!(value.to_bits(), 0xffa0_0001);
        assert_eq!(Value::F32(value).to_string(), "-nan:0x200001");
    }
}
