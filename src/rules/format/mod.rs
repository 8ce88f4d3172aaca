//! Rule files laid out in one way: `spoor rules fmt`.
//!
//! Two columns for each level, one space after `:` and `,`, at most one empty line in a row. Four things stay
//! as they are: comments, the order of keys, how a text is written (plain, quoted, in lines of its own), and
//! how lines end. The new text is read again. If it said something else, or a comment were lost, the file is
//! refused.
//!
//! Not here: whether a rule makes sense (`parse`, `lint`).

mod comments;
mod page;
mod tree;
mod writer;

use super::{
    problem::{Problem, Source},
    yaml::{self, Node, Value},
};
use page::Page;

/// The rule file `text`, laid out. `name` is what errors call it. Its lines end as its first line does, and a
/// mark of byte order stays.
///
/// # Errors
///
/// When it is not the YAML of one rule, or would not say the same.
pub fn format(name: &str, text: &str) -> Result<String, Box<Problem>> {
    let (mark, rest) = text.strip_prefix(MARK).map_or(("", text), |rest| (MARK, rest));
    let is_crlf = rest.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    let laid_out = lay_out(name, &rest.replace("\r\n", "\n"))?;
    Ok(mark.to_owned() + &if is_crlf { laid_out.replace('\n', "\r\n") } else { laid_out })
}

/// A mark of byte order: some editors begin a file with one.
const MARK: &str = "\u{feff}";

/// A text whose lines end with a line feed alone.
fn lay_out(name: &str, text: &str) -> Result<String, Box<Problem>> {
    let source = Source::new(name, text);
    let before = yaml::parse(&source)?;
    let page = Page::new(text);
    let tree = tree::read(&page, text, &before);
    let (root, covered) = tree.ok_or_else(|| refused(&source))?;
    let comments = comments::find(&page, &covered);
    let kept: Vec<String> = comments.iter().map(|comment| comment.text.clone()).collect();
    let laid_out = writer::write(&page, &root, comments);
    let after = Source::new(name, &laid_out);
    let is_same = yaml::parse(&after).is_ok_and(|after| is_equal(&before, &after));
    if is_same && has_comments(&laid_out, kept) { Ok(laid_out) } else { Err(refused(&source)) }
}

fn refused(source: &Source) -> Box<Problem> {
    let message = "this file cannot be laid out without a change of what it says";
    Box::new(source.problem(&(0..1), message, None))
}

/// Whether two trees say the same, wherever their nodes stand.
fn is_equal(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let same = |((a, x), (b, y)): (&(Node, Node), &(Node, Node))| is_equal(a, b) && is_equal(x, y);
            a.len() == b.len() && a.iter().zip(b).all(same)
        }
        _ => false,
    }
}

/// Whether `text` has just these comments, in any order.
fn has_comments(text: &str, mut expected: Vec<String>) -> bool {
    let page = Page::new(text);
    let Ok(node) = yaml::parse(&Source::new("", text)) else { return false };
    let Some((_, covered)) = tree::read(&page, text, &node) else { return false };
    let mut found: Vec<_> = comments::find(&page, &covered).into_iter().map(|comment| comment.text).collect();
    found.sort_unstable();
    expected.sort_unstable();
    found == expected
}

#[cfg(test)]
mod tests;
