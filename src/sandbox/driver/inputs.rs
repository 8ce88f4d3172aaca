//! Inputs that a sample may know what to do with: small files of common formats, and short texts.
//!
//! A parser looks at the first bytes and gives up on what it does not know. A sample shows which formats it
//! knows: the marks that such files begin with are constants of its code, or lie in its data.

use memchr::memmem;

/// A small file, and by what a reader of its format is known.
struct Format {
    file: &'static [u8],
    /// Constants of code, in the order of bytes that compilers give them.
    words: &'static [u32],
    /// Bytes of data; none is known by code alone.
    mark: &'static [u8],
}

macro_rules! format {
    ($name:literal, $words:expr, $mark:literal) => {
        Format { file: include_bytes!(concat!("../../../rules/inputs/", $name)), words: &$words, mark: $mark }
    };
}

const FORMATS: &[Format] = &[
    format!("a.webp", [0x4646_4952, 0x5249_4646], b"WEBP"),
    format!("lossless.webp", [0x4646_4952, 0x5249_4646], b"VP8L"),
    format!("a.png", [0x474e_5089, 0x8950_4e47, 0x0d49_4844], b"\x89PNG"),
    format!("a.jpg", [0xd8ff, 0xffd8, 0x00ff_d8ff], b"\xff\xd8\xff"),
    format!("a.gif", [0x3846_4947, 0x4749_4638], b"GIF8"),
    format!("a.avif", [0x7079_7466, 0x6674_7970], b"ftypavif"),
    format!("a.tiff", [0x002a_4949, 0x4949_2a00], b"II*\0"),
    format!("a.bmp", [0x4d42, 0x424d], b""),
    format!("a.zip", [0x0403_4b50, 0x504b_0304], b"PK\x03\x04"),
    format!("a.gz", [0x8b1f, 0x1f8b], b"\x1f\x8b"),
    format!("a.zlib", [0x789c, 0x9c78], b"incorrect header check"),
    format!("a.zst", [0xfd2f_b528, 0x28b5_2ffd], b"\x28\xb5\x2f\xfd"),
    format!("a.lz4", [0x184d_2204, 0x0422_4d18], b""),
    format!("a.bz2", [0x0068_5a42, 0x425a_6800, 0x425a_6830], b"BZh"),
    format!("a.xz", [0x587a_37fd, 0xfd37_7a58], b"\xfd7zXZ"),
    format!("a.wav", [0x4556_4157, 0x5741_5645], b"WAVEfmt "),
    format!("a.ttf", [0x676c_7966, 0x6679_6c67, 0x6865_6164, 0x6461_6568], b"glyf"),
    format!("a.sqlite", [], b"SQLite format 3"),
];

/// Texts of languages that are small enough to be right in many. None holds an address, which would look like
/// one that the sample hides.
const TEXTS: &[&[u8]] = &[
    b"the quick brown fox jumps over 13 lazy dogs; the quick brown fox jumps over 13 lazy dogs again",
    b"{\"name\": \"thing\", \"list\": [1, 2.5, true, null], \"of\": {\"a\": \"b\\n\"}}",
    b"print(6*7)\n",
    b"<svg width=\"9\" height=\"9\"><g id=\"a\"><rect x=\"1\" width=\"4\" fill=\"#f00\"/>text</g></svg>",
    b"a.b > c { color: #ff0000; margin: 0 1px }",
    b"function f(x) { return x + 1; } f(2);",
    b"# Title\n\n* one **bold** `code`\n* [two](b.html)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    b"<?xml version=\"1.0\"?>\n<!DOCTYPE a>\n<a b=\"c\"><!-- d --><e/>&lt;<![CDATA[f]]></a>",
    b"[a]\nb = \"c\"\nd = [1, 2]\n",
    b"select a, count(*) from b where c > 1 group by a;",
    b"_ZN3foo3barIiSaIiEE3bazEPKcRi",
    b"(a|b)*c[0-9]{2,}\\d+$",
    b"SGVsbG8sIHdvcmxkIQ==",
    b"0x48656c6c6f2c20776f726c6421",
];

/// Whether a word stands in one of the texts.
pub(crate) fn is_drivers(word: &str) -> bool {
    TEXTS.iter().any(|text| memmem::find(text, word.as_bytes()).is_some())
}

/// The formats of which a module's code has a constant, as bits.
pub(super) fn of_word(word: u32) -> u32 {
    let bits = FORMATS.iter().enumerate().filter(|(_, format)| format.words.contains(&word));
    bits.fold(0, |all, (position, _)| all | 1 << position)
}

/// The formats of which data hold the mark.
pub(super) fn of_data(data: &[u8]) -> u32 {
    let holds = |format: &Format| !format.mark.is_empty() && memmem::find(data, format.mark).is_some();
    let bits = FORMATS.iter().enumerate().filter(|(_, format)| holds(format));
    bits.fold(0, |all, (position, _)| all | 1 << position)
}

/// Words of some data that end with a zero, as C keeps them: short, without spaces or places to be filled.
pub(super) fn words_of(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_word = |word: &&[u8]| {
        (3..=32).contains(&word.len())
            && word.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'%')
            && word.iter().any(u8::is_ascii_alphabetic)
    };
    data.split(|&byte| byte == 0).filter(is_word)
}

/// Files of these formats, then texts.
pub(super) fn of(formats: u32) -> impl Iterator<Item = &'static [u8]> {
    let known = FORMATS.iter().enumerate().filter(move |(position, _)| formats >> position & 1 == 1);
    known.map(|(_, format)| format.file).chain(TEXTS.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_bear_the_marks_of_their_formats() {
        assert!(FORMATS.len() <= u32::BITS as usize);
        for (position, format) in FORMATS.iter().enumerate() {
            let begins = |word: &u32| {
                [word.to_le_bytes(), word.to_be_bytes()].iter().any(|bytes| {
                    let bytes: Vec<u8> = bytes.iter().copied().skip_while(|&byte| byte == 0).collect();
                    format.file.windows(bytes.len().max(2)).take(24).any(|at| at.starts_with(&bytes))
                })
            };
            let is_marked = !format.mark.is_empty() && memmem::find(format.file, format.mark).is_some();
            assert!(format.words.iter().any(begins) || is_marked, "format {position}");
            assert!(format.file.len() <= 1024);
        }
        assert_eq!(of_word(0x0403_4b50), of_data(b"a PK\x03\x04"));
        assert_eq!(of(of_word(0x0403_4b50)).next().unwrap(), include_bytes!("../../../rules/inputs/a.zip"));
        assert_eq!(of(0).count(), TEXTS.len());
        assert!(TEXTS.iter().all(|text| memmem::find(text, b"://").is_none()));
    }

    #[test]
    fn words_are_those_that_end_and_stand_alone() {
        let data = b"\0open\0no such file\0%s\0a\0b2\0--all\0\x80bad\0last";
        let words: Vec<_> = words_of(data).collect();
        assert_eq!(words, [&b"open"[..], b"--all", b"last"]);
    }
}
