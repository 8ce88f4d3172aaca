//! A text that every match of a regular expression holds, told by the expression's text alone. Looking for
//! that costs less than compiling the expression, and most expressions of most rules match nothing in most
//! samples.
//!
//! An expression that is not plain gives no hint, and then the expression is asked. Case is never looked at.
//!
//! Not here: how much is looked at (`pattern`).

use std::{iter::Peekable, str::Chars};

use super::limits::HINT_DEPTH;

/// What a text must have for a match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hint {
    /// Bytes at least.
    least: usize,
    /// Small letters, of which one text must be in it; anything may match if there is none.
    one_of: Vec<String>,
}

impl Hint {
    pub(super) fn of(source: &str) -> Self {
        let mut reader = Reader { chars: source.chars().peekable(), depth: 0 };
        let hint = if source.is_ascii() { reader.alternatives() } else { None };
        hint.filter(|_| reader.chars.peek().is_none()).unwrap_or_default()
    }

    /// Whether `text` has what a match must have.
    pub(super) fn allows(&self, text: &[u8]) -> bool {
        text.len() >= self.least
            && (self.one_of.is_empty() || self.one_of.iter().any(|part| holds(text, part.as_bytes())))
    }

    /// What is asked for by one of two ways to match.
    fn or(mut self, other: Self) -> Self {
        if self.one_of.is_empty() || other.one_of.is_empty() {
            self.one_of.clear();
        } else {
            self.one_of.extend(other.one_of);
        }
        Self { least: self.least.min(other.least), one_of: self.one_of }
    }

    /// Length of the shortest of its texts: the longer, the less often it is there by chance.
    fn strength(&self) -> usize {
        self.one_of.iter().map(String::len).min().unwrap_or(0)
    }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len().max(1)).any(|window| window.eq_ignore_ascii_case(part))
}

/// What is put together in a row.
#[derive(Default)]
struct Row {
    least: usize,
    /// Letters that follow one another so far.
    run: String,
    best: Hint,
}

impl Row {
    fn take(&mut self, hint: Hint) {
        if hint.strength() > self.best.strength() {
            self.best = hint;
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() {
            self.take(Hint { least: 0, one_of: vec![run] });
        }
    }

    fn finish(mut self) -> Hint {
        self.end_run();
        Hint { least: self.least, ..self.best }
    }
}

/// What stands between two quantifiers.
enum Atom {
    Letter(char),
    /// Any byte of some.
    Byte,
    /// A place.
    Nothing,
    Group(Hint),
}

/// How often an atom comes.
struct Times {
    least: usize,
    is_once: bool,
}

struct Reader<'s> {
    chars: Peekable<Chars<'s>>,
    depth: usize,
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Option<Hint> {
        let mut hint = self.row()?;
        while self.chars.next_if_eq(&'|').is_some() {
            hint = hint.or(self.row()?);
        }
        Some(hint)
    }

