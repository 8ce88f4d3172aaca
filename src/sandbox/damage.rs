//! What a run destroyed: how much of each file that was there before survives anywhere afterwards.
//!
//! A file survives where its bytes lie at the end: in place, under another name, in a copy or in an archive.
//! They may also lie there in a form that can be turned back (compressed, zipped, base64, hexadecimal). Of a
//! text in its place what counts is what it says (`words`). No damage is what a program was asked for by its
//! arguments, nor what happens to a file that it made itself.
//!
//! Costs one pass over the contents at the end for all files together.
//!
//! Not here: what the damage is a sign of (`rules`).

mod decoded;
mod figures;
mod pieces;
mod samples;
mod shape;
mod wanted;
mod words;

use std::collections::{HashMap, HashSet};

use memchr::memmem;

use super::{
    fs::{FileChange, is_built, is_dense, is_passing, is_users},
    limits::{DAMAGE_SEARCHED, DAMAGE_TOLD, PACKED_HEAD},
    types::RunOptions,
};
use crate::module::view::entropy;

pub use self::shape::Harm;
pub(super) use self::wanted::{has_asked, has_opened, has_read_input, is_opening, wanted};
use self::words::{Said, noise};
pub(super) use self::{decoded::decoded, pieces::Found};

/// Share of a file's size above which it was not compressed.
const TIGHT: f64 = 0.95;
/// What survives of a file that seems to be packed in a way that nobody here can undo.
const PACKED: f64 = 0.5;
/// What survives of a picture or a sound all of whose numbers were changed, as far as anybody knows.
const EDITED: f64 = 0.5;
/// Bits a byte by which a program's state may become denser when its numbers change.
const STATE_RISE: f64 = 1.0;
/// What survives at least of a text that something was only added to.
const WHOLE: f64 = 0.98;
/// A file is no text any more if it holds this many bytes that no text has, and they are this share of it. A
/// cipher that takes one block in eight leaves so many.
const NOISE: usize = 16;
const NOISE_SHARE: f64 = 0.04;
/// Share below which a file counts as destroyed.
pub(crate) const DESTROYED: f64 = 0.4;

/// Entropy, as a share of what the size allows, from which on contents look random.
const RANDOM: f64 = 0.85;
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
    /// Whether that was measured: what is short, or may be packed in a way that nobody here can undo, is only
    /// taken to be so.
    pub is_measured: bool,
    /// Whether something else has taken its place, or its contents; otherwise it is gone.
    pub is_overwritten: bool,
    /// Whether next to nothing stands there now: a quarter of its size or less, or one byte again and again.
    pub is_blank: bool,
    /// Whether a text is none any more: bytes that are no text stand between what is left of it. A cipher
    /// leaves that if it skips parts to be fast.
    pub is_garbled: bool,
    /// What was done to it in its place although most of its bytes are there.
    pub harm: Option<Harm>,
    /// Whether it is not known if it survives: little of it was found, but it may be packed in a file beside
    /// it, which has the size for that. Or it looked random, and what stands in its place does so too.
    pub is_unknown: bool,
    /// Whether it is the user's: what is hidden, temporary or the system's changes all the time, unless it is
    /// bait.
    pub is_users: bool,
}

impl Damage {
    /// Whether nearly nothing of it is left, or nothing that can be read.
    pub fn is_destroyed(&self) -> bool {
        let is_useless = self.harm.is_some_and(|harm| harm != Harm::Falsified);
        self.survives < DESTROYED || self.is_garbled || is_useless
    }
}

/// What became of the files that `options` gave, by path. Those that the arguments name, or that went as
/// they ask (`wanted`), are left out.
pub(super) fn assess(options: &RunOptions, changes: &[FileChange], wanted: &HashSet<String>) -> Vec<Damage> {
    let before = files(options);
    let args = asked(options);
    let asked = |path: &str| wanted.contains(path) || args.iter().any(|arg| is_named(arg, path));
    let mut hurt: Vec<_> = changes
        .iter()
        .filter_map(|change| Some((change, *before.get(change.path.as_str())?)))
        .filter(|(change, bytes)| !bytes.is_empty() && !asked(&change.path) && is_hurt(change))
        .collect();
    hurt.sort_by_key(|(change, _)| &change.path);
    hurt.dedup_by_key(|(change, _)| &change.path);
    let found = search(hurt.iter().map(|(_, bytes)| *bytes), changes, &before);
    let bait = |bytes: &[u8]| {
        options.persona.honeytokens.iter().any(|token| memmem::find(bytes, &token.value).is_some())
    };
    let told = Said::by(&told(changes));
    let damage = hurt.iter().map(|(change, bytes)| Damage {
        is_users: is_users(&change.path) && !is_tidied(change, bytes) || bait(bytes),
        ..of_file(change, bytes, found.share(bytes), &told, changes)
    });
    damage.collect()
}

