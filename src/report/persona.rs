//! A persona in JSON: for whom a sample was told that it runs, if that is no shipped one.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contents::Contents;
use crate::sandbox::{Conduct, Document, Drive, Honeytoken, Peer, Persona, Socket, SocketKind};

/// Whom the sample thinks it runs for: a file of `docs/personas.md` after it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PersonaContents<'a> {
    /// What it is for, in a line.
    pub description: Cow<'a, str>,
    /// Arguments, the program's name first.
    pub args: Cow<'a, [String]>,
    /// Environment.
    pub env: Cow<'a, [(String, String)]>,
    /// Virtual time at the start, in nanoseconds since 1970.
    pub epoch_ns: u64,
    /// Standard input.
    pub stdin: Contents<'a>,
    /// Directories that a WASI program finds open: name, guest path.
    pub preopens: Cow<'a, [(String, String)]>,
    /// Files.
    pub files: Vec<PersonaFile<'a>>,
    /// Directories that are there even if there is nothing in them.
    pub dirs: Cow<'a, [String]>,
    /// Symbolic links: guest path, target.
    pub links: Cow<'a, [(String, String)]>,
    /// Bait: name, bytes.
    pub honeytokens: Vec<(Cow<'a, str>, Contents<'a>)>,
    /// Sockets: name, what it is.
    pub sockets: Vec<(Cow<'a, str>, PersonaSocket<'a>)>,
    /// Whether the clocks of processor time can be asked.
    #[serde(default = "has_clocks")]
    pub cpu_clocks: bool,
    /// Which exports are called.
    #[serde(deserialize_with = "Option::deserialize")]
    pub drive: Option<PersonaDrive<'a>>,
    /// Seconds of the run and of each entry point.
    #[serde(deserialize_with = "Option::deserialize")]
    pub seconds: Option<u64>,
    /// Executed instructions of the run and of each entry point.
    #[serde(deserialize_with = "Option::deserialize")]
    pub instructions: Option<u64>,
    /// Decisions of the run and of each entry point.
    #[serde(deserialize_with = "Option::deserialize")]
    pub decisions: Option<u64>,
    /// MiB of the trace in memory.
    #[serde(deserialize_with = "Option::deserialize")]
    pub trace_mib: Option<u64>,
}

/// A file of a persona.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonaFile<'a> {
    /// Absolute guest path.
    pub path: Cow<'a, str>,
    /// Contents.
    pub contents: Contents<'a>,
    /// Nanoseconds before the start of the run at which it was last changed.
    pub age_ns: u64,
}

