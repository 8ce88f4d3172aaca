//! Bytes of any kind in JSON, exactly.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Bytes: as text if they are UTF-8, otherwise in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Contents<'a> {
    /// The text.
    Text(Cow<'a, str>),
    /// Standard alphabet, padded.
    Base64(#[serde(deserialize_with = "base64_text")] String),
}

impl<'a> Contents<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Base64(BASE64_STANDARD.encode(bytes)),
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_owned().into_bytes(),
            // It was tried when it was read.
            Self::Base64(text) => BASE64_STANDARD.decode(text).unwrap_or_default(),
        }
    }
}

fn base64_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD.decode(&text).map_err(|error| serde::de::Error::custom(format!("no base64: {error}")))?;
    Ok(text)
}
