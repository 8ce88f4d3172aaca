//! First bytes of formats that are dense by their nature: who looks for encrypted contents must not take them
//! for such.

/// What a format is for.
enum Kind {
    /// An archive or a compressed file, if what follows the first bytes is right.
    Archive(fn(&[u8]) -> bool),
    /// Compressed, pictures among them, and not unpacked by users.
    Compressed,
    /// Sound, films, documents.
    Media,
}

use Kind::{Archive, Compressed, Media};

const FORMATS: &[(&[u8], Kind)] = &[
    (b"\x1f\x8b", Archive(|rest| matches!(rest, [8, ..=31, ..]))),
    (b"PK\x03\x04", Archive(|rest| matches!(rest, [..=63, ..]))),
    (b"\x28\xb5\x2f\xfd", Archive(|_| true)),
    (b"\xfd7zXZ\0", Archive(|_| true)),
    (b"BZh", Archive(|rest| matches!(rest, [b'1'..=b'9', b'1', b'A', b'Y', b'&', ..]))),
    (b"7z\xbc\xaf", Archive(|rest| matches!(rest, [0x27, 0x1c, ..]))),
    (b"Rar!", Archive(|rest| matches!(rest, [0x1a, 7, ..]))),
    (b"\x04\x22\x4d\x18", Compressed),
    (b"\x89PNG", Compressed),
    (b"\xff\xd8\xff", Compressed),
    (b"GIF8", Compressed),
    (b"%PDF", Media),
    (b"OggS", Media),
    (b"ID3", Media),
    (b"fLaC", Media),
    (b"RIFF", Media),
];

/// Whether contents are an archive or a compressed file.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    FORMATS.iter().any(|(magic, kind)| match kind {
        Archive(goes_on) => bytes.strip_prefix(*magic).is_some_and(goes_on),
        _ => false,
    })
}

/// Whether contents begin as what is compressed, archives and pictures among them.
pub(crate) fn is_compressed(bytes: &[u8]) -> bool {
    FORMATS.iter().any(|(magic, kind)| !matches!(kind, Media) && bytes.starts_with(magic))
}

/// Whether contents begin as any format that is dense.
pub(in crate::sandbox) fn is_dense(bytes: &[u8]) -> bool {
    FORMATS.iter().any(|(magic, _)| bytes.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let all = |bytes: &[u8]| [is_archive(bytes), is_compressed(bytes), is_dense(bytes)];
        for (bytes, expected) in [
            (&b"PK\x03\x04\x14\0"[..], [true; 3]),
            (b"BZh9", [false, true, true]),
            (b"Rar!\x1a\x07\x01", [true; 3]),
            (b"\x89PNG\r\n", [false, true, true]),
            (b"%PDF-1.7", [false, false, true]),
            (b"PK", [false; 3]),
            (b"", [false; 3]),
        ] {
            assert_eq!(all(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
