//! Numbers, names and lists within sentences.

use std::fmt::Display;

/// A number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `part` of `whole`, 0 to 1; 0 of nothing.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A share as a percentage, such as `33.3 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A noun as it stands behind a count: `file` behind 1, `files` behind 2; `matches`.
pub fn noun(count: u64, singular: &str) -> String {
    let ending = match (count, ["ch", "x"].iter().any(|end| singular.ends_with(end))) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{singular}{ending}")
}

/// A count with its noun: `1 function`, `1,200 functions`.
pub fn plural(count: u64, singular: &str) -> String {
    format!("{} {}", grouped(count), noun(count, singular))
}

/// Counts of several kinds, those of nothing left out: `18 files and 2 folders`.
pub fn counted<'n>(counts: impl IntoIterator<Item = (usize, &'n str)>) -> String {
    let some = counts.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, singular)| plural(count as u64, singular)).collect::<Vec<_>>().join(" and ")
}

/// At most `max` characters of a text, and a mark where more was. Not escaped.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// As [`cut`], with the number of bytes that are missing. What is shorter than that mark stays.
pub fn cut_counted(text: &str, max: usize) -> String {
    match cut_at(text, max) {
        Some((kept, mark)) => format!("{kept}{mark}"),
        None => text.to_owned(),
    }
}

/// The first `max` characters of a text and a mark that counts the rest. `None` if the rest takes no more
/// room than the mark.
pub(crate) fn cut_at(text: &str, max: usize) -> Option<(&str, String)> {
    let (end, _) = text.char_indices().nth(max)?;
    let (kept, rest) = text.split_at_checked(end)?;
    let mark = format!("…(+{} bytes)", rest.len());
    let is_longer = rest.chars().nth(mark.chars().count()).is_some();
    is_longer.then_some((kept, mark))
}

/// At most `max` characters of a text, between backquotes. Not escaped: whoever prints the sentence does
/// that, once.
pub fn quoted(text: &str, max: usize) -> String {
    format!("`{}`", cut(text, max))
}

/// The first few of a list, and how many more there are.
pub fn some<T: Display>(items: impl IntoIterator<Item = T>, shown: usize) -> String {
    let mut items = items.into_iter();
    let first: Vec<_> = items.by_ref().take(shown).map(|item| item.to_string()).collect();
    match items.count() {
        0 => first.join(", "),
        more => format!("{} and {} more", first.join(", "), grouped(more as u64)),
    }
}

/// As [`some`], and no longer than so many characters: what has no room is counted, so that no item is cut
/// within, unless the first alone is longer.
pub fn some_within(items: impl IntoIterator<Item = String>, shown: usize, max: usize) -> String {
    let items: Vec<_> = items.into_iter().collect();
    let ends = items.iter().scan(0, |end, item| {
        *end += item.chars().count() + ", ".len();
        Some(*end)
    });
    let fitting = ends.take_while(|end| *end <= max).count();
    some(items, shown.min(fitting.max(1)))
}

/// The name of an import, and of a call of it: `module.name`.
pub fn import_name(module: &str, name: &str) -> String {
    format!("{module}.{name}")
}

/// An exception, such as `tag 0 "error" (i32 5)`.
pub fn thrown(tag: u32, name: Option<&str>, operands: &[String]) -> String {
    let mut text = format!("tag {tag}");
    if let Some(name) = name {
        text += &format!(" {name:?}");
    }
    if !operands.is_empty() {
        text += &format!(" ({})", operands.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_item_is_cut_within() {
        let items = || ["alpha 1".to_owned(), "beta 2".to_owned(), "gamma 3".to_owned()];
        assert_eq!(some_within(items(), 8, 100), "alpha 1, beta 2, gamma 3");
        assert_eq!(some_within(items(), 8, 20), "alpha 1, beta 2 and 1 more");
        assert_eq!(some_within(items(), 1, 20), "alpha 1 and 2 more");
        assert_eq!(some_within(items(), 8, 3), "alpha 1 and 2 more");
        assert_eq!(some_within([], 8, 3), "");
    }

    #[test]
    fn digits_are_grouped() {
        for (count, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), expected);
        }
    }

    #[test]
    fn kinds_without_any_are_left_out() {
        assert_eq!(counted([(18, "file"), (2, "folder"), (0, "link")]), "18 files and 2 folders");
        assert_eq!(counted([(0, "file"), (1, "folder")]), "1 folder");
    }

    #[test]
    fn one_is_singular() {
        for (count, noun, expected) in [
            (1, "function", "1 function"),
            (0, "match", "0 matches"),
            (1, "match", "1 match"),
            (1200, "call", "1,200 calls"),
        ] {
            assert_eq!(plural(count, noun), expected);
        }
    }

    #[test]
    fn a_share_of_nothing_is_none() {
        assert_eq!(percent(share(1, 3)), "33.3 %");
        assert_eq!(share(1, 0), 0.0);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let long = format!("аб{}", "в".repeat(13));
        for (text, max, cut_off, counted) in [
            ("abc", 3, "abc", "abc"),
            ("абвг", 3, "абв…", "абвг"),
            (&long, 2, "аб…", "аб…(+26 bytes)"),
            (&long, 3, "абв…", &*long),
        ] {
            assert_eq!(cut(text, max), cut_off);
            assert_eq!(cut_counted(text, max), counted);
        }
        assert_eq!(quoted("путь → \"x\"", 80), "`путь → \"x\"`");
        assert_eq!(quoted(&"x".repeat(100), 80).chars().count(), 83);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        assert_eq!(some([1, 2, 3], 2), "1, 2 and 1 more");
        assert_eq!(some([1, 2], 2), "1, 2");
    }
}
