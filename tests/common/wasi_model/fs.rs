//! The model: a map from whole paths to what is there.

use std::collections::BTreeMap;

use super::{module, ops::Op};

/// What a call that succeeded gave.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Seen {
    pub told: Vec<u64>,
    pub bytes: Vec<u8>,
}

type Names = Vec<String>;
type Outcome = Result<Seen, String>;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File(usize),
    Dir(usize),
    Link(usize),
}

/// A file.
#[derive(Debug, Clone, Default)]
pub struct File {
    pub bytes: Vec<u8>,
    /// Where it was at the start, and what was in it.
    start: Option<(String, Vec<u8>)>,
}

impl File {
    /// Whether a list of changes need not name it.
    pub fn is_untouched(&self, path: &str) -> bool {
        self.start.as_ref().is_some_and(|(first, bytes)| first == path && *bytes == self.bytes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Stream(u32),
    File(usize),
    Dir(usize),
}

#[derive(Debug, Clone)]
struct Open {
    target: Target,
    offset: u64,
    append: bool,
    rights: u64,
    inheriting: u64,
}

/// The directory that the last name of a path stands in, and that name (none for the directory itself). It
/// also says whether a directory is wanted.
struct Place {
    dir: Option<Names>,
    name: Option<String>,
    entry: Option<Entry>,
    wants_dir: bool,
}

/// Rights by number, as the specification lists them.
const READ: u64 = 1 << 1;
const SEEK: u64 = 1 << 2;
const TELL: u64 = 1 << 5;
const WRITE: u64 = 1 << 6;
const ALLOCATE: u64 = 1 << 8;
const SET_SIZE: u64 = 1 << 22;
const STAT: u64 = 1 << 21;
/// What a file, a directory and a stream can have.
const OF_FILE: u64 = 0x08e0_01ff;
const OF_DIR: u64 = 0x0fbf_fe98;
const OF_STREAM: u64 = 0x08e0_01db;
/// No file of a test may become larger; the sandbox holds a little less than this with what else is there.
const QUOTA: u64 = 64 << 20;

/// The whole of it.
#[derive(Debug)]
pub struct Fs {
    tree: BTreeMap<Names, Entry>,
    files: Vec<File>,
    /// What each symbolic link says.
    links: Vec<String>,
    dirs: usize,
    open: BTreeMap<u32, Open>,
}

fn no<T>(errno: &str) -> Result<T, String> {
    Err(errno.to_owned())
}

fn told(numbers: &[u64]) -> Outcome {
    Ok(Seen { told: numbers.to_vec(), bytes: Vec::new() })
}

impl Fs {
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let mut fs = Self {
            tree: BTreeMap::new(),
            files: Vec::new(),
            links: Vec::new(),
            dirs: 0,
            open: BTreeMap::new(),
        };
        fs.tree.insert(Vec::new(), Entry::Dir(0));
        for &(path, bytes) in files {
            let names: Names = path.split('/').skip(1).map(str::to_owned).collect();
            for depth in 1..names.len() {
                if !fs.tree.contains_key(&names[..depth]) {
                    fs.dirs += 1;
                    fs.tree.insert(names[..depth].to_vec(), Entry::Dir(fs.dirs));
                }
            }
            fs.tree.insert(names, Entry::File(fs.files.len()));
            fs.files.push(File { bytes: bytes.to_vec(), start: Some((path.to_owned(), bytes.to_vec())) });
        }
        let open = |target, rights, inheriting| Open { target, offset: 0, append: false, rights, inheriting };
        for fd in 0..3 {
            fs.open.insert(fd, open(Target::Stream(fd), OF_STREAM, 0));
        }
        fs.open.insert(3, open(Target::Dir(0), OF_DIR, OF_DIR | OF_FILE));
        fs
    }

    /// Does what the call does.
    pub fn apply(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Open { .. } => self.open(op),
            Op::Close { fd } => match self.open.remove(fd) {
                Some(_) => told(&[]),
                None => no("badf"),
            },
            Op::Write { fd, len } => self.write(*fd, *len, None),
            Op::Pwrite { fd, len, offset } => self.write(*fd, *len, Some(*offset)),
            Op::Read { fd, len } => self.read(*fd, *len, None),
            Op::Pread { fd, len, offset } => self.read(*fd, *len, Some(*offset)),
            Op::Seek { fd, delta, whence } => self.seek(*fd, *delta, *whence),
            Op::Tell { fd } => match self.at(*fd)? {
                Open { target: Target::Stream(_), .. } => no("spipe"),
                open if open.rights & TELL == 0 => no("notcapable"),
                open => told(&[u64::from(open.offset as u32)]),
            },
            Op::Resize { fd, len } => {
                let file = self.file(*fd, SET_SIZE)?;
                self.resize(file, *len)
            }
            Op::Allocate { fd, offset, len } => {
                let file = self.file(*fd, ALLOCATE)?;
                match offset.checked_add(*len) {
                    None => no("fbig"),
                    Some(end) if end > self.files[file].bytes.len() as u64 => self.resize(file, end),
                    Some(_) => told(&[]),
                }
            }
            Op::MakeDir { fd, path } => self.make_dir(*fd, path),
            Op::RemoveDir { fd, path } => self.remove_dir(*fd, path),
            Op::Unlink { fd, path } => self.unlink(*fd, path),
            Op::Rename { fd, path, to_fd, to } => self.rename((*fd, path), (*to_fd, to)),
            Op::Link { fd, path, to_fd, to } => self.link((*fd, path), (*to_fd, to)),
            Op::Symlink { target, fd, path } => self.symlink(target, *fd, path),
            Op::Readlink { fd, path } => match self.place(*fd, 1 << 15, path, false)?.entry {
                None => no("noent"),
                Some(Entry::Link(link)) => {
                    let target = &self.links[link];
                    // The log does not show fewer than four bytes.
                    let bytes = if target.len() < 4 { Vec::new() } else { target.clone().into_bytes() };
                    Ok(Seen { told: vec![target.len() as u64], bytes })
                }
                Some(_) => no("inval"),
            },
            Op::Stat { fd, path, follow } => match self.place(*fd, 1 << 18, path, *follow)?.entry {
                None => no("noent"),
                Some(entry) => told(&self.stat(&entry)),
            },
            Op::FdStat { fd } => match self.with(*fd, STAT)?.target {
                Target::Stream(_) => told(&[2, 1, 0]),
                Target::File(file) => told(&self.stat(&Entry::File(file))),
                Target::Dir(dir) => told(&self.stat(&Entry::Dir(dir))),
            },
            Op::List { fd } => self.list(*fd),
            Op::Renumber { fd, to } => {
                self.at(*to)?;
                let Some(open) = self.open.remove(fd) else { return no("badf") };
                self.open.insert(*to, open);
                told(&[])
            }
            Op::Rights { fd, rights, inheriting } => {
                let Some(open) = self.open.get_mut(fd) else { return no("badf") };
                if rights & !open.rights != 0 || inheriting & !open.inheriting != 0 {
                    return no("notcapable");
                }
                (open.rights, open.inheriting) = (*rights, *inheriting);
                told(&[])
            }
        }
    }

