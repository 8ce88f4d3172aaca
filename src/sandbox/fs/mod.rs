//! Files in memory: a tree of inodes, with what a run did to them.
//!
//! Bounded: [`TOTAL_BYTES`] of contents, [`NODES`] files, directories and links at a time, [`NAMES`] names. A
//! path never leads out of the directory that it is resolved in.
//!
//! Not here: descriptors and rights (`wasi`), what is there at the start (`persona`).

mod change;
mod changes;
mod contents;
mod deleted;
mod dir;
mod error;
mod formats;
mod limits;
mod path;
mod start;

pub use self::change::{ChangeKind, ChangedKind, FileChange};
pub(crate) use self::change::{Left, is_passing, is_users};
pub(in crate::sandbox) use self::change::{is_aside, is_built, is_public};
pub use self::contents::Contents;
pub(in crate::sandbox) use self::contents::acts_by_itself;
pub(crate) use self::formats::is_compressed;
pub(super) use self::formats::is_dense;
pub(super) use self::{changes::Changes, dir::Dir, error::Error, path::Place};
use self::{
    changes::Measure,
    deleted::{DeletedFiles, Free},
    limits::{NAME, NAMES, NODES, PATH, TOTAL_BYTES, TRAIL, TRAILS},
};

/// Number of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ino(pub(super) usize);

/// The top directory.
pub(super) const ROOT: Ino = Ino(0);

/// A file, directory or link.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Names that lead here; the inode of a directory without one is no place for new names.
    pub(super) links: u32,
    pub(super) accessed_ns: u64,
    pub(super) modified_ns: u64,
    pub(super) changed_ns: u64,
    /// Of a file that was there at the start.
    origin: Option<Origin>,
    /// The path that it was made at or last renamed to.
    path: String,
    /// The paths that it was renamed from, oldest first.
    trail: Vec<String>,
    /// Made by the sample.
    is_new: bool,
}

/// What an inode is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A regular file.
    File(Vec<u8>),
    /// A directory.
    Dir(Dir),
    /// A symbolic link.
    Link(String),
}

/// A file as it was at the start.
#[derive(Debug)]
struct Origin {
    path: String,
    /// What it was before the first change.
    before: Option<Measure>,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Fs {
    nodes: Vec<Node>,
    /// Numbers of inodes that are given again.
    free: Free,
    bytes: u64,
    names: usize,
    /// Bytes of all trails there ever were.
    trails: usize,
    deleted: DeletedFiles,
    /// Files of the start that had no room or no place.
    pub(super) left_out: u64,
    /// A file that is made from now on was not there at the start.
    is_running: bool,
    /// Time of changes.
    pub(super) now_ns: u64,
}

impl Fs {
    /// The directory at an absolute path.
    pub(super) fn dir_at(&self, path: &str) -> Option<Ino> {
        let mut names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
        names.try_fold(ROOT, |at, name| self.child(at, name)).filter(|&ino| self.is_dir(ino))
    }

    fn node(&self, kind: Kind, path: String) -> Node {
        let (now, is_new) = (self.now_ns, self.is_running);
        let (accessed_ns, modified_ns, changed_ns) = (now, now, now);
        Node {
            kind,
            links: 1,
            accessed_ns,
            modified_ns,
            changed_ns,
            origin: None,
            path,
            trail: Vec::new(),
            is_new,
        }
    }

    /// The inode. Every [`Ino`] comes from this tree, whose inodes are never removed; a number is given again
    /// only when neither name nor descriptor has it.
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
            Kind::Dir(names) => names.get(name),
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

    /// All files with their contents.
    pub(super) fn files(&self) -> impl Iterator<Item = (Ino, &[u8])> {
        self.nodes.iter().enumerate().filter_map(|(number, node)| match &node.kind {
            Kind::File(bytes) => Some((Ino(number), bytes.as_slice())),
            _ => None,
        })
    }

    /// The path that an inode was made at or last renamed to.
    pub(super) fn path_of(&self, ino: Ino) -> &str {
        &self.get(ino).path
    }

