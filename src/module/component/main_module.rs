//! Which module of a component is the program, and what its imports are.
//!
//! Toolchains wrap a program in two modules that only jump: since the canonical ABI wants the program's
//! memory before there is one, its imports are trampolines through a table that a last module fills. Such a
//! jump is followed to what the table holds. A program that asks for preview1 gets an adapter, a module that
//! makes calls of WASI 0.2 of those of preview1; here preview1 itself answers in its place.
//!
//! Not here: other modules. What is theirs is said to be so.

use std::{collections::HashMap, ops::Range, rc::Rc};

use super::{
    Kind as Answerer, Linked, Main, Part, Program, Role,
    graph::Graph,
    item::{CoreExport, CoreFunc, CoreInstance, CoreItem, Exports, Func, Instance, Item},
    limits::{MAX_HOPS, MAX_STEPS},
    outline::{Kind, Outline},
    problem::Problem,
};

/// Names by which an adapter asks for the program.
const PROGRAM: &str = "__main_module__";
/// Names by which a program asks for preview1.
const PREVIEW1: &[&str] = &["wasi_snapshot_preview1", "wasi_unstable"];

/// The instances of modules with what is known of each module.
pub(super) struct Choice<'g, 'a> {
    graph: &'g Graph<'a>,
    outlines: Vec<Outline<'a>>,
    /// What tables hold that another module fills: the instance whose table it is, the table, the element.
    filled: HashMap<(usize, u32, u64), CoreItem>,
}

impl<'g, 'a> Choice<'g, 'a> {
    pub(super) fn new(file: &'a [u8], graph: &'g Graph<'a>) -> Result<Self, Problem> {
        let outlines = graph.modules.iter().map(|module| Outline::of(file, module.clone())).collect();
        let mut choice = Self { graph, outlines, filled: HashMap::new() };
        let mut elements = 0;
        for instance in 0..graph.core.len() {
            let segments = choice.outline(instance).map_or(&[][..], |outline| &outline.elements);
            elements += segments.iter().map(|(.., functions)| functions.len() as u64).sum::<u64>();
            if elements > MAX_STEPS {
                return Err(Problem::TooMany);
            }
            choice.fill(instance);
        }
        Ok(choice)
    }

