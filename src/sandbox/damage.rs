//! What a run destroyed: how much of each file that was there before survives anywhere afterwards.
//!
//! A file survives where its bytes lie at the end: in place, under another name, in a copy, in an archive, in
//! a form that can be turned back (compressed, zipped, base64, hexadecimal). Of a text in its place what
//! counts is what it says (`words`). What a program was asked for by its arguments is no damage, and neither
//! is what it made itself.
//!
//! Costs one pass over the contents at the end for all files together.
//!
//! Not here: what the damage is a sign of (`rules`).

mod words;

use std::collections::{HashMap, HashSet};

use memchr::memmem;

use super::{
    fs::{FileChange, is_users},
    limits::{DAMAGE_DECODED, DAMAGE_SEARCHED},
    types::RunOptions,
};

/// Bytes that are looked for at a time. Aligned pieces of a file are found at any place of another.
const PIECE: usize = 16;
/// Share of a file's size above which it was not compressed.
const TIGHT: f64 = 0.95;
/// What survives of a file that seems to be packed in a way that nobody here can undo.
const PACKED: f64 = 0.5;
/// What survives at least of a text that something was only added to.
const WHOLE: f64 = 0.98;
/// A file is no text any more from this many bytes that no text has, and this share of them: a cipher that
/// takes one block in eight leaves so many.
const NOISE: usize = 16;
const NOISE_SHARE: f64 = 0.04;
/// Share below which a file counts as destroyed.
pub(crate) const DESTROYED: f64 = 0.4;

/// What became of a file that was there before the run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Damage {
    /// Its absolute guest path at the start.
    pub path: String,
    /// Its size at the start in bytes.
    pub len: u64,
    /// The share of its contents that survives, 0 to 1.
    pub survives: f64,
    /// Whether something else has taken its place, or its contents; otherwise it is gone.
    pub is_overwritten: bool,
    /// Whether next to nothing stands there now: a quarter of its size or less, or one byte again and again.
    pub is_blank: bool,
    /// Whether a text is none any more: bytes that are no text stand between what is left of it, as after a
    /// cipher that skips parts to be fast.
    pub is_garbled: bool,
    /// Whether nothing of it was found, and a file of the size of a packed form stands beside it. What that
    /// holds is not known.
    pub is_unknown: bool,
    /// Whether it is the user's: what is hidden, temporary or the system's changes all the time, unless it is
    /// bait.
    pub is_users: bool,
}

impl Damage {
    /// Whether nearly nothing of it is left, or nothing that can be read.
    pub fn is_destroyed(&self) -> bool {
        self.survives < DESTROYED || self.is_garbled
    }
}

/// What became of the files that `options` gave, by path. Those that the arguments name are left out.
pub(crate) fn assess(options: &RunOptions, changes: &[FileChange]) -> Vec<Damage> {
    let before = files(options);
    let args = asked(options);
    let asked = |path: &str| args.iter().any(|arg| is_named(arg, path));
    let mut hurt: Vec<_> = changes
        .iter()
        .filter_map(|change| Some((change, *before.get(change.path.as_str())?)))
        .filter(|(change, bytes)| !bytes.is_empty() && !asked(&change.path) && is_hurt(change))
        .collect();
    hurt.sort_by_key(|(change, _)| &change.path);
    hurt.dedup_by_key(|(change, _)| &change.path);
    let found = Found::of(hurt.iter().map(|(_, bytes)| *bytes), changes, &before);
    let bait = |bytes: &[u8]| {
        options.persona.honeytokens.iter().any(|token| memmem::find(bytes, &token.value).is_some())
    };
    let damage = hurt.iter().map(|(change, bytes)| {
        let (found, packed) = (found.share(bytes), packed(bytes, &change.path, changes));
        let found = found.max(said(change, bytes));
        Damage {
            path: change.path.clone(),
            len: bytes.len() as u64,
            survives: found.max(packed),
            is_overwritten: change.sha256 != change.sha256_before || change.is_replaced,
            is_blank: is_blank(change, bytes.len() as u64),
            is_garbled: found < WHOLE && is_garbled(change, bytes),
            is_unknown: found < DESTROYED && packed > 0.0,
            is_users: is_users(&change.path) || bait(bytes),
        }
    });
    damage.collect()
}

