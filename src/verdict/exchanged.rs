//! Files of the user that have each other's names: nothing is lost, and nothing is where it was.
//!
//! A program that rotates files gives each the name of the next, and the last one goes. Here every file takes
//! the name of another, in a circle, and none goes.

use std::collections::BTreeMap;

use super::text;
use crate::sandbox::{ChangeKind, FileChange, Run, is_users, is_within};

/// Why that forbids CLEAN, if it does.
pub(super) fn lack(run: &Run) -> Option<String> {
    let is_one = |file: &&FileChange| {
        let is_asked = |path: &str| run.asked.iter().any(|arg| is_within(arg, path));
        file.change == ChangeKind::Renamed && is_users(&file.path) && !is_asked(&file.path)
    };
    let moved: BTreeMap<_, _> =
        run.files.iter().filter(is_one).map(|file| (&*file.path, file.last_path())).collect();
    let leads_back = |from: &&str| {
        let mut at = *from;
        // A circle has no more names than there are.
        (0..moved.len()).any(|_| {
            at = moved.get(at).copied().unwrap_or_default();
            at == *from
        })
    };
    let path = moved.keys().copied().find(|path| leads_back(&path))?;
    let to = moved.get(path)?;
    Some(format!(
        "files that nobody had named have each other's names: {} is {} now",
        text::quoted(path),
        text::quoted(to)
    ))
}
