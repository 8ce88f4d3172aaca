//! Bytes in lines: quoted printable, uuencode, and the formats of programmers of chips, Intel HEX and
//! S-records.
//!
//! In all but the first a line says how many bytes it has, and in the last two where they lie. What lies
//! elsewhere than behind the line before ends the run. Checksums are not asked: a wrong one hides nothing.

use super::Reading;

/// A line with its end, and where the next begins.
fn line(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
    let line = rest.get(..len)?;
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    Some((line.strip_suffix(b"\r").unwrap_or(line), at + len))
}

/// Reads lines as long as `one` appends their bytes; it gives `None` at one that does not belong, and says
/// whether that is the last.
fn lines(text: &[u8], mut at: usize, mut one: impl FnMut(&[u8], &mut Vec<u8>) -> Option<bool>) -> Reading {
    let mut bytes = Vec::new();
    let mut is_closed = false;
    while let Some((line, next)) = line(text, at) {
        let Some(is_last) = one(line, &mut bytes) else { break };
        at = next;
        if is_last {
            is_closed = true;
            break;
        }
    }
    Reading { is_closed, ..Reading::one(bytes, at) }
}

/// Reads quoted printable text to the end of its part of a message.
pub(super) fn quoted(text: &[u8]) -> Reading {
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let (value, len) = match rest {
            [b'=', b'\n', ..] => (None, 2),
            [b'=', b'\r', b'\n', ..] => (None, 3),
            [b'=', high, low, ..] => match pairs(&[*high, *low]).as_deref() {
                Some(&[value]) => (Some(value), 3),
                _ => break,
            },
            [b'\r', b'\n', b'-', b'-', ..] | [b'\n', b'-', b'-', ..] => break,
            _ => (Some(byte), 1),
        };
        bytes.extend(value);
        at += len;
    }
    Reading { is_closed: true, pad: 2, ..Reading::one(bytes, at) }
}

/// Reads what `uuencode` wrote, from the line `begin 644 name`.
pub(super) fn uuencoded(text: &[u8]) -> Reading {
    let Some((_, from)) = line(text, 0) else { return Reading::default() };
    lines(text, from, |line, bytes| {
        if line == b"end" {
            return Some(true);
        }
        let (&first, rest) = line.split_first()?;
        let len = usize::from(six(first)?);
        let from = bytes.len();
        // Blanks at the end of a line get lost.
        let digits = rest.iter().copied().chain(std::iter::repeat(b' ')).take(len.div_ceil(3) * 4);
        let digits: Vec<u8> = digits.map(six).collect::<Option<_>>()?;
        for group in digits.as_chunks::<4>().0 {
            let all = group.iter().fold(0u32, |all, digit| all << 6 | u32::from(*digit));
            bytes.extend(all.to_be_bytes().get(1..).unwrap_or_default());
        }
        bytes.truncate(from + len);
        Some(false)
    })
}

/// A digit of uuencode.
fn six(byte: u8) -> Option<u8> {
    (b' '..=b'`').contains(&byte).then(|| byte.wrapping_sub(b' ') & 0x3f)
}

/// Bytes of pairs of hexadecimal digits, to the end of a line.
fn pairs(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = digits.trim_ascii_end().as_chunks::<2>();
    let pairs = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8));
    rest.is_empty().then(|| pairs.collect())?
}

/// The number that bytes are, the first the highest.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether an address goes on where the bytes before ended, of which it is the lower part.
fn goes_on(next: &mut Option<u64>, address: u64, len: usize, mask: u64) -> bool {
    let is_next = next.is_none_or(|next| next & mask == address);
    *next = Some(address.wrapping_add(len as u64));
    is_next
}

/// Reads Intel HEX: `:LLAAAATT`, data, checksum.
pub(super) fn intel_hex(text: &[u8]) -> Reading {
    let mut next = None;
    lines(text, 0, |line, bytes| {
        let record = pairs(line.strip_prefix(b":")?)?;
        let ([len, high, low, kind], rest) = record.split_first_chunk()?;
        let data = rest.get(..usize::from(*len))?;
        match kind {
            0 if goes_on(&mut next, number(&[*high, *low]), data.len(), 0xffff) => bytes.extend(data),
            0 => return None,
            1 => return Some(true),
            // Upper parts of addresses, and where a program begins.
            _ => {}
        }
        Some(false)
    })
}

/// Reads S-records: `S1` with addresses of two bytes, `S2` of three, `S3` of four.
pub(super) fn s_records(text: &[u8]) -> Reading {
    let mut next = None;
    lines(text, 0, |line, bytes| {
        let (&[b'S', kind], rest) = line.split_first_chunk()? else { return None };
        let record = pairs(rest)?;
        let (len, rest) = record.split_first()?;
        let rest = rest.get(..usize::from(*len).checked_sub(1)?)?;
        let width = match kind {
            b'1'..=b'3' => usize::from(kind - b'0') + 1,
            b'7'..=b'9' => return Some(true),
            _ => return Some(false),
        };
        let (address, data) = rest.split_at_checked(width)?;
        goes_on(&mut next, number(address), data.len(), u64::MAX).then(|| bytes.extend(data))?;
        Some(false)
    })
}