/// The arguments but the first, which is the program's own name.
pub(crate) fn asked(options: &RunOptions) -> Vec<String> {
    options.args.iter().skip(1).cloned().collect()
}

/// The files at the start.
fn files(options: &RunOptions) -> HashMap<&str, &[u8]> {
    let persona = options.persona.files.iter().map(|file| (file.path.as_str(), &file.bytes[..]));
    persona.chain(options.files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..]))).collect()
}

/// Whether an argument names a file: its path, or the end of it.
pub(crate) fn is_named(arg: &str, path: &str) -> bool {
    let arg = arg.trim_start_matches("./");
    !arg.is_empty() && (path == arg || path.ends_with(&format!("/{}", arg.trim_start_matches('/'))))
}

/// Whether next to nothing stands where a file of `len` bytes was.
fn is_blank(change: &FileChange, len: u64) -> bool {
    let is_short = change.size_after.is_some_and(|size| size <= len / 4);
    change.size_after.is_some() && (is_short || change.entropy_after.is_some_and(|bits| bits < 1.0))
}

/// Whether a text holds now what is no text.
fn is_garbled(change: &FileChange, before: &[u8]) -> bool {
    let after = &change.contents;
    change.size_after.is_some()
        && noise(before) == 0
        && noise(after) >= NOISE
        && noise(after) as f64 >= NOISE_SHARE * after.len() as f64
}

/// The share of what a text says that stands in its place now.
fn said(change: &FileChange, before: &[u8]) -> f64 {
    let after = &change.contents;
    let are_texts = change.size_after.is_some() && noise(before) == 0 && noise(after) < NOISE;
    let kept = if are_texts { words::share_kept(before, after) } else { None };
    kept.unwrap_or(0.0)
}

/// Bytes that no text has: control characters, and what is not UTF-8.
fn noise(bytes: &[u8]) -> usize {
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c');
    let of = |chunk: std::str::Utf8Chunk<'_>| {
        chunk.invalid().len() + chunk.valid().as_bytes().iter().filter(|byte| is_control(byte)).count()
    };
    bytes.utf8_chunks().map(of).sum()
}

/// Whether its contents may be lost. A new name alone takes nothing away.
fn is_hurt(change: &FileChange) -> bool {
    change.sha256_after() != change.sha256_before.as_deref()
}

impl FileChange {
    /// The hash of what is there at the end.
    fn sha256_after(&self) -> Option<&str> {
        self.size_after.and(self.sha256.as_deref())
    }
}

/// Which pieces of the files lie somewhere at the end.
#[derive(Default)]
struct Found {
    pieces: HashSet<[u8; PIECE]>,
}

impl Found {
    fn of<'a>(
        files: impl Iterator<Item = &'a [u8]>,
        changes: &[FileChange],
        before: &HashMap<&str, &[u8]>,
    ) -> Self {
        let wanted: HashSet<[u8; PIECE]> = files.flat_map(pieces).collect();
        let mut found = Self::default();
        if wanted.is_empty() {
            return found;
        }
        let touched: HashSet<_> = changes.iter().map(|change| change.path.as_str()).collect();
        let untouched = before.iter().filter(|(path, _)| !touched.contains(*path)).map(|(_, bytes)| *bytes);
        let after = changes.iter().filter(|change| change.size_after.is_some());
        let mut room = DAMAGE_SEARCHED;
        for bytes in after.map(|change| &change.contents[..]).chain(untouched) {
            found.search(bytes, &wanted, &mut room);
            for decoded in decoded(bytes) {
                found.search(&decoded, &wanted, &mut room);
            }
        }
        found
    }

    fn search(&mut self, bytes: &[u8], wanted: &HashSet<[u8; PIECE]>, room: &mut usize) {
        let bytes = bytes.get(..(*room).min(bytes.len())).unwrap_or_default();
        *room -= bytes.len();
        for piece in bytes.windows(PIECE) {
            if let Ok(piece) = <[u8; PIECE]>::try_from(piece)
                && wanted.contains(&piece)
            {
                self.pieces.insert(piece);
            }
        }
    }

    /// The share of a file that was found. Of a file shorter than a piece nothing can be said: it survives.
    fn share(&self, bytes: &[u8]) -> f64 {
        let (mut all, mut found) = (0u64, 0u64);
        for piece in pieces(bytes) {
            all += 1;
            found += u64::from(self.pieces.contains(&piece));
        }
        if all == 0 { 1.0 } else { found as f64 / all as f64 }
    }
}

