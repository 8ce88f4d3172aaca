//! Which of the files that a program opened its arguments ask for.
//!
//! A server is given the folder that it serves. All that it opens below that folder was asked for, as long as
//! it opened nothing else. From then on nobody can tell whose bytes are whose.

use super::{
    damage::{has_asked, is_opening},
    dropped::is_within,
    types::{Call, Run},
};

/// Calls that take files away or start something, without the lines before the name. Those that open files
/// stand elsewhere.
const ACTS: [&str; 14] = [
    "path_unlink_file",
    "path_rename",
    "path_remove_directory",
    "[method]descriptor.unlink-file-at",
    "[method]descriptor.rename-at",
    "syscall_unlinkat",
    "syscall_renameat",
    "syscall_rmdir",
    "syscall10",
    "exec",
    "execve",
    "system",
    "popen",
    "posix_spawn",
];

/// The descriptor of the folder that is open from the start.
const TOP: i32 = 3;

impl Run {
    /// The position of the first call that no argument asks for: it opened or took away another file or
    /// folder, or started something. If the program did not ask for its arguments, or opened nothing at all,
    /// that of the first call.
    pub(crate) fn first_unasked(&self) -> usize {
        let mut opened = self.calls.iter().enumerate().filter(|(_, call)| call.is_act()).peekable();
        if !has_asked(self) || opened.peek().is_none() {
            return 0;
        }
        let unasked = opened.find(|(_, call)| !self.asks_for(call));
        unasked.map_or(usize::MAX, |(position, _)| position)
    }

    /// Calls that opened or took away files, or started something, from the first on that no argument asks
    /// for.
    pub(crate) fn unasked_acts(&self) -> usize {
        let first = self.first_unasked();
        self.calls.iter().skip(first).filter(|call| call.is_act()).count()
    }

    /// Whether arguments name what a call opens, or the folder from which it begins was opened before.
    fn asks_for(&self, call: &Call) -> bool {
        let folder = call.args.first().filter(|_| call.name.starts_with("path_"));
        if folder.is_some_and(|folder| folder.value != crate::Value::I32(TOP)) {
            return true;
        }
        let path = call.args.iter().find_map(|arg| arg.points_at.as_ref()?.kept_text());
        path.is_some_and(|path| {
            let path = format!("/{}", path.trim_start_matches("./").trim_start_matches('/'));
            !path.contains("/../") && self.asked.iter().any(|arg| is_within(arg, &path))
        })
    }
}

impl Call {
    fn is_act(&self) -> bool {
        is_opening(self) || ACTS.contains(&self.name.trim_start_matches('_'))
    }
}
