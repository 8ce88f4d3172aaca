//! The rest of deleted files: their numbers are free for others, what they were is kept.

use std::collections::HashSet;

use super::{
    Fs, Ino, Kind, Origin,
    limits::{KEPT, LISTED},
};

/// A file or directory that no name and no descriptor leads to.
#[derive(Debug)]
pub(super) struct DeletedFile {
    /// The last path.
    pub(super) path: String,
    pub(super) trail: Vec<String>,
    pub(super) origin: Option<Origin>,
    pub(super) kind: Kind,
    /// The contents did not fit.
    pub(super) is_cut: bool,
}

/// All of them.
///
/// Files that were there before the run have their own room: a sample may make and delete as many files as it
/// likes.
#[derive(Debug, Default)]
pub(super) struct DeletedFiles {
    pub(super) list: Vec<DeletedFile>,
    pub(super) cut: u64,
    before: Room,
    own: Room,
}

/// What files of one kind take.
#[derive(Debug, Default)]
struct Room {
    files: usize,
    bytes: usize,
}

impl DeletedFiles {
    fn push(&mut self, mut deleted: DeletedFile) {
        let room = if deleted.origin.is_some() { &mut self.before } else { &mut self.own };
        if room.files >= LISTED {
            self.cut += 1;
            return;
        }
        room.files += 1;
        if let Kind::File(bytes) = &mut deleted.kind {
            deleted.is_cut = room.bytes + bytes.len() > KEPT;
            match deleted.is_cut {
                true => *bytes = Vec::new(),
                false => room.bytes += bytes.len(),
            }
        }
        self.list.push(deleted);
    }
}

/// Numbers of inodes that are given again, the last one first.
#[derive(Debug, Default)]
pub(super) struct Free {
    list: Vec<Ino>,
    /// The same, for a look at one of them.
    set: HashSet<Ino>,
}

impl Free {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn contains(&self, ino: Ino) -> bool {
        self.set.contains(&ino)
    }

    pub(super) fn last(&self) -> Option<Ino> {
        self.list.last().copied()
    }

    fn push(&mut self, ino: Ino) {
        self.set.insert(ino);
        self.list.push(ino);
    }

    pub(super) fn pop(&mut self) -> Option<Ino> {
        let ino = self.list.pop()?;
        self.set.remove(&ino);
        Some(ino)
    }
}

impl Fs {
    /// Gives the number of an inode free if no name leads to it; the caller knows that no descriptor does.
    pub(in crate::sandbox) fn release(&mut self, ino: Ino) {
        if self.get(ino).links > 0 || self.free.contains(ino) {
            return;
        }
        let len = if matches!(self.get(ino).kind, Kind::File(_)) { self.len(ino) } else { 0 };
        self.bytes = self.bytes.saturating_sub(len);
        let node = self.get_mut(ino);
        let deleted = DeletedFile {
            path: std::mem::take(&mut node.path),
            trail: std::mem::take(&mut node.trail),
            origin: node.origin.take(),
            kind: std::mem::replace(&mut node.kind, Kind::File(Vec::new())),
            is_cut: false,
        };
        self.deleted.push(deleted);
        self.free.push(ino);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ROOT, limits::TOTAL_BYTES, start::tests::tree};
    use super::*;

    #[test]
    fn room_is_given_back() {
        let mut fs = tree(&[]);
        for round in 0..5 {
            let ino = fs.insert(ROOT, "big", Kind::File(Vec::new())).unwrap();
            assert_eq!(ino, Ino(1), "the number is given again");
            fs.resize(ino, TOTAL_BYTES).unwrap();
            assert!(fs.resize(ino, TOTAL_BYTES + 1).is_err(), "round {round}");
            fs.release(ino);
            fs.detach(ROOT, "big");
            fs.unlinked(ino);
            fs.release(ino);
            fs.release(ino);
        }
        let deleted: Vec<_> =
            fs.deleted.list.iter().map(|deleted| (deleted.path.as_str(), deleted.is_cut)).collect();
        assert_eq!(deleted, [("/big", true); 5]);
    }

    #[test]
    fn files_of_its_own_push_out_none_that_was_there_before() {
        let mut fs = tree(&[("/home", b"dear diary"), ("/work", b"figures")]);
        for _ in 0..LISTED + 5 {
            let ino = fs.insert(ROOT, "mine", Kind::File(b"x".to_vec())).unwrap();
            fs.unlinked(ino);
            fs.detach(ROOT, "mine");
            fs.release(ino);
        }
        for name in ["home", "work"] {
            let ino = fs.child(ROOT, name).unwrap();
            fs.unlinked(ino);
            fs.detach(ROOT, name);
            fs.release(ino);
        }
        let changes = fs.changes();
        let kept = |path: &str| changes.files.iter().any(|change| change.path == path);
        assert!(kept("/home") && kept("/work"), "those of the user come first");
        assert_eq!((changes.files.len(), changes.cut), (LISTED, 7));
    }
}
