//! Encodings, recognised by what was seen: which source bytes each byte that went out was made of, and which
//! characters they are. For a key, it is what was xored with what.

use serde::Serialize;

use super::limits::MAX_KEY;

/// An encoding that a flow went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// Each byte was xored with a byte of a key, which repeats.
    Xor {
        /// The key, from the first byte of the flow on.
        key: Vec<u8>,
    },
    /// So many bits of the source in each character.
    Characters {
        /// 4, 5 or 6.
        bits: u8,
        /// Whether the characters are those of the usual alphabets: hexadecimal digits, base32, base64.
        is_usual: bool,
    },
}

impl Encoding {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Xor { key } => match &key[..] {
                [byte] => format!("xor with the constant {byte:#04x}"),
                key => format!("xor with a repeating key of {} bytes", key.len()),
            },
            Self::Characters { bits, is_usual: true } => match bits {
                4 => "hexadecimal digits".into(),
                5 => "base32".into(),
                _ => "base64".into(),
            },
            Self::Characters { bits: 4, .. } => {
                "two characters for each byte, in an alphabet of its own".into()
            }
            Self::Characters { bits, .. } => {
                format!("{bits} bits in each character, in an alphabet of its own")
            }
        }
    }
}

/// The key that bytes were xored with, given with their positions in order. It must repeat: at least twice,
/// over at least eight bytes.
pub(super) fn key(seen: &[(u64, u8)]) -> Option<Vec<u8>> {
    let (&(first, _), &(last, _)) = (seen.first()?, seen.last()?);
    if seen.len() < 8 || seen.iter().all(|&(_, byte)| byte == 0) {
        return None;
    }
    let span = last.saturating_sub(first) + 1;
    let period = (1..=MAX_KEY.min(seen.len() / 2)).find(|&period| repeats(seen, first, period))?;
    let mut key = vec![0; period];
    for &(at, byte) in seen {
        key[((at - first) % period as u64) as usize] = byte;
    }
    (span >= 2 * period as u64).then_some(key)
}

/// Whether bytes at positions that are the same modulo `period` are equal, and each of those was seen twice.
fn repeats(seen: &[(u64, u8)], first: u64, period: usize) -> bool {
    let mut key: Vec<Option<(u8, u64)>> = vec![None; period];
    for &(at, byte) in seen {
        match &mut key[((at - first) % period as u64) as usize] {
            Some((known, times)) if *known == byte => *times += 1,
            Some(_) => return false,
            place => *place = Some((byte, 1)),
        }
    }
    key.iter().all(|place| place.is_some_and(|(_, times)| times > 1))
}

/// A byte that went out, and the first and last position of the source bytes it depends on.
pub(super) type Out = (u8, (u64, u64));

/// The encoding in characters of what went out.
pub(super) fn characters(out: &[Out]) -> Option<Encoding> {
    let bits = [4, 6, 5].into_iter().find(|&bits| is_packed(out, bits))?;
    let is_usual = out.iter().all(|&(byte, _)| is_usual(byte, bits));
    Some(Encoding::Characters { bits, is_usual })
}

/// Whether each character depends on the bytes that so many bits in each of them would come from. One place
/// where it does not fit (a line feed, the end of a piece) begins a new group.
fn is_packed(out: &[Out], bits: u8) -> bool {
    let bits = u64::from(bits);
    let group = match bits {
        4 => 2,
        5 => 8,
        _ => 4,
    };
    let (mut fitting, mut start) = (0usize, None::<(usize, u64)>);
    for (place, &(_, (low, high))) in out.iter().enumerate() {
        let fits = start.is_some_and(|(begin, base)| {
            let number = (place - begin) as u64;
            (base + bits * number / 8, base + (bits * number + bits - 1) / 8) == (low, high)
        });
        if fits {
            fitting += 1;
        } else if low == high {
            start = Some((place, low));
        }
    }
    // Plain bytes fit nothing: of each group more than one character must.
    out.len() >= 2 * group && fitting * 10 >= out.len() * 8
}

fn is_usual(byte: u8, bits: u8) -> bool {
    match bits {
        4 => byte.is_ascii_hexdigit(),
        5 => byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte) || byte == b'=',
        _ => byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_repeat() {
        let seen = |key: &[u8], range: std::ops::Range<u64>| -> Vec<(u64, u8)> {
            range.map(|at| (at, key[at as usize % key.len()])).collect()
        };
        assert_eq!(key(&seen(b"spoor", 0..40)), Some(b"spoor".to_vec()));
        assert_eq!(key(&seen(b"spoor", 3..40)), Some(b"orspo".to_vec()));
        assert_eq!(key(&seen(b"Z", 0..40)), Some(b"Z".to_vec()));
        assert_eq!(key(&seen(b"spoor", 0..7)), None, "too short");
        assert_eq!(key(&seen(&[0], 0..40)), None, "not xored");
        let stream: Vec<_> = (0..100).map(|at| (at, (at * at * 7 % 251) as u8)).collect();
        assert_eq!(key(&stream), None, "a stream does not repeat");
    }

    fn packed(bits: u64, alphabet: &[u8], bytes: u64) -> Vec<Out> {
        let characters = (0..bytes * 8 / bits).map(|number| {
            let from = (bits * number / 8, (bits * number + bits - 1) / 8);
            (alphabet[(number * 7) as usize % alphabet.len()], from)
        });
        characters.collect()
    }

    #[test]
    fn characters_by_the_bits_in_them() {
        let usual = |bits, is_usual| Some(Encoding::Characters { bits, is_usual });
        assert_eq!(characters(&packed(4, b"0123456789abcdef", 20)), usual(4, true));
        assert_eq!(characters(&packed(4, b"klmnop", 20)), usual(4, false));
        assert_eq!(characters(&packed(5, b"ABC234", 40)), usual(5, true));
        assert_eq!(characters(&packed(6, b"abz+/9", 33)), usual(6, true));
        assert_eq!(characters(&packed(6, b"abz!", 33)), usual(6, false));
        assert_eq!(characters(&packed(8, b"abz!", 33)), None, "plain");
    }
}
