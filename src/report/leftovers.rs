//! What a run left behind, as bytes: what it wrote, sent, returned, built in memory.
//!
//! Not here: where that is put (`--extract`, [`scan`](crate::scan)).

use crate::{
    sandbox::{FileChange, Run},
    text::vocabulary,
};

/// Something that a run left behind.
#[derive(Debug, Clone, Copy)]
pub struct Leftover<'a> {
    /// What it is.
    pub kind: LeftoverKind,
    /// The socket, the type of what was returned, or the path that the sample knew a file by.
    pub name: Option<&'a str>,
    /// What was done to a file.
    pub change: Option<&'a str>,
    /// The bytes.
    pub bytes: &'a [u8],
}

vocabulary! {
    /// What may be left behind.
    pub enum LeftoverKind {
        /// What was written to standard output.
        Stdout = "stdout",
        /// What was written to standard error.
        Stderr = "stderr",
        /// What was sent to a socket.
        Sent = "sent",
        /// A module that was built in memory.
        Module = "module",
        /// What an entry point gave back.
        Returned = "returned",
        /// A file.
        File = "file",
    }
}

/// Everything that a run left behind; the same bytes may come several times.
pub fn leftovers(run: &Run) -> impl Iterator<Item = Leftover<'_>> {
    let item = |kind, name, bytes| Leftover { kind, name, change: None, bytes };
    let streams = [(LeftoverKind::Stdout, &run.stdout), (LeftoverKind::Stderr, &run.stderr)];
    let streams = streams.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    let sent = run.connections.iter().filter(|connection| !connection.sent.is_empty());
    let has_contents = |change: &&FileChange| change.sha256.is_some();
    streams
        .map(move |(kind, bytes)| item(kind, None, &bytes[..]))
        .chain(sent.map(move |sent| item(LeftoverKind::Sent, Some(&*sent.name), &sent.sent[..])))
        .chain(run.carved.iter().map(move |module| item(LeftoverKind::Module, None, &module[..])))
        .chain(
            run.returned
                .iter()
                .map(move |one| item(LeftoverKind::Returned, Some(one.contents.as_str()), &one.bytes)),
        )
        .chain(run.files.iter().filter(has_contents).map(move |change| Leftover {
            change: Some(change.change.as_str()),
            ..item(LeftoverKind::File, Some(change.last_path()), &change.contents)
        }))
}
