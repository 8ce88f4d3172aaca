//! A labelled run: what a classifier is trained on and scored by.
//!
//! Data files are JSON lines, one sample each: `{"name": "a.wasm", "label": 1, "origin": "where from",
//! "calls": ["fd_write", …]}`. `label` is 1 for malicious and 0 for benign. Other keys are ignored, so that
//! the files of the reference study can be read as they are.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use super::limits::MAX_DATA_BYTES;
use super::{Error, matrix::MAX_ROWS, trace::TraceFeatures};

/// A labelled run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// What it is called.
    pub name: String,
    /// 1 for malicious, 0 for benign.
    #[serde(rename = "label", with = "label")]
    pub malicious: bool,
    /// Where it comes from: a collection, or the family of a hostile sample.
    #[serde(default)]
    pub origin: String,
    /// Names of the WASI functions that it called, in order.
    pub calls: Vec<String>,
    /// What else is known of the run. Only samples that were run here have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceFeatures>,
}

mod label {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(malicious: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(u8::from(*malicious))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(D::Error::custom(format!("label {other} is neither 0 nor 1"))),
        }
    }
}

/// Reads a data file.
///
/// # Errors
/// If it is longer than [`MAX_DATA_BYTES`], has more than [`MAX_ROWS`] samples, or a line is not a sample.
pub fn parse(text: &[u8]) -> Result<Vec<Example>, Error> {
    if text.len() > MAX_DATA_BYTES {
        return Err(Error::data(format!("the data have {} bytes, more than {MAX_DATA_BYTES}", text.len())));
    }
    let mut samples = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let sample: Example = serde_json::from_slice(line)
            .map_err(|error| Error::Line { line: index + 1, reason: error.to_string() })?;
        if let Some(value) = sample.trace.as_ref().and_then(TraceFeatures::bad_value) {
            return Err(Error::Line { line: index + 1, reason: Error::Value { value }.to_string() });
        }
        samples.push(sample);
        if samples.len() > MAX_ROWS {
            return Err(Error::Rows);
        }
    }
    Ok(samples)
}

/// SHA-256, in hexadecimal, of the samples as lines of a data file.
pub fn sha256(samples: &[Example]) -> String {
    let mut hash = Sha256::new();
    for sample in samples {
        // A sample is strings and finite numbers, which always can be written.
        hash.update(serde_json::to_vec(sample).unwrap_or_default());
        hash.update(b"\n");
    }
    crate::hex::hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_samples() {
        let text = br#"{"name": "a", "label": 1, "origin": "x", "calls": ["fd_write"], "sha256": "00"}

            {"name": "b", "label": 0, "calls": []}"#;
        let samples = parse(text).unwrap();
        assert_eq!(samples.iter().map(|sample| sample.malicious).collect::<Vec<_>>(), [true, false]);
        let again: Vec<u8> = samples
            .iter()
            .flat_map(|sample| [serde_json::to_vec(sample).unwrap(), b"\n".to_vec()].concat())
            .collect();
        assert_eq!(parse(&again).unwrap(), samples);
        assert_ne!(sha256(&samples), sha256(&samples[..1]));
    }

    #[test]
    fn what_is_no_sample_names_its_line() {
        for (text, line) in [
            ("{}", 1),
            ("\n[1]", 2),
            (r#"{"name": "a", "label": 2, "calls": []}"#, 1),
            (r#"{"name": "a", "label": 1, "calls": "fd_write"}"#, 1),
            (r#"{"name": "a", "label": 1, "calls": [], "trace": {"x": 1e300}}"#, 1),
        ] {
            assert!(
                matches!(parse(text.as_bytes()), Err(Error::Line { line: found, .. }) if found == line),
                "{text}"
            );
        }
        assert!(parse(b"\xff").is_err());
    }
}