/// What became of a file of which `found` is there as it was.
fn of_file(
    change: &FileChange,
    bytes: &[u8],
    share: Option<f64>,
    told: &Said,
    changes: &[FileChange],
) -> Damage {
    let found = share.unwrap_or(1.0);
    let has_copy = || changes.iter().any(|other| other.path != change.path && is_copy(other, change));
    let harm = (change.size_after.is_some() && !has_copy()).then(|| harm(bytes, &change.contents)).flatten();
    let unknown =
        packed(bytes, &change.path, changes).max(sealed_anew(change, bytes)).max(kept_state(change, bytes));
    let edited = if samples::are_edited(change, bytes) { EDITED } else { 0.0 };
    let mut found = found.max(said(change, bytes)).max(edited);
    if found < WHOLE && noise(bytes) == 0 {
        found = found.max(told.share_of(bytes).unwrap_or(0.0));
    }
    Damage {
        path: change.path.clone(),
        len: bytes.len() as u64,
        survives: found.max(unknown),
        is_measured: share.is_some() && found >= unknown,
        is_overwritten: change.sha256 != change.sha256_before || change.is_replaced,
        is_blank: is_blank(change, bytes.len() as u64),
        is_garbled: found < WHOLE && is_garbled(change, bytes),
        harm,
        is_unknown: found < DESTROYED && unknown > 0.0,
        is_users: false,
    }
}

/// Whether what became of a file is what becomes of its kind. Logs and caches are emptied and cut, and what
/// is built is taken away.
fn is_tidied(change: &FileChange, before: &[u8]) -> bool {
    let is_there = change.size_after.is_some();
    let is_cut = || memmem::find(before, &change.contents).is_some();
    is_passing(&change.path) && (!is_there || is_cut()) || !is_there && is_built(&change.path)
}

/// What of a file is left whose numbers were changed in their place, as a program does that keeps its state.
fn kept_state(change: &FileChange, before: &[u8]) -> f64 {
    let after = &change.contents;
    let same = before.iter().zip(after).filter(|(one, other)| one == other).count();
    let is_state = change.size_after.is_some()
        && after.len() == before.len()
        && noise(before) >= NOISE
        && 2 * same >= before.len()
        && entropy(after) <= entropy(before) + STATE_RISE;
    if is_state { EDITED } else { 0.0 }
}

/// What was done to contents in their place.
fn harm(before: &[u8], after: &[u8]) -> Option<Harm> {
    let are_texts = || noise(before) == 0 && noise(after) < NOISE;
    let falsified = || (are_texts() && figures::are_falsified(before, after)).then_some(Harm::Falsified);
    shape::harm(before, after).or_else(falsified)
}

/// Whether one file holds at the end what another held at the start.
fn is_copy(one: &FileChange, other: &FileChange) -> bool {
    one.size_after.is_some() && one.sha256.is_some() && one.sha256 == other.sha256_before
}

/// The texts that the run made elsewhere, as far as they are looked through for what is gone.
fn told(changes: &[FileChange]) -> Vec<u8> {
    let mut told = Vec::new();
    for change in changes.iter().filter(|change| change.size_before.is_none() && change.size_after.is_some())
    {
        if told.len() + change.contents.len() <= DAMAGE_TOLD && noise(&change.contents) == 0 {
            told.extend_from_slice(&change.contents);
            told.push(b'\n');
        }
    }
    told
}

/// What survives of a file that looked random, as what is encrypted does, and that looks random again. It may
/// be a store of secrets that was written with another key.
fn sealed_anew(change: &FileChange, before: &[u8]) -> f64 {
    let after = &change.contents;
    let is_near = after.len() <= 2 * before.len() && before.len() <= 2 * after.len();
    let are_random = || [before, after].iter().all(|bytes| looks_random(bytes));
    if change.size_after.is_some() && is_near && are_random() { PACKED } else { 0.0 }
}

/// Whether contents look random and are of no known format.
fn looks_random(bytes: &[u8]) -> bool {
    let allowed = (bytes.len() as f64).log2().min(8.0);
    bytes.len() >= 64
        && entropy(bytes) >= RANDOM * allowed
        && noise(bytes) > bytes.len() / 8
        && !is_dense(bytes)
}

/// The arguments but the first, which is the program's own name.
pub(crate) fn asked(options: &RunOptions) -> Vec<String> {
    options.args.iter().skip(1).cloned().collect()
}

/// The files at the start.
pub(super) fn files(options: &RunOptions) -> HashMap<&str, &[u8]> {
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
pub(super) fn is_garbled(change: &FileChange, before: &[u8]) -> bool {
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

/// Looks for what the files were in all that is there at the end.
fn search<'a>(
    files: impl Iterator<Item = &'a [u8]>,
    changes: &[FileChange],
    before: &HashMap<&str, &[u8]>,
) -> Found {
    let mut found = Found::wanting(files);
    if found.is_idle() {
        return found;
    }
    let touched: HashSet<_> = changes.iter().map(|change| change.path.as_str()).collect();
    let untouched = before.iter().filter(|(path, _)| !touched.contains(*path)).map(|(_, bytes)| *bytes);
    let after = changes.iter().filter(|change| change.size_after.is_some());
    let mut room = DAMAGE_SEARCHED;
    for bytes in after.map(|change| &change.contents[..]).chain(untouched) {
        if room == 0 {
            break;
        }
        found.search(bytes, &mut room);
        for decoded in decoded(bytes) {
            found.search(&decoded, &mut room);
        }
    }
    found
}

/// What survives of a file in a packed form that nobody here can undo. That is a new file beside it, smaller
/// than it was and not much smaller than a compressor makes it.
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
    let head = bytes.get(..PACKED_HEAD).unwrap_or(bytes);
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
        assess(&options(), changes, &HashSet::new()).first().map_or(1.0, |damage| damage.survives)
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
            assess(&options(), &changes, &HashSet::new())
                .first()
                .map(|damage| (damage.is_garbled, damage.is_destroyed()))
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
            assess(&options(), &[gone.clone(), new], &HashSet::new())
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
        assert_eq!(assess(&options, &changes, &HashSet::new()), []);
    }
}
