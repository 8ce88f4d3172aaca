//! How much of a text is left in another. An editor changes cases, separators, line breaks and order, and
//! keeps the words.
//!
//! Counted are pairs of words that follow each other in a line: words alone would survive being shuffled.
//! Sorting lines, indenting, upper case and other delimiters keep the pairs; ciphers, blanks and other
//! figures do not.
//!
//! Costs one pass over both texts.

use std::collections::HashMap;

/// A word and the one before it in its line, as hashes; cases are one.
type Pair = (u64, u64);

/// The share of the pairs of words of a text, weighed by their length, that another text has. `None` if there
/// are no words.
pub(super) fn share_kept(before: &[u8], after: &[u8]) -> Option<f64> {
    Said::by(after).share_of(before)
}

/// How often each pair of words stands in a text.
pub(super) struct Said(HashMap<Pair, u64>);

impl Said {
    /// The pairs of a text.
    pub(super) fn by(text: &[u8]) -> Self {
        let mut said = HashMap::new();
        pairs(text).for_each(|(pair, _)| *said.entry(pair).or_default() += 1);
        Self(said)
    }

    /// The share of the words of a text that is said here, each as often as it is.
    pub(super) fn share_of(&self, text: &[u8]) -> Option<f64> {
        let mut used: HashMap<Pair, u64> = HashMap::new();
        let (mut all, mut kept) = (0u64, 0u64);
        for (pair, len) in pairs(text) {
            all += len;
            let used = used.entry(pair).or_default();
            *used += 1;
            if self.0.get(&pair).is_some_and(|said| *used <= *said) {
                kept += len;
            }
        }
        (all > 0).then(|| kept as f64 / all as f64)
    }
}

/// The pairs of a text with the length of the second word; a line begins with a pair of its own.
fn pairs(text: &[u8]) -> impl Iterator<Item = (Pair, u64)> + '_ {
    text.split(|byte| *byte == b'\n').flat_map(|line| {
        let words = line.split(|byte| !is_of_word(*byte)).filter(|word| !word.is_empty());
        words.scan(0, |before, word| {
            let word_hash = hash(word);
            let pair = (std::mem::replace(before, word_hash), word_hash);
            Some((pair, word.len() as u64))
        })
    })
}

/// Letters, digits, and all bytes of letters beyond ASCII.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Bytes that no text has: control characters, and what is not UTF-8.
pub(super) fn noise(bytes: &[u8]) -> usize {
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c');
    let of = |chunk: std::str::Utf8Chunk<'_>| {
        chunk.invalid().len() + chunk.valid().as_bytes().iter().filter(|byte| is_control(byte)).count()
    };
    bytes.utf8_chunks().map(of).sum()
}

/// FNV-1a. Who writes other words of the same hash has to find some for each word.
fn hash(word: &[u8]) -> u64 {
    word.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &[u8] = b"name;city;amount\nAnna;Bern;100\nBruno;Basel;250\nClara;Chur;75\n";

    #[test]
    fn an_editor_keeps_the_words() {
        let comma: Vec<u8> = LEDGER.iter().map(|byte| if *byte == b';' { b',' } else { *byte }).collect();
        let sorted = b"Clara;Chur;75\nBruno;Basel;250\nAnna;Bern;100\nname;city;amount\n";
        let indented =
            b"  name; city; amount\r\n  Anna; Bern; 100\r\n  Bruno; Basel; 250\r\n  Clara; Chur; 75\r\n";
        for after in [&comma[..], &LEDGER.to_ascii_uppercase(), sorted, indented] {
            assert_eq!(share_kept(LEDGER, after), Some(1.0), "{}", String::from_utf8_lossy(after));
        }
        let wrapped = b"name;city;\namount\nAnna;Bern;100\nBruno;Basel;250\nClara;Chur;75\n";
        assert!(share_kept(LEDGER, wrapped).unwrap() > 0.8);
    }

    #[test]
    fn what_says_something_else_keeps_little() {
        let falsified = b"name;city;amount\nAnna;Bern;001\nBruno;Basel;052\nClara;Chur;57\n";
        assert!(share_kept(LEDGER, falsified).unwrap() < 0.85);
        let shuffled = b"Anna;75;city\nBasel;name;Clara\n100;Bruno;amount\nChur;250;Bern\n";
        assert!(share_kept(LEDGER, shuffled).unwrap() < 0.3);
        let rotated: Vec<u8> = LEDGER
            .iter()
            .map(|byte| if byte.is_ascii_alphabetic() { b'a' + (byte | 32) % 26 } else { *byte })
            .collect();
        assert!(share_kept(LEDGER, &rotated).unwrap() < 0.2);
        assert_eq!(share_kept(LEDGER, b"     "), Some(0.0));
        assert_eq!(share_kept(b" ;;\n", b"x"), None);
    }
}
