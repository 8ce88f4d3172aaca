//! YAML as a tree whose nodes know where they stand.
//!
//! Only what a rule needs: no anchors, aliases or tags, one document, no duplicate keys. Size, nesting and
//! number of nodes are bounded, and events are read one by one without recursion in the parser, so a hostile
//! file costs no more than its length.

use std::{borrow::Cow, ops::Range};

use saphyr_parser::{Event, Marker, Parser, ScanError, Span};

use super::limits::{MAP_KEYS, RULE_BYTES, YAML_DEPTH, YAML_NODES};
use super::problem::{Problem, Source};

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where it stands, in characters.
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// What a node holds. All scalars are text; what they mean depends on the place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(Cow<'static, str>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// A list or map that is not yet complete.
struct Open {
    span: Range<usize>,
    items: Vec<Node>,
    is_map: bool,
}

/// Reads the one document of `source`.
pub(super) fn parse(source: &Source) -> Result<Node, Box<Problem>> {
    if source.text.len() > RULE_BYTES {
        let message = format!("the file has {} bytes; a rule file may have {RULE_BYTES}", source.text.len());
        return Err(Box::new(source.problem(&(0..1), message, None)));
    }
    if let Some(root) = Shipped::root(source.tree) {
        return Ok(root);
    }
    let mut reader = Reader { source, open: Vec::new(), root: None, nodes: 0 };
    let mut parser = Parser::new_from_str(&source.text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| reader.scan_error(&error))?;
        reader.event(event, &range(&span))?;
    }
    reader.finish()
}

/// A tree that `build.rs` wrote: its text, and its nodes from the root on.
struct Shipped {
    texts: &'static str,
    nodes: &'static [u8],
}

impl Shipped {
    /// Nothing of a rule that does not ship.
    fn root(tree: &'static [u8]) -> Option<Node> {
        let (len, rest) = tree.split_first_chunk()?;
        let (texts, nodes) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        Self { texts: std::str::from_utf8(texts).ok()?, nodes }.node()
    }

    fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.nodes.split_first_chunk()?;
        self.nodes = rest;
        Some(u32::from_le_bytes(*number) as usize)
    }

    /// The next node and all below it. It is as deep as a rule may be, which a test has seen.
    fn node(&mut self) -> Option<Node> {
        let (kind, rest) = self.nodes.split_first()?;
        self.nodes = rest;
        let span = self.number()?..self.number()?;
        let count = self.number()?;
        let value = match kind {
            b's' => {
                let (text, rest) = self.texts.split_at_checked(count)?;
                self.texts = rest;
                Value::Text(Cow::Borrowed(text))
            }
            b'[' => Value::List(self.nodes(count)?),
            _ => Value::Map(self.pairs(count)?),
        };
        Some(Node { span, value })
    }

    fn nodes(&mut self, count: usize) -> Option<Vec<Node>> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.node()?);
        }
        Some(items)
    }

    fn pairs(&mut self, count: usize) -> Option<Vec<(Node, Node)>> {
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((self.node()?, self.node()?));
        }
        Some(pairs)
    }
}

fn range(span: &Span) -> Range<usize> {
    span.start.index()..span.end.index()
}

