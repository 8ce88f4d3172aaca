//! JSON that is safe wherever it is shown: nothing deceptive in it is raw, nor what HTML would read.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use super::escape::is_deceptive;

/// Bytes that a character takes within a string in [`write_json`], at most.
pub fn json_len(char: char) -> usize {
    match char {
        '"' | '\\' => 2,
        '<' | '>' | '&' => 6,
        _ if is_deceptive(char) => 6 * char.len_utf16(),
        _ => char.len_utf8(),
    }
}

/// Writes `value` as JSON, with a line feed at the end. Each entry of the outer [`LEVELS`] levels has a line;
/// anything deeper stands on one line. Deceptive characters and `<`, `>`, `&` are written as `\u` sequences.
/// So the text is safe in a terminal and inside HTML.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_json(out: &mut impl io::Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, Lines::new(LEVELS)))?;
    out.write_all(b"\n")
}

/// As [`write_json`], all on one line.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_json_line(out: &mut impl io::Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, Lines::new(0)))?;
    out.write_all(b"\n")
}

/// Levels of [`write_json`] that are broken into lines: the object, its members, and the elements of lists in
/// them.
pub const LEVELS: usize = 3;

/// Breaks lines down to a level, escapes what could deceive.
struct Lines {
    levels: usize,
    depth: usize,
    has_value: bool,
}

impl Lines {
    fn new(levels: usize) -> Self {
        Self { levels, depth: 0, has_value: false }
    }

    fn breaks(&self) -> bool {
        self.depth <= self.levels
    }

    fn open<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        let was_broken = self.breaks() && self.has_value;
        self.depth -= 1;
        if was_broken {
            self.indent(writer)?;
        }
        writer.write_all(bracket)
    }

    fn separate<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.breaks() {
            return self.indent(writer);
        }
        Ok(())
    }

    fn indent<W: ?Sized + io::Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.breaks() { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut written = 0;
        for (at, char) in fragment.char_indices() {
            if matches!(char, '<' | '>' | '&') || is_deceptive(char) {
                writer.write_all(&fragment.as_bytes()[written..at])?;
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
                written = at + char.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_same_value_and_plain_text() {
        for text in ["<img src=x onerror=alert(1)>", "\u{1b}[2J\u{202e}\u{7f}\u{e0001}\"\\\n", "plain", ""] {
            let value = serde_json::json!({"a": [{"b": [text, 1, []]}, {}], "c": {"d": {"e": [1, 2]}}});
            for is_line in [false, true] {
                let mut out = Vec::new();
                if is_line { write_json_line(&mut out, &value) } else { write_json(&mut out, &value) }
                    .unwrap();
                let out = String::from_utf8(out).unwrap();
                assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), value);
                assert!(!out.contains(['<', '>', '\u{1b}', '\u{202e}', '\u{7f}', '\u{e0001}']), "{out}");
            }
        }
    }

    #[test]
    fn what_a_character_takes_in_json_is_known() {
        for char in
            ['a', '"', '\\', '<', '&', '\u{1}', '\u{7f}', '\u{e9}', '\u{202e}', '\u{e0001}', '\u{1f600}']
        {
            let mut out = Vec::new();
            write_json_line(&mut out, &char.to_string()).unwrap();
            assert_eq!(json_len(char), out.len() - 3, "{char:?}");
        }
    }

    #[test]
    fn lines_break_down_to_the_third_level() {
        let mut out = Vec::new();
        write_json(&mut out, &serde_json::json!({"a": {"b": [{"c": 1}, {"c": 2}]}, "d": []})).unwrap();
        let expected =
            "{\n  \"a\": {\n    \"b\": [\n      {\"c\":1},\n      {\"c\":2}\n    ]\n  },\n  \"d\": []\n}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
