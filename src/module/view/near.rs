//! Indicators that a regular expression finds too slowly. It keeps a count for each place where one could
//! have begun, and a file made of beginnings has a count for each byte. Here each byte is looked at a few
//! times, whatever the file.
//!
//! Not here: what else an indicator looks like (`ioc`).

use std::ops::{Range, RangeInclusive};

use regex::Regex;

use super::limits::{MAX_LABEL, MAX_LABELS, MAX_LOCAL};

/// A head and, after some printable characters, a tail.
pub(super) struct Pair {
    pub(super) head: Regex,
    pub(super) tail: Regex,
    /// Characters between them.
    pub(super) gap: RangeInclusive<usize>,
    /// Whether the last tail that is near enough counts, and not the first.
    pub(super) is_last: bool,
    /// Printable characters after the tail that belong to it.
    pub(super) after: usize,
}

impl Pair {
    /// Where they are in `text`, ascending, without overlap.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let tails: Vec<_> = self.tail.find_iter(text).map(|tail| tail.range()).collect();
        let (mut found, mut end, mut first) = (Vec::new(), 0, 0);
        if tails.is_empty() {
            return found;
        }
        for head in self.head.find_iter(text) {
            if head.start() < end {
                continue;
            }
            let (least, most) = (head.end() + self.gap.start(), head.end() + self.gap.end());
            first += tails.get(first..).unwrap_or_default().partition_point(|tail| tail.start < least);
            let near = tails.get(first..).unwrap_or_default().iter().take_while(|tail| tail.start <= most);
            let fits = |tail: &&Range<usize>| is_printable(text, head.end()..tail.start);
            let tail = if self.is_last { near.filter(fits).last() } else { near.take(1).find(fits) };
            if let Some(tail) = tail {
                let rest = text.as_bytes().get(tail.end..).unwrap_or_default().iter().take(self.after);
                end = tail.end + rest.take_while(|byte| matches!(byte, b' '..=b'~')).count();
                found.push(head.start()..end);
            }
        }
        found
    }
}

fn is_printable(text: &str, range: Range<usize>) -> bool {
    text.as_bytes().get(range).is_some_and(|bytes| bytes.iter().all(|byte| matches!(byte, b' '..=b'~')))
}

/// Letters that make a word, as `\b` has it.
fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Where addresses of electronic mail are in `text`. Neither side of an `@` has another, so each byte is read
/// once from either side.
pub(super) fn emails(text: &str) -> Vec<Range<usize>> {
    let (bytes, mut found, mut end) = (text.as_bytes(), Vec::new(), 0);
    for at in memchr::memchr_iter(b'@', bytes) {
        let is_local =
            |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-');
        let before = bytes.get(end..at).unwrap_or_default();
        let run = before.iter().rev().take(MAX_LOCAL).take_while(is_local).count();
        let begins = |start: &usize| {
            bytes[*start].is_ascii_alphanumeric() && !is_word(start.checked_sub(1).and_then(|i| bytes.get(i)))
        };
        if let Some(start) = (at - run..at).find(begins)
            && let Some(len) = domain_at(bytes.get(at + 1..).unwrap_or_default())
        {
            end = at + 1 + len;
            found.push(start..end);
        }
    }
    found
}

/// Bytes of the domain that `bytes` begin with: labels, and a last one of letters.
fn domain_at(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut longest) = (0, None);
    for _ in 0..MAX_LABELS {
        let rest = bytes.get(at..)?;
        let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
        let len = rest.iter().take(MAX_LABEL + 1).take_while(is_letter).count();
        if !(1..=MAX_LABEL).contains(&len) || rest.get(len) != Some(&b'.') {
            break;
        }
        at += len + 1;
        let rest = bytes.get(at..)?;
        let last = rest.iter().take(13).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if (2..=12).contains(&last) && !is_word(rest.get(last)) {
            longest = Some(at + last);
        }
    }
    longest
}

