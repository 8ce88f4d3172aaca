//! The ways to write bytes down, and what the first bytes of a module look like in each.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::{
    Reading,
    digits::{self, Digit, base64_digit, hex_digit},
    dump, literal, numbers, records,
};
use crate::text::vocabulary;

vocabulary! {
    /// What a text holds bytes as: the name of the step into it.
    pub(super) enum Notation {
        /// Digits of base64.
        Base64 = "base64",
        /// Digits of base32.
        Base32 = "base32",
        /// Lines of uuencode.
        Uuencode = "uuencode",
        /// Records of Intel or Motorola.
        Records = "records",
        /// As `hexdump` and its like print.
        Dump = "dump",
        /// Digits in twos.
        Hex = "hex",
        /// Numbers by their positions.
        Object = "object",
        /// A list of numbers.
        Array = "array",
        /// A list of numbers of more than eight bits.
        Words = "words",
        /// Quoted-printable.
        Quoted = "quoted",
        /// A literal.
        String = "string",
        /// A text of two bytes a character.
        Utf16 = "utf16",
    }
}

/// A way to write bytes down.
pub(super) struct Kind {
    pub(super) notation: Notation,
    /// Matches at most the first bytes of a module, except for other containers and for data URLs, whose
    /// kind of contents is not asked.
    pub(super) pattern: &'static str,
    /// Reads bytes from a place where the pattern matched; the flag is whether elements of a list may be
    /// joined.
    pub(super) read: fn(&[u8], usize, bool) -> Reading,
    /// The digits of the reader, and how many of them begin with a byte. In a run, the place where a module
    /// begins shifts all its digits.
    pub(super) digits: Option<(Digit, u32)>,
}

