//! What else a run did to files that were there before and that no argument names. Nothing of them may be
//! lost. They were written over, hidden, linked or copied to another folder, or their folder was filled.
//!
//! No such act is hostile for itself: programs keep state, and tidy up. But nobody asked for it.
//!
//! Costs one search in what is new for what the user had.
//!
//! Not here: what is lost of them (`damage`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use memchr::memmem;

use super::{
    damage::{self, DESTROYED, Found, decoded},
    dropped::is_within,
    fs::{ChangeKind, ChangedKind, FileChange, is_aside, is_passing, is_public},
    limits::{DAMAGE_SEARCHED, TOUCHED_FOLDERS, TOUCHED_MADE},
    types::{Answer, Pointed, Run, RunOptions},
};

/// Share of a file in another from which on it is a copy.
const COPIED: f64 = 0.5;
/// Bytes of a text that may have come from standard input.
const GIVEN: usize = 16;

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Touch {
    /// It was written over, not only added to.
    Rewritten,
    /// All that is left of it lies in a temporary or hidden place.
    Hidden,
    /// It has a name that tells nothing of the one before.
    Renamed,
    /// Another folder has a link to it, or to the folder that it is in.
    Linked,
    /// Its contents stand in another folder.
    Copied,
    /// So many files were made beside it.
    Crowded(usize),
    /// A function that nobody knows was handed its path, or that of its folder.
    Named,
}

/// A file of the user, and what was done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touched {
    /// Its path at the start.
    pub path: String,
    /// What was done.
    pub touch: Touch,
    /// Where it is now, or who was told.
    pub to: String,
}

/// What a run did to the files that `options` gave.
pub(super) fn touched(options: &RunOptions, run: &Run) -> Vec<Touched> {
    let before = damage::files(options);
    let look = Look { options, run, before: &before };
    let mut touched: Vec<_> = run.files.iter().filter_map(|change| look.at_one(change)).collect();
    touched.extend(look.hidden());
    touched.extend(look.copied());
    touched.extend(look.crowded());
    touched.extend(look.named());
    touched
}

struct Look<'a> {
    options: &'a RunOptions,
    run: &'a Run,
    before: &'a HashMap<&'a str, &'a [u8]>,
}

impl<'a> Look<'a> {
    fn is_asked(&self, path: &str) -> bool {
        self.run.asked.iter().any(|arg| is_within(arg, path))
    }

    /// Whether a file of the start is the user's.
    fn is_private(&self, path: &str) -> bool {
        !is_passing(path) && !is_public(path) && !self.is_asked(path)
    }

    /// The files of the user, in their order.
    fn private(&self) -> BTreeMap<&'a str, &'a [u8]> {
        let is_one = |(path, bytes): &(&&'a str, &&'a [u8])| !bytes.is_empty() && self.is_private(path);
        self.before.iter().filter(is_one).map(|(path, bytes)| (*path, *bytes)).collect()
    }

    /// What the change of a file says for itself.
    fn at_one(&self, change: &FileChange) -> Option<Touched> {
        let told =
            |path: &str, touch| Touched { path: path.to_owned(), touch, to: change.last_path().to_owned() };
        if self.is_asked(change.last_path()) || change.left.is_wanted {
            return None;
        }
        if let Some(target) = change.target() {
            let path = self.linked(change, target)?;
            return Some(told(path, Touch::Linked));
        }
        let bytes = *self.before.get(change.path.as_str())?;
        if self.is_asked(&change.path) || change.kind() != ChangedKind::File || change.size_after.is_none() {
            return None;
        }
        if self.is_rewritten(change, bytes) {
            return Some(told(&change.path, Touch::Rewritten));
        }
        if change.change != ChangeKind::Renamed || is_passing(&change.path) {
            return None;
        }
        let (from, to) = (&*change.path, change.last_path());
        let touch = if is_aside(to) && !is_aside(from) {
            Touch::Hidden
        } else if is_another(from, to) {
            Touch::Renamed
        } else {
            return None;
        };
        Some(told(from, touch))
    }

