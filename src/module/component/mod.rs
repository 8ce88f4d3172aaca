//! Components: which core module of one is the program, and who answers its imports.
//!
//! The definitions of a component are carried out as far as they link modules; nothing runs. It finds where
//! the program's module lies in the file. It finds the host function behind each import, whatever name the
//! module has for it, and which exports of the module are the component's. So a component is a sample like
//! any other: a module, at an offset in its file.
//!
//! Where instances of other modules do part of the program's work, all of them become one module (`plan`,
//! `merge`). It is taken to stand behind the file: the two together are the *image*, and offsets past the
//! end of the file are in that module. It is the same each time.
//!
//! Not here: what the host functions do (`sandbox`), modules that do not run.

mod graph;
mod item;
mod limits;
mod main_module;
mod merge;
mod outline;
mod plan;
mod problem;

use std::{ops::Range, sync::Arc};

use wasmparser::{Parser, Payload};

pub(crate) use problem::Problem;

use graph::Graph;
use main_module::{Choice, Found};
use merge::{Merged, merge};

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
    /// The memory that it works on, and what gives room there, by the names of exports; `None` for those of
    /// all others.
    pub(crate) memory: Option<Box<str>>,
    pub(crate) realloc: Option<Box<str>>,
}

impl Linked {
    fn new(module: &str, name: &str, answerer: Answerer) -> Self {
        Self { module: module.into(), name: name.into(), answerer, memory: None, realloc: None }
    }
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
    /// Where it lies in the image.
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
    /// Its instances do part of the program's work, and are linked with it.
    Linked,
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

/// Where a function of instances that became one module comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Number of the module among the component's; `None` if it is of none, but begins all.
    pub(crate) module: Option<u32>,
    /// Where its body begins in the file.
    pub(crate) body: u32,
}

/// Instances that became one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linkage {
    /// The file, and behind it that module.
    pub(crate) image: Arc<[u8]>,
    /// Of each function that it defines.
    pub(crate) origins: Box<[Origin]>,
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
    /// If several instances run as one module.
    pub(crate) linkage: Option<Linkage>,
    /// Why they do not, if they should.
    pub(crate) unlinked: Option<Box<str>>,
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

    /// The file, with the module that instances became behind it.
    pub(crate) fn image<'a>(&'a self, sample: &'a [u8]) -> &'a [u8] {
        self.linkage.as_ref().map_or(sample, |linkage| &linkage.image)
    }

    /// Where a defined function of the program comes from, if that was put together.
    pub(crate) fn origin(&self, position: usize) -> Option<Origin> {
        self.linkage.as_ref()?.origins.get(position).copied()
    }

    fn parse(sample: &[u8]) -> Result<Self, Problem> {
        let (graph, exports) = Graph::of(sample)?;
        let choice = Choice::new(sample, &graph)?;
        let found = choice.find(&exports)?;
        let mut main = choice.main(&found)?;
        let program = main.bytes.clone();
        let (mut linked, mut linkage) = (Vec::new(), None);
        let unlinked = match choice.link(sample, &found) {
            Ok(Some((all, modules, made))) => {
                (main, linked, linkage) = (all, modules, Some(made));
                None
            }
            Ok(None) => None,
            Err(problem) => Some(problem.to_string().into()),
        };
        Ok(Self {
            imports: graph.imports.iter().map(|name| (**name).into()).collect(),
            exports: exports.keys().map(|name| (**name).into()).collect(),
            modules: choice.parts(&program, &linked, unlinked.is_some()),
            main,
            linkage,
            unlinked,
        })
    }
}

impl Choice<'_, '_> {
    /// The program and what runs with it as one module, if anything does: with the numbers of their modules.
    fn link(&self, sample: &[u8], found: &Found) -> Result<Option<(Main, Vec<usize>, Linkage)>, Problem> {
        let Some(plan) = self.plan(found)? else { return Ok(None) };
        let Merged { wasm, imports, origins } = merge(sample, &plan)?;
        let bytes = sample.len()..sample.len().saturating_add(wasm.len());
        if bytes.end > u32::MAX as usize {
            return Err(Problem::TooLarge);
        }
        let image = [sample, &wasm].concat().into();
        let main =
            Main { bytes, imports, program: plan.program, realloc: plan.realloc, exports: plan.lifted };
        Ok(Some((main, plan.whole, Linkage { image, origins: origins.into() })))
    }
}

/// Where the modules begin by which a component runs, ascending: its program, and those that link it.
#[cfg(feature = "scan")]
pub(crate) fn parts(sample: &[u8]) -> Vec<usize> {
    let component = Component::read(sample).and_then(Result::ok);
    let parts = component.into_iter().flat_map(|component| component.modules);
    let runs = parts.filter(|part| matches!(part.role, Role::Program | Role::Linked | Role::Link));
    let mut starts: Vec<_> = runs.map(|part| part.bytes.start).collect();
    starts.sort_unstable();
    starts
}

/// The core module of a sample: all of it, or that of a component's program, made of several or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Core<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where it lies in the file, or behind it.
    pub(crate) offset: u64,
}

impl<'a> Core<'a> {
    /// Of a component that has no program this is all of it, which no reader of modules takes.
    pub(crate) fn of(sample: &'a [u8], component: Option<&'a Component>) -> Self {
        let image = component.map_or(sample, |component| component.image(sample));
        let place = component.map(|component| component.main.bytes.clone());
        let found = place.and_then(|place| Some((image.get(place.clone())?, place.start as u64)));
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
