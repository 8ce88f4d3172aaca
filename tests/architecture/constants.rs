//! The numeric constants of a source file, read from its tokens.

use std::{collections::BTreeMap, time::Duration};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A constant of a numeric type or a `Duration`, or a field of a struct of limits.
#[derive(Debug, Clone)]
pub(crate) struct Constant {
    pub(crate) name: String,
    /// What the documentation says, on one line.
    pub(crate) doc: String,
    /// What stands behind `=`.
    value: Vec<TokenTree>,
    pub(crate) line: usize,
}

const NUMERIC: &[&str] =
    &["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "f32", "f64", "Duration"];

/// The constants of a file, those in functions too, and none under `#[cfg(test)]`.
pub(crate) fn constants(text: &str) -> Vec<Constant> {
    let tokens: TokenStream = text.parse().expect("the file is Rust");
    let mut found = Vec::new();
    collect(tokens, &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<Constant>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let (mut doc, mut at) = (String::new(), 0);
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                let Some(TokenTree::Group(group)) = tokens.get(at + 1) else {
                    at += 1;
                    continue;
                };
                if super::source::is_test(tokens.get(at + 1)) {
                    at += super::source::item_len(&tokens[at..]);
                    continue;
                }
                doc.push_str(&doc_of(group.stream()).unwrap_or_default());
                at += 2;
                continue;
            }
            TokenTree::Ident(word) if word == "pub" => {
                let scoped = matches!(tokens.get(at + 1), Some(TokenTree::Group(group))
                    if group.delimiter() == Delimiter::Parenthesis);
                at += if scoped { 2 } else { 1 };
                continue;
            }
            TokenTree::Ident(word) if word == "const" => {
                found.extend(constant(&tokens[at..], &doc, word.span().start().line));
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            _ => {}
        }
        doc.clear();
        at += 1;
    }
}

/// The least number that is taken for a bound where it stands in code: below are widths, lanes and bits.
const LEAST_BOUND: u128 = 64;

/// Numbers in code that look like bounds, with their lines: in `.take(…)`, `.min(…)`, and shifted ones.
pub(crate) fn bounds(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let tokens: TokenStream = text.parse().expect("the file is Rust");
    collect_bounds(&tokens.into_iter().collect::<Vec<_>>(), &mut found);
    found
}

fn collect_bounds(tokens: &[TokenTree], found: &mut Vec<(usize, String)>) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let len = match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' && super::source::is_test(tokens.get(at + 1)) => {
                super::source::item_len(&tokens[at..])
            }
            // Constants are looked at for themselves.
            TokenTree::Ident(word) if word == "const" => {
                let is_value = tokens.get(at + 2).is_some_and(|mark| mark.to_string() == ":");
                let end = tokens[at..].iter().position(|token| token.to_string() == ";").unwrap_or(0);
                if is_value { end + 1 } else { 1 }
            }
            token => {
                found.extend(bound(&tokens[at..]).map(|bound| (token.span().start().line, bound)));
                if let TokenTree::Group(group) = token {
                    collect_bounds(&group.stream().into_iter().collect::<Vec<_>>(), found);
                }
                1
            }
        };
        at += len;
    }
}

/// `take(NUMBER)`, `min(NUMBER)` or `NUMBER << NUMBER`.
fn bound(tokens: &[TokenTree]) -> Option<String> {
    let number = |tokens: &[TokenTree]| sum(tokens, &BTreeMap::new()).filter(|&value| value >= LEAST_BOUND);
    match tokens {
        [TokenTree::Ident(word), TokenTree::Group(group), ..] if word == "take" || word == "min" => {
            let inner: Vec<_> = group.stream().into_iter().collect();
            let [TokenTree::Literal(literal)] = &inner[..] else { return None };
            number(&[literal.clone().into()]).map(|_| format!("{word}({literal})"))
        }
        [
            left @ TokenTree::Literal(_),
            TokenTree::Punct(a),
            TokenTree::Punct(b),
            right @ TokenTree::Literal(_),
            ..,
        ] if (a.as_char(), b.as_char()) == ('<', '<') => {
            number(&tokens[..4]).map(|_| format!("{left} << {right}"))
        }
        _ => None,
    }
}

