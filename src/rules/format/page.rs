//! A text in characters and lines, as the YAML parser counts.

use std::ops::Range;

/// A text that knows its lines.
pub(super) struct Page {
    pub(super) chars: Vec<char>,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl Page {
    pub(super) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let breaks = chars.iter().enumerate().filter(|(_, char)| **char == '\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        Self { chars, starts }
    }

    /// The line of a character, from 0.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|&start| start <= at).saturating_sub(1)
    }

    pub(super) fn column(&self, at: usize) -> usize {
        at - self.starts.get(self.line(at)).copied().unwrap_or(at)
    }

    /// Where the line feed of a line stands, or the end.
    pub(super) fn end_of_line(&self, line: usize) -> usize {
        self.starts.get(line + 1).map_or(self.chars.len(), |next| next - 1)
    }

    /// The characters of a line, without its end.
    pub(super) fn text_of_line(&self, line: usize) -> &[char] {
        let Some(&start) = self.starts.get(line) else { return &[] };
        let text = self.chars.get(start..self.end_of_line(line)).unwrap_or_default();
        text.strip_suffix(&['\r']).unwrap_or(text)
    }

    pub(super) fn is_blank(&self, line: usize) -> bool {
        self.text_of_line(line).iter().all(|char| char.is_whitespace())
    }

    pub(super) fn slice(&self, span: Range<usize>) -> String {
        self.chars.get(span).unwrap_or_default().iter().collect()
    }

    /// What stands before a character on its line.
    pub(super) fn before(&self, at: usize) -> &[char] {
        let start = at - self.column(at);
        self.chars.get(start..at).unwrap_or_default()
    }
}