/// A socket of a persona.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PersonaSocket<'a> {
    /// It is connected.
    Stream(PersonaPeer<'a>),
    /// It listens: each `sock_accept` takes the next.
    Listener(Vec<PersonaPeer<'a>>),
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonaPeer<'a> {
    /// What it sends, a message after another.
    pub messages: Vec<Contents<'a>>,
    /// Whether it keeps the connection open after the last message.
    pub stays: bool,
}

/// Which exports a persona has called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PersonaDrive<'a> {
    /// Those that seem worth it.
    Auto,
    /// All.
    Exports,
    /// None.
    None,
    /// This one.
    Export(Cow<'a, str>),
}

/// What a persona has that says nothing of its clocks.
fn has_clocks() -> bool {
    true
}

impl<'a> PersonaContents<'a> {
    /// Of a persona; `None` if it is the shipped one of its name, whatever its streams are.
    pub(super) fn of(persona: &'a Persona) -> Option<Self> {
        let is_shipped = |shipped: &Persona| {
            let terminals = persona.terminals;
            *persona == Persona { terminals, ..shipped.clone() }
        };
        if Persona::shipped(&persona.name).is_some_and(|shipped| is_shipped(&shipped)) {
            return None;
        }
        let Persona {
            name: _,
            description,
            args,
            env,
            epoch_ns,
            stdin,
            terminals: _,
            preopens,
            files,
            dirs,
            links,
            honeytokens,
            sockets,
            cpu_clocks,
            run: Conduct { drive, seconds, instructions, decisions, trace_mib },
        } = persona;
        Some(Self {
            description: description.into(),
            args: args.into(),
            env: env.into(),
            epoch_ns: *epoch_ns,
            stdin: Contents::of(stdin),
            preopens: preopens.into(),
            files: files.iter().map(PersonaFile::of).collect(),
            dirs: dirs.into(),
            links: links.into(),
            honeytokens: honeytokens
                .iter()
                .map(|Honeytoken { name, value }| (name.into(), Contents::of(value)))
                .collect(),
            sockets: sockets
                .iter()
                .map(|Socket { name, kind }| (name.into(), PersonaSocket::of(kind)))
                .collect(),
            cpu_clocks: *cpu_clocks,
            drive: drive.as_ref().map(PersonaDrive::of),
            seconds: *seconds,
            instructions: *instructions,
            decisions: *decisions,
            trace_mib: *trace_mib,
        })
    }

    /// The persona; its streams are pipes.
    pub(super) fn into_persona(self, name: String) -> Persona {
        let sockets = self.sockets.into_iter();
        let honeytokens = self.honeytokens.into_iter();
        Persona {
            name,
            description: self.description.into(),
            args: self.args.into(),
            env: self.env.into(),
            epoch_ns: self.epoch_ns,
            stdin: self.stdin.into_bytes(),
            terminals: [false; 3],
            cpu_clocks: self.cpu_clocks,
            preopens: self.preopens.into(),
            files: self.files.into_iter().map(PersonaFile::into_document).collect(),
            dirs: self.dirs.into(),
            links: self.links.into(),
            honeytokens: honeytokens
                .map(|(name, value)| Honeytoken { name: name.into(), value: value.into_bytes() })
                .collect(),
            sockets: sockets
                .map(|(name, kind)| Socket { name: name.into(), kind: kind.into_kind() })
                .collect(),
            run: Conduct {
                drive: self.drive.map(PersonaDrive::into_drive),
                seconds: self.seconds,
                instructions: self.instructions,
                decisions: self.decisions,
                trace_mib: self.trace_mib,
            },
        }
    }
}

impl<'a> PersonaFile<'a> {
    fn of(Document { path, bytes, age_ns }: &'a Document) -> Self {
        Self { path: path.into(), contents: Contents::of(bytes), age_ns: *age_ns }
    }

    fn into_document(self) -> Document {
        Document { path: self.path.into(), bytes: self.contents.into_bytes(), age_ns: self.age_ns }
    }
}

impl<'a> PersonaSocket<'a> {
    fn of(kind: &'a SocketKind) -> Self {
        match kind {
            SocketKind::Stream(peer) => Self::Stream(PersonaPeer::of(peer)),
            SocketKind::Listener(peers) => Self::Listener(peers.iter().map(PersonaPeer::of).collect()),
        }
    }

    fn into_kind(self) -> SocketKind {
        match self {
            Self::Stream(peer) => SocketKind::Stream(peer.into_peer()),
            Self::Listener(peers) => {
                SocketKind::Listener(peers.into_iter().map(PersonaPeer::into_peer).collect())
            }
        }
    }
}

impl<'a> PersonaPeer<'a> {
    fn of(Peer { messages, stays }: &'a Peer) -> Self {
        Self { messages: messages.iter().map(|message| Contents::of(message)).collect(), stays: *stays }
    }

    fn into_peer(self) -> Peer {
        Peer { messages: self.messages.into_iter().map(Contents::into_bytes).collect(), stays: self.stays }
    }
}

impl<'a> PersonaDrive<'a> {
    fn of(drive: &'a Drive) -> Self {
        match drive {
            Drive::Auto => Self::Auto,
            Drive::Exports => Self::Exports,
            Drive::None => Self::None,
            Drive::Name(name) => Self::Export(name.into()),
        }
    }

    fn into_drive(self) -> Drive {
        match self {
            Self::Auto => Drive::Auto,
            Self::Exports => Drive::Exports,
            Self::None => Drive::None,
            Self::Export(name) => Drive::Name(name.into()),
        }
    }
}