    fn outline(&self, instance: usize) -> Option<&Outline<'a>> {
        match self.graph.core.get(instance)? {
            CoreInstance::Module { module, .. } => self.outlines.get((*module)?),
            CoreInstance::Exports(_) => None,
        }
    }

    /// What an instance of a module is given for one of its imports.
    fn given(&self, instance: usize, module: &str, name: &str) -> Option<CoreItem> {
        let CoreInstance::Module { args, .. } = self.graph.core.get(instance)? else { return None };
        Some(self.graph.export(*args.get(module)?, name))
    }

    /// Notes what an instance puts into tables of others.
    fn fill(&mut self, instance: usize) {
        let Some(outline) = self.outline(instance) else { return };
        let mut filled = Vec::new();
        let tables: Vec<_> = outline.imported(Kind::Table).collect();
        let functions: Vec<_> = outline.imported(Kind::Func).collect();
        for (table, first, elements) in &outline.elements {
            let Some(&position) = tables.get(*table as usize) else { continue };
            let (module, name, _) = outline.imports[position];
            let Some(CoreItem::Other(CoreExport { instance: owner, name })) =
                self.given(instance, module, name)
            else {
                continue;
            };
            let Some(table) = self.outline(owner).and_then(|owner| owner.table(&name)) else { continue };
            for (element, func) in (*first..).zip(elements) {
                let import = functions.get(*func as usize).map(|&position| outline.imports[position]);
                let item = import.and_then(|(module, name, _)| self.given(instance, module, name));
                filled.extend(item.map(|item| ((owner, table, element), item)));
            }
        }
        self.filled.extend(filled);
    }

    /// What a core function is, behind jumps.
    fn follow(&self, item: CoreItem) -> Result<CoreFunc, Problem> {
        let mut func = match item {
            CoreItem::Func(func) => func,
            CoreItem::Other(export) => CoreFunc::Export(export),
        };
        for _ in 0..MAX_HOPS {
            let CoreFunc::Export(export) = &func else { return Ok(func) };
            let jump = self.outline(export.instance).and_then(|outline| outline.trampoline(&export.name));
            let Some((table, element)) = jump else { return Ok(func) };
            func = match self.filled.get(&(export.instance, table, element)) {
                Some(CoreItem::Func(next)) => next.clone(),
                Some(CoreItem::Other(next)) => CoreFunc::Export(next.clone()),
                None => return Ok(func),
            };
        }
        Err(Problem::TooFar)
    }

    /// The program, and what it imports.
    pub(super) fn main(&self, exports: &Exports) -> Result<Main, Problem> {
        let mut lifted = Vec::new();
        lifted_of(exports, "", &mut lifted);
        let program = lifted.iter().find(|(name, _)| is_run(name)).map(|(_, export)| export);
        let first = program.or_else(|| self.heaviest(lifted.iter().map(|(_, export)| export)));
        let instance = match first {
            Some(export) => self.behind_adapters(export.instance),
            None => self.largest().ok_or(Problem::NoModule)?,
        };
        let CoreInstance::Module { module: Some(number), .. } = self.graph.core[instance] else {
            return Err(Problem::NoModule);
        };
        let outline = &self.outlines[number];
        let mut realloc = None;
        let mut imports = Vec::new();
        for (module, name, kind) in &outline.imports {
            let item = self.given(instance, module, name);
            let linked = match (item, kind) {
                (Some(item), Kind::Func) => self.linked(instance, (module, name), item, &mut realloc)?,
                _ => Linked { module: (*module).into(), name: (*name).into(), kind: Answerer::Inner },
            };
            imports.push(linked);
        }
        let own = lifted.iter().filter(|(_, export)| export.instance == instance);
        let program = program.filter(|export| export.instance == instance);
        Ok(Main {
            bytes: self.graph.modules[number].clone(),
            program: program.map(|export| Program { export: (*export.name).into() }),
            realloc: realloc.map(|name: Rc<str>| (*name).into()),
            exports: own.map(|(name, export)| ((*export.name).into(), (**name).into())).collect(),
            imports,
        })
    }

    fn linked(
        &self,
        instance: usize,
        (module, name): (&str, &str),
        item: CoreItem,
        realloc: &mut Option<Rc<str>>,
    ) -> Result<Linked, Problem> {
        let as_named = |kind| Linked { module: module.into(), name: name.into(), kind };
        Ok(match self.follow(item)? {
            CoreFunc::Host { name, realloc: by } => {
                let by = by.filter(|by| by.instance == instance);
                *realloc = realloc.take().or(by.map(|by| by.name));
                Linked { module: (*name.interface).into(), name: (*name.name).into(), kind: Answerer::Host }
            }
            CoreFunc::Drop(Some(resource)) => Linked {
                module: (*resource.interface).into(),
                name: format!("[resource-drop]{}", resource.name).into(),
                kind: Answerer::Host,
            },
            CoreFunc::Drop(None) => {
                Linked { module: "canon".into(), name: "[resource-drop]".into(), kind: Answerer::Canonical }
            }
            CoreFunc::Builtin(name) => {
                Linked { module: "canon".into(), name: name.into(), kind: Answerer::Canonical }
            }
            CoreFunc::Export(export) if export.instance == instance => as_named(Answerer::Inner),
            CoreFunc::Export(_) if PREVIEW1.contains(&module) => as_named(Answerer::Adapter),
            CoreFunc::Export(_) | CoreFunc::Crossing => as_named(Answerer::Inner),
        })
    }

    /// From an adapter to the module that it adapts.
    fn behind_adapters(&self, mut instance: usize) -> usize {
        for _ in 0..MAX_HOPS {
            let CoreInstance::Module { args, .. } = &self.graph.core[instance] else { break };
            let Some(next) = args.get(PROGRAM).and_then(|&arg| self.origin(arg)) else { break };
            instance = next;
        }
        instance
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

    /// Of exports, the first of the instance with most code.
    fn heaviest<'e>(&self, exports: impl Iterator<Item = &'e CoreExport>) -> Option<&'e CoreExport> {
        let len = |export: &&CoreExport| self.outline(export.instance).map_or(0, |outline| outline.code_len);
        exports.filter(|export| self.outline(export.instance).is_some()).max_by_key(len)
    }

    /// The instance with most code.
    fn largest(&self) -> Option<usize> {
        let instances = (0..self.graph.core.len()).filter(|&instance| self.outline(instance).is_some());
        instances.max_by_key(|&instance| self.outline(instance).map_or(0, |outline| outline.code_len))
    }

    /// All modules, beside that of `main`.
    pub(super) fn parts(&self, main: &Main) -> Vec<Part> {
        let mut is_used = vec![false; self.outlines.len()];
        for made in &self.graph.core {
            if let CoreInstance::Module { module: Some(number), .. } = made {
                is_used[*number] = true;
            }
        }
        let parts = self.graph.modules.iter().zip(&self.outlines).zip(is_used);
        let part = |((bytes, outline), is_used): ((&Range<usize>, &Outline<'_>), bool)| {
            let role = match is_used {
                _ if *bytes == main.bytes => Role::Program,
                false => Role::Unused,
                true if outline.only_jumps() => Role::Link,
                true => Role::Unrun,
            };
            Part { bytes: bytes.clone(), role }
        };
        parts.map(part).collect()
    }
}

/// Functions of modules that a component exports, each with its name in the component.
fn lifted_of(exports: &Exports, interface: &str, lifted: &mut Vec<(Rc<str>, CoreExport)>) {
    for (name, item) in exports {
        let name: Rc<str> = match interface {
            "" => Rc::clone(name),
            interface => format!("{interface}#{name}").into(),
        };
        match item {
            Item::Func(Func::Lifted(CoreFunc::Export(export))) => lifted.push((name, export.clone())),
            // Interfaces lie in no others.
            Item::Instance(instance) if interface.is_empty() => {
                if let Instance::Exports(items, _) = &**instance {
                    lifted_of(items, &name, lifted);
                }
            }
            _ => {}
        }
    }
}

/// Whether an export is what `wasi:cli` runs.
fn is_run(name: &str) -> bool {
    name.starts_with("wasi:cli/run@") && name.ends_with("#run")
}
