//! Figures of a text that are others now: amounts and account numbers, while all around them stays.
//!
//! Numbers are compared where lines and words stand where they stood. A date that is written in another order
//! has the numbers that it had, and a rounded amount begins as it did.

/// Numbers from which on, and the share of all from which on, a text is falsified.
const CHANGED: usize = 3;
const CHANGED_SHARE: f64 = 0.1;
/// Share of the words that stay: a translation or another version has few.
const WORDS_KEPT: f64 = 0.9;

/// Whether numbers of a text were put in the place of others.
pub(super) fn are_falsified(before: &[u8], after: &[u8]) -> bool {
    let mut count = Count::default();
    let (mut before, mut after) = (lines(before), lines(after));
    loop {
        match (before.next(), after.next()) {
            (Some(before), Some(after)) => count.line(before, after),
            (None, None) => break,
            _ => return false,
        }
    }
    count.changed >= CHANGED
        && count.changed as f64 >= CHANGED_SHARE * count.numbers as f64
        && count.kept as f64 >= WORDS_KEPT * count.words as f64
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii()).filter(|word| !word.is_empty())
}

#[derive(Default)]
struct Count {
    numbers: usize,
    changed: usize,
    words: usize,
    kept: usize,
}

impl Count {
    fn line(&mut self, before: &[u8], after: &[u8]) {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let (mut left, mut right) = (words(before), words(after));
        loop {
            match (left.next(), right.next()) {
                (Some(one), Some(other)) if is_number(one) && is_number(other) => {
                    self.numbers += 1;
                    if !one.starts_with(other) && !other.starts_with(one) {
                        old.push(one);
                        new.push(other);
                    }
                }
                (Some(one), other) => {
                    self.words += 1;
                    self.kept += usize::from(other.is_some_and(|other| one.eq_ignore_ascii_case(other)));
                }
                (None, Some(_)) => self.words += 1,
                (None, None) => break,
            }
        }
        let changed = old.len();
        old.sort_unstable();
        new.sort_unstable();
        if old != new {
            self.changed += changed;
        }
    }
}

fn is_number(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &[u8] =
        b"date,text,amount\n2025-02-03,seeds,100.20\n2025-04-05,gate,250.00\n2025-06-07,tank,75.90\n";

    #[test]
    fn other_amounts_are_false_and_other_forms_are_not() {
        let of = |from: &str, to: &str| String::from_utf8_lossy(LEDGER).replace(from, to).into_bytes();
        let falsified =
            b"date,text,amount\n2025-02-03,seeds,700.20\n2025-04-05,gate,950.00\n2025-06-07,tank,15.90\n";
        let turned =
            b"date,text,amount\n03.02.2025,seeds,100.20\n05.04.2025,gate,250.00\n07.06.2025,tank,75.90\n";
        let rounded =
            b"date,text,amount\n2025-02-03,seeds,100.2\n2025-04-05,gate,250\n2025-06-07,tank,75.9\n";
        assert!(are_falsified(LEDGER, falsified));
        for same in [LEDGER, turned, rounded, &of(",", ";"), &of("100", "101"), &of("seeds", "trees")] {
            assert!(!are_falsified(LEDGER, same), "{}", String::from_utf8_lossy(same));
        }
        assert!(!are_falsified(LEDGER, b"date,text,amount\n2025-02-03,seeds,700.20\n"), "lines are gone");
    }
}
