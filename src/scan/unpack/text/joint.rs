//! The joints of one long literal: what may stand between two of its parts, and how a character of it may be
//! written otherwise. Languages, and formats that carry text, have their ways.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::limits::MAX_BLANK;

/// From the quote that ends one literal to the quote that begins the next. Between them is nothing (C,
/// Python), `+`, `.`, `..`, `~`, `&`, `<>`, `||`, `_`, or a statement that appends (`s += "…"`,
/// `$s .= "…"`). Letters before a quote say what kind of literal it is.
const GLUE: &str = r#"\A \\?["'`] \s{0,200}
    (?: /\* [^*]{0,200} \*/ \s{0,200} | (?://|\#) [^\n]{0,200} \n \s{0,200} )?
    (?:
        (?: \+{1,2} | \.{1,2} | ~ | & | <> | \|\| | \\ )? \s{0,200}
        | ;? \s{1,200} [$@]?[A-Za-z_][A-Za-z0-9_.]{0,60} \s{0,20}
            (?: \+ | \. | \.\. | < | \|\| | & ) <?= \s{0,20}
    )
    (?: b | B | r | R | u8 | u | L | f | @ | N )? \\?["'`]"#;
/// The elements of a list of literals, or the values of variables one after another, which are joined later.
const COMMA: &str = r#"\A \\?["'`]
    (?: \s{0,200},\s{0,200} (?: [$@]?[A-Za-z_][A-Za-z0-9_.]{0,60} \s{0,20} = \s{0,20} )?
        | \s{0,20} ;? \s{1,200} (?: (?: var | let | const | my | local | dim ) \s{1,20} )?
            [$@]?[A-Za-z_][A-Za-z0-9_.]{0,60} \s{0,20} :?= \s{0,20} )
    (?: b | B | r | R | u8 | u | L | f | @ | N )? \\?["'`]"#;

static GLUE_REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| compile(GLUE));
static COMMA_REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| compile(COMMA));

fn compile(pattern: &str) -> Option<Regex> {
    regex::bytes::RegexBuilder::new(pattern).unicode(false).ignore_whitespace(true).build().ok()
}

/// Length of the white space with which `text` begins.
pub(super) fn blank(text: &[u8]) -> usize {
    text.iter().take(MAX_BLANK).take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Length of what joins two literals, from the quote that ends the first to that which begins the second.
pub(super) fn between(text: &[u8], is_list: bool) -> Option<usize> {
    if !matches!(text, [b'"' | b'\'' | b'`', ..] | [b'\\', b'"' | b'\'' | b'`', ..]) {
        return None;
    }
    let found = |regex: &Option<Regex>| regex.as_ref()?.find(text).map(|found| found.end());
    found(&GLUE_REGEX).or_else(|| found(&COMMA_REGEX).filter(|_| is_list))
}

/// Length of what may stand between two digits: a line break, escaped or not (`=` escapes it in quoted
/// printable text), or what joins two literals. `None` if there is no such thing.
pub(super) fn between_digits(text: &[u8], is_list: bool) -> Option<usize> {
    let rest = |from: usize| text.get(from..).unwrap_or_default();
    match text {
        [b'\\', b'n' | b'r', ..] => Some(2),
        [b'\\', b'\n' | b'\r', ..] | [b'=', b'\n', ..] => Some(1 + blank(rest(1))),
        [b'=', b'\r', b'\n', ..] => Some(3),
        [b'\n' | b'\r', ..] => Some(blank(text)),
        [b'"' | b'\'' | b'`', ..] | [b'\\', b'"' | b'\'', ..] => between(text, is_list),
        _ => None,
    }
}

/// The character with which `text` begins if it is written as something else, and the length of that. It may
/// be percent encoding, quoted printable, an escape of JSON or JavaScript, or an entity of HTML.
pub(super) fn disguised(text: &[u8]) -> Option<(u8, usize)> {
    let hex = |from: usize, len: usize| {
        let digits = std::str::from_utf8(text.get(from..from + len)?).ok()?;
        u8::try_from(u32::from_str_radix(digits, 16).ok()?).ok().map(|byte| (byte, from + len))
    };
    match text {
        [b'%' | b'=', ..] => hex(1, 2),
        [b'\\', b'u', ..] => hex(2, 4),
        [b'\\', b'x', ..] => hex(2, 2),
        [b'\\', ..] => {
            // As often as the text was put into another.
            let depth = text.iter().take(8).take_while(|byte| **byte == b'\\').count();
            match text.get(depth) {
                Some(b'/') => Some((b'/', depth + 1)),
                Some(b'u') if depth > 1 => hex(depth + 1, 4),
                _ => None,
            }
        }
        [b'&', ..] => entity(text),
        _ => None,
    }
}

fn entity(text: &[u8]) -> Option<(u8, usize)> {
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(text.get(1..end)?).ok()?;
    let byte = match name {
        "sol" => b'/',
        "plus" => b'+',
        "equals" => b'=',
        "lowbar" => b'_',
        _ => {
            let number = name.strip_prefix('#')?;
            match number.strip_prefix(['x', 'X']) {
                Some(hex) => u8::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            }
        }
    };
    Some((byte, end + 1))
}
