//! The contents of a file and how it is written: the tree of its YAML with the styles of its nodes.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{comments::comment, page::Page};
use crate::rules::yaml::Node;

/// A node and where it stands, in characters.
pub(super) struct Piece {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// A text within a line, as it is to be written.
    Word(String),
    /// A text in lines of its own: what stands before them, and they without indentation.
    Block {
        header: String,
        lines: Vec<String>,
    },
    List {
        is_flow: bool,
        items: Vec<Piece>,
    },
    Map {
        is_flow: bool,
        pairs: Vec<(Piece, Piece)>,
    },
}

/// A list or map that is not yet complete.
struct Open {
    start: usize,
    is_flow: bool,
    is_map: bool,
    items: Vec<Piece>,
}

struct Reader<'a> {
    page: &'a Page,
    open: Vec<Open>,
    root: Option<Piece>,
    covered: Vec<Range<usize>>,
}

/// Reads `text`, which was read as `_bounded` before: its nesting and size are known to be small. Gives the
/// places of all scalars, too.
pub(super) fn read(page: &Page, text: &str, _bounded: &Node) -> Option<(Piece, Vec<Range<usize>>)> {
    let mut reader = Reader { page, open: Vec::new(), root: None, covered: Vec::new() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.ok()?;
        let span = span.start.index()..span.end.index();
        match event {
            Event::Scalar(text, style, ..) => {
                let piece = reader.scalar(&text, style, span);
                reader.close(piece);
            }
            Event::SequenceStart(..) => reader.begin(span, false),
            Event::MappingStart(..) => reader.begin(span, true),
            // Behind a bracket the parser looks for what comes next, comments too.
            Event::SequenceEnd | Event::MappingEnd => {
                reader.end(span.start + usize::from(!span.is_empty()));
            }
            _ => {}
        }
    }
    reader.root.map(|root| (root, reader.covered))
}

impl Reader<'_> {
    fn begin(&mut self, span: Range<usize>, is_map: bool) {
        let is_inside = self.open.last().is_some_and(|open| open.is_flow);
        let bracket = matches!(self.page.chars.get(span.start), Some('[' | '{')) && !span.is_empty();
        let is_flow = is_inside || bracket;
        self.open.push(Open { start: span.start, is_flow, is_map, items: Vec::new() });
    }

    fn end(&mut self, end: usize) {
        let Some(Open { start, is_flow, is_map, items }) = self.open.pop() else { return };
        let last = items.last().map_or(start, |item| item.span.end);
        let kind = if is_map {
            let (mut pairs, mut items) = (Vec::with_capacity(items.len() / 2), items.into_iter());
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                pairs.push((key, value));
            }
            Kind::Map { is_flow, pairs }
        } else {
            Kind::List { is_flow, items }
        };
        // Without brackets the end is only seen where the next thing begins.
        let end = if is_flow { end.max(last) } else { last };
        self.close(Piece { span: start..end, kind });
    }

    fn close(&mut self, piece: Piece) {
        match self.open.last_mut() {
            Some(open) => open.items.push(piece),
            None => self.root = Some(piece),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Range<usize>) -> Piece {
        let last = self.covered.last().map_or(0, |span| span.end);
        self.covered.push(span.clone());
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return self.block(text, span, last);
        }
        let is_plain = style == ScalarStyle::Plain;
        let is_one_line = self.page.line(span.start) == self.page.line(span.end);
        let word = match (is_plain, is_one_line) {
            (_, true) => self.page.slice(span.clone()).trim_end().to_owned(),
            (true, false) if !text.contains('\n') => text.to_owned(),
            _ => in_quotes(text),
        };
        Piece { span, kind: Kind::Word(word) }
    }

    /// A text in lines of its own. The parser tells where these are, not what stands before them, which comes
    /// after `last`.
    fn block(&self, text: &str, span: Range<usize>, last: usize) -> Piece {
        let header = self.header(last, span.start);
        let start = header.as_ref().map_or(span.start, |(at, _)| *at);
        let Some((_, indicators)) = header.filter(|_| !text.trim_matches('\n').is_empty()) else {
            return Piece { span: start..span.end, kind: Kind::Word(in_quotes(text)) };
        };
        // A digit says where the lines begin, from the level of the text: two columns with us.
        let header = indicators.iter().map(|&char| if char.is_ascii_digit() { '2' } else { char }).collect();
        let (first, mut end) = (self.page.line(start) + 1, self.page.line(span.end));
        let on_last = self.page.before(span.end).iter().any(|char| !char.is_whitespace());
        end += usize::from(on_last);
        while end > first && !indicators.contains(&'+') && self.page.is_blank(end - 1) {
            end -= 1;
        }
        let indent = self.page.column(span.start);
        let lines = (first..end).map(|line| {
            let text = self.page.text_of_line(line);
            let cut = text.iter().take(indent).take_while(|&&char| char == ' ').count();
            text.iter().skip(cut).collect()
        });
        let lines: Vec<String> = lines.collect();
        let last_line = end.saturating_sub(1);
        let stop = span.end.min(self.page.end_of_line(last_line)).max(span.start);
        Piece { span: start..stop, kind: Kind::Block { header, lines } }
    }

    /// `>-` or `|2+` between two places, and where it stands.
    fn header(&self, from: usize, to: usize) -> Option<(usize, Vec<char>)> {
        let mut at = from;
        while at < to {
            if let Some((_, end)) = comment(self.page, at) {
                at = end;
                continue;
            }
            if matches!(self.page.chars.get(at), Some('|' | '>')) {
                let rest = self.page.chars.get(at..to)?.iter();
                return Some((at, rest.take_while(|char| !char.is_whitespace()).copied().collect()));
            }
            at += 1;
        }
        None
    }
}

/// A text between quotes, on one line.
fn in_quotes(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
