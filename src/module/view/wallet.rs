//! Addresses of wallets: Bitcoin (both forms), Ethereum, Monero.
//!
//! Bitcoin addresses carry a checksum, which is verified. Monero's is a Keccak hash and is not: length,
//! alphabet and first letters must do.

use bech32::{Bech32, Bech32m, primitives::decode::CheckedHrpstring};
use sha2::{Digest, Sha256};

/// The addresses in a text, each with its position.
pub(super) fn find(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut begin = 0;
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let placed = words.map(move |word| {
        let position = begin;
        begin += word.len() + 1;
        (position, word)
    });
    placed.filter(|(_, word)| (26..=106).contains(&word.len()) && is_address(word))
}

fn is_address(word: &str) -> bool {
    match (word.as_bytes(), word.len()) {
        ([b'0', b'x', digits @ ..], 42) => digits.iter().all(u8::is_ascii_hexdigit) && is_varied(digits),
        ([b'b', b'c', b'1', ..], _) => is_bech32(word),
        ([b'1' | b'3', ..], 26..=35) => is_base58check(word),
        (
            [b'4', b'0'..=b'9' | b'A' | b'B', rest @ ..] | [b'8', b'1'..=b'9' | b'A'..=b'C', rest @ ..],
            95 | 106,
        ) => bs58::decode(rest).into_vec().is_ok() && !rest.iter().all(u8::is_ascii_digit) && is_varied(rest),
        _ => false,
    }
}

/// Whether there are as many different letters as in an address. Patterns and placeholders have few.
fn is_varied(letters: &[u8]) -> bool {
    let mut different = letters.to_vec();
    different.sort_unstable();
    different.dedup();
    different.len() >= 8
}

/// 21 bytes with a checksum of four.
fn is_base58check(word: &str) -> bool {
    let mut bytes = [0; 25];
    if bs58::decode(word).onto(&mut bytes) != Ok(bytes.len()) {
        return false;
    }
    let (payload, checksum) = bytes.split_at(21);
    Sha256::digest(Sha256::digest(payload)).starts_with(checksum)
        && payload.first().is_some_and(|version| matches!(version, 0 | 5))
}

/// The human-readable part is `bc`, in both checksums (segwit versions 0, and 1 and up).
fn is_bech32(word: &str) -> bool {
    let checked = CheckedHrpstring::new::<Bech32>(word).or_else(|_| CheckedHrpstring::new::<Bech32m>(word));
    (14..=90).contains(&word.len()) && checked.is_ok_and(|checked| checked.hrp().as_str() == "bc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_specifications_are_found_and_damaged_ones_are_not() {
        for word in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BAe",
            "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
        ] {
            let text = format!("pay {word}, now");
            assert_eq!(find(&text).collect::<Vec<_>>(), [(4, word)]);
            if !word.starts_with("0x") && !word.starts_with('4') {
                let damaged = word.replace(['z', 'y'], "x");
                assert_eq!(find(&damaged).count(), 0, "{damaged}");
            }
        }
        for word in [
            "0x0000000000000000000000000000000000000000",
            "1111111111111111111111111111111111",
            "3Fzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert_eq!(find(word).count(), 0, "{word}");
        }
    }
}
