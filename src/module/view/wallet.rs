//! Addresses of wallets: Bitcoin (both forms), Ethereum, Monero.
//!
//! Bitcoin addresses carry a checksum, which is verified. Monero's is a Keccak hash and is not: length,
//! alphabet and first letters must do.

use sha2::{Digest, Sha256};

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

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
        ) => {
            rest.iter().all(|letter| BASE58.contains(letter))
                && !rest.iter().all(u8::is_ascii_digit)
                && is_varied(rest)
        }
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
    let mut bytes = [0u8; 25];
    for letter in word.bytes() {
        let Some(digit) = BASE58.iter().position(|known| *known == letter) else { return false };
        let mut carry = digit as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let (payload, checksum) = bytes.split_at(21);
    Sha256::digest(Sha256::digest(payload)).starts_with(checksum)
        && payload.first().is_some_and(|version| matches!(version, 0 | 5))
}

/// The human-readable part is `bc`, in both checksums (segwit versions 0, and 1 and up).
fn is_bech32(word: &str) -> bool {
    let Some(data) = word.strip_prefix("bc1").filter(|data| (11..=87).contains(&data.len())) else {
        return false;
    };
    // "bc" expanded: high bits of both letters, zero, low bits.
    let mut checksum = [3, 3, 0, 2, 3].into_iter().fold(1, polymod);
    for letter in data.bytes() {
        let Some(digit) = BECH32.iter().position(|known| *known == letter) else { return false };
        checksum = polymod(checksum, digit as u32);
    }
    matches!(checksum, 1 | 0x2bc8_30a3)
}

fn polymod(checksum: u32, digit: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = checksum >> 25;
    let shifted = (checksum & 0x1ff_ffff) << 5 ^ digit;
    (0..5)
        .filter(|bit| top >> bit & 1 != 0)
        .filter_map(|bit| GENERATOR.get(bit))
        .fold(shifted, |sum, part| sum ^ part)
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
