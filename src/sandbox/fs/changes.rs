//! The changes that a run made to files: the tree at its end against the tree at its start.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
};

use sha2::{Digest as _, Sha256};

use super::{
    ChangeKind, FileChange, Fs, Ino, Kind, Node, Origin, ROOT,
    deleted::DeletedFile,
    limits::{LISTED, PATH},
};
use crate::{hex, module::view::entropy};

/// What contents are, in figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    len: u64,
    entropy: f64,
    sha256: [u8; 32],
}

impl Measure {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { len: bytes.len() as u64, entropy: entropy(bytes), sha256: Sha256::digest(bytes).into() }
    }

    fn hex(&self) -> String {
        hex::hex(&self.sha256)
    }
}

/// The changes, by path, and how many more there are.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Changes {
    pub(in crate::sandbox) files: Vec<FileChange>,
    pub(in crate::sandbox) cut: u64,
    /// Files whose contents were not kept.
    pub(in crate::sandbox) contents_cut: u64,
}

impl Fs {
    /// Lists the changes, and takes the contents of what changed out of the tree.
    pub(in crate::sandbox) fn changes(&mut self) -> Changes {
        let (here, too_deep) = self.paths();
        let mut changes: Vec<FileChange> = Vec::new();
        let seen = self.first_names(&here);
        for (path, ino) in &here {
            match seen.get(ino) {
                Some(first) if *first != path => changes.push(self.hard_link(path, *ino, first)),
                _ => changes.extend(self.change_of(path, *ino)),
            }
        }
        let created = changes.iter().enumerate().filter(|(_, change)| change.change == ChangeKind::Created);
        let created: BTreeMap<String, usize> =
            created.map(|(position, change)| (change.path.clone(), position)).collect();
        // A file that lies too deep to be listed is not gone. A file that is gone and still open has not been
        // released.
        let is_gone =
            |ino: &Ino| !seen.contains_key(ino) && self.get(*ino).links == 0 && !self.free.contains(*ino);
        let open: Vec<Ino> = (0..self.nodes.len()).map(Ino).filter(is_gone).collect();
        open.into_iter().for_each(|ino| self.release(ino));
        let contents_cut = self.deleted.list.iter().filter(|deleted| deleted.is_cut).count() as u64;
        for deleted in mem::take(&mut self.deleted.list) {
            let is_replaced = here.contains_key(&deleted.path);
            self::deleted_change(deleted, is_replaced, &created, &mut changes);
        }
        let cut = too_deep + self.deleted.cut + shorten(&mut changes);
        Changes { files: changes, cut, contents_cut }
    }

    /// Every path that is there, and how many were too long: directories can be moved into each other without
    /// end.
    fn paths(&self) -> (BTreeMap<String, Ino>, u64) {
        let (mut paths, mut stack, mut too_deep) = (BTreeMap::new(), vec![(ROOT, String::new())], 0);
        while let Some((ino, path)) = stack.pop() {
            if path.len() > PATH {
                too_deep += 1;
                continue;
            }
            if let Kind::Dir(names) = &self.get(ino).kind {
                stack.extend(names.iter().map(|(name, child)| (child, format!("{path}/{name}"))));
            }
            paths.insert(path, ino);
        }
        (paths, too_deep)
    }

    /// One path of each inode: the one that it was made at or last renamed to, if that is there.
    fn first_names<'p>(&self, here: &'p BTreeMap<String, Ino>) -> HashMap<Ino, &'p String> {
        let mut first = HashMap::new();
        for (path, ino) in here {
            let name = first.entry(*ino).or_insert(path);
            if self.get(*ino).path == *path {
                *name = path;
            }
        }
        first
    }

    /// Another name of an inode, which the sample gave it: at the start each has one.
    fn hard_link(&self, path: &str, ino: Ino, first: &str) -> FileChange {
        FileChange {
            path: path.to_owned(),
            change: ChangeKind::Created,
            to: Some(first.to_owned()),
            size_after: Some(self.len(ino)),
            ..FileChange::default()
        }
    }

    /// What happened to a file that is there.
    fn change_of(&mut self, path: &str, ino: Ino) -> Option<FileChange> {
        let Node { kind, origin, trail, is_new, .. } = self.get_mut(ino);
        let (name, to) = match origin {
            Some(origin) if origin.path != path => (ChangeKind::Renamed, Some(path.to_owned())),
            Some(Origin { before: Some(_), .. }) => (ChangeKind::Changed, None),
            None if *is_new => (ChangeKind::Created, None),
            _ => return None,
        };
        let first = origin.as_ref().map_or_else(|| shown(path, kind), |origin| origin.path.clone());
        let via = via(mem::take(trail), &first, to.as_deref());
        let change = change(first, name, origin.as_ref(), kind, true);
        Some(FileChange { to: to.or(change.to), via, ..change })
    }
}

