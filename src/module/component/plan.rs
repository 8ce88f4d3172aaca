//! Which instances of a component run as one module, and what each is given.
//!
//! The program is one. An instance whose function does part of the work of one that is in it is another. So
//! is one whose memory, table, global or tag such an instance uses. They use what they import from one
//! another as their own, so all of that is exact. Then come those that nobody imports: they use what these
//! have, and do something when they are instantiated, or are called through what the component exports. A
//! program that imports nothing of the kind runs alone, as its file has it.
//!
//! An adapter of preview1 is left out where it answers preview1, since the sandbox does.
//!
//! Not here: how they become one module (`merge`).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    rc::Rc,
};

use super::{
    Linked, Program,
    item::{CoreExport, CoreFunc, CoreInstance, CoreItem},
    limits::MAX_LINKED,
    main_module::{Choice, Found, PREVIEW1, PROGRAM, linked, memory_of, realloc_of},
    outline::{Import, Kind},
    problem::Problem,
};

/// What an import is of an instance that runs with others.
#[derive(Debug)]
pub(super) enum Source {
    /// The host's, or of the canonical ABI, and the memory that it works on, as an export of an instance.
    Host(Linked, Option<(usize, Rc<str>)>),
    /// What an instance before it exports, by its number among those that run.
    Of(usize, Rc<str>),
}

/// An instance of those that run as one.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) instance: usize,
    /// Where its module lies in the file, and its number.
    pub(super) bytes: Range<usize>,
    pub(super) module: usize,
    /// One for each of its imports.
    pub(super) sources: Vec<Source>,
}

/// An export of the module that they become.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) unit: usize,
    /// Its name there.
    pub(super) own: Rc<str>,
    pub(super) name: Box<str>,
}

/// What runs as one module.
#[derive(Debug)]
pub(super) struct Plan {
    /// In the order in which they are made.
    pub(super) units: Vec<Unit>,
    /// Which of them is the program.
    pub(super) main: usize,
    /// Modules of instances of which nothing is answered by the sandbox.
    pub(super) whole: Vec<usize>,
    pub(super) exports: Vec<Export>,
    /// As in [`super::Main`].
    pub(super) program: Option<Program>,
    pub(super) realloc: Option<Box<str>>,
    pub(super) lifted: Vec<(Box<str>, Box<str>)>,
}

/// What an import is, before it is known who runs.
enum Given {
    /// With the memory that it works on, and what gives room there for its results.
    Host(Linked, [Option<CoreExport>; 2]),
    /// Preview1, the adapter's function that it is, and the memory of the adapter.
    Adapter(Linked, CoreExport, Option<CoreExport>),
    Export(CoreExport),
}

/// Instances that run, with what each is given.
type Running = BTreeMap<usize, Vec<Given>>;

/// Instances that answer preview1, each with the memory that it imports first.
type Adapters = BTreeMap<usize, Option<CoreExport>>;

impl Choice<'_, '_> {
    /// What runs with the program; `None` if it runs alone.
    pub(super) fn plan(&self, found: &Found) -> Result<Option<Plan>, Problem> {
        let (mut running, mut adapters) = (Running::new(), Adapters::new());
        adapters.extend(found.adapters.iter().map(|&adapter| (adapter, self.memory_of(adapter))));
        self.run(found.instance, &mut running, &mut adapters)?;
        if running.len() == 1 {
            return Ok(None);
        }
        self.run_users(found, &mut running, &mut adapters)?;
        Ok(Some(self.planned(found, running)?))
    }

    /// Adds an instance, and those that it imports from.
    fn run(&self, instance: usize, running: &mut Running, adapters: &mut Adapters) -> Result<(), Problem> {
        let mut due = vec![instance];
        while let Some(instance) = due.pop() {
            if running.contains_key(&instance) {
                continue;
            }
            if running.len() >= MAX_LINKED {
                return Err(Problem::TooManyLinked);
            }
            let outline = self.outline(instance).ok_or(Problem::Dangling("a module"))?;
            let mut sources = Vec::new();
            for import in &outline.imports {
                let source = self.source(instance, import, adapters)?;
                match &source {
                    Given::Export(export) => due.push(export.instance),
                    // What the host's function is called may be long, and be what each of many imports is.
                    Given::Host(linked, _) | Given::Adapter(linked, ..) => {
                        self.spend(linked.module.len() + linked.name.len())?;
                    }
                }
                sources.push(source);
            }
            running.insert(instance, sources);
        }
        Ok(())
    }

