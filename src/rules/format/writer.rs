//! Writes the tree of a file, line by line, with the comments of what it was read from.

use super::{
    comments::Comment,
    page::Page,
    tree::{Kind, Piece},
};

/// Columns of a level.
const STEP: usize = 2;

/// Longest line that lists and maps between brackets are joined to, in characters.
const WIDTH: usize = 110;

/// A column of the source, and where it went.
type Column = (usize, usize);

struct Writer<'a> {
    page: &'a Page,
    comments: std::iter::Peekable<std::vec::IntoIter<Comment>>,
    out: String,
    line: String,
    /// The last line of the source that was written.
    last: usize,
    /// Lists and maps that are open.
    levels: Vec<Column>,
    /// Those that were when the last line was written.
    reached: Vec<Column>,
}

/// Writes the tree `root` of `page` with its comments.
pub(super) fn write(page: &Page, root: &Piece, comments: Vec<Comment>) -> String {
    let mut writer = Writer {
        page,
        comments: comments.into_iter().peekable(),
        out: String::new(),
        line: String::new(),
        last: 0,
        levels: Vec::new(),
        reached: Vec::new(),
    };
    match (&root.kind, writer.joined(root)) {
        (_, Some(text)) => {
            writer.begin(root.span.start, (0, 0));
            writer.line.push_str(&text);
            writer.finish(root.span.end);
        }
        _ => writer.nested(root, 0, false),
    }
    writer.flush(page.chars.len(), (0, 0));
    writer.out
}

