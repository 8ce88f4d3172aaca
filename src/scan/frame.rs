//! Messages between a scan and its workers: a byte for the kind, the length in four bytes (little endian),
//! the payload.
//!
//! A worker has read hostile bytes, so the scan takes no more from it than it asked for: a length beyond
//! `max` is an error.

use std::io::{self, Read, Write};

/// Writes a message.
///
/// # Errors
///
/// When `out` cannot be written, or the payload is longer than 4 GiB.
pub fn write(out: &mut impl Write, kind: u8, payload: &[&[u8]]) -> io::Result<()> {
    let len: usize = payload.iter().map(|part| part.len()).sum();
    let len = u32::try_from(len)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a message longer than 4 GiB"))?;
    let mut head = [kind, 0, 0, 0, 0];
    head[1..].copy_from_slice(&len.to_le_bytes());
    out.write_all(&head)?;
    payload.iter().try_for_each(|part| out.write_all(part))?;
    out.flush()
}

/// Reads a message with at most `max` bytes of payload; `None` at the end.
///
/// # Errors
///
/// When `input` cannot be read, ends within a message, or has a longer one.
pub fn read(input: &mut impl Read, max: usize) -> io::Result<Option<(u8, Vec<u8>)>> {
    read_bounded(input, |_| max)
}

/// Reads a message with at most as many bytes of payload as `max` says for its kind; `None` at the end.
///
/// # Errors
///
/// As for [`read`].
pub fn read_bounded(input: &mut impl Read, max: impl Fn(u8) -> usize) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut kind = [0];
    if input.read(&mut kind)? == 0 {
        return Ok(None);
    }
    let mut len = [0; 4];
    input.read_exact(&mut len)?;
    let (len, max) = (u32::from_le_bytes(len) as usize, max(kind[0]));
    if len > max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a message of {len} bytes exceeds the limit of {max}"),
        ));
    }
    let mut payload = Vec::new();
    // Room is made by what comes, not by what was said.
    if input.take(len as u64).read_to_end(&mut payload)? != len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((kind[0], payload)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back() {
        let mut bytes = Vec::new();
        write(&mut bytes, b'a', &[b"one", b"two"]).unwrap();
        write(&mut bytes, b'b', &[]).unwrap();
        let mut input = &bytes[..];
        assert_eq!(read(&mut input, 6).unwrap(), Some((b'a', b"onetwo".to_vec())));
        assert_eq!(read(&mut input, 6).unwrap(), Some((b'b', Vec::new())));
        assert_eq!(read(&mut input, 6).unwrap(), None);
        assert!(read(&mut &bytes[..], 5).is_err(), "longer than allowed");
        assert!(read(&mut &bytes[..7], 6).is_err(), "cut");
    }
}
