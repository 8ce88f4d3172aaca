//! Paths, resolved within a directory that they cannot leave.

use super::{
    Error, Fs, Ino, Kind,
    limits::{LINKS, PATH},
};

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
    pub(in crate::sandbox) fn resolve(&self, base: Ino, path: &str, follow: bool) -> Result<Place, Error> {
        if path.is_empty() {
            return Err(Error::NoEntry);
        }
        if path.len() > PATH {
            return Err(Error::NameTooLong);
        }
        if path.contains('\0') {
            return Err(Error::Invalid);
        }
        if path.starts_with('/') {
            return Err(Error::Escapes);
        }
        if !self.is_dir(base) {
            return Err(Error::NotDir);
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
    fn run(mut self, path: &str, follow: bool) -> Result<Place, Error> {
        // A path that ends in `.` must be a directory that is there: `q/.` makes no `q`, and `g/.` is no name
        // of `g`.
        let bare = path.trim_end_matches('/');
        let ends_in_dot = bare == "." || bare.ends_with("/.");
        let is_dir_wanted = path.ends_with('/') || ends_in_dot;
        // Names to go, the next one last.
        let mut names: Vec<String> = split(path);
        while let Some(name) = names.pop() {
            let here = *self.dirs.last().unwrap_or(&super::ROOT);
            if name == ".." {
                self.up()?;
                continue;
            }
            let found = self.fs.child(here, &name);
            let is_last = names.is_empty() && !ends_in_dot;
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
            let next = found.ok_or(Error::NoEntry)?;
            if !self.fs.is_dir(next) {
                return Err(Error::NotDir);
            }
            self.dirs.push(next);
        }
        let here = *self.dirs.last().unwrap_or(&super::ROOT);
        Ok(Place { dir: here, name: ".".into(), ino: Some(here), is_dir_wanted: true })
    }

    fn last(&self, dir: Ino, name: String, found: Option<Ino>, is_dir_wanted: bool) -> Result<Place, Error> {
        match found {
            Some(ino) if is_dir_wanted && !self.fs.is_dir(ino) => Err(Error::NotDir),
            ino => Ok(Place { dir, name, ino, is_dir_wanted }),
        }
    }

    fn up(&mut self) -> Result<(), Error> {
        if self.dirs.len() == 1 {
            return Err(Error::Escapes);
        }
        self.dirs.pop();
        Ok(())
    }

    fn expand(&mut self, target: &str) -> Result<Vec<String>, Error> {
        self.links += 1;
        if self.links > LINKS {
            return Err(Error::Loop);
        }
        if target.starts_with('/') {
            return Err(Error::Escapes);
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
            ("e/.", Ok(".")),
            ("dir/./", Ok(".")),
            ("new/.", Err(Error::NoEntry)),
            ("e/f/.", Err(Error::NotDir)),
            ("ok", Ok("f")),
            ("new", Ok("new")),
            ("..", Err(Error::Escapes)),
            ("../../etc/passwd", Err(Error::Escapes)),
            ("e/../../secret", Err(Error::Escapes)),
            ("/secret", Err(Error::Escapes)),
            ("up", Err(Error::Escapes)),
            ("abs", Err(Error::Escapes)),
            ("loop", Err(Error::Loop)),
            ("e/f/", Err(Error::NotDir)),
            ("e/f/g", Err(Error::NotDir)),
            ("no/f", Err(Error::NoEntry)),
            ("", Err(Error::NoEntry)),
            ("a\0b", Err(Error::Invalid)),
            (&long, Err(Error::NameTooLong)),
        ] {
            let found = fs.resolve(dir, path, true).map(|place| place.name);
            assert_eq!(found.as_deref().map_err(|errno| *errno), expected, "{path}");
        }
        assert_eq!(fs.resolve(dir, "loop", false).unwrap().name, "loop");
        assert_eq!(fs.resolve(ROOT, "secret/x", true), Err(Error::NotDir));
    }
}
