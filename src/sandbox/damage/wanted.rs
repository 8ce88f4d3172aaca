//! Which files the arguments ask to go.
//!
//! An uninstaller is given a list, a cleaner a folder. What the list names, and what goes of a folder that
//! keeps most of its files, was asked for, if it went as it was: whoever encrypts or blanks it first did more
//! than that.

use std::collections::{HashMap, HashSet};

use super::{FileChange, is_named};
use crate::sandbox::{dropped::is_within, limits::WANTED_LISTS};

/// The paths of files that were deleted as the arguments ask.
pub(in crate::sandbox) fn wanted(
    args: &[String],
    before: &HashMap<&str, &[u8]>,
    changes: &[FileChange],
) -> HashSet<String> {
    if args.is_empty() {
        return HashSet::new();
    }
    let gone: Vec<&str> = changes.iter().filter(|change| went(change)).map(|change| &*change.path).collect();
    let listed = listed(args, before);
    let thinned: Vec<&String> = args.iter().filter(|arg| keeps_most(arg, before, &gone)).collect();
    let is_wanted = |path: &&&str| is_listed(&listed, path) || thinned.iter().any(|arg| is_within(arg, path));
    gone.iter().filter(is_wanted).map(|path| (*path).to_owned()).collect()
}

/// Whether a file is gone, and was not written before it went.
fn went(change: &FileChange) -> bool {
    let is_as_it_was = change.sha256.is_none() || change.sha256 == change.sha256_before;
    change.size_before.is_some() && change.size_after.is_none() && change.to.is_none() && is_as_it_was
}

/// The words of the files that arguments name, as paths are written.
fn listed<'a>(args: &[String], before: &HashMap<&str, &'a [u8]>) -> HashSet<&'a [u8]> {
    let mut room = WANTED_LISTS;
    let mut words = HashSet::new();
    let mut lists: Vec<_> =
        before.iter().filter(|(path, _)| args.iter().any(|arg| is_named(arg, path))).collect();
    lists.sort_unstable();
    for (_, bytes) in lists {
        let Some(left) = room.checked_sub(bytes.len()) else { continue };
        room = left;
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b';' | 0);
        words.extend(bytes.split(is_end).map(plain).filter(|word| !word.is_empty()));
    }
    words
}

/// A path without what says that it begins here.
fn plain(word: &[u8]) -> &[u8] {
    let word = word.strip_prefix(b"./").unwrap_or(word);
    word.strip_prefix(b"/").unwrap_or(word)
}

/// Whether a list has a path, or the end of it.
fn is_listed(listed: &HashSet<&[u8]>, path: &str) -> bool {
    let starts = path.match_indices('/').map(|(at, _)| at + 1).chain([0]);
    starts.into_iter().any(|start| path.get(start..).is_some_and(|end| listed.contains(end.as_bytes())))
}

/// Whether at least half of the files in the folder that an argument names are still there.
fn keeps_most(arg: &str, before: &HashMap<&str, &[u8]>, gone: &[&str]) -> bool {
    let had = before.keys().filter(|path| is_within(arg, path)).count();
    2 * gone.iter().filter(|path| is_within(arg, path)).count() <= had
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, size_after: Option<u64>) -> FileChange {
        FileChange { path: path.into(), size_before: Some(4), size_after, ..FileChange::default() }
    }

    fn of(arg: &str, gone: &[&str]) -> Vec<String> {
        let before: HashMap<&str, &[u8]> = HashMap::from([
            ("/opt/x/list", &b"./bin/a\n\"/opt/x/b c\" x.txt"[..]),
            ("/opt/x/bin/a", b"a"),
            ("/opt/x/x.txt", b"b"),
            ("/opt/y/a", b"c"),
        ]);
        let changes: Vec<_> = gone.iter().map(|path| change(path, None)).collect();
        let mut wanted: Vec<_> = wanted(&[arg.to_owned()], &before, &changes).into_iter().collect();
        wanted.sort_unstable();
        wanted
    }

    #[test]
    fn a_list_and_a_folder_say_what_is_to_go() {
        assert_eq!(of("/opt/x/list", &["/opt/x/bin/a", "/opt/y/a"]), ["/opt/x/bin/a"]);
        assert_eq!(of("list", &["/opt/x/x.txt"]), ["/opt/x/x.txt"]);
        assert_eq!(of("/opt/x", &["/opt/x/bin/a", "/opt/y/a"]), ["/opt/x/bin/a"]);
        assert!(of("/opt/x", &["/opt/x/bin/a", "/opt/x/x.txt"]).is_empty(), "most of it is gone");
        assert!(of("--help", &["/opt/x/bin/a"]).is_empty());
    }

    #[test]
    fn what_was_written_before_it_went_was_not_asked_for() {
        let before: HashMap<&str, &[u8]> =
            HashMap::from([("/d/a", &b"a"[..]), ("/d/b", b"b"), ("/d/c", b"c")]);
        let digest = |letter: char| Some(letter.to_string());
        let mut blanked = change("/d/a", None);
        (blanked.sha256_before, blanked.sha256) = (digest('a'), digest('b'));
        let args = ["/d".to_owned()];
        assert!(wanted(&args, &before, &[blanked]).is_empty());
        assert!(wanted(&args, &before, &[change("/d/a", Some(1))]).is_empty(), "it is there");
    }
}