/// The aligned pieces of a file; those of one byte alone say nothing of where they are from.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = [u8; PIECE]> + '_ {
    let whole = bytes.chunks_exact(PIECE).filter_map(|piece| <[u8; PIECE]>::try_from(piece).ok());
    whole.filter(|piece| piece.iter().any(|byte| byte != &piece[0]))
}

/// What contents can be turned back into.
fn decoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoded = unpacked(bytes);
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.len() >= PIECE && text.len() <= DAMAGE_DECODED as usize && text.is_ascii() {
        use base64::Engine as _;
        decoded.extend(base64::engine::general_purpose::STANDARD.decode(&text).ok());
        decoded.extend(unhex(&text));
    }
    decoded
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.chunks(2).map(|pair| match *pair {
        [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    });
    pairs.collect()
}

/// What known compressors make of contents again.
#[cfg(feature = "scan")]
fn unpacked(bytes: &[u8]) -> Vec<Vec<u8>> {
    use std::io::Read;
    let read = |mut reader: &mut dyn Read| {
        let mut out = Vec::new();
        // What came before an error counts too.
        _ = (&mut reader).take(DAMAGE_DECODED).read_to_end(&mut out);
        (out.len() >= PIECE).then_some(out)
    };
    let mut out = Vec::new();
    out.extend(read(&mut flate2::read::MultiGzDecoder::new(bytes)));
    out.extend(read(&mut flate2::read::ZlibDecoder::new(bytes)));
    out.extend(read(&mut flate2::read::DeflateDecoder::new(bytes)));
    out.extend(unzipped(bytes));
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        && let Ok(mut decoder) = zstd::Decoder::new(bytes)
    {
        out.extend(read(&mut decoder));
    }
    out
}

