//! What a run left behind, as bytes: what it wrote, sent, returned, built in memory.
//!
//! Not here: where that is put (`--extract`, [`scan`](crate::scan)).

use crate::sandbox::{FileChange, Run};

/// Something that a run left behind.
#[derive(Debug, Clone, Copy)]
pub struct Leftover<'a> {
    /// What it is, one of [`LEFTOVER_KINDS`].
    pub kind: &'static str,
    /// The socket, the type of what was returned, or the path that the sample knew a file by.
    pub name: Option<&'a str>,
    /// What was done to a file.
    pub change: Option<&'a str>,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What may be left behind.
pub const LEFTOVER_KINDS: [&str; 6] = ["stdout", "stderr", "sent", "module", "returned", "file"];

/// Everything that a run left behind; the same bytes may come several times.
pub fn leftovers(run: &Run) -> impl Iterator<Item = Leftover<'_>> {
    let item = |kind, name, bytes| Leftover { kind, name, change: None, bytes };
    let streams = [("stdout", &run.stdout), ("stderr", &run.stderr)];
    let streams = streams.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    let sent = run.connections.iter().filter(|connection| !connection.sent.is_empty());
    let has_contents = |change: &&FileChange| change.sha256.is_some();
    streams
        .map(move |(kind, bytes)| item(kind, None, &bytes[..]))
        .chain(sent.map(move |sent| item("sent", Some(&*sent.name), &sent.sent[..])))
        .chain(run.carved.iter().map(move |module| item("module", None, &module[..])))
        .chain(run.returned.iter().map(move |one| item("returned", Some(one.contents.as_str()), &one.bytes)))
        .chain(run.files.iter().filter(has_contents).map(move |change| Leftover {
            change: Some(change.change.as_str()),
            ..item("file", Some(change.last_path()), &change.contents)
        }))
}