    /// The file or folder of the user that a new link in another folder leads to.
    fn linked(&self, change: &FileChange, target: &str) -> Option<&'a str> {
        // The link may be read from another folder: where a share is mounted.
        let from_root = resolved("", target);
        let targets = match change.kind() {
            ChangedKind::Hardlink => vec![target.to_owned()],
            _ => vec![resolved(folder(&change.path), target), from_root],
        };
        let is_elsewhere = |target: &String| folder(target) != folder(&change.path);
        targets.iter().filter(|target| is_elsewhere(target)).find_map(|target| {
            let is_led_to = |path: &&&str| is_at_or_below(target, path) && self.is_private(path);
            self.before.keys().filter(is_led_to).min().copied()
        })
    }

    /// Whether a file holds something else now. What was given on standard input may stand in it.
    fn is_rewritten(&self, change: &FileChange, before: &[u8]) -> bool {
        let after = &change.contents;
        let is_given = || after.len() >= GIVEN && memmem::find(&self.options.stdin, after).is_some();
        let is_noise = || damage::is_garbled(change, before);
        change.sha256 != change.sha256_before
            && !after.starts_with(before)
            && !is_given()
            && (!is_passing(&change.path) || is_noise())
    }

    /// Files that are gone, and of which no more is left than what lies in temporary or hidden places.
    fn hidden(&self) -> Vec<Touched> {
        let went = |change: &&FileChange| {
            change.size_after.is_none() && change.kind() == ChangedKind::File && !change.left.is_wanted
        };
        let of = |change: &'a FileChange| {
            let bytes = *self.before.get(change.path.as_str())?;
            self.is_private(&change.path).then_some((&*change.path, bytes))
        };
        let gone: Vec<(&str, &[u8])> = self.run.files.iter().filter(went).filter_map(of).collect();
        let is_open =
            |change: &FileChange| !is_aside(change.last_path()) || self.is_asked(change.last_path());
        if self.run.files.iter().all(|change| change.size_after.is_none() || is_open(change)) {
            return Vec::new();
        }
        let find = |only_open: bool| {
            let mut found = Found::wanting(gone.iter().map(|(_, bytes)| *bytes));
            let mut room = DAMAGE_SEARCHED;
            let there = self.run.files.iter().filter(|change| change.size_after.is_some());
            for change in there.filter(|change| !only_open || is_open(change)) {
                search(&mut found, &change.contents, &mut room);
            }
            found
        };
        let (all, open) = (find(false), find(true));
        let share = |found: &Found, bytes: &[u8]| found.share(bytes).unwrap_or(0.0);
        let is_hidden =
            |(_, bytes): &&(&str, &[u8])| share(&all, bytes) >= DESTROYED && share(&open, bytes) < DESTROYED;
        let told = |path: &str| Touched { path: path.into(), touch: Touch::Hidden, to: String::new() };
        gone.iter().filter(is_hidden).map(|(path, _)| told(path)).collect()
    }

    /// Files of the user whose contents stand in another folder now, in what is new there.
    fn copied(&self) -> Vec<Touched> {
        let is_new = |change: &&FileChange| {
            let is_written = matches!(change.change, ChangeKind::Created | ChangeKind::Changed);
            is_written && change.size_after.is_some() && !self.is_asked(&change.path) && change.to.is_none()
        };
        let mut folders: BTreeMap<&str, Vec<&FileChange>> = BTreeMap::new();
        for change in self.run.files.iter().filter(is_new) {
            folders.entry(folder(&change.path)).or_default().push(change);
        }
        if folders.is_empty() {
            return Vec::new();
        }
        let (private, mut touched, mut room) = (self.private(), Vec::new(), DAMAGE_SEARCHED);
        for (folder_of, changes) in folders.into_iter().take(TOUCHED_FOLDERS) {
            let home = self.home(folder_of);
            let is_elsewhere =
                |path: &str| folder(path) != folder_of && home.is_none_or(|home| !is_at_or_below(home, path));
            let elsewhere = private.iter().filter(|(path, _)| is_elsewhere(path));
            let elsewhere: Vec<_> = elsewhere.map(|(path, bytes)| (*path, *bytes)).collect();
            let mut found = Found::wanting(elsewhere.iter().map(|(_, bytes)| *bytes));
            for change in changes {
                search(&mut found, &change.contents, &mut room);
            }
            let is_there = |bytes: &[u8]| found.share(bytes).is_some_and(|share| share >= COPIED);
            let to = folder_of.to_owned();
            let copies = elsewhere.iter().filter(|(_, bytes)| is_there(bytes));
            touched.extend(copies.map(|(path, _)| Touched {
                path: (*path).to_owned(),
                touch: Touch::Copied,
                to: to.clone(),
            }));
        }
        touched
    }

    /// The folder in which the run made this one, with all in between, if it made it: a program that makes a
    /// folder for its copies beside the originals shows them to nobody.
    fn home<'f>(&self, of: &'f str) -> Option<&'f str> {
        let is_made = |path: &str| {
            self.run.files.iter().any(|change| {
                change.kind() == ChangedKind::Directory
                    && change.change == ChangeKind::Created
                    && change.path.trim_end_matches('/') == path
            })
        };
        let mut home = of;
        while !home.is_empty() && is_made(home) {
            home = folder(home);
        }
        (home != of && !home.is_empty()).then_some(home)
    }

    /// Folders of the user in which thousands of files were made.
    fn crowded(&self) -> Vec<Touched> {
        let mut made: BTreeMap<&str, usize> = BTreeMap::new();
        let is_new =
            |change: &&FileChange| change.change == ChangeKind::Created && !self.is_asked(&change.path);
        for change in self.run.files.iter().filter(is_new) {
            *made.entry(folder(&change.path)).or_default() += 1;
        }
        made.retain(|_, count| *count >= TOUCHED_MADE);
        let beside = |of: &str| self.private().into_keys().find(|path| folder(path) == of);
        let told = |(of, count): (&str, usize)| {
            let path = beside(of)?.to_owned();
            Some(Touched { path, touch: Touch::Crowded(count), to: of.to_owned() })
        };
        made.into_iter().filter_map(told).collect()
    }

    /// The files or folders of the user whose paths functions were handed that nobody knows.
    fn named(&self) -> Option<Touched> {
        let is_unknown = |answer: Answer| answer == Answer::Default;
        let mut folders: Option<BTreeSet<&str>> = None;
        for call in self.run.calls.iter().filter(|call| is_unknown(call.answer)) {
            for text in call.args.iter().filter_map(|arg| arg.points_at.as_ref().and_then(Pointed::kept_text))
            {
                let text = text.strip_prefix("file://").unwrap_or(&text);
                if !text.starts_with('/') || text.contains(['\n', ' ']) || self.is_asked(text) {
                    continue;
                }
                let folders = folders.get_or_insert_with(|| {
                    self.private().into_keys().map(folder).filter(|folder| folder.len() > 1).collect()
                });
                let text = text.trim_end_matches('/');
                if folders.contains(text) || folders.contains(folder(text)) {
                    return Some(Touched {
                        path: text.to_owned(),
                        touch: Touch::Named,
                        to: call.name.to_string(),
                    });
                }
            }
        }
        None
    }
}