    fn at(&self, fd: u32) -> Result<&Open, String> {
        self.open.get(&fd).ok_or_else(|| "badf".to_owned())
    }

    fn with(&self, fd: u32, rights: u64) -> Result<&Open, String> {
        let open = self.at(fd)?;
        if open.rights & rights == rights { Ok(open) } else { no("notcapable") }
    }

    fn file(&self, fd: u32, rights: u64) -> Result<usize, String> {
        match self.with(fd, rights)?.target {
            Target::File(file) => Ok(file),
            Target::Dir(_) => no("isdir"),
            Target::Stream(_) => no("badf"),
        }
    }

    fn dir(&self, fd: u32, rights: u64) -> Result<usize, String> {
        match self.at(fd)?.target {
            Target::Dir(dir) => self.with(fd, rights).map(|_| dir),
            _ => no("notdir"),
        }
    }

    /// Where a directory is now; nowhere once it was removed.
    fn path_of(&self, dir: usize) -> Option<Names> {
        self.tree.iter().find(|(_, entry)| **entry == Entry::Dir(dir)).map(|(path, _)| path.clone())
    }

    fn children(&self, path: &[String]) -> impl Iterator<Item = &String> {
        let below =
            self.tree.keys().filter(move |other| other.len() == path.len() + 1 && other.starts_with(path));
        below.filter_map(|path| path.last())
    }

