//! Entropy of bytes, in bits per byte.

/// Shannon entropy of `bytes`; 0 for none.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u64; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let len = bytes.len() as f64;
    let share = |&count: &u64| (count > 0).then(|| count as f64 / len);
    let sum: f64 = counts.iter().filter_map(share).map(|share| share * share.log2()).sum();
    // Rounded, so that a report does not hang on the last bit of a logarithm.
    (-sum * 1e6).round().abs() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_entropies() {
        let all: Vec<u8> = (0..=255).collect();
        for (bytes, expected) in [(&b""[..], 0.0), (b"aaaa", 0.0), (b"abab", 1.0), (&all, 8.0)] {
            assert_eq!(entropy(bytes), expected, "{} bytes", bytes.len());
        }
    }
}
