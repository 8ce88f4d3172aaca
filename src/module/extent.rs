//! How far a module reaches in the bytes that it lies in: a memory, a dump of a process, a file.

use super::limits::CUSTOM_NAME;
use std::ops::Range;

/// Bytes of the magic number and the version.
pub(crate) const HEAD: usize = 8;

/// The order that sections must have, by their ids; custom sections (id 0) may stand anywhere.
const ORDER: [u8; 14] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6];

/// The length of the module with which `bytes` begin, to the end of its last section; 8 if it has none.
///
/// A section counts if it is whole and not empty, and stands where the format allows its id. A custom one
/// must begin with a name. So what follows a module in memory is cut off, unless it looks like a section.
///
/// ```
/// let module = wat::parse_str("(module (func (export \"f\")))")?;
/// let memory = [&module[..], &[0; 100]].concat();
/// assert_eq!(wasmspoor::module::extent(&memory), module.len());
/// # Ok::<(), wat::Error>(())
/// ```
pub fn extent(bytes: &[u8]) -> usize {
    sections(bytes).last().map_or(HEAD, |section| section.end).min(bytes.len())
}

/// Whether a module ends within a section that it has the beginning of.
#[cfg(feature = "scan")]
pub(crate) fn is_cut(bytes: &[u8]) -> bool {
    let rest = bytes.get(extent(bytes)..).unwrap_or_default();
    let is_section = rest.first().is_some_and(|id| usize::from(*id) < ORDER.len());
    let len = || leb(rest.get(1..).unwrap_or_default());
    let claims_more =
        || len().is_none_or(|(len, width)| (len as usize) > rest.len().saturating_sub(1 + width));
    bytes.starts_with(b"\0asm") && (bytes.len() < HEAD || is_section && claims_more())
}

/// Where the contents of the sections lie that [`extent`] counts, in order.
pub(crate) fn sections(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let (mut at, mut last) = (HEAD, 0);
    std::iter::from_fn(move || {
        let &id = bytes.get(at)?;
        let &rank = ORDER.get(usize::from(id))?;
        if id != 0 && rank <= last {
            return None;
        }
        let (len, width) = leb(bytes.get(at + 1..)?)?;
        let start = at + 1 + width;
        let body = bytes.get(start..start.checked_add(len as usize)?)?;
        // An empty section of any kind would go on for ever through zeros.
        if body.is_empty() || (id == 0 && !is_named(body)) {
            return None;
        }
        last = last.max(rank);
        at = start + body.len();
        Some(start..at)
    })
}

/// Whether a custom section begins with a name. Of a long one the beginning tells: among foreign bytes each
/// of many may claim to have all that follows for its name.
fn is_named(body: &[u8]) -> bool {
    let name = leb(body).and_then(|(len, width)| body.get(width..width.checked_add(len as usize)?));
    name.is_some_and(|name| match std::str::from_utf8(name.get(..CUSTOM_NAME).unwrap_or(name)) {
        Ok(_) => true,
        // A character may be cut.
        Err(error) => name.len() > CUSTOM_NAME && error.error_len().is_none(),
    })
}

fn leb(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0u32;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_module_is_cut_off() {
        let module = wat::parse_str(
            r#"(module (import "a" "b" (func)) (memory 1) (func) (data "x") (@custom "c" "y"))"#,
        )
        .unwrap();
        for tail in
            [&[][..], &[0; 64], &[0xff; 3], &[1, 1, 0], &[0, 3, 9, 9, 9], b"\0asm\x01\0\0\0", &[11, 200, 1]]
        {
            let bytes = [&module[..], tail].concat();
            assert_eq!(extent(&bytes), module.len(), "{tail:?}");
        }
    }

    #[test]
    fn of_a_long_name_the_beginning_tells() {
        // A character lies across the end of what is looked at.
        for name in ["a".to_owned() + &"\u{e9}".repeat(200), "\u{e9}".repeat(200)] {
            let body =
                [&[0x80 | (name.len() & 0x7f) as u8, (name.len() >> 7) as u8][..], name.as_bytes()].concat();
            assert!(is_named(&body));
            assert!(!is_named(&[&body[..20], &[0xff], &body[21..]].concat()));
            assert!(!is_named(&body[..body.len() - 1]), "cut");
        }
    }

    #[test]
    fn no_bytes_are_too_short() {
        let module = wat::parse_str("(module (memory 1) (func))").unwrap();
        for end in 0..module.len() {
            assert!(extent(&module[..end]) <= end);
        }
    }
}