/// Those whose text can be taken for that of another come after it. White space in patterns means nothing.
pub(super) const KINDS: [Kind; 14] = [
    Kind {
        notation: Notation::Base64,
        // Beginnings of a module, gzip with any flags, zip, zstd and xz. Then the beginning of a module in
        // base64, in a text of which this is the base64. It is told by the part of its three ways that does
        // not depend on what is before it. Then any data URL.
        pattern: r"AGFzbQ | H4sI[A-H] | UEsDB | QUdGemJR | FHRnpiU | BR0Z6Yl
            | KLUv (?: [/_] | %2[Ff] | \\+/ | \\+u002[Ff] | &[\x23a-z] )
            | (?: [/_] | %2[Ff] | 2[Ff];? ) Td6WFoA
            | ;base64,",
        read: digits::base64_at,
        digits: Some((base64_digit, 4)),
    },
    Kind {
        notation: Notation::Base32,
        // A module, or a component.
        pattern: r"ABQXG3I [BN] AA",
        read: |text, from, may_join| digits::base32(text.get(from..).unwrap_or_default(), may_join),
        digits: None,
    },
    Kind {
        notation: Notation::Uuencode,
        pattern: r"(?m)^ begin \x20 [0-7]{3,4} \x20 [^\r\n]{1,99} \r?\n [\x20-\x60]",
        read: |text, from, _| records::uuencoded(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Records,
        pattern: r"(?mi)^ : [0-9a-f]{6} 00 0061736d",
        read: |text, from, _| records::intel_hex(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Records,
        pattern: r"(?mi)^ S (?: 1 [0-9a-f]{6} | 2 [0-9a-f]{8} | 3 [0-9a-f]{10} ) 0061736d",
        read: |text, from, _| records::s_records(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Dump,
        pattern: dump::LINE,
        read: |text, from, _| dump::dump(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Hex,
        // A module, or one in base64; gzip.
        pattern: r"(?i) 0061 [\x20\t]{0,2} 736d [\x20\t]{0,2} 0[1d]00 [\x20\t]{0,2} 0[01]00 | 4147467a6251
            | \b1f8b080[0-9a-f]",
        read: |text, from, may_join| digits::hex(text.get(from..).unwrap_or_default(), may_join),
        digits: Some((hex_digit, 2)),
    },
    Kind {
        notation: Notation::Hex,
        pattern: r#"(?i) \b00 (?: [\s,:;_|"'%-] | \\x ){1,40} 61 (?: [\s,:;_|"'%-] | \\x ){1,40}
            73 (?: [\s,:;_|"'%-] | \\x ){1,40} 6d (?: [\s,:;_|"'%-] | \\x ){1,40} 0[1d]\b"#,
        read: |text, from, _| digits::spaced_hex(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Object,
        pattern: r#"["']?\b0["']? \s* (?: : | => ) \s* 0 \s*,\s*
            ["']?1["']? \s* (?: : | => ) \s* 97 \s*,\s* ["']?2["']? \s* (?: : | => ) \s* 115\b"#,
        read: |text, from, _| numbers::object(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Array,
        pattern: r#"(?i) ["']? \b0 (?: x0* | o0* | b0* )? [a-z0-9_.()']{0,10} ["']?
            (?: \s*[,|]\s* | \s+ ) (?: \( \s* [a-z_\x20]+ \) \s* )? ["']?
            (?: 0x0*61 | 97 | 0o141 | 0b0?1100001 | a\b ) [a-z0-9_.()']{0,10} ["']?
            (?: \s*[,|]\s* | \s+ ) (?: \( \s* [a-z_\x20]+ \) \s* )? ["']?
            (?: 0x0*73 | 115 | 0o163 | 0b0?1110011 | s\b ) [a-z0-9_.()']{0,10} ["']?
            (?: \s*[,|]\s* | \s+ ) (?: \( \s* [a-z_\x20]+ \) \s* )? ["']?
            (?: 0x0*6d | 109 | 0o155 | 0b0?1101101 | m\b )"#,
        read: |text, from, _| numbers::array(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Array,
        // Characters by their numbers, each made by a call, as PHP and Visual Basic join them.
        pattern: r"(?i) \b chr [a-z]{0,6} \$? \( \s* 0 \s* \) \s* [.&+,]
            [\s_]* chr [a-z]{0,6} \$? \( \s* 97 \s* \)
            \s* [.&+,] [\s_]* chr [a-z]{0,6} \$? \( \s* 115 \s* \)",
        read: |text, from, _| numbers::calls(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Quoted,
        pattern: r"(?i) =00 asm =0[1d] =00",
        read: |text, from, _| records::quoted(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::Words,
        // Of 32 and 64 bits, then of 16, each in both orders.
        pattern: r"(?i) \b (?:
            1836278016 | 0x0*6d736100 | 6386541 | 0x0*61736d
            | 6131245312 | 0x0*16d736100 | 27429984746340352 | 0x0*61736d01000000
            | (?: 24832 | 0x6100 ) [a-z0-9]{0,4} \s*,\s* (?: 28019 | 0x6d73 )
            | (?: 97 | 0x0*61 ) [a-z0-9]{0,4} \s*,\s* (?: 29549 | 0x736d )
            ) [nul]{0,3} \b",
        read: |text, from, _| numbers::words(text.get(from..).unwrap_or_default()),
        digits: None,
    },
    Kind {
        notation: Notation::String,
        // Zero (as Emscripten writes it today, too) and the letters, as they are or escaped, perhaps in
        // literals that are joined. Then an escape or the version.
        pattern: r#"(?i)
            (?: \\ (?: x00? | x\{0+\} | u0000 | u0100 | u\{0+\} | 0{1,3} ) | \xc4\x80 ) (?: ["'] \s* ["'] )?
            (?: a | \\x61 | \\x\{0*61\} | \\u0061 | \\u\{0*61\} | \\141 | \\0?97 )
            (?: s | \\x73 | \\x\{0*73\} | \\u0073 | \\u\{0*73\} | \\163 | \\115 )
            (?: m | \\x6d | \\x\{0*6d\} | \\u006d | \\u\{0*6d\} | \\155 | \\109 )
            (?: ["'] \s* ["'] )? [\\\x01]
            | \x00asm\\"#,
        read: |text, from, _| literal::string(text, from),
        digits: None,
    },
];

pub(super) static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| KINDS.iter().filter_map(|kind| compile(kind.pattern)).collect());

/// A run of base64 digits that may be of something without a magic number.
pub(super) static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r#"["'`>=,(\s] (?: [A-Za-z0-9+/_-] | \\+/ | \\+u00[0-9a-fA-F]{2} | &\x23x?[0-9a-fA-F]{1,3};
        | %[0-9a-fA-F]{2} ){40}"#,
    )
});

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).ignore_whitespace(true).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(PATTERNS.len() == KINDS.len() && RUN.is_some());
    }
}