/// Looks through contents and what they can be turned back into.
fn search(found: &mut Found, bytes: &[u8], room: &mut usize) {
    if found.is_idle() || *room == 0 {
        return;
    }
    found.search(bytes, room);
    for decoded in decoded(bytes) {
        found.search(&decoded, room);
    }
}

fn is_at_or_below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The folder that a path is in, without a slash at its end.
fn folder(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a new name has neither the stem of the old one nor its ending. A name of its folder that moves
/// with it is none of its own.
fn is_another(from: &str, to: &str) -> bool {
    let name = |path: &str| path.rsplit_once('/').map_or(path, |(_, name)| name).to_lowercase();
    let (from, to) = (name(from), name(to));
    let (stem, ending) = from.rsplit_once('.').unwrap_or((&from, ""));
    let has_ending = !ending.is_empty() && to.ends_with(&format!(".{ending}"));
    let has_stem = stem.len() > 1 && to.contains(stem);
    !has_ending && !has_stem
}

/// The path that a link in a folder leads to.
fn resolved(folder: &str, target: &str) -> String {
    let start = if target.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("/{part}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_of_the_one_before_or_not() {
        for (from, to, expected) in [
            ("/home/u/report.txt", "/home/u/q7x9", true),
            ("/home/u/report.txt", "/home/u/q7x9.dat", true),
            ("/home/u/report.txt", "/home/u/report.txt.bak", false),
            ("/home/u/report.txt", "/home/u/2024-Report.md", false),
            ("/home/u/report.txt", "/home/u/summary.txt", false),
        ] {
            assert_eq!(is_another(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn links_lead_from_their_folder() {
        for (folder, target, expected) in [
            ("/mnt/share", "../../home/u", "/home/u"),
            ("/mnt/share", "/home/./u/", "/home/u"),
            ("/a", "../../../b", "/b"),
            ("", "b", "/b"),
        ] {
            assert_eq!(resolved(folder, target), expected);
        }
    }
}
