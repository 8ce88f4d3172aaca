//! Files in memory: a tree of inodes, with what a run did to them.
//!
//! Bounded: [`TOTAL_BYTES`] of contents, [`NODES`] files and directories. A path never leads out of the directory that it is resolved in.
//!
//! Not here: descriptors and rights (`wasi`).

mod changes;
mod decoy;
mod path;

use std::collections::BTreeMap;

use super::wasi::Errno;
use crate::module::view::entropy;

pub(super) use changes::Changes;
pub(super) use path::Place;

/// Bytes of all files together.
pub(super) const TOTAL_BYTES: u64 = 64 << 20;
/// Files, directories and links that can be made in a run.
const NODES: usize = 10_000;

/// Number of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ino(pub(super) usize);

/// The top directory.
pub(super) const ROOT: Ino = Ino(0);

/// A file, directory or link.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Names that lead here.
    pub(super) links: u32,
    pub(super) accessed_ns: u64,
    pub(super) modified_ns: u64,
    pub(super) changed_ns: u64,
    /// Of a file that was there at the start.
    origin: Option<Origin>,
    /// The path that it was made at.
    path: String,
    /// Made by the sample.
    is_new: bool,
}

/// What an inode is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A regular file.
    File(Vec<u8>),
    /// A directory: names in order, so that listings are.
    Dir(BTreeMap<String, Ino>),
    /// A symbolic link.
    Link(String),
}

/// A file as it was at the start.
#[derive(Debug)]
struct Origin {
    path: String,
    /// Size and entropy before the first change.
    before: Option<(u64, f64)>,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Fs {
    nodes: Vec<Node>,
    bytes: u64,
    /// What is made from now on was not there at the start.
    is_running: bool,
    /// Time of changes.
    pub(super) now_ns: u64,
}

impl Fs {
    /// A tree of these files, and a made-up user's if `decoys`.
    pub(super) fn new(files: &BTreeMap<String, Vec<u8>>, dirs: &[&str], decoys: bool, now_ns: u64) -> Self {
        let mut fs = Self { nodes: Vec::new(), bytes: 0, is_running: false, now_ns };
        fs.nodes.push(fs.node(Kind::Dir(BTreeMap::new()), String::new()));
        for (path, bytes) in files {
            fs.install(path, bytes.clone());
        }
        if decoys {
            for (age_days, (path, bytes)) in (3..).zip(decoy::files()) {
                fs.now_ns = now_ns.saturating_sub(age_days * 86_400_000_000_000 + 12_345_678_901);
                fs.install(path, bytes);
            }
            fs.now_ns = now_ns;
        }
        for dir in dirs {
            fs.make_dirs(dir);
        }
        fs.is_running = true;
        fs
    }

    /// Puts a file there at the start, unless there is something.
    fn install(&mut self, path: &str, bytes: Vec<u8>) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() || self.bytes + bytes.len() as u64 > TOTAL_BYTES {
            return;
        }
        let Some(dir) = self.make_dirs(dir) else { return };
        self.bytes += bytes.len() as u64;
        let path = format!("/{}", path.trim_start_matches('/'));
        if let Ok(ino) = self.insert(dir, name, Kind::File(bytes)) {
            self.nodes[ino.0].origin = Some(Origin { path, before: None });
        }
    }

