//! What the definitions of a component stand for.

use std::{collections::BTreeMap, ops::Range, rc::Rc};

use super::{limits::MAX_NESTED, problem::Problem};

/// A function or resource of the host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostName {
    /// The interface, such as `wasi:io/streams@0.2.0`; `$root` for what the world itself imports.
    pub(super) interface: Rc<str>,
    /// Its name there.
    pub(super) name: Rc<str>,
}

/// A resource of the host; `None` for any other type.
pub(super) type Resource = Option<Rc<HostName>>;

/// What a component can define, import and export.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Func(Func),
    Instance(Rc<Instance>),
    /// Number of a module; `None` if it is the host's.
    Module(Option<usize>),
    /// `None` if it is the host's.
    Component(Option<Rc<Definition>>),
    Type(Resource),
    Value,
}

/// A function of a component.
#[derive(Debug, Clone)]
pub(super) enum Func {
    Host(Rc<HostName>),
    Lifted(CoreFunc),
}

/// An instance of a component.
#[derive(Debug)]
pub(super) enum Instance {
    /// An interface of the host.
    Host(Rc<str>),
    /// What it exports, and how deep instances lie in one another there.
    Exports(Exports, u32),
}

impl Instance {
    /// An instance that exports these.
    pub(super) fn new(items: Exports) -> Result<Self, Problem> {
        let depth = |item: &Item| match item {
            Item::Instance(instance) => match **instance {
                Self::Host(_) => 1,
                Self::Exports(_, depth) => depth.saturating_add(1),
            },
            _ => 0,
        };
        let depth = items.values().map(depth).max().unwrap_or(0);
        if depth > MAX_NESTED { Err(Problem::TooDeep) } else { Ok(Self::Exports(items, depth)) }
    }
}

pub(super) type Exports = BTreeMap<Rc<str>, Item>;

/// A component that is defined and not yet instantiated.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its bytes in the file.
    pub(super) bytes: Range<usize>,
    /// What stands around it.
    pub(super) outer: Option<Rc<Outer>>,
}

/// What of a component those within it can name.
#[derive(Debug, Clone, Default)]
pub(super) struct Outer {
    pub(super) modules: Vec<Option<usize>>,
    pub(super) components: Vec<Option<Rc<Definition>>>,
    pub(super) types: Vec<Resource>,
    pub(super) outer: Option<Rc<Outer>>,
}

/// A function of core modules.
#[derive(Debug, Clone)]
pub(super) enum CoreFunc {
    /// A function of the host, the memory that it works on, and the function that gives room there for its
    /// results.
    Host { name: Rc<HostName>, memory: Option<CoreExport>, realloc: Option<CoreExport> },
    /// Drops a resource.
    Drop(Resource),
    /// Another function of the canonical ABI.
    Builtin(&'static str),
    /// An export of an instance of a module.
    Export(CoreExport),
    /// The same, through the canonical ABI: strings and lists are copied from one memory to another.
    Crossing,
}

impl CoreFunc {
    /// What a function of the component is when a core module calls it.
    pub(super) fn lowered(func: &Func, memory: Option<CoreExport>, realloc: Option<&Self>) -> Self {
        let realloc = realloc.and_then(|realloc| match realloc {
            Self::Export(export) => Some(export.clone()),
            _ => None,
        });
        match func {
            Func::Host(name) => Self::Host { name: Rc::clone(name), memory, realloc },
            Func::Lifted(Self::Export(_)) => Self::Crossing,
            Func::Lifted(func) => func.clone(),
        }
    }
}

/// An export of an instance of a module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CoreExport {
    /// Number of the instance.
    pub(super) instance: usize,
    pub(super) name: Rc<str>,
}

/// What an instance of a module exports or is given.
#[derive(Debug, Clone)]
pub(super) enum CoreItem {
    Func(CoreFunc),
    /// A table, memory, global or tag.
    Other(CoreExport),
}

/// An instance of a module, or what stands for one.
#[derive(Debug)]
pub(super) enum CoreInstance {
    Module {
        /// Number of the module; `None` if it is the host's.
        module: Option<usize>,
        /// What it is given: the numbers of instances.
        args: BTreeMap<Rc<str>, usize>,
    },
    Exports(BTreeMap<Rc<str>, CoreItem>),
}
