//! Bytes of the sample as text, or as a hex dump where they are none.

use maud::{Markup, html};

use super::limits::PREVIEW;
use crate::text::{escape, plural};

/// Columns of a hex dump in bytes.
const WIDTH: usize = 16;

/// The first bytes, folded away.
pub(super) fn preview(title: &str, bytes: &[u8], len: u64) -> Markup {
    let shown = bytes.get(..bytes.len().min(PREVIEW)).unwrap_or_default();
    let more = len.saturating_sub(shown.len() as u64);
    html! {
        details {
            summary { (title) }
            pre tabindex="0" { (text(shown)) }
            @if more > 0 { p.dim { "and " (plural(more, "more byte")) } }
        }
    }
}

/// Bytes as text where they are text, a line for each of theirs; else as a hex dump.
fn text(bytes: &[u8]) -> String {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        // A character may be cut through at the end.
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())
        }
        Err(_) => None,
    };
    let is_text = |text: &&str| text.chars().all(|char| !char.is_control() || "\t\r\n".contains(char));
    valid.filter(is_text).map_or_else(|| dump(bytes), escape)
}

fn dump(bytes: &[u8]) -> String {
    let line = |(row, bytes): (usize, &[u8])| {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let chars: String = bytes.iter().map(shown).collect();
        format!("{:08x}  {:<47}  {chars}\n", row * WIDTH, hex.join(" "))
    };
    bytes.chunks(WIDTH).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_bytes_are_dumped() {
        assert_eq!(text("two\nlines".as_bytes()), "two\nlines");
        assert_eq!(text(b"a\x1b[2J"), format!("00000000  {:<47}  a.[2J\n", "61 1b 5b 32 4a"));
        assert_eq!(text(&"é".as_bytes()[..1]), "");
        assert_eq!(text("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    }
}