    fn place(&self, fd: u32, rights: u64, path: &[u8], follow: bool) -> Result<Place, String> {
        let dir = self.dir(fd, rights)?;
        let Ok(path) = std::str::from_utf8(path) else { return no("ilseq") };
        if path.is_empty() {
            return no("noent");
        }
        if path.contains('\0') {
            return no("inval");
        }
        if path.starts_with('/') {
            return no("notcapable");
        }
        let mut todo: Vec<String> =
            path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        // A final `.` stays: what stands before it must be there.
        let last = todo.pop();
        todo.retain(|name| name != ".");
        todo.extend(last);
        let wants_dir = path.ends_with('/') || todo.last().is_some_and(|name| name == ".");
        match self.path_of(dir) {
            Some(base) => self.walk(base.clone(), base.len(), todo, follow || wants_dir, wants_dir, 0),
            // Nothing is in a directory that is gone.
            None => match &todo[..] {
                [] => Ok(Place { dir: None, name: None, entry: Some(Entry::Dir(dir)), wants_dir: true }),
                [dot] if dot == "." => {
                    Ok(Place { dir: None, name: None, entry: Some(Entry::Dir(dir)), wants_dir: true })
                }
                [first, ..] if first == ".." => no("notcapable"),
                [name] => Ok(Place { dir: None, name: Some(name.clone()), entry: None, wants_dir }),
                _ => no("noent"),
            },
        }
    }

    /// One name after the other, by recursion; `base` is the number of names that may not be left.
    fn walk(
        &self,
        mut here: Names,
        base: usize,
        mut todo: Vec<String>,
        follow: bool,
        wants_dir: bool,
        links: u32,
    ) -> Result<Place, String> {
        if todo.is_empty() || todo == ["."] {
            let entry = self.tree.get(&here).cloned();
            return Ok(Place { dir: None, name: None, entry, wants_dir: true });
        }
        let name = todo.remove(0);
        if name == ".." {
            if here.len() == base {
                return no("notcapable");
            }
            here.pop();
            return self.walk(here, base, todo, follow, wants_dir, links);
        }
        let mut there = here.clone();
        there.push(name.clone());
        let entry = self.tree.get(&there).cloned();
        match &entry {
            Some(Entry::Link(link)) if !todo.is_empty() || follow => {
                let target = &self.links[*link];
                if links == 40 {
                    return no("loop");
                }
                let is_name = |name: &&str| !name.is_empty() && *name != ".";
                let mut names: Vec<String> = target.split('/').filter(is_name).map(str::to_owned).collect();
                names.extend(todo);
                self.walk(here, base, names, follow, wants_dir, links + 1)
            }
            Some(Entry::Dir(_)) if !todo.is_empty() => self.walk(there, base, todo, follow, wants_dir, links),
            None if !todo.is_empty() => no("noent"),
            Some(_) if !todo.is_empty() => no("notdir"),
            Some(Entry::File(_) | Entry::Link(_)) if wants_dir => no("notdir"),
            _ => Ok(Place { dir: Some(here), name: Some(name), entry, wants_dir }),
        }
    }

    /// Where a new name would go.
    fn slot(place: &Place) -> Result<Names, String> {
        let (Some(dir), Some(name)) = (&place.dir, &place.name) else {
            let is_long = place.name.as_ref().is_some_and(|name| name.len() > 255);
            return no(if is_long { "nametoolong" } else { "noent" });
        };
        if name.len() > 255 {
            return no("nametoolong");
        }
        let mut path = dir.clone();
        path.push(name.clone());
        Ok(path)
    }

    fn open(&mut self, op: &Op) -> Outcome {
        let Op::Open { fd, path, follow, oflags, rights, inheriting, append } = op else {
            return no("inval");
        };
        let (creates, wants_dir, exclusive, empties) =
            (oflags & 1 != 0, oflags & 2 != 0, oflags & 4 != 0, oflags & 8 != 0);
        let needed = 1 << 13 | if creates { 1 << 10 } else { 0 } | if empties { 1 << 19 } else { 0 };
        let place = self.place(*fd, needed, path, *follow && !(creates && exclusive))?;
        let may_give = self.at(*fd)?.inheriting;
        if rights & !may_give & (OF_FILE | OF_DIR) != 0 {
            return no("notcapable");
        }
        let (rights, inheriting) = (rights & may_give, inheriting & may_give);
        let target = match &place.entry {
            None if !creates => return no("noent"),
            None if place.wants_dir || wants_dir => return no("inval"),
            None => {
                let slot = Self::slot(&place)?;
                self.tree.insert(slot, Entry::File(self.files.len()));
                self.files.push(File::default());
                Target::File(self.files.len() - 1)
            }
            Some(_) if creates && exclusive => return no("exist"),
            Some(Entry::Link(_)) => return no("loop"),
            Some(Entry::File(_)) if wants_dir => return no("notdir"),
            Some(Entry::Dir(_)) if creates || empties || rights & WRITE != 0 => return no("isdir"),
            Some(Entry::Dir(dir)) => Target::Dir(*dir),
            Some(Entry::File(file)) => {
                if empties {
                    self.files[*file].bytes.clear();
                }
                Target::File(*file)
            }
        };
        let allowed = if matches!(target, Target::Dir(_)) { OF_DIR } else { OF_FILE };
        let fd = (0..).find(|fd| !self.open.contains_key(fd)).unwrap_or(u32::MAX);
        self.open
            .insert(fd, Open { target, offset: 0, append: *append, rights: rights & allowed, inheriting });
        told(&[fd.into()])
    }

