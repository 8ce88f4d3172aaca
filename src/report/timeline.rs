//! The deeds of a sample, in the order of virtual time: the log of host calls, folded where it says nothing.
//!
//! Calls of one function in a row that differ only in their bytes are one entry. So are questions in a row
//! that change nothing and hand out nothing (the time, what a descriptor is). At most [`TIMELINE_STEPS`]
//! steps; the rest is counted.
//!
//! Not here: calls that are not in the log (`Report::host_calls_cut` counts them).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::limits::{TIMELINE_STEPS, TIMELINE_TEXT};
use crate::{
    categories::{known_as, standard_stream},
    sandbox::{Arg, Call, Pointed, Run},
    text,
};

/// Something that the sample did, with one call or several in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimelineEntry {
    /// Virtual time of the first call, in nanoseconds since the start of the run.
    pub time_ns: u64,
    /// Virtual time of the last call.
    pub until_ns: u64,
    /// Position of the entry point that called.
    pub entry: usize,
    /// Number of the first call in the run.
    pub number: u64,
    /// The function, `module.name`; of questions all of them, joined by `, `.
    pub call: String,
    /// What it did, in words.
    pub did: String,
    /// Calls in it.
    pub calls: u64,
    /// The thread that called, 0 being the one of the entry point; absent in a run without others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<u32>,
}

/// Functions whose answers only tell of time and descriptors, by their names in WASI.
const QUESTIONS: &[&str] = &[
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_sizes_get",
    "fd_fdstat_get",
    "fd_filestat_get",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_seek",
    "fd_tell",
    "random_get",
    "sched_yield",
];

/// Function of WASI → what it does, in words that its arguments complete.
const VERBS: &[(&str, &str)] = &[
    ("args_get", "reads its arguments"),
    ("environ_get", "reads the environment"),
    ("fd_allocate", "makes room in"),
    ("fd_close", "closes"),
    ("fd_datasync", "flushes"),
    ("fd_filestat_set_size", "sets the size of"),
    ("fd_filestat_set_times", "sets the dates of"),
    ("fd_pread", "reads from"),
    ("fd_pwrite", "writes to"),
    ("fd_read", "reads from"),
    ("fd_readdir", "lists"),
    ("fd_renumber", "renumbers"),
    ("fd_sync", "flushes"),
    ("fd_write", "writes to"),
    ("path_create_directory", "makes the directory"),
    ("path_filestat_get", "looks at"),
    ("path_filestat_set_times", "sets the dates of"),
    ("path_link", "gives another name to"),
    ("path_open", "opens"),
    ("path_readlink", "reads the link"),
    ("path_remove_directory", "removes the directory"),
    ("path_rename", "renames"),
    ("path_symlink", "makes a link to"),
    ("path_unlink_file", "deletes"),
    ("poll_oneoff", "waits"),
    ("proc_exit", "ends"),
    ("proc_raise", "raises a signal"),
    ("sock_accept", "accepts a connection on"),
    ("sock_recv", "receives from"),
    ("sock_send", "sends to"),
    ("sock_shutdown", "shuts down"),
];

/// A step and what later calls are folded by.
struct Open {
    step: TimelineEntry,
    /// Everything but the bytes; `None` for questions.
    same: Option<(String, Option<String>, Option<String>)>,
    asked: BTreeSet<String>,
    bytes: u64,
}

/// The steps of a run, with the thread of each call if there are others, and how many are left out.
pub(super) fn of(run: Option<&Run>, threads: &[u32]) -> (Vec<TimelineEntry>, u64) {
    let mut steps: Vec<TimelineEntry> = Vec::new();
    let (mut open, mut cut): (Option<Open>, u64) = (None, 0);
    let mut close = |open: Option<Open>| match open {
        Some(open) if steps.len() < TIMELINE_STEPS => steps.push(open.close()),
        Some(_) => cut += 1,
        None => {}
    };
    for (position, call) in run.map_or(&[][..], |run| &run.calls).iter().enumerate() {
        let thread = threads.get(position).copied();
        if !open.as_mut().is_some_and(|step| step.takes(call, thread)) {
            close(open.replace(Open::of(call, thread)));
        }
    }
    close(open);
    (steps, cut)
}

