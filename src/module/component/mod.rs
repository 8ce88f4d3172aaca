//! Components: which core module of one is the program, and who answers its imports.
//!
//! The definitions of a component are carried out as far as they link modules; nothing runs. It finds where
//! the program's module lies in the file. It finds the host function behind each import, whatever name the
//! module has for it, and which exports of the module are the component's. So a component is a sample like
//! any other: a module, at an offset in its file.
//!
//! Not here: what the host functions do (`sandbox`), other modules than the program's.

mod graph;
mod item;
mod limits;
mod main_module;
mod outline;
mod problem;

use std::ops::Range;

use wasmparser::{Parser, Payload};

pub(crate) use problem::Problem;

use graph::Graph;
use main_module::Choice;

/// Who answers an import of a component's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answerer {
    /// The host.
    Host,
    /// The canonical ABI itself.
    Canonical,
    /// An adapter from preview1 to WASI 0.2; the sandbox in its place.
    Adapter,
    /// Another module of the component.
    Inner,
}

/// An import of a component's program, by the name of what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linked {
    pub(crate) module: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) answerer: Answerer,
}

/// What a component runs: a command, or what serves a request over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The module's name for it.
    pub(crate) export: Box<str>,
}

/// The module of a component that is its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Main {
    /// Where it lies in the file.
    pub(crate) bytes: Range<usize>,
    /// Its imports, all kinds of them, in its order.
    pub(crate) imports: Vec<Linked>,
    /// What `wasi:cli/run` is, else what `wasi:http/incoming-handler` is.
    pub(crate) program: Option<Program>,
    /// Its export that gives memory for results of the host.
    pub(crate) realloc: Option<Box<str>>,
    /// Its exports that the component exports: its own name for each, and the component's.
    pub(crate) exports: Vec<(Box<str>, Box<str>)>,
}

/// What a module of a component is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is the program.
    Program,
    /// Its functions only jump to others, or it only fills the tables by which they do.
    Link,
    /// It is instantiated and does something of its own, and does not run.
    Unrun,
    /// It is not instantiated.
    Unused,
}

/// A module of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it lies in the file.
    pub(crate) bytes: Range<usize>,
    pub(crate) role: Role,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// Names of what it imports.
    pub(crate) imports: Vec<Box<str>>,
    /// Names of what it exports.
    pub(crate) exports: Vec<Box<str>>,
    /// Its modules, those of components in it too.
    pub(crate) modules: Vec<Part>,
    pub(crate) main: Main,
}

impl Component {
    /// Reads a component in the binary format; `None` if `sample` is none.
    pub(crate) fn read(sample: &[u8]) -> Option<Result<Self, Problem>> {
        Parser::is_component(sample).then(|| Self::parse(sample))
    }

    /// Modules that are instantiated and do not run.
    pub(crate) fn unrun(&self) -> impl Iterator<Item = &Range<usize>> {
        self.modules.iter().filter(|part| part.role == Role::Unrun).map(|part| &part.bytes)
    }

    fn parse(sample: &[u8]) -> Result<Self, Problem> {
        let (graph, exports) = Graph::of(sample)?;
        let choice = Choice::new(sample, &graph)?;
        let main = choice.main(&exports)?;
        let modules = choice.parts(&main);
        Ok(Self {
            imports: graph.imports.iter().map(|name| (**name).into()).collect(),
            exports: exports.keys().map(|name| (**name).into()).collect(),
            modules,
            main,
        })
    }
}

/// Where the modules begin by which a component runs, ascending: its program, and those that link it.
#[cfg(feature = "scan")]
pub(crate) fn parts(sample: &[u8]) -> Vec<usize> {
    let component = Component::read(sample).and_then(Result::ok);
    let parts = component.into_iter().flat_map(|component| component.modules);
    let runs = parts.filter(|part| matches!(part.role, Role::Program | Role::Link));
    let mut starts: Vec<_> = runs.map(|part| part.bytes.start).collect();
    starts.sort_unstable();
    starts
}

/// The core module of a sample: all of it, or that of a component's program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Core<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where it lies in the file.
    pub(crate) offset: u64,
}

impl<'a> Core<'a> {
    /// Of a component that has no program this is all of it, which no reader of modules takes.
    pub(crate) fn of(sample: &'a [u8]) -> Self {
        let component = Component::read(sample).and_then(Result::ok);
        Self::at(sample, component.map(|component| component.main.bytes))
    }

    /// The module at a place, if it is one of a component.
    pub(crate) fn at(sample: &'a [u8], place: Option<Range<usize>>) -> Self {
        let found = place.and_then(|place| Some((sample.get(place.clone())?, place.start as u64)));
        let (bytes, offset) = found.unwrap_or((sample, 0));
        Self { bytes, offset }
    }

    /// Its sections, with offsets in the file.
    pub(crate) fn payloads(self) -> impl Iterator<Item = wasmparser::Result<Payload<'a>>> {
        Parser::new(self.offset).parse_all(self.bytes)
    }
}

#[cfg(test)]
mod tests;