/// ` text` of `[doc = " text"]`.
fn doc_of(tokens: TokenStream) -> Option<String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let [TokenTree::Ident(word), TokenTree::Punct(_), TokenTree::Literal(text)] = &tokens[..] else {
        return None;
    };
    let text = text.to_string();
    let text = text.strip_prefix('"')?.strip_suffix('"')?.replace("\\\"", "\"").replace("\\\\", "\\");
    (word == "doc").then(|| format!(" {}", text.trim()))
}

/// `const NAME: TYPE = VALUE;` of a numeric type.
fn constant(tokens: &[TokenTree], doc: &str, line: usize) -> Option<Constant> {
    let name = tokens.get(1)?.to_string();
    let assigned = tokens.iter().position(|token| token.to_string() == "=")?;
    let end = tokens.iter().position(|token| token.to_string() == ";")?;
    let ty = tokens.get(3..assigned)?.last()?.to_string();
    let is_plain = !tokens[..assigned].iter().any(|token| matches!(token, TokenTree::Group(_)));
    let value = tokens.get(assigned + 1..end)?.to_vec();
    let doc = doc.trim().to_owned();
    (is_plain && NUMERIC.contains(&&*ty)).then_some(Constant { name, doc, value, line })
}

impl Constant {
    /// Its value, by those that stand before it. Of a choice between tests and others, that of the others.
    pub(crate) fn value(&self, known: &BTreeMap<String, u128>) -> Value {
        let tokens = match self.value.last() {
            Some(TokenTree::Group(last))
                if self.value.first().is_some_and(|first| first.to_string() == "if") =>
            {
                last.stream().into_iter().collect()
            }
            _ => self.value.clone(),
        };
        let text = tokens.iter().map(ToString::to_string).collect::<String>();
        match sum(&tokens, known) {
            Some(number) => Value::Number(number),
            None => duration(&text).map_or(Value::Text(text), Value::Time),
        }
    }
}

/// The value of a constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(u128),
    Time(Duration),
    Text(String),
}

fn duration(text: &str) -> Option<Duration> {
    let (unit, rest) = text.strip_prefix("Duration::from_")?.split_once('(')?;
    let number = rest.strip_suffix(')')?.replace('_', "").parse().ok()?;
    match unit {
        "secs" => Some(Duration::from_secs(number)),
        "millis" => Some(Duration::from_millis(number)),
        _ => None,
    }
}

/// Whole numbers, names, `+ - * <<` as Rust binds them.
fn sum(tokens: &[TokenTree], known: &BTreeMap<String, u128>) -> Option<u128> {
    let is = |at: usize, mark: char| tokens[at].to_string() == mark.to_string();
    if let Some(at) = (1..tokens.len().saturating_sub(1)).find(|&at| is(at, '<') && is(at + 1, '<')) {
        let by = sum(&tokens[at + 2..], known)?;
        return sum(&tokens[..at], known)?.checked_mul(1u128.checked_shl(by.try_into().ok()?)?);
    }
    if let Some(at) = (1..tokens.len()).rev().find(|&at| is(at, '+') || is(at, '-')) {
        let (left, right) = (sum(&tokens[..at], known)?, sum(&tokens[at + 1..], known)?);
        return if is(at, '+') { left.checked_add(right) } else { left.checked_sub(right) };
    }
    if let Some(at) = (1..tokens.len()).rev().find(|&at| is(at, '*')) {
        return sum(&tokens[..at], known)?.checked_mul(sum(&tokens[at + 1..], known)?);
    }
    match tokens {
        [TokenTree::Group(group)] => sum(&group.stream().into_iter().collect::<Vec<_>>(), known),
        [TokenTree::Ident(name)] => known.get(&name.to_string()).copied(),
        [TokenTree::Literal(number)] => number.to_string().replace('_', "").parse().ok(),
        _ => None,
    }
}