    /// Makes an inode called `name` in `dir`.
    pub(super) fn insert(&mut self, dir: Ino, name: &str, kind: Kind) -> Result<Ino, Error> {
        if self.child(dir, name).is_some() {
            return Err(Error::Exists);
        }
        if self.nodes.len() - self.free.len() >= NODES {
            return Err(Error::NoSpace);
        }
        let path = self.path_in(dir, name);
        if path.len() > PATH {
            return Err(Error::NameTooLong);
        }
        // The name first: it is what may be refused.
        let ino = self.free.last().unwrap_or(Ino(self.nodes.len()));
        self.attach(dir, name, ino)?;
        let node = self.node(kind, path);
        match self.free.pop() {
            Some(ino) => self.nodes[ino.0] = node,
            None => self.nodes.push(node),
        }
        Ok(ino)
    }

    fn path_in(&self, dir: Ino, name: &str) -> String {
        format!("{}/{name}", self.get(dir).path)
    }

    /// Gives an inode the name `name` in `dir`, in place of what had it.
    pub(super) fn attach(&mut self, dir: Ino, name: &str, ino: Ino) -> Result<(), Error> {
        if name.len() > NAME {
            return Err(Error::NameTooLong);
        }
        let (now, has_room) = (self.now_ns, self.names < NAMES);
        let node = self.get_mut(dir);
        let is_there = node.links > 0;
        let Kind::Dir(names) = &mut node.kind else { return Err(Error::NotDir) };
        if !is_there {
            return Err(Error::NoEntry);
        }
        if !has_room && names.get(name).is_none() {
            return Err(Error::NoSpace);
        }
        let is_another = names.insert(name, ino).is_none();
        (node.modified_ns, node.changed_ns) = (now, now);
        self.names += usize::from(is_another);
        Ok(())
    }

    /// Takes the name away.
    pub(super) fn detach(&mut self, dir: Ino, name: &str) {
        let now = self.now_ns;
        let node = self.get_mut(dir);
        let Kind::Dir(names) = &mut node.kind else { return };
        let was_there = names.remove(name).is_some();
        (node.modified_ns, node.changed_ns) = (now, now);
        self.names -= usize::from(was_there);
    }

    /// Gives what is called `from` the name `to`, in place of what has it.
    pub(super) fn relocate(&mut self, ino: Ino, from: &Place, to: &Place) -> Result<(), Error> {
        self.attach(to.dir, &to.name, ino)?;
        self.detach(from.dir, &from.name);
        let path = self.path_in(to.dir, &to.name);
        let (now, room) = (self.now_ns, TRAILS - self.trails);
        let node = self.get_mut(ino);
        node.changed_ns = now;
        let before = std::mem::replace(&mut node.path, path);
        if node.trail.len() < TRAIL && before.len() <= room {
            let len = before.len();
            node.trail.push(before);
            self.trails += len;
        }
        Ok(())
    }

    /// Another name leads to the inode.
    pub(super) fn linked(&mut self, ino: Ino) {
        let now = self.now_ns;
        let node = self.get_mut(ino);
        node.links += 1;
        node.changed_ns = now;
    }

    /// A name of an inode is gone. The last one is remembered as its path.
    pub(super) fn unlinked(&mut self, ino: Ino) {
        self.note_before(ino);
        let now = self.now_ns;
        let node = self.get_mut(ino);
        node.links = node.links.saturating_sub(1);
        node.changed_ns = now;
    }

