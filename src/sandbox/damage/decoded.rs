//! What contents can be turned back into without a key: unpacked, unzipped, out of base64 and hexadecimal.

#[cfg(feature = "scan")]
use super::super::members::members;
use super::{super::limits::DAMAGE_DECODED, pieces::PIECE};
use crate::hex;

/// What contents can be turned back into.
pub(in crate::sandbox) fn decoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoded = unpacked(bytes);
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.len() >= PIECE && text.len() <= DAMAGE_DECODED as usize && text.is_ascii() {
        use base64::Engine as _;
        decoded.extend(base64::engine::general_purpose::STANDARD.decode(&text).ok());
        decoded.extend(hex::bytes(&text));
    }
    decoded
}

/// What known compressors make of contents again.
#[cfg(feature = "scan")]
fn unpacked(bytes: &[u8]) -> Vec<Vec<u8>> {
    use std::io::Read;
    let read = |mut reader: &mut dyn Read| {
        let mut out = Vec::new();
        // What came before an error counts too.
        _ = (&mut reader).take(DAMAGE_DECODED).read_to_end(&mut out);
        (out.len() >= PIECE).then_some(out)
    };
    let mut out = Vec::new();
    out.extend(read(&mut flate2::read::MultiGzDecoder::new(bytes)));
    out.extend(read(&mut flate2::read::ZlibDecoder::new(bytes)));
    out.extend(read(&mut flate2::read::DeflateDecoder::new(bytes)));
    out.extend(unzipped(bytes));
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        && let Ok(mut decoder) = zstd::Decoder::new(bytes)
    {
        out.extend(read(&mut decoder));
    }
    out
}

/// The members of a zip one after the other, as far as they can be read.
#[cfg(feature = "scan")]
fn unzipped(bytes: &[u8]) -> Option<Vec<u8>> {
    bytes.starts_with(b"PK").then(|| members(bytes, DAMAGE_DECODED as usize).parts.concat())
}

#[cfg(not(feature = "scan"))]
fn unpacked(_: &[u8]) -> Vec<Vec<u8>> {
    Vec::new()
}
