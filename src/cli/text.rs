//! Text of a sample on its way to a terminal.

/// Returns `text` with control and format characters escaped, so that a name can neither move the cursor nor turn the line round.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        // Bidirectional controls and other invisible format characters.
        let invisible = matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        if (char.is_control() && char != '\n') || invisible {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out
}

/// Returns `count` with its digits in groups of three.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
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
            ("наивно", "наивно"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn digits_are_grouped() {
        for (count, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(count), expected);
        }
    }
}