    fn row(&mut self) -> Option<Hint> {
        let mut row = Row::default();
        while let Some(&next) = self.chars.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            self.chars.next();
            let atom = self.atom(next)?;
            let times = self.times()?;
            match atom {
                Atom::Nothing if times.is_once => {}
                Atom::Nothing => return None,
                Atom::Letter(letter) => {
                    row.least = row.least.saturating_add(times.least);
                    if times.least == 0 {
                        row.end_run();
                        continue;
                    }
                    row.run.push(letter.to_ascii_lowercase());
                    if !times.is_once {
                        row.end_run();
                    }
                }
                Atom::Byte => {
                    row.end_run();
                    row.least = row.least.saturating_add(times.least);
                }
                Atom::Group(hint) => {
                    row.end_run();
                    row.least = row.least.saturating_add(hint.least.saturating_mul(times.least));
                    if times.least > 0 {
                        row.take(hint);
                    }
                }
            }
        }
        Some(row.finish())
    }

    fn atom(&mut self, first: char) -> Option<Atom> {
        Some(match first {
            '\\' => self.escaped()?,
            '[' => self.class()?,
            '(' => Atom::Group(self.group()?),
            '.' => Atom::Byte,
            '^' | '$' => Atom::Nothing,
            '*' | '+' | '?' | '{' | '}' | ']' => return None,
            letter => Atom::Letter(letter),
        })
    }

    fn escaped(&mut self) -> Option<Atom> {
        Some(match self.chars.next()? {
            'b' | 'B' if self.chars.peek() != Some(&'{') => Atom::Nothing,
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'n' | 't' | 'r' => Atom::Byte,
            sign if sign.is_ascii_punctuation() && !matches!(sign, '<' | '>') => Atom::Letter(sign),
            _ => return None,
        })
    }

    fn class(&mut self) -> Option<Atom> {
        self.chars.next_if_eq(&'^');
        let mut is_first = true;
        loop {
            match self.chars.next()? {
                ']' if !is_first => return Some(Atom::Byte),
                '\\' => drop(self.chars.next()?),
                // Classes in classes, and what is made of two.
                '[' | '&' | '~' => return None,
                '-' if self.chars.peek() == Some(&'-') => return None,
                _ => {}
            }
            is_first = false;
        }
    }

    fn group(&mut self) -> Option<Hint> {
        if self.chars.next_if_eq(&'?').is_some() {
            self.chars.next_if_eq(&':')?;
        }
        self.depth += 1;
        if self.depth > HINT_DEPTH {
            return None;
        }
        let hint = self.alternatives()?;
        self.depth -= 1;
        self.chars.next_if_eq(&')').map(|_| hint)
    }

    fn times(&mut self) -> Option<Times> {
        let times = match self.chars.peek() {
            Some('?' | '*') => Times { least: 0, is_once: false },
            Some('+') => Times { least: 1, is_once: false },
            Some('{') => {
                let bounds: String = self.chars.by_ref().skip(1).take_while(|&char| char != '}').collect();
                let least = bounds.split(',').next()?.parse().ok()?;
                // As few as that, or as many as possible: the same here.
                self.chars.next_if_eq(&'?');
                return self.is_alone().then_some(Times { least, is_once: false });
            }
            _ => return Some(Times { least: 1, is_once: true }),
        };
        self.chars.next();
        self.chars.next_if_eq(&'?');
        self.is_alone().then_some(times)
    }

    /// Whether no second quantifier follows.
    fn is_alone(&mut self) -> bool {
        !matches!(self.chars.peek(), Some('*' | '+' | '?' | '{'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_match_holds() {
        let none: &[&str] = &[];
        for (source, least, one_of) in [
            (r"\b(curl|wget)\b[^|\n]{1,200}\|\s*(sudo )?(ba|z|da)?sh\b", 8, &["curl", "wget"][..]),
            (r"^_?(accept|listen)$", 6, &["accept", "listen"]),
            (r"stratum2?\+(tcp|tls|ssl|udp):\/\/", 14, &["stratum"]),
            (r"\b0x[0-9a-fA-F]{40}\b", 42, &["0x"]),
            (r"\b[13][1-9A-HJ-NP-Za-km-z]{25,34}\b", 26, none),
            (r"RTC|[a-z]+", 1, none),
            (r"(abc)?", 0, none),
            (r"ab+c{0,2}de", 4, &["ab"]),
            (r"colou?r", 5, &["colo"]),
            // No expression that compiles; what it asks for must not be counted round all the same.
            (r"a{18446744073709551615}bc", usize::MAX, &["bc"]),
            (r"[a]{18446744073709551615}.", usize::MAX, none),
            // Nothing is known of these.
            (r"(?i)abc", 0, none),
            (r"a[[:alpha:]]bc", 0, none),
            (r"\x41bcd", 0, none),
            (r"äbcd", 0, none),
            (r"abc)", 0, none),
            (r"(abc", 0, none),
            (r"a{2}{3}", 0, none),
        ] {
            let one_of = one_of.iter().map(|&part| part.to_owned()).collect();
            assert_eq!(Hint::of(source), Hint { least, one_of }, "{source}");
        }
        assert_eq!(Hint::of(&"(".repeat(100_000)), Hint::default());
    }

    #[test]
    fn a_hint_is_in_any_case() {
        let hint = Hint::of("wallet");
        assert!(hint.allows(b"My WALLET.dat") && !hint.allows(b"walle") && !hint.allows(b""));
    }
}
