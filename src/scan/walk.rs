//! Files of a batch: paths as named, patterns, folders. One folder's names are in memory at a time, never the whole list.

use std::{
    ffi::OsString,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// Folders within folders; what lies deeper is reported and not entered.
const MAX_DEPTH: usize = 200;

/// Something on the way.
#[derive(Debug)]
pub(super) enum Step {
    /// A regular file.
    File(PathBuf),
    /// A file or folder that could not be read.
    Unreadable(PathBuf, io::Error),
}

/// Walks what `root` names: a file, or all regular files below a folder, by name. Links are followed only if they are named
/// themselves, and `skip` (a canonical path) is not entered.
pub(super) fn walk(root: &Path, skip: Option<&Path>, take: &mut dyn FnMut(Step) -> ControlFlow<()>) -> ControlFlow<()> {
    match fs::metadata(root) {
        Ok(meta) if meta.is_dir() => folder(root, skip, 0, take),
        Ok(meta) if meta.is_file() => take(Step::File(root.to_owned())),
        // Reading a pipe or a device might never end.
        Ok(_) => take(Step::Unreadable(root.to_owned(), io::Error::other("not a regular file"))),
        Err(error) => take(Step::Unreadable(root.to_owned(), error)),
    }
}

fn folder(path: &Path, skip: Option<&Path>, depth: usize, take: &mut dyn FnMut(Step) -> ControlFlow<()>) -> ControlFlow<()> {
    if skip.is_some() && path.canonicalize().ok().as_deref() == skip {
        return ControlFlow::Continue(());
    }
    if depth > MAX_DEPTH {
        return take(Step::Unreadable(path.to_owned(), io::Error::other(format!("more than {MAX_DEPTH} folders deep"))));
    }
    let names = match names(path) {
        Ok(names) => names,
        Err(error) => return take(Step::Unreadable(path.to_owned(), error)),
    };
    for name in names {
        let path = path.join(name);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => folder(&path, skip, depth + 1, take)?,
            Ok(meta) if meta.is_file() => take(Step::File(path))?,
            Ok(_) => {}
            Err(error) => take(Step::Unreadable(path, error))?,
        }
    }
    ControlFlow::Continue(())
}

fn names(path: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
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
        let flow = walk(root.path(), Some(&skip), &mut |step| {
            match step {
                Step::File(path) => seen.push(path.strip_prefix(root.path()).unwrap().to_str().unwrap().to_owned()),
                Step::Unreadable(path, error) => panic!("{}: {error}", path.display()),
            }
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        assert_eq!(seen, ["a", "b/2", "b/c/3", "z"]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let mut errors = 0;
        let _ = walk(Path::new("/does/not/exist"), None, &mut |step| {
            errors += u32::from(matches!(step, Step::Unreadable(..)));
            ControlFlow::Continue(())
        });
        assert_eq!(errors, 1);
    }
}
