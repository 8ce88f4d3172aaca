//! `--dir`: copies of a directory of the host. Nothing is mounted, and no link is followed.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use super::limits::{HOST_DIR_BYTES, HOST_DIR_DEPTH, HOST_DIR_ENTRIES};
use anyhow::Context as _;
use wasmspoor::sandbox::RunOptions;

/// Gives the sandbox the files below `host` at `guest`. It is an open directory of that name unless another
/// one leads there.
///
/// # Errors
///
/// If something cannot be read, there is too much of it, or a name is not UTF-8.
pub(super) fn give(host: &Path, guest: &str, options: &mut RunOptions) -> anyhow::Result<()> {
    let is_dir = fs::metadata(host).with_context(|| host.display().to_string())?.is_dir();
    anyhow::ensure!(is_dir, "{}: not a directory; --file copies a file", host.display());
    let is_absolute = guest.starts_with('/');
    let open = options
        .preopens
        .iter()
        .find(|(name, _)| !is_absolute && name == guest)
        .map(|(_, path)| path.as_str());
    let names = open.unwrap_or(guest).split('/').filter(|name| !matches!(*name, "" | "."));
    let path: String = names.flat_map(|name| ["/", name]).collect();
    // An open directory leads to itself and to all that is below it.
    let leads = |open: &str| {
        path.strip_prefix(open.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if open.is_none() && !(is_absolute && options.preopens.iter().any(|(_, open)| leads(open))) {
        let top = if path.is_empty() { "/" } else { &path };
        options.preopens.push((guest.to_owned(), top.to_owned()));
    }
    walk(host, &path, 0, options)
}

fn walk(host: &Path, guest: &str, depth: usize, options: &mut RunOptions) -> anyhow::Result<()> {
    anyhow::ensure!(
        depth < HOST_DIR_DEPTH,
        "{}: more than {HOST_DIR_DEPTH} directories in each other",
        host.display()
    );
    has_room(host, options)?;
    if !guest.is_empty() {
        options.dirs.push(guest.to_owned());
    }
    for entry in fs::read_dir(host).with_context(|| host.display().to_string())? {
        let entry = entry.with_context(|| host.display().to_string())?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().with_context(|| format!("{}: its name is not UTF-8", path.display()))?;
        let guest = format!("{guest}/{name}");
        // Of the entry itself, not of what a link leads to.
        let kind = entry.file_type().with_context(|| path.display().to_string())?;
        if kind.is_dir() {
            walk(&path, &guest, depth + 1, options)?;
        } else if kind.is_file() {
            read(&path, guest, options)?;
        }
    }
    Ok(())
}

fn has_room(path: &Path, options: &RunOptions) -> anyhow::Result<()> {
    let count = options.files.len() + options.dirs.len();
    anyhow::ensure!(
        count < HOST_DIR_ENTRIES,
        "{}: more than {HOST_DIR_ENTRIES} files and directories are given",
        path.display()
    );
    Ok(())
}

fn read(path: &Path, guest: String, options: &mut RunOptions) -> anyhow::Result<()> {
    let used: u64 = options.files.values().map(|bytes| bytes.len() as u64).sum();
    let room = HOST_DIR_BYTES.saturating_sub(used);
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| path.display().to_string())?;
    file.take(room + 1).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    anyhow::ensure!(
        bytes.len() as u64 <= room,
        "{}: the files given are more than {HOST_DIR_BYTES} bytes together",
        path.display()
    );
    has_room(path, options)?;
    options.files.insert(guest, bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn files_and_empty_directories_are_copied_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::create_dir(folder.path().join("empty")).unwrap();
        fs::write(folder.path().join("a/b/c"), "c").unwrap();
        fs::write(folder.path().join("top"), "top").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
        let mut options = RunOptions::default();
        give(folder.path(), "/g/", &mut options).unwrap();
        let found: Vec<_> =
            options.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        assert_eq!(found, [("/g/a/b/c", &b"c"[..]), ("/g/top", b"top")]);
        options.dirs.sort();
        assert_eq!(options.dirs, ["/g", "/g/a", "/g/a/b", "/g/empty"]);
        let error = give(&folder.path().join("top"), "/g", &mut options).unwrap_err();
        assert!(error.to_string().contains("not a directory"), "{error}");
    }

    #[test]
    fn a_directory_is_open_unless_another_leads_there() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = |list: &[(&str, &str)]| {
            list.iter().map(|&(name, path)| (name.to_owned(), path.to_owned())).collect::<Vec<_>>()
        };
        for (before, guest, after) in [
            (&[][..], "/", &[("/", "/")][..]),
            (&[], "/a//b/", &[("/a//b/", "/a/b")]),
            (&[("/", "/")], "/a", &[("/", "/")]),
            (&[("/", "/")], "a", &[("/", "/"), ("a", "/a")]),
            (&[], ".", &[(".", "/")]),
            (&[(".", "/w")], ".", &[(".", "/w")]),
            (&[("w", "/w/")], "/w/x", &[("w", "/w/")]),
            (&[("w", "/w")], "/wx", &[("w", "/w"), ("/wx", "/wx")]),
        ] {
            let mut options = RunOptions::default();
            options.preopens = pairs(before);
            give(folder.path(), guest, &mut options).unwrap();
            assert_eq!(options.preopens, pairs(after), "{guest}");
        }
    }

    #[test]
    fn there_is_a_limit_of_bytes_and_of_files() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("big")).unwrap().set_len(HOST_DIR_BYTES + 1).unwrap();
        let error = give(folder.path(), "/g", &mut RunOptions::default()).unwrap_err();
        assert!(error.to_string().contains("more than 67108864 bytes"), "{error}");
        File::create(folder.path().join("big")).unwrap();
        let mut options = RunOptions::default();
        options.files = (1..HOST_DIR_ENTRIES).map(|index| (index.to_string(), Vec::new())).collect();
        let error = give(folder.path(), "/g", &mut options).unwrap_err();
        assert!(error.to_string().contains("more than 5000 files and directories"), "{error}");
    }
}
