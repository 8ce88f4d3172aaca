//! What archives and compressed files hold.
//!
//! Not here: what the members are (`held`).

use super::limits::DAMAGE_MEMBERS;

/// What an archive holds, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) parts: Vec<Vec<u8>>,
    /// Whether that is all.
    pub(super) is_whole: bool,
}

/// Bytes of a header of a tar, and where in it the magic and the size stand.
const TAR_BLOCK: usize = 512;
const TAR_MAGIC: usize = 257;
const TAR_SIZE: std::ops::Range<usize> = 124..136;

/// Whether bytes begin as a tar does.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(TAR_MAGIC..).is_some_and(|rest| rest.starts_with(b"ustar"))
}

/// What an archive holds, of so many bytes at most.
pub(super) fn members(bytes: &[u8], room: usize) -> Members {
    if is_tar(bytes) { tarred(bytes, room) } else { packed(bytes, room) }
}

/// The entries of a tar, whatever they stand for.
fn tarred(bytes: &[u8], mut room: usize) -> Members {
    let (mut members, mut rest) = (Members { is_whole: true, ..Members::default() }, bytes);
    while is_tar(rest) {
        let size = rest.get(TAR_SIZE).and_then(octal).filter(|size| *size <= room);
        let part = size.and_then(|size| rest.get(TAR_BLOCK..)?.get(..size));
        let Some(part) = part.filter(|_| members.parts.len() < DAMAGE_MEMBERS) else {
            members.is_whole = false;
            break;
        };
        room -= part.len();
        rest = rest.get(TAR_BLOCK + part.len().next_multiple_of(TAR_BLOCK)..).unwrap_or_default();
        members.parts.push(part.to_vec());
    }
    members
}

/// A number in octal digits, as a tar has it.
fn octal(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?;
    usize::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

#[cfg(feature = "scan")]
fn packed(bytes: &[u8], room: usize) -> Members {
    match bytes {
        [b'P', b'K', ..] => zipped(bytes, room),
        [0x1f, 0x8b, ..] => stream(&mut flate2::read::MultiGzDecoder::new(bytes), room),
        [0xfd, b'7', ..] => {
            stream(&mut lzma_rust2::XzReader::new_mem_limit(bytes, true, super::limits::UNPACKED_KIB), room)
        }
        [0x28, 0xb5, ..] => match zstd::Decoder::new(bytes) {
            Ok(mut decoder) => stream(&mut decoder, room),
            Err(_) => Members::default(),
        },
        _ => Members::default(),
    }
}

/// Nothing is unpacked.
#[cfg(not(feature = "scan"))]
fn packed(_: &[u8], _: usize) -> Members {
    Members::default()
}

/// What a decoder gives. What came before an error counts too.
#[cfg(feature = "scan")]
fn stream(decoder: &mut dyn std::io::Read, room: usize) -> Members {
    use std::io::Read as _;
    let mut part = Vec::new();
    let read = decoder.take(room as u64 + 1).read_to_end(&mut part);
    let is_whole = read.is_ok() && part.len() <= room;
    part.truncate(room);
    Members { parts: vec![part], is_whole }
}

#[cfg(feature = "scan")]
fn zipped(bytes: &[u8], mut room: usize) -> Members {
    let Ok(mut archive) = zip::ZipArchive::new(std::io::Cursor::new(bytes)) else {
        return Members::default();
    };
    let mut members = Members { is_whole: archive.len() <= DAMAGE_MEMBERS, ..Members::default() };
    for position in 0..archive.len().min(DAMAGE_MEMBERS) {
        let Ok(mut member) = archive.by_index(position) else {
            members.is_whole = false;
            continue;
        };
        let Members { parts, is_whole } = stream(&mut member, room);
        members.is_whole &= is_whole;
        room -= parts.iter().map(Vec::len).sum::<usize>();
        members.parts.extend(parts);
    }
    members
}
