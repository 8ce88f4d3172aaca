//! Numbers of 64 bits in JSON: text where readers that keep every number as an `f64` would round.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Greatest integer up to which an `f64` holds all of them.
const MAX_EXACT: u64 = (1 << 53) - 1;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Whole {
    /// Up to 2^53 - 1; greater ones are read, too.
    Number(u64),
    /// Beyond, decimal.
    Text(#[schemars(regex(pattern = "^[0-9]+$"))] String),
}

pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match *number {
        0..=MAX_EXACT => Whole::Number(*number),
        _ => Whole::Text(number.to_string()),
    }
    .serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Whole::deserialize(deserializer) {
        Ok(Whole::Number(number)) => Ok(number),
        Ok(Whole::Text(text)) => text.parse().map_err(D::Error::custom),
        Err(_) => Err(D::Error::custom("invalid value: expected a number of 64 bits, or its digits as text")),
    }
}