impl Writer<'_> {
    /// A node as it is in a line, if it is to be in one.
    fn joined(&mut self, piece: &Piece) -> Option<String> {
        let (is_flow, is_empty) = match &piece.kind {
            Kind::Word(word) => return Some(word.clone()),
            Kind::Block { .. } => return None,
            Kind::List { is_flow, items } => (*is_flow, items.is_empty()),
            Kind::Map { is_flow, pairs } => (*is_flow, pairs.is_empty()),
        };
        let has_comment = self.comments.peek().is_some_and(|comment| piece.span.contains(&comment.at));
        if !is_flow && !is_empty || has_comment {
            return None;
        }
        let text = flow(piece)?;
        let is_one_line = self.page.line(piece.span.start) == self.page.line(piece.span.end);
        (is_one_line || self.line.chars().count() + text.chars().count() < WIDTH).then_some(text)
    }

    /// Begins a line, unless one has begun: before it come the comments before `at`.
    fn begin(&mut self, at: usize, column: Column) {
        if self.line.is_empty() {
            self.flush(at, column);
            self.space(self.page.line(at));
            self.line = " ".repeat(column.1);
        }
    }

    /// Writes an empty line if the source has one before this line.
    fn space(&mut self, line: usize) {
        let is_first = self.out.is_empty();
        if !is_first && (self.last + 1..line).any(|line| self.page.is_blank(line)) {
            self.out.push('\n');
        }
    }

    /// Writes the comments that stand before `at`, each on a line of its own. `next` is the column of what
    /// comes after them.
    fn flush(&mut self, at: usize, next: Column) {
        while let Some(comment) = self.comments.next_if(|comment| comment.at < at) {
            let line = self.page.line(comment.at);
            self.space(line);
            let own = self.page.column(comment.at);
            let levels = self.levels.iter().chain(&self.reached);
            let of = std::iter::once(&next).chain(levels).find(|(source, _)| *source == own);
            let column = of.map_or(next.1, |(_, column)| *column);
            self.out.push_str(&" ".repeat(column));
            self.out.push_str(&comment.text);
            self.out.push('\n');
            self.last = line;
        }
    }

    /// Ends the line whose last character in the source is before `end`, with the comment behind it.
    fn finish(&mut self, end: usize) {
        let line = self.page.line(end);
        let is_behind =
            |comment: &Comment| !comment.is_alone && comment.at >= end && self.page.line(comment.at) == line;
        if let Some(comment) = self.comments.next_if(is_behind) {
            self.line.push_str(&" ".repeat(comment.gap.max(1)));
            self.line.push_str(&comment.text);
        }
        self.out.push_str(self.line.trim_end());
        self.out.push('\n');
        self.line.clear();
        self.last = line;
        self.reached.clone_from(&self.levels);
    }

    fn nested(&mut self, piece: &Piece, column: usize, is_in_list: bool) {
        match &piece.kind {
            Kind::List { items, .. } => self.list(items, column),
            Kind::Map { pairs, .. } => self.map(pairs, column, is_in_list),
            Kind::Word(_) | Kind::Block { .. } => {}
        }
    }

    fn list(&mut self, items: &[Piece], column: usize) {
        for item in items {
            let dash = self.page.before(item.span.start).iter().rev();
            let spaces = dash.take_while(|char| **char == ' ').count();
            let own = self.page.column(item.span.start).saturating_sub(spaces + 1);
            self.levels.push((own, column));
            let at = self.first_line(item);
            self.begin(at, (own, column));
            self.line.push_str("- ");
            self.value(item, column + STEP, true);
            self.levels.pop();
        }
    }

    /// Writes keys and values. Within a list, a list begins at the column of its key: that is two columns
    /// from the dash before.
    fn map(&mut self, pairs: &[(Piece, Piece)], column: usize, is_in_list: bool) {
        for (key, value) in pairs {
            let own = self.page.column(key.span.start);
            self.levels.push((own, column));
            let at = self.first_line_of_pair(key, value);
            self.begin(at, (own, column));
            if let Kind::Word(word) = &key.kind {
                self.line.push_str(word);
            }
            self.line.push(':');
            if !matches!(&value.kind, Kind::Word(word) if word.is_empty()) {
                self.entry(key, value, (column, is_in_list));
            } else {
                self.finish(key.span.end);
            }
            self.levels.pop();
        }
    }

    /// The value of a key: behind it, or below it.
    fn entry(&mut self, key: &Piece, value: &Piece, (column, is_in_list): (usize, bool)) {
        let is_list = matches!(value.kind, Kind::List { .. });
        if (is_list || matches!(value.kind, Kind::Map { .. })) && self.joined(value).is_none() {
            self.finish(key.span.end);
            let step = if is_list && is_in_list { 0 } else { STEP };
            return self.nested(value, column + step, is_in_list);
        }
        self.line.push(' ');
        self.value(value, column + STEP, is_in_list);
    }

    /// A value behind what its line has: in one line, or the first of it. What does not fit there begins at
    /// `column`.
    fn value(&mut self, value: &Piece, column: usize, is_in_list: bool) {
        if let Some(text) = self.joined(value) {
            self.line.push_str(&text);
            return self.finish(value.span.end);
        }
        let Kind::Block { header, lines } = &value.kind else {
            return self.nested(value, column, is_in_list);
        };
        self.line.push_str(header);
        self.finish(value.span.start);
        for line in lines {
            if !line.is_empty() {
                self.out.push_str(&" ".repeat(column));
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        self.last = self.page.line(value.span.end);
    }

    /// The last place of the first line of a node: comments before it go above.
    fn first_line(&mut self, piece: &Piece) -> usize {
        match &piece.kind {
            _ if self.joined(piece).is_some() => piece.span.start,
            Kind::List { items, .. } => items.first().map_or(piece.span.start, |item| self.first_line(item)),
            Kind::Map { pairs, .. } => {
                let first = pairs.first();
                first.map_or(piece.span.start, |(key, value)| self.first_line_of_pair(key, value))
            }
            Kind::Word(_) | Kind::Block { .. } => piece.span.start,
        }
    }

    fn first_line_of_pair(&mut self, key: &Piece, value: &Piece) -> usize {
        let is_below =
            matches!(value.kind, Kind::List { .. } | Kind::Map { .. }) && self.joined(value).is_none();
        let is_nothing = matches!(&value.kind, Kind::Word(word) if word.is_empty());
        if is_below || is_nothing { key.span.start } else { value.span.start.max(key.span.start) }
    }
}

/// A node between brackets, on one line; `None` if it has a text in lines of its own.
fn flow(piece: &Piece) -> Option<String> {
    Some(match &piece.kind {
        Kind::Word(word) => word.clone(),
        Kind::Block { .. } => return None,
        Kind::List { items, .. } => {
            let items: Option<Vec<_>> = items.iter().map(flow).collect();
            format!("[{}]", items?.join(", "))
        }
        Kind::Map { pairs, .. } => {
            let pair = |(key, value): &(Piece, Piece)| {
                let (key, value) = (flow(key)?, flow(value)?);
                Some(if value.is_empty() { format!("{key}:") } else { format!("{key}: {value}") })
            };
            let pairs: Option<Vec<_>> = pairs.iter().map(pair).collect();
            format!("{{{}}}", pairs?.join(", "))
        }
    })
}