    fn resize(&mut self, file: usize, len: u64) -> Outcome {
        if len > QUOTA {
            return no("nospc");
        }
        self.files[file].bytes.resize(len as usize, 0);
        told(&[])
    }

    fn write(&mut self, fd: u32, len: u32, at: Option<u64>) -> Outcome {
        let open = self.with(fd, if at.is_some() { WRITE | SEEK } else { WRITE })?.clone();
        let file = match open.target {
            Target::Stream(_) if at.is_some() => return no("spipe"),
            Target::Stream(0) => return no("badf"),
            Target::Stream(_) => return told(&[len.into()]),
            Target::File(file) => file,
            Target::Dir(_) => return no("isdir"),
        };
        let size = self.files[file].bytes.len() as u64;
        let offset = if open.append { size } else { at.unwrap_or(open.offset) };
        let Some(end) = offset.checked_add(len.into()) else { return no("fbig") };
        if len > 0 {
            if end > size {
                self.resize(file, end)?;
            }
            self.files[file].bytes[offset as usize..end as usize].copy_from_slice(&module::source(len));
        }
        if let (None, Some(open)) = (at, self.open.get_mut(&fd)) {
            open.offset = end;
        }
        told(&[len.into()])
    }

    fn read(&mut self, fd: u32, len: u32, at: Option<u64>) -> Outcome {
        let open = self.with(fd, if at.is_some() { READ | SEEK } else { READ })?.clone();
        let file = match open.target {
            Target::Stream(_) if at.is_some() => return no("spipe"),
            Target::Stream(0) => return told(&[0]),
            Target::Stream(_) => return no("badf"),
            Target::File(file) => file,
            Target::Dir(_) => return no("isdir"),
        };
        let offset = at.unwrap_or(open.offset);
        let bytes: Vec<u8> = self.files[file]
            .bytes
            .iter()
            .skip(usize::try_from(offset).unwrap_or(usize::MAX))
            .take(len as usize)
            .copied()
            .collect();
        if let (None, Some(open)) = (at, self.open.get_mut(&fd)) {
            open.offset += bytes.len() as u64;
        }
        Ok(Seen { told: vec![bytes.len() as u64], bytes })
    }

    fn seek(&mut self, fd: u32, delta: i64, whence: u32) -> Outcome {
        if whence > 2 {
            return no("inval");
        }
        let open = self.at(fd)?;
        let size = match open.target {
            Target::Stream(_) => return no("spipe"),
            Target::File(file) => self.files[file].bytes.len() as u64,
            Target::Dir(_) => 0,
        };
        let asks = whence == 1 && delta == 0;
        if open.rights & if asks { SEEK | TELL } else { SEEK } == 0 {
            return no("notcapable");
        }
        let base = [0, open.offset, size][whence as usize];
        let Some(offset) = i128::from(base)
            .checked_add(delta.into())
            .filter(|offset| (0..=i64::MAX.into()).contains(offset))
        else {
            return no("inval");
        };
        if let Some(open) = self.open.get_mut(&fd) {
            open.offset = offset as u64;
        }
        told(&[u64::from(offset as u32)])
    }

    fn make_dir(&mut self, fd: u32, path: &[u8]) -> Outcome {
        let place = self.place(fd, 1 << 9, path, false)?;
        if place.entry.is_some() {
            return no("exist");
        }
        let slot = Self::slot(&place)?;
        self.dirs += 1;
        self.tree.insert(slot, Entry::Dir(self.dirs));
        told(&[])
    }

    fn remove_dir(&mut self, fd: u32, path: &[u8]) -> Outcome {
        let place = self.place(fd, 1 << 25, path, false)?;
        match &place.entry {
            None => return no("noent"),
            Some(_) if place.name.is_none() => return no("inval"),
            Some(Entry::Dir(_)) => {}
            Some(_) => return no("notdir"),
        }
        let slot = Self::slot(&place)?;
        if self.children(&slot).next().is_some() {
            return no("notempty");
        }
        self.tree.remove(&slot);
        told(&[])
    }