impl Open {
    fn of(call: &Call, thread: Option<u32>) -> Self {
        let name = text::import_name(&call.module, &call.name);
        Self {
            step: TimelineEntry {
                time_ns: call.time_ns,
                until_ns: call.time_ns,
                entry: call.entry,
                number: call.number,
                call: name.clone(),
                did: String::new(),
                calls: 1,
                thread,
            },
            same: same(call),
            asked: BTreeSet::from([name]),
            bytes: bytes(call),
        }
    }

    /// Takes a call that belongs to the step; returns whether it does.
    fn takes(&mut self, call: &Call, thread: Option<u32>) -> bool {
        if self.step.entry != call.entry || self.step.thread != thread || self.same != same(call) {
            return false;
        }
        self.step.calls += 1;
        self.step.until_ns = call.time_ns;
        self.bytes = self.bytes.saturating_add(bytes(call));
        if self.same.is_none() {
            self.asked.insert(text::import_name(&call.module, &call.name));
        }
        true
    }

    fn close(self) -> TimelineEntry {
        let Self { mut step, same, asked, bytes } = self;
        let Some((did, result, errno)) = same else {
            step.call = asked.into_iter().collect::<Vec<_>>().join(", ");
            step.did = "asks".to_owned();
            return step;
        };
        step.did = did;
        if bytes > 0 {
            step.did.push_str(&format!(", {bytes} {}", if bytes == 1 { "byte" } else { "bytes" }));
        }
        match (errno, result) {
            (Some(errno), _) => step.did.push_str(&format!(": fails, {errno}")),
            (None, Some(result)) => step.did.push_str(&format!(": {result}")),
            (None, None) => {}
        }
        step
    }
}

/// What equal steps have in common: words, result, error. `None` for a question that was answered.
fn same(call: &Call) -> Option<(String, Option<String>, Option<String>)> {
    if QUESTIONS.contains(&known_as(call)) && call.errno.is_none() {
        return None;
    }
    let verb = VERBS.iter().find(|(name, _)| *name == known_as(call)).map(|(_, verb)| *verb);
    let mut words = vec![verb.unwrap_or("calls it").to_owned()];
    let texts: Vec<_> = call.args.iter().filter_map(text_of).collect();
    match texts.is_empty() {
        true => words.extend(call.args.iter().filter_map(|arg| descriptor(call, arg))),
        false => words.push(texts.join(", ")),
    }
    // The result of a function of WASI is its error.
    let result = match verb {
        Some(_) => None,
        None => call.results.first().map(ToString::to_string),
    };
    Some((words.join(" "), result, call.errno.as_ref().map(|errno| errno.to_string())))
}

/// The text that an argument names something with.
fn text_of(arg: &Arg) -> Option<String> {
    let text = arg.points_at.as_ref()?.kept_text()?;
    if arg.name.as_deref().is_some_and(is_buffer) {
        return None;
    }
    Some(quoted(&text))
}

/// The beginning of a text, in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text::cut(text, TIMELINE_TEXT))
}

/// Which descriptor or resource an argument is, or the code to end with.
fn descriptor(call: &Call, arg: &Arg) -> Option<String> {
    if let Some(Pointed::Resource { name }) = &arg.points_at {
        return Some(quoted(name));
    }
    match arg.name.as_deref()? {
        "fd" | "sock" | "stream" | "file" | "resource" => Some(match standard_stream(call) {
            Some(0) => "standard input".to_owned(),
            Some(1) => "standard output".to_owned(),
            Some(2) => "standard error".to_owned(),
            _ if arg.name.as_deref() == Some("resource") => format!("resource {}", arg.value),
            _ => format!("descriptor {}", arg.value),
        }),
        "code" | "rval" => Some(format!("with code {}", arg.value)),
        _ => None,
    }
}

/// Whether an argument of this name holds what is read or written, and no name.
fn is_buffer(name: &str) -> bool {
    name == "bytes"
        || name.starts_with("iov")
        || name.starts_with("ciov")
        || name.contains("data")
        || name.contains("buf")
}

/// Bytes that a call read or wrote, as far as its arguments show.
fn bytes(call: &Call) -> u64 {
    let of = |arg: &Arg| match &arg.points_at {
        Some(Pointed::Bytes { len, .. }) => *len,
        Some(Pointed::Text { text }) if arg.name.as_deref().is_some_and(is_buffer) => text.len() as u64,
        _ => 0,
    };
    call.args.iter().map(of).fold(0, u64::saturating_add)
}
