//! From YAML to a [`Rule`]: capa's grammar and the superset of `docs/rules.md`.
//!
//! Every mistake becomes a [`Problem`](super::problem::Problem) with its place, and parsing goes on, so that
//! one load shows all of them. A part that was not understood is never dropped: a rule with a problem is not
//! loaded at all.

mod feature;
mod limits;
mod meta;
mod special;
mod statement;

use std::{cell::RefCell, ops::Range};

pub(super) use feature::{ARCHITECTURES, FORMATS, SYSTEMS, countable};
pub(super) use limits::{MAX_BYTES, MAX_STEPS};
pub(crate) use meta::TACTICS;
pub(super) use special::{ALGORITHMS, CLASSES};

use super::{
    problem::{RuleLoadError, Source, closest},
    rule::{Rule, Statement},
    yaml::{self, Node, Value},
};

/// What parsing needs everywhere.
struct Parser<'a> {
    source: &'a Source,
    problems: RefCell<&'a mut RuleLoadError>,
    /// Whether to compile regular expressions now. The rules that ship are compiled when first needed: a
    /// test has seen them.
    eager: bool,
}

type Pairs = [(Node, Node)];

/// Reads a rule, or says in `problems` what is wrong with it.
pub(super) fn rule(source: &Source, eager: bool, problems: &mut RuleLoadError) -> Option<Rule> {
    let root = match yaml::parse(source) {
        Ok(root) => root,
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    let before = problems.problems.len() + problems.cut;
    let parser = Parser { source, problems: RefCell::new(problems), eager };
    let rule = parser.rule(&root);
    let problems = parser.problems.into_inner();
    rule.filter(|_| problems.problems.len() + problems.cut == before)
}

impl Parser<'_> {
    /// The statement of a rule, which stands alone in a list.
    fn only_statement(&self, features: &Node) -> Option<Statement> {
        let Value::List(items) = &features.value else {
            let message = format!("`features` is a list with one statement, not {}", features.kind());
            return self.wrong(&features.span, message, None);
        };
        match &items[..] {
            [one] => self.statement(one),
            _ => {
                let help = "put them below one `and` or `or`".into();
                self.wrong(&features.span, "`features` holds one statement", Some(help))
            }
        }
    }

    fn rule(&self, root: &Node) -> Option<Rule> {
        let pairs = self.map(root)?;
        self.only(pairs, &["rule"]);
        let body = self.map(self.required(root, pairs, "rule")?)?;
        self.only(body, &["meta", "features"]);
        let rule = self.required(root, pairs, "rule")?;
        let meta = self.required(rule, body, "meta").and_then(|node| self.meta(node));
        let features = self.required(rule, body, "features")?;
        let statement = self.only_statement(features);
        let rule = Rule {
            meta: meta?,
            statement: statement?,
            file: self.source.name.clone(),
            text: self.source.text.to_string(),
        };
        self.check_scopes(&rule);
        Some(rule)
    }

    /// Notes a problem.
    fn wrong<T>(&self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) -> Option<T> {
        self.problems.borrow_mut().push(self.source.problem(span, message, help));
        None
    }

    fn map<'n>(&self, node: &'n Node) -> Option<&'n Pairs> {
        match &node.value {
            Value::Map(pairs) => Some(pairs),
            _ => self.wrong(&node.span, format!("here a map is expected, not {}", node.kind()), None),
        }
    }

    fn list<'n>(&self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => self.wrong(&node.span, format!("here a list is expected, not {}", node.kind()), None),
        }
    }

    fn text<'n>(&self, node: &'n Node) -> Option<&'n str> {
        match node.text() {
            Some("") => self.wrong(&node.span, "here a text is expected, not nothing", None),
            Some(text) => Some(text),
            None => self.wrong(&node.span, format!("here a text is expected, not {}", node.kind()), None),
        }
    }

    /// The texts of a list.
    fn texts(&self, node: &Node) -> Option<Vec<String>> {
        Some(self.list(node)?.iter().filter_map(|item| self.text(item)).map(str::to_owned).collect())
    }

    fn required<'n>(&self, of: &Node, pairs: &'n Pairs, key: &str) -> Option<&'n Node> {
        let found = get(pairs, key);
        if found.is_none() {
            let span = of.span.start..of.span.start + 1;
            return self.wrong(&span, format!("`{key}` is missing here"), None);
        }
        found
    }

    /// Notes every key that is not among `known`.
    fn only(&self, pairs: &Pairs, known: &[&str]) {
        for (key, _) in pairs {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let help = closest(name, known.iter().copied())
                    .or_else(|| Some(format!("known: {}", known.join(", "))));
                self.wrong::<()>(&key.span, format!("unknown key `{name}`"), help);
            }
        }
    }

    /// The entry of `table` whose name `node` is.
    fn one_of<'t, T>(
        &self,
        node: &Node,
        what: &str,
        table: &'t [T],
        name: impl Fn(&T) -> &'t str,
    ) -> Option<&'t T> {
        let text = self.text(node)?;
        let found = table.iter().find(|entry| name(entry) == text);
        if found.is_none() {
            let help = closest(text, table.iter().map(&name)).or_else(|| {
                let names: Vec<_> = table.iter().take(20).map(&name).collect();
                Some(format!("known: {}", names.join(", ")))
            });
            return self.wrong(&node.span, format!("unknown {what} `{text}`"), help);
        }
        found
    }

    fn integer(&self, node: &Node) -> Option<i128> {
        let text = self.text(node)?;
        let number = integer(text);
        if number.is_none() {
            return self.wrong(
                &node.span,
                format!("`{text}` is not an integer"),
                Some("decimal or 0x…".into()),
            );
        }
        number
    }

    fn float(&self, node: &Node) -> Option<f64> {
        let text = self.text(node)?;
        let number = integer(text)
            .map(|value| value as f64)
            .or_else(|| text.parse().ok())
            .filter(|value: &f64| value.is_finite());
        if number.is_none() {
            return self.wrong(&node.span, format!("`{text}` is not a number"), None);
        }
        number
    }

    fn boolean(&self, node: &Node) -> Option<bool> {
        match self.text(node)? {
            "true" => Some(true),
            "false" => Some(false),
            text => self.wrong(&node.span, format!("`{text}` is neither true nor false"), None),
        }
    }
}

/// The value of `key`.
fn get<'n>(pairs: &'n Pairs, key: &str) -> Option<&'n Node> {
    pairs.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
}

/// An integer in decimal or `0x` hexadecimal, with a sign or not.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) if hex.starts_with(['+', '-']) => None,
        Some(hex) => i128::from_str_radix(&hex.replace('_', ""), 16).ok(),
        None => digits.parse().ok(),
    };
    magnitude.map(|magnitude| sign * magnitude)
}

#[cfg(test)]
mod tests;
