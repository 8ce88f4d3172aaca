//! How a string stands in a file.

use std::fmt;

use crate::text::text_in_json;

/// How a string was decoded. In the order of its words, so that lists are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TextEncoding {
    /// `base64`.
    Base64,
    /// `base64 utf16`: what PowerShell takes as an encoded command.
    Base64Utf16,
    /// `hex`: hexadecimal digits.
    Hex,
    /// `plain`: not at all.
    Plain,
    /// `rot13`: letters turned by 13.
    Rot13,
    /// `utf16`: two bytes for each character.
    Utf16,
    /// `xor 0x5a`: a byte xored to all.
    Xor(u8),
}

impl TextEncoding {
    /// Whether the string stands in the file as the program would use it.
    pub fn is_plain(self) -> bool {
        matches!(self, Self::Plain | Self::Utf16)
    }
}

impl fmt::Display for TextEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "base64",
            Self::Base64Utf16 => "base64 utf16",
            Self::Hex => "hex",
            Self::Plain => "plain",
            Self::Rot13 => "rot13",
            Self::Utf16 => "utf16",
            Self::Xor(key) => return write!(f, "xor {key:#04x}"),
        })
    }
}

text_in_json!(TextEncoding);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_ordered_as_their_words_are() {
        let fixed = [
            TextEncoding::Base64,
            TextEncoding::Base64Utf16,
            TextEncoding::Hex,
            TextEncoding::Plain,
            TextEncoding::Rot13,
            TextEncoding::Utf16,
        ];
        let all: Vec<_> = fixed.into_iter().chain([1, 0x10, 0xff].map(TextEncoding::Xor)).collect();
        assert!(all.is_sorted());
        let words: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert!(words.is_sorted(), "{words:?}");
        assert_eq!(words.last().map(String::as_str), Some("xor 0xff"));
    }
}
