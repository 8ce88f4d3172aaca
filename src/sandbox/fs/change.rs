//! One file that a run made, changed or took away.

use schemars::JsonSchema;
use serde::Serialize;

use super::contents::Contents;
use crate::text::{counted, vocabulary};

vocabulary! {
    /// What became of a file.
    #[derive(Default)]
    pub enum ChangeKind {
        /// Its contents were written, or another file took its place.
        #[default]
        Changed = "changed",
        /// It was not there before.
        Created = "created",
        /// It is not there any more.
        Deleted = "deleted",
        /// It has another path; its contents may be others too.
        Renamed = "renamed",
    }
}

vocabulary! {
    /// What was changed.
    pub enum ChangedKind {
        /// A regular file.
        File = "file",
        /// A directory.
        Directory = "directory",
        /// A symbolic link.
        Symlink = "symlink",
        /// Another name of a file.
        Hardlink = "hardlink",
    }
}

/// What a run did to a file.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct FileChange {
    /// Absolute guest path, with what is not UTF-8 replaced.
    pub path: String,
    /// `created`, `changed`, `deleted`, `renamed`.
    pub change: ChangeKind,
    /// Where it went, if it was renamed; of a link that was made, where it leads.
    pub to: Option<String>,
    /// The other names that it had on its way, oldest first; at most 16.
    pub via: Vec<String>,
    /// Size before and after in bytes.
    pub size_before: Option<u64>,
    /// Size after in bytes.
    pub size_after: Option<u64>,
    /// Entropy before in bits per byte.
    pub entropy_before: Option<f64>,
    /// Entropy after in bits per byte.
    pub entropy_after: Option<f64>,
    /// SHA-256 of the contents before.
    pub sha256_before: Option<String>,
    /// SHA-256 of the contents after; of a deleted file, of its last contents.
    pub sha256: Option<String>,
    /// The contents after, or the last contents of a deleted file, as far as they were kept.
    #[serde(skip)]
    pub contents: Vec<u8>,
    /// Of a deleted file: whether another that was there, too, has its last path now.
    #[serde(skip)]
    pub(crate) is_replaced: bool,
    /// What is said of it when the run is over.
    #[serde(skip)]
    pub(crate) left: Left,
}

/// What a file is that the run left, or had until it was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// What it holds, if that is the sample's own: not what was there before.
    pub(crate) holds: Option<Contents>,
    /// Whether there was no room to look at it, or at all of an archive, or it cannot be unpacked.
    pub(crate) is_unseen: bool,
    /// Whether it holds what a file held at the start.
    pub(crate) is_copy: bool,
    /// The same, and it has the name of that file.
    pub(crate) is_same: bool,
    /// Whether the arguments name it or a folder that it is in.
    pub(crate) is_asked: bool,
    /// Whether it went as the arguments ask. Then a list that they name has it, or they name a folder that
    /// keeps most of its files.
    pub(crate) is_wanted: bool,
}

impl FileChange {
    /// What was changed.
    pub fn kind(&self) -> ChangedKind {
        let leads = self.to.is_some() && self.change != ChangeKind::Renamed;
        match (leads, self.size_after) {
            _ if self.path.ends_with('/') => ChangedKind::Directory,
            (true, None) => ChangedKind::Symlink,
            (true, Some(_)) => ChangedKind::Hardlink,
            (false, _) => ChangedKind::File,
        }
    }

    /// How many files, folders and links there are among changes, in words.
    pub fn count<'c>(changes: impl IntoIterator<Item = &'c Self>) -> String {
        let mut counts = [(0, "file"), (0, "folder"), (0, "link")];
        for change in changes {
            let at = match change.kind() {
                ChangedKind::File => 0,
                ChangedKind::Directory => 1,
                ChangedKind::Symlink | ChangedKind::Hardlink => 2,
            };
            counts[at].0 += 1;
        }
        counted(counts)
    }

    /// The target of a link that was made: the text of a symbolic one, the first name of a file.
    pub fn target(&self) -> Option<&str> {
        let leads = matches!(self.kind(), ChangedKind::Symlink | ChangedKind::Hardlink);
        self.to.as_deref().filter(|_| leads)
    }

    /// Its path at the end, or the last that it had.
    pub fn last_path(&self) -> &str {
        match self.change {
            ChangeKind::Renamed => self.to.as_ref().unwrap_or(&self.path),
            _ => &self.path,
        }
    }
}

/// Whether a file belongs to the user. What is hidden, temporary or the system's changes all the time.
pub(crate) fn is_users(path: &str) -> bool {
    let system = ["/tmp/", "/var/", "/etc/", "/proc/", "/sys/", "/dev/", "/usr/", "/run/"];
    !path.contains("/.") && !system.iter().any(|folder| path.starts_with(folder))
}

/// Folders of which what is in them comes and goes by itself.
const PASSING: [&str; 6] = ["log", "logs", "cache", "caches", ".cache", "__pycache__"];
/// How names of files end that are there while something runs.
const LOCKS: [&str; 3] = [".lock", ".pid", ".lck"];

/// Whether files at a path come and go by themselves: logs, caches, locks, and what the system shows.
pub(crate) fn is_passing(path: &str) -> bool {
    let path = path.to_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let is_shown = ["/proc/", "/sys/", "/dev/", "/run/"].iter().any(|folder| path.starts_with(folder));
    is_shown
        || is_log(name)
        || LOCKS.iter().any(|end| name.ends_with(end))
        || folders.split('/').any(|folder| PASSING.contains(&folder))
}

/// Whether a file is a log by its name, or an old one.
fn is_log(name: &str) -> bool {
    name.split('.').skip(1).any(|part| part == "log")
}

/// How names of files end that are built of others, and can be built again.
const BUILT: [&str; 12] =
    [".o", ".obj", ".lo", ".d", ".a", ".la", ".class", ".pyc", ".gcno", ".gcda", ".rlib", ".rmeta"];

/// Whether a file was built of others, by its name.
pub(in crate::sandbox) fn is_built(path: &str) -> bool {
    BUILT.iter().any(|end| path.ends_with(end))
}

/// Whether a path lies in a temporary or hidden place: who looks for a file does not find it there.
pub(in crate::sandbox) fn is_aside(path: &str) -> bool {
    let is_one =
        |part: &str| part.starts_with('.') || matches!(part, "tmp" | "temp" | "trash" | "dev" | "run");
    path.to_lowercase().split('/').any(is_one)
}

/// Whether anybody may read what is at a path: what the system has.
pub(in crate::sandbox) fn is_public(path: &str) -> bool {
    ["/etc/", "/usr/", "/lib/", "/bin/", "/sbin/"].iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_is_no_work_of_the_user() {
        for path in ["/var/log/app", "/home/u/app/app.log.1.gz", "/tmp/a.lock", "/home/u/.cache/x", "/proc/1"]
        {
            assert!(is_passing(path), "{path}");
        }
        for path in
            ["/home/u/.git/index", "/tmp/thesis.txt", "/var/lib/x.db", "/home/u/log", "/home/u/catalog"]
        {
            assert!(!is_passing(path), "{path}");
        }
        assert!(is_aside("/tmp/a") && is_aside("/home/u/.x/a") && !is_aside("/home/u/devices/a"));
    }
}
