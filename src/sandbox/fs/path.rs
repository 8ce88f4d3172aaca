//! Paths, resolved within a directory that they cannot leave.

use super::{Fs, Ino, Kind};
use crate::sandbox::wasi::Errno;

/// Bytes of a path.
pub(super) const PATH: usize = 4096;
/// Symbolic links followed in one path.
const LINKS: u32 = 40;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Place {
    /// The directory that its last name stands in.
    pub(in crate::sandbox) dir: Ino,
    /// Its last name; `.` for the directory itself.
    pub(in crate::sandbox) name: String,
    /// What it leads to, if that exists.
    pub(in crate::sandbox) ino: Option<Ino>,
    /// A slash at the end: it must be a directory.
    pub(in crate::sandbox) is_dir_wanted: bool,
}

impl Fs {
    /// Resolves `path` in `base`. The last name need not exist; a link there is followed if `follow`.
    pub(in crate::sandbox) fn resolve(&self, base: Ino, path: &str, follow: bool) -> Result<Place, Errno> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        if path.len() > PATH {
            return Err(Errno::NAMETOOLONG);
        }
        if path.contains('\0') {
            return Err(Errno::INVAL);
        }
        if path.starts_with('/') {
            return Err(Errno::NOTCAPABLE);
        }
        if !self.is_dir(base) {
            return Err(Errno::NOTDIR);
        }
        Walk { fs: self, dirs: vec![base], links: 0 }.run(path, follow)
    }
}

struct Walk<'f> {
    fs: &'f Fs,
    /// From the base to where the walk is; never empty.
    dirs: Vec<Ino>,
    links: u32,
}

impl Walk<'_> {
    fn run(mut self, path: &str, follow: bool) -> Result<Place, Errno> {
        let is_dir_wanted = path.ends_with('/') || path.ends_with("/.");
        // Names to go, the next one last.
        let mut names: Vec<String> = split(path);
        while let Some(name) = names.pop() {
            let here = *self.dirs.last().unwrap_or(&super::ROOT);
            if name == ".." {
                self.up()?;
                continue;
            }
            let found = self.fs.child(here, &name);
            let is_last = names.is_empty();
            if let Some(ino) = found
                && let Kind::Link(target) = &self.fs.get(ino).kind
                && (!is_last || follow || is_dir_wanted)
            {
                names.extend(self.expand(target)?);
                continue;
            }
            if is_last {
                return self.last(here, name, found, is_dir_wanted);
            }
            let next = found.ok_or(Errno::NOENT)?;
            if !self.fs.is_dir(next) {
                return Err(Errno::NOTDIR);
            }
            self.dirs.push(next);
        }
        let here = *self.dirs.last().unwrap_or(&super::ROOT);
        Ok(Place { dir: here, name: ".".into(), ino: Some(here), is_dir_wanted: true })
    }

    fn last(&self, dir: Ino, name: String, found: Option<Ino>, is_dir_wanted: bool) -> Result<Place, Errno> {
        match found {
            Some(ino) if is_dir_wanted && !self.fs.is_dir(ino) => Err(Errno::NOTDIR),
            ino => Ok(Place { dir, name, ino, is_dir_wanted }),
        }
    }

    fn up(&mut self) -> Result<(), Errno> {
        if self.dirs.len() == 1 {
            return Err(Errno::NOTCAPABLE);
        }
        self.dirs.pop();
        Ok(())
    }

    fn expand(&mut self, target: &str) -> Result<Vec<String>, Errno> {
        self.links += 1;
        if self.links > LINKS {
            return Err(Errno::LOOP);
        }
        if target.starts_with('/') {
            return Err(Errno::NOTCAPABLE);
        }
        Ok(split(target))
    }
}

/// The names of a path, the first one last.
fn split(path: &str) -> Vec<String> {
    path.split('/').filter(|name| !name.is_empty() && *name != ".").rev().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::fs::{ROOT, start::tests::tree};

    #[test]
    fn paths_stay_within_their_directory() {
        let mut fs = tree(&[("/d/e/f", b""), ("/secret", b"")]);
        let dir = fs.dir_at("/d").unwrap();
        for (name, target) in
            [("up", "../secret"), ("loop", "loop"), ("ok", "e/f"), ("abs", "/secret"), ("dir", "e")]
        {
            fs.insert(dir, name, Kind::Link(target.into())).unwrap();
        }
        let long = "a/".repeat(3000);
        for (path, expected) in [
            ("e/f", Ok("f")),
            ("./e//./f", Ok("f")),
            ("e/../e/f", Ok("f")),
            ("dir/f", Ok("f")),
            (".", Ok(".")),
            ("e/..", Ok(".")),
            ("ok", Ok("f")),
            ("new", Ok("new")),
            ("..", Err(Errno::NOTCAPABLE)),
            ("../../etc/passwd", Err(Errno::NOTCAPABLE)),
            ("e/../../secret", Err(Errno::NOTCAPABLE)),
            ("/secret", Err(Errno::NOTCAPABLE)),
            ("up", Err(Errno::NOTCAPABLE)),
            ("abs", Err(Errno::NOTCAPABLE)),
            ("loop", Err(Errno::LOOP)),
            ("e/f/", Err(Errno::NOTDIR)),
            ("e/f/g", Err(Errno::NOTDIR)),
            ("no/f", Err(Errno::NOENT)),
            ("", Err(Errno::NOENT)),
            ("a\0b", Err(Errno::INVAL)),
            (&long, Err(Errno::NAMETOOLONG)),
        ] {
            let found = fs.resolve(dir, path, true).map(|place| place.name);
            assert_eq!(found.as_deref().map_err(|errno| *errno), expected, "{path}");
        }
        assert_eq!(fs.resolve(dir, "loop", false).unwrap().name, "loop");
        assert_eq!(fs.resolve(ROOT, "secret/x", true), Err(Errno::NOTDIR));
    }
}
