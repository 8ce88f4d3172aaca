//! Which files the arguments ask to go.
//!
//! An uninstaller is given a list, a cleaner a folder. A file that went was asked for if the list names it
//! and the program opened the list. It was also asked for if it lay in the folder, the program looked through
//! folders, and the folder keeps half of its files or more. In both cases the program must have asked for its
//! arguments, and left nothing that may hold what went: whoever encrypts or blanks files did more.

use std::collections::{HashMap, HashSet};

use super::{FileChange, is_named, words::noise};
use crate::sandbox::{
    limits::{WANTED_LISTS, WANTED_WORD},
    types::{Call, Pointed, Run},
};

/// What gives a program its arguments, opens a file and looks through a folder: in preview1, in WASI 0.2 and
/// in Emscripten's kernel, without the lines before the name.
const GIVES_ARGUMENTS: [&str; 2] = ["args_get", "get-arguments"];
const OPENS: [&str; 5] =
    ["path_open", "[method]descriptor.open-at", "syscall_openat", "sys_open", "syscall5"];
const LOOKS: [&str; 4] =
    ["fd_readdir", "[method]descriptor.read-directory", "syscall_getdents64", "sys_getdents64"];

/// The paths of files that were deleted as the arguments of a run ask. `before`: the files at the start.
pub(in crate::sandbox) fn wanted(run: &Run, before: &HashMap<&str, &[u8]>) -> HashSet<String> {
    let gone: Vec<&FileChange> = run.files.iter().filter(|change| went(change)).collect();
    let lost: u64 = gone.iter().filter_map(|change| change.size_before).sum();
    if !has_asked(run) || 2 * written(&run.files, |_| true) > lost {
        return HashSet::new();
    }
    let held = written(&run.files, |change| !is_prose(&change.contents));
    let could_be_held = |change: &&FileChange| change.size_before.is_some_and(|size| 2 * held > size);
    let gone: Vec<_> = gone.into_iter().filter(|change| !could_be_held(change)).collect();
    let gone: Vec<&str> = gone.into_iter().map(|change| &*change.path).collect();
    let listed = listed(run, before);
    let has_looked = run.calls.iter().any(|call| succeeded(call, &LOOKS));
    let folders = run.asked.iter().flat_map(|arg| names(arg));
    let thinned: Vec<_> = folders.filter(|arg| has_looked && keeps_most(arg, before, &gone)).collect();
    let is_wanted = |path: &&&str| is_listed(&listed, path) || thinned.iter().any(|arg| is_below(arg, path));
    gone.iter().filter(is_wanted).map(|path| (*path).to_owned()).collect()
}

/// Whether the program asked for its arguments.
pub(in crate::sandbox) fn has_asked(run: &Run) -> bool {
    run.calls.iter().any(|call| succeeded(call, &GIVES_ARGUMENTS))
}

/// Whether the program opened the file at a path.
pub(in crate::sandbox) fn has_opened(run: &Run, path: &str) -> bool {
    let names = |call: &Call| {
        call.args.iter().any(|arg| match &arg.points_at {
            Some(Pointed::Text { text }) => is_named(text, path) || is_named(path, text),
            _ => false,
        })
    };
    run.calls.iter().any(|call| succeeded(call, &OPENS) && names(call))
}

/// Whether a call opened a file or a folder.
pub(in crate::sandbox) fn is_opening(call: &Call) -> bool {
    succeeded(call, &OPENS)
}

/// Whether the program read something on standard input.
pub(in crate::sandbox) fn has_read_input(run: &Run) -> bool {
    let is_input = |call: &Call| call.args.first().is_some_and(|arg| arg.value == crate::Value::I32(0));
    has_asked(run) && run.calls.iter().any(|call| succeeded(call, &["fd_read"]) && is_input(call))
}

fn succeeded(call: &Call, names: &[&str]) -> bool {
    call.errno.is_none() && !call.fabricated && names.contains(&call.name.trim_start_matches('_'))
}

/// Bytes of some of the files that are new or have other contents.
fn written(changes: &[FileChange], is_one: impl Fn(&FileChange) -> bool) -> u64 {
    let is_new = |change: &&FileChange| change.sha256 != change.sha256_before && is_one(change);
    changes.iter().filter(is_new).filter_map(|change| change.size_after).sum()
}

/// Whether contents are a text of words, such as a log.
fn is_prose(bytes: &[u8]) -> bool {
    noise(bytes) == 0 && bytes.split(u8::is_ascii_whitespace).all(|word| word.len() < WANTED_WORD)
}

/// What an argument may name: itself, or what stands behind its last `=`.
fn names(arg: &str) -> impl Iterator<Item = &str> {
    [Some(arg), arg.rsplit_once('=').map(|(_, name)| name)].into_iter().flatten()
}

/// Whether a file is gone, and was not written before it went.
fn went(change: &FileChange) -> bool {
    let is_as_it_was = change.sha256.is_none() || change.sha256 == change.sha256_before;
    change.size_before.is_some() && change.size_after.is_none() && change.to.is_none() && is_as_it_was
}

