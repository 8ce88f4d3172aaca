//! What is wrong with a persona file, shown with the line and a caret.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// What is wrong with a persona file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonaError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    text: String,
    /// In bytes of `text`, within one line.
    span: Range<usize>,
}

impl PersonaError {
    pub(super) fn new(file: &str, text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        let line_end =
            text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |len| start + len);
        let end = text.floor_char_boundary(span.end.min(line_end)).max(start);
        let line = before.matches('\n').count() + 1;
        Self { file: file.to_owned(), line, message: message.into(), text: text.to_owned(), span: start..end }
    }
}

impl fmt::Display for PersonaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let annotation = AnnotationKind::Primary.span(self.span.clone());
        let snippet = Snippet::source(self.text.as_str()).path(self.file.as_str()).annotation(annotation);
        let report = [Level::ERROR.primary_title(self.message.as_str()).element(snippet)];
        f.write_str(&Renderer::plain().render(&report))
    }
}

impl std::error::Error for PersonaError {}
