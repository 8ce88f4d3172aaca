//! What could deceive a reader, made plain.

use super::words::cut_at;

/// Returns `text` with control and format characters escaped, so that a name can neither move the cursor nor
/// turn the line round. Line feeds stay.
pub fn escape(text: &str) -> String {
    escape_with(text, |char| char == '\n')
}

/// As [`escape`], on one line: line feeds are escaped too.
pub fn line(text: &str) -> String {
    escape_with(text, |_| false)
}

/// As [`line()`], cut after `max` characters; what is cut is counted. What is shorter than that mark stays.
pub fn clip(text: &str, max: usize) -> String {
    match cut_at(text, max) {
        None => line(text),
        Some((kept, mark)) => format!("{}{mark}", line(kept)),
    }
}

fn escape_with(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            _ if keep(char) => out.push(char),
            '\n' => out.push_str("\\n"),
            _ if is_deceptive(char) => out.extend(char.escape_unicode()),
            _ => out.push(char),
        }
    }
    out
}

/// Controls (C0, DEL, C1), bidirectional controls, and characters that show nothing.
pub(super) fn is_deceptive(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_raw() {
        for (text, expected) in [
            ("main", "main"),
            ("\u{1b}[2Jclean", "\\u{1b}[2Jclean"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\r\u{7f}\u{9b}", "\\u{d}\\u{7f}\\u{9b}"),
            ("two\nlines", "two\nlines"),
            ("наивно", "наивно"),
        ] {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(line("two\nlines"), "two\\nlines");
    }

    #[test]
    fn what_is_cut_is_counted() {
        assert_eq!(clip("abc", 3), "abc");
        let long = format!("абв{}", "г".repeat(20));
        assert_eq!(clip(&long, 3), "абв…(+40 bytes)");
        assert_eq!(clip("абвг", 3), "абвг");
    }
}
