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

/// Whether a file belongs to the user: what is hidden, temporary or the system's changes all the time.
pub(crate) fn is_users(path: &str) -> bool {
    let system = ["/tmp/", "/var/", "/etc/", "/proc/", "/sys/", "/dev/", "/usr/", "/run/"];
    !path.contains("/.") && !system.iter().any(|folder| path.starts_with(folder))
}
