//! Personas: who the sample thinks it runs for. Arguments, environment, time, files with bait in them, open
//! directories, sockets, streams.
//!
//! Read from TOML (`docs/personas.md`); those of `rules/personas/` are part of the program.
//!
//! Not here: the files while they are used (`fs`), who touched the bait (`tokens`).

mod parse;
mod problem;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, OnceLock},
};

use include_dir::{Dir, include_dir};

use super::types::Drive;

pub use self::problem::PersonaError;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules/personas");

/// The shipped ones by name. Each is read when it is first asked for: a run needs one.
static READ: LazyLock<BTreeMap<&'static str, Shipped>> = LazyLock::new(|| {
    let files = SHIPPED.files().filter(|file| file.path().extension().is_some_and(|ending| ending == "toml"));
    let texts = files.filter_map(|file| Some((file.path().file_stem()?.to_str()?, file.contents_utf8()?)));
    texts.map(|(name, text)| (name, Shipped { text, read: OnceLock::new() })).collect()
});

/// A shipped persona.
struct Shipped {
    text: &'static str,
    /// A test reads all of them.
    read: OnceLock<Option<Arc<Persona>>>,
}

impl Shipped {
    fn persona(&self, name: &str) -> Option<&Arc<Persona>> {
        let read = || Persona::parse(name, self.text).ok().map(Arc::new);
        self.read.get_or_init(read).as_ref()
    }
}

/// Whom the sample thinks it runs for. [`RunOptions::with_persona`](super::RunOptions::with_persona) gives a
/// run its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Persona {
    /// The name of its file, without ending.
    pub name: String,
    /// What it is for, in a line.
    pub description: String,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// Virtual time at the start, in nanoseconds since 1970.
    pub epoch_ns: u64,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Which of standard input, output and error are a terminal: a character device without the rights to
    /// seek and tell. Any other is a pipe.
    pub terminals: [bool; 3],
    /// Whether the clocks of processor time (2 and 3 of WASI) can be asked. Wasmtime answers `badf`.
    pub cpu_clocks: bool,
    /// Directories that a WASI program finds open, from descriptor 3 on: the name it sees → absolute guest
    /// path.
    pub preopens: Vec<(String, String)>,
    /// Files.
    pub files: Vec<Document>,
    /// Directories that are there even if there is nothing in them: absolute guest paths.
    pub dirs: Vec<String>,
    /// Symbolic links: absolute guest path → target.
    pub links: Vec<(String, String)>,
    /// Bait.
    pub honeytokens: Vec<Honeytoken>,
    /// Sockets, open from the first descriptor after the directories on.
    pub sockets: Vec<Socket>,
    /// How the sample is run, where that differs from the usual.
    pub run: Conduct,
}

/// How a sample is run under a persona: what is `None` is as usual.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conduct {
    /// Which exports are called.
    pub drive: Option<Drive>,
    /// Seconds of the run and of each entry point.
    pub seconds: Option<u64>,
    /// Executed instructions of the run and of each entry point.
    pub instructions: Option<u64>,
    /// Decisions of the run and of each entry point.
    pub decisions: Option<u64>,
    /// MiB of the trace in memory; the words beyond go to a temporary file.
    pub trace_mib: Option<u64>,
}

/// A file of a persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Absolute guest path.
    pub path: String,
    /// Contents.
    pub bytes: Vec<u8>,
    /// Nanoseconds before the start of the run at which it was last changed.
    pub age_ns: u64,
}

/// Bait: bytes that nobody has a reason to touch, in a file, a variable, an argument or standard input of the
/// persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Honeytoken {
    /// What it is called in the report.
    pub name: String,
    /// The bytes; at least [`MIN_TOKEN`].
    pub value: Vec<u8>,
}

/// Bytes of a honeytoken at least: fewer would be found by chance.
pub const MIN_TOKEN: usize = 8;

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// What it is called in the report.
    pub name: String,
    /// What it is.
    pub kind: SocketKind,
}

/// What a socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketKind {
    /// It is connected.
    Stream(Peer),
    /// It listens: each `sock_accept` takes the next.
    Listener(Vec<Peer>),
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// What it sends, a message after another; one call receives bytes of one message.
    pub messages: Vec<Vec<u8>>,
    /// Whether it keeps the connection open after the last message, and is silent.
    pub stays: bool,
}

impl Persona {
    /// The shipped persona called `name`.
    pub fn shipped(name: &str) -> Option<Arc<Self>> {
        READ.get(name)?.persona(name).cloned()
    }

    /// All that are shipped, by name.
    pub fn all_shipped() -> impl Iterator<Item = &'static Self> {
        READ.iter().filter_map(|(name, shipped)| shipped.persona(name)).map(|persona| &**persona)
    }

    /// Reads a persona. `file` is the name of the file, with or without folder and ending.
    ///
    /// # Errors
    ///
    /// If it is not TOML, or holds a key or a value that means nothing.
    pub fn parse(file: &str, text: &str) -> Result<Self, PersonaError> {
        parse::parse(file, text)
    }

    /// One that has nothing: no file, no variable, an open empty directory. All streams are a terminal, and
    /// the program's name is its only argument.
    pub fn bare() -> Self {
        Self {
            name: "bare".into(),
            description: "nothing".into(),
            args: vec!["program".into()],
            env: Vec::new(),
            epoch_ns: 1_767_254_400_000_000_000,
            stdin: Vec::new(),
            terminals: [true; 3],
            cpu_clocks: true,
            preopens: vec![("/".into(), "/".into())],
            files: Vec::new(),
            dirs: Vec::new(),
            links: Vec::new(),
            honeytokens: Vec::new(),
            sockets: Vec::new(),
            run: Conduct::default(),
        }
    }
}

/// The shipped persona `default`.
impl Default for Persona {
    fn default() -> Self {
        Self::shipped("default").map_or_else(Self::bare, |persona| (*persona).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shipped_ones_are_read_and_hold_their_bait() {
        let files =
            SHIPPED.files().filter(|file| file.path().extension().is_some_and(|ending| ending == "toml"));
        let mut names = Vec::new();
        for file in files {
            let name = file.path().file_stem().unwrap().to_str().unwrap();
            let persona =
                Persona::parse(name, file.contents_utf8().unwrap()).unwrap_or_else(|error| panic!("{error}"));
            assert!(!persona.description.is_empty(), "{name}");
            names.push(persona.name);
        }
        names.sort();
        assert_eq!(names, ["default", "server", "study", "workstation"]);
        assert!(
            names.iter().map(String::as_str).eq(Persona::all_shipped().map(|persona| persona.name.as_str()))
        );
        for (name, tokens) in [("workstation", 6), ("server", 4)] {
            assert!(Persona::shipped(name).unwrap().honeytokens.len() >= tokens, "{name}");
        }
        assert!(Persona::shipped("nobody").is_none());
    }
}
