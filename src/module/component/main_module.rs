//! Which module of a component is the program, and what its imports are.
//!
//! Toolchains wrap a program in two modules that only jump. The canonical ABI wants the program's memory
//! before there is one. So the program's imports are trampolines through a table that a last module fills.
//! Such a jump is followed to what the table holds. A program that asks for preview1 gets an adapter: a
//! module that makes calls of WASI 0.2 of those of preview1. Here preview1 itself answers in its place.
//!
//! Not here: which other modules do part of its work (`plan`). What is theirs is said to be so.

use std::{cell::Cell, collections::HashMap, ops::Range, rc::Rc};

use super::{
    Answerer, Linked, Main, Part, Program, Role,
    graph::Graph,
    item::{CoreExport, CoreFunc, CoreInstance, CoreItem, Exports, Func, Instance, Item},
    limits::{BYTES_OF_NAME, MAX_HOPS, MAX_NAME_BYTES},
    outline::{Import, Kind, Outline},
    problem::Problem,
};

/// The name by which an adapter asks for the program.
pub(super) const PROGRAM: &str = "__main_module__";
/// Names by which a program asks for preview1.
pub(super) const PREVIEW1: &[&str] = &["wasi_snapshot_preview1", "wasi_unstable"];

/// The program of a component, as an instance.
pub(super) struct Found {
    pub(super) instance: usize,
    /// Instances that only make its calls others, through which it was found.
    pub(super) adapters: Vec<usize>,
    /// Functions of modules that the component exports, each with its name there.
    pub(super) lifted: Vec<(Rc<str>, CoreExport)>,
    /// The one that is run, of an adapter or of the program.
    pub(super) program: Option<CoreExport>,
}

/// The instances of modules with what is known of each module.
pub(super) struct Choice<'g, 'a> {
    pub(super) graph: &'g Graph<'a>,
    pub(super) outlines: Vec<Outline<'a>>,
    /// Who filled an element of a table last. The key is the instance with the table, the table and the
    /// element. The value is the instance that filled it, with the position of the import that it put there,
    /// or `None` if that is no import.
    filled: HashMap<(usize, u32, u64), Option<(usize, usize)>>,
    /// What is left of [`MAX_NAME_BYTES`].
    room: Cell<usize>,
}

impl<'g, 'a> Choice<'g, 'a> {
    pub(super) fn new(file: &'a [u8], graph: &'g Graph<'a>) -> Result<Self, Problem> {
        let outlines = graph.modules.iter().map(|module| Outline::of(file, module.clone())).collect();
        let room = Cell::new(MAX_NAME_BYTES);
        let mut choice = Self { graph, outlines, filled: HashMap::new(), room };
        for instance in 0..graph.core.len() {
            choice.fill(instance)?;
        }
        Ok(choice)
    }

    /// Takes a name of so many bytes from the budget.
    pub(super) fn spend(&self, len: usize) -> Result<(), Problem> {
        let left = self.room.get().checked_sub(len.saturating_add(BYTES_OF_NAME));
        self.room.set(left.ok_or(Problem::TooManyNames)?);
        Ok(())
    }

