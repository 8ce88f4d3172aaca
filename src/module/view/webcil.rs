//! A .NET assembly in a module: Webcil, as browsers get them.
//!
//! The module is a wrapper with two passive segments, the second of which is the assembly with headers of its
//! own (`WbIL`, a version, the number of its sections). Its code is no WebAssembly: the runtime of .NET,
//! another module, interprets it.

use super::{contents::Contents, encoding::TextEncoding, ioc::Found};

/// How it is called.
pub(super) const KIND: &str = ".NET assembly (Webcil)";

/// What it begins with.
const MAGIC: &[u8] = b"WbIL";

/// The first segment that is one.
pub(super) fn find(contents: &Contents<'_>) -> Option<Found> {
    let segments = contents.data.iter().zip(&contents.data_bytes);
    // Magic number, two halves of a version, the number of sections: 28 bytes are the shortest header.
    let is_one = |bytes: &[u8]| bytes.starts_with(MAGIC) && bytes.len() >= 28 && bytes.get(5) == Some(&0);
    let (segment, _) = segments.into_iter().find(|(_, bytes)| is_one(bytes))?;
    Some(Found { offset: segment.offset, address: segment.address, encoding: TextEncoding::Plain })
}
