//! Lines and table cells that fit the terminal: broken at spaces. A word is often an identifier, which people
//! copy and search for. So it stays whole even where the table gets wider than the terminal. Only one longer
//! than any identifier is broken.

use console::measure_text_width as width;

/// A word that is longer may be broken: a SHA-256 has as many.
const LONGEST: usize = 64;

/// Pieces of a text between which a line may end: words, and a number with its `%`.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            let tail = rest.get(end..).filter(|tail| !tail.is_empty())?;
            end += tail.find(' ').map_or(tail.len(), |space| space + 1);
            let piece = rest.get(..end)?;
            let is_number = piece.trim_end().ends_with(|letter: char| letter.is_ascii_digit());
            if !(is_number && rest.get(end..)?.starts_with('%')) {
                rest = rest.get(end..)?;
                return Some(piece);
            }
        }
    })
}

/// Breaks `text`, which is one line, into lines of at most `columns`; words stay whole.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    broken(text, columns, usize::MAX)
}

/// As [`wrap`], for a cell of a table: words longer than any identifier are broken.
pub(super) fn cell(text: &str, columns: usize) -> Vec<String> {
    broken(text, columns, LONGEST)
}

fn broken(text: &str, columns: usize, longest: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        if !line.is_empty() && width(&line) + width(piece.trim_end()) > columns {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        if width(piece.trim_end()) <= columns.max(longest) {
            line.push_str(piece);
            continue;
        }
        for char in piece.trim_end().chars() {
            if !line.is_empty() && width(&line) + width(char.encode_utf8(&mut [0; 4])) > columns.max(longest)
            {
                lines.push(std::mem::take(&mut line));
            }
            line.push(char);
        }
        line.extend(piece.ends_with(' ').then_some(' '));
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Breaks `text`, which begins in column `indent`, into lines that end before `columns` and begin there too.
pub(super) fn hanging(text: &str, columns: usize, indent: usize) -> String {
    wrap(text, columns.saturating_sub(indent).max(20)).join(&format!("\n{}", " ".repeat(indent)))
}

/// Widths for the columns of a table with these cells, so that it is at most `columns` wide, `gap` of them
/// beside each column. Columns are as wide as the contents where there is room. Else the widest give way
/// first, as far as their longest words allow.
pub(super) fn widths(rows: &[Vec<String>], columns: usize, gap: usize) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let greatest = |of: &dyn Fn(&str) -> usize, column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| of(cell)).max().unwrap_or(0)
    };
    let longest =
        |cell: &str| pieces(cell).map(|piece| width(piece.trim_end())).max().unwrap_or(0).min(LONGEST);
    let mut widths: Vec<usize> = (0..count).map(|column| greatest(&width, column)).collect();
    let least: Vec<usize> = (0..count).map(|column| greatest(&longest, column)).collect();
    let room = columns.saturating_sub(count * gap);
    while widths.iter().sum::<usize>() > room {
        let able = widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
        let Some((widest, _)) = able.max_by_key(|(width, _)| **width) else { break };
        *widest -= 1;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        for (text, columns, expected) in [
            ("one two three", 8, &["one two", "three"][..]),
            ("impact/cryptomining", 12, &["impact/cryptomining"]),
            ("CONFIRMED_INDIRECT_CALLS", 19, &["CONFIRMED_INDIRECT_CALLS"]),
            ("a CONFIRMED_INDIRECT_CALLS b", 19, &["a", "CONFIRMED_INDIRECT_CALLS", "b"]),
            ("", 4, &[""]),
            ("functions 39/40 (97 %), more", 19, &["functions 39/40", "(97 %), more"]),
            ("a 9 % b", 3, &["a", "9 %", "b"]),
            ("7", 1, &["7"]),
        ] {
            assert_eq!(wrap(text, columns), expected, "{text}");
        }
        assert_eq!(wrap(&"x".repeat(130), 20).len(), 1);
        assert_eq!(cell(&"x".repeat(130), 20).iter().map(String::len).max(), Some(LONGEST));
        assert!(cell("漢字 漢字 漢字", 5).iter().all(|line| width(line) <= 5));
    }

    #[test]
    fn later_lines_hang() {
        assert_eq!(hanging("aaaa bbbb cccc dddd eeee ffff", 26, 6), "aaaa bbbb cccc dddd\n      eeee ffff");
        assert_eq!(hanging("short", 80, 12), "short");
    }

    #[test]
    fn the_widest_column_gives_way_and_words_stay_whole() {
        let rows = vec![vec!["a".repeat(10), "word ".repeat(20), "7".to_owned()]];
        let found = widths(&rows, 40, 2);
        assert_eq!(found.iter().sum::<usize>(), 34);
        assert_eq!((found[0], found[2]), (10, 1));
        assert_eq!(widths(&rows, 300, 2), [10, 100, 1]);
        let crowded = vec![vec!["x".repeat(30), "word ".repeat(20)]];
        assert_eq!(widths(&crowded, 40, 2), [30, 6]);
        let hostile = vec![vec!["x".repeat(1000); 2]];
        assert_eq!(widths(&hostile, 60, 2), [LONGEST; 2]);
    }
}