    /// Replaces the bytes of a file from `offset` on, zeros before it if it was shorter.
    pub(super) fn write(&mut self, ino: Ino, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(Error::FileTooBig)?;
        if self.is_dir(ino) {
            return Err(Error::IsDir);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if end > self.len(ino) {
            self.resize(ino, end)?;
        }
        self.note_before(ino);
        self.touch(ino);
        let Kind::File(content) = &mut self.get_mut(ino).kind else { return Err(Error::NotFile) };
        if let Some(target) = content.get_mut(offset as usize..end as usize) {
            target.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Gives a file another length.
    pub(super) fn resize(&mut self, ino: Ino, len: u64) -> Result<(), Error> {
        let before = self.len(ino);
        let total = self.bytes.saturating_sub(before).saturating_add(len);
        if len > before && total > TOTAL_BYTES {
            return Err(Error::NoSpace);
        }
        if !matches!(self.get(ino).kind, Kind::File(_)) {
            return Err(if self.is_dir(ino) { Error::IsDir } else { Error::NotFile });
        }
        self.note_before(ino);
        if let Kind::File(content) = &mut self.get_mut(ino).kind {
            content.resize(len as usize, 0);
            content.shrink_to(2 * len as usize);
        }
        self.bytes = total;
        self.touch(ino);
        Ok(())
    }

    /// The bytes of a file from `offset` on, at most `len`.
    pub(super) fn read(&self, ino: Ino, offset: u64, len: u64) -> Result<&[u8], Error> {
        let content = match &self.get(ino).kind {
            Kind::File(content) => content,
            Kind::Dir(_) => return Err(Error::IsDir),
            Kind::Link(_) => return Err(Error::NotFile),
        };
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
                stack.extend(names.iter().map(|(_, child)| child).filter(|&child| self.is_dir(child)));
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
            origin.before.get_or_insert_with(|| Measure::of(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fs() -> Fs {
        start::tests::tree(&[("/a/b.txt", b"hello"), ("top", b"")])
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
        assert_eq!(fs.write(ino, u64::MAX, b"x"), Err(Error::FileTooBig));
        assert_eq!(fs.resize(ino, TOTAL_BYTES + 1), Err(Error::NoSpace));
        fs.resize(ino, 2).unwrap();
        assert_eq!((fs.len(ino), fs.bytes), (2, 2));
        assert_eq!(fs.read(ROOT, 0, 1), Err(Error::IsDir));
    }

    #[test]
    fn inodes_are_bounded() {
        let mut fs = fs();
        let made = (0..NODES)
            .take_while(|index| fs.insert(ROOT, &index.to_string(), Kind::File(vec![])).is_ok())
            .count();
        assert_eq!(made, NODES - 4);
        assert_eq!(fs.insert(ROOT, "more", Kind::File(vec![])), Err(Error::NoSpace));
    }

    #[test]
    fn names_are_bounded() {
        let mut fs = fs();
        let long = "n".repeat(NAME + 1);
        assert_eq!(fs.insert(ROOT, &long, Kind::File(vec![])), Err(Error::NameTooLong));
        let made = (0..NAMES).take_while(|index| fs.attach(ROOT, &index.to_string(), Ino(1)).is_ok()).count();
        assert_eq!(made, NAMES - 3, "hard links are bounded too");
        fs.detach(ROOT, "0");
        assert_eq!(
            (fs.attach(ROOT, "more", Ino(1)), fs.attach(ROOT, "again", Ino(1))),
            (Ok(()), Err(Error::NoSpace))
        );
        assert_eq!(fs.attach(ROOT, "1", Ino(1)), Ok(()), "a name that is there is given to another");
    }

    #[test]
    fn nothing_is_made_in_a_directory_that_is_gone() {
        let mut fs = fs();
        let dir = fs.insert(ROOT, "d", Kind::Dir(Dir::default())).unwrap();
        fs.detach(ROOT, "d");
        fs.unlinked(dir);
        assert_eq!(fs.insert(dir, "x", Kind::File(vec![])), Err(Error::NoEntry));
    }

    #[test]
    fn paths_of_renamed_files_take_bounded_memory() {
        let mut fs = fs();
        let mut dir = ROOT;
        for _ in 0..15 {
            dir = fs.insert(dir, &"d".repeat(NAME), Kind::Dir(Dir::default())).unwrap();
        }
        for number in 0..400 {
            let mut place = Place { dir, name: number.to_string(), ino: None, is_dir_wanted: false };
            let ino = fs.insert(dir, &place.name, Kind::File(vec![7])).unwrap();
            for round in 0..=TRAIL {
                let to = Place { dir, name: format!("{number} {round}"), ino: None, is_dir_wanted: false };
                fs.relocate(ino, &place, &to).unwrap();
                place = to;
            }
        }
        let total: usize = fs.changes().files.iter().map(|change| change.via.concat().len()).sum();
        assert!(total > TRAILS / 2 && total <= TRAILS, "{total}");
    }
}
