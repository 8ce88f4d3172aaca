//! The comments of a file: what no token of YAML covers and a `#` begins.

use std::ops::Range;

use super::page::Page;

/// A comment.
pub(super) struct Comment {
    /// Where its `#` stands.
    pub(super) at: usize,
    /// From the `#` on, without white space at its end.
    pub(super) text: String,
    /// Whether it has its line for itself.
    pub(super) is_alone: bool,
    /// White space before it, in characters.
    pub(super) gap: usize,
}

/// All comments, in order. `covered` are the places of the scalars, in order.
pub(super) fn find(page: &Page, covered: &[Range<usize>]) -> Vec<Comment> {
    let (mut comments, mut at) = (Vec::new(), 0);
    let mut covered = covered.iter();
    let mut next = covered.next();
    while at < page.chars.len() {
        match next {
            Some(span) if span.end <= at => next = covered.next(),
            Some(span) if span.start <= at => at = span.end,
            _ => match comment(page, at) {
                Some((comment, end)) => {
                    comments.push(comment);
                    at = end;
                }
                None => at += 1,
            },
        }
    }
    comments
}

/// The comment that begins here, if one does, and where it ends.
pub(super) fn comment(page: &Page, at: usize) -> Option<(Comment, usize)> {
    if page.chars.get(at) != Some(&'#') {
        return None;
    }
    let before = page.before(at);
    let gap = before.iter().rev().take_while(|char| char.is_whitespace()).count();
    if gap == 0 && !before.is_empty() {
        return None;
    }
    let rest = page.chars.get(at..)?;
    let len = rest.iter().position(|&char| char == '\n').unwrap_or(rest.len());
    // An indicator alone is not yet what the comment is about.
    let is_alone = before.iter().all(|char| char.is_whitespace() || matches!(char, '-' | '?' | '\u{feff}'));
    let text = page.slice(at..at + len).trim_end().to_owned();
    Some((Comment { at, text, is_alone, gap }, at + len))
}
