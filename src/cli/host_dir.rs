//! `--dir`: copies of the files below a directory of the host. Nothing is mounted, and no link is followed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use anyhow::Context as _;

/// Bytes of all files together: what the sandbox holds.
const BYTES: u64 = 64 << 20;
/// Files.
const FILES: usize = 5000;
/// Directories in each other.
const DEPTH: usize = 64;

/// Adds the files below `host` to `files`, at paths below `guest`.
///
/// # Errors
///
/// If something cannot be read, there is too much of it, or a name is not UTF-8.
pub(super) fn copy(host: &Path, guest: &str, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let is_dir = fs::metadata(host).with_context(|| host.display().to_string())?.is_dir();
    anyhow::ensure!(is_dir, "{}: not a directory; --file copies a file", host.display());
    walk(host, guest.trim_end_matches('/'), 0, files)
}

fn walk(host: &Path, guest: &str, depth: usize, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    anyhow::ensure!(depth < DEPTH, "{}: more than {DEPTH} directories in each other", host.display());
    for entry in fs::read_dir(host).with_context(|| host.display().to_string())? {
        let entry = entry.with_context(|| host.display().to_string())?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().with_context(|| format!("{}: its name is not UTF-8", path.display()))?;
        let guest = format!("{guest}/{name}");
        // Of the entry itself, not of what a link leads to.
        let kind = entry.file_type().with_context(|| path.display().to_string())?;
        if kind.is_dir() {
            walk(&path, &guest, depth + 1, files)?;
        } else if kind.is_file() {
            read(&path, guest, files)?;
        }
    }
    Ok(())
}

fn read(path: &Path, guest: String, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let used: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
    let room = BYTES.saturating_sub(used);
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| path.display().to_string())?;
    file.take(room + 1).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    anyhow::ensure!(bytes.len() as u64 <= room, "{}: the files given are more than {BYTES} bytes together", path.display());
    anyhow::ensure!(files.len() < FILES, "{}: more than {FILES} files are given", path.display());
    files.insert(guest, bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn files_are_copied_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/c"), "c").unwrap();
        fs::write(folder.path().join("top"), "top").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
        let mut files = BTreeMap::new();
        copy(folder.path(), "/g/", &mut files).unwrap();
        let found: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        assert_eq!(found, [("/g/a/b/c", &b"c"[..]), ("/g/top", b"top")]);
        let error = copy(&folder.path().join("top"), "/g", &mut files).unwrap_err();
        assert!(error.to_string().contains("not a directory"), "{error}");
    }

    #[test]
    fn there_is_a_limit_of_bytes_and_of_files() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("big")).unwrap().set_len(BYTES + 1).unwrap();
        let error = copy(folder.path(), "/g", &mut BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("more than 67108864 bytes"), "{error}");
        File::create(folder.path().join("big")).unwrap();
        let mut files = (0..FILES).map(|index| (index.to_string(), Vec::new())).collect();
        let error = copy(folder.path(), "/g", &mut files).unwrap_err();
        assert!(error.to_string().contains("more than 5000 files"), "{error}");
    }
}
