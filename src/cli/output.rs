//! What a subcommand writes, and where: standard output, or the file named with `-o`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::Serialize;

use super::{Exit, Failure, limits::MAX_LINKS};

/// An object with the name of its schema before its own fields.
#[derive(Serialize)]
pub(super) struct Object<T> {
    pub(super) schema: &'static str,
    #[serde(flatten)]
    pub(super) fields: T,
}

/// Whether both are one file.
pub(super) fn is_same_file(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) {
        use std::os::unix::fs::MetadataExt as _;
        return a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino());
    }
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Refuses an output that is one of the files that are read.
pub(super) fn spares<'p>(
    output: Option<&PathBuf>,
    read: impl IntoIterator<Item = &'p PathBuf>,
) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    if read.into_iter().any(|read| is_same_file(read, output)) {
        let path = output.display();
        let message = format!("{path}: this file is read: what is written would take its place");
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    Ok(())
}

/// A file that grows beyond what the process may write ends it by a signal. Where that is blocked, the write
/// fails with a reason.
#[cfg(unix)]
pub(super) fn fail_at_file_limit() {
    use nix::sys::signal::{SigSet, Signal};
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    // Where it cannot be blocked, it does what it did.
    _ = signals.thread_block();
}

/// Where a path leads through links, be there something or not. What is taken away again must be the file
/// and no link.
fn led(path: &Path) -> PathBuf {
    let mut led = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(to) = fs::read_link(&led) else { break };
        led = led.parent().unwrap_or(Path::new("")).join(to);
    }
    led
}

/// A file being written. One that is there already stays as it is until the new one is whole.
pub(super) enum Target {
    /// What is no file.
    Direct(File),
    /// A new file. What is not whole is taken away again.
    New(New),
    /// A file beside the one whose place it takes.
    Beside(tempfile::NamedTempFile, PathBuf),
}

pub(super) struct New {
    file: File,
    /// Nothing once it is whole.
    path: Option<PathBuf>,
}

impl Drop for New {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

impl Target {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let Ok(there) = fs::metadata(path) else { return Self::new(led(path)) };
        // Whoever may not write to it may not replace it.
        let file = File::options().write(true).open(path)?;
        if !there.is_file() {
            return Ok(Self::Direct(file));
        }
        // The file that a link leads to is replaced, not the link.
        let path = path.canonicalize()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let beside = tempfile::Builder::new().prefix(".spoor-").tempfile_in(folder)?;
        fs::set_permissions(beside.path(), there.permissions())?;
        Ok(Self::Beside(beside, path))
    }

    fn new(path: PathBuf) -> io::Result<Self> {
        let file = File::create(&path)?;
        Ok(Self::New(New { file, path: Some(path) }))
    }

    /// The file is whole.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::New(mut new) => {
                new.path = None;
                Ok(())
            }
            Self::Beside(file, path) => file.persist(path).map(drop).map_err(|error| error.error),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct(file) | Self::New(New { file, .. }) => file.write(bytes),
            Self::Beside(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Direct(file) | Self::New(New { file, .. }) => file.flush(),
            Self::Beside(file, _) => file.flush(),
        }
    }
}

/// Writes `bytes` to the file, or to `out`. A file that cannot be created is wrong usage; one that cannot be
/// written to is not the user's fault.
pub(super) fn write(path: Option<&PathBuf>, bytes: &[u8], out: &mut impl Write) -> Result<(), Failure> {
    match path {
        None => Ok(out.write_all(bytes)?),
        Some(path) => {
            let named = || path.display().to_string();
            let mut file =
                Target::create(path).with_context(named).map_err(|error| Failure::new(Exit::Usage, error))?;
            file.write_all(bytes).with_context(named)?;
            Ok(file.finish().with_context(named)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_that_is_not_whole_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let mut target = Target::create(&path).unwrap();
        target.write_all(b"half").unwrap();
        drop(target);
        assert!(!path.exists());
        let mut target = Target::create(&path).unwrap();
        target.write_all(b"whole").unwrap();
        target.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        // What is there stays as it is until the new one is whole.
        let mut target = Target::create(&path).unwrap();
        target.write_all(b"half").unwrap();
        drop(target);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    /// A link that leads nowhere yet stays a link, whether the file becomes whole or not.
    #[test]
    #[cfg(unix)]
    fn a_link_without_a_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [link, middle, file] = ["link", "middle", "file"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("middle", &link).unwrap();
        std::os::unix::fs::symlink(&file, &middle).unwrap();
        let mut target = Target::create(&link).unwrap();
        target.write_all(b"half").unwrap();
        drop(target);
        assert!(!file.exists() && link.is_symlink() && middle.is_symlink());
        let mut target = Target::create(&link).unwrap();
        target.write_all(b"whole").unwrap();
        target.finish().unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"whole");
        assert!(file.is_file() && link.is_symlink() && middle.is_symlink());
        // A ring ends.
        let ring = folder.path().join("ring");
        std::os::unix::fs::symlink("ring", &ring).unwrap();
        assert!(Target::create(&ring).is_err());
    }
}