    /// What an instance gets for an import.
    fn source(
        &self,
        instance: usize,
        import: &Import<'_>,
        adapters: &mut Adapters,
    ) -> Result<Given, Problem> {
        let missing = || Problem::Dangling("what a module imports");
        self.spend(import.module.len() + import.name.len())?;
        let item = self.given(instance, import).ok_or_else(missing)?;
        let export = match &item {
            CoreItem::Func(CoreFunc::Export(export)) | CoreItem::Other(export) => Some(export.clone()),
            CoreItem::Func(_) => None,
        };
        let export = export.filter(|export| self.outline(export.instance).is_some());
        if import.kind != Kind::Func {
            return export.map(Given::Export).ok_or_else(missing);
        }
        let end = self.follow(item)?;
        Ok(match (&end, export) {
            (CoreFunc::Export(by), _) if PREVIEW1.contains(&import.module) => {
                let memory = adapters.entry(by.instance).or_insert_with(|| self.memory_of(by.instance));
                Given::Adapter(linked(instance, import, &end), by.clone(), memory.clone())
            }
            (CoreFunc::Export(_), Some(export)) => Given::Export(export),
            (end, _) => {
                let of_host = [memory_of(end).cloned(), realloc_of(end).cloned()];
                Given::Host(linked(instance, import, end), of_host)
            }
        })
    }

    /// The memory that an instance imports first.
    fn memory_of(&self, instance: usize) -> Option<CoreExport> {
        let import = self.outline(instance)?.imports.iter().find(|import| import.kind == Kind::Memory)?;
        match self.given(instance, import)? {
            CoreItem::Other(export) => Some(export),
            CoreItem::Func(_) => None,
        }
    }

    /// Adds those that use what runs, if something of them runs.
    fn run_users(
        &self,
        found: &Found,
        running: &mut Running,
        adapters: &mut Adapters,
    ) -> Result<(), Problem> {
        let mut users: HashMap<usize, Vec<usize>> = HashMap::new();
        let exported: BTreeSet<usize> = found.lifted.iter().map(|(_, export)| export.instance).collect();
        for (instance, made) in self.graph.core.iter().enumerate() {
            let CoreInstance::Module { args, .. } = made else { continue };
            if !exported.contains(&instance) && !self.outline(instance).is_some_and(|outline| outline.acts())
            {
                continue;
            }
            for &arg in args.values() {
                self.spend(0)?;
                self.origins(arg, |of| users.entry(of).or_default().push(instance))?;
            }
        }
        let (mut due, mut looked_at) = (Vec::from_iter(running.keys().copied()), BTreeSet::new());
        while let Some(instance) = due.pop() {
            if !looked_at.insert(instance) {
                continue;
            }
            for &user in users.get(&instance).into_iter().flatten() {
                if !adapters.contains_key(&user) && !running.contains_key(&user) {
                    self.run(user, running, adapters)?;
                    due.extend(running.keys().filter(|instance| !looked_at.contains(instance)));
                }
            }
        }
        Ok(())
    }

    /// The instances of modules whose exports an instance gives.
    fn origins(&self, instance: usize, mut each: impl FnMut(usize)) -> Result<(), Problem> {
        match self.graph.core.get(instance) {
            Some(CoreInstance::Module { .. }) => each(instance),
            Some(CoreInstance::Exports(items)) => {
                for item in items.values() {
                    self.spend(0)?;
                    if let CoreItem::Other(export) | CoreItem::Func(CoreFunc::Export(export)) = item {
                        each(export.instance);
                    }
                }
            }
            None => {}
        }
        Ok(())
    }

