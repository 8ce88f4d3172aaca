//! Files of a batch: paths as named, patterns, folders. The names of one folder and of those above it are in
//! memory at a time, never the whole list.

use std::{
    ffi::OsString,
    fs, io,
    ops::ControlFlow,
    path::{Component, Path, PathBuf},
};

use super::limits::WALK_DEPTH;
use glob::{MatchOptions, Pattern, PatternError};

/// What a scan is asked to look at.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    /// Of what the scan was asked for, and not of what it found.
    may_be_link: bool,
    below: Option<Below>,
}

/// Which of the things below a folder count.
#[derive(Debug)]
struct Below {
    pattern: Pattern,
    /// Steps of the pattern below the folder, unless `**` may be any number of them.
    depth: Option<usize>,
}

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

impl Root {
    /// A file, or all regular files below a folder.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), may_be_link: true, below: None }
    }

    /// A file that was found in a folder: a link is not followed.
    pub fn found(path: impl Into<PathBuf>) -> Self {
        Self { may_be_link: false, ..Self::path(path) }
    }

    /// Files that `pattern` matches, and all files below folders that it matches.
    ///
    /// # Errors
    ///
    /// When it is malformed.
    pub fn pattern(pattern: &str) -> Result<Self, PatternError> {
        let is_wild = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
        let parts: Vec<_> = Path::new(pattern).components().collect();
        let path: PathBuf = parts.iter().take_while(|part| !is_wild(part)).collect();
        let pattern = Pattern::new(&parts.iter().collect::<PathBuf>().to_string_lossy())?;
        let is_bounded = parts.iter().all(|part| part.as_os_str() != "**");
        let depth = is_bounded.then(|| parts.len() - path.components().count());
        Ok(Self { path, may_be_link: true, below: Some(Below { pattern, depth }) })
    }

    /// Whether there is anything at all.
    pub fn is_there(&self) -> bool {
        walk(self, None, &mut |_| ControlFlow::Break(())).is_break()
    }
}

impl Below {
    fn matches(&self, path: &Path) -> bool {
        self.pattern.matches_with(&path.to_string_lossy(), OPTIONS)
    }

    /// Whether something in a folder at `depth` may match.
    fn reaches(&self, depth: usize) -> bool {
        self.depth.is_none_or(|most| depth < most)
    }
}

/// Something on the way.
#[derive(Debug)]
pub(super) enum WalkEntry {
    /// A regular file.
    File(FileAt),
    /// A file or folder that could not be read.
    Unreadable(PathBuf, io::Error),
}

/// A file, to be opened.
#[derive(Debug)]
pub(super) struct FileAt {
    pub(super) path: PathBuf,
    /// Whether a link there is followed.
    pub(super) may_be_link: bool,
}

/// Walks what `root` names, by name. Links are followed only if they are named themselves, and `skip` (a
/// canonical path) is not entered.
pub(super) fn walk(
    root: &Root,
    skip: Option<&Path>,
    take: &mut dyn FnMut(WalkEntry) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let path = &root.path;
    let meta = if root.may_be_link { fs::metadata(readable(path)) } else { fs::symlink_metadata(path) };
    match meta {
        Ok(meta) if meta.is_dir() => folder(path, (skip, root.below.as_ref()), 0, take),
        // It is no folder, so nothing is below it.
        Ok(_) if root.below.is_some() => ControlFlow::Continue(()),
        Err(error) if root.below.is_some() && error.kind() == io::ErrorKind::NotFound => {
            ControlFlow::Continue(())
        }
        Ok(meta) if meta.is_file() => {
            take(WalkEntry::File(FileAt { path: path.clone(), may_be_link: root.may_be_link }))
        }
        // Reading a pipe or a device might never end.
        Ok(_) => take(WalkEntry::Unreadable(path.clone(), io::Error::other("not a regular file"))),
        Err(error) => take(WalkEntry::Unreadable(path.clone(), error)),
    }
}