/// Domains that a port follows, whose last label is one of `last`. No label has a colon, so each byte is read
/// once.
pub(super) fn domains(text: &str, last: &[&str]) -> Vec<Range<usize>> {
    let (bytes, mut found, mut end) = (text.as_bytes(), Vec::new(), 0);
    for colon in memchr::memchr_iter(b':', bytes) {
        let after = bytes.get(colon + 1..).unwrap_or_default();
        let digits = after.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        if !(2..=5).contains(&digits) || is_word(after.get(digits)) {
            continue;
        }
        let before = bytes.get(end..colon).unwrap_or_default();
        let is_host = |byte: &&u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        let most = (MAX_LABEL + 1) * (MAX_LABELS + 1);
        let run = before.iter().rev().take(most).take_while(is_host).count();
        if let Some(start) = domain_before(text, colon - run..colon, last) {
            end = colon + 1 + digits;
            found.push(start..end);
        }
    }
    found
}

/// Where the domain begins that ends a run of letters of names.
fn domain_before(text: &str, run: Range<usize>, last: &[&str]) -> Option<usize> {
    let bytes = text.as_bytes();
    let host = text.get(run.clone())?;
    let (mut labels, top) = host.rsplit_once('.')?;
    if !last.contains(&top) {
        return None;
    }
    let mut found = None;
    for _ in 0..MAX_LABELS {
        let (rest, label) =
            labels.rsplit_once('.').map_or((None, labels), |(rest, label)| (Some(rest), label));
        let end = run.start + labels.len();
        let start = end - label.len();
        // The first place of a label at which a word begins, and from which on it is one.
        let is_label = |from: &usize| {
            let label = &bytes[*from..end];
            label.len() <= MAX_LABEL
                && !is_word(from.checked_sub(1).and_then(|before| bytes.get(before)))
                && label.first().is_some_and(u8::is_ascii_alphanumeric)
                && label.last().is_some_and(u8::is_ascii_alphanumeric)
        };
        match (start..end).find(is_label) {
            Some(from) => found = Some(from),
            None => break,
        }
        match rest {
            Some(rest) if found == Some(start) => labels = rest,
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, found: Vec<Range<usize>>) -> Vec<&str> {
        found.into_iter().map(|range| &text[range]).collect()
    }

    /// What the regular expressions find that these functions took the place of.
    #[test]
    fn they_find_what_the_regular_expressions_found() {
        let email = Regex::new(
            r"(?-u)\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,12}\b",
        )
        .unwrap();
        let domain =
            Regex::new(r"(?-u)\b(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}(?:com|net|io):[0-9]{2,5}\b")
                .unwrap();
        let curl =
            Regex::new(r"(?-u)\b(?:curl|wget)\s[ -~]{1,200}?\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b").unwrap();
        let pair = Pair {
            head: Regex::new(r"(?-u)\b(?:curl|wget)\s").unwrap(),
            tail: Regex::new(r"(?-u)\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b").unwrap(),
            gap: 1..=200,
            is_last: false,
            after: 0,
        };
        // Words of a small language, in all orders that a simple generator makes.
        let words = [
            "a",
            "b-",
            ".",
            "@",
            "-",
            "_",
            ":80",
            ":8080",
            ".com",
            ".io",
            "com",
            " ",
            "curl ",
            "| sh",
            "|sh",
            "x1",
            "wget a",
            "|",
            "\t",
            "sudo ",
            "A",
            "..",
            ":1",
            "net:",
            &"z".repeat(70),
        ];
        let mut state = 1u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..14 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(words[(state >> 33) as usize % words.len()]);
            }
            let all = |regex: &Regex| regex.find_iter(&text).map(|hit| hit.range()).collect::<Vec<_>>();
            assert_eq!(emails(&text), all(&email), "{text:?}");
            assert_eq!(domains(&text, &["com", "net", "io"]), all(&domain), "{text:?}");
            assert_eq!(pair.find(&text), all(&curl), "{text:?}");
        }
    }

    #[test]
    fn the_last_tail_that_is_near_counts() {
        let pair = Pair {
            head: Regex::new("head").unwrap(),
            tail: Regex::new(" -[ab]").unwrap(),
            gap: 0..=10,
            is_last: true,
            after: 3,
        };
        let text = "head -a -b.. head -a\t head far far far far -a";
        assert_eq!(shown(text, pair.find(text)), ["head -a -b.. ", "head -a"]);
    }
}
