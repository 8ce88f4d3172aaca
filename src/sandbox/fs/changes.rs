//! What a run did to files: the tree at its end against the tree at its start.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::{Fs, Ino, Kind, Node, ROOT, path::PATH};
use crate::{module::view::entropy, sandbox::types::FileChange};

/// Changes listed.
const LISTED: usize = 10_000;

/// The changes, by path, and how many more there are.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Changes {
    pub(in crate::sandbox) files: Vec<FileChange>,
    pub(in crate::sandbox) cut: u64,
}

impl Fs {
    /// Lists the changes.
    pub(in crate::sandbox) fn changes(&self) -> Changes {
        let (here, too_deep) = self.paths();
        let mut changes: Vec<FileChange> = Vec::new();
        let mut seen = BTreeSet::new();
        for (path, &ino) in &here {
            if seen.insert(ino) {
                changes.extend(self.change_of(path, ino));
            }
        }
        let created = changes.iter().enumerate().filter(|(_, change)| change.change == "created");
        let created: BTreeMap<String, usize> = created.map(|(position, change)| (change.path.clone(), position)).collect();
        let gone = (0..self.nodes.len()).map(Ino).filter(|ino| !seen.contains(ino));
        for node in gone.map(|ino| self.get(ino)) {
            lost(node, &created, &mut changes);
        }
        changes.sort_by(|one, other| (&one.path, &one.change).cmp(&(&other.path, &other.change)));
        let cut = too_deep + changes.len().saturating_sub(LISTED) as u64;
        changes.truncate(LISTED);
        Changes { files: changes, cut }
    }

    /// Every path that is there, and how many were too long: directories can be moved into each other without end.
    fn paths(&self) -> (BTreeMap<String, Ino>, u64) {
        let (mut paths, mut stack, mut too_deep) = (BTreeMap::new(), vec![(ROOT, String::new())], 0);
        while let Some((ino, path)) = stack.pop() {
            if path.len() > PATH {
                too_deep += 1;
                continue;
            }
            if let Kind::Dir(names) = &self.get(ino).kind {
                stack.extend(names.iter().map(|(name, &child)| (child, format!("{path}/{name}"))));
            }
            paths.insert(path, ino);
        }
        (paths, too_deep)
    }

    /// What happened to a file that is there.
    fn change_of(&self, path: &str, ino: Ino) -> Option<FileChange> {
        let node = self.get(ino);
        match &node.origin {
            Some(origin) if origin.path != path => {
                let change = change(&origin.path, "renamed", node);
                Some(FileChange { to: Some(path.to_owned()), ..change })
            }
            Some(origin) => origin.before.is_some().then(|| change(path, "changed", node)),
            None => node.is_new.then(|| change(&shown(path, node), "created", node)),
        }
    }
}

/// What happened to a file that is gone. If one that was made has its path now, that one replaced it.
fn lost(node: &Node, created: &BTreeMap<String, usize>, changes: &mut Vec<FileChange>) {
    let path = node.origin.as_ref().map_or(&node.path, |origin| &origin.path);
    let lost = change(path, "deleted", node);
    let successor = created.get(path).filter(|_| node.origin.is_some()).and_then(|&position| changes.get_mut(position));
    match successor {
        Some(successor) => {
            successor.change = "changed".into();
            (successor.size_before, successor.entropy_before) = (lost.size_before, lost.entropy_before);
        }
        None => changes.push(FileChange { path: shown(path, node), size_after: None, entropy_after: None, ..lost }),
    }
}

/// Directories are shown with a slash.
fn shown(path: &str, node: &Node) -> String {
    let slash = if matches!(node.kind, Kind::Dir(_)) { "/" } else { "" };
    format!("{path}{slash}")
}

fn change(path: &str, change: &str, node: &Node) -> FileChange {
    let bytes = match &node.kind {
        Kind::File(bytes) => Some(bytes.as_slice()),
        _ => None,
    };
    // A renamed file whose bytes nobody touched is what it was.
    let measured = || bytes.map(|bytes| (bytes.len() as u64, entropy(bytes)));
    let before = node.origin.as_ref().and_then(|origin| origin.before.or_else(measured));
    let after = measured();
    FileChange {
        path: path.to_owned(),
        change: change.to_owned(),
        to: None,
        size_before: before.map(|(size, _)| size),
        size_after: after.map(|(size, _)| size),
        entropy_before: before.map(|(_, entropy)| entropy),
        entropy_after: after.map(|(_, entropy)| entropy),
        sha256: bytes.map(|bytes| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change() {
        let files = ["/keep", "/write", "/gone", "/move", "/swap"].map(|path| (path.to_owned(), b"aaaa".to_vec()));
        let mut fs = Fs::new(&files.into(), &[], false, 0);
        let ino = |fs: &Fs, name| fs.child(ROOT, name).unwrap();
        let write = ino(&fs, "write");
        fs.write(write, 0, b"abcdefgh").unwrap();
        let gone = ino(&fs, "gone");
        fs.unlinked(gone);
        fs.detach(ROOT, "gone");
        let moved = ino(&fs, "move");
        fs.detach(ROOT, "move");
        fs.attach(ROOT, "moved", moved).unwrap();
        // Written to another file that then takes the name.
        let new = fs.insert(ROOT, "tmp", Kind::File(vec![])).unwrap();
        fs.write(new, 0, b"new").unwrap();
        let swap = ino(&fs, "swap");
        fs.unlinked(swap);
        fs.detach(ROOT, "tmp");
        fs.attach(ROOT, "swap", new).unwrap();
        let dropped = fs.insert(ROOT, "dropped", Kind::File(b"x".to_vec())).unwrap();
        fs.unlinked(dropped);
        fs.detach(ROOT, "dropped");
        fs.insert(ROOT, "dir", Kind::Dir(BTreeMap::new())).unwrap();
        let found: Vec<_> = fs
            .changes()
            .files
            .into_iter()
            .map(|change| (change.path, change.change, change.to, change.size_before, change.size_after, change.entropy_after))
            .collect();
        let row = |path: &str, change: &str, to: Option<&str>, before, after, entropy| {
            (path.to_owned(), change.to_owned(), to.map(str::to_owned), before, after, entropy)
        };
        let expected = [
            row("/dir/", "created", None, None, None, None),
            row("/dropped", "deleted", None, None, None, None),
            row("/gone", "deleted", None, Some(4), None, None),
            row("/move", "renamed", Some("/moved"), Some(4), Some(4), Some(0.0)),
            row("/swap", "changed", None, Some(4), Some(3), Some(1.584963)),
            row("/write", "changed", None, Some(4), Some(8), Some(3.0)),
        ];
        assert_eq!(found, expected);
    }
}