/// What happened to a file that is gone. If one that was made has its path now, that one replaced it.
fn deleted_change(
    deleted: DeletedFile,
    is_replaced: bool,
    created: &BTreeMap<String, usize>,
    changes: &mut Vec<FileChange>,
) {
    let DeletedFile { path, trail, origin, mut kind, is_cut } = deleted;
    let first = origin.as_ref().map(|origin| origin.path.clone());
    let successor =
        first.as_ref().and_then(|path| created.get(path)).and_then(|&position| changes.get_mut(position));
    let shown = first.clone().unwrap_or_else(|| shown(&path, &kind));
    let via = via(trail, &shown, None);
    let mut change = change(shown, ChangeKind::Deleted, origin.as_ref(), &mut kind, false);
    if is_cut {
        change.sha256 = None;
    }
    match successor {
        Some(successor) => {
            successor.change = ChangeKind::Changed;
            (successor.size_before, successor.entropy_before) = (change.size_before, change.entropy_before);
            successor.sha256_before = change.sha256_before;
        }
        None => changes.push(FileChange { via, is_replaced, ..change }),
    }
}

/// Whether the sample made what it changed itself.
fn is_own(change: &FileChange) -> bool {
    let is_new = matches!(change.change, ChangeKind::Created | ChangeKind::Deleted);
    is_new && change.size_before.is_none()
}

/// Directories are shown with a slash.
fn shown(path: &str, kind: &Kind) -> String {
    let slash = if matches!(kind, Kind::Dir(_)) { "/" } else { "" };
    format!("{path}{slash}")
}

/// The names between the first and the last.
fn via(mut trail: Vec<String>, first: &str, last: Option<&str>) -> Vec<String> {
    trail.retain(|path| path != first && Some(path.as_str()) != last);
    trail
}

/// Sorts the changes and keeps those that are listed; gives how many are left out. The list is there for
/// files that were there before the run.
fn shorten(changes: &mut Vec<FileChange>) -> u64 {
    let order = |one: &FileChange, other: &FileChange| {
        (&one.path, &one.change, &one.sha256).cmp(&(&other.path, &other.change, &other.sha256))
    };
    let cut = changes.len().saturating_sub(LISTED) as u64;
    if cut > 0 {
        changes.sort_by(|one, other| is_own(one).cmp(&is_own(other)).then_with(|| order(one, other)));
        changes.truncate(LISTED);
    }
    changes.sort_by(order);
    cut
}