    /// The plan for these instances.
    fn planned(&self, found: &Found, running: Running) -> Result<Plan, Problem> {
        let numbers: HashMap<usize, usize> = running.keys().copied().zip(0..).collect();
        let number = |instance: usize| {
            numbers.get(&instance).copied().ok_or(Problem::Dangling("an instance of a module"))
        };
        let mut exports = Exports::default();
        for (_, export) in found.lifted.iter().filter(|(_, export)| numbers.contains_key(&export.instance)) {
            self.lift(&mut exports, number(export.instance)?, export);
        }
        for &adapter in &found.adapters {
            self.adapted(&mut exports, adapter, &numbers);
        }
        let named = |export: &CoreExport| {
            numbers.get(&export.instance).and_then(|&unit| exports.name(unit, &export.name))
        };
        let lifted = found.lifted.iter();
        let lifted = lifted.filter_map(|(name, export)| Some((named(export)?.into(), (**name).into())));
        let lifted = lifted.collect();
        let program = found.program.as_ref().and_then(named);
        let program = program.map(|export| Program { export: export.into() });
        let of_program = running.get(&found.instance).into_iter().flatten();
        let reallocs = of_program.chain(running.values().flatten()).filter_map(|given| match given {
            Given::Host(_, [_, by]) => by.as_ref().filter(|by| numbers.contains_key(&by.instance)),
            Given::Adapter(..) | Given::Export(_) => None,
        });
        let mut of_all = None;
        for by in reallocs {
            let name = exports.add(number(by.instance)?, &by.name);
            of_all.get_or_insert_with(|| name.into());
        }
        let realloc: Option<Box<str>> = of_all;
        let of = |export: Option<CoreExport>| {
            export.and_then(|export| Some((*numbers.get(&export.instance)?, export.name)))
        };
        let main = number(found.instance)?;
        let (mut units, mut answered) = (Vec::new(), BTreeSet::new());
        for (instance, given) in running {
            let Some(CoreInstance::Module { module: Some(module), .. }) = self.graph.core.get(instance)
            else {
                return Err(Problem::Dangling("a module"));
            };
            let mut sources = Vec::new();
            for given in given {
                sources.push(match given {
                    Given::Host(mut linked, [memory, by]) => {
                        let by = by.and_then(|by| exports.name(*numbers.get(&by.instance)?, &by.name));
                        linked.realloc = by.map(Box::from).filter(|by| Some(by) != realloc.as_ref());
                        Source::Host(linked, of(memory))
                    }
                    Given::Adapter(linked, by, memory) => match numbers.get(&by.instance) {
                        // It runs, since more is asked of it than preview1.
                        Some(&unit) if by.instance < instance => Source::Of(unit, by.name),
                        _ => {
                            answered.insert(by.instance);
                            Source::Host(linked, of(memory))
                        }
                    },
                    Given::Export(export) => Source::Of(number(export.instance)?, export.name),
                });
            }
            units.push(Unit {
                instance,
                bytes: self.graph.modules[*module].clone(),
                module: *module,
                sources,
            });
        }
        let whole = units.iter().filter(|unit| !answered.contains(&unit.instance));
        let whole = whole.map(|unit| unit.module).collect();
        Ok(Plan { units, main, whole, exports: exports.all, program, realloc, lifted })
    }

    /// Exports what the component does, and what gives its results back.
    fn lift(&self, exports: &mut Exports, unit: usize, export: &CoreExport) {
        let name = exports.add(unit, &export.name).to_owned();
        let post = format!("cabi_post_{}", export.name);
        if self.outline(export.instance).is_some_and(|outline| outline.has_export(&post)) {
            exports.add_as(unit, &post.into(), format!("cabi_post_{name}"));
        }
    }

    /// Exports what an adapter calls.
    fn adapted(&self, exports: &mut Exports, adapter: usize, numbers: &HashMap<usize, usize>) {
        let imports = self.outline(adapter).into_iter().flat_map(|outline| &outline.imports);
        for import in imports.filter(|import| import.module == PROGRAM) {
            if let Some(CoreItem::Other(export) | CoreItem::Func(CoreFunc::Export(export))) =
                self.given(adapter, import)
                && let Some(&unit) = numbers.get(&export.instance)
            {
                exports.add(unit, &export.name);
            }
        }
    }
}

/// Exports under names of which none is there twice.
#[derive(Default)]
struct Exports {
    all: Vec<Export>,
    numbers: HashMap<(usize, Rc<str>), usize>,
    names: BTreeSet<Box<str>>,
}

impl Exports {
    fn name(&self, unit: usize, own: &Rc<str>) -> Option<&str> {
        let number = *self.numbers.get(&(unit, Rc::clone(own)))?;
        self.all.get(number).map(|export| &*export.name)
    }

    /// The name under which it is exported; its own if no other has that.
    fn add(&mut self, unit: usize, own: &Rc<str>) -> &str {
        self.add_as(unit, own, own.to_string())
    }

    fn add_as(&mut self, unit: usize, own: &Rc<str>, mut name: String) -> &str {
        let number = *self.numbers.entry((unit, Rc::clone(own))).or_insert_with(|| {
            while !self.names.insert(name.as_str().into()) {
                name += &format!("#{unit}");
            }
            self.all.push(Export { unit, own: Rc::clone(own), name: name.into() });
            self.all.len() - 1
        });
        &self.all[number].name
    }
}