    fn unlink(&mut self, fd: u32, path: &[u8]) -> Outcome {
        let place = self.place(fd, 1 << 26, path, false)?;
        match &place.entry {
            None => no("noent"),
            Some(Entry::Dir(_)) => no("isdir"),
            Some(_) => {
                self.tree.remove(&Self::slot(&place)?);
                told(&[])
            }
        }
    }

    fn rename(&mut self, (fd, path): (u32, &[u8]), (to_fd, to): (u32, &[u8])) -> Outcome {
        let from = self.place(fd, 1 << 16, path, false)?;
        let to = self.place(to_fd, 1 << 17, to, false)?;
        let Some(entry) = &from.entry else { return no("noent") };
        if from.name.is_none() || to.name.is_none() {
            return no("busy");
        }
        let is_dir = matches!(entry, Entry::Dir(_));
        if to.wants_dir && !is_dir {
            return no("notdir");
        }
        let old = Self::slot(&from)?;
        match &to.entry {
            Some(other) if other == entry => return told(&[]),
            _ if is_dir && to.dir.as_ref().is_some_and(|dir| dir.starts_with(&old)) => return no("inval"),
            Some(Entry::Dir(_)) if !is_dir => return no("isdir"),
            Some(Entry::Dir(_)) if self.children(&Self::slot(&to)?).next().is_some() => {
                return no("notempty");
            }
            Some(Entry::File(_) | Entry::Link(_)) if is_dir => return no("notdir"),
            _ => {}
        }
        let new = Self::slot(&to)?;
        self.tree.remove(&new);
        let moved: Vec<Names> = self.tree.keys().filter(|path| path.starts_with(&old)).cloned().collect();
        for path in moved {
            let entry = self.tree.remove(&path);
            let there = [new.clone(), path[old.len()..].to_vec()].concat();
            entry.map(|entry| self.tree.insert(there, entry));
        }
        told(&[])
    }

    fn link(&mut self, (fd, path): (u32, &[u8]), (to_fd, to): (u32, &[u8])) -> Outcome {
        let from = self.place(fd, 1 << 11, path, false)?;
        let to = self.place(to_fd, 1 << 12, to, false)?;
        match from.entry {
            None => no("noent"),
            Some(Entry::Dir(_)) => no("perm"),
            Some(_) if to.entry.is_some() => no("exist"),
            Some(_) if to.wants_dir => no("noent"),
            Some(entry) => {
                let slot = Self::slot(&to)?;
                self.tree.insert(slot, entry);
                told(&[])
            }
        }
    }

    fn symlink(&mut self, target: &[u8], fd: u32, path: &[u8]) -> Outcome {
        let target = String::from_utf8_lossy(target).into_owned();
        if target.is_empty() {
            return no("noent");
        }
        if target.starts_with('/') {
            return no("notcapable");
        }
        let to = self.place(fd, 1 << 24, path, false)?;
        if to.entry.is_some() {
            return no("exist");
        }
        if to.wants_dir {
            return no("noent");
        }
        let slot = Self::slot(&to)?;
        self.tree.insert(slot, Entry::Link(self.links.len()));
        self.links.push(target);
        told(&[])
    }

    /// Type, names, size.
    fn stat(&self, entry: &Entry) -> [u64; 3] {
        let names = self.tree.values().filter(|other| *other == entry).count() as u64;
        match entry {
            Entry::File(file) => [4, names, self.files[*file].bytes.len() as u64],
            Entry::Dir(_) => [3, names, 4096],
            Entry::Link(link) => [7, names, self.links[*link].len() as u64],
        }
    }

    fn list(&self, fd: u32) -> Outcome {
        let dir = self.dir(fd, 1 << 14)?;
        let path = self.path_of(dir);
        let mut names: Vec<&str> =
            path.iter().flat_map(|path| self.children(path)).map(String::as_str).collect();
        names.extend([".", ".."]);
        names.sort_unstable();
        Ok(Seen { told: Vec::new(), bytes: names.join("/").into_bytes() })
    }

    /// Every name of a file, with the file's number.
    pub fn names(&self) -> BTreeMap<String, (usize, &File)> {
        let name = |(path, entry): (&Names, &Entry)| match entry {
            Entry::File(file) => Some((format!("/{}", path.join("/")), (*file, &self.files[*file]))),
            _ => None,
        };
        self.tree.iter().filter_map(name).collect()
    }

    /// Whether there is a directory or a link.
    pub fn has_other(&self, path: &str) -> bool {
        let names: Names = path.split('/').skip(1).map(str::to_owned).collect();
        matches!(self.tree.get(&names), Some(Entry::Dir(_) | Entry::Link(_)))
    }
}