/// The words of the files that arguments name and the program opened, as paths are written.
fn listed<'a>(run: &Run, before: &HashMap<&str, &'a [u8]>) -> HashSet<&'a [u8]> {
    let mut room = WANTED_LISTS;
    let mut words = HashSet::new();
    let is_asked = |path: &str| run.asked.iter().flat_map(|arg| names(arg)).any(|arg| is_named(arg, path));
    let is_list = |path: &str| is_asked(path) && has_opened(run, path);
    let mut lists: Vec<_> = before.iter().filter(|(path, _)| is_list(path)).collect();
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
    let had = before.keys().filter(|path| is_below(arg, path)).count();
    2 * gone.iter().filter(|path| is_below(arg, path)).count() <= had
}

/// Whether an argument is the whole path of a folder that something is in: a word without a `/` names none.
fn is_below(arg: &str, path: &str) -> bool {
    let folder = arg.trim_matches('/');
    let rest = path.trim_start_matches('/').strip_prefix(folder);
    arg.contains('/') && !folder.is_empty() && rest.is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Arg;

    const BEFORE: [(&str, &[u8]); 4] = [
        ("/opt/x/list", b"./bin/a\n\"/opt/x/b c\" x.txt"),
        ("/opt/x/bin/a", b"a"),
        ("/opt/x/x.txt", b"b"),
        ("/opt/y/a", b"c"),
    ];

    fn change(path: &str, size_after: Option<u64>) -> FileChange {
        FileChange { path: path.into(), size_before: Some(4), size_after, ..FileChange::default() }
    }

    fn call(name: &str, text: &str) -> Call {
        let pointed = Pointed::Text { text: text.into() };
        let arg = Arg { name: None, value: crate::Value::I32(64), points_at: Some(pointed) };
        Call::of_wasi(name, vec![arg])
    }

    /// The files that went as an argument asked, in a run with these changes and calls.
    fn of(arg: &str, changes: Vec<FileChange>, calls: &[(&str, &str)]) -> Vec<String> {
        let calls = calls.iter().map(|(name, text)| call(name, text)).collect();
        let run = Run { asked: vec![arg.into()], files: changes, calls, ..Run::default() };
        let mut wanted: Vec<_> = wanted(&run, &HashMap::from(BEFORE)).into_iter().collect();
        wanted.sort_unstable();
        wanted
    }

    const ALL: [(&str, &str); 3] = [("args_get", ""), ("path_open", "opt/x/list"), ("fd_readdir", "")];

    fn gone(paths: &[&str]) -> Vec<FileChange> {
        paths.iter().map(|path| change(path, None)).collect()
    }

    #[test]
    fn a_list_and_a_folder_say_what_is_to_go() {
        assert_eq!(of("/opt/x/list", gone(&["/opt/x/bin/a", "/opt/y/a"]), &ALL), ["/opt/x/bin/a"]);
        assert_eq!(of("list", gone(&["/opt/x/x.txt"]), &ALL), ["/opt/x/x.txt"]);
        assert_eq!(of("/opt/x", gone(&["/opt/x/bin/a", "/opt/y/a"]), &ALL), ["/opt/x/bin/a"]);
        assert!(of("/opt/x", gone(&["/opt/x/bin/a", "/opt/x/x.txt"]), &ALL).is_empty(), "most of it is gone");
        assert!(of("--help", gone(&["/opt/x/bin/a"]), &ALL).is_empty());
        assert!(of("opt", gone(&["/opt/x/bin/a"]), &ALL).is_empty(), "a word is no path");
    }

    #[test]
    fn who_did_not_read_what_is_asked_was_asked_nothing() {
        let [args, open, look] = ALL;
        assert!(of("/opt/x/list", gone(&["/opt/x/bin/a"]), &[open, look]).is_empty());
        assert!(of("/opt/x/list", gone(&["/opt/x/bin/a"]), &[args, look]).is_empty());
        assert!(of("/opt/x", gone(&["/opt/x/bin/a"]), &[args, open]).is_empty());
    }

    #[test]
    fn what_was_written_before_it_went_or_beside_it_was_not_asked_for() {
        let digest = |letter: char| Some(letter.to_string());
        let mut blanked = change("/opt/x/bin/a", None);
        (blanked.sha256_before, blanked.sha256) = (digest('a'), digest('b'));
        assert!(of("/opt/x", vec![blanked], &ALL).is_empty());
        assert!(of("/opt/x", vec![change("/opt/x/bin/a", Some(1))], &ALL).is_empty(), "it is there");
        let mut beside = change("/opt/x/bin/a.locked", Some(4));
        (beside.size_before, beside.sha256) = (None, digest('c'));
        assert!(of("/opt/x", vec![change("/opt/x/bin/a", None), beside], &ALL).is_empty());
    }
}