    pub(super) fn outline(&self, instance: usize) -> Option<&Outline<'a>> {
        match self.graph.core.get(instance)? {
            CoreInstance::Module { module, .. } => self.outlines.get((*module)?),
            CoreInstance::Exports(_) => None,
        }
    }

    /// What an instance of a module is given for one of its imports.
    pub(super) fn given(&self, instance: usize, import: &Import<'_>) -> Option<CoreItem> {
        let CoreInstance::Module { args, .. } = self.graph.core.get(instance)? else { return None };
        Some(self.graph.export(*args.get(import.module)?, &import.name))
    }

    /// Notes what an instance puts into tables of others.
    fn fill(&mut self, instance: usize) -> Result<(), Problem> {
        let Some(outline) = self.outline(instance) else { return Ok(()) };
        let mut filled = Vec::new();
        for fill in &outline.fills {
            let table = &outline.imports[fill.table];
            self.spend(table.module.len() + table.name.len())?;
            let Some(CoreItem::Other(CoreExport { instance: owner, name })) = self.given(instance, table)
            else {
                continue;
            };
            let Some(table) = self.outline(owner).and_then(|owner| owner.table(&name)) else { continue };
            for (element, func) in (fill.first..).zip(&fill.functions) {
                self.spend(0)?;
                let import = outline.functions.get(*func as usize).map(|&import| (instance, import));
                filled.push(((owner, table, element), import));
            }
        }
        self.filled.extend(filled);
        Ok(())
    }

    /// What a core function is, behind jumps.
    pub(super) fn follow(&self, item: CoreItem) -> Result<CoreFunc, Problem> {
        let mut func = match item {
            CoreItem::Func(func) => func,
            CoreItem::Other(export) => CoreFunc::Export(export),
        };
        for _ in 0..MAX_HOPS {
            let CoreFunc::Export(export) = &func else { return Ok(func) };
            self.spend(export.name.len())?;
            func = match self.behind_jump(export) {
                Some(CoreItem::Func(next)) => next,
                Some(CoreItem::Other(next)) => CoreFunc::Export(next),
                None => return Ok(func),
            };
        }
        Err(Problem::TooFar)
    }

    /// The entry of the table through which an exported function jumps, if it is one that does.
    fn behind_jump(&self, export: &CoreExport) -> Option<CoreItem> {
        let (table, element) = self.outline(export.instance)?.trampoline(&export.name)?;
        let (by, import) = (*self.filled.get(&(export.instance, table, element))?)?;
        self.given(by, self.outline(by)?.imports.get(import)?)
    }

    /// The instance that is the program, and what the component exports.
    pub(super) fn find(&self, exports: &Exports) -> Result<Found, Problem> {
        let mut lifted = Vec::new();
        self.lifted_of(exports, "", &mut lifted)?;
        let named = |is: fn(&str) -> bool| lifted.iter().find(|(name, _)| is(name));
        let program = named(is_run).or_else(|| named(serves)).map(|(_, export)| export.clone());
        let of_exports = || self.heaviest(lifted.iter().map(|(_, export)| export.instance));
        let (instance, adapters) = match program.as_ref().map(|export| export.instance).or_else(of_exports) {
            Some(instance) => self.behind_adapters(instance),
            None => (self.heaviest(0..self.graph.core.len()).ok_or(Problem::NoModule)?, Vec::new()),
        };
        Ok(Found { instance, adapters, lifted, program })
    }

    /// The program by itself, and what it imports.
    pub(super) fn main(&self, found: &Found) -> Result<Main, Problem> {
        let instance = found.instance;
        let Some(CoreInstance::Module { module: Some(number), .. }) = self.graph.core.get(instance) else {
            return Err(Problem::NoModule);
        };
        let mut realloc = None;
        let mut imports = Vec::new();
        for import in &self.outlines[*number].imports {
            let linked = match (self.given(instance, import), import.kind) {
                (Some(item), Kind::Func) => {
                    let end = self.follow(item)?;
                    realloc =
                        realloc.or_else(|| realloc_of(&end).filter(|by| by.instance == instance).cloned());
                    linked(instance, import, &end)
                }
                _ => as_named(import, Answerer::Inner),
            };
            self.spend(linked.module.len() + linked.name.len())?;
            imports.push(linked);
        }
        let own = found.lifted.iter().filter(|(_, export)| export.instance == instance);
        let program = found.program.as_ref().filter(|export| export.instance == instance);
        Ok(Main {
            bytes: self.graph.modules[*number].clone(),
            program: program.map(|export| Program { export: (*export.name).into() }),
            realloc: realloc.map(|export| (*export.name).into()),
            exports: own.map(|(name, export)| ((*export.name).into(), (**name).into())).collect(),
            imports,
        })
    }

    /// From an adapter to the module that it adapts, and the adapters on the way.
    fn behind_adapters(&self, mut instance: usize) -> (usize, Vec<usize>) {
        let mut adapters = Vec::new();
        for _ in 0..MAX_HOPS {
            let Some(CoreInstance::Module { args, .. }) = self.graph.core.get(instance) else { break };
            let Some(next) = args.get(PROGRAM).and_then(|&arg| self.origin(arg)) else { break };
            adapters.push(instance);
            instance = next;
        }
        (instance, adapters)
    }

    /// The instance of a module behind one that only passes exports on.
    fn origin(&self, instance: usize) -> Option<usize> {
        match self.graph.core.get(instance)? {
            CoreInstance::Module { .. } => Some(instance),
            CoreInstance::Exports(items) => items.values().find_map(|item| match item {
                CoreItem::Other(export) | CoreItem::Func(CoreFunc::Export(export)) => {
                    Some(export.instance).filter(|&found| self.outline(found).is_some())
                }
                CoreItem::Func(_) => None,
            }),
        }
    }

    /// Of some instances of modules, the one with most code.
    fn heaviest(&self, instances: impl Iterator<Item = usize>) -> Option<usize> {
        let weighed = instances.filter_map(|instance| Some((self.outline(instance)?.code_len, instance)));
        weighed.max_by_key(|(len, _)| *len).map(|(_, instance)| instance)
    }

    /// Functions of modules that a component exports, each with its name in the component.
    fn lifted_of(
        &self,
        exports: &Exports,
        interface: &str,
        lifted: &mut Vec<(Rc<str>, CoreExport)>,
    ) -> Result<(), Problem> {
        for (name, item) in exports {
            // An instance may be exported under many names.
            self.spend(interface.len() + name.len())?;
            match item {
                Item::Func(Func::Lifted(CoreFunc::Export(export))) => {
                    let name: Rc<str> = match interface {
                        "" => Rc::clone(name),
                        interface => format!("{interface}#{name}").into(),
                    };
                    self.spend(export.name.len())?;
                    lifted.push((name, export.clone()));
                }
                // Interfaces lie in no others.
                Item::Instance(instance) if interface.is_empty() => {
                    if let Instance::Exports(items, _) = &**instance {
                        self.lifted_of(items, name, lifted)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// All modules; `program` is the program's, and `linked` are those that run with it. If some that should
    /// are left, none is a mere link.
    pub(super) fn parts(&self, program: &Range<usize>, linked: &[usize], is_left: bool) -> Vec<Part> {
        let mut is_used = vec![false; self.outlines.len()];
        for made in &self.graph.core {
            if let CoreInstance::Module { module: Some(number), .. } = made {
                is_used[*number] = true;
            }
        }
        let mut is_linked = vec![false; self.outlines.len()];
        for &number in linked {
            is_linked[number] = true;
        }
        let parts = self.graph.modules.iter().zip(&self.outlines).zip(is_used.into_iter().zip(is_linked));
        let part = |((bytes, outline), (is_used, is_linked)): ((&Range<usize>, &Outline<'_>), _)| {
            let role = match is_used {
                _ if bytes == program => Role::Program,
                _ if is_linked => Role::Linked,
                false => Role::Unused,
                true if outline.only_jumps() && !is_left => Role::Link,
                true => Role::Unrun,
            };
            Part { bytes: bytes.clone(), role }
        };
        parts.map(part).collect()
    }
}

/// What an import is that a function answers.
pub(super) fn linked(instance: usize, import: &Import<'_>, end: &CoreFunc) -> Linked {
    let canonical = |name: &str| Linked::new("canon", name, Answerer::Canonical);
    match end {
        CoreFunc::Host { name, .. } => of_host(&name.interface, &name.name),
        CoreFunc::Drop(Some(resource)) => {
            of_host(&resource.interface, &format!("[resource-drop]{}", resource.name))
        }
        CoreFunc::Drop(None) => canonical("[resource-drop]"),
        CoreFunc::Builtin(name) => canonical(name),
        CoreFunc::Export(export) if export.instance == instance => as_named(import, Answerer::Inner),
        CoreFunc::Export(_) if PREVIEW1.contains(&import.module) => as_named(import, Answerer::Adapter),
        CoreFunc::Export(_) | CoreFunc::Crossing => as_named(import, Answerer::Inner),
    }
}

/// The memory that a function of the host works on.
pub(super) fn memory_of(func: &CoreFunc) -> Option<&CoreExport> {
    match func {
        CoreFunc::Host { memory, .. } => memory.as_ref(),
        _ => None,
    }
}

/// The export by which a function of the host gets room for its results.
pub(super) fn realloc_of(func: &CoreFunc) -> Option<&CoreExport> {
    match func {
        CoreFunc::Host { realloc, .. } => realloc.as_ref(),
        _ => None,
    }
}

/// A function of the host.
fn of_host(interface: &str, name: &str) -> Linked {
    Linked::new(interface, name, Answerer::Host)
}

/// An import that keeps the name that the module has for it.
fn as_named(import: &Import<'_>, answerer: Answerer) -> Linked {
    Linked::new(import.module, &import.name, answerer)
}

/// Whether an export is what a host calls for a request over HTTP.
fn serves(name: &str) -> bool {
    name.starts_with("wasi:http/incoming-handler@") && name.ends_with("#handle")
}

/// Whether an export is what `wasi:cli` runs.
fn is_run(name: &str) -> bool {
    name.starts_with("wasi:cli/run@") && name.ends_with("#run")
}