/// The members of a zip one after the other, as far as they can be read.
#[cfg(feature = "scan")]
fn unzipped(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::{Cursor, Read as _};
    if !bytes.starts_with(b"PK") {
        return None;
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut out = Vec::new();
    for position in 0..archive.len() {
        let room = DAMAGE_DECODED.saturating_sub(out.len() as u64);
        if let Ok(member) = archive.by_index(position) {
            _ = member.take(room).read_to_end(&mut out);
        }
        if room == 0 {
            break;
        }
    }
    Some(out)
}

#[cfg(not(feature = "scan"))]
fn unpacked(_: &[u8]) -> Vec<Vec<u8>> {
    Vec::new()
}

/// What survives in a packed form of a file that nobody here can undo: a new file beside it, smaller than it
/// was and not much smaller than a compressor makes it.
fn packed(bytes: &[u8], path: &str, changes: &[FileChange]) -> f64 {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let beside = changes.iter().filter(|change| {
        change.size_before.is_none() && change.path != path && change.path.starts_with(stem)
    });
    let sizes: Vec<_> = beside.filter_map(|change| change.size_after).collect();
    if sizes.is_empty() {
        return 0.0;
    }
    let best = smallest(bytes);
    let is_packed = |size: u64| {
        let size = size as f64;
        size < TIGHT * bytes.len() as f64 && size >= best / 2.0
    };
    if sizes.into_iter().any(is_packed) { PACKED } else { 0.0 }
}

/// About what a good compressor makes of contents.
fn smallest(bytes: &[u8]) -> f64 {
    let head = bytes.get(..1 << 20).unwrap_or(bytes);
    let packed = zstd::bulk::compress(head, 9).map_or(head.len(), |packed| packed.len());
    packed as f64 * bytes.len() as f64 / head.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ChangeKind;

    const NOTE: &[u8] =
        b"Dear all, the meeting is on Tuesday the fourth. Please bring figures of the quarter.";

    fn options() -> RunOptions {
        let mut options = RunOptions::default();
        options.files.insert("/home/u/note.txt".into(), NOTE.to_vec());
        options
    }

    fn change(path: &str, change: ChangeKind, after: Option<&[u8]>) -> FileChange {
        let is_old = change != ChangeKind::Created;
        FileChange {
            path: path.into(),
            change,
            size_before: is_old.then_some(NOTE.len() as u64),
            size_after: after.map(|after| after.len() as u64),
            sha256_before: is_old.then(|| "old".into()),
            sha256: Some("new".into()),
            contents: after.unwrap_or_default().to_vec(),
            ..FileChange::default()
        }
    }

    fn survives(changes: &[FileChange]) -> f64 {
        assess(&options(), changes).first().map_or(1.0, |damage| damage.survives)
    }

    #[test]
    fn what_is_overwritten_cut_or_encrypted_is_destroyed() {
        let encrypted: Vec<u8> =
            NOTE.iter().zip(0u8..).map(|(byte, at)| byte ^ at.wrapping_mul(73)).collect();
        for after in [&b"D"[..], &[b' '; 90], &encrypted] {
            assert!(survives(&[change("/home/u/note.txt", ChangeKind::Changed, Some(after))]) < DESTROYED);
        }
    }

    #[test]
    fn what_is_copied_encoded_or_extended_survives() {
        use base64::Engine as _;
        let gone = change("/home/u/note.txt", ChangeKind::Deleted, None);
        let longer = [b"To the board. ", NOTE, b" Yours"].concat();
        assert!(survives(&[change("/home/u/note.txt", ChangeKind::Changed, Some(&longer))]) > 0.9);
        for copy in [
            longer,
            base64::engine::general_purpose::STANDARD.encode(NOTE).into_bytes(),
            NOTE.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect(),
        ] {
            assert!(survives(&[gone.clone(), change("/archive", ChangeKind::Created, Some(&copy))]) > 0.9);
        }
        assert!(survives(&[gone]) < DESTROYED);
    }

    #[test]
    fn a_cipher_that_skips_parts_destroys_a_text() {
        let assessed = |after: &[u8]| {
            let changes = [change("/home/u/note.txt", ChangeKind::Changed, Some(after))];
            assess(&options(), &changes).first().map(|damage| (damage.is_garbled, damage.is_destroyed()))
        };
        let every_other = |(at, byte): (usize, &u8)| match at / 16 % 2 {
            0 => *byte,
            _ => byte ^ (at as u8).wrapping_mul(73) | 0x80,
        };
        let skipping: Vec<u8> = NOTE.iter().enumerate().map(every_other).collect();
        assert_eq!(assessed(&skipping), Some((true, true)));
        let marked: Vec<u8> =
            NOTE.iter().map(|byte| if byte.is_ascii_whitespace() { b'_' } else { *byte }).collect();
        assert_eq!(assessed(&marked), Some((false, false)), "each word is there");
        let turned: Vec<u8> = NOTE
            .iter()
            .map(|byte| if byte.is_ascii_alphabetic() { (byte - 65) % 26 + 97 } else { *byte })
            .collect();
        assert_eq!(assessed(&turned), Some((false, true)), "another text, but next to nothing of the first");
        assert_eq!(assessed(&[NOTE, &[0xff; 40]].concat()), Some((false, false)), "something was added");
    }

    #[test]
    fn what_nobody_can_unpack_is_unknown() {
        let gone = change("/home/u/note.txt", ChangeKind::Deleted, None);
        let beside = |len: usize| {
            let noise: Vec<u8> = (0..len).map(|at| (at * at * 31 % 251) as u8 | 0x80).collect();
            let new = change("/home/u/note.txt.q", ChangeKind::Created, Some(&noise));
            assess(&options(), &[gone.clone(), new])
                .first()
                .map(|damage| (damage.is_unknown, damage.is_destroyed()))
        };
        assert_eq!(beside(60), Some((true, false)));
        assert_eq!(beside(NOTE.len()), Some((false, true)));
        assert_eq!(beside(12), Some((false, true)));
    }

    #[test]
    fn what_the_arguments_name_is_asked_for() {
        let mut options = options();
        options.args = vec!["shred".into(), "note.txt".into()];
        let changes = [change("/home/u/note.txt", ChangeKind::Changed, Some(b"x"))];
        assert_eq!(assess(&options, &changes), []);
    }
}