    /// The directory at `path`, made if it is not there.
    fn make_dirs(&mut self, path: &str) -> Option<Ino> {
        let mut at = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            at = match self.child(at, name) {
                Some(ino) => ino,
                None => self.insert(at, name, Kind::Dir(BTreeMap::new())).ok()?,
            };
        }
        self.is_dir(at).then_some(at)
    }

    /// The directory at an absolute path.
    pub(super) fn dir_at(&self, path: &str) -> Option<Ino> {
        let mut names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
        names.try_fold(ROOT, |at, name| self.child(at, name)).filter(|&ino| self.is_dir(ino))
    }

    fn node(&self, kind: Kind, path: String) -> Node {
        let (now, is_new) = (self.now_ns, self.is_running);
        Node { kind, links: 1, accessed_ns: now, modified_ns: now, changed_ns: now, origin: None, path, is_new }
    }

    /// The inode; every [`Ino`] comes from this tree, whose inodes are never removed.
    pub(super) fn get(&self, ino: Ino) -> &Node {
        &self.nodes[ino.0]
    }

    pub(super) fn get_mut(&mut self, ino: Ino) -> &mut Node {
        &mut self.nodes[ino.0]
    }

    pub(super) fn is_dir(&self, ino: Ino) -> bool {
        matches!(self.get(ino).kind, Kind::Dir(_))
    }

    /// What `name` stands for in a directory.
    pub(super) fn child(&self, dir: Ino, name: &str) -> Option<Ino> {
        match &self.get(dir).kind {
            Kind::Dir(names) => names.get(name).copied(),
            _ => None,
        }
    }

    /// Length in bytes.
    pub(super) fn len(&self, ino: Ino) -> u64 {
        match &self.get(ino).kind {
            Kind::File(bytes) => bytes.len() as u64,
            Kind::Dir(names) => names.len() as u64,
            Kind::Link(target) => target.len() as u64,
        }
    }

    /// Makes an inode called `name` in `dir`.
    pub(super) fn insert(&mut self, dir: Ino, name: &str, kind: Kind) -> Result<Ino, Errno> {
        if self.nodes.len() >= NODES {
            return Err(Errno::NOSPC);
        }
        let path = format!("{}/{name}", self.get(dir).path);
        if name.len() > 255 || path.len() > path::PATH {
            return Err(Errno::NAMETOOLONG);
        }
        if self.child(dir, name).is_some() {
            return Err(Errno::EXIST);
        }
        let ino = Ino(self.nodes.len());
        let node = self.node(kind, path);
        self.nodes.push(node);
        self.attach(dir, name, ino)?;
        Ok(ino)
    }

    /// Gives an inode the name `name` in `dir`, in place of what had it.
    pub(super) fn attach(&mut self, dir: Ino, name: &str, ino: Ino) -> Result<(), Errno> {
        let now = self.now_ns;
        let node = self.get_mut(dir);
        let Kind::Dir(names) = &mut node.kind else { return Err(Errno::NOTDIR) };
        names.insert(name.to_owned(), ino);
        (node.modified_ns, node.changed_ns) = (now, now);
        Ok(())
    }

    /// Takes the name away.
    pub(super) fn detach(&mut self, dir: Ino, name: &str) {
        let now = self.now_ns;
        let node = self.get_mut(dir);
        let Kind::Dir(names) = &mut node.kind else { return };
        names.remove(name);
        (node.modified_ns, node.changed_ns) = (now, now);
    }

    /// One name of a file is gone: notes what it was if that was the last.
    pub(super) fn unlinked(&mut self, ino: Ino) {
        self.note_before(ino);
        let node = self.get_mut(ino);
        node.links = node.links.saturating_sub(1);
    }

    /// Replaces the bytes of a file from `offset` on, zeros before it if it was shorter.
    pub(super) fn write(&mut self, ino: Ino, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(Errno::FBIG)?;
        if end > self.len(ino) {
            self.resize(ino, end)?;
        }
        self.note_before(ino);
        self.touch(ino);
        let Kind::File(content) = &mut self.get_mut(ino).kind else { return Err(Errno::ISDIR) };
        if let Some(target) = content.get_mut(offset as usize..end as usize) {
            target.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Gives a file another length.
    pub(super) fn resize(&mut self, ino: Ino, len: u64) -> Result<(), Errno> {
        self.note_before(ino);
        let before = self.len(ino);
        let total = self.bytes.saturating_sub(before).saturating_add(len);
        if len > before && total > TOTAL_BYTES {
            return Err(Errno::NOSPC);
        }
        let Kind::File(content) = &mut self.get_mut(ino).kind else { return Err(Errno::ISDIR) };
        content.resize(len as usize, 0);
        self.bytes = total;
        self.touch(ino);
        Ok(())
    }

    /// The bytes of a file from `offset` on, at most `len`.
    pub(super) fn read(&self, ino: Ino, offset: u64, len: u64) -> Result<&[u8], Errno> {
        let Kind::File(content) = &self.get(ino).kind else { return Err(Errno::ISDIR) };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let end = start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)).min(content.len());
        Ok(&content[start..end])
    }

    /// Whether `inner` is the directory `outer` or lies in it.
    pub(super) fn holds(&self, outer: Ino, inner: Ino) -> bool {
        let mut stack = vec![outer];
        while let Some(ino) = stack.pop() {
            if ino == inner {
                return true;
            }
            if let Kind::Dir(names) = &self.get(ino).kind {
                stack.extend(names.values().copied().filter(|&child| self.is_dir(child)));
            }
        }
        false
    }

    fn touch(&mut self, ino: Ino) {
        let now = self.now_ns;
        let node = self.get_mut(ino);
        (node.modified_ns, node.changed_ns) = (now, now);
    }

    /// Measures a file of the start before its first change.
    fn note_before(&mut self, ino: Ino) {
        let node = &mut self.nodes[ino.0];
        if let (Kind::File(bytes), Some(origin)) = (&node.kind, &mut node.origin) {
            origin.before.get_or_insert_with(|| (bytes.len() as u64, entropy(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fs() -> Fs {
        let files = [("/a/b.txt".to_owned(), b"hello".to_vec()), ("top".to_owned(), vec![])];
        Fs::new(&files.into(), &["/empty"], false, 0)
    }

    #[test]
    fn files_are_read_and_written() {
        let mut fs = fs();
        let place = fs.resolve(ROOT, "a/b.txt", true).unwrap();
        let ino = place.ino.unwrap();
        assert_eq!(fs.read(ino, 1, 3).unwrap(), b"ell");
        assert_eq!(fs.read(ino, 99, 3).unwrap(), b"");
        fs.write(ino, 7, b"!").unwrap();
        assert_eq!(fs.read(ino, 0, u64::MAX).unwrap(), b"hello\0\0!");
        assert_eq!(fs.write(ino, u64::MAX, b"x"), Err(Errno::FBIG));
        assert_eq!(fs.resize(ino, TOTAL_BYTES + 1), Err(Errno::NOSPC));
        fs.resize(ino, 2).unwrap();
        assert_eq!((fs.len(ino), fs.bytes), (2, 2));
        assert_eq!(fs.read(ROOT, 0, 1), Err(Errno::ISDIR));
        assert!(fs.dir_at("/empty").is_some() && fs.dir_at("/a/b.txt").is_none());
    }

    #[test]
    fn inodes_are_bounded() {
        let mut fs = fs();
        let made = (0..NODES).take_while(|index| fs.insert(ROOT, &index.to_string(), Kind::File(vec![])).is_ok()).count();
        assert_eq!(made, NODES - 5);
        assert_eq!(fs.insert(ROOT, "more", Kind::File(vec![])), Err(Errno::NOSPC));
    }

    #[test]
    fn decoys_are_there_and_do_not_replace_files() {
        let mine = [("/etc/passwd".to_owned(), b"mine".to_vec())];
        let fs = Fs::new(&mine.into(), &[], true, 1 << 60);
        let read = |path: &str| {
            let ino = fs.resolve(ROOT, path, true).unwrap().ino.unwrap();
            fs.read(ino, 0, 1 << 20).unwrap().to_vec()
        };
        assert_eq!(read("etc/passwd"), b"mine");
        assert!(read("home/user/documents/report.txt").len() > 100);
    }
}