struct Reader<'a> {
    source: &'a Source,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Reader<'_> {
    fn wrong<T>(&self, span: &Range<usize>, message: impl Into<String>) -> Result<T, Box<Problem>> {
        Err(Box::new(self.source.problem(span, message, None)))
    }

    fn scan_error(&self, error: &ScanError) -> Box<Problem> {
        let at: &Marker = error.marker();
        Box::new(self.source.problem(
            &(at.index()..at.index() + 1),
            format!("not YAML: {}", error.info()),
            None,
        ))
    }

    fn event(&mut self, event: Event<'_>, span: &Range<usize>) -> Result<(), Box<Problem>> {
        match event {
            Event::Alias(_) => self.wrong(span, "aliases are not allowed in rules"),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                self.wrong(span, "anchors are not allowed in rules")
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => self.wrong(span, "tags are not allowed in rules"),
            Event::Scalar(text, ..) => {
                self.close(Node { span: span.clone(), value: Value::Text(text.into_owned().into()) })
            }
            Event::SequenceStart(..) => self.begin(span, false),
            Event::MappingStart(..) => self.begin(span, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Node, Box<Problem>> {
        let none = || Box::new(self.source.problem(&(0..1), "the file holds no rule", None));
        self.root.take().ok_or_else(none)
    }

    fn begin(&mut self, span: &Range<usize>, is_map: bool) -> Result<(), Box<Problem>> {
        if self.open.len() >= YAML_DEPTH {
            return self.wrong(span, format!("nested more than {YAML_DEPTH} deep"));
        }
        self.open.push(Open { span: span.clone(), items: Vec::new(), is_map });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) -> Result<(), Box<Problem>> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let span = open.span.start..span.end.max(open.span.end);
        let value = if open.is_map { Value::Map(self.pairs(open.items)?) } else { Value::List(open.items) };
        self.close(Node { span, value })
    }

    /// Keys and values in turn, as pairs.
    fn pairs(&self, items: Vec<Node>) -> Result<Vec<(Node, Node)>, Box<Problem>> {
        let mut pairs: Vec<(Node, Node)> = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            let Some(text) = key.text() else { return self.wrong(&key.span, "a key must be a text") };
            if pairs.iter().any(|(other, _)| other.text() == Some(text)) {
                return self.wrong(&key.span, format!("the key `{text}` stands here twice"));
            }
            if pairs.len() >= MAP_KEYS {
                return self.wrong(&key.span, format!("more than {MAP_KEYS} keys in one map"));
            }
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    /// Puts a complete node where it belongs.
    fn close(&mut self, node: Node) -> Result<(), Box<Problem>> {
        self.nodes += 1;
        if self.nodes > YAML_NODES {
            return self.wrong(&node.span, format!("more than {YAML_NODES} nodes in one file"));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None if self.root.is_some() => {
                return self.wrong(&node.span, "a file holds one rule; this is a second document");
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{hint::Hint, load, pattern::Pattern, weight};
    use super::*;

    #[test]
    fn shipped_rules_are_read_at_build_time_as_they_would_be_now() {
        let shipped = load::shipped().behavior;
        assert!(shipped.len() > 100 && shipped.iter().all(|source| Shipped::root(source.tree).is_some()));
        for source in shipped {
            let fresh = Source { tree: &[], ..source.clone() };
            let (known, fresh) = (parse(&source), parse(&fresh));
            assert_eq!(known.ok(), fresh.ok(), "{}", source.name);
        }
    }

    /// The regular expressions of the rules that ship, and whether they ignore case.
    fn expressions(node: &Node, out: &mut Vec<(String, bool)>) {
        match &node.value {
            Value::Text(text) => {
                let inner = text.strip_prefix('/').filter(|rest| !rest.is_empty());
                let found = inner.and_then(|rest| {
                    rest.strip_suffix("/i")
                        .map(|source| (source, true))
                        .or(rest.strip_suffix('/').map(|s| (s, false)))
                });
                out.extend(found.map(|(source, ignore_case)| (source.to_owned(), ignore_case)));
            }
            Value::List(items) => items.iter().for_each(|item| expressions(item, out)),
            Value::Map(pairs) => pairs.iter().for_each(|(_, value)| expressions(value, out)),
        }
    }

    #[test]
    fn what_is_told_of_shipped_expressions_by_their_text_is_true() {
        let mut all = Vec::new();
        let shipped = load::shipped().behavior;
        shipped.iter().for_each(|source| expressions(&parse(source).unwrap(), &mut all));
        all.sort();
        all.dedup();
        assert!(all.len() > 80, "{}", all.len());
        // Texts of all kinds: lines of the rules themselves, and what they name.
        let lines: Vec<&str> = shipped.iter().flat_map(|source| source.text.lines()).collect();
        let words = lines.iter().flat_map(|line| line.split([' ', '|', '(', ')', '/', '^', '$']));
        let texts: Vec<&str> = lines.iter().copied().chain(words).collect();
        let mut matched = 0;
        for (source, ignore_case) in all {
            let (told, made) = (weight::of_shipped(&source), weight::of(&source, ignore_case));
            assert!(
                2 * told >= made && told <= 2 * made && (told == 1) == (made == 1),
                "{source}: {told} {made}"
            );
            let (hint, pattern) =
                (Hint::of(&source), Pattern::regex(source.clone(), source.clone(), ignore_case));
            pattern.check().unwrap();
            for text in texts.iter().filter(|text| pattern.is_match(text.as_bytes())) {
                assert!(hint.allows(text.as_bytes()), "{source}: {text}");
                matched += 1;
            }
        }
        assert!(matched > 100, "{matched}");
    }

    fn parse_text(text: &str) -> Result<Node, String> {
        parse(&Source::new("test.yml", text)).map_err(|problem| problem.message.clone())
    }

    #[test]
    fn nodes_know_their_place() {
        let node = parse_text("a:\n  - b\n  - c: 0x10\n").unwrap();
        let Value::Map(pairs) = node.value else { panic!("a map") };
        let Value::List(items) = &pairs[0].1.value else { panic!("a list") };
        assert_eq!(items[0].text(), Some("b"));
        assert_eq!(items[0].span, 7..8);
        let Value::Map(inner) = &items[1].value else { panic!("a map") };
        assert_eq!((inner[0].0.text(), inner[0].1.text()), (Some("c"), Some("0x10")));
    }

    #[test]
    fn hostile_files_are_refused() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        let deep = "[".repeat(100_000);
        let deeper = format!("{}{}", "[".repeat(YAML_DEPTH + 1), "]".repeat(YAML_DEPTH + 1));
        let wide = "- a\n".repeat(YAML_NODES + 1);
        for (text, expected) in [
            (bomb, "anchors are not allowed"),
            ("a: *b\n", "not YAML"),
            (deep.as_str(), "recursion limit"),
            (deeper.as_str(), "nested more than"),
            (wide.as_str(), "more than 20000 nodes"),
            ("a: !!binary x\n", "tags are not allowed"),
            ("a: 1\na: 2\n", "stands here twice"),
            ("a: 1\n---\nb: 2\n", "second document"),
            ("? [a]\n: b\n", "a key must be a text"),
            ("a: [b\n", "not YAML"),
            ("", "holds no rule"),
        ] {
            let error = parse_text(text).unwrap_err();
            assert!(error.contains(expected), "{error} instead of {expected}");
        }
        assert!(parse_text(&"x".repeat(RULE_BYTES + 1)).unwrap_err().contains("may have"));
    }
}