/// `is_there`: it has contents after the run.
fn change(
    path: String,
    change: ChangeKind,
    origin: Option<&Origin>,
    kind: &mut Kind,
    is_there: bool,
) -> FileChange {
    let (contents, target) = match kind {
        Kind::File(bytes) => (Some(mem::take(bytes)), None),
        Kind::Link(target) => (None, Some(mem::take(target))),
        Kind::Dir(_) => (None, None),
    };
    let last = contents.as_deref().map(Measure::of);
    // A file of the start whose bytes nobody touched is what it was.
    let before = origin.and_then(|origin| origin.before.or(last));
    let after = last.filter(|_| is_there);
    FileChange {
        path,
        change,
        to: target,
        size_before: before.map(|measure| measure.len),
        size_after: after.map(|measure| measure.len),
        entropy_before: before.map(|measure| measure.entropy),
        entropy_after: after.map(|measure| measure.entropy),
        sha256_before: before.map(|measure| measure.hex()),
        sha256: last.map(|measure| measure.hex()),
        contents: contents.unwrap_or_default(),
        ..FileChange::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Dir, Place, start::tests::tree},
        *,
    };

    fn place(fs: &Fs, name: &str) -> Place {
        fs.resolve(ROOT, name, false).unwrap()
    }

    fn rename(fs: &mut Fs, from: &str, to: &str) {
        let (from, to) = (place(fs, from), place(fs, to));
        if let Some(replaced) = to.ino {
            fs.unlinked(replaced);
        }
        fs.relocate(from.ino.unwrap(), &from, &to).unwrap();
    }

    fn delete(fs: &mut Fs, name: &str) {
        let ino = fs.child(ROOT, name).unwrap();
        fs.unlinked(ino);
        fs.detach(ROOT, name);
        fs.release(ino);
    }

    #[test]
    fn every_kind_of_change() {
        let mut fs = tree(&["/keep", "/write", "/gone", "/move", "/swap"].map(|path| (path, &b"aaaa"[..])));
        let write = fs.child(ROOT, "write").unwrap();
        fs.write(write, 0, b"abcdefgh").unwrap();
        delete(&mut fs, "gone");
        rename(&mut fs, "move", "passing");
        rename(&mut fs, "passing", "moved");
        // Written to another file that then takes the name.
        let new = fs.insert(ROOT, "tmp", Kind::File(vec![])).unwrap();
        fs.write(new, 0, b"new").unwrap();
        rename(&mut fs, "tmp", "swap");
        fs.insert(ROOT, "dropped", Kind::File(b"x".to_vec())).unwrap();
        delete(&mut fs, "dropped");
        fs.insert(ROOT, "dir", Kind::Dir(Dir::default())).unwrap();
        let changes = fs.changes().files;
        let found: Vec<_> = changes
            .iter()
            .map(|change| {
                (
                    &*change.path,
                    change.change.as_str(),
                    change.to.as_deref(),
                    change.size_before,
                    change.size_after,
                    change.entropy_after,
                )
            })
            .collect();
        let expected = [
            ("/dir/", "created", None, None, None, None),
            ("/dropped", "deleted", None, None, None, None),
            ("/gone", "deleted", None, Some(4), None, None),
            ("/move", "renamed", Some("/moved"), Some(4), Some(4), Some(0.0)),
            ("/swap", "changed", None, Some(4), Some(3), Some(1.584963)),
            ("/write", "changed", None, Some(4), Some(8), Some(3.0)),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            (&changes[3].via, &changes[4].via),
            (&vec!["/passing".to_owned()], &vec!["/tmp".to_owned()])
        );
        let contents: Vec<_> = changes.iter().map(|change| change.contents.as_slice()).collect();
        assert_eq!(contents, [&b""[..], b"x", b"aaaa", b"aaaa", b"new", b"abcdefgh"]);
        let hash = |text: &[u8]| Some(Measure::of(text).hex());
        let hashes: Vec<_> =
            changes[1..].iter().map(|change| (change.sha256_before.clone(), change.sha256.clone())).collect();
        let (old, new) = (hash(b"aaaa"), hash(b"abcdefgh"));
        assert_eq!(
            hashes,
            [
                (None, hash(b"x")),
                (old.clone(), old.clone()),
                (old.clone(), old.clone()),
                (old.clone(), hash(b"new")),
                (old, new),
            ]
        );
    }

    #[test]
    fn links_have_a_kind_and_a_target() {
        let mut fs = tree(&[("/secret", b"s3cret"), ("/old", b"data")]);
        let [secret, old] = ["secret", "old"].map(|name| fs.child(ROOT, name).unwrap());
        fs.insert(ROOT, "soft", Kind::Link("../etc/passwd".into())).unwrap();
        fs.insert(ROOT, "gone", Kind::Link("nowhere".into())).unwrap();
        delete(&mut fs, "gone");
        fs.attach(ROOT, "hard", secret).unwrap();
        fs.linked(secret);
        // Another name, and then the first one is taken away: that is a new name.
        fs.attach(ROOT, "new", old).unwrap();
        fs.linked(old);
        fs.unlinked(old);
        fs.detach(ROOT, "old");
        fs.insert(ROOT, "file", Kind::File(b"x".to_vec())).unwrap();
        let changes = fs.changes().files;
        let found: Vec<_> = changes
            .iter()
            .map(|change| {
                let (kind, did) = (change.kind().as_str(), change.change.as_str());
                (&*change.path, did, kind, change.target(), change.last_path())
            })
            .collect();
        let expected = [
            ("/file", "created", "file", None, "/file"),
            ("/gone", "deleted", "symlink", Some("nowhere"), "/gone"),
            ("/hard", "created", "hardlink", Some("/secret"), "/hard"),
            ("/old", "renamed", "file", None, "/new"),
            ("/soft", "created", "symlink", Some("../etc/passwd"), "/soft"),
        ];
        assert_eq!(found, expected);
        assert!(changes[2].contents.is_empty() && changes[2].size_after == Some(6), "{:?}", changes[2]);
    }
}