fn folder(
    path: &Path,
    (skip, below): (Option<&Path>, Option<&Below>),
    depth: usize,
    take: &mut dyn FnMut(WalkEntry) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if skip.is_some() && readable(path).canonicalize().ok().as_deref() == skip {
        return ControlFlow::Continue(());
    }
    if depth > WALK_DEPTH {
        return take(WalkEntry::Unreadable(
            path.to_owned(),
            io::Error::other(format!("more than {WALK_DEPTH} folders deep")),
        ));
    }
    let names = match names(path) {
        Ok(names) => names,
        Err(error) => return take(WalkEntry::Unreadable(path.to_owned(), error)),
    };
    for name in names {
        let path = path.join(name);
        // All that is in a folder that matches is meant.
        let below = below.filter(|below| !below.matches(&path));
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                if below.is_none_or(|below| below.reaches(depth + 1)) {
                    folder(&path, (skip, below), depth + 1, take)?;
                }
            }
            _ if below.is_some() => {}
            Ok(meta) if meta.is_file() => take(WalkEntry::File(FileAt { path, may_be_link: false }))?,
            Ok(_) => {}
            Err(error) => take(WalkEntry::Unreadable(path, error))?,
        }
    }
    ControlFlow::Continue(())
}

/// The folder that is meant by no path at all.
fn readable(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn names(path: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(readable(path))?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_by_name_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("b/c")).unwrap();
        fs::create_dir_all(at("out")).unwrap();
        for name in ["b/c/3", "a", "b/2", "z", "out/samples.jsonl"] {
            fs::write(at(name), "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.path(), at("b/loop")).unwrap();
        let skip = at("out").canonicalize().unwrap();
        let mut seen = Vec::new();
        let flow = walk(&Root::path(root.path()), Some(&skip), &mut |step| {
            match step {
                WalkEntry::File(FileAt { path, .. }) => {
                    seen.push(path.strip_prefix(root.path()).unwrap().to_str().unwrap().to_owned())
                }
                WalkEntry::Unreadable(path, error) => panic!("{}: {error}", path.display()),
            }
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        assert_eq!(seen, ["a", "b/2", "b/c/3", "z"]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let mut errors = 0;
        let _ = walk(&Root::path("/does/not/exist"), None, &mut |step| {
            errors += u32::from(matches!(step, WalkEntry::Unreadable(..)));
            ControlFlow::Continue(())
        });
        assert_eq!(errors, 1);
    }

    #[cfg(unix)]
    #[test]
    fn patterns_match_files_and_folders_and_follow_no_link() {
        use std::os::unix::ffi::OsStrExt as _;
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("a/b/c")).unwrap();
        for name in ["1.zip", "1.bin", "a/2.zip", "a/b/3.zip", "a/b/c/4.zip", "a/b/c/.5.zip"] {
            fs::write(at(name), "").unwrap();
        }
        fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"a/\xff.zip")), "").unwrap();
        // Followed, each of these would double the paths at each step.
        for name in ["x", "y", "a/x", "a/y"] {
            std::os::unix::fs::symlink(root.path(), at(name)).unwrap();
        }
        let found = |pattern: &str| {
            let mut seen = Vec::new();
            let pattern = root.path().join(pattern);
            let _ = walk(&Root::pattern(pattern.to_str().unwrap()).unwrap(), None, &mut |step| {
                let WalkEntry::File(FileAt { path, .. }) = step else { panic!("{step:?}") };
                seen.push(path.strip_prefix(root.path()).unwrap().to_string_lossy().into_owned());
                ControlFlow::Continue(())
            });
            seen
        };
        assert_eq!(found("*.zip"), ["1.zip"]);
        assert_eq!(found("a//./*.zip"), ["a/2.zip", "a/\u{fffd}.zip"]);
        assert_eq!(found("**/[34].zip"), ["a/b/3.zip", "a/b/c/4.zip"]);
        assert_eq!(found("?/b/*"), ["a/b/3.zip", "a/b/c/.5.zip", "a/b/c/4.zip"]);
        assert_eq!(found("*/*/4.zip"), [""; 0]);
        assert!(found("none/*").is_empty() && found("1.zip/*").is_empty());
        assert!(Root::pattern("a/**b").is_err());
        assert!(
            Root::pattern("*").unwrap().is_there() && !Root::pattern("*.of-no-such-kind").unwrap().is_there()
        );
    }
}
