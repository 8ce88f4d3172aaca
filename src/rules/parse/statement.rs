//! Statements: how features are joined, counted and scoped.

use crate::rules::{
    possible::nested,
    rule::{Bounds, Feature, Kind, Rule, SCOPES, Scope, Statement},
};

use super::{Node, Parser, Value, feature::countable, get};

/// What the name of a list of parts makes of them.
fn joined(name: &str) -> Option<fn(Vec<Statement>) -> Kind> {
    Some(match name {
        "and" => Kind::And,
        "or" => Kind::Or,
        "optional" => |parts| Kind::AtLeast(0, parts),
        _ => return None,
    })
}

impl Parser<'_> {
    /// A statement: a map of one key, and maybe `description` beside it.
    pub(super) fn statement(&self, node: &Node) -> Option<Statement> {
        let pairs = self.map(node)?;
        let mut keys = pairs.iter().filter(|(key, _)| key.text() != Some("description"));
        let (Some((key, value)), second) = (keys.next(), keys.next()) else {
            return self.wrong(&node.span, "here a statement is expected", None);
        };
        if let Some((second, _)) = second {
            let name = second.text().unwrap_or_default();
            return self.wrong(
                &second.span,
                format!("a second statement, `{name}`, in one item"),
                Some("begin it with `- `".into()),
            );
        }
        let beside = get(pairs, "description").and_then(|node| self.text(node)).map(str::to_owned);
        let (kind, inside) = self.keyed(key, value)?;
        Some(Statement { kind, description: beside.or(inside), span: key.span.clone() })
    }

    /// The statement that `key` begins, and the description inside it.
    fn keyed(&self, key: &Node, value: &Node) -> Option<(Kind, Option<String>)> {
        let name = self.text(key)?;
        if let Some(kind) = joined(name) {
            let (parts, description) = self.parts(value)?;
            return Some((kind(parts), description));
        }
        if name == "not" {
            let (part, description) = self.one_part(key, value)?;
            return Some((Kind::Not(Box::new(part)), description));
        }
        if let Some(number) = name.strip_suffix(" or more") {
            return self.at_least(key, number, value);
        }
        if let Some((_, scope, _)) = SCOPES.iter().find(|(scope, ..)| *scope == name && name != "file") {
            let (part, description) = self.one_part(key, value)?;
            return Some((Kind::Within(*scope, Box::new(part)), description));
        }
        if let Some(inner) = name.strip_prefix("count(").and_then(|rest| rest.strip_suffix(')')) {
            let feature = self.counted(key, inner)?;
            return Some((Kind::Count(feature, self.bounds(value)?), None));
        }
        let (feature, description) = self.feature(key, name, value)?;
        Some((Kind::Feature(feature), description))
    }

    /// `N or more` of the parts.
    fn at_least(&self, key: &Node, number: &str, value: &Node) -> Option<(Kind, Option<String>)> {
        let (parts, description) = self.parts(value)?;
        match number.parse() {
            Ok(number) if number <= parts.len() => Some((Kind::AtLeast(number, parts), description)),
            Ok(_) => {
                let message = format!("of {} parts never {number} or more hold", parts.len());
                self.wrong(&key.span, message, None)
            }
            Err(_) => self.wrong(&key.span, format!("`{number}` is not a number"), None),
        }
    }

    /// The statements of a list, in which `description` may be one item.
    fn parts(&self, node: &Node) -> Option<(Vec<Statement>, Option<String>)> {
        let mut description = None;
        let mut parts = Vec::new();
        let mut is_whole = true;
        for item in self.list(node)? {
            match &item.value {
                Value::Map(pairs) if pairs.len() == 1 && get(pairs, "description").is_some() => {
                    description =
                        get(pairs, "description").and_then(|node| self.text(node)).map(str::to_owned);
                }
                _ => match self.statement(item) {
                    Some(part) => parts.push(part),
                    None => is_whole = false,
                },
            }
        }
        if parts.is_empty() && is_whole {
            return self.wrong(&node.span, "an empty list of statements", None);
        }
        is_whole.then_some((parts, description))
    }

    fn one_part(&self, key: &Node, value: &Node) -> Option<(Statement, Option<String>)> {
        let (parts, description) = self.parts(value)?;
        let count = parts.len();
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(part), None) => Some((part, description)),
            _ => {
                let help = Some("put them below one `and` or `or`".into());
                self.wrong(
                    &key.span,
                    format!("`{}` takes one statement, not {count}", key.text().unwrap_or_default()),
                    help,
                )
            }
        }
    }

    /// `api(path_open)`, `characteristic(nzxor)`, `basic blocks`.
    fn counted(&self, key: &Node, inner: &str) -> Option<Feature> {
        if inner == "basic blocks" {
            return Some(Feature::BasicBlocks);
        }
        let parts = inner.split_once('(').and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
        let Some((name, value)) = parts else {
            return self.wrong(
                &key.span,
                format!("`{inner}` cannot be counted"),
                Some("such as `count(api(path_open))`".into()),
            );
        };
        if !countable().any(|known| known == name) {
            return self.wrong(
                &key.span,
                format!("`{name}` cannot be counted"),
                super::closest(name, countable()),
            );
        }
        let node = Node { span: key.span.clone(), value: Value::Text(value.to_owned().into()) };
        self.feature(key, name, &node).map(|(feature, _)| feature)
    }

    /// `5`, `5 or more`, `5 or fewer`, `(2, 8)`, `(2, )`, `(, 8)`.
    fn bounds(&self, node: &Node) -> Option<Bounds> {
        let text = self.text(node)?;
        let bounds = bounds(text);
        if bounds.is_none() {
            let help = Some("`5`, `5 or more`, `5 or fewer`, or a range `(2, 8)`".into());
            return self.wrong(&node.span, format!("`{text}` is not a count"), help);
        }
        bounds
    }

    /// Every feature must have a meaning in one of the scopes of the rule, and the whole must be able to hold
    /// in one.
    pub(super) fn check_scopes(&self, rule: &Rule) {
        let problems = || {
            let problems = self.problems.borrow();
            problems.problems.len() + problems.cut
        };
        let before = problems();
        self.check_statement(&rule.statement, &rule.columns());
        if let Some(never) = rule.never().filter(|_| problems() == before) {
            self.wrong::<()>(&never.statement.span, never.why, never.help);
        }
    }

    fn check_statement(&self, statement: &Statement, columns: &[(Scope, bool)]) {
        match &statement.kind {
            Kind::And(parts) | Kind::Or(parts) | Kind::AtLeast(_, parts) => {
                parts.iter().for_each(|part| self.check_statement(part, columns));
            }
            Kind::Not(part) => self.check_statement(part, columns),
            Kind::Within(inner, part) => {
                let fitting: Vec<_> = columns.iter().filter_map(|outer| nested(*outer, *inner)).collect();
                if fitting.is_empty() {
                    let message = format!("`{}` cannot stand in scope {}", inner.name(), names(columns));
                    self.wrong::<()>(&statement.span, message, None);
                }
                self.check_statement(part, &fitting);
            }
            Kind::Count(feature, _) | Kind::Feature(feature) => {
                let fits = |&(scope, on_run): &(Scope, bool)| feature.fits(scope, on_run);
                if !columns.is_empty() && !columns.iter().any(fits) {
                    let message = format!("this has no meaning in scope {}", names(columns));
                    self.wrong::<()>(&statement.span, message, feature.scope_help());
                }
            }
        }
    }
}

fn names(columns: &[(Scope, bool)]) -> String {
    let name = |(scope, on_run): &(Scope, bool)| {
        format!("`{}` ({})", scope.name(), if *on_run { "dynamic" } else { "static" })
    };
    columns.iter().map(name).collect::<Vec<_>>().join(" and ")
}

fn bounds(text: &str) -> Option<Bounds> {
    if let Some(number) = text.strip_suffix(" or more") {
        return Some(Bounds { min: number.trim().parse().ok()?, max: u64::MAX });
    }
    if let Some(number) = text.strip_suffix(" or fewer").or_else(|| text.strip_suffix(" or less")) {
        return Some(Bounds { min: 0, max: number.trim().parse().ok()? });
    }
    if let Some(range) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let (min, max) = range.split_once(',')?;
        let (min, max) = (min.trim(), max.trim());
        if min.is_empty() && max.is_empty() {
            return None;
        }
        let min = if min.is_empty() { 0 } else { min.parse().ok()? };
        let max = if max.is_empty() { u64::MAX } else { max.parse().ok()? };
        return (min <= max).then_some(Bounds { min, max });
    }
    text.parse().ok().map(|number| Bounds { min: number, max: number })
}
